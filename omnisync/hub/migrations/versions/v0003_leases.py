"""The table of leases: the reader of an establishment's orders."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, String

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of the leases."""
    op.create_table(
        "lease",
        Column("company", String(40), nullable=False),
        Column("establishment", String(10), nullable=False),
        Column("holder", String(12), nullable=False),
        Column("name", String(60), nullable=False),
        Column("until", String(40), nullable=False),
        PrimaryKeyConstraint("company", "establishment", name="lease_key"),
        ForeignKeyConstraint(["company"], ["company.id"], name="lease_company"),
    )
