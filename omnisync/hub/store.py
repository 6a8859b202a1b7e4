"""The hub's own database: SQLite or PostgreSQL by URL, its transactions, and who may use it.

The feed, the intake, the receipts and the exports do their own SQL on the connections given here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import make_url

from omnisync.contract.feed import Establishment
from omnisync.contract.streams import CUSTOMERS, orders_of
from omnisync.hub import restore_marks, tables
from omnisync.hub.database_trouble import UnfitEncodingError

VERSION = "0011"
"""The newest migration; a test holds it equal to Alembic's own head."""
SCOPES = ("orders:read", "receipts:write", "records:write", "exports:read", "exports:write")
"""Everything a token may be allowed."""
AGENT_SCOPES = ("orders:read", "receipts:write", "exports:write")
"""What a company's computer needs."""
APP_SCOPES = ("records:write", "exports:read")
"""What OmniForce's apps need; Dash only reads."""

_ID = re.compile(r"[!-~]{1,40}")
_CODE = re.compile(r"[!-~]{1,10}")
_PREFIX_BYTES = 6


class Token(Struct, frozen=True, kw_only=True):
    """A stored token: its digest, never the token itself."""

    prefix: str
    company: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None
    expires_at: str | None = None
    last_used_at: str | None = None
    computer: str | None = None


class Store:
    """One hub database. Cheap to make; safe to use from many threads."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url, 8)
        # Of its own, so that a monitor never waits behind those that work.
        self._health = _engine(url, 1)

    def migrate(self) -> None:
        """Bring the database to this version. Two processes at once are harmless.

        Raises UnfitEncodingError for a database that would not hold the letters of every record.
        """
        self._check_encoding()
        if self._version() != VERSION:
            # Alembic takes longer to import than everything else here, and most starts find nothing to do.
            from omnisync.hub.migrations.upgrade import upgrade

            with self.writing() as db:
                upgrade(db)

    @property
    def is_shared(self) -> bool:
        """Return whether several processes may serve this database."""
        return self.engine.dialect.name == "postgresql"

    def close(self) -> None:
        """Give back every pooled connection."""
        self.engine.dispose()
        self._health.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Provide a transaction that only reads, and sees one moment of the database."""
        with self.engine.connect() as db:
            if db.dialect.name == "postgresql":  # as SQLite does by itself
                db.execution_options(isolation_level="REPEATABLE READ")
            yield db

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Provide a transaction that writes; committed at the end, rolled back by any error."""
        with self.engine.connect() as db:
            db.execution_options(omnisync_writes=True)
            with db.begin():
                yield db

    def add_company(self, id: str, name: str) -> None:
        """Make the company known, or give it another name. Raises ValueError for an id that is not plain ASCII."""
        if not _ID.fullmatch(id):
            raise ValueError("company id: 1 to 40 visible ASCII characters")
        with self.writing() as db:
            renamed = db.execute(update(tables.company).where(tables.company.c.id == id).values(name=name))
            if not renamed.rowcount:
                db.execute(insert(tables.company).values(id=id, name=name, epoch=restore_marks.new_epoch(), sequence=0))
                _open_stream(db, id, CUSTOMERS.name)

    def add_establishment(self, company: str, code: str, name: str) -> None:
        """Make an establishment known, or rename it. Raises ValueError (code) or LookupError (company)."""
        if not _CODE.fullmatch(code):
            raise ValueError("establishment code: 1 to 10 visible ASCII characters")
        key = (tables.establishment.c.company == company) & (tables.establishment.c.code == code)
        with self._for_company(company) as db:
            renamed = db.execute(update(tables.establishment).where(key).values(name=name))
            if not renamed.rowcount:
                db.execute(insert(tables.establishment).values(company=company, code=code, name=name))
                _open_stream(db, company, orders_of(code).name)

    def create_token(
        self,
        company: str,
        name: str,
        scopes: Sequence[str],
        now: datetime,
        *,
        expires_at: datetime | None = None,
        computer: str | None = None,
    ) -> str:
        """Return a new token, told only here: the hub keeps its sha256 and a short prefix to find it by.

        `name` is the destination of its receipts, so a token that replaces another keeps the name.
        Raises ValueError for an unknown scope, LookupError for an unknown company.
        """
        if not scopes or set(scopes) - set(SCOPES):
            raise ValueError(f"scopes: one or more of {', '.join(SCOPES)}")
        if not 0 < len(name) <= 60:
            raise ValueError("token name: 1 to 60 characters")
        prefix = secrets.token_hex(_PREFIX_BYTES)
        text = f"omni_{prefix}_{secrets.token_urlsafe(32)}"
        row = {"prefix": prefix, "company": company, "name": name, "digest": digest(text)}
        with self._for_company(company) as db:
            row |= {"scopes": " ".join(scopes), "created_at": now.isoformat()}
            row |= {} if computer is None else {"computer": computer[:60]}
            row |= {} if expires_at is None else {"expires_at": expires_at.astimezone(UTC).isoformat()}
            db.execute(insert(tables.token).values(**row))
        return text

    def revoke_token(self, company: str, prefix: str, now: datetime) -> bool:
        """Close the door to a token at once; False when the company has no such token in use."""
        t = tables.token.c
        mine = (t.company == company) & (t.prefix == prefix) & (t.revoked_at.is_(None))
        with self.writing() as db:
            return bool(db.execute(update(tables.token).where(mine).values(revoked_at=now.isoformat())).rowcount)

    def tokens(self, company: str) -> list[Token]:
        """Return the company's tokens, also the revoked ones, oldest first."""
        t = tables.token
        with self.reading() as db:
            rows = db.execute(select(t).where(t.c.company == company).order_by(t.c.created_at, t.c.prefix))
            return [_token(row._mapping) for row in rows]

    def token(self, prefix: str) -> Token | None:
        """Return the token with this prefix, of whatever company."""
        with self.reading() as db:
            row = db.execute(select(tables.token).where(tables.token.c.prefix == prefix)).first()
        return _token(row._mapping) if row else None

    def is_suspended(self, company: str) -> bool:
        """Return whether the hub is closed to the company."""
        c = tables.company.c
        with self.reading() as db:
            return db.execute(select(c.suspended_at).where(c.id == company)).scalar() is not None

    def company_name(self, company: str) -> str:
        """Return what the company is called. Raises LookupError."""
        with self.reading() as db:
            return str(db.execute(select(tables.company.c.name).where(tables.company.c.id == company)).scalar_one())

    def establishments(self, company: str) -> list[Establishment]:
        """Return the company's known establishments, by code."""
        e = tables.establishment
        with self.reading() as db:
            rows = db.execute(select(e.c.code, e.c.name).where(e.c.company == company).order_by(e.c.code)).all()
        return [Establishment(code=code, name=name) for code, name in rows]

    def new_epoch(self, company: str) -> str:
        """Make every cursor handed out before void: agents read again from the beginning.

        It comes after a restore, which leaves PostgreSQL without statistics: they are made, too. Raises LookupError for
        an unknown company.
        """
        with self._for_company(company) as db:
            if self.is_shared:
                db.exec_driver_sql("ANALYZE")
            return restore_marks.begin_epoch(db, company)

    def is_up(self) -> bool:
        """Return whether the database answers. Raises what the driver raises when it does not."""
        with self._health.connect() as db:
            return bool(db.exec_driver_sql("SELECT 1").scalar())

    @contextmanager
    def _for_company(self, company: str) -> Iterator[Connection]:
        with self.writing() as db:
            mine = select(tables.company.c.id).where(tables.company.c.id == company)
            if db.execute(mine.with_for_update(key_share=True)).first() is None:
                raise LookupError(f"no company {company}")
            yield db

    def _check_encoding(self) -> None:
        if self.engine.dialect.name != "postgresql":
            return
        with self.reading() as db:
            if db.exec_driver_sql("SHOW server_encoding").scalar() != "UTF8":
                raise UnfitEncodingError

    def _version(self) -> str | None:
        if not inspect(self.engine).has_table("hub_version"):
            return None
        with self.reading() as db:
            return db.exec_driver_sql("SELECT version_num FROM hub_version").scalar()


def digest(token: str) -> str:
    """Return what is kept of a token. A plain sha256 is enough for 256 random bits; a password would want argon2."""
    return sha256(token.encode()).hexdigest()


def bulk(db: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run `sql` (with `?`) for all rows, through the driver's own executemany: a third of the time of Core's dicts."""
    if rows:
        db.exec_driver_sql(sql.replace("?", "%s") if db.dialect.name == "postgresql" else sql, list(rows))


def _token(row: Any) -> Token:
    return Token(**{**row, "scopes": tuple(row["scopes"].split())})


def _open_stream(db: Connection, company: str, name: str) -> None:
    """Orders may have come before their establishment was known: then the stream is there already."""
    bulk(db, "INSERT INTO stream (company, name, head) VALUES (?, ?, 0) ON CONFLICT DO NOTHING", [(company, name)])


def _engine(url: str, pool_size: int) -> Engine:
    # hide_parameters: an error's text never carries documents or names into a log.
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=5 * pool_size,
            connect_args={"timeout": 30},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    limits = "-c statement_timeout=60000 -c lock_timeout=30000 -c idle_in_transaction_session_timeout=60000"
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=pool_size,
        max_overflow=3 * pool_size,
        # A database of other letters is then asked for them like any: without it, SQL_ASCII answers in bytes.
        connect_args={"options": limits, "client_encoding": "utf8"},
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late and is never IMMEDIATE
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(db: Connection) -> None:
    """A writer takes its lock at once: a deferred BEGIN that writes later fails in spite of the timeout."""
    db.exec_driver_sql("BEGIN IMMEDIATE" if db.get_execution_options().get("omnisync_writes") else "BEGIN")
