"""A run's steps as its row gets them: one write for those that follow one another at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from omnisync.agent.phase import Phase
from omnisync.agent.progress import Counts, ExpectedCounts, Progress, RowCounts
from omnisync.agent.sync.run_report import BEAT_S, Report
from tests.support.import_runs import Clock, runtime_at
from tests.support.record_samples import NOW


class Journal:
    """Keeps what it is given; `stops` is what it answers."""

    def __init__(self) -> None:
        self.beats: list[tuple[Phase, int]] = []
        self.stops = False

    def heartbeat(
        self, run_id: str, now: object, counts: Counts, totals: object, phase: Phase, *, rate: float = 0.0
    ) -> bool:
        self.beats.append((phase, counts.orders.written))
        return self.stops


def report_to(journal: Any, clock: Clock) -> Report:
    run: Any = SimpleNamespace(id="run_1", connection="producao")
    return Report(
        journal,
        run,
        runtime_at(lambda: NOW, clock),
        is_stopped=lambda: False,
        report_failure=lambda error: None,
    )


def step(n: int, stage: Any = "order") -> Progress:
    counts = Counts(orders=RowCounts(written=n))
    return Progress(phase=Phase(stage=stage, establishment="0001"), counts=counts, totals=ExpectedCounts())


def test_steps_within_half_a_second_are_written_once_unless_another_phase_begins() -> None:
    journal, clock = Journal(), Clock()
    report = report_to(journal, clock)
    for n in range(1, 6):
        report(step(n))
    clock.wait(BEAT_S)
    report(step(6))
    report(step(7))
    report(step(7, "receipts"))
    assert [(phase.stage, n) for phase, n in journal.beats] == [("order", 1), ("order", 6), ("receipts", 7)]
    assert report.counts.orders.written == 7


def test_a_stop_is_seen_at_the_next_look() -> None:
    journal, clock = Journal(), Clock()
    report = report_to(journal, clock)
    assert not report(step(1))
    journal.stops = True
    assert not report(step(2))
    clock.wait(BEAT_S)
    assert report(step(3))
