"""An import in this process: the real hub, a real ERP, and waits that pass at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from omnisync.agent.erp.base import Erp
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.hub_api.transport import Transport
from omnisync.agent.progress import Counts, Progress
from omnisync.agent.runtime import Runtime
from omnisync.agent.sync.importer import Importer, ImportOptions
from omnisync.contract.feed import Change
from omnisync.hub import intake
from tests.support.erp_databases import SampleErp
from tests.support.hub_server import COMPANY, RunningHub
from tests.support.record_samples import NOW

ALL = ("0001", "0002")


def runtime_at(
    now: Callable[[], datetime],
    clock: Clock,
    uniform: Callable[[float, float], float] = lambda low, high: low,
    new_id: Callable[[], str] = lambda: "id",
) -> Runtime:
    """A run's runtime whose waits pass at once."""
    return Runtime(clock=now, monotonic=clock.monotonic, wait=clock.wait, uniform=uniform, new_id=new_id, pid=lambda: 1)


class Clock:
    """A clock that passes only when something waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.waits.append(seconds)


def send(hub: RunningHub, *changes: Change) -> None:
    """Put changes into the hub as OmniForce's apps do; every one must be taken."""
    import msgspec

    bodies = [msgspec.json.encode(sent(change)) for change in changes]
    results = intake.ingest(hub.store, COMPANY, bodies, NOW)
    assert {result.status for result in results} <= {"stored", "same", "stale"}, results


def sent(change: Change) -> dict[str, object]:
    """The change as an app writes it."""
    fields: dict[str, object] = {
        "kind": change.kind,
        "op": change.op,
        "id": change.id,
        "version": change.version,
        "changed_at": change.changed_at,
        "data": change.data if change.op == "upsert" else None,
    }
    return fields if change.reason is None else fields | {"reason": change.reason}


@contextmanager
def client(hub: RunningHub, clock: Clock | None = None, **limits: Any) -> Iterator[HubClient]:
    """A client of the hub with the company's token; `limits` are those of `Transport`."""
    monotonic = (clock or Clock()).monotonic
    opened = HubClient(Transport(hub.url, hub.token, clock=lambda: NOW, monotonic=monotonic, **limits))
    try:
        yield opened
    finally:
        opened.close()


def importer(
    erp: Erp,
    hub: HubClient,
    *,
    establishments: Sequence[str] = ALL,
    report: Callable[[Progress], bool] = lambda progress: False,
    clock: Clock | None = None,
    uniform: Callable[[float, float], float] = lambda low, high: low,
    **more: Any,
) -> Importer:
    """An importer whose waits pass at once and whose dice fall low."""
    clock = clock or Clock()
    return Importer(
        erp,
        hub,
        run_id="run_test",
        establishments=establishments,
        report=report,
        runtime=runtime_at(lambda: NOW, clock, uniform),
        options=ImportOptions(**more),
    )


def run_import(keeper: SampleErp, hub: RunningHub, *, establishments: Sequence[str] = ALL, **limits: Any) -> Counts:
    """One import from beginning to end; `limits` are those of `Transport`."""
    erp = keeper.open(establishments=establishments)
    with client(hub, **limits) as opened:
        counts = importer(erp, opened, establishments=establishments).run()
    erp.close()
    return counts
