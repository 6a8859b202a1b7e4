"""A company may be suspended; a token ends, and says when and by which computer it is used."""

from alembic import op
from sqlalchemy import Column, String

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns; what is there is not suspended, and does not end."""
    op.add_column("company", Column("suspended_at", String(40)))
    op.add_column("token", Column("expires_at", String(40)))
    op.add_column("token", Column("last_used_at", String(40)))
    op.add_column("token", Column("computer", String(60)))
