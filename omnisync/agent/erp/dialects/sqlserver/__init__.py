"""SQL Server as an ERP's database."""
