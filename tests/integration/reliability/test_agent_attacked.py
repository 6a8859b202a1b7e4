"""Clocks, locks, kills and files that are not as they should be: runs come, end and are told all the same."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from omnisync.agent.config.establishments import chosen_codes
from omnisync.agent.config.files import file_lock
from omnisync.agent.config.secrets import Secret
from omnisync.agent.config.settings import Home, Settings
from omnisync.agent.errors import BadTokenError, RunInProgressError, TemporaryError
from omnisync.agent.journal.connection_lock import connection_lock
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.run import EVERYTHING, RunScope
from omnisync.agent.messages import schedule_text
from omnisync.agent.phase import decode_phase
from omnisync.agent.progress import Counts, ExpectedCounts, Progress
from omnisync.agent.schedule import Schedule, Slot, due
from omnisync.agent.sync.run import RunRequest, begin_run, end_run, execute_run
from omnisync.agent.sync.run_report import Report
from omnisync.cli import composition, main
from tests.support.agent_home import AURORA, DONE, SAO_PAULO, TUESDAY, UNREACHABLE, AgentHome, finished, saved
from tests.support.page_client import connection


@pytest.fixture
def parts(tmp_path: Path) -> composition.AgentContext:
    home = Home(tmp_path / "home").prepare()
    known = composition.context_in(Settings(home=home), zone=None)
    known.journal.connections.save(AURORA)
    return known


def test_an_establishment_named_twice_is_read_once() -> None:
    twice = connection(establishments=(*connection().establishments, *connection().establishments))
    assert chosen_codes(twice, ["0001", "0001"]) == ["0001"]
    assert chosen_codes(twice, []) == [one.code for one in connection().establishments]


def test_a_slot_waits_for_a_rehearsal_which_has_no_row(house: AgentHome) -> None:
    saved(house, Schedule(every_minutes=0))
    house.clock.at(8, 0)
    clockwork = house.scheduler(DONE)
    with connection_lock(house.home, "producao"):
        clockwork.tick()
        assert (house.runs(), house.served()) == ([], None)
    clockwork.tick()
    finished(house, clockwork, 1)
    assert house.runs() == [("slot", "done")]


def test_a_command_leaves_alone_a_run_that_is_about_to_begin(parts: composition.AgentContext) -> None:
    run = parts.journal.enqueue_run("producao", RunScope(kind="both"), "slot", composition.clock())
    with pytest.raises(RunInProgressError):
        begin_run(composition.run_services(parts), AURORA, RunRequest(), None)
    kept = parts.journal.run(run.id)
    assert kept is not None
    assert kept.state == "waiting"


def test_a_run_that_cannot_begin_says_why(parts: composition.AgentContext) -> None:
    run = parts.journal.enqueue_run("producao", RunScope(kind="both"), "slot", composition.clock())
    with connection_lock(parts.home, "producao"), pytest.raises(RunInProgressError):
        execute_run(composition.run_services(parts), AURORA, RunRequest(), run_id=run.id)
    kept = parts.journal.run(run.id)
    assert kept is not None
    assert (kept.state, kept.code) == ("failed", "run_in_progress")


def test_a_journal_in_use_ends_no_run(parts: composition.AgentContext) -> None:
    run = parts.journal.enqueue_run("producao", EVERYTHING, "button", composition.clock())
    parts.journal.start_run(run.id, composition.clock(), 1)
    parts.journal.close()
    parts = msgspec.structs.replace(parts, journal=Journal(parts.home.journal, busy=timedelta(milliseconds=10)))
    services = composition.run_services(parts)
    report = Report(
        parts.journal,
        run,
        services.runtime,
        is_stopped=lambda: False,
        report_failure=services.report_broken_display,
    )
    waits: list[float] = []
    with closing(sqlite3.connect(parts.home.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert (
            report(
                Progress(phase=decode_phase("customer"), counts=Counts(), totals=ExpectedCounts(), unread={"0009": 1})
            )
            is False
        )

        def let_go(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 2:
                other.execute("ROLLBACK")

        patient = msgspec.structs.replace(services.runtime, wait=let_go)
        end_run(msgspec.structs.replace(services, runtime=patient), run.id, "done", Counts(), code=None)
    kept = parts.journal.run(run.id)
    assert kept is not None
    assert (kept.state, len(waits)) == ("done", 2)


def test_a_run_that_waits_for_the_journal_heeds_a_signal(parts: composition.AgentContext) -> None:
    parts.journal.close()
    parts = msgspec.structs.replace(parts, journal=Journal(parts.home.journal, busy=timedelta(milliseconds=10)))
    waits: list[float] = []
    services = composition.run_services(parts)
    services = msgspec.structs.replace(
        services,
        runtime=msgspec.structs.replace(services.runtime, wait=waits.append),
        listen_for_stop=lambda: nullcontext(lambda: len(waits) == 2),
    )
    with closing(sqlite3.connect(parts.home.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TemporaryError) as told:
            execute_run(services, AURORA, RunRequest())
    assert (told.value.code, len(waits)) == ("file_in_use", 2)


def test_a_lock_that_cannot_be_opened_leaves_the_others_their_slots(house: AgentHome) -> None:
    house.journal.connections.save(msgspec.structs.replace(AURORA, name="filial"))
    run = house.journal.enqueue_run("filial", EVERYTHING, "command", house.clock())
    house.journal.start_run(run.id, house.clock(), 1)
    (house.home.locks / "filial.lock").mkdir()  # as another account's file would be
    saved(house)
    house.clock.at(9, 0)
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    finished(house, clockwork, 1)
    assert house.runs() == [("slot", "done")]


def run_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


@pytest.fixture
def dead(parts: composition.AgentContext, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A home without an agent, where a command was killed."""
    monkeypatch.setenv("OMNISYNC_HOME", str(parts.home.path))
    run = parts.journal.enqueue_run("producao", EVERYTHING, "command", composition.clock())
    parts.journal.start_run(run.id, composition.clock(), 1)
    return parts.journal


def test_without_an_agent_a_killed_run_is_shown_as_interrupted(
    dead: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Interrompida" in run_command(capsys, "runs")[1]
    assert dead.current_run("producao") is None


def test_without_an_agent_a_connection_whose_run_was_killed_can_be_removed(
    dead: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(capsys, "connection", "remove", "--connection", "producao", "--yes")[0] == 0


@pytest.mark.parametrize("token", ["segredo\x00CANARIO", "segrédo-CANARIO", "\ufeffCANARIO", "CA NARIO"])
def test_a_token_no_header_takes_is_refused_and_not_shown(
    parts: composition.AgentContext, token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.secrets.put(AURORA, "hub_token", Secret(token))
    with pytest.raises(BadTokenError):
        composition.hub_client(parts, AURORA)
    monkeypatch.setenv("OMNISYNC_HOME", str(parts.home.path))
    status, said = run_command(capsys, "connection", "test", "--verbose")
    assert status == 1
    assert "A chave de acesso não foi aceita" in said
    assert "CANARIO" not in said


def test_a_secret_finds_a_place_where_the_file_was_garbled(parts: composition.AgentContext) -> None:
    parts.home.secrets.write_text('{"producao": {"hub_tok')
    parts.secrets.put(AURORA, "hub_token", Secret("novo"))
    assert parts.secrets.get(AURORA, "hub_token") == Secret("novo")
    assert parts.home.secrets.with_name("secrets.json.corrompido").exists()
    assert stat.S_IMODE(parts.home.secrets.stat().st_mode) == 0o600


def test_a_clock_hours_ahead_silences_no_slot_once_it_is_right(house: AgentHome) -> None:
    saved(house)
    house.clock.at(20, 15)
    clockwork = house.scheduler(DONE)
    clockwork.tick()
    finished(house, clockwork, 1)
    house.clock.at(8, 15)
    clockwork.tick()
    finished(house, clockwork, 2)
    assert house.runs() == [("slot", "done"), ("slot", "done")]


def test_a_schedule_saved_with_the_clock_hours_ahead_runs_today() -> None:
    day = TUESDAY.date()
    now = TUESDAY + timedelta(hours=8, minutes=15)
    ahead = now + timedelta(hours=12)
    found = due(Schedule(), saved_at=ahead, served=None, since=now, now=now, zone=SAO_PAULO)
    assert found == Slot(day, now.time())


def test_a_schedule_that_was_switched_off_tries_nothing_again(house: AgentHome) -> None:
    saved(house)
    house.clock.at(9, 0)
    clockwork = house.scheduler(UNREACHABLE)
    clockwork.tick()
    finished(house, clockwork, 1)
    house.clock.at(9, 5)
    house.journal.connections.save_schedule("producao", Schedule(is_active=False), house.clock())
    house.is_hub_there = True
    clockwork.reconnect()
    assert (house.runs(), house.probed) == ([("slot", "failed")], [])


def test_a_lock_that_is_kept_is_worth_another_try(tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / "journal.lock"),
        closing(Journal(tmp_path / "journal.db", busy=timedelta(milliseconds=100))) as journal,
        pytest.raises(TemporaryError),
    ):
        journal.connections.all()


def test_a_gap_that_ends_with_the_day_loses_no_slot() -> None:
    nuuk = ZoneInfo("America/Nuuk")
    schedule = Schedule(start_hour=23, start_minute=30, every_minutes=0)
    now = saved_at = datetime(2026, 3, 27, 12, tzinfo=UTC)
    ran: list[Slot] = []
    while now < saved_at + timedelta(days=3):
        now += timedelta(minutes=1)
        served = max((slot for slot in ran if slot.on == now.astimezone(nuuk).date()), default=None)
        slot = due(schedule, saved_at=saved_at, served=served, since=saved_at, now=now, zone=nuuk)
        ran += [slot] if slot is not None else []
    assert [slot.on.day for slot in ran] == [27, 28, 29]


def test_the_journal_is_of_the_account_alone_in_a_folder_that_was_there(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        with closing(Journal(Home(tmp_path).prepare().journal)) as journal:
            journal.connections.save(AURORA)
            assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("journal*")} == {0o600}
    finally:
        os.umask(before)


def test_the_next_runs_say_when_a_slot_of_a_gap_comes() -> None:
    nightly = Schedule(start_hour=0, start_minute=15, every_minutes=0)
    first = schedule_text.upcoming_runs(nightly, datetime(2018, 11, 4, 1, tzinfo=UTC), SAO_PAULO)[0]
    assert first.hour == "01:00"


def test_the_hour_in_a_refusal_is_of_the_programs_zone(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "journal.db", zone="Asia/Tokyo")) as journal:
        journal.connections.save(msgspec.structs.replace(AURORA, zone=None))
        journal.enqueue_run("producao", EVERYTHING, "button", datetime(2026, 11, 24, 12, tzinfo=UTC))
        with pytest.raises(RunInProgressError) as refused:
            journal.connections.remove("producao")
        assert refused.value.words == {"hora": "21:00"}
