"""Execute one run of any kind: the connection's lock, the run's row, its import, its export, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from datetime import tzinfo

import msgspec
from msgspec import Struct

from omnisync.agent.config.connection import Connection
from omnisync.agent.config.establishments import chosen_codes
from omnisync.agent.config.settings import Home
from omnisync.agent.erp.base import DryRun, Erp
from omnisync.agent.errors import (
    ErpSetupError,
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
from omnisync.agent.journal.connection_lock import connection_lock, is_about_to_begin
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.pulse import STEP_LIMIT_S, Pulse, pulse_path, pulsing
from omnisync.agent.journal.run import EVERYTHING, Origin, Run, RunScope, RunState
from omnisync.agent.progress import Counts, Progress, deletes_to_confirm
from omnisync.agent.record_ref import RecordRef
from omnisync.agent.runtime import Runtime
from omnisync.agent.schedule import SYSTEMS
from omnisync.agent.sync.exporter import Exporter, ExportScope
from omnisync.agent.sync.importer import Importer, ImportOptions, RetryRequest
from omnisync.agent.sync.outbox import outbox_of
from omnisync.agent.sync.run_report import Display, Report, guarded, ignore, retry_journal
from omnisync.agent.sync.slice_size import FIRST_SLICE, MAX_REMEMBERED
from omnisync.agent.zones import wall_hour
from omnisync.contract.feed import RecordKind

DRY_RUN = "rehearsal"
"""The run id of a dry run, which has no row."""
KINDS: tuple[RecordKind, ...] = ("customer", "order")


class RunServices(Struct, frozen=True, kw_only=True):
    """The services of a run. `open_erp` and `open_hub` build what one run uses and closes.

    `listen_for_stop` provides whether a signal asks to stop; `report_broken_display` receives why a display failed.

    `abandon` ends the process at once, with the error: called from another thread, where a driver has not come back
    from one step for `step_limit_s`, and nothing else would end its wait.
    """

    home: Home
    journal: Journal
    zone: Callable[[Connection], tzinfo]
    open_erp: Callable[[Connection], Erp]
    open_hub: Callable[[Connection], HubClient]
    runtime: Runtime
    listen_for_stop: Callable[[], AbstractContextManager[Callable[[], bool]]]
    report_broken_display: Callable[[Exception], None]
    abandon: Callable[[OmnisyncError], None]
    step_limit_s: float = STEP_LIMIT_S


class RunRequest(Struct, frozen=True, kw_only=True):
    """The request of a run from the command line; the agent's own runs have it in their row.

    `datasets` and `is_full` are the export's: which alone, and whether every row is read.
    """

    scope: RunScope = EVERYTHING
    origin: Origin = "command"
    datasets: tuple[str, ...] = ()
    is_full: bool = False


def execute_run(
    services: RunServices,
    connection: Connection,
    request: RunRequest,
    *,
    run_id: str | None = None,
    display: Display | None = None,
) -> Counts:
    """Execute one run, holding the connection's lock, and close its row. Raises what ended it."""
    with (
        record_failure(services, run_id),
        exclusive_run(services, connection),
        services.listen_for_stop() as is_stopped,
        rare_collections(),
    ):
        run = begin_run(services, connection, request, run_id, is_stopped)
        failed = services.report_broken_display
        pulse = Pulse(
            pulse_path(services.home, connection.name),
            services.runtime.monotonic,
            step_limit_s=services.step_limit_s,
        )
        report = Report(
            services.journal,
            run,
            services.runtime,
            is_stopped=is_stopped,
            report_failure=failed,
            on_step=pulse.progress,
        )
        try:
            with (
                pulsing(pulse, lambda: _abandon(services, run, report)),
                guarded(display or nullcontext(ignore), failed) as report.show,
            ):
                counts = RunExecutor(services, run, request, report).execute(connection)
        except OmnisyncError as error:
            fail_run(services, run, error, report, by_signal=is_stopped())
            raise
        except Exception as error:
            services.journal.end_run(
                run.id,
                "failed",
                services.runtime.clock(),
                report.counts,
                code="internal",
                words={"motivo": type(error).__name__},
            )
            raise
        state: RunState = "done_with_refusals" if counts.has_refusals else "done"
        code, words = held_deletes(counts)
        end_run(services, run.id, state, counts, code=code, words=words)
        return counts


def _abandon(services: RunServices, run: Run, report: Report) -> None:
    """End a run that hangs in one step. Its locks go with the process; what its COMMIT became the next run asks."""
    error = ErpSetupError("step_without_end", minutos=round(services.step_limit_s / 60))
    with suppress(OmnisyncError):  # a journal that cannot be written now: the next run closes the row
        services.journal.end_run(
            run.id, "failed", services.runtime.clock(), report.counts, code=error.code, words=error.words
        )
    services.abandon(error)


@contextmanager
def record_failure(services: RunServices, run_id: str | None) -> Iterator[None]:
    """Write into the agent's run why it could not begin. Idempotent: a run that has ended stays as it ended."""
    try:
        yield
    except OmnisyncError as error:
        if run_id is not None:
            services.journal.end_run(run_id, "failed", services.runtime.clock(), code=error.code, words=error.words)
        raise


@contextmanager
def exclusive_run(services: RunServices, connection: Connection) -> Iterator[None]:
    """Provide the connection's lock; the refusal says since when the other run goes."""
    with ExitStack() as stack:
        try:
            stack.enter_context(connection_lock(services.home, connection.name))
        except RunInProgressError as error:
            going = services.journal.current_run(connection.name)
            if going is None or going.started_at is None:
                raise
            began = going.started_at.astimezone(services.zone(connection))
            raise RunInProgressError(hora=wall_hour(began)) from error
        yield


def begin_run(
    services: RunServices,
    connection: Connection,
    request: RunRequest,
    run_id: str | None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Run:
    """Return the run's row, started: the one the agent asked for, or a new one of the command line.

    Waits a while for a journal in use; no longer once it is to stop.
    """
    journal, runtime = services.journal, services.runtime
    now = runtime.clock()

    def enqueue() -> str:
        # We hold its lock: no other can be alive. One asked for just now, as by a slot, is about to take it.
        journal.close_orphaned_run(connection.name, now, lambda run: is_about_to_begin(run, now))
        journal.prune(now)  # where no agent does it each day
        return journal.enqueue_run(connection.name, request.scope, request.origin, now).id

    known = run_id or retry_journal(runtime, enqueue, (TemporaryError,), is_stopped)
    return retry_journal(runtime, lambda: journal.start_run(known, now, runtime.pid()), (TemporaryError,), is_stopped)


@contextmanager
def open_hub_and_erp(services: RunServices, connection: Connection) -> Iterator[tuple[Connection, HubClient, Erp]]:
    """Provide the connection with its company, its hub and its ERP, both closed at the end."""
    with closing(services.open_hub(connection)) as hub:
        known = with_company(services.journal, connection, hub)
        with closing(services.open_erp(known)) as erp:
            yield known, hub, erp


@contextmanager
def importer_of(
    services: RunServices,
    connection: Connection,
    run_id: str,
    codes: tuple[str, ...],
    report: Callable[[Progress], bool],
) -> Iterator[Importer]:
    """Provide an importer between the connection's hub and its ERP, both closed at the end."""
    with open_hub_and_erp(services, connection) as (known, hub, erp):
        yield importer_between(known, hub, erp, run_id, codes, report, services.runtime)


def importer_between(
    connection: Connection,
    hub: HubClient,
    erp: Erp,
    run_id: str,
    codes: tuple[str, ...],
    report: Callable[[Progress], bool],
    runtime: Runtime,
    first_slice: int = FIRST_SLICE,
) -> Importer:
    """Return an importer between this hub and this ERP. Raises SetupError before any establishment was brought."""
    establishments = chosen_codes(connection, codes)
    if not establishments:
        raise SetupError("establishments_missing")
    return Importer(
        erp,
        hub,
        run_id=run_id,
        establishments=establishments,
        report=report,
        runtime=runtime,
        options=ImportOptions(first_slice=first_slice),
    )


def with_company(journal: Journal, connection: Connection, hub: HubClient) -> Connection:
    """Return the connection with its company: the bindings' key, read from the hub once and saved."""
    if connection.company:
        return connection
    identity = hub.identity()
    known = msgspec.structs.replace(connection, company=identity.company.id)
    with suppress(TemporaryError, SettingsError):  # a journal in use: the next run asks again
        journal.connections.save(known)
    return known


def preview(services: RunServices, connection: Connection) -> DryRun | None:
    """Return what the layout makes of the hub's first page, the ERP untouched; None when the hub has nothing."""
    with importer_of(services, connection, DRY_RUN, (), lambda progress: False) as importer:
        return importer.preview()


class RunExecutor:
    """Executes one run: import first, then export, by its kind."""

    def __init__(self, services: RunServices, run: Run, request: RunRequest, report: Report) -> None:
        self._services = services
        self._run = run
        self._request = request
        self._report = report

    def execute(self, connection: Connection) -> Counts:
        """Do it to its end. Raises what ended it."""
        run = self._run
        with open_hub_and_erp(self._services, connection) as (known, hub, erp):
            if run.kind == "export":
                return self._export(known, hub, erp).counts
            journal, note = self._services.journal, f"slice_size:{known.name}"
            first = FIRST_SLICE
            with suppress(TemporaryError, SettingsError):  # a journal in use: the run begins small
                first = min(int(journal.get_meta(note) or FIRST_SLICE), MAX_REMEMBERED)
            importer = importer_between(
                known, hub, erp, run.id, run.scope.establishments, self._report, self._services.runtime, first
            )
            counts = self._import(known, hub, erp, importer)
            if (size := min(importer.slice_size.size, MAX_REMEMBERED)) != first:
                with suppress(TemporaryError, SettingsError):  # as above: so does the next one
                    journal.set_meta(note, str(size))
            return counts

    def _import(self, connection: Connection, hub: HubClient, erp: Erp, importer: Importer) -> Counts:
        scope = self._run.scope
        if scope.records:
            return importer.retry(retry_requests(scope.records))
        return importer.run() if self._run.kind == "import" else self._both(connection, hub, erp, importer)

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
        run, request, journal = self._run, self._request, self._services.journal
        agreed = {
            one.dataset: one.n
            for one in journal.decisions.confirmations(connection.name)
            if one.confirmed_at is not None
        }
        with closing(outbox_of(self._services.home, connection.name)) as outbox:
            if run.scope.resends_refused:
                outbox.try_again()
            exporter = Exporter(
                erp,
                hub,
                outbox,
                scope=ExportScope(
                    hub_name=connection.company,  # with the hub's epoch; its address may change
                    systems=SYSTEMS if run.scope.systems == "all" else run.scope.systems,
                    datasets=request.datasets,
                    agreed=agreed,
                    is_full=request.is_full,
                    sender=connection.name,
                ),
                hold=lambda dataset, n, is_other: self._hold(connection.name, dataset, n, is_other=is_other),
                report=self._report,
                runtime=self._services.runtime,
            )
            if request.datasets and not exporter.queries():
                raise SetupError("dataset_not_in_layout", dados=", ".join(request.datasets))
            exporter.run()
        return exporter

    def _hold(self, connection_name: str, dataset: str, n: int, *, is_other: bool) -> None:
        """Request a confirmation for the deletes of a dataset that wait; for none, end the request."""
        answers = self._services.journal.decisions
        if is_other or not n:
            answers.end_confirmation(connection_name, dataset)
        if n:
            answers.request_confirmation(connection_name, dataset, n, self._services.runtime.clock())


def held_deletes(counts: Counts) -> tuple[str | None, Mapping[str, object]]:
    """Return the sentence of a run that holds deletes back: its code and its words; None where it holds none."""
    for name, sent in counts.exports.items():
        if sent.held:
            message = deletes_to_confirm(name.partition(".")[2], sent.held)
            return message.code, dict(message.words)
    return None, {}


def retry_requests(records: Sequence[RecordRef]) -> list[RetryRequest]:
    """Return the records to import again, grouped by kind; one without a kind is looked for in each."""
    groups: dict[tuple[RecordKind, bool], list[str]] = {}
    for ref in records:
        for kind in KINDS if ref.kind is None else (ref.kind,):
            groups.setdefault((kind, ref.again), []).append(ref.id)
    return [RetryRequest(kind=kind, ids=tuple(found), again=again) for (kind, again), found in groups.items()]


def fail_run(services: RunServices, run: Run, error: OmnisyncError, report: Report, *, by_signal: bool) -> None:
    """The row's end when an error of ours ended the run."""
    if isinstance(error, StoppedError):
        state: RunState = "interrupted" if by_signal else "cancelled"
        end_run(services, run.id, state, report.counts, code=state)
    else:
        end_run(services, run.id, "failed", report.counts, code=error.code, words=error.words)


def end_run(
    services: RunServices,
    run_id: str,
    state: RunState,
    counts: Counts,
    *,
    code: str | None,
    words: Mapping[str, object] | None = None,
) -> None:
    """Close the run's row, waiting a while for a journal in use or without room: what ended stays to be read."""

    def end() -> None:
        services.journal.end_run(run_id, state, services.runtime.clock(), counts, code=code, words=words)

    retry_journal(services.runtime, end, (TemporaryError, SettingsError))
