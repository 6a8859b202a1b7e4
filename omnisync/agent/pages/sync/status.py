"""The first page's state of the runs: one state, its sentence, and numbers that add up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from omnisync.agent.journal.run import Run
from omnisync.agent.messages import labels, sentences
from omnisync.agent.messages.format import format_count, format_integer, format_moment, format_short_duration
from omnisync.agent.pages.sync.last_run import Alert, alerts
from omnisync.agent.pages.sync.run_rows import (
    DatasetRow,
    EntityRow,
    dataset_rows,
    entity_rows,
    export_summary,
    import_summary,
)
from omnisync.agent.phase import Phase
from omnisync.agent.scheduler.scheduler import Offline
from omnisync.agent.zones import wall_hour

FIRST_ESTIMATE = timedelta(seconds=3)
"""Before it a rate says nothing."""
SILENT = timedelta(seconds=5)
BY_WHOM = {
    "button": "por você",
    "slot": "pelo agendamento",
    "catch_up": "pelo agendamento, atrasada",
    "command": "pela linha de comando",
    "retry": "como nova tentativa",
}
STAGES = {
    "customer": "Importando clientes",
    "order": "Importando pedidos de vendas",
    "waiting": "Tentando de novo o que aguardava",
    "receipts": "Avisando o OmniForce",
}


class RunningState(Struct, frozen=True, kw_only=True):
    """A run that has not ended. `is_sending` once its second half has begun, or it is an export alone."""

    id: str
    sentence: str
    figures: str
    began: str
    name: str
    percent: int | None
    trouble: str
    is_cancelling: bool
    is_export: bool
    is_sending: bool


class Status(Struct, frozen=True, kw_only=True):
    """All the first page refreshes by itself."""

    title: str
    announcement: str
    ended_id: str
    going: RunningState | None
    alerts: tuple[Alert, ...]
    nouns: tuple[EntityRow, ...]
    sum: str
    outgoing: tuple[DatasetRow, ...]
    read: str


def status_of(
    runs: Sequence[Run],
    now: datetime,
    zone: tzinfo,
    *,
    unsettled: dict[str, int],
    offline: Offline | None = None,
) -> Status:
    """Return what these runs, newest first, mean to who looks."""
    last = runs[0] if runs else None
    if last is not None and last.is_going:
        return _status_going(last, now, zone)
    shown = alerts(runs, now, zone, unsettled, offline)
    came = last is not None and last.counts.total.received > 0
    went = last is not None and last.counts.sent.read > 0
    return Status(
        title={"error": "Falhou", "warn": "Atenção", "info": "Sem conexão"}.get(shown[0].tone, "Sincronização"),
        announcement=f"Última {labels.RUNS[last.kind]}: {labels.STATES[last.state].lower()}."
        if last is not None
        else "",
        ended_id=last.id if last is not None else "",
        going=None,
        alerts=shown,
        nouns=entity_rows(last) if last is not None and came else (),
        sum=import_summary(last.counts) if last is not None and came else "",
        outgoing=dataset_rows(last) if last is not None else (),
        read=export_summary(last.counts) if last is not None and went else "",
    )


def _status_going(run: Run, now: datetime, zone: tzinfo) -> Status:
    going = _going(run, now, zone)
    doing = "Exportando" if _is_exporting(run) else "Importando"
    quarter = "" if going.percent is None else f" {going.percent // 25 * 25}%"
    shown = "" if going.percent is None else f" {going.percent}%"
    return Status(
        title="Cancelando" if going.is_cancelling else f"{doing}{shown}",
        announcement=f"Cancelando a {labels.RUNS[run.kind]}." if going.is_cancelling else f"{doing}.{quarter}",
        ended_id="",
        going=going,
        alerts=(),
        nouns=entity_rows(run) if run.kind != "export" else (),
        sum=import_summary(run.counts) if run.counts.total.received else "",
        outgoing=dataset_rows(run),
        read=export_summary(run.counts) if run.counts.sent.read else "",
    )


def _is_exporting(run: Run) -> bool:
    """Return whether its second half has begun."""
    return run.kind == "export" or run.phase.is_export


def _going(run: Run, now: datetime, zone: tzinfo) -> RunningState:
    phase = run.phase
    word, percent = labels.RUNS[run.kind], _percent(run)
    is_cancelling = run.state == "cancelling"
    if is_cancelling:
        current = "de enviar o lote atual" if _is_exporting(run) else "de gravar a página atual"
        sentence = f"Cancelando… terminando {current}."
    else:
        name = STAGES.get(phase.stage) or sentences.export_step(phase) or f"Começando a {word}"
        sentence = f"{name}…" if percent is None else f"{name}… {percent}%"
    return RunningState(
        id=run.id,
        sentence=sentence,
        figures=_figures(run, now),
        began=f"Iniciada {format_moment(run.asked_at, now, zone)} {BY_WHOM[run.origin]}. "
        + (
            "Pode fechar esta página: o que já foi gravado fica."
            if is_cancelling
            else f"Pode fechar esta página: a {word} continua."
        ),
        name="Exportação" if _is_exporting(run) else "Importação",
        percent=percent,
        trouble=_trouble(phase, now, zone, is_export=_is_exporting(run)),
        is_cancelling=is_cancelling,
        is_export=run.kind == "export",
        is_sending=_is_exporting(run),
    )


def _percent(run: Run) -> int | None:
    """Return how far the half that goes has come; None where the total is unknown: an export that still reads."""
    if _is_exporting(run):
        return None
    received, total = run.counts.total.received, run.totals.total
    return min(99, 100 * received // total) if total else None


def _trouble(phase: Phase, now: datetime, zone: tzinfo, *, is_export: bool) -> str:
    """Return what a run waits out, in words; nothing when it does not wait."""
    if phase.retry_at is None:
        return ""
    seconds = max(1, round((phase.retry_at - now).total_seconds()))
    words: dict[str, object] = {"hora": wall_hour(phase.retry_at.astimezone(zone)), "n": seconds}
    return sentences.of_waiting(phase.waiting_for, words, is_export=is_export)


def _figures(run: Run, now: datetime) -> str:
    """258.112 de 415.400 · 41.300 registros/s · faltam cerca de 4 s; of an export 12.345 lidos · 300 enviados."""
    received, total = run.counts.total.received, run.totals.total
    sent, is_exporting = run.counts.sent, _is_exporting(run)
    if is_exporting:
        figures = [format_count(sent.read, "lido", "lidos"), format_count(sent.sent, "enviado", "enviados")]
    else:
        figures = [
            f"{format_integer(received)} de {format_integer(total)}"
            if total >= received
            else format_count(received, *_RECORDS)
        ]
    if not (sent.read + sent.sent if is_exporting else received):
        return ""
    rate = _rate(run)
    if rate is not None:
        figures.append(f"{format_integer(round(rate))} registros/s")
        if not is_exporting and total > received and rate > 0:
            figures.append(f"faltam cerca de {format_short_duration(timedelta(seconds=(total - received) / rate))}")
    if run.beat_at is not None and now - run.beat_at > SILENT:
        figures.append(f"último sinal há {format_short_duration(now - run.beat_at)}")
    return " · ".join(figures)


_RECORDS = ("registro", "registros")


def _rate(run: Run) -> float | None:
    """Return rows per second: the carrier's own figure, else the mean since the start. None while it would say
    nothing.
    """
    if run.duration < FIRST_ESTIMATE:
        return None
    n_rows = run.counts.total.received + run.counts.sent.read + run.counts.sent.sent
    return run.rate or n_rows / run.duration.total_seconds()
