"""Runs in real child processes, and the clockwork that starts them. The clock is a list; the processes are real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import msgspec
import pytest

from omnisync.agent.config.connection import Connection
from omnisync.agent.config.files import file_lock
from omnisync.agent.errors import RunInProgressError
from omnisync.agent.journal.connection_lock import connection_lock
from omnisync.agent.journal.run import EVERYTHING, RunScope, Systems
from omnisync.agent.progress import Counts, RowCounts
from omnisync.agent.record_ref import RecordRef
from omnisync.agent.schedule import Schedule, Slot
from omnisync.agent.scheduler.processes import ProcessSupervisor
from omnisync.agent.scheduler.scheduler import Scheduler, run_every
from tests.support.agent_home import (
    AURORA,
    BEATS,
    DEAF,
    DIES,
    DONE,
    HEAD,
    SAO_PAULO,
    TUESDAY,
    UNREACHABLE,
    AgentHome,
    finished,
    saved,
    settle,
    until,
)

EVERY_TWO_HOURS = Schedule(every_hours=2, every_minutes=0)


def test_a_run_is_carried_by_a_child_process_to_its_end(house: AgentHome) -> None:
    carrier = house.supervisor(DONE)
    run = carrier.start("producao", RunScope(establishments=("0001",)), "button")
    assert run.state == "waiting"
    until(lambda: not house.run(run.id).is_going, carrier.poll)
    ended = house.run(run.id)
    assert (ended.state, ended.counts, ended.scope.establishments) == (
        "done",
        Counts(orders=RowCounts(written=3)),
        ("0001",),
    )
    assert ended.pid not in (None, os.getpid())


def test_what_the_child_says_is_in_its_connections_log(house: AgentHome) -> None:
    carrier = house.supervisor(DONE)
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: not house.run(run.id).is_going, carrier.poll)
    assert (house.home.logs / "producao.log").read_text() == "olá import producao\n"


def test_a_large_log_gives_way_to_a_new_one(house: AgentHome) -> None:
    log = house.home.logs / "producao.log"
    with log.open("wb") as file:
        file.truncate(10 * 2**20)
    for n in (1, 2, 3):
        log.with_name(f"producao.log.{n}").write_text(str(n))
    carrier = house.supervisor(DONE)
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: not house.run(run.id).is_going, carrier.poll)
    assert log.read_text() == "olá import producao\n"
    assert log.with_name("producao.log.1").stat().st_size == 10 * 2**20
    assert log.with_name("producao.log.3").read_text() == "2"
    assert not log.with_name("producao.log.4").exists()


def test_a_run_goes_on_without_its_log(house: AgentHome) -> None:
    (house.home.logs / "producao.log").mkdir()
    carrier = house.supervisor(DONE)
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: house.run(run.id).state == "done", carrier.poll)


def test_a_second_click_starts_nothing(house: AgentHome) -> None:
    carrier = house.supervisor(BEATS)
    carrier.start("producao", EVERYTHING, "button")
    with pytest.raises(RunInProgressError):
        carrier.start("producao", EVERYTHING, "button")
    assert len(house.runs()) == 1


def test_a_run_whose_process_died_is_interrupted_with_what_it_had_written(house: AgentHome) -> None:
    carrier = house.supervisor(DIES)
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: not house.run(run.id).is_going, carrier.poll)
    ended = house.run(run.id)
    assert (ended.state, ended.code) == ("interrupted", "interrupted")
    assert ended.counts == Counts(orders=RowCounts(written=2))


def test_a_killed_run_gives_its_place_to_the_next(house: AgentHome) -> None:
    carrier = house.supervisor(BEATS)
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: house.run(run.id).pid is not None)
    os.kill(house.run(run.id).pid or 0, signal.SIGKILL)
    until(lambda: house.run(run.id).state == "interrupted", carrier.poll)
    assert carrier.start("producao", EVERYTHING, "button").state == "waiting"


def test_a_run_that_is_told_to_stop_is_cancelled(house: AgentHome) -> None:
    carrier = house.supervisor(BEATS)
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: house.run(run.id).beat_at is not None, carrier.poll)
    carrier.stop(run.id)
    assert house.run(run.id).state == "cancelling"
    until(lambda: house.run(run.id).state == "cancelled", carrier.poll)


def test_a_run_without_a_beat_is_ended_even_when_it_hears_nothing(house: AgentHome) -> None:
    carrier = house.supervisor(DEAF, silence=timedelta(milliseconds=100), grace=timedelta(milliseconds=100))
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: house.run(run.id).pid is not None)
    until(lambda: house.run(run.id).state == "interrupted", carrier.poll)


def test_a_run_that_beats_is_left_alone_whatever_the_clock_does(house: AgentHome) -> None:
    carrier = house.supervisor(BEATS, silence=timedelta(seconds=1))
    run = carrier.start("producao", EVERYTHING, "button")
    house.clock.now += timedelta(days=3)
    for _ in range(60):  # looks enough to end it, each with a beat of its own
        heard_at = house.run(run.id).beat_at
        until(partial(house.has_heartbeat_since, run.id, heard_at))
        carrier.poll()
    assert house.run(run.id).state == "running"


def test_a_command_that_cannot_be_started_is_a_failed_run(house: AgentHome) -> None:
    carrier = ProcessSupervisor(house.journal, house.home, clock=house.clock, environ={}, command=["/nowhere/omnisync"])
    run = carrier.start("producao", EVERYTHING, "button")
    assert (house.run(run.id).state, house.run(run.id).code) == ("failed", "internal")


def test_shutting_down_lets_a_run_finish_its_page(house: AgentHome) -> None:
    carrier = house.supervisor(BEATS)
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: house.run(run.id).beat_at is not None)
    carrier.shutdown()
    assert (house.run(run.id).state, house.run(run.id).code) == ("interrupted", None)


def test_shutting_down_ends_a_run_that_hears_nothing(house: AgentHome) -> None:
    carrier = house.supervisor(DEAF, grace=timedelta(milliseconds=100))
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: house.run(run.id).pid is not None)
    carrier.shutdown()
    assert (house.run(run.id).state, house.run(run.id).code) == ("interrupted", "interrupted")


# who else carries


def test_a_run_left_by_an_agent_that_died_becomes_interrupted(house: AgentHome) -> None:
    run = house.journal.enqueue_run("producao", EVERYTHING, "button", house.clock())
    house.journal.start_run(run.id, house.clock(), 4_000_000)
    house.supervisor(DONE).poll()
    assert house.run(run.id).state == "interrupted"


def test_a_run_of_another_process_is_known_by_its_lock(house: AgentHome) -> None:
    run = house.journal.enqueue_run("producao", EVERYTHING, "command", house.clock())
    house.journal.start_run(run.id, house.clock(), os.getpid())
    carrier = house.supervisor(DONE)
    with connection_lock(house.home, "producao"):
        carrier.poll()
        assert house.run(run.id).state == "running"
    carrier.poll()
    assert house.run(run.id).state == "interrupted"


def test_a_run_about_to_begin_has_a_minute_to_take_the_lock(house: AgentHome) -> None:
    run = house.journal.enqueue_run("producao", EVERYTHING, "button", house.clock())
    carrier = house.supervisor(DONE)
    carrier.poll()
    assert house.run(run.id).state == "waiting"
    house.clock.now += timedelta(seconds=61)
    carrier.poll()
    assert house.run(run.id).state == "interrupted"


def test_the_lock_is_of_one_run_per_connection(house: AgentHome) -> None:
    with connection_lock(house.home, "producao"), connection_lock(house.home, "outra"):
        waits: list[float] = []
        with pytest.raises(RunInProgressError):
            connection_lock(house.home, "producao", wait=waits.append).__enter__()
    assert sum(waits) == pytest.approx(1.0)
    with connection_lock(house.home, "producao"):
        pass


def test_who_only_looks_at_the_lock_refuses_nobody(house: AgentHome) -> None:
    with ExitStack() as look:
        look.enter_context(file_lock(house.home.locks / "producao.lock"))
        with connection_lock(house.home, "producao", wait=lambda _: look.close()):
            pass


def test_death_frees_the_lock(house: AgentHome) -> None:
    script = HEAD + "with connection_lock(home, name):\n print('held', flush=True)\n time.sleep(60)"
    command = [sys.executable, "-c", script, "import", "--run", "x", "--connection", "producao"]
    environ = {**os.environ, "OMNISYNC_HOME": str(house.home.path)}  # noqa: TID251 - as in House.carrier
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "olá import producao\n".encode()
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunInProgressError):
            connection_lock(house.home, "producao", wait=lambda _: None).__enter__()
        holder.kill()
    with connection_lock(house.home, "producao"):
        pass


# the clockwork


def test_a_slot_starts_a_run_at_its_second_and_once(house: AgentHome) -> None:
    clockwork = house.scheduler(DONE)
    house.clock.at(12, 14, 58)
    house.journal.connections.save_schedule("producao", Schedule(establishments=("0002",)), house.clock())
    clockwork.tick()
    assert house.runs() == []
    house.clock.at(12, 15, 0)
    clockwork.tick()
    finished(house, clockwork, 1)
    house.clock.at(12, 15, 1)
    clockwork.tick()
    assert (house.runs(), house.served()) == ([("slot", "done")], "12:15")
    assert house.journal.runs("producao", 1)[0].scope.establishments == ("0002",)


def test_without_an_active_schedule_nothing_starts(house: AgentHome) -> None:
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    saved(house, Schedule(is_active=False))
    settle(clockwork, house)
    assert house.runs() == []


def test_saving_a_schedule_starts_nothing_before_the_next_slot(house: AgentHome) -> None:
    clockwork = house.scheduler(DONE)
    house.clock.at(14, 7)
    house.journal.connections.save_schedule("producao", Schedule(), house.clock())
    settle(clockwork, house)
    assert house.runs() == []


def test_slots_missed_while_the_program_was_off_become_one_run_after_a_minute(house: AgentHome) -> None:
    saved(house, EVERY_TWO_HOURS)
    house.clock.at(10, 7)
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    house.clock.at(10, 7, 30)
    clockwork.tick()
    assert house.runs() == []
    settle(clockwork, house)
    finished(house, clockwork, 1)
    assert (house.runs(), house.served()) == ([("catch_up", "done")], "10:00")


def test_case_b4_a_nightly_schedule_of_a_computer_that_is_on_by_day_runs_each_morning(house: AgentHome) -> None:
    saved(house, Schedule(start_hour=22, every_minutes=0))
    for day in range(1, 4):
        house.clock.at(24 * day + 8)
        clockwork = house.scheduler(DONE)  # the computer is switched on
        clockwork.tick()
        settle(clockwork, house)
        finished(house, clockwork, day)
        house.clock.at(24 * day + 17)
        clockwork.tick()
        settle(clockwork, house)
    assert house.runs() == [("catch_up", "done")] * 3
    runs = reversed(house.journal.runs("producao", 9))
    assert [f"{run.asked_at.astimezone(SAO_PAULO):%d %H:%M}" for run in runs] == ["25 08:01", "26 08:01", "27 08:01"]


def test_case_b4_a_computer_switched_on_before_a_slot_within_the_hour_waits_for_it(house: AgentHome) -> None:
    saved(house)
    house.clock.at(24 + 9, 7)
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    settle(clockwork, house)
    assert house.runs() == []
    house.clock.at(24 + 9, 15)
    clockwork.tick()
    finished(house, clockwork, 1)
    assert (house.runs(), house.served()) == ([("slot", "done")], "09:15")


def test_case_b4_ten_days_off_are_one_run(house: AgentHome) -> None:
    saved(house, EVERY_TWO_HOURS)
    house.clock.at(24 * 10 + 6)
    clockwork = house.scheduler(DONE)
    settle(clockwork, house)
    finished(house, clockwork, 1)
    for minute in range(5):
        house.clock.at(24 * 10 + 6, 2 + minute)
        settle(clockwork, house)
    assert house.runs() == [("catch_up", "done")]


def test_a_slot_that_comes_within_the_first_minute_stands_for_the_missed(house: AgentHome) -> None:
    saved(house)
    house.clock.at(9, 14, 50)
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    house.clock.at(9, 15)
    clockwork.tick()
    finished(house, clockwork, 1)
    settle(clockwork, house)
    assert house.runs() == [("slot", "done")]


def test_a_machine_asleep_over_five_slots_runs_once_and_late(house: AgentHome) -> None:
    saved(house, EVERY_TWO_HOURS)
    house.clock.at(8, 0)
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    finished(house, clockwork, 1)
    house.clock.at(18, 20)
    clockwork.tick()
    assert house.journal.current_run("producao") is None
    settle(clockwork, house)
    finished(house, clockwork, 2)
    assert (house.runs(), house.served()) == ([("slot", "done"), ("catch_up", "done")], "18:00")


def test_a_clock_three_days_ahead_makes_one_run_and_set_back_makes_none_twice(house: AgentHome) -> None:
    saved(house, EVERY_TWO_HOURS)
    house.clock.at(10, 0)
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    finished(house, clockwork, 1)
    house.clock.now += timedelta(days=3, minutes=2)
    settle(clockwork, house)
    finished(house, clockwork, 2)
    house.clock.at(10, 5)
    settle(clockwork, house)
    house.clock.at(7, 30)
    settle(clockwork, house)
    house.clock.at(10, 0)
    settle(clockwork, house)
    assert house.runs() == [("slot", "done"), ("catch_up", "done")]


def test_slots_that_pass_during_a_run_become_one_when_it_ends(house: AgentHome) -> None:
    saved(house, Schedule(every_minutes=30))
    house.clock.at(10, 0)
    clockwork = house.scheduler(BEATS)
    clockwork.tick()
    run = house.journal.current_run("producao")
    assert run is not None
    until(lambda: house.run(run.id).beat_at is not None, clockwork.tick)
    for step in range(186):  # to 11:02, awake
        house.clock.now += timedelta(seconds=20)
        clockwork.tick()
        assert len(house.runs()) == 1, step
    settle(clockwork, house)
    assert house.runs() == [("slot", "running")]
    house.journal.request_stop(run.id)
    until(lambda: len(house.runs()) == 2, clockwork.tick)
    assert (house.runs()[0], house.runs()[1][0], house.served()) == (("slot", "cancelled"), "catch_up", "11:00")


@pytest.mark.parametrize(
    ("systems", "kind", "command"),
    [("all", "both", "import"), (("omniforce",), "both", "import"), (("dash",), "export", "export")],
)
def test_a_slot_imports_and_exports_what_its_systems_say(
    house: AgentHome, systems: Systems, kind: str, command: str
) -> None:
    saved(house, Schedule(systems=systems))
    house.clock.at(12, 0)
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    finished(house, clockwork, 1)
    [run] = house.journal.runs("producao", 10)
    assert (run.kind, run.scope.systems, run.state, house.served()) == (kind, systems, "done", "12:00")
    assert (house.home.logs / "producao.log").read_text() == f"olá {command} producao\n"


def test_a_connection_in_trouble_leaves_the_others_their_slots(
    house: AgentHome, caplog: pytest.LogCaptureFixture
) -> None:
    broken = msgspec.structs.replace(AURORA, name="a_primeira")
    house.journal.connections.save(broken)
    house.journal.connections.save_schedule("a_primeira", Schedule(), TUESDAY - timedelta(days=3))
    saved(house)
    house.clock.at(12, 0)

    def zone_of(connection: Connection) -> ZoneInfo:
        return {"producao": SAO_PAULO}[connection.name]

    carrier = house.supervisor(DONE)
    clockwork = Scheduler(house.journal, carrier, clock=house.clock, zone_of=zone_of, probe=house.probe)
    clockwork.tick()
    finished(house, clockwork, 1)
    assert house.runs() == [("slot", "done")]
    assert "a_primeira" in caplog.text


# the hub that went away


def offline_house(house: AgentHome, origin: str = "button") -> Scheduler:
    clockwork = house.scheduler(UNREACHABLE)
    run = house.journal.enqueue_run(
        "producao",
        RunScope(records=(RecordRef("order", "a"),)),
        "command" if origin == "command" else "button",
        house.clock(),
    )
    house.journal.end_run(run.id, "failed", house.clock(), code="hub_unreachable")
    return clockwork


def test_a_hub_that_does_not_answer_is_asked_again_and_the_page_can_say_so(house: AgentHome) -> None:
    clockwork = offline_house(house)
    assert clockwork.offline("producao") is None
    since = house.clock()
    for n in (1, 2, 3):
        house.clock.now += timedelta(minutes=1)
        clockwork.reconnect()
        offline = clockwork.offline("producao")
        assert offline is not None
        assert (offline.n_tries, offline.since, offline.next_try_at) == (n, since, house.clock() + timedelta(minutes=1))
    assert house.runs() == [("button", "failed")]


def test_a_hub_that_answers_again_starts_one_run_of_the_same_scope(house: AgentHome) -> None:
    clockwork = offline_house(house)
    clockwork.reconnect()
    house.is_hub_there = True
    clockwork.reconnect()
    clockwork.reconnect()
    assert house.probed == ["producao", "producao"]
    assert [origin for origin, _ in house.runs()] == ["button", "retry"]
    assert house.journal.runs("producao", 1)[0].scope.records == (RecordRef("order", "a"),)
    finished(house, clockwork, 2)
    clockwork.reconnect()
    assert [origin for origin, _ in house.runs()] == ["button", "retry", "retry"]


def test_a_success_ends_the_asking(house: AgentHome) -> None:
    clockwork = offline_house(house)
    clockwork.reconnect()
    run = house.journal.enqueue_run("producao", EVERYTHING, "button", house.clock())
    house.journal.end_run(run.id, "done", house.clock())
    clockwork.reconnect()
    assert (house.probed, clockwork.offline("producao")) == (["producao"], None)


def test_a_command_that_failed_is_not_tried_again(house: AgentHome) -> None:
    offline_house(house, "command").reconnect()
    assert house.probed == []


# the loop


def test_the_loop_outlives_a_fault_and_ends_when_told(caplog: pytest.LogCaptureFixture) -> None:
    waits: list[float] = []
    looks: list[int] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 3

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 1:
            raise ValueError("one bad look")

    run_every(look, timedelta(seconds=1), wait)
    assert (looks, waits) == ([0, 1, 2], [1.0] * 4)
    assert "one bad look" in caplog.text


def test_the_clockwork_runs_by_itself_and_shuts_down(house: AgentHome) -> None:
    saved(house)
    house.clock.at(12, 0)
    clockwork = house.scheduler(BEATS)
    clockwork.start()
    until(lambda: (run := house.journal.current_run("producao")) is not None and run.beat_at is not None)
    clockwork.shutdown()
    assert house.runs() == [("slot", "interrupted")]
    assert house.journal.served_slots("producao", TUESDAY.date())[-1] == Slot(TUESDAY.date(), time(12))
