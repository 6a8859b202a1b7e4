"""`run.py --export`: `omnisync export` of a large stock against the bare script `export_limit.py`, into one sink.

First everything, then one row in a thousand changed, then nothing. Each step says how many lines came: more or fewer
than there should be end the bench. No time is judged. With `--servers` out of live servers, without a bare script.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from bench import agent
from bench.databases import SERVERS
from bench.processes import HERE, WORK, Took, child_environ, ended, started, timed
from devtools.live_database import LiveDatabase, make_on
from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.layout.schema import shipped_layout
from omnisync.demo.erp import tables

N_ROWS = 1_000_000
ONE_IN = 1000
LOT = 5000
EXPORT = [*agent.OMNISYNC, "export", "--dataset", "stock", "--json"]
HEADER = "| | lines | s | CPU s | peak MiB |\n|---|---|---|---|---|"


def compare(rounds: int, scale: float) -> None:
    """Print what each step took, round by round and as medians, as a Markdown table."""
    folder = WORK / "export"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    n = round(N_ROWS * scale)
    fill(folder / "filled.db", n)
    process, url = started([sys.executable, str(HERE / "sink.py")])
    try:
        print(HEADER)
        found = [
            {name: _told(name, one, url, n_lines) for name, one, n_lines in _steps(folder, url, n)}
            for _ in range(rounds)
        ]
    finally:
        ended(process)
    for name in found[0]:
        tooks = [took[name] for took in found]
        seconds, cpu = median(took.seconds for took in tooks), median(took.cpu for took in tooks)
        print(f"| median: {name} | | {seconds:.2f} | {cpu:.2f} | {max(took.peak for took in tooks):.0f} |")
    print()
    _say("rate of the first export × the bare script's", found, "bare script", "first export")
    _say("0.1 % changed ÷ the first export", found, "0.1 % changed", "first export")


def _say(what: str, found: list[dict[str, Took]], one: str, other: str) -> None:
    """The median of one step's time divided by another's of the same round."""
    ratios = [took[one].seconds / took[other].seconds for took in found]
    by_cpu = median(took[one].cpu / took[other].cpu for took in found)
    print(f"{what}: {median(ratios):.2f} ({', '.join(f'{ratio:.2f}' for ratio in ratios)}; by CPU {by_cpu:.2f})")


def compare_servers(kinds: Iterable[str], scale: float) -> None:
    """Print what each step took out of a server of each kind, as a Markdown table."""
    n = round(N_ROWS * scale)
    process, url = started([sys.executable, str(HERE / "sink.py")])
    try:
        print(HEADER)
        for kind in kinds:
            for name, one, n_lines in _steps_on(kind, url, n):
                _told(f"{kind}: {name}", one, url, n_lines)
    finally:
        ended(process)


def _steps_on(kind: str, url: str, n: int) -> Iterator[tuple[str, Took, int]]:
    """Each step out of a private server."""
    with SERVERS[kind]() as server:
        keeper = make_on(server)
        for start in range(0, n, LOT):
            keeper.insert("estoque", _rows(start, min(n, start + LOT)))
        change, which = "UPDATE estoque SET saldo = 7777 WHERE produto LIKE ?", "%" + str(ONE_IN)[1:]
        home = WORK / "servers"
        shutil.rmtree(home, ignore_errors=True)
        yield from _ours(agent.connect(home, keeper, url), n, lambda: keeper.run(change, which))


def fill(path: Path, n: int) -> None:
    """An ERP whose stock has so many rows."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(tables())
        db.executemany("INSERT INTO estoque VALUES (?, ?, ?, ?, ?, ?)", _rows(0, n))


def _rows(start: int, end: int) -> Iterator[tuple[str | None, ...]]:
    for i in range(start, end):
        measured_at = f"2026-11-{1 + i % 23:02} 10:{i % 60:02}:00"
        yield "0001", f"{i:07}", f"{i % 977}.{i % 10000:04}", f"{i % 7}.0000", None, measured_at


def _steps(folder: Path, url: str, n: int) -> Iterator[tuple[str, Took, int]]:
    """Each step of a round as it was taken, and how many lines it should have sent."""
    database, home = folder / "erp.db", folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    for part in ("", "-wal", "-shm"):
        database.with_name(database.name + part).unlink(missing_ok=True)
    shutil.copy(folder / "filled.db", database)
    sql = shipped_layout("padrao").export["stock"].sql
    bare = [sys.executable, str(HERE / "export_limit.py"), "--hub", url, "--database", str(database), "--sql", sql]
    yield "bare script", timed(bare, child_environ()), n
    environ = agent.connect(home, LiveDatabase(ErpAddress(kind="sqlite", database=str(database))), url)

    def change() -> None:
        with closing(sqlite3.connect(database)) as db, db:
            db.execute("UPDATE estoque SET saldo = '7777.0000' WHERE CAST(produto AS INTEGER) % ? = 0", (ONE_IN,))

    yield from _ours(environ, n, change)


def _ours(environ: dict[str, str], n: int, change: Callable[[], None]) -> Iterator[tuple[str, Took, int]]:
    """Everything, what one change in a thousand rows makes of it, and nothing."""
    yield "first export", timed(EXPORT, environ), n
    change()
    yield "0.1 % changed", timed(EXPORT, environ), n // ONE_IN
    yield "nothing changed", timed(EXPORT, environ), 0


def _told(name: str, took: Took, url: str, n_lines: int) -> Took:
    with urlopen(f"{url}/lines") as answer:
        n = int(answer.read())
    print(f"| {name} | {n} | {took.seconds:.2f} | {took.cpu:.2f} | {took.peak:.0f} |", flush=True)
    if n != n_lines:
        raise SystemExit(f"{name}: {n} lines came, and {n_lines} should have.")
    return took
