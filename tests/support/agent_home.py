"""One agent's home, its clock moved by hand, and the scripts that stand in for runs."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from omnisync.agent.config.connection import Connection, ErpAddress, HubAddress
from omnisync.agent.config.settings import Home
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.run import Run
from omnisync.agent.schedule import Schedule
from omnisync.agent.scheduler.processes import ProcessSupervisor
from omnisync.agent.scheduler.scheduler import Scheduler

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
AURORA = Connection(
    name="producao",
    hub=HubAddress("https://hub.example"),
    erp=ErpAddress(database="erp.db"),
    zone="America/Sao_Paulo",
)
TUESDAY = datetime(2026, 11, 24, tzinfo=SAO_PAULO)
SOON = timedelta(seconds=20)

HEAD = """
import os, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from omnisync.agent.progress import Counts, RowCounts, ExpectedCounts
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.connection_lock import connection_lock
from omnisync.agent.config.settings import Home
from omnisync.agent.phase import Phase
home = Home(Path(os.environ["OMNISYNC_HOME"]))
command, _, run_id, _, name = sys.argv[1:]
journal = Journal(home.journal)
now = lambda: datetime.now(UTC)
orders = lambda n: Counts(orders=RowCounts(written=n))
print("olá", command, name, flush=True)
"""
ENDS = "with connection_lock(home, name):\n journal.start_run(run_id, now(), os.getpid())\n "
DONE = HEAD + ENDS + "journal.end_run(run_id, 'done', now(), orders(3))"
UNREACHABLE = HEAD + ENDS + "journal.end_run(run_id, 'failed', now(), code='hub_unreachable')"
DIES = HEAD + ENDS + "journal.heartbeat(run_id, now(), orders(2), ExpectedCounts(), Phase()); os._exit(1)"
DEAF = HEAD + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ENDS + "time.sleep(60)"
BEATS = (
    HEAD
    + "told = []\nsignal.signal(signal.SIGTERM, lambda *_: told.append(1))\n"
    + ENDS
    + """
 while not told and not journal.heartbeat(run_id, now(), orders(1), ExpectedCounts(), Phase()):
  time.sleep(0.02)
 journal.end_run(run_id, 'interrupted' if told else 'cancelled', now())
"""
)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now.astimezone(UTC)

    def at(self, hour: int, minute: int = 0, second: int = 0) -> None:
        self.now = TUESDAY + timedelta(hours=hour, minutes=minute, seconds=second)


class AgentHome:
    """One agent's home with a journal, and the carriers opened in it."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path / "home").prepare()
        self.journal = Journal(self.home.journal)
        self.journal.connections.save(AURORA)
        self.clock = Clock(TUESDAY + timedelta(hours=12))
        self.carriers: list[ProcessSupervisor] = []
        self.is_hub_there = False
        self.probed: list[str] = []

    def supervisor(self, script: str, *, silence: timedelta = SOON, grace: timedelta = SOON) -> ProcessSupervisor:
        carrier = ProcessSupervisor(
            self.journal,
            self.home,
            clock=self.clock,
            environ=os.environ,  # noqa: TID251 - the stand-in needs the interpreter's own surroundings
            command=[sys.executable, "-c", script],
            poll_every=timedelta(milliseconds=20),
            silence=silence,
            grace=grace,
        )
        self.carriers.append(carrier)
        return carrier

    def scheduler(self, script: str) -> Scheduler:
        return Scheduler(
            self.journal,
            self.supervisor(script),
            clock=self.clock,
            zone_of=lambda connection: SAO_PAULO,
            probe=self.probe,
        )

    def probe(self, connection: Connection) -> bool:
        self.probed.append(connection.name)
        return self.is_hub_there

    def runs(self) -> list[tuple[str, str]]:
        """Origin and state of every run, oldest first."""
        return [(run.origin, run.state) for run in reversed(self.journal.runs("producao", 100))]

    def run(self, run_id: str) -> Run:
        run = self.journal.run(run_id)
        assert run is not None
        return run

    def has_heartbeat_since(self, run_id: str, heard_at: datetime | None) -> bool:
        return self.run(run_id).beat_at != heard_at

    def served(self) -> str | None:
        slots = self.journal.served_slots("producao", self.clock.now.astimezone(SAO_PAULO).date())
        return f"{slots[-1].at:%H:%M}" if slots else None


def until(condition: Callable[[], bool], look: Callable[[], None] = lambda: None) -> None:
    """Look again and again until it is so."""
    pause = threading.Event()
    for _ in range(1000):
        look()
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it never came to be")


def settle(clockwork: Scheduler, house: AgentHome) -> None:
    """A minute of looks at the present hour, a second apart."""
    for _ in range(62):
        clockwork.tick()
        house.clock.now += timedelta(seconds=1)


def finished(house: AgentHome, clockwork: Scheduler, n: int) -> None:
    """Wait until n runs have ended."""
    until(lambda: len(house.runs()) == n and house.journal.current_run("producao") is None, clockwork.tick)


# carrying


def saved(house: AgentHome, schedule: Schedule | None = None) -> None:
    """Save a schedule long before."""
    house.journal.connections.save_schedule("producao", schedule or Schedule(), TUESDAY - timedelta(days=3))
