"""`make bench`: `omnisync import` against the bare script `limit.py`, as whole processes on the same pages.

Rounds are interleaved, each in fresh databases: first load, everything read again, one in a hundred changed, nothing
new. After each step both databases must hold the same. Only ratios within one run mean something; no time is judged.

    python bench/run.py [--rounds 3] [--scale 1] [--hub] [--rss] [--servers] [--export]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from compileall import compile_dir
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

import omnisync
from bench import check
from bench.processes import HERE, WORK, StaticPages, Took, ended, started, timed
from omnisync.demo.erp import tables

STEPS = {
    "first": "first load",
    "again": "all read again, all bound",
    "later": "1 % changed",
    "idle": "nothing new",
}


class RealHub:
    """The same records in a hub of its own; each round begins with a copy of its first database."""

    def __init__(self, scale: float) -> None:
        self._scale = ["--scale", str(scale)]
        self._made = WORK / f"hub-{scale:g}.db"
        self._process: subprocess.Popen[str] | None = None
        self._database = self._made
        self.url = self.token = ""
        if not self._made.exists():
            unfinished = self._made.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            self._do("fill", unfinished, *self._scale)
            unfinished.rename(self._made)

    def begin(self, folder: Path) -> None:
        """Serve a copy of the first database from this folder."""
        self.close()
        self._database = folder / "hub.db"
        shutil.copy(self._made, self._database)
        self.token = self._do("token", self._database).strip()
        serve = [sys.executable, "-m", "omnisync", "hub", "serve", "--port", "0"]
        self._process, said = started([*serve, "--database", f"sqlite:///{self._database}"])
        self.url = said.split()[-1]

    def show_later(self) -> None:
        """Take in what came later."""
        self._do("later", self._database, *self._scale)

    def n_requests(self) -> int | None:
        """A hub does not count."""
        return None

    def close(self) -> None:
        """End the hub."""
        if self._process is not None:
            ended(self._process)
            self._process = None

    def _do(self, what: str, database: Path, *words: str) -> str:
        command = [sys.executable, str(HERE / "hub.py"), what, str(database), *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


Source = StaticPages | RealHub


class Contender:
    """A program with an empty ERP in a folder of its own."""

    name: str

    def __init__(self, folder: Path, source: Source) -> None:
        folder.mkdir(parents=True)
        self.database = folder / "erp.db"
        self._folder = folder
        self._source = source
        with closing(sqlite3.connect(self.database)) as db:
            db.executescript(tables())

    def bring(self) -> Took:
        """Bring what is new into the database."""
        n_before = self._source.n_requests()
        took = timed(self.command(), self.environ())
        n_after = self._source.n_requests()
        return took if n_before is None or n_after is None else took._replace(n_requests=n_after - n_before)

    def command(self) -> list[str]:
        """What is run."""
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        """The environment it is run in."""
        return dict(os.environ)  # noqa: TID251  # a child inherits it

    def forget(self) -> None:
        """Make the next run read everything again."""
        raise NotImplementedError


class Limit(Contender):
    """The bare script."""

    name = "limit"

    def command(self) -> list[str]:
        """The script with the cursors of the last time."""
        source = self._source
        where = ["--hub", source.url, "--token", source.token, "--database", str(self.database)]
        return [sys.executable, str(HERE / "limit.py"), *where, "--cursors", str(self._cursors)]

    @property
    def _cursors(self) -> Path:
        return self._folder / "cursors.json"

    def forget(self) -> None:
        """Without cursors it begins again."""
        self._cursors.unlink()


class Omnisync(Contender):
    """`omnisync import`, its connection told on the command line."""

    name = "omnisync"

    def __init__(self, folder: Path, source: Source) -> None:
        super().__init__(folder, source)
        where = ["--hub", source.url, "--erp-database", str(self.database), "--token-stdin"]
        self._omnisync("connection", "set", *where)
        self._omnisync("connection", "test")

    def _omnisync(self, *words: str) -> None:
        command = [sys.executable, "-m", "omnisync", *words]
        token = self._source.token + "\n"
        subprocess.run(command, input=token, text=True, check=True, capture_output=True, env=self.environ())

    def command(self) -> list[str]:
        """The import, its counts as JSON."""
        return [sys.executable, "-m", "omnisync", "import", "--json"]

    def environ(self) -> dict[str, str]:
        """A home of its own, and the clock of the company's place."""
        return super().environ() | {"OMNISYNC_HOME": str(self._folder / "home"), "OMNISYNC_ZONE": "America/Sao_Paulo"}

    def forget(self) -> None:
        """Without cursors it begins again; the bindings stay."""
        with closing(sqlite3.connect(self.database)) as db, db:
            db.execute("DELETE FROM omnisync_cursor")


def n_written(took: Took) -> int:
    """Rows the import says it wrote."""
    return sum(noun["written"] for noun in json.loads(took.out).values())


def played(source: Source, folder: Path) -> Iterator[tuple[str, str, Took]]:
    """One round: every step by both, and whether both hold the same after it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source.begin(folder)
    pair = Limit(folder / "limit", source), Omnisync(folder / "omnisync", source)
    for step in STEPS:
        for contender in pair:
            if step == "again":
                contender.forget()
        if step == "later":
            source.show_later()
        for contender in pair:
            took = contender.bring()
            if step == "again" and contender.name == "omnisync" and n_written(took):
                raise SystemExit(f"Read again, all bound: {n_written(took)} rows written.")
            yield step, contender.name, took
        if check.totals(pair[0].database) != check.totals(pair[1].database):
            raise SystemExit(f"After {STEPS[step]!r} the two databases differ.")
    different = {table: n for table, n in check.n_different_rows(pair[0].database, pair[1].database).items() if n}
    if different:
        raise SystemExit(f"At the end rows differ: {different}")


def measured(source: Source, folder: Path, n_rounds: int) -> dict[tuple[str, str], list[Took]]:
    """All rounds: what each step took, by step and contender."""
    found: dict[tuple[str, str], list[Took]] = {}
    for n in range(1, n_rounds + 1):
        for step, name, took in played(source, folder):
            found.setdefault((step, name), []).append(took)
            print(f"round {n}  {STEPS[step]:<26}{name:<10}{took.seconds:7.2f} s", file=sys.stderr, flush=True)
    return found


def table(found: dict[tuple[str, str], list[Took]]) -> str:
    """Medians as a Markdown table. The rate is the limit's time divided by ours: above 1 we are faster."""
    lines = [
        "| | limit s | omnisync s | rate × limit's | CPU × limit's | peak MiB limit / omnisync | requests |",
        "|---|---|---|---|---|---|---|",
    ]
    for step, words in STEPS.items():
        limit, ours = found[step, "limit"], found[step, "omnisync"]
        seconds = [median(took.seconds for took in tooks) for tooks in (limit, ours)]
        cpu = [median(took.cpu for took in tooks) for tooks in (limit, ours)]
        peaks = [max(took.peak for took in tooks) for tooks in (limit, ours)]
        n_requests = ours[0].n_requests if ours[0].n_requests is not None else "–"
        lines.append(
            f"| {words} | {seconds[0]:.2f} | {seconds[1]:.2f} | **{seconds[0] / seconds[1]:.2f}** "
            f"| {cpu[1] / cpu[0]:.2f} | {peaks[0]:.0f} / {peaks[1]:.0f} | {n_requests} |"
        )
    return "\n".join(lines)


def peaks(scale: float) -> str:
    """The import's peak memory at this work and at four times it, as a Markdown table."""
    lines = ["| work | first load, peak MiB | read again, peak MiB |", "|---|---|---|"]
    for times in (1, 4):
        with _open(StaticPages(scale * times)) as source:
            folder = WORK / "rss"
            shutil.rmtree(folder, ignore_errors=True)
            source.begin(folder)
            ours = Omnisync(folder / "omnisync", source)
            first = ours.bring()
            ours.forget()
            lines.append(f"| × {times} | {first.peak:.0f} | {ours.bring().peak:.0f} |")
    return "\n".join(lines)


@contextmanager
def _open(source: Source) -> Iterator[Source]:
    try:
        yield source
    finally:
        source.close()


def main() -> None:
    """Measure what is asked for, and leave with status 1 when the databases differ."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--scale", type=float, default=1.0, help="1 = 20,000 customers and 60,000 orders")
    words.add_argument("--hub", action="store_true", help="against a real hub instead of pages rendered before")
    words.add_argument("--servers", action="store_true", help="into live PostgreSQL, MariaDB and Firebird; or out")
    words.add_argument("--rss", action="store_true", help="peak memory only, at this work and at four times it")
    words.add_argument("--export", action="store_true", help="the export of a large stock; scale 1 = 1,000,000 rows")
    given = words.parse_args()
    WORK.mkdir(exist_ok=True)
    compile_dir(str(Path(omnisync.__file__).parent), quiet=1)  # as an installed package is
    if given.export or given.servers:
        from bench import export, servers

        kinds = list(servers.BARE)
        if given.export and given.servers:
            export.compare_servers(kinds, given.scale)
        elif given.export:
            export.compare(given.rounds, given.scale)
        else:
            servers.compare(kinds, given.rounds, given.scale)
        return
    if given.rss:
        print(peaks(given.scale))
        return
    with _open(RealHub(given.scale) if given.hub else StaticPages(given.scale)) as source:
        print(table(measured(source, WORK / "round", given.rounds)))


if __name__ == "__main__":
    main()
