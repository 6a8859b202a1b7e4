"""The hub database's history, for Alembic."""
