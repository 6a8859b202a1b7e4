"""MariaDB and MySQL as an ERP's database."""
