"""Start runs without a click: slots, one catch-up for those missed, and a retry when the hub is back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, tzinfo
from threading import Event, Thread

from msgspec import Struct

from omnisync.agent.config.connection import Connection
from omnisync.agent.errors import OmnisyncError, RunInProgressError
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.run import Run, RunScope
from omnisync.agent.schedule import Schedule, Slot, due, missed
from omnisync.agent.scheduler.processes import POLL_EVERY, ProcessSupervisor

PROBE_EVERY = timedelta(minutes=1)
LATE = timedelta(minutes=1)
"""A slot served later than this after its moment is a catch-up."""
SETTLING = timedelta(minutes=1)
"""From the program's start or the machine's waking until a catch-up: the network comes back first."""
ASLEEP = timedelta(seconds=30)
"""Between two looks, a second apart, only a machine that slept or a clock that was set has so much."""
UNREACHABLE = frozenset({"hub_unreachable", "hub_other_page"})

log = logging.getLogger(__name__)


class Offline(Struct, frozen=True):
    """A connection whose hub does not answer: since when, how often it was asked, when it is asked again."""

    since: datetime
    n_tries: int
    next_try_at: datetime


class Scheduler:
    """Starts runs by the schedule and after outages. Never two at once for a connection: slots that pass meanwhile
    become one.

    `zone_of` is asked at every look, since the machine's zone may change. `probe` answers whether a connection's hub
    is there; it may take its time, and does not raise.
    """

    def __init__(
        self,
        journal: Journal,
        supervisor: ProcessSupervisor,
        *,
        clock: Callable[[], datetime],
        zone_of: Callable[[Connection], tzinfo],
        probe: Callable[[Connection], bool],
    ) -> None:
        self._journal = journal
        self._supervisor = supervisor
        self._clock = clock
        self._zone_of = zone_of
        self._probe = probe
        self._ticked_at: datetime | None = None
        self._awake_since: datetime | None = None
        self._offline: dict[str, Offline] = {}
        self._ended = Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        """Look each second and ask missing hubs each minute, until `shutdown`."""
        for action, every in ((self.tick, POLL_EVERY), (self.reconnect, PROBE_EVERY)):
            thread = Thread(target=run_every, args=(action, every, self._ended.wait), name=action.__name__, daemon=True)
            thread.start()
            self._threads.append(thread)

    def shutdown(self) -> None:
        """Start nothing any more, and end the runs that are going."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=POLL_EVERY.total_seconds())  # a probe may be waiting for its answer: it dies with us
        self._supervisor.shutdown()

    def tick(self) -> None:
        """Close what ended, then serve the slot that is due of each connection."""
        self._supervisor.poll()
        now = self._clock()
        awake_since = self._note_tick(now)
        for connection in self._journal.connections.all():
            with _log_and_continue(connection.name):
                self._serve(connection, now, awake_since)

    def reconnect(self) -> None:
        """Ask each hub that could not be reached; start one run of the same scope where it answers."""
        for connection in self._journal.connections.all():
            with _log_and_continue(connection.name):
                self._reconnect_one(connection)

    def offline(self, connection_name: str) -> Offline | None:
        """Return since when the hub has not answered; None when it did, or was not asked."""
        return self._offline.get(connection_name)

    def _note_tick(self, now: datetime) -> datetime:
        """Return since when the program has been awake. History is tidied whenever it wakes and once a day."""
        before, self._ticked_at = self._ticked_at, now
        if before is None or before.date() != now.date():
            self._journal.prune(now)
        if self._awake_since is None or before is None or not timedelta() <= now - before <= ASLEEP:
            self._awake_since = now
        return self._awake_since

    def _serve(self, connection: Connection, now: datetime, awake_since: datetime) -> None:
        schedule = self._journal.connections.schedule(connection.name)
        saved_at = self._journal.connections.schedule_saved_at(connection.name)
        if schedule is None or saved_at is None:
            return
        zone = self._zone_of(connection)
        served = self._last_served(connection.name, now, zone)
        since = min(awake_since, now - LATE)
        slot = due(schedule, saved_at=saved_at, served=served, since=since, now=now, zone=zone)
        if slot is None:
            slot = missed(schedule, saved_at=saved_at, served=served, now=now, zone=zone)
        if slot is None:
            return
        is_late = now - slot.moment(zone) > LATE
        is_settled = now - awake_since >= SETTLING
        if (is_settled or not is_late) and not self._supervisor.is_locked(connection.name):  # a rehearsal has no row
            with suppress(RunInProgressError):  # the slot stays for when that run ends
                self._begin(connection.name, schedule, slot, now, is_late=is_late)

    def _last_served(self, connection_name: str, now: datetime, zone: tzinfo) -> Slot | None:
        """Return the newest slot that was served. One that has not come yet was served by a clock that was ahead: it
        silences no other.
        """
        today = now.astimezone(zone).date()
        of_today = self._journal.served_slots(connection_name, today)
        came = [slot for slot in of_today if slot.moment(zone) <= now]
        return max(came, default=None) or self._journal.last_served_slot(connection_name, before=today)

    def _begin(self, connection_name: str, schedule: Schedule, slot: Slot, now: datetime, *, is_late: bool) -> None:
        scope = RunScope(
            kind="both" if schedule.imports else "export",
            systems=schedule.systems,
            establishments=() if schedule.establishments == "all" else schedule.establishments,
        )
        run = self._journal.claim_slot(connection_name, slot, scope, "catch_up" if is_late else "slot", now)
        if run is not None:
            self._supervisor.spawn(run)

    def _reconnect_one(self, connection: Connection) -> None:
        if self._journal.current_run(connection.name) is not None:
            return
        run = self._journal.last_run(connection.name)
        if run is None or not _lost_the_hub(run) or self._was_switched_off_since(run):
            self._offline.pop(connection.name, None)
        elif self._probe(connection):
            self._supervisor.start(connection.name, run.scope, "retry")
        else:
            self._offline[connection.name] = self._next_try(run)

    def _was_switched_off_since(self, run: Run) -> bool:
        """Return whether the schedule was, by a person: then only buttons start something, as the page says."""
        schedule = self._journal.connections.schedule(run.connection)
        saved_at = self._journal.connections.schedule_saved_at(run.connection)
        return schedule is not None and saved_at is not None and not schedule.is_active and saved_at >= run.asked_at

    def _next_try(self, run: Run) -> Offline:
        before = self._offline.get(run.connection)
        since, n_tries = (before.since, before.n_tries) if before else (run.asked_at, 0)
        return Offline(since, n_tries + 1, self._clock() + PROBE_EVERY)


def run_every(action: Callable[[], None], every: timedelta, wait: Callable[[float], bool]) -> None:
    """Do it again and again, until `wait` answers that the program ends."""
    while not wait(every.total_seconds()):
        with _log_and_continue(action.__name__):
            action()


def _lost_the_hub(run: Run) -> bool:
    """Return whether it is ours to try again: who typed the command sees it fail and decides."""
    return run.state == "failed" and run.code in UNREACHABLE and run.origin != "command"


@contextmanager
def _log_and_continue(what: str) -> Iterator[None]:
    """Log a failed tick and go on: the next one comes in a second."""
    try:
        yield
    except OmnisyncError as error:
        log.warning("%s: %s", what, error.code)
    except Exception:  # noqa: BLE001 - the top of a thread that must not die: no slot would start any more
        log.exception("%s", what)
