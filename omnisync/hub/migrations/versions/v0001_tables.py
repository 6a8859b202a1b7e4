"""The first tables."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table of the hub."""
    op.create_table(
        "company",
        Column("id", String(40), nullable=False),
        Column("name", Text, nullable=False),
        Column("epoch", String(20), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        PrimaryKeyConstraint("id", name="company_key"),
    )
    _people()
    _records()


def _people() -> None:
    op.create_table(
        "establishment",
        Column("company", String(40), nullable=False),
        Column("code", String(10), nullable=False),
        Column("name", Text, nullable=False),
        PrimaryKeyConstraint("company", "code", name="establishment_key"),
        _company("establishment"),
    )
    op.create_table(
        "token",
        Column("prefix", String(12), nullable=False),
        Column("company", String(40), nullable=False),
        Column("name", String(60), nullable=False),
        Column("digest", String(64), nullable=False),
        Column("scopes", Text, nullable=False),
        Column("created_at", String(40), nullable=False),
        Column("revoked_at", String(40)),
        PrimaryKeyConstraint("prefix", name="token_key"),
        _company("token"),
    )


def _records() -> None:
    op.create_table(
        "stream",
        Column("company", String(40), nullable=False),
        Column("name", String(20), nullable=False),
        Column("head", BigInteger, nullable=False),
        PrimaryKeyConstraint("company", "name", name="stream_key"),
        _company("stream"),
    )
    op.create_table(
        "record",
        Column("company", String(40), nullable=False),
        Column("kind", String(10), nullable=False),
        Column("id", String(40), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("stream", String(20), nullable=False),
        Column("received_at", String(40), nullable=False),
        PrimaryKeyConstraint("company", "kind", "id", name="record_key"),
        _company("record"),
    )
    _feed()
    op.create_table(
        "receipt",
        Column("company", String(40), nullable=False),
        Column("destination", String(60), nullable=False),
        Column("kind", String(10), nullable=False),
        Column("id", String(40), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("body", LargeBinary, nullable=False),
        PrimaryKeyConstraint("company", "kind", "id", "destination", name="receipt_key"),
        _company("receipt"),
    )


def _feed() -> None:
    op.create_table(
        "feed",
        Column("company", String(40), nullable=False),
        Column("stream", String(20), nullable=False),
        Column("id", String(40), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("kind", String(10), nullable=False),
        Column("op", String(6), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("n_items", Integer, nullable=False),
        Column("n_payments", Integer, nullable=False),
        Column("size", Integer, nullable=False),
        Column("customer_id", String(40)),
        Column("change", LargeBinary, nullable=False),
        PrimaryKeyConstraint("company", "id", "stream", name="feed_key"),
        _company("feed"),
    )
    op.create_index("feed_order", "feed", ["company", "stream", "sequence", "size", "n_items", "n_payments"])


def _company(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["company"], ["company.id"], name=f"{table}_company")
