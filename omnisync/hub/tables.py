"""The hub's tables. `record` says where a record stands, `feed` holds the JSON that will be sent.

A feed row is one record's latest change in one stream, ready to travel: a page is these texts joined. An order that
moved leaves a small delete behind in its old stream. Everything is keyed by the company, which comes from the token.
Moments are RFC 3339 text, the same in every database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()

company = Table(
    "company",
    metadata,
    Column("id", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("epoch", String(20), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("id", name="company_key"),
)

establishment = Table(
    "establishment",
    metadata,
    Column("company", String(40), nullable=False),
    Column("code", String(10), nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("company", "code", name="establishment_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="establishment_company"),
)

token = Table(
    "token",
    metadata,
    Column("prefix", String(12), nullable=False),
    Column("company", String(40), nullable=False),
    Column("name", String(60), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("revoked_at", String(40)),
    PrimaryKeyConstraint("prefix", name="token_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="token_company"),
)

stream = Table(
    "stream",
    metadata,
    Column("company", String(40), nullable=False),
    Column("name", String(20), nullable=False),
    Column("head", BigInteger, nullable=False),
    PrimaryKeyConstraint("company", "name", name="stream_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="stream_company"),
)

record = Table(
    "record",
    metadata,
    Column("company", String(40), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("id", String(40), nullable=False),
    Column("version", BigInteger, nullable=False),
    # Empty for an order deleted before it was ever seen: nobody knows whose it was.
    Column("stream", String(20), nullable=False),
    Column("received_at", String(40), nullable=False),
    PrimaryKeyConstraint("company", "kind", "id", name="record_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="record_company"),
)

feed = Table(
    "feed",
    metadata,
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
    # The id before the stream: a look-up by id then has an index no planner mistakes for `feed_order`.
    PrimaryKeyConstraint("company", "id", "stream", name="feed_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="feed_company"),
    # Covers the planning of a page and the counts of what waits: the texts themselves are not touched for them.
    Index("feed_order", "company", "stream", "sequence", "size", "n_items", "n_payments"),
)

receipt = Table(
    "receipt",
    metadata,
    Column("company", String(40), nullable=False),
    Column("destination", String(60), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("id", String(40), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("company", "kind", "id", "destination", name="receipt_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="receipt_company"),
)
