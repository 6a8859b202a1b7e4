"""The hub's tables. `record` says where a record stands, `feed` holds the JSON that will be sent.

A feed row is one record's latest change in one stream, ready to travel: a page is these texts joined. An order that
moved leaves a small delete behind in its old stream. What agents export stands in `export_row`, a line a key, also
ready to travel. Everything is keyed by the company, which comes from the token: rows by the number of their
`export_set`, which is one dataset of one company. Moments are RFC 3339 text, the same in every database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    UniqueConstraint,
    literal_column,
)

metadata = MetaData()

company = Table(
    "company",
    metadata,
    Column("id", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("epoch", String(20), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("suspended_at", String(40)),
    PrimaryKeyConstraint("id", name="company_key"),
)

# What a cursor proves: the transactions that changed what the company's readers read, each by a random mark.
mark = Table(
    "mark",
    metadata,
    Column("company", String(40), nullable=False),
    # The last one the transaction took of the company's.
    Column("sequence", BigInteger, nullable=False),
    Column("mark", String(16), nullable=False),
    PrimaryKeyConstraint("company", "sequence", name="mark_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="mark_company"),
)

# The epochs a company had, as cursors hold them: one that is not here was begun by a database that is no more.
past_epoch = Table(
    "past_epoch",
    metadata,
    Column("company", String(40), nullable=False),
    Column("short", String(12), nullable=False),
    PrimaryKeyConstraint("company", "short", name="past_epoch_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="past_epoch_company"),
)

# What the hub signs with. It goes with a copy of the database: so the copy knows the cursors that were given here.
secret = Table(
    "secret",
    metadata,
    Column("name", String(20), nullable=False),
    Column("value", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name", name="secret_key"),
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
    Column("expires_at", String(40)),
    # To the hour.
    Column("last_used_at", String(40)),
    Column("computer", String(60)),
    PrimaryKeyConstraint("prefix", name="token_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="token_company"),
)

stream = Table(
    "stream",
    metadata,
    Column("company", String(40), nullable=False),
    Column("name", String(20), nullable=False),
    Column("head", BigInteger, nullable=False),
    # Of the transaction that wrote the head. Empty: by a hub of before the marks.
    Column("mark", String(16), nullable=False, server_default=""),
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
    # Empty for an order deleted before it was ever seen: its customer is unknown.
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

lease = Table(
    "lease",
    metadata,
    Column("company", String(40), nullable=False),
    Column("establishment", String(10), nullable=False),
    # The token's prefix, and its name for who has to wait.
    Column("holder", String(12), nullable=False),
    Column("name", String(60), nullable=False),
    Column("until", String(40), nullable=False),
    # Empty: taken by a hub that did not remember it.
    Column("since", String(40), nullable=False, server_default=""),
    PrimaryKeyConstraint("company", "establishment", name="lease_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="lease_company"),
)

take_over = Table(
    "take_over",
    metadata,
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

# What was used of a company's limits in one minute; without a token, by all of them.
usage = Table(
    "usage",
    metadata,
    Column("company", String(40), nullable=False),
    Column("token", String(12), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("minute", BigInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("company", "token", "kind", name="usage_key"),
    ForeignKeyConstraint(["company"], ["company.id"], name="usage_company"),
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

export_set = Table(
    "export_set",
    metadata,
    Column("id", Integer, nullable=False),
    Column("company", String(40), nullable=False),
    Column("system", String(20), nullable=False),
    Column("dataset", String(40), nullable=False),
    # The last one given out, the last one that a row has, and how many rows are there and not deleted.
    Column("sequence", BigInteger, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("living", BigInteger, nullable=False),
    # Of the batch that wrote the head. Empty: taken by a hub of before the marks.
    Column("mark", String(16), nullable=False, server_default=""),
    # Deletes up to here were dropped, at this sequence of the company: a cursor given before that may miss one.
    Column("horizon", BigInteger, nullable=False, server_default="0"),
    Column("horizon_proof", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("id", name="export_set_key"),
    UniqueConstraint("company", "system", "dataset", name="export_set_name"),
    ForeignKeyConstraint(["company"], ["company.id"], name="export_set_company"),
)

# No foreign key to its set: it would cost a look-up a row, and rows are written only under their set's lock.
export_row = Table(
    "export_row",
    metadata,
    Column("set_id", Integer, nullable=False),
    Column("key", String(140), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    # The number of the last batch that named the key, and whose it was: what a snapshot did not name is missing.
    Column("seen", BigInteger, nullable=False),
    Column("source", String(60), nullable=False),
    # Empty once the row is deleted.
    Column("version", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("line", Text, nullable=False),
    # The key before its set, as in `feed`: a look-up by keys never takes the index of the order instead.
    PrimaryKeyConstraint("key", "set_id", name="export_row_key"),
    Index("export_row_order", "set_id", "sequence", "size"),
    sqlite_with_rowid=False,
)

# What one token's name sent last of a set. The batch is empty where it came before this table.
export_last_batch = Table(
    "export_last_batch",
    metadata,
    Column("set_id", Integer, nullable=False),
    Column("source", String(60), nullable=False),
    Column("batch", String(60), nullable=False),
    # The set's own when the batch was in: while it stands there, no other batch came after.
    Column("sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("set_id", "source", name="export_last_batch_key"),
    ForeignKeyConstraint(["set_id"], ["export_set.id"], name="export_last_batch_set"),
)

# What a snapshot has not named. PostgreSQL reads a million rows for it as fast, and an index on `seen` would make every
# batch that only names rows write them into all their indexes.
Index(
    "export_row_unseen",
    export_row.c.set_id,
    export_row.c.source,
    export_row.c.seen,
    sqlite_where=export_row.c.version != literal_column("''"),
).ddl_if(dialect="sqlite")

# How many living rows stand under each source's name: what a snapshot may delete is a share of them.
export_source = Table(
    "export_source",
    metadata,
    Column("set_id", Integer, nullable=False),
    Column("source", String(60), nullable=False),
    Column("living", BigInteger, nullable=False),
    PrimaryKeyConstraint("set_id", "source", name="export_source_key"),
    ForeignKeyConstraint(["set_id"], ["export_set.id"], name="export_source_set"),
)

export_batch = Table(
    "export_batch",
    metadata,
    Column("set_id", Integer, nullable=False),
    Column("id", String(60), nullable=False),
    Column("digest", String(60), nullable=False),
    Column("answer", Text, nullable=False),
    Column("received_at", String(40), nullable=False),
    # Counts the batches of the set: a clock that leaps does not make the last ones old.
    Column("number", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("set_id", "id", name="export_batch_key"),
    ForeignKeyConstraint(["set_id"], ["export_set.id"], name="export_batch_set"),
    Index("export_batch_order", "set_id", "number", "received_at"),
)

export_snapshot = Table(
    "export_snapshot",
    metadata,
    Column("set_id", Integer, nullable=False),
    Column("source", String(60), nullable=False),
    Column("id", String(60), nullable=False),
    # After which batch it began, and how many living rows its source had then.
    Column("began", BigInteger, nullable=False),
    Column("owned", BigInteger, nullable=False),
    # A line without a name came with it: what it did not name may be there all the same.
    Column("is_doubtful", Boolean, nullable=False),
    Column("is_over", Boolean, nullable=False),
    PrimaryKeyConstraint("set_id", "source", "id", name="export_snapshot_key"),
    ForeignKeyConstraint(["set_id"], ["export_set.id"], name="export_snapshot_set"),
)
