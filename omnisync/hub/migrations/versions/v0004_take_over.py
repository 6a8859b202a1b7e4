"""Since when an establishment is read by whom, and who took it over from whom."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, PrimaryKeyConstraint, String

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Let a lease tell since when it is held, and make the table of what was taken over."""
    op.add_column("lease", Column("since", String(40), nullable=False, server_default=""))
    op.create_table(
        "take_over",
        Column("n", Integer, nullable=False),
        Column("company", String(40), nullable=False),
        Column("establishment", String(10), nullable=False),
        Column("at", String(40), nullable=False),
        Column("by_token", String(12), nullable=False),
        Column("by_name", String(60), nullable=False),
        Column("from_token", String(12), nullable=False),
        Column("from_name", String(60), nullable=False),
        PrimaryKeyConstraint("n", name="take_over_key"),
        ForeignKeyConstraint(["company"], ["company.id"], name="take_over_company"),
        Index("take_over_of", "company", "n"),
    )
