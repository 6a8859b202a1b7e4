"""Execute one run of any kind: the connection's lock, the run's row, its import, its export, and its end."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from types import FrameType

import msgspec
from msgspec import Struct

from omnisync.agent.config.settings import Connection
from omnisync.agent.erp.base import Erp
from omnisync.agent.errors import (
    EstablishmentBusyError,
    OmnisyncError,
    RunInProgressError,
    SettingsError,
    SetupError,
    StoppedError,
    TemporaryError,
)
from omnisync.agent.gc_tuning import rare_collections
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.journal.run import REFUSED_ROWS, Origin, Run, RunKind, RunState, Systems
from omnisync.agent.messages import texts
from omnisync.agent.phase import Phase
from omnisync.agent.progress import Counts, ExpectedCounts, Progress
from omnisync.agent.schedule import SYSTEMS
from omnisync.agent.scheduler.processes import connection_lock, is_about_to_begin
from omnisync.agent.sync.exporter import Exporter
from omnisync.agent.sync.importer import Importer, RetryRequest
from omnisync.agent.sync.outbox import outbox_of
from omnisync.cli import composition
from omnisync.cli.observers import Guard, guarded
from omnisync.cli.progress import live_progress
from omnisync.contract.feed import RecordKind

SPEED_OVER_S = 10.0
END_TRIES = 11
END_PAUSE_S = 3.0
KINDS: tuple[RecordKind, ...] = ("customer", "order")


class RunRequest(Struct, frozen=True, kw_only=True):
    """The request of a run from the command line; the agent's own runs have it in their row.

    `datasets` and what follows are the export's: which alone, whether every row is read, and whether the rows that were
    refused are tried again as they are.
    """

    kind: RunKind = "import"
    origin: Origin = "command"
    codes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    systems: Systems = "all"
    datasets: tuple[str, ...] = ()
    is_full: bool = False
    is_again: bool = False


def execute_run(
    context: composition.AgentContext,
    connection: Connection,
    request: RunRequest,
    *,
    run_id: str | None = None,
    quiet: bool = False,
) -> Counts:
    """Execute one run, holding the connection's lock, and close its row. Raises what ended it."""
    with (
        record_failure(context, run_id),
        exclusive_run(context, connection),
        stop_on_signals() as is_stopped,
        rare_collections(),
    ):
        run = begin_run(context, connection, request, run_id)
        report = Report(context, run, is_stopped)
        try:
            is_shown = not quiet and run_id is None
            with guarded(live_progress(context.zone(connection), is_shown=is_shown, kind=run.kind)) as report.show:
                counts = RunExecutor(context, run, request, report).execute(connection)
        except OmnisyncError as error:
            fail_run(context, run, error, report, by_signal=is_stopped())
            raise
        except Exception as error:
            context.journal.end_run(
                run.id,
                "failed",
                composition.clock(),
                report.counts,
                code="internal",
                words={"motivo": type(error).__name__},
            )
            raise
        state: RunState = "done_with_refusals" if counts.has_refusals else "done"
        code, words = held_deletes(counts)
        end_run(context, run.id, state, counts, code=code, words=words)
        return counts


@contextmanager
def record_failure(context: composition.AgentContext, run_id: str | None) -> Iterator[None]:
    """Provide the agent's run that cannot even begin says why in its row. One that ended by itself stays as it
    ended.
    """
    try:
        yield
    except OmnisyncError as error:
        if run_id is not None:
            context.journal.end_run(run_id, "failed", composition.clock(), code=error.code, words=error.words)
        raise


@contextmanager
def exclusive_run(context: composition.AgentContext, connection: Connection) -> Iterator[None]:
    """Provide the connection's lock; the refusal says since when the other run goes."""
    with ExitStack() as stack:
        try:
            stack.enter_context(connection_lock(context.home, connection.name))
        except RunInProgressError as error:
            going = context.journal.current_run(connection.name)
            if going is None or going.started_at is None:
                raise
            began = going.started_at.astimezone(context.zone(connection))
            raise RunInProgressError(hora=texts.hour(began)) from error
        yield


def begin_run(
    context: composition.AgentContext, connection: Connection, request: RunRequest, run_id: str | None
) -> Run:
    """Return the run's row, started: the one the agent asked for, or a new one of the command line."""
    journal, now = context.journal, composition.clock()
    if run_id is None:
        # We hold its lock: no other can be alive. One asked for just now, as by a slot, is about to take it.
        journal.close_orphaned_run(connection.name, now, lambda run: is_about_to_begin(run, now))
        run_id = journal.enqueue_run(
            connection.name,
            request.kind,
            request.origin,
            now,
            systems=request.systems,
            establishments=request.codes,
            ids=request.ids,
        ).id
    return journal.start_run(run_id, now, composition.pid())


@contextmanager
def open_hub_and_erp(
    context: composition.AgentContext, connection: Connection
) -> Iterator[tuple[Connection, HubClient, Erp]]:
    """Provide the connection with its company, its hub and its ERP, both closed at the end."""
    with closing(composition.hub_client(context, connection)) as hub:
        known = composition.with_company(context, connection, hub)
        with closing(context.erp(known)) as erp:
            yield known, hub, erp


@contextmanager
def importer_of(
    context: composition.AgentContext,
    connection: Connection,
    run_id: str,
    codes: tuple[str, ...],
    report: Callable[[Progress], bool],
) -> Iterator[Importer]:
    """Provide an importer between the connection's hub and its ERP, both closed at the end."""
    with open_hub_and_erp(context, connection) as (known, hub, erp):
        yield importer_between(known, hub, erp, run_id, codes, report)


def importer_between(
    connection: Connection,
    hub: HubClient,
    erp: Erp,
    run_id: str,
    codes: tuple[str, ...],
    report: Callable[[Progress], bool],
) -> Importer:
    """Return an importer between this hub and this ERP."""
    return Importer(
        erp,
        hub,
        run_id=run_id,
        establishments=composition.codes_of(connection, codes),
        report=report,
        clock=composition.clock,
        monotonic=composition.monotonic,
        wait=composition.wait,
        uniform=composition.uniform,
    )


class RunExecutor:
    """Executes one run: import first, then export, by its kind."""

    def __init__(self, context: composition.AgentContext, run: Run, request: RunRequest, report: Report) -> None:
        self._context = context
        self._run = run
        self._request = request
        self._report = report

    def execute(self, connection: Connection) -> Counts:
        """Do it to its end. Raises what ended it."""
        run = self._run
        with open_hub_and_erp(self._context, connection) as (known, hub, erp):
            if run.kind == "export":
                return self._export(known, hub, erp).counts
            importer = importer_between(known, hub, erp, run.id, run.establishments, self._report)
            if run.ids:
                return importer.retry(retry_requests(run.ids))
            return importer.run() if run.kind == "import" else self._both(known, hub, erp, importer)

    def _both(self, connection: Connection, hub: HubClient, erp: Erp, importer: Importer) -> Counts:
        busy: EstablishmentBusyError | None = None
        try:
            importer.run()
        except EstablishmentBusyError as error:  # all is done but what another computer is importing
            busy = error
        self._report.before = importer.counts
        exporter = self._export(connection, hub, erp)
        if exporter.n_requeued:
            self._report.before = exporter.counts
            importer.import_waiting()
        if busy is not None:
            raise busy
        return importer.counts + exporter.counts

    def _export(self, connection: Connection, hub: HubClient, erp: Erp) -> Exporter:
        """Export to the run's systems; the exporter, when it has ended."""
        run, request, journal = self._run, self._request, self._context.journal
        agreed = {
            one.dataset: one.n for one in journal.answers.confirmations(connection.name) if one.confirmed_at is not None
        }
        with closing(outbox_of(self._context.home, connection.name)) as outbox:
            if request.is_again or REFUSED_ROWS in run.ids:
                outbox.try_again()
            exporter = Exporter(
                erp,
                hub,
                outbox,
                hub_name=connection.company,  # with the hub's epoch; its address may change
                systems=SYSTEMS if run.systems == "all" else run.systems,
                datasets=request.datasets,
                agreed=agreed,
                is_full=request.is_full,
                hold=lambda dataset, n: self._hold(connection.name, dataset, n),
                report=self._report,
                clock=composition.clock,
                monotonic=composition.monotonic,
                wait=composition.wait,
                uniform=composition.uniform,
                new_id=composition.new_id,
            )
            if request.datasets and not exporter.queries():
                raise SetupError("dataset_not_in_layout", dados=", ".join(request.datasets))
            exporter.run()
        return exporter

    def _hold(self, connection_name: str, dataset: str, n: int) -> None:
        """Request a confirmation for the deletes of a dataset that wait; for none, end the request."""
        answers = self._context.journal.answers
        if n:
            answers.request_confirmation(connection_name, dataset, n, composition.clock())
        else:
            answers.end_confirmation(connection_name, dataset)


def held_deletes(counts: Counts) -> tuple[str | None, Mapping[str, object]]:
    """Return the sentence of a run that holds deletes back: its code and its words; None where it holds none."""
    for name, sent in counts.exports.items():
        if sent.held:
            return texts.many_deleted(name.partition(".")[2], sent.held)
    return None, {}


def retry_requests(ids: tuple[str, ...]) -> list[RetryRequest]:
    """Return what the row's ids ask for: `order:ID`, `customer:ID`, `again:order:ID`, `again:any:ID`."""
    groups: dict[tuple[RecordKind, bool], list[str]] = {}
    for text in ids:
        again = text.startswith("again:")
        kind, _, id_ = text.removeprefix("again:").partition(":")
        for one in KINDS if kind == "any" else [k for k in KINDS if k == kind]:
            groups.setdefault((one, again), []).append(id_)
    return [RetryRequest(kind=kind, ids=tuple(found), again=again) for (kind, again), found in groups.items()]


class Report:
    """Writes each step into the run's row, and hears there or from a signal whether to stop.

    `before` is what the run's other half has counted; `show` is the person's screen.
    """

    def __init__(self, context: composition.AgentContext, run: Run, is_stopped: Callable[[], bool]) -> None:
        self._context = context
        self._run = run
        self._is_stopped = is_stopped
        self._speed = Speed(composition.monotonic)
        self._unread: Mapping[str, int] | None = None
        self._totals = ExpectedCounts()
        self._guard_shown, self._guard_unread = Guard(), Guard()
        self._guard_beat = Guard(gives_up=False)  # its answer is whether to stop: it is asked at each step
        self.before = self.counts = Counts()
        self.show: Callable[[Progress], None] = lambda progress: None

    def __call__(self, progress: Progress) -> bool:
        self._totals = progress.totals if progress.totals.total else self._totals
        self.counts = self.before + progress.counts
        self.show(msgspec.structs.replace(progress, counts=self.counts, totals=self._totals))
        phase, rate = self._guard_shown(lambda: self._shown(progress), (Phase(), 0.0))
        self._guard_unread(lambda: self._note_unread(progress), None)
        return self._guard_beat(lambda: self._heartbeat(phase, rate), False) or self._is_stopped()

    def _shown(self, progress: Progress) -> tuple[Phase, float]:
        sent = self.counts.sent
        return phase_of(progress), self._speed(self.counts.total.received + sent.read + sent.sent)

    def _note_unread(self, progress: Progress) -> None:
        if progress.unread is not None and progress.unread != self._unread:
            self._context.journal.save_unread_orders(self._run.connection, progress.unread)
            self._unread = progress.unread

    def _heartbeat(self, phase: Phase, rate: float) -> bool:
        journal = self._context.journal
        return journal.heartbeat(self._run.id, composition.clock(), self.counts, self._totals, phase, rate=rate)


class Speed:
    """Rows per second, over the last ten seconds or so: a rate since the beginning would hide a standstill."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen = deque([(monotonic(), 0)], maxlen=200)

    def __call__(self, n_rows: int) -> float:
        now = self._monotonic()
        while len(self._seen) > 1 and now - self._seen[0][0] > SPEED_OVER_S:
            self._seen.popleft()
        began, n_before = self._seen[0]
        self._seen.append((now, n_rows))
        return (n_rows - n_before) / (now - began) if now > began else 0.0


def phase_of(progress: Progress) -> Phase:
    """Return the phase with what is being waited out and until when, if anything."""
    if progress.trouble is None or progress.retry_at is None:
        return progress.phase
    return progress.phase.waiting(progress.trouble.code, progress.retry_at)


def fail_run(
    context: composition.AgentContext, run: Run, error: OmnisyncError, report: Report, *, by_signal: bool
) -> None:
    """The row's end when an error of ours ended the run."""
    if isinstance(error, StoppedError):
        state: RunState = "interrupted" if by_signal else "cancelled"
        end_run(context, run.id, state, report.counts, code=state)
    else:
        end_run(context, run.id, "failed", report.counts, code=error.code, words=error.words)


def end_run(
    context: composition.AgentContext,
    run_id: str,
    state: RunState,
    counts: Counts,
    *,
    code: str | None,
    words: Mapping[str, object] | None = None,
) -> None:
    """Close the run's row, waiting a while for a journal in use or without room: what ended stays to be read."""
    for n_left in reversed(range(END_TRIES)):
        try:
            context.journal.end_run(run_id, state, composition.clock(), counts, code=code, words=words)
            return
        except (TemporaryError, SettingsError):
            if not n_left:
                raise
            composition.wait(END_PAUSE_S)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Hear Ctrl-C and SIGTERM: the slice being written is ended, then the run stops. A second Ctrl-C is at once."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        if heard and number == signal.SIGINT:
            raise KeyboardInterrupt
        heard.append(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(heard)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
