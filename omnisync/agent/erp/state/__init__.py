"""The state of each record and stream, in the ERP's database or beside it."""
