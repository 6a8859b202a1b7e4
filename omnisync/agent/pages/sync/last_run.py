"""The alerts of the first page when no run goes: the last run's end, and a failure without a success since. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

import msgspec
from msgspec import Struct

from omnisync.agent.journal.run import Run
from omnisync.agent.messages import labels, sentences
from omnisync.agent.messages.format import format_count, format_duration, format_moment
from omnisync.agent.pages.sync.run_rows import Tone
from omnisync.agent.progress import Counts
from omnisync.agent.scheduler.scheduler import Offline
from omnisync.agent.zones import wall_hour

OFFLINE = frozenset({"hub_unreachable", "hub_other_page", "maintenance", "rate_limited"})
"""Codes that pass by themselves: the page says that there is no connection, not that something failed."""
HEADLINES = {
    "token_refused": "o OmniForce recusou o acesso deste computador.",
    "no_token": "falta a chave de acesso do OmniForce.",
    "company_suspended": "o acesso da empresa ao OmniForce está suspenso.",
    "agent_too_old": "esta versão do Omnisync é antiga.",
    "destination_full": "o banco do ERP está sem espaço.",
    "destination_login": "o banco do ERP recusou o usuário ou a senha.",
    "destination_permission": "falta permissão de gravação no banco do ERP.",
    "destination_read_only": "falta permissão de gravação no banco do ERP.",
    "destination_missing_file": "o arquivo do banco do ERP não existe.",
    "destination_unreachable": "o banco do ERP não abriu.",
    "erp_busy": "o banco do ERP está ocupado.",
    "establishment_not_here": "um estabelecimento não está mais neste computador.",
    "scope_missing": "a chave de acesso não permite esta operação.",
    "overtaken": "outra passou à frente.",
    "dataset_not_in_layout": "o layout não diz o que enviar.",
}
"""Why a run stopped, in short."""
PARTLY = {"establishment_busy": "A {execucao} foi feita em parte: outro computador está importando o resto."}
ABOUT_CONNECTION = (
    *("token_", "no_token", "destination_", "hub_", "settings", "establishment_", "scope_", "cnpj_"),
    "dataset_",
)
BUTTONS = {"import": "IMPORTAR", "export": "EXPORTAR", "both": "IMPORTAR"}
FINISHED = ("done", "done_with_refusals", "failed")


class Alert(Struct, frozen=True, kw_only=True):
    """A state: its tone, its sentence, one that explains, and what can be done about it."""

    tone: Tone
    sentence: str
    detail: str = ""
    code: str = ""
    actions: tuple[str, ...] = ()


def alerts(
    runs: Sequence[Run], now: datetime, zone: tzinfo, unsettled: dict[str, int], offline: Offline | None
) -> tuple[Alert, ...]:
    """Return the last run's state; and of what it did not do, the failure that stays in view until someone succeeds."""
    if not runs:
        return (
            Alert(tone="quiet", sentence="Nenhuma importação feita ainda.", detail="Clique em IMPORTAR para começar."),
        )
    last = runs[0]
    first = _last_run_alert(last, runs, now, zone, unsettled, offline)
    older = _failed_before(runs)
    if older is None:
        return (first,)
    before = _failed(older, runs, now, zone, offline)
    when = format_moment(older.ended_at or older.asked_at, now, zone)
    return first, msgspec.structs.replace(before, sentence=f"Falha anterior, {when}. {before.sentence}")


def _failed_before(runs: Sequence[Run]) -> Run | None:
    """Return the newest failure, before the last run, of an import or an export that has not gone well since."""
    for half in ("import", "export"):
        ended = next((run for run in runs if run.kind in (half, "both") and run.state in FINISHED), None)
        if ended is not None and ended is not runs[0] and ended.state == "failed":
            return ended
    return None


def _last_run_alert(
    run: Run, runs: Sequence[Run], now: datetime, zone: tzinfo, unsettled: dict[str, int], offline: Offline | None
) -> Alert:
    if run.state == "failed":
        return _failed(run, runs, now, zone, offline)
    if run.state in ("cancelled", "interrupted"):
        word = "cancelada" if run.state == "cancelled" else "interrompida"
        return Alert(
            tone="quiet" if run.state == "cancelled" else "warn",
            sentence=f"{labels.RUNS[run.kind].capitalize()} {word}. {_what_stays(run)}; a próxima continua daí.",
        )
    if run.state == "done_with_refusals":
        return _partial(run)
    return _done(run, now, zone, unsettled)


def _what_stays(run: Run) -> str:
    """Return what stays of a run that did not reach its end."""
    written = format_count(run.counts.total.written, "registro ficou gravado", "registros ficaram gravados")
    sent = format_count(run.counts.sent.sent, "linha ficou enviada", "linhas ficaram enviadas")
    if run.kind == "export":
        return sent
    return f"{written} e {sent}" if run.counts.exports else written


def _done(run: Run, now: datetime, zone: tzinfo, unsettled: dict[str, int]) -> Alert:
    n_refused, n_waiting = unsettled.get("refused", 0), unsettled.get("waiting", 0)
    when = f"Última {labels.RUNS[run.kind]} {format_moment(run.ended_at or run.asked_at, now, zone)}."
    detail = _what_came(run) if run.kind != "export" else ""
    if run.kind != "import":
        detail = f"{detail} {_what_went(run.counts)}".strip()
    n_unsent = unsettled.get("unsent", 0)
    left = [
        *(
            [format_count(n_refused, "registro continua recusado", "registros continuam recusados")]
            if n_refused
            else []
        ),
        *([format_count(n_unsent, "linha continua sem envio", "linhas continuam sem envio")] if n_unsent else []),
    ]
    if left:
        return Alert(
            tone="warn", sentence=f"{when[:-1]}; {' e '.join(left)}.", detail=f"{detail} Veja abaixo o motivo."
        )
    if n_waiting:
        detail += f" {format_count(n_waiting, 'registro aguarda outro', 'registros aguardam outro')} para entrar."
    return Alert(tone="ok", sentence=f"Tudo em dia. {when}", detail=detail)


def _what_came(run: Run) -> str:
    if not run.counts.total.received:
        return "Não há dados novos no OmniForce."
    written = format_count(run.counts.total.written, "registro gravado", "registros gravados")
    return f"{written}, nenhum recusado, em {format_duration(run.duration)}."


def _what_went(counts: Counts) -> str:
    sent = counts.sent
    return sentences.export_summary(counts.sent_by_system(), deleted=sent.deleted, refused=sent.refused)


def _partial(run: Run) -> Alert:
    n, sent = run.counts.customers.refused + run.counts.orders.refused, run.counts.sent
    left = [
        *([format_count(n, "registro recusado", "registros recusados")] if n else []),
        *([format_count(sent.refused, "linha não enviada", "linhas não enviadas")] if sent.refused else []),
        *([format_count(sent.held, "linha para confirmar", "linhas para confirmar")] if sent.held else []),
    ]
    said = ", ".join(left[:-2] + [" e ".join(left[-2:])])
    written = format_count(run.counts.total.written, "registro gravado", "registros gravados")
    came = f"{written} em {format_duration(run.duration)}. " if run.kind != "export" else ""
    went = f"{_what_went(run.counts)} " if run.kind != "import" else ""
    return Alert(
        tone="warn",
        sentence=f"{labels.RUNS[run.kind].capitalize()} concluída com {said}.",
        detail=f"{came}{went}" + ("Veja abaixo o motivo de cada recusa." if n or sent.refused else ""),
        actions=("pending",) if sent.held else (),
    )


def _failed(run: Run, runs: Sequence[Run], now: datetime, zone: tzinfo, offline: Offline | None) -> Alert:
    code, word = run.code or "internal", labels.RUNS[run.kind]
    if code in OFFLINE:
        return _offline(run, runs, now, zone, offline)
    why = HEADLINES.get(code)
    stopped = f"A {word} parou: {why}" if why else f"A {word} parou."
    return Alert(
        tone="error",
        sentence=PARTLY[code].format(execucao=word) if code in PARTLY else stopped,
        detail=f"Nada foi perdido{_already(run)}. {sentences.of_run(code, run.words, is_export=run.kind == 'export')}",
        code=code,
        actions=_actions(code),
    )


def _actions(code: str) -> tuple[str, ...]:
    """Return where the cause is put right."""
    if code in PARTLY:
        return ("pending",)
    return ("connection",) if code.startswith(ABOUT_CONNECTION) else ()


def _already(run: Run) -> str:
    written, sent = run.counts.total.written, run.counts.sent.sent
    done = [
        *([format_count(written, "registro já está gravado", "registros já estão gravados")] if written else []),
        *([format_count(sent, "linha já foi enviada", "linhas já foram enviadas")] if sent else []),
    ]
    return f": {' e '.join(done)} e a próxima {labels.RUNS[run.kind]} continua daí" if done else ""


def _offline(run: Run, runs: Sequence[Run], now: datetime, zone: tzinfo, offline: Offline | None) -> Alert:
    since = run.asked_at
    for older in runs[runs.index(run) :]:
        if older.state != "failed" or older.code not in OFFLINE:
            break
        since = older.asked_at
    local = since.astimezone(zone)
    is_today = local.date() == now.astimezone(zone).date()
    when = wall_hour(local) if is_today else format_moment(since, now, zone)
    wait = "a cada minuto"
    if offline is not None:
        seconds = max(1, round((offline.next_try_at - now).total_seconds()))
        wait = f"de novo em {format_count(seconds, 'segundo', 'segundos')} (tentativa {offline.n_tries + 1})"
    return Alert(
        tone="info",
        sentence=f"Sem conexão com o OmniForce desde {when}.",
        detail=f"O Omnisync tenta sozinho {wait}; {BUTTONS[run.kind]} tenta agora. "
        "Os dados já gravados não são afetados.",
        actions=("test",),
    )
