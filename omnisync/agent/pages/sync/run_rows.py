"""A run's counts as rows of a page: by the seed's four nouns, by dataset, or as one line of a list. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Literal

from msgspec import Struct

from omnisync.agent.journal.run import Run
from omnisync.agent.messages import labels, sentences
from omnisync.agent.messages.format import format_count, format_integer, format_short_duration, format_short_moment
from omnisync.agent.progress import NOUNS, Counts, ExportCounts, RowCounts

Tone = Literal["ok", "warn", "error", "info", "quiet"]

RUN_TONES: dict[str, Tone] = {
    "done": "ok",
    "done_with_refusals": "warn",
    "failed": "error",
    "interrupted": "warn",
    "cancelled": "quiet",
    "running": "info",
    "waiting": "info",
    "cancelling": "info",
}


class EntityRow(Struct, frozen=True, kw_only=True):
    """A row of the table: one of the seed's four nouns. `rest` names what is neither written nor refused."""

    name: str
    tally: RowCounts
    total: int
    situation: str
    tone: Tone
    rest: str

    @property
    def percent(self) -> int:
        """Return how far it is; a noun nothing was announced of is empty."""
        return 100 * self.tally.received // self.total if self.total else 0


class DatasetRow(Struct, frozen=True, kw_only=True):
    """A row of the other table: one dataset on its way out. `rest` says what of it was deleted or waits."""

    name: str
    sent: ExportCounts
    situation: str
    tone: Tone
    rest: str

    @property
    def percent(self) -> int:
        """Return how much of what was to go has gone; nothing to go is all of it."""
        sent = self.sent
        return min(100, 100 * (sent.sent + sent.refused) // sent.prepared) if sent.prepared else 100


class RunRow(Struct, frozen=True, kw_only=True):
    """A run in a list of runs."""

    id: str
    when: str
    origin: str
    state: str
    tone: Tone
    tally: RowCounts
    sent: ExportCounts
    duration: str
    reason: str
    left: str
    """What did not go out, in words."""


def entity_rows(run: Run) -> tuple[EntityRow, ...]:
    """Return the four nouns of a run, each with what became of it."""
    return tuple(_entity_row(run, noun) for noun in NOUNS)


def _entity_row(run: Run, noun: str) -> EntityRow:
    tally: RowCounts = getattr(run.counts, noun)
    total = max(tally.received, getattr(run.totals, noun))
    situation, tone = _situation(run, noun, tally, total)
    rest = [
        f"{format_integer(n)} {word}"
        for n, word in (
            (tally.unchanged, "sem alteração"),
            (tally.waiting, "aguardando"),
            (tally.kept, "mantido no ERP" if tally.kept == 1 else "mantidos no ERP"),
        )
        if n
    ]
    return EntityRow(
        name=labels.NOUNS[noun], tally=tally, total=total, situation=situation, tone=tone, rest=", ".join(rest)
    )


def _situation(run: Run, noun: str, tally: RowCounts, total: int) -> tuple[str, Tone]:
    is_whole = tally.received >= total
    if run.is_going and not (is_whole and total):
        is_its_turn = run.phase.stage == ("customer" if noun == "customers" else "order")
        return ("Importando", "info") if is_its_turn else ("Aguardando", "quiet")
    if not total:
        return "Nada novo", "quiet"
    if not is_whole:
        return "Interrompido", "error"
    return ("Com recusas", "warn") if tally.refused else ("Concluído", "ok")


def import_summary(counts: Counts) -> str:
    """Return how the rows received add up, in words."""
    tally = counts.total
    return (
        f"{format_integer(tally.received)} recebidos = {format_integer(tally.written)} gravados + "
        f"{format_integer(tally.unchanged)} sem alteração + {format_integer(tally.refused)} recusados + "
        f"{format_integer(tally.waiting)} aguardando + {format_integer(tally.kept)} mantidos no ERP. "
        "Contamos clientes, pedidos, itens e formas de pagamentos."
    )


def dataset_rows(run: Run) -> tuple[DatasetRow, ...]:
    """Return the datasets of a run, each with what became of it: all it has come to while it goes, then those with
    news.
    """
    found = (_dataset_row(run, name, sent) for name, sent in run.counts.exports.items())
    return tuple(one for one in found if run.is_going or one.sent.prepared or one.sent.sent or not_sent(one.sent))


def _dataset_row(run: Run, name: str, sent: ExportCounts) -> DatasetRow:
    is_its_turn = run.is_going and run.phase.dataset == name
    situation: tuple[str, Tone] = ("Concluído", "ok")
    if is_its_turn:
        situation = ("Lendo", "info") if run.phase.stage == "read" else ("Enviando", "info")
    elif sent.refused:
        situation = "Com recusas", "warn"
    elif sent.held:
        situation = "Para confirmar", "warn"
    elif not run.is_going and run.state in ("failed", "cancelled", "interrupted") and sent.sent < sent.prepared:
        situation = "Interrompido", "error"
    elif not sent.sent:
        situation = "Nada novo", "quiet"
    rest = [
        *([format_count(sent.deleted, "apagado", "apagados")] if sent.deleted else []),
        *([f"{format_integer(sent.held)} para confirmar"] if sent.held else []),
    ]
    return DatasetRow(
        name=labels.dataset_name(name), sent=sent, situation=situation[0], tone=situation[1], rest=", ".join(rest)
    )


def not_sent(sent: ExportCounts) -> str:
    """Return what did not go out: 2 recusados, 12 para confirmar."""
    refused = [format_count(sent.refused, "recusado", "recusados")] if sent.refused else []
    held = [f"{format_integer(sent.held)} para confirmar"] if sent.held else []
    return ", ".join([*refused, *held])


def export_summary(counts: Counts) -> str:
    """Return how the rows on their way out add up, in words."""
    sent = counts.sent
    parts = [f"{format_integer(sent.read)} lidos no ERP", f"{format_integer(sent.sent)} enviados"]
    if sent.deleted:
        parts.append(f"{format_integer(sent.deleted)} deles apagados")
    return f"{', '.join(parts)}{', ' if not_sent(sent) else ''}{not_sent(sent)}. Só vai o que mudou desde a última vez."


def run_row(run: Run, now: datetime, zone: tzinfo) -> RunRow:
    """Return a run as a row of a list."""
    says_why = run.code is not None and run.state == "failed"
    return RunRow(
        id=run.id,
        when=format_short_moment(run.started_at or run.asked_at, now, zone),
        origin=labels.ORIGINS[run.origin],
        state=labels.STATES[run.state],
        tone=RUN_TONES[run.state],
        tally=run.counts.total,
        sent=run.counts.sent,
        duration=format_short_duration(run.duration) if run.started_at else "–",
        reason=sentences.of_run(run.code or "", run.words, is_export=run.kind == "export") if says_why else "",
        left=f"Envio: {left}" if (left := not_sent(run.counts.sent)) else "",
    )
