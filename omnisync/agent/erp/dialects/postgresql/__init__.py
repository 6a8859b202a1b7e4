"""PostgreSQL as an ERP's database."""
