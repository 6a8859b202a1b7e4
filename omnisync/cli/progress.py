"""The progress of a run on a terminal, and the sentence at its end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import tzinfo

from omnisync.agent.config.connection import Connection
from omnisync.agent.erp.base import DryRun
from omnisync.agent.journal.run import RunKind
from omnisync.agent.messages import labels, sentences
from omnisync.agent.messages.format import format_count, format_integer
from omnisync.agent.phase import Stage
from omnisync.agent.progress import NOUNS, Counts, Progress, deletes_to_confirm
from omnisync.agent.sync.run import RunRequest, execute_run
from omnisync.agent.sync.run_report import Guard
from omnisync.agent.zones import wall_hour
from omnisync.cli import composition
from omnisync.cli.exit import print_status, show

ROWS_SHOWN = 3
_STAGES: Mapping[Stage, str] = {
    "customer": "Importando clientes…",
    "waiting": "Tentando de novo o que aguardava…",
    "receipts": "Avisando o OmniForce…",
}
_WORDS = {
    "customers": ("cliente", "clientes"),
    "orders": ("pedido", "pedidos"),
    "items": ("item", "itens"),
    "payments": ("forma de pagamento", "formas de pagamento"),
}


def execute_with_progress(
    context: composition.AgentContext,
    connection: Connection,
    request: RunRequest,
    *,
    run_id: str | None = None,
    quiet: bool = False,
) -> Counts:
    """Execute one run and show its progress, unless `quiet` or the agent's own. Raises what ended it."""
    is_shown = not quiet and run_id is None
    display = live_progress(context.zone(connection), is_shown=is_shown, kind=request.scope.kind)
    return execute_run(composition.run_services(context), connection, request, run_id=run_id, display=display)


def show_result(result: object, sentence: Callable[[], str], *, as_json: bool) -> None:
    """Show the result of a run. Its status is the run's, whatever becomes of the sentence; JSON is a result itself."""
    if as_json:
        show(result, "", as_json=True)
    else:
        Guard(composition.report_broken_display)(lambda: print_status(sentence()), None)


@contextmanager
def live_progress(zone: tzinfo, *, is_shown: bool, kind: RunKind = "import") -> Iterator[Callable[[Progress], None]]:
    """Provide a bar for each of the four nouns with its rate and the time left, on a terminal; a line a phase
    elsewhere.

    An export has a line a phase everywhere: how many rows go shows only when they are read.

    Hours are said in `zone`.
    """
    if not is_shown:
        yield lambda progress: None
    elif sys.stderr.isatty() and kind == "import":
        with _bars(zone) as show:
            yield show
    else:
        yield _lines(zone, kind)


@contextmanager
def _bars(zone: tzinfo) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>14}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[trouble]}"),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks = {noun: bars.add_task(labels.NOUNS[noun], total=None, rate="", trouble="") for noun in NOUNS}

        def show(progress: Progress) -> None:
            trouble = _trouble(progress, zone)
            for noun, task in tasks.items():
                received = getattr(progress.counts, noun).received
                total = max(received, getattr(progress.totals, noun))
                speed = bars.tasks[task].speed
                rate = f"{format_integer(round(speed))}/s" if speed else ""
                bars.update(task, completed=received, total=total or None, rate=rate, trouble=trouble)

        yield show


def _lines(zone: tzinfo, kind: RunKind) -> Callable[[Progress], None]:
    said: set[str] = set()

    def show(progress: Progress) -> None:
        line = _trouble(progress, zone) or _phase(progress) or f"Começando a {labels.RUNS[kind]}…"
        if line not in said:
            said.add(line)
            print_status(line)

    return show


def _trouble(progress: Progress, zone: tzinfo) -> str:
    """Return what is being waited out, and until when."""
    error, retry_at = progress.trouble, progress.retry_at
    if error is None:
        return ""
    hour = None if retry_at is None else wall_hour(retry_at.astimezone(zone))
    is_export = progress.phase.is_export
    return sentences.of_run(error.code, error.words | {"hora": hour}, is_export=is_export)


def _phase(progress: Progress) -> str:
    """Return what is being done; empty before the first step, as while the hub is waited for."""
    if exporting := sentences.export_step(progress.phase):
        return f"{exporting}…"
    if progress.phase.stage == "order":
        return f"Importando pedidos do estabelecimento {progress.phase.establishment}…"
    return _STAGES.get(progress.phase.stage, "")


def dry_run_lines(seen: DryRun, moment: str) -> Iterator[str]:
    """Yield the first rows of each table as they would have stood, whose hour they have (`moment`, a sentence), and
    what would not have entered.
    """
    yield "Ensaio: nada ficou gravado."
    if moment:
        yield moment
    for table, rows in seen.tables.items():
        yield f"{table}: {format_count(len(rows), 'linha', 'linhas')}"
        for row in rows[:ROWS_SHOWN]:
            yield "    " + ", ".join(f"{name}={value}" for name, value in row.items() if value is not None)
    for label, message in seen.unsettled:
        yield f"Não entraria: {label}: {message}"


def export_summary(counts: Counts) -> str:
    """Return the result of an export in words, and how many deletes wait for a confirmation."""
    sent = counts.sent
    told = [sentences.export_summary(counts.sent_by_system(), deleted=sent.deleted, refused=sent.refused)]
    for name, one in counts.exports.items():
        if one.held:
            told.append(sentences.of_message(deletes_to_confirm(name.partition(".")[2], one.held)))
    return " ".join(told)


def summary(counts: Counts) -> str:
    """Return the result in words: 12 clientes, 34 pedidos, 87 itens e 41 formas de pagamento importados."""
    parts = [format_count(getattr(counts, noun).written, *_WORDS[noun]) for noun in NOUNS]
    if counts.total.written:
        sentences = [f"{', '.join(parts[:3])} e {parts[3]} importados."]
    else:
        sentences = ["Não há dados novos no OmniForce."]
    for bucket, one, many in (
        ("refused", "recusado", "recusados"),
        ("waiting", "aguardando", "aguardando"),
        ("kept", "mantido no ERP", "mantidos no ERP"),
        ("unchanged", "sem alteração", "sem alteração"),
    ):
        n = getattr(counts.customers, bucket) + getattr(counts.orders, bucket)
        if n:
            sentences.append(f"{format_count(n, 'registro', 'registros')} {one if n == 1 else many}.")
    return " ".join(sentences)
