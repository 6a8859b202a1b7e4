"""SQLite as an ERP's database."""
