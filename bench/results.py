"""What was measured, kept in a file with all that it depends on, and shown as one table."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from bench.contenders import NAMES, SCRIPTS
from bench.processes import HERE
from bench.rounds import STEPS, Figure

FOLDER = HERE / "results"
_LIBRARIES = ("msgspec", "orjson", "psycopg", "pymysql", "firebird-driver")


class Results(Struct, frozen=True, kw_only=True):
    """Every figure of one run of the bench, and what it depends on."""

    measured_at: datetime
    commit: str
    is_modified: bool
    """Whether files differed from the commit."""
    scale: float
    source: str
    machine: str
    n_cores: int
    versions: dict[str, str]
    peers: dict[str, dict[str, str]]
    """The packages of each peer's environment."""
    scripts: dict[str, str]
    """The sha256 of each script, by its path in `bench`."""
    figures: list[Figure]


def described(
    figures: list[Figure],
    *,
    measured_at: datetime,
    scale: float,
    source: str,
    databases: dict[str, str],
    peers: dict[str, dict[str, str]],
) -> Results:
    """Put figures together with the versions, the machine and the commit they are of."""
    libraries = {name: version(name) for name in _LIBRARIES}
    names = {name for figure in figures for name in SCRIPTS.get(figure.contender, ())}
    return Results(
        measured_at=measured_at,
        commit=_git("rev-parse", "--short=7", "HEAD"),
        is_modified=bool(_git("status", "--porcelain", "--", "omnisync", "bench/*.py", "devtools", "uv.lock")),
        scale=scale,
        source=source,
        machine=f"{platform.system()} {platform.machine()}",
        n_cores=os.cpu_count() or 0,
        versions={"python": platform.python_version()} | databases | libraries,
        peers=peers,
        scripts={name: sha256((HERE / name).read_bytes()).hexdigest() for name in sorted(names)},
        figures=figures,
    )


def _git(*words: str) -> str:
    """Return what git says, nothing outside a repository."""
    done = subprocess.run(["git", *words], cwd=HERE.parent, capture_output=True, text=True)
    return done.stdout.strip()


def write(results: Results, folder: Path) -> Path:
    """Write a file named by day and commit; one that exists stays, and the next gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{results.measured_at:%Y-%m-%d}-{results.commit or 'unknown'}"
    path, n = folder / f"{name}.json", 1
    while path.exists():
        n += 1
        path = folder / f"{name}-{n}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    return path


def read(path: Path) -> Results:
    """Read a file that was kept."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def shown(results: Results) -> str:
    """Return what was measured as Markdown: what it depends on, and one table."""
    rounds = max((figure.round for figure in results.figures), default=0)
    n_rows = max((figure.n_rows for figure in results.figures), default=0)
    versions = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    return "\n".join(
        (
            f"{results.measured_at:%Y-%m-%d}, commit {results.commit}{' (modified)' if results.is_modified else ''}, "
            f"scale {results.scale:g} ({n_rows:,} rows), {results.source}, rounds: {rounds}, {results.machine} with "
            f"{results.n_cores} cores; {versions}",
            "",
            *table(results.figures),
        )
    )


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield the lines of the table: medians of the rounds, by database, step and contender.

    The rate is the limit's time divided by the contender's, the median of the rounds' own: above 1 it is faster.
    """
    yield "| database | step | contender | s (min–max) | × limit | CPU s + server's | peak MiB | requests | contents |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for database in dict.fromkeys(figure.database for figure in figures):
        for step, words in STEPS.items():
            of_step = [figure for figure in figures if (figure.database, figure.step) == (database, step)]
            base = {figure.round: figure.seconds for figure in of_step if figure.contender == "limit"}
            for name in NAMES:
                if own := [figure for figure in of_step if figure.contender == name]:
                    yield f"| {database} | {words} | {name} | {_row(own, base)} |"


def _row(own: list[Figure], limit_s: dict[int, float]) -> str:
    good = [figure for figure in own if not figure.failure]
    if not good:
        return f"– | – | – | – | – | failed: {own[0].failure.replace('|', '/')[:160]}"
    seconds = [figure.seconds for figure in good]
    rates = [limit_s[figure.round] / figure.seconds for figure in good if figure.round in limit_s]
    server = median(figure.server_cpu for figure in good)
    requests = [figure.n_requests for figure in good if figure.n_requests is not None]
    cells = (
        f"{median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})",
        f"{median(rates):.2f}" if rates else "–",
        f"{median(figure.cpu for figure in good):.2f}" + (f" + {server:.2f}" if server else ""),
        f"{max(figure.peak for figure in good):.0f}",
        f"{median(requests):.0f}" if requests else "–",
        next((figure.difference for figure in good if figure.difference), "same"),
    )
    return " | ".join(cells)
