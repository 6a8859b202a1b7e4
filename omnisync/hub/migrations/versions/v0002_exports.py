"""The tables of exports: datasets, their rows, the batches they came in, the snapshots."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of the way out."""
    op.create_table(
        "export_set",
        Column("id", Integer, nullable=False),
        Column("company", String(40), nullable=False),
        Column("system", String(20), nullable=False),
        Column("dataset", String(40), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("head", BigInteger, nullable=False),
        Column("living", BigInteger, nullable=False),
        PrimaryKeyConstraint("id", name="export_set_key"),
        UniqueConstraint("company", "system", "dataset", name="export_set_name"),
        ForeignKeyConstraint(["company"], ["company.id"], name="export_set_company"),
    )
    _rows()
    _batches()


def _rows() -> None:
    op.create_table(
        "export_row",
        Column("set_id", Integer, nullable=False),
        Column("key", String(140), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("seen", BigInteger, nullable=False),
        Column("source", String(60), nullable=False),
        Column("version", String(64), nullable=False),
        Column("size", Integer, nullable=False),
        Column("line", Text, nullable=False),
        PrimaryKeyConstraint("key", "set_id", name="export_row_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("export_row_order", "export_row", ["set_id", "sequence", "size"])


def _batches() -> None:
    op.create_table(
        "export_batch",
        Column("set_id", Integer, nullable=False),
        Column("id", String(60), nullable=False),
        Column("digest", String(60), nullable=False),
        Column("answer", Text, nullable=False),
        Column("received_at", String(40), nullable=False),
        PrimaryKeyConstraint("set_id", "id", name="export_batch_key"),
        ForeignKeyConstraint(["set_id"], ["export_set.id"], name="export_batch_set"),
    )
    op.create_table(
        "export_snapshot",
        Column("set_id", Integer, nullable=False),
        Column("source", String(60), nullable=False),
        Column("id", String(60), nullable=False),
        Column("began", BigInteger, nullable=False),
        Column("owned", BigInteger, nullable=False),
        Column("is_doubtful", Boolean, nullable=False),
        Column("is_over", Boolean, nullable=False),
        PrimaryKeyConstraint("set_id", "source", "id", name="export_snapshot_key"),
        ForeignKeyConstraint(["set_id"], ["export_set.id"], name="export_snapshot_set"),
    )
