"""`omnisync import`: one run of the import, by a person at the command line or as the child process of the agent."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

import msgspec
import rich_click as click

from omnisync.agent import texts
from omnisync.agent.counts import NOUNS, Counts, Progress
from omnisync.agent.erp.base import Rehearsal
from omnisync.agent.errors import OmnisyncError, RunInProgressError, StoppedError
from omnisync.agent.importing import Importer, Wanted
from omnisync.agent.journal import Origin, Run, State
from omnisync.agent.runner import connection_lock
from omnisync.agent.settings import Connection
from omnisync.cli import parts as build
from omnisync.cli.ending import DONE, DONE_WITH_REFUSALS, plain_ending, say
from omnisync.cli.progress import live_progress, rehearsal_lines, summary
from omnisync.contract.feed import Kind

SPEED_OVER_S = 10.0
KINDS: tuple[Kind, ...] = ("customer", "order")


@click.command("import")
@click.option("--connection", "name", metavar="NOME", help="A conexão; sem ela, a única que houver.")
@click.option("--establishment", "codes", metavar="CÓDIGO", multiple=True, help="Só este estabelecimento (repetível).")
@click.option(
    "--again", metavar="ID", multiple=True, help="Traz de novo este pedido ou cliente que o ERP não tem mais."
)
@click.option("--rehearse", is_flag=True, help="Ensaia: grava a próxima página, mostra as linhas e desfaz tudo.")
@click.option("--yes", is_flag=True, help="Não pergunta (com --again e --rehearse).")
@click.option("--json", "as_json", is_flag=True, help="O resultado em JSON na saída padrão.")
@click.option("--verbose", is_flag=True, help="Mostra mais quando algo falha.")
@click.option("--run", "run_id", hidden=True, help="A execução do histórico que este processo carrega.")
def import_(
    name: str | None,
    codes: tuple[str, ...],
    again: tuple[str, ...],
    rehearse: bool,
    yes: bool,
    as_json: bool,
    verbose: bool,
    run_id: str | None,
) -> int:
    """Traz do OmniForce para o banco do ERP os clientes e os pedidos novos.

    Termina com 0 (feito), 1 (falhou), 2 (uso errado), 3 (feito, com recusas) ou 4 (cancelado ou interrompido).
    """
    with plain_ending(verbose=verbose):
        parts = build.agent_parts()
        connection = parts.connection(name)
        if rehearse:
            return show_rehearsal(parts, connection, codes, as_json=as_json, yes=yes)
        if again and not yes:
            say("O que o ERP não tem mais será criado de novo nele: " + ", ".join(again))
            click.confirm("Continuar?", abort=True, err=True)
        ids = tuple(f"again:any:{id_}" for id_ in again)
        counts = carry(parts, connection, run_id=run_id, codes=codes, ids=ids, origin="command", quiet=as_json)
        if as_json:
            click.echo(msgspec.json.encode(as_builtins(counts)).decode())
        else:
            say(summary(counts))
        return DONE_WITH_REFUSALS if counts.total.refused else DONE
    return DONE


def carry(
    parts: build.Parts,
    connection: Connection,
    *,
    run_id: str | None,
    codes: tuple[str, ...] = (),
    ids: tuple[str, ...] = (),
    origin: Origin,
    quiet: bool = False,
) -> Counts:
    """Carry one run from its start to its row's end, holding the connection's lock. Raises what ended it."""
    with held(parts, connection), stop_on_signals() as is_stopped:
        run = begin(parts, connection, run_id=run_id, codes=codes, ids=ids, origin=origin)
        report = Report(parts, run, is_stopped)
        try:
            is_shown = not quiet and run_id is None
            with live_progress(parts.zone(connection), is_shown=is_shown) as show:
                counts = work(parts, connection, run, report.with_screen(show))
        except OmnisyncError as error:
            end_badly(parts, run, error, report, by_signal=is_stopped())
            raise
        except Exception as error:
            parts.journal.end_run(
                run.id, "failed", build.clock(), report.counts, code="internal", words={"motivo": type(error).__name__}
            )
            raise
        state: State = "done_with_refusals" if counts.total.refused else "done"
        parts.journal.end_run(run.id, state, build.clock(), counts)
        return counts


@contextmanager
def held(parts: build.Parts, connection: Connection) -> Iterator[None]:
    """The connection's lock; the refusal says since when the other run goes."""
    with ExitStack() as stack:
        try:
            stack.enter_context(connection_lock(parts.home, connection.name))
        except RunInProgressError as error:
            going = parts.journal.current_run(connection.name)
            if going is None or going.started_at is None:
                raise
            began = going.started_at.astimezone(parts.zone(connection))
            raise RunInProgressError(hora=texts.hour(began)) from error
        yield


def begin(
    parts: build.Parts,
    connection: Connection,
    *,
    run_id: str | None,
    codes: tuple[str, ...],
    ids: tuple[str, ...],
    origin: Origin,
) -> Run:
    """The run's row, started: the one the agent asked for, or a new one of the command line."""
    journal, now = parts.journal, build.clock()
    if run_id is None:
        journal.mark_interrupted(connection.name, now, lambda run: False)  # we hold its lock: no other can be alive
        run_id = journal.ask_run(connection.name, "import", origin, now, establishments=codes, ids=ids).id
    return journal.start_run(run_id, now, build.pid())


def work(parts: build.Parts, connection: Connection, run: Run, report: Callable[[Progress], bool]) -> Counts:
    """Import, or try again what the run names."""
    with importer_of(parts, connection, run.id, run.establishments, report) as importer:
        return importer.retry(wanted(run.ids)) if run.ids else importer.run()


@contextmanager
def importer_of(
    parts: build.Parts,
    connection: Connection,
    run_id: str,
    codes: Sequence[str],
    report: Callable[[Progress], bool],
) -> Iterator[Importer]:
    """An importer between the connection's hub and its ERP, both let go at the end."""
    hub = build.hub_client(parts, connection)
    connection = build.known_company(parts, connection, hub)
    erp = parts.erp(connection)
    try:
        yield Importer(
            erp,
            hub,
            run_id=run_id,
            establishments=build.codes_of(connection, codes),
            report=report,
            clock=build.clock,
            monotonic=build.monotonic,
            wait=build.wait,
            uniform=build.uniform,
        )
    finally:
        erp.close()
        hub.close()


def converted(parts: build.Parts, connection: Connection) -> Rehearsal | None:
    """What the layout makes of the hub's first page, the ERP untouched; None when the hub has nothing."""
    with importer_of(parts, connection, "rehearsal", (), lambda progress: False) as importer:
        return importer.convert()


def show_rehearsal(
    parts: build.Parts, connection: Connection, codes: tuple[str, ...], *, as_json: bool, yes: bool
) -> int:
    """Rehearse, holding the connection's lock, and show what would have been written."""
    with held(parts, connection), stop_on_signals() as is_stopped:
        erp = parts.erp(connection)
        left = erp.not_undone()
        if left and not yes:
            say("O ensaio desfaz o que gravar, menos isto: " + "; ".join(left) + ".")
            click.confirm("Continuar?", abort=True, err=True)
        with importer_of(parts, connection, "rehearsal", codes, lambda progress: is_stopped()) as importer:
            seen = importer.rehearse()
    if as_json:
        click.echo(msgspec.json.encode(seen).decode())
    elif seen is None:
        say("Não há dados novos no OmniForce.")
    else:
        for line in rehearsal_lines(seen):
            click.echo(line)
    return DONE


def wanted(ids: tuple[str, ...]) -> list[Wanted]:
    """What the row's ids ask for: `order:ID`, `customer:ID`, `again:order:ID`, `again:any:ID`."""
    lots: dict[tuple[Kind, bool], list[str]] = {}
    for text in ids:
        again = text.startswith("again:")
        kind, _, id_ = text.removeprefix("again:").partition(":")
        for one in KINDS if kind == "any" else [k for k in KINDS if k == kind]:
            lots.setdefault((one, again), []).append(id_)
    return [Wanted(kind=kind, ids=tuple(found), again=again) for (kind, again), found in lots.items()]


class Report:
    """Writes each step into the run's row, and hears there or from a signal whether to stop."""

    def __init__(self, parts: build.Parts, run: Run, is_stopped: Callable[[], bool]) -> None:
        self._parts = parts
        self._run = run
        self._is_stopped = is_stopped
        self._speed = Speed(build.monotonic)
        self._unread: Mapping[str, int] | None = None
        self.counts = Counts()

    def __call__(self, progress: Progress) -> bool:
        self.counts = progress.counts
        if progress.unread is not None and progress.unread != self._unread:
            self._unread = progress.unread
            self._parts.journal.note_unread(self._run.connection, progress.unread)
        asked = self._parts.journal.beat(
            self._run.id,
            build.clock(),
            progress.counts,
            progress.totals,
            phase_of(progress),
            rate=self._speed(progress.counts.total.received),
        )
        return asked or self._is_stopped()

    def with_screen(self, show: Callable[[Progress], None]) -> Callable[[Progress], bool]:
        """The same, and the person's screen too."""

        def report(progress: Progress) -> bool:
            show(progress)
            return self(progress)

        return report


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


def phase_of(progress: Progress) -> str:
    """The phase as the row keeps it; with what is being waited out and until when, if anything."""
    if progress.trouble is None or progress.retry_at is None:
        return progress.phase
    return f"{progress.phase}!{progress.trouble.code}!{progress.retry_at.isoformat()}"


def end_badly(parts: build.Parts, run: Run, error: OmnisyncError, report: Report, *, by_signal: bool) -> None:
    """The row's end when an error of ours ended the run."""
    now = build.clock()
    if isinstance(error, StoppedError):
        state: State = "interrupted" if by_signal else "cancelled"
        parts.journal.end_run(run.id, state, now, report.counts, code=state)
    else:
        parts.journal.end_run(run.id, "failed", now, report.counts, code=error.code, words=error.words)


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


def as_builtins(counts: Counts) -> dict[str, dict[str, int]]:
    """The counts of the four nouns as plain numbers, received included."""
    return {
        noun: {
            "received": getattr(counts, noun).received,
            "written": getattr(counts, noun).written,
            "unchanged": getattr(counts, noun).unchanged,
            "refused": getattr(counts, noun).refused,
            "waiting": getattr(counts, noun).waiting,
            "kept": getattr(counts, noun).kept,
        }
        for noun in NOUNS
    }
