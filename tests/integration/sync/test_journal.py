"""What the agent remembers, over threads, processes, corrupt files and clocks that jump."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from omnisync.agent.config.connection import Connection, ErpAddress, HubAddress
from omnisync.agent.errors import (
    NotConfiguredError,
    RunInProgressError,
    SettingsError,
    SetupError,
    StoppedError,
    TemporaryError,
)
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.journal_file import MIGRATIONS
from omnisync.agent.journal.run import EVERYTHING, Run, RunScope
from omnisync.agent.messages import sentences
from omnisync.agent.phase import Phase, decode_phase
from omnisync.agent.progress import Counts, ExpectedCounts, RowCounts
from omnisync.agent.record_ref import RecordRef
from omnisync.agent.schedule import Schedule, Slot

NOON = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
AURORA = Connection(
    name="producao",
    hub=HubAddress("https://hub.example"),
    erp=ErpAddress(database="erp.db"),
    zone="America/Sao_Paulo",
)
SLOT = Slot(date(2026, 11, 24), time(12))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with closing(Journal(path)) as opened:
        opened.connections.save(AURORA)
        yield opened


def ask(journal: Journal, minutes: int = 0) -> Run:
    return journal.enqueue_run("producao", EVERYTHING, "button", NOON + timedelta(minutes=minutes))


def orders(n_written: int, n_refused: int = 0) -> Counts:
    return Counts(orders=RowCounts(written=n_written, refused=n_refused))


# connections and notes


def test_a_connection_is_remembered_as_it_was_saved(journal: Journal) -> None:
    changed = msgspec.structs.replace(AURORA, company="aurora")
    journal.connections.save(changed)
    assert (journal.connections.all(), journal.connections.get("producao")) == ((changed,), changed)


def test_an_unknown_connection_is_named(journal: Journal) -> None:
    with pytest.raises(NotConfiguredError) as caught:
        journal.connections.get("outra")
    assert caught.value.words == {"nome": "outra"}


CALLS: dict[str, Callable[[Journal], object]] = {
    "schedule": lambda journal: journal.connections.save_schedule("outra", Schedule(), NOON),
    "run": lambda journal: journal.enqueue_run("outra", EVERYTHING, "button", NOON),
    "slot": lambda journal: journal.claim_slot("outra", SLOT, EVERYTHING, "slot", NOON),
    "mapping": lambda journal: journal.decisions.save_mappings("outra", "seller", {"1": "2"}),
    "confirmation": lambda journal: journal.decisions.request_confirmation("outra", "product", 9, NOON),
    "event": lambda journal: journal.connections.add_event("outra", "connection_changed", NOON),
    "removal": lambda journal: journal.connections.remove("outra"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_is_kept_for_a_connection_that_does_not_exist(
    journal: Journal, call: Callable[[Journal], object]
) -> None:
    with pytest.raises(NotConfiguredError):
        call(journal)


def test_a_removed_connection_takes_its_schedule_and_history_along(journal: Journal) -> None:
    journal.connections.save_schedule("producao", Schedule(), NOON)
    journal.end_run(ask(journal).id, "done", NOON)
    journal.connections.remove("producao")
    journal.connections.save(AURORA)
    assert (journal.connections.schedule("producao"), journal.runs("producao", 10)) == (None, ())


def test_a_connection_with_a_run_going_is_not_removed(journal: Journal) -> None:
    ask(journal)
    with pytest.raises(RunInProgressError):
        journal.connections.remove("producao")
    assert journal.connections.all() == (AURORA,)


def test_saving_a_connection_again_keeps_its_schedule(journal: Journal) -> None:
    journal.connections.save_schedule("producao", Schedule(), NOON)
    journal.connections.save(AURORA)
    assert journal.connections.schedule("producao") == Schedule()


def test_what_people_changed_is_remembered_newest_first(journal: Journal) -> None:
    journal.connections.add_event("producao", "connection_changed", NOON)
    journal.connections.save_schedule("producao", Schedule(), NOON + timedelta(minutes=1))
    journal.connections.save_schedule("producao", Schedule(is_active=False), NOON + timedelta(minutes=2))
    events = journal.connections.events("producao", 10)
    assert [event.code for event in events] == ["schedule_off", "schedule_on", "connection_changed"]
    assert events[-1].at == NOON


def test_orders_nobody_reads_are_remembered_as_the_hub_last_said(journal: Journal) -> None:
    assert journal.connections.unread_orders("producao") == {}
    journal.connections.save_unread_orders("producao", {"0009": 3, "0008": 1})
    assert journal.connections.unread_orders("producao") == {"0008": 1, "0009": 3}
    journal.connections.save_unread_orders("producao", {"0009": 2})
    assert journal.connections.unread_orders("producao") == {"0009": 2}
    journal.connections.remove("producao")
    journal.connections.save(AURORA)
    assert journal.connections.unread_orders("producao") == {}


def test_orders_nobody_reads_of_a_connection_the_journal_lost_are_passed_over(journal: Journal) -> None:
    journal.connections.save_unread_orders("outra", {"0009": 3})
    assert journal.connections.unread_orders("outra") == {}


def test_a_note_is_the_last_that_was_set(journal: Journal) -> None:
    assert journal.get_meta("csrf") is None
    journal.set_meta("csrf", "a")
    journal.set_meta("csrf", "b")
    assert journal.get_meta("csrf") == "b"


# schedule and slots


def test_a_schedule_that_was_never_saved_is_none(journal: Journal) -> None:
    assert (journal.connections.schedule("producao"), journal.connections.schedule_saved_at("producao")) == (None, None)


def test_a_saved_schedule_says_when(journal: Journal) -> None:
    journal.connections.save_schedule("producao", Schedule(every_hours=7), NOON.astimezone(SAO_PAULO))
    assert journal.connections.schedule("producao") == Schedule(every_hours=7)
    assert journal.connections.schedule_saved_at("producao") == NOON


def test_a_wrong_schedule_is_not_saved(journal: Journal) -> None:
    with pytest.raises(SettingsError) as caught:
        journal.connections.save_schedule("producao", Schedule(days=()), NOON)
    assert caught.value.code == "schedule_no_day"
    assert journal.connections.schedule("producao") is None


def test_a_slot_is_served_once(journal: Journal) -> None:
    run = journal.claim_slot("producao", SLOT, RunScope(establishments=("0001",)), "slot", NOON)
    assert run is not None
    assert (run.origin, run.scope.establishments, run.state) == ("slot", ("0001",), "waiting")
    journal.end_run(run.id, "done", NOON)
    assert journal.claim_slot("producao", SLOT, EVERYTHING, "slot", NOON) is None
    assert journal.served_slots("producao", SLOT.on) == (SLOT,)


def test_a_slot_that_meets_a_run_stays_to_be_served(journal: Journal) -> None:
    run = ask(journal)
    with pytest.raises(RunInProgressError):
        journal.claim_slot("producao", SLOT, EVERYTHING, "slot", NOON)
    journal.end_run(run.id, "done", NOON)
    assert journal.served_slots("producao", SLOT.on) == ()
    assert journal.claim_slot("producao", SLOT, EVERYTHING, "catch_up", NOON) is not None


def test_the_served_are_of_the_day_asked_in_order(journal: Journal) -> None:
    for at in (time(12), time(9, 5)):
        run = journal.claim_slot("producao", Slot(SLOT.on, at), EVERYTHING, "slot", NOON)
        assert run is not None
        journal.end_run(run.id, "done", NOON)
    assert journal.served_slots("producao", SLOT.on) == (Slot(SLOT.on, time(9, 5)), Slot(SLOT.on, time(12)))
    assert journal.served_slots("producao", SLOT.on + timedelta(days=1)) == ()


# runs


def test_a_run_is_told_from_asking_to_ending(journal: Journal) -> None:
    scope = RunScope(
        systems=("omniforce",), establishments=("0001",), records=(RecordRef("order", "ord_1"),), resends_refused=True
    )
    run = journal.enqueue_run("producao", scope, "retry", NOON)
    started = journal.start_run(run.id, NOON + timedelta(seconds=1), 42)
    assert (started.state, started.pid, started.scope) == ("running", 42, scope)
    assert (
        journal.heartbeat(
            run.id,
            NOON + timedelta(seconds=2),
            orders(3),
            ExpectedCounts(orders=5),
            Phase(stage="order", establishment="0001"),
            rate=2.5,
        )
        is False
    )
    beating = journal.current_run("producao")
    assert beating is not None
    assert (beating.counts, beating.totals, beating.phase, beating.rate) == (
        orders(3),
        ExpectedCounts(orders=5),
        Phase(stage="order", establishment="0001"),
        2.5,
    )
    assert journal.end_run(run.id, "done_with_refusals", NOON + timedelta(seconds=5), orders(4, 1))
    ended = journal.last_run("producao")
    assert ended is not None
    assert (ended.state, ended.counts, ended.duration) == ("done_with_refusals", orders(4, 1), timedelta(seconds=4))
    assert journal.current_run("producao") is None
    assert journal.run(run.id) == ended


def test_a_second_run_is_refused_and_told_since_when(journal: Journal) -> None:
    ask(journal)
    with pytest.raises(RunInProgressError) as caught:
        ask(journal, 1)
    assert caught.value.words == {"hora": "12:00"}


def test_connections_run_side_by_side(journal: Journal) -> None:
    journal.connections.save(msgspec.structs.replace(AURORA, name="outra"))
    ask(journal)
    assert journal.enqueue_run("outra", EVERYTHING, "button", NOON).state == "waiting"


def test_a_run_asked_to_stop_hears_it_with_its_beat(journal: Journal) -> None:
    run = journal.start_run(ask(journal).id, NOON, 42)
    journal.request_stop(run.id)
    assert journal.heartbeat(run.id, NOON, Counts(), ExpectedCounts(), decode_phase("")) is True
    stopping = journal.run(run.id)
    assert stopping is not None
    assert (stopping.state, stopping.stop_asked) == ("cancelling", True)


def test_a_run_asked_to_stop_before_it_began_begins_cancelling(journal: Journal) -> None:
    run = ask(journal)
    journal.request_stop(run.id)
    assert journal.start_run(run.id, NOON, 42).state == "cancelling"


def test_an_ended_run_stays_as_it_ended(journal: Journal) -> None:
    run = ask(journal)
    assert journal.end_run(run.id, "failed", NOON, code="hub_unreachable", words={"n": 3, "nada": None})
    assert not journal.end_run(run.id, "interrupted", NOON)
    journal.request_stop(run.id)
    with pytest.raises(StoppedError):
        journal.start_run(run.id, NOON, 42)
    assert journal.heartbeat(run.id, NOON, orders(9), ExpectedCounts(), decode_phase("")) is True
    ended = journal.run(run.id)
    assert ended is not None
    assert (ended.state, ended.code, ended.words, ended.counts) == ("failed", "hub_unreachable", {"n": "3"}, Counts())


def test_a_run_is_carried_by_one_process(journal: Journal) -> None:
    run = journal.start_run(ask(journal).id, NOON, 42)
    with pytest.raises(StoppedError):
        journal.start_run(run.id, NOON, 43)


def test_a_run_the_journal_lost_goes_on(journal: Journal) -> None:
    assert journal.heartbeat("run_unknown", NOON, Counts(), ExpectedCounts(), Phase()) is False


def test_ending_without_counts_keeps_those_of_the_last_beat(journal: Journal) -> None:
    run = ask(journal)
    journal.heartbeat(run.id, NOON, orders(7), ExpectedCounts(), Phase(stage="order", establishment="0001"))
    journal.end_run(run.id, "interrupted", NOON)
    ended = journal.run(run.id)
    assert ended is not None
    assert ended.counts == orders(7)


def test_a_run_nobody_carries_becomes_interrupted_with_its_slot_free(journal: Journal) -> None:
    run = ask(journal)
    assert journal.close_orphaned_run("producao", NOON, lambda _: True) is None
    marked = journal.close_orphaned_run("producao", NOON, lambda _: False)
    assert marked is not None
    assert marked.id == run.id
    assert ask(journal).state == "waiting"
    last = journal.last_run("producao")
    assert last is not None
    assert last.state == "interrupted"


def test_history_is_read_newest_first_page_by_page(journal: Journal) -> None:
    ids: list[str] = []
    for n in range(5):
        run = ask(journal, n)
        journal.end_run(run.id, "done", NOON)
        ids.insert(0, run.id)
    first = journal.runs("producao", 2)
    rest = journal.runs("producao", 10, before=first[-1].id)
    assert [run.id for run in first + rest] == ids


def test_a_clock_set_back_makes_no_duration_negative(journal: Journal) -> None:
    run = journal.start_run(ask(journal).id, NOON, 42)
    journal.end_run(run.id, "done", NOON - timedelta(hours=2))
    ended = journal.run(run.id)
    assert ended is not None
    assert ended.duration == timedelta()


def test_days_are_those_of_the_wall(journal: Journal) -> None:
    at_night = NOON.replace(hour=2)  # 23:00 of the day before in São Paulo
    for moment, state in ((at_night, "failed"), (NOON, "done"), (NOON, "done")):
        run = journal.enqueue_run("producao", EVERYTHING, "slot", moment)
        journal.end_run(run.id, "failed" if state == "failed" else "done", moment, orders(10))
    first, second = journal.days("producao", date(2026, 11, 11), SAO_PAULO)
    assert (first.on, first.n_runs, first.n_failed) == (date(2026, 11, 23), 1, 1)
    assert (second.on, second.n_runs, second.n_failed, second.counts) == (date(2026, 11, 24), 2, 0, orders(20))
    assert [day.on for day in journal.days("producao", date(2026, 11, 24), SAO_PAULO)] == [date(2026, 11, 24)]


def test_what_is_older_than_ninety_days_is_forgotten_but_not_a_run_that_is_going(journal: Journal) -> None:
    journal.end_run(ask(journal).id, "done", NOON)
    taken = journal.claim_slot("producao", SLOT, EVERYTHING, "slot", NOON)
    filial = msgspec.structs.replace(AURORA, name="filial")
    journal.connections.save(filial)
    for days, n_left in ((89, 2), (91, 1)):
        later = NOON + timedelta(days=days)
        newest = journal.enqueue_run(filial.name, EVERYTHING, "button", later)
        journal.end_run(newest.id, "done", later)
        journal.prune(later)
        assert len(journal.runs("producao", 10)) == n_left
    assert journal.runs("producao", 10) == (taken,)
    assert (journal.connections.events("producao", 10), journal.served_slots("producao", SLOT.on)) == ((), ())


def test_a_clock_that_was_ahead_for_a_moment_forgets_nothing(journal: Journal) -> None:
    run = journal.claim_slot("producao", SLOT, EVERYTHING, "slot", NOON)
    assert run is not None
    journal.end_run(run.id, "done", NOON)
    journal.prune(NOON + timedelta(days=100))
    assert len(journal.runs("producao", 10)) == 1
    assert journal.served_slots("producao", SLOT.on) == (SLOT,)


def test_runs_beyond_the_newest_ten_thousand_are_forgotten(journal: Journal, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 10005)"
            " INSERT INTO run (connection, kind, origin, systems, establishments, ids, asked_at, ended_at, state)"
            " SELECT 'producao', 'import', 'slot', X'22616C6C22', X'5B5D', X'5B5D', ?, ?, 'done' FROM k",
            (NOON.isoformat(), NOON.isoformat()),
        )
    journal.prune(NOON)
    assert len(journal.runs("producao", 20_000)) == 10_000


# threads, processes and trouble


def test_many_threads_ask_and_one_run_is_made(journal: Journal) -> None:
    made: list[str] = []

    def click() -> None:
        try:
            made.append(ask(journal).id)
        except RunInProgressError:
            made.append("in progress")

    clicks = [threading.Thread(target=click) for _ in range(8)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert made.count("in progress") == 7


def test_many_processes_take_one_slot_and_one_run_is_made(journal: Journal, path: Path) -> None:
    script = f"""
from datetime import UTC, date, datetime, time
from pathlib import Path
from omnisync.agent.errors import RunInProgressError
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.run import EVERYTHING
from omnisync.agent.schedule import Slot
journal = Journal(Path({str(path)!r}))
noon = datetime(2026, 11, 24, 15, tzinfo=UTC)
try:
    run = journal.claim_slot("producao", Slot(date(2026, 11, 24), time(12)), EVERYTHING, "slot", noon)
except RunInProgressError:
    run = None
print(run is not None)
"""
    takers = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [taker.communicate(timeout=60)[0].strip() for taker in takers]
    assert sorted(said) == ["False", "False", "True"]
    assert len(journal.runs("producao", 10)) == 1


def test_processes_that_make_the_journal_at_once_make_one(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    script = f"""
from pathlib import Path
from omnisync.agent.journal.journal import Journal
Journal(Path({str(path)!r})).set_meta("a", "b")
"""
    makers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [maker.wait(timeout=60) for maker in makers] == [0, 0, 0]
    with closing(Journal(path)) as journal:
        assert (journal.get_meta("a"), journal.notices()) == ("b", ())


def test_a_journal_another_process_keeps_is_worth_another_try(journal: Journal, path: Path) -> None:
    busy = timedelta(milliseconds=50)
    with closing(Journal(path, busy=busy)) as hurried, closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert hurried.connections.all() == (AURORA,)
        other.execute("BEGIN IMMEDIATE")
        assert hurried.connections.all() == (AURORA,)
        with pytest.raises(TemporaryError):
            hurried.set_meta("a", "b")
        other.execute("ROLLBACK")
        hurried.set_meta("a", "b")


@pytest.mark.parametrize("rubbish", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_corrupt_journal_is_moved_aside_and_built_anew(path: Path, rubbish: bytes) -> None:
    path.write_bytes(rubbish)
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    with closing(Journal(path)) as journal:
        assert journal.connections.all() == ()
        journal.connections.save(AURORA)
        [notice] = journal.notices()
    kept = path.with_name("journal.db.corrompido-2026-11-24T150000")
    assert kept.read_bytes() == rubbish
    assert (notice.code, notice.words, notice.at) == ("journal_rebuilt", {"arquivo": kept.name}, NOON)


def test_a_journal_that_breaks_while_in_use_is_built_anew(journal: Journal, path: Path) -> None:
    journal.close()
    with closing(Journal(path)) as used:
        assert used.connections.all() == (AURORA,)
        with path.open("r+b") as file:
            file.seek(0)
            file.write(b"\xff" * path.stat().st_size)
        assert used.runs("producao", 10) == ()  # not read before: SQLite still holds what it has read
        assert used.connections.all() == (AURORA,)  # from their copy
        assert [notice.code for notice in used.notices()] == ["journal_restored"]


def test_another_process_finds_the_new_journal_after_one_was_moved_aside(journal: Journal, path: Path) -> None:
    assert journal.connections.all() == (AURORA,)
    path.replace(path.with_suffix(".moved"))
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    with closing(Journal(path)) as other:
        other.set_meta("a", "b")
    assert (journal.get_meta("a"), journal.connections.all()) == ("b", ())


def test_a_journal_of_an_older_program_is_brought_up_to_date(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
        db.execute("INSERT INTO note VALUES ('a', 'b')")
        db.commit()
    with closing(Journal(path)) as journal:
        journal.connections.save(AURORA)
        journal.connections.save_unread_orders("producao", {"0009": 3})
        assert (journal.get_meta("a"), journal.connections.unread_orders("producao")) == ("b", {"0009": 3})


def test_a_journal_of_a_newer_program_is_refused_and_left_alone(journal: Journal, path: Path) -> None:
    journal.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with closing(Journal(path)) as older, pytest.raises(SettingsError):
        older.connections.all()
    assert not list(path.parent.glob("*.corrompido-*"))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "nowhere" / "journal.db")) as journal, pytest.raises(SetupError) as caught:
        journal.connections.all()
    assert (caught.value.code, caught.value.words) == ("folder_read_only", {"pasta": tmp_path / "nowhere"})


# answers


def test_de_para_is_kept_by_connection_and_group(journal: Journal) -> None:
    journal.connections.save(msgspec.structs.replace(AURORA, name="outra"))
    journal.decisions.save_mappings("producao", "seller", {"12": "V012", "13": "V013"})
    journal.decisions.save_mappings("producao", "seller", {"12": "V112", "13": None, "14": None})
    journal.decisions.save_mappings("outra", "seller", {"12": "X"})
    assert journal.decisions.mappings("producao") == {"seller": {"12": "V112"}}
    journal.connections.remove("producao")
    left = [journal.decisions.mappings(name) for name in ("producao", "outra")]
    assert left == [{}, {"seller": {"12": "X"}}]


def test_a_confirmation_is_of_the_number_that_was_seen(journal: Journal) -> None:
    answers = journal.decisions
    answers.request_confirmation("producao", "product", 120, NOON)
    assert not answers.is_confirmed("producao", "product", 120)
    assert not answers.confirm("producao", "product", 119, NOON)
    assert answers.confirm("producao", "product", 120, NOON)
    assert answers.is_confirmed("producao", "product", 100)
    assert not answers.is_confirmed("producao", "product", 121)
    [asked] = answers.confirmations("producao")
    assert (asked.dataset, asked.n, asked.confirmed_at) == ("product", 120, NOON)


def test_another_number_than_was_confirmed_is_asked_anew(journal: Journal) -> None:
    answers = journal.decisions
    answers.request_confirmation("producao", "product", 120, NOON)
    answers.confirm("producao", "product", 120, NOON)
    answers.request_confirmation("producao", "product", 120, NOON)
    assert answers.is_confirmed("producao", "product", 120)
    answers.request_confirmation("producao", "product", 90, NOON)
    assert not answers.is_confirmed("producao", "product", 90)
    answers.request_confirmation("producao", "product", 500, NOON)
    assert not answers.is_confirmed("producao", "product", 90)
    answers.end_confirmation("producao", "product")
    assert answers.confirmations("producao") == ()


def _damage(path: Path) -> None:
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    path.write_bytes(b"lixo" * 2000)


def test_case_c3_connections_schedules_and_mappings_outlive_a_damaged_journal(journal: Journal, path: Path) -> None:
    journal.connections.save(msgspec.structs.replace(AURORA, name="filial"))
    journal.connections.save_schedule("producao", Schedule(is_active=True), NOON)
    journal.decisions.save_mappings("producao", "seller", {"V1": "17", "V2": "18"})
    journal.decisions.save_mappings("producao", "seller", {"V2": None})
    journal.connections.save(msgspec.structs.replace(AURORA, name="antiga"))
    journal.connections.remove("antiga")
    before = journal.connections.all()
    journal.close()
    _damage(path)
    with closing(Journal(path)) as again:
        assert again.connections.all() == before
        assert again.connections.schedule("producao") == Schedule(is_active=True)
        assert again.connections.schedule_saved_at("producao") == NOON
        assert again.connections.schedule("filial") is None
        assert again.decisions.mappings("producao") == {"seller": {"V1": "17"}}
        [notice] = again.notices()
    assert (notice.code, notice.words["conexoes"]) == ("journal_restored", "filial, producao")
    assert "voltaram da cópia" in sentences.of_code(notice.code, **notice.words)
    copy = path.with_name("journal.settings.json")
    assert copy.stat().st_mode & 0o777 == 0o600


def test_case_c3_a_journal_of_an_older_version_gets_its_copy_with_the_next_run(journal: Journal, path: Path) -> None:
    copy = path.with_name("journal.settings.json")
    copy.unlink()
    journal.start_run(journal.enqueue_run("producao", EVERYTHING, "command", NOON).id, NOON, 1)
    journal.close()
    _damage(path)
    with closing(Journal(path)) as again:
        assert again.connections.all() == (AURORA,)


@pytest.mark.parametrize("copy", [None, b"", b"{", b"[1]", b"\xff"])
def test_without_a_sound_copy_the_journal_begins_empty_and_says_so(
    journal: Journal, path: Path, copy: bytes | None
) -> None:
    kept = path.with_name("journal.settings.json")
    kept.write_bytes(copy) if copy is not None else kept.unlink()
    journal.close()
    _damage(path)
    with closing(Journal(path)) as again:
        assert again.connections.all() == ()
        assert [notice.code for notice in again.notices()] == ["journal_rebuilt"]
