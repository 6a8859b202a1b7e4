"""The tables of cursors' proofs: marks of transactions, past epochs, and the secret that cursors are signed with."""

import secrets

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    text,
)

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables, and mark where every company stands now."""
    mark = op.create_table(
        "mark",
        Column("company", String(40), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("mark", String(16), nullable=False),
        PrimaryKeyConstraint("company", "sequence", name="mark_key"),
        ForeignKeyConstraint(["company"], ["company.id"], name="mark_company"),
    )
    op.create_table(
        "past_epoch",
        Column("company", String(40), nullable=False),
        Column("short", String(12), nullable=False),
        PrimaryKeyConstraint("company", "short", name="past_epoch_key"),
        ForeignKeyConstraint(["company"], ["company.id"], name="past_epoch_company"),
    )
    secret = op.create_table(
        "secret",
        Column("name", String(20), nullable=False),
        Column("value", LargeBinary, nullable=False),
        PrimaryKeyConstraint("name", name="secret_key"),
    )
    for table in ("stream", "export_set"):
        op.add_column(table, Column("mark", String(16), nullable=False, server_default=""))
    companies = op.get_bind().execute(text("SELECT id, sequence FROM company WHERE sequence > 0")).all()
    op.bulk_insert(secret, [{"name": "cursor", "value": secrets.token_bytes(32)}])
    op.bulk_insert(mark, [{"company": id_, "sequence": at, "mark": secrets.token_hex(8)} for id_, at in companies])
