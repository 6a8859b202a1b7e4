"""Up to where deletes of exported rows were dropped: a cursor from before it begins again."""

from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Let a set know its horizon."""
    for name in ("horizon", "horizon_proof"):
        op.add_column("export_set", Column(name, BigInteger, nullable=False, server_default="0"))
