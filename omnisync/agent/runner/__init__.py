"""Who carries a run and when it begins by itself: a child process per run, the schedule, and the return of the hub."""

from __future__ import annotations

from omnisync.agent.runner.carrier import Carrier, connection_lock, is_about_to_begin, is_carried
from omnisync.agent.runner.clockwork import Clockwork, Offline

__all__ = ["Carrier", "Clockwork", "Offline", "connection_lock", "is_about_to_begin", "is_carried"]
