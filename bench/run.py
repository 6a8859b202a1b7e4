"""`make bench`: `omnisync import` against a bare script, and with --peers against others, on the same pages.

Rounds are interleaved, each in fresh databases: first load, everything read again, one in a hundred changed, nothing
new. After each step all databases must hold the same. Only ratios within one run mean something; no time is judged.

    python bench/run.py [--rounds 3] [--scale 1] [--databases sqlite,postgresql] [--steps first,again,later,idle]
    python bench/run.py --peers [--only limit,omnisync,sling,dlt,naive] [--limit-s 900]
    python bench/run.py --show bench/results/FILE.json
    python bench/run.py [--hub] [--servers] [--rss] [--export]
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from compileall import compile_dir
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import omnisync
from bench import export, results, rounds
from bench.contenders import NAMES, OMNISYNC, PEERS, REQUIRED, Target, contenders
from bench.databases import KINDS, SERVERS, DatabaseKind
from bench.peers import environments
from bench.peers.environments import Environment
from bench.processes import WORK, Took, timed
from bench.sources import RealHub, Source, StaticPages
from devtools.database_servers import NotInstalledError


@contextmanager
def _open(source: Source) -> Iterator[Source]:
    try:
        yield source
    finally:
        source.close()


def compare(given: argparse.Namespace) -> None:
    """Measure what is asked for, keep it and show it. Leaves with status 1 when a required contender is at fault."""
    made: dict[str, Environment] = {}
    uv = _uv() if given.peers else ""

    def environment_of(name: str) -> Environment:
        made[name] = environments.made(name, _home(), uv)
        return made[name]

    plan = rounds.Plan(
        contenders=contenders(given.only or [*REQUIRED, *(PEERS if given.peers else ())], environment_of),
        databases=given.databases,
        steps=given.steps,
        n_rounds=given.rounds,
        limit_s=given.limit_s,
    )
    with _open(RealHub(given.scale) if given.hub else StaticPages(given.scale)) as source:
        try:
            measured = rounds.measure(plan, source)
        except NotInstalledError as error:
            raise SystemExit(f"{error}; --databases says which are measured") from error
    found = results.described(
        measured.figures,
        measured_at=datetime.now(UTC),  # noqa: TID251  # no clock is handed in: this is the program itself
        scale=given.scale,
        source="a real hub" if given.hub else "static pages",
        databases=measured.versions,
        peers={name: environments.versions(environment, uv) for name, environment in made.items()},
    )
    path = results.write(found, given.results)
    print(results.shown(found))
    print(f"\nKept in {path}")
    if faults := rounds.faults(found.figures):
        raise SystemExit("\n".join(faults))


def _home() -> Path:
    """Return the folder of the peers' environments."""
    said = os.environ.get("BENCH_HOME")  # noqa: TID251  # a setting of the bench, not of the program
    return Path(said) if said else Path.home() / ".cache" / "omnisync-bench"


def _uv() -> str:
    """Return the program uv: the one that runs us, else the one in the path."""
    if found := os.environ.get("UV") or shutil.which("uv"):  # noqa: TID251  # where uv says which it is
        return found
    raise SystemExit("The peers' environments are made by uv, which is not installed.")


def peaks(scale: float) -> str:
    """Return the import's peak memory at this work and at four times it, as a Markdown table."""
    lines = ["| work | first load, peak MiB | read again, peak MiB |", "|---|---|---|"]
    for times in (1, 4):
        with (
            _open(StaticPages(scale * times)) as source,
            TemporaryDirectory(dir=WORK, prefix="rss-") as name,
        ):
            folder = Path(name)
            source.begin(folder)
            target = Target(DatabaseKind("sqlite").make(folder, has_tables=True), folder, source)
            OMNISYNC.set_up(target)
            first = _import(target, "first")
            OMNISYNC.forget(target)
            lines.append(f"| × {times} | {first.peak:.0f} | {_import(target, 'again').peak:.0f} |")
    return "\n".join(lines)


def _import(target: Target, step: str) -> Took:
    return timed(OMNISYNC.command(target, step), OMNISYNC.environ(target))


def _listed(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """Return a reader of names with commas between, in the order of the choices."""

    def names(text: str) -> list[str]:
        given = text.split(",")
        if unknown := set(given) - set(choices):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {', '.join(choices)}")
        return [name for name in choices if name in given]

    return names


def arguments() -> argparse.ArgumentParser:
    """Return what may be said on the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--scale", type=float, default=1.0, help="1 = 20,000 customers and 60,000 orders")
    words.add_argument("--databases", type=_listed(KINDS), default=["sqlite", "postgresql"], help=", ".join(KINDS))
    words.add_argument("--steps", type=_listed(list(rounds.STEPS)), default=list(rounds.STEPS), help="the first first")
    words.add_argument("--peers", action="store_true", help="Sling, dlt and a script row by row, too")
    words.add_argument("--only", type=_listed(NAMES), help=", ".join(NAMES))
    words.add_argument("--limit-s", type=float, default=900.0, help="kill a contender after so many seconds")
    words.add_argument("--results", type=Path, default=results.FOLDER, help="the folder of what is kept")
    words.add_argument("--show", type=Path, help="print what was kept in a file as the table, and measure nothing")
    words.add_argument("--hub", action="store_true", help="against a real hub instead of pages rendered before")
    words.add_argument("--servers", action="store_true", help="first load into each live server; or out of them")
    words.add_argument("--rss", action="store_true", help="peak memory only, at this work and at four times it")
    words.add_argument("--export", action="store_true", help="the export of a large stock; scale 1 = 1,000,000 rows")
    return words


def main() -> None:
    """Measure what is asked for."""
    words = arguments()
    given = words.parse_args()
    if given.show:
        print(results.shown(results.read(given.show)))
        return
    if "first" not in given.steps:
        words.error("without the first load there is nothing to go on from")
    given.peers = given.peers or bool(set(given.only or ()) & set(PEERS))
    WORK.mkdir(exist_ok=True)
    compile_dir(str(Path(omnisync.__file__).parent), quiet=1)  # as an installed package is
    if given.export and given.servers:
        export.compare_servers(SERVERS, given.scale)
    elif given.export:
        export.compare(given.rounds, given.scale)
    elif given.rss:
        print(peaks(given.scale))
    else:
        if given.servers:
            given.databases, given.steps = list(SERVERS), ["first"]
        compare(given)


if __name__ == "__main__":
    main()
