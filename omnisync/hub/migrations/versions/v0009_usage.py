"""The use that each company and token made of its limits in the present minute."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, PrimaryKeyConstraint, String

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "usage",
        Column("company", String(40), nullable=False),
        Column("token", String(12), nullable=False),
        Column("kind", String(10), nullable=False),
        Column("minute", BigInteger, nullable=False),
        Column("n", BigInteger, nullable=False),
        PrimaryKeyConstraint("company", "token", "kind", name="usage_key"),
        ForeignKeyConstraint(["company"], ["company.id"], name="usage_company"),
    )
