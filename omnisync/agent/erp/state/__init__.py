"""What is remembered of each record and stream, in the ERP's database or beside it."""
