"""The programs that bring the same pages into a database: how each is set up, run, and made to read all again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct, field

from bench import agent, check
from bench.databases import KINDS, url_of
from bench.peers.environments import Environment
from bench.processes import HERE, child_environ
from bench.sources import Source
from devtools.live_database import LiveDatabase

REQUIRED = ("limit", "omnisync")
"""They must not fail and must hold the same; what peers do is only reported."""
PEERS = ("sling", "dlt", "naive")
NAMES = (*REQUIRED, *PEERS)
LIMITS = {
    "sqlite": "limit.py",
    "postgresql": "limit_postgresql.py",
    "mariadb": "limit_servers.py",
    "firebird": "limit_servers.py",
}
SCRIPTS = {
    "limit": (*dict.fromkeys(LIMITS.values()), "page_reader.py", "rows.py"),
    "sling": ("peers/sling_load.py",),
    "dlt": ("peers/dlt_load.py",),
    "naive": ("peers/row_by_row.py",),
}
"""The files of `bench` that a contender is, whose hashes are kept with what was measured."""


class Target(Struct, frozen=True):
    """Where one contender brings the pages to in one round."""

    database: LiveDatabase
    folder: Path
    source: Source

    @property
    def cursors(self) -> Path:
        """Return the file of the contender's cursors."""
        return self.folder / "cursors.json"


def _nothing(target: Target) -> None:
    """Do nothing."""


def _remove_cursors(target: Target) -> None:
    target.cursors.unlink(missing_ok=True)


def _no_complaint(step: str, out: bytes) -> str:
    return ""


class Contender(Struct, frozen=True, kw_only=True):
    """One program: `command` is what is timed at a step, `forget` what makes the next one read everything again."""

    name: str
    command: Callable[[Target, str], list[str]]
    environ: Callable[[Target], dict[str, str]]
    set_up: Callable[[Target], None] = _nothing
    forget: Callable[[Target], None] = _remove_cursors
    complaint: Callable[[str, bytes], str] = _no_complaint
    """What is wrong with what it printed at a step, else nothing."""
    makes_tables: bool = False
    tables: Mapping[str, tuple[str, str]] = field(default_factory=lambda: check.ERP_TABLES)
    databases: tuple[str, ...] = KINDS


def _where(target: Target, database: str) -> list[str]:
    source = target.source
    return ["--hub", source.url, "--token", source.token, "--database", database, "--cursors", str(target.cursors)]


def _limit_command(target: Target, step: str) -> list[str]:
    kind = target.database.address.kind
    database = target.database.address.database if kind == "sqlite" else url_of(target.database)
    return [sys.executable, str(HERE / LIMITS[kind]), *_where(target, database)]


def _peer_environ(target: Target) -> dict[str, str]:
    """Return an environment that finds `bench`, with a home of its own."""
    return child_environ() | {"PYTHONPATH": str(HERE.parent), "HOME": str(target.folder)}


LIMIT = Contender(name="limit", command=_limit_command, environ=lambda target: child_environ())


def _home(target: Target) -> Path:
    return target.folder / "home"


def _set_up_omnisync(target: Target) -> None:
    agent.connect(_home(target), target.database, target.source.url, target.source.token)
    agent.examine(_home(target))


def _rows_written_again(step: str, out: bytes) -> str:
    n_written = sum(noun["written"] for noun in json.loads(out).values()) if step == "again" else 0
    return f"{n_written} rows written though all were bound" if n_written else ""


OMNISYNC = Contender(
    name="omnisync",
    command=lambda target, step: agent.IMPORT,
    environ=lambda target: agent.environ(_home(target)),
    set_up=_set_up_omnisync,
    forget=lambda target: target.database.run("DELETE FROM omnisync_cursor"),  # the bindings stay
    complaint=_rows_written_again,
)


def _naive(environment: Environment) -> Contender:
    script = [str(environment.python), str(HERE / "peers" / "row_by_row.py")]
    return Contender(
        name="naive",
        command=lambda target, step: [*script, *_where(target, url_of(target.database))],
        environ=_peer_environ,
        databases=("sqlite", "postgresql"),
    )


def _sling(environment: Environment) -> Contender:
    program = environment.program("sling_linux_amd64/bin/sling*")
    script = [str(environment.python), str(HERE / "peers" / "sling_load.py"), "--sling", str(program)]
    return Contender(
        name="sling",
        command=lambda target, step: [*script, *_where(target, url_of(target.database))],
        environ=_peer_environ,
        makes_tables=True,
        tables=check.FLAT_TABLES,
        databases=("sqlite", "postgresql"),
    )


def _dlt(environment: Environment) -> Contender:
    def command(target: Target, step: str) -> list[str]:
        where = ["--hub", target.source.url, "--token", target.source.token, "--database", url_of(target.database)]
        again = ["--again"] if step == "again" else []
        script = [str(environment.python), str(HERE / "peers" / "dlt_load.py")]
        return [*script, *where, "--work", str(target.folder / "work"), *again]

    return Contender(
        name="dlt",
        command=command,
        environ=_peer_environ,
        forget=_nothing,
        makes_tables=True,
        tables=check.DLT_TABLES,
        databases=("sqlite", "postgresql"),
    )


_MADE: dict[str, Callable[[Environment], Contender]] = {"sling": _sling, "dlt": _dlt, "naive": _naive}


def contenders(names: list[str], environment_of: Callable[[str], Environment]) -> list[Contender]:
    """Return the contenders of these names; `environment_of` makes the environment of a peer."""
    ours = {"limit": LIMIT, "omnisync": OMNISYNC}
    return [ours[name] if name in ours else _MADE[name](environment_of(name)) for name in NAMES if name in names]
