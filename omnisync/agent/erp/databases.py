"""The supported databases by kind: label in pt-BR, and the module of the dialect. The only one that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import Erp, ErpOptions, ErpScope
from omnisync.agent.erp.database import Database, Dialect
from omnisync.agent.erp.dialects.sqlite.dialect import OWN_FILE
from omnisync.agent.erp.driver import DatabaseLogin, Timeouts
from omnisync.agent.erp.layout.compiler import Mappings
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.schema import LayoutFile, read_layout, shipped_layout, shipped_names, shipped_text
from omnisync.agent.erp.sql_erp import SqlErp
from omnisync.agent.erp.upsert.prepare_process import PrepareConfig, PrepareProcess
from omnisync.agent.erp.upsert.record_reason import Describe
from omnisync.agent.errors import ErpSetupError, LayoutError


class DatabaseKind(Struct, frozen=True):
    """One brand of database: what people call it, the module with its `DIALECT`, and which extra brings its driver."""

    label: str
    module: str
    extra: str = ""
    is_server: bool = True


DEFAULTS = ErpOptions()
_DIALECTS = "omnisync.agent.erp.dialects"
KINDS: Mapping[str, DatabaseKind] = {
    "sqlite": DatabaseKind("SQLite", f"{_DIALECTS}.sqlite.dialect", is_server=False),
    "postgresql": DatabaseKind("PostgreSQL", f"{_DIALECTS}.postgresql.dialect", "postgresql"),
    "mariadb": DatabaseKind("MariaDB ou MySQL", f"{_DIALECTS}.mariadb.dialect", "mariadb"),
    "firebird": DatabaseKind("Firebird", f"{_DIALECTS}.firebird.dialect", "firebird"),
    "sqlserver": DatabaseKind("SQL Server", f"{_DIALECTS}.sqlserver.dialect", "sqlserver"),
}


def has_server(kind: str, kinds: Mapping[str, DatabaseKind] = KINDS) -> bool:
    """Return whether a database of this kind is reached over a server, with a login; else it is a file."""
    known = kinds.get(kind)
    return known is None or known.is_server


def dialect_of(name: str, kinds: Mapping[str, DatabaseKind] = KINDS) -> Dialect:
    """Return the dialect of a kind of database. Raises ErpSetupError (kind, or its driver is not installed)."""
    kind = kinds.get(name)
    if kind is None:
        raise ErpSetupError("destination_kind", tipo=name)
    try:
        dialect: Dialect = import_module(kind.module).DIALECT
    except ImportError as error:
        raise ErpSetupError("driver_missing", tipo=kind.label, extra=kind.extra) from error
    return dialect


def open_database(
    address: ErpAddress,
    password: str = "",
    *,
    kinds: Mapping[str, DatabaseKind] = KINDS,
    timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
    zone: tzinfo | None = None,
) -> Database:
    """Return the database at this address, not yet connected. Raises ErpSetupError (kind, or its driver is not
    installed).

    Its session gets the zone; without one it keeps the server's.
    """
    login = DatabaseLogin(
        address.database,
        address.server or "localhost",
        address.port or 0,
        address.user,
        password,
        address.charset,
        timeouts,
        zone,
    )
    return Database(dialect_of(address.kind, kinds), login)


def layout_named(name: str) -> LayoutFile:
    """Return a shipped layout by its name, or a file's by its path. Raises LayoutError."""
    return _read(name)[0]


def _read(name: str) -> tuple[LayoutFile, str]:
    """Return the layout, and the text it was read from."""
    if not name.endswith(".toml"):
        return shipped_layout(name), shipped_text(name)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LayoutError(
            motivo=f"o arquivo {name} não pode ser lido; os layouts prontos são {', '.join(shipped_names())}"
        ) from error
    return read_layout(text), text


def open_erp(
    address: ErpAddress,
    password: str = "",
    *,
    scope: ErpScope,
    options: ErpOptions = DEFAULTS,
    zone: tzinfo,
    clock: Callable[[], datetime],
    describe: Describe,
    mappings: Mappings | None = None,
    memories: Path,
    kinds: Mapping[str, DatabaseKind] = KINDS,
) -> Erp:
    """Return the ERP of one connection, not yet connected (`prepare` does). Raises ErpSetupError (kind) or LayoutError.

    `describe` makes the sentences of reasons. In the folder `memories` stands what is remembered of ERPs whose layout
    says `state = "agent"`. On more than one core, where the layout asks the ERP nothing, pages can be made ready
    by another process.
    """
    layout, text = _read(address.layout)
    if address.kind not in layout.databases:
        raise LayoutError(motivo=f"o layout {layout.name} não é para {address.kind}")
    how = compile_layout(layout, zone, mappings or {})
    database = open_database(address, password, kinds=kinds, timeouts=options.timeouts, zone=zone)
    ahead = None
    if options.n_cores > 1 and not how.needs_database and isinstance(zone, ZoneInfo):
        codes = {kind: dict(known) for kind, known in (mappings or {}).items()}
        ahead = PrepareProcess(
            PrepareConfig(layout=text, mappings=codes, zone=zone.key, adjusts_centavo=options.adjusts_centavo)
        )
    return SqlErp(
        database,
        how,
        scope=scope,
        options=options,
        clock=clock,
        describe=describe,
        state_database=_own_file(memory_of(address, memories)) if how.is_kept_here else None,
        prepare_process=ahead,
    )


def _own_file(path: Path) -> Database:
    """Return the agent's own database of bindings and cursors."""
    return Database(OWN_FILE, DatabaseLogin(str(path)))


def memory_of(address: ErpAddress, memories: Path) -> Path:
    """Return the file of what is remembered of the ERP's database at this address: another database is another
    memory.
    """
    where = msgspec.json.encode((address.kind, address.server.lower(), address.port, address.database))
    return memories / f"{sha256(where).hexdigest()[:16]}.db"
