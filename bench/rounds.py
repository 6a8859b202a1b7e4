"""Rounds of all contenders on the same pages: interleaved, in fresh databases, contents compared after each step."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace

from bench import check
from bench.contenders import REQUIRED, Contender, Target
from bench.databases import DatabaseKind, opened
from bench.processes import WORK, ProgramError, timed
from bench.sources import Source

STEPS = {
    "first": "first load",
    "again": "all read again",
    "later": "1 % changed",
    "idle": "nothing new",
}


class Plan(Struct, frozen=True):
    """What is measured: in each round every step by every contender on every kind of database."""

    contenders: Sequence[Contender]
    databases: Sequence[str]
    steps: Sequence[str]
    n_rounds: int
    limit_s: float | None = None
    """After so many seconds a contender is killed, and left out of what follows on that database."""


class Figure(Struct, frozen=True, kw_only=True):
    """What one contender took for one step of one round, in seconds and MiB."""

    round: int
    database: str
    step: str
    contender: str
    seconds: float = 0.0
    cpu: float = 0.0
    server_cpu: float = 0.0
    peak: float = 0.0
    n_requests: int | None = None
    n_rows: int = 0
    difference: str = ""
    """How its contents differ from the limit's, empty where they are the same."""
    failure: str = ""


class Measured(Struct, frozen=True):
    """All figures, and the versions of the databases they are of."""

    figures: list[Figure]
    versions: dict[str, str]


def measure(plan: Plan, source: Source) -> Measured:
    """Play all rounds. Raises ProgramError when the limit fails: there is nothing to compare with then."""
    found = Measured([], {})
    failed: set[tuple[str, str]] = set()
    with ExitStack() as stack:
        kinds = [stack.enter_context(opened(name)) for name in plan.databases]
        for n in range(plan.n_rounds):
            first = n % len(plan.contenders)  # each comes first in its turn
            for kind in kinds:
                playing = [
                    contender
                    for contender in (*plan.contenders[first:], *plan.contenders[:first])
                    if kind.name in contender.databases and (kind.name, contender.name) not in failed
                ]
                for figure in _Round(n + 1, kind, playing, source, plan, found.versions).played():
                    found.figures.append(figure)
                    if figure.failure:
                        failed.add((kind.name, figure.contender))
                    _report(figure)
    return found


class _Round:
    """One round on one kind of database."""

    def __init__(
        self,
        number: int,
        kind: DatabaseKind,
        contenders: Sequence[Contender],
        source: Source,
        plan: Plan,
        versions: dict[str, str],
    ) -> None:
        self._number = number
        self._kind = kind
        self._contenders = list(contenders)
        self._source = source
        self._plan = plan
        self._versions = versions

    def played(self) -> Iterator[Figure]:
        """Yield the figures of every step."""
        with TemporaryDirectory(dir=WORK, prefix="round-") as folder, ExitStack() as dropping:
            self._source.begin(Path(folder))
            targets = {}
            for contender in self._contenders:
                target = targets[contender.name] = self._target(contender, Path(folder) / contender.name)
                dropping.callback(self._kind.drop, target.database)
                contender.set_up(target)
            for step in self._plan.steps:
                if step == "later":
                    self._source.show_later()
                figures = [self._figure(contender, targets[contender.name], step) for contender in self._contenders]
                failed = {figure.contender for figure in figures if figure.failure}
                self._contenders = [contender for contender in self._contenders if contender.name not in failed]
                yield from self._compared(figures, targets)

    def _target(self, contender: Contender, folder: Path) -> Target:
        folder.mkdir()
        database = self._kind.make(folder, has_tables=not contender.makes_tables)
        self._versions.setdefault(self._kind.name, self._kind.version(database))
        return Target(database, folder, self._source)

    def _figure(self, contender: Contender, target: Target, step: str) -> Figure:
        if step == "again":
            contender.forget(target)
        self._kind.settle()
        n_before = self._source.n_requests()
        figure = Figure(round=self._number, database=self._kind.name, step=step, contender=contender.name)
        try:
            took = timed(
                contender.command(target, step),
                contender.environ(target),
                server_pid=self._kind.server_pid,
                limit_s=self._plan.limit_s,
            )
        except ProgramError as error:
            if contender.name == "limit":
                raise
            self._kind.drop(target.database)  # its server may still be at what the program began
            return replace(figure, failure=str(error))
        n_after = self._source.n_requests()
        return replace(
            figure,
            seconds=round(took.seconds, 3),
            cpu=round(took.cpu, 2),
            server_cpu=round(took.server_cpu, 2),
            peak=round(took.peak, 1),
            n_requests=None if n_before is None or n_after is None else n_after - n_before,
            failure=contender.complaint(step, took.out),
        )

    def _compared(self, figures: list[Figure], targets: dict[str, Target]) -> Iterator[Figure]:
        """Yield the figures with how each contender's contents differ from those of the limit, else of the first."""
        by_name = {contender.name: contender for contender in self._contenders}
        if not by_name:
            yield from figures
            return
        reference = "limit" if "limit" in by_name else next(iter(by_name))
        expected = check.contents(targets[reference].database, by_name[reference].tables)
        for figure in figures:
            if figure.failure:
                yield figure
                continue
            name, difference = figure.contender, ""
            if name != reference:
                actual = check.contents(targets[name].database, by_name[name].tables)
                difference = check.difference(expected, actual)
            yield replace(figure, n_rows=check.n_rows(expected), difference=difference)


def faults(figures: Sequence[Figure]) -> list[str]:
    """Return what must not be: a required contender that failed or whose contents differ."""
    return [
        f"{figure.database}, {STEPS[figure.step]}, {figure.contender}: {figure.failure or figure.difference}"
        for figure in figures
        if figure.contender in REQUIRED and (figure.failure or figure.difference)
    ]


def _report(figure: Figure) -> None:
    words = figure.failure or figure.difference
    print(
        f"round {figure.round}  {figure.database:<11}{STEPS[figure.step]:<16}{figure.contender:<10}"
        f"{figure.seconds:8.2f} s  {words}",
        file=sys.stderr,
        flush=True,
    )
