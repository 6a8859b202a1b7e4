"""What the first page says of the runs: one state, its sentence, and numbers that add up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

import msgspec
from msgspec import Struct

from omnisync.agent import texts
from omnisync.agent.journal import Run
from omnisync.agent.runner import Offline
from omnisync.agent.texts import counted, hour, integer
from omnisync.agent.ui import words
from omnisync.agent.ui.rows import Noun, Tone, nouns_of, sum_of

OFFLINE = frozenset({"hub_unreachable", "hub_other_page", "maintenance", "rate_limited"})
"""Codes that pass by themselves: the page says that there is no connection, not that something failed."""
FIRST_ESTIMATE = timedelta(seconds=3)
"""Before it a rate says nothing."""
SILENT = timedelta(seconds=5)
FAILED = "A importação parou"
HEADLINES = {
    "token_refused": "A importação parou: o OmniForce recusou o acesso deste computador.",
    "no_token": "A importação parou: falta a chave de acesso do OmniForce.",
    "company_suspended": "A importação parou: o acesso da empresa ao OmniForce está suspenso.",
    "agent_too_old": "A importação parou: esta versão do Omnisync é antiga.",
    "destination_full": "A importação parou: o banco do ERP está sem espaço.",
    "destination_login": "A importação parou: o banco do ERP recusou o usuário ou a senha.",
    "destination_permission": "A importação parou: falta permissão de gravação no banco do ERP.",
    "destination_read_only": "A importação parou: falta permissão de gravação no banco do ERP.",
    "destination_unreachable": "A importação parou: o banco do ERP não abriu.",
    "erp_busy": "A importação parou: o banco do ERP está ocupado.",
    "establishment_not_here": "A importação parou: um estabelecimento não está mais neste computador.",
    "establishment_busy": "A importação foi feita em parte: outro computador está importando o resto.",
    "scope_missing": "A importação parou: a chave de acesso não permite esta operação.",
    "overtaken": "A importação parou: outra passou à frente.",
}
ABOUT_CONNECTION = ("token_", "no_token", "destination_", "hub_", "settings", "establishment_", "scope_", "cnpj_")
BY_WHOM = {
    "button": "por você",
    "slot": "pelo agendamento",
    "catch_up": "pelo agendamento, atrasada",
    "command": "pela linha de comando",
    "retry": "como nova tentativa",
}
PHASES = {
    "customer": "Importando clientes",
    "waiting": "Tentando de novo o que aguardava",
    "receipts": "Avisando o OmniForce",
    "": "Começando a importação",
}


class Box(Struct, frozen=True, kw_only=True):
    """A state: its tone, its sentence, one that explains, and what can be done about it."""

    tone: Tone
    sentence: str
    detail: str = ""
    code: str = ""
    actions: tuple[str, ...] = ()


class Going(Struct, frozen=True, kw_only=True):
    """A run that has not ended."""

    id: str
    sentence: str
    figures: str
    began: str
    percent: int | None
    trouble: str
    is_cancelling: bool


class Status(Struct, frozen=True, kw_only=True):
    """All the first page refreshes by itself."""

    title: str
    announcement: str
    ended_id: str
    going: Going | None
    boxes: tuple[Box, ...]
    nouns: tuple[Noun, ...]
    sum: str


def status_of(
    runs: Sequence[Run],
    now: datetime,
    zone: tzinfo,
    *,
    unsettled: dict[str, int],
    offline: Offline | None = None,
) -> Status:
    """What these runs, newest first, mean to who looks."""
    last = runs[0] if runs else None
    if last is not None and last.is_going:
        return _status_going(last, now, zone)
    boxes = _boxes(runs, now, zone, unsettled, offline)
    shows_counts = last is not None and last.counts.total.received > 0
    return Status(
        title={"error": "Falhou", "warn": "Atenção", "info": "Sem conexão"}.get(boxes[0].tone, "Sincronização"),
        announcement=f"Última importação: {texts.STATES[last.state].lower()}." if last is not None else "",
        ended_id=last.id if last is not None else "",
        going=None,
        boxes=boxes,
        nouns=nouns_of(last) if last is not None and shows_counts else (),
        sum=sum_of(last.counts) if last is not None and shows_counts else "",
    )


def _status_going(run: Run, now: datetime, zone: tzinfo) -> Status:
    going = _going(run, now, zone)
    quarter = "" if going.percent is None else f" {going.percent // 25 * 25}%"
    shown = "" if going.percent is None else f" {going.percent}%"
    return Status(
        title="Cancelando" if going.is_cancelling else f"Importando{shown}",
        announcement="Cancelando a importação." if going.is_cancelling else f"Importando.{quarter}",
        ended_id="",
        going=going,
        boxes=(),
        nouns=nouns_of(run),
        sum=sum_of(run.counts) if run.counts.total.received else "",
    )


# --- a run that goes


def _going(run: Run, now: datetime, zone: tzinfo) -> Going:
    phase, _, trouble = run.phase.partition("!")
    received, total = run.counts.total.received, run.totals.total
    percent = min(99, 100 * received // total) if total else None
    is_cancelling = run.state == "cancelling"
    if is_cancelling:
        sentence = "Cancelando… terminando de gravar a página atual."
    else:
        name = "Importando pedidos de vendas" if phase.startswith("order") else PHASES.get(phase, PHASES[""])
        sentence = f"{name}…" if percent is None else f"{name}… {percent}%"
    return Going(
        id=run.id,
        sentence=sentence,
        figures=_figures(run, now),
        began=f"Iniciada {words.at(run.asked_at, now, zone)} {BY_WHOM[run.origin]}. "
        "Pode fechar esta página: a importação continua.",
        percent=percent,
        trouble=_trouble(trouble, now, zone) if trouble else "",
        is_cancelling=is_cancelling,
    )


def _trouble(trouble: str, now: datetime, zone: tzinfo) -> str:
    """What a run waits out, "hub_unreachable!2026-11-24T15:04:00+00:00", in words."""
    code, _, text = trouble.partition("!")
    retry_at = datetime.fromisoformat(text)
    seconds = max(1, round((retry_at - now).total_seconds()))
    return texts.sentence(code, hora=hour(retry_at.astimezone(zone)), n=seconds)


def _figures(run: Run, now: datetime) -> str:
    """258.112 de 415.400 · 41.300 registros/s · faltam cerca de 4 s."""
    received, total = run.counts.total.received, run.totals.total
    if not received:
        return ""
    figures = [f"{integer(received)} de {integer(total)}" if total >= received else counted(received, *_RECORDS)]
    rate = _rate(run)
    if rate is not None:
        figures.append(f"{integer(round(rate))} registros/s")
        if total > received and rate > 0:
            figures.append(f"faltam cerca de {words.short_span(timedelta(seconds=(total - received) / rate))}")
    if run.beat_at is not None and now - run.beat_at > SILENT:
        figures.append(f"último sinal há {words.short_span(now - run.beat_at)}")
    return " · ".join(figures)


_RECORDS = ("registro", "registros")


def _rate(run: Run) -> float | None:
    """Rows per second: the carrier's own figure, else the mean since the start. None while it would say nothing."""
    if run.duration < FIRST_ESTIMATE:
        return None
    return run.rate or run.counts.total.received / run.duration.total_seconds()


# --- no run goes


def _boxes(
    runs: Sequence[Run], now: datetime, zone: tzinfo, unsettled: dict[str, int], offline: Offline | None
) -> tuple[Box, ...]:
    """The last run's state; and the failure nobody has succeeded after, which stays in view until someone does."""
    if not runs:
        return (
            Box(tone="quiet", sentence="Nenhuma importação feita ainda.", detail="Clique em IMPORTAR para começar."),
        )
    last = runs[0]
    first = _ended(last, runs, now, zone, unsettled, offline)
    if last.state in ("done", "done_with_refusals", "failed"):
        return (first,)
    older = next((run for run in runs if run.state in ("done", "done_with_refusals", "failed")), None)
    if older is None or older.state != "failed":
        return (first,)
    before = _failed(older, runs, now, zone, offline)
    when = words.at(older.ended_at or older.asked_at, now, zone)
    return first, msgspec.structs.replace(before, sentence=f"Falha anterior, {when}. {before.sentence}")


def _ended(
    run: Run, runs: Sequence[Run], now: datetime, zone: tzinfo, unsettled: dict[str, int], offline: Offline | None
) -> Box:
    if run.state == "failed":
        return _failed(run, runs, now, zone, offline)
    if run.state in ("cancelled", "interrupted"):
        word = "cancelada" if run.state == "cancelled" else "interrompida"
        n = run.counts.total.written
        stood = f"{counted(n, 'registro ficou gravado', 'registros ficaram gravados')}; a próxima continua daí."
        return Box(tone="quiet" if run.state == "cancelled" else "warn", sentence=f"Importação {word}. {stood}")
    if run.state == "done_with_refusals":
        return _partial(run)
    return _done(run, now, zone, unsettled)


def _done(run: Run, now: datetime, zone: tzinfo, unsettled: dict[str, int]) -> Box:
    n_refused, n_waiting = unsettled.get("refused", 0), unsettled.get("waiting", 0)
    when = f"Última importação {words.at(run.ended_at or run.asked_at, now, zone)}."
    written = run.counts.total.written
    if run.counts.total.received:
        none = "nenhum recusado"
        detail = f"{counted(written, 'registro gravado', 'registros gravados')}, {none}, em {words.span(run.duration)}."
    else:
        detail = "Não há dados novos no OmniForce."
    if n_refused:
        pending = f"{counted(n_refused, 'registro continua recusado', 'registros continuam recusados')}"
        return Box(tone="warn", sentence=f"{when[:-1]}; {pending}.", detail=f"{detail} Veja abaixo o motivo.")
    if n_waiting:
        detail += f" {counted(n_waiting, 'registro aguarda outro', 'registros aguardam outro')} para entrar."
    return Box(tone="ok", sentence=f"Tudo em dia. {when}", detail=detail)


def _partial(run: Run) -> Box:
    n = run.counts.customers.refused + run.counts.orders.refused
    written = counted(run.counts.total.written, "registro gravado", "registros gravados")
    return Box(
        tone="warn",
        sentence=f"Importação concluída com {counted(n, 'registro recusado', 'registros recusados')}.",
        detail=f"{written} em {words.span(run.duration)}. Veja abaixo o motivo de cada recusa.",
    )


def _failed(run: Run, runs: Sequence[Run], now: datetime, zone: tzinfo, offline: Offline | None) -> Box:
    code = run.code or "internal"
    if code in OFFLINE:
        return _offline(run, runs, now, zone, offline)
    written = run.counts.total.written
    already = counted(written, "registro já está gravado", "registros já estão gravados")
    stood = f"{already} e a próxima importação continua daí."
    kept = f"Nada foi perdido: {stood}" if written else "Nada foi perdido."
    return Box(
        tone="error",
        sentence=HEADLINES.get(code, f"{FAILED}."),
        detail=f"{kept} {texts.sentence(code, **run.words)}",
        code=code,
        actions=("connection",) if code.startswith(ABOUT_CONNECTION) else (),
    )


def _offline(run: Run, runs: Sequence[Run], now: datetime, zone: tzinfo, offline: Offline | None) -> Box:
    since = run.asked_at
    for older in runs[runs.index(run) :]:
        if older.state != "failed" or older.code not in OFFLINE:
            break
        since = older.asked_at
    local = since.astimezone(zone)
    is_today = local.date() == now.astimezone(zone).date()
    when = hour(local) if is_today else words.at(since, now, zone)
    wait = "a cada minuto"
    if offline is not None:
        seconds = max(1, round((offline.next_try_at - now).total_seconds()))
        wait = f"de novo em {counted(seconds, 'segundo', 'segundos')} (tentativa {offline.n_tries + 1})"
    return Box(
        tone="info",
        sentence=f"Sem conexão com o OmniForce desde {when}.",
        detail=f"O Omnisync tenta sozinho {wait}; IMPORTAR tenta agora. Os dados já gravados não são afetados.",
        actions=("test",),
    )
