"""The one policy by which the agent tries again, with a clock that only moves when something waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from omnisync.agent.errors import (
    BadTokenError,
    ErpBusyError,
    HubBusyError,
    HubUnreachableError,
    StoppedError,
    TemporaryError,
)
from omnisync.agent.retry import LIMIT, MAX_NAMED_S, Retry, retry_reporting_progress
from tests.support.import_runs import Clock, runtime_at

BEGAN = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


class Watch:
    """A clock that stands still until something waits."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.pauses: list[float] = []

    def clock(self) -> datetime:
        return BEGAN + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return self.passed_s

    def wait(self, pause_s: float, error: TemporaryError) -> None:
        self.pauses.append(pause_s)
        self.passed_s += pause_s

    def retry(self, uniform: Callable[[float, float], float] = lambda low, high: high) -> Retry:
        return Retry(clock=self.clock, monotonic=self.monotonic, wait=self.wait, uniform=uniform)


class Failing:
    """An action that fails as often as it has errors."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.n_calls = 0

    def __call__(self) -> str:
        self.n_calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def busy(seconds: float) -> HubBusyError:
    return HubBusyError(retry_at=BEGAN + timedelta(seconds=seconds))


def test_what_succeeds_is_not_waited_for() -> None:
    watch = Watch()
    assert watch.retry()(Failing()) == "done"
    assert watch.pauses == []


def test_pauses_double_up_to_a_minute() -> None:
    watch = Watch()
    assert watch.retry()(Failing(*(HubUnreachableError() for _ in range(6)))) == "done"
    assert watch.pauses == [2, 4, 8, 16, 32, 60]


def test_a_pause_is_drawn_between_a_second_and_its_bound() -> None:
    watch, bounds = Watch(), []

    def least(low: float, high: float) -> float:
        bounds.append((low, high))
        return low

    watch.retry(least)(Failing(*(HubUnreachableError() for _ in range(7))))
    assert bounds == [(1.0, 2), (1.0, 4), (1.0, 8), (1.0, 16), (1.0, 32), (1.0, 60), (1.0, 60)]
    assert watch.pauses == [1.0] * 7


def test_after_two_minutes_the_error_is_raised() -> None:
    watch, action = Watch(), Failing(*(HubUnreachableError() for _ in range(100)))
    with pytest.raises(HubUnreachableError):
        watch.retry()(action)
    assert LIMIT.total_seconds() <= watch.passed_s < LIMIT.total_seconds() + 60
    assert action.n_calls == 7


@pytest.mark.parametrize("error", [BadTokenError(), StoppedError(), KeyError()])
def test_what_does_not_pass_by_itself_is_raised_at_once(error: Exception) -> None:
    watch = Watch()
    with pytest.raises(type(error)):
        watch.retry()(Failing(error))
    assert watch.pauses == []


def test_a_pause_that_the_hub_names_is_obeyed_and_does_not_count() -> None:
    watch = Watch()
    errors = [busy(600), *(HubUnreachableError() for _ in range(5))]
    assert watch.retry(lambda low, high: 0.0 if low == 0.0 else high)(Failing(*errors)) == "done"
    assert watch.pauses[0] == 600
    assert watch.pauses == [600, 4, 8, 16, 32, 60]


def test_agents_told_the_same_moment_come_back_apart() -> None:
    watch = Watch()
    watch.retry(lambda low, high: (low + high) / 2)(Failing(busy(10)))
    assert watch.pauses == [10.5]


@pytest.mark.parametrize("error", [HubBusyError(), busy(-5)])
def test_a_pause_without_a_moment_to_come_is_one_of_our_own(error: HubBusyError) -> None:
    watch = Watch()
    watch.retry()(Failing(error))
    assert watch.pauses == [2]


def test_the_hub_names_pauses_of_an_hour_in_all() -> None:
    watch = Watch()
    action = Failing(*(busy(n * 10_000) for n in range(1, 100)))
    with pytest.raises(HubBusyError):
        watch.retry(lambda low, high: low)(action)
    # The first is longer than the hour; it is the last that is obeyed without counting.
    assert watch.pauses[0] == 10_000 > MAX_NAMED_S
    assert action.n_calls == 3


@pytest.mark.parametrize("code", ["hub_corrupt", "batch_damaged"])
def test_a_corrupt_answer_is_asked_for_three_times(code: str) -> None:
    watch, action = Watch(), Failing(*(HubUnreachableError(code) for _ in range(9)))
    with pytest.raises(HubUnreachableError):
        watch.retry()(action)
    assert action.n_calls == 3


def waited(
    pause_s: float, error: TemporaryError
) -> tuple[list[float], list[tuple[TemporaryError | None, datetime | None]]]:
    """How long one pause was waited for step by step, and what was reported meanwhile."""
    steps: list[float] = []
    reports: list[tuple[TemporaryError | None, datetime | None]] = []
    runtime = runtime_at(lambda: BEGAN, Clock(), uniform=lambda low, high: pause_s)
    runtime = msgspec.structs.replace(runtime, wait=steps.append)
    retry_reporting_progress(runtime, lambda *told: reports.append(told))(Failing(error))
    return steps, reports


def test_a_wait_goes_by_seconds_and_reports_why_and_until_when() -> None:
    error = HubUnreachableError()
    steps, reports = waited(2.5, error)
    assert steps == [1.0, 1.0, 0.5]
    assert reports == [(error, BEGAN + timedelta(seconds=2.5))] * 3 + [(None, None)]


def test_a_lock_in_the_erp_is_waited_for_five_seconds_at_most() -> None:
    steps, _ = waited(60, ErpBusyError())
    assert sum(steps) == 5


def test_a_report_that_stops_the_run_ends_the_wait() -> None:
    def stop(error: TemporaryError | None, retry_at: datetime | None) -> None:
        raise StoppedError

    clock = Clock()
    with pytest.raises(StoppedError):
        retry_reporting_progress(runtime_at(lambda: BEGAN, clock), stop)(Failing(HubUnreachableError()))
    assert clock.waits == []
