"""Firebird as an ERP's database."""
