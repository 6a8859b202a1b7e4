"""What is shown never ends a run: every observer of a run fails alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import UTC

import pytest

from omnisync.agent.errors import HubUnreachableError, StoppedError, TemporaryError
from omnisync.agent.phase import decode_phase
from omnisync.agent.progress import Counts, ExpectedCounts, Progress
from omnisync.agent.sync.run_report import Guard, guarded
from omnisync.cli.composition import report_broken_display
from omnisync.cli.progress import live_progress, show_result

PHASES = ("", "customer", "order:0001", "waiting", "receipts", "read:omniforce.stock", "send:dash.sales-facts", "new!")


def step(phase: str, error: TemporaryError | None = None) -> Progress:
    return Progress(phase=decode_phase(phase), counts=Counts(), totals=ExpectedCounts(), trouble=error)


@pytest.mark.parametrize("kind", ["import", "export", "both"])
@pytest.mark.parametrize("phase", PHASES)
def test_case_d3_every_phase_is_shown_also_while_the_hub_is_waited_for(
    phase: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with live_progress(UTC, is_shown=True, kind=kind) as show:  # type: ignore[arg-type]  # of its three
        show(step(phase, HubUnreachableError()))
        show(step(phase))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2, said
    assert said[1].endswith("…") or "OmniForce" in said[1] or ":" in said[1]


@contextmanager
def display(
    show: Callable[[Progress], None], *, opens: bool = True, closes: bool = True
) -> Iterator[Callable[..., None]]:
    if not opens:
        raise OSError
    yield show
    if not closes:
        raise BrokenPipeError


def test_case_d3_a_display_that_fails_is_said_once_and_not_called_again(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def fail(progress: Progress) -> None:
        seen.append(progress.phase.stage)
        raise KeyError(progress.phase.stage)

    with guarded(display(fail), report_broken_display) as show:
        show(step("customer"))
        show(step("waiting"))
    assert seen == ["customer"]
    assert capsys.readouterr().err.startswith("O andamento deixou de ser mostrado (KeyError). A execução continua")


@pytest.mark.parametrize(("opens", "closes"), [(False, True), (True, False)])
def test_case_d3_a_display_that_cannot_be_opened_or_closed_ends_nothing(opens: bool, closes: bool) -> None:
    with guarded(display(lambda progress: None, opens=opens, closes=closes), report_broken_display) as show:
        show(step("customer"))


def test_case_d3_what_ends_the_run_passes_through_the_display() -> None:
    with pytest.raises(StoppedError), guarded(display(lambda progress: None, closes=False), report_broken_display):
        raise StoppedError


def test_case_d3_ctrl_c_is_heard_in_a_display_too() -> None:
    def interrupted(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), guarded(display(interrupted), report_broken_display) as show:
        show(step("customer"))


def test_case_d3_an_observer_that_cannot_be_reached_for_a_moment_is_tried_again() -> None:
    guard, tries = Guard(report_broken_display), iter((TemporaryError(), None))

    def observe() -> str:
        error = next(tries)
        if error is not None:
            raise error
        return "seen"

    assert [guard(observe, "no"), guard(observe, "no")] == ["no", "seen"]


def test_case_d3_whether_to_stop_is_asked_again_after_a_failure() -> None:
    guard, answers = Guard(report_broken_display, gives_up=False), iter((ZeroDivisionError(), True))

    def asked() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert [guard(asked, False), guard(asked, False)] == [False, True]


def test_case_d3_a_screen_that_is_gone_leaves_the_result() -> None:
    class Gone(io.TextIOBase):
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    with redirect_stderr(Gone()):
        show_result({}, lambda: "Feito.", as_json=False)
