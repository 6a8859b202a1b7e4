"""Pendências: what did not enter and why, what a person has to choose or confirm, and what entered with a warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from omnisync.agent.erp.base import OpenIssue, RecordStore
from omnisync.agent.errors import OmnisyncError, RunInProgressError
from omnisync.agent.journal.decisions import Confirmation
from omnisync.agent.journal.run import EVERYTHING, Run, RunScope, holders_of, left_to_another
from omnisync.agent.messages import labels, sentences
from omnisync.agent.messages.choices import Choice, choice_of
from omnisync.agent.messages.format import format_moment
from omnisync.agent.messages.spreadsheet import open_issues_csv
from omnisync.agent.pages.pending.not_sent import NotSentRows, not_sent_rows
from omnisync.agent.pages.pending.record_rows import (
    RecordRow,
    WarnedRow,
    record_row,
    warned_row,
)
from omnisync.agent.pages.rendering import (
    CurrentConnection,
    Html,
    HtmlRequest,
    PageContext,
    field,
    form_of,
    redirect,
    require_connection,
)
from omnisync.agent.progress import deletes_to_confirm
from omnisync.agent.record_ref import decode_record_ref
from omnisync.agent.sync.outbox import RowRefusal, outbox_of

N_SHOWN = 50
N_PAGE = 300
"""Records on Pendências; the spreadsheet has them all."""
N_EXPORTED = 100_000
N_WARNED = 100
NOTICES = {
    "escolhido": "Escolha salva: o cliente e seus pedidos entram com esta importação.",
    "escolhido-depois": "Escolha salva: o cliente e seus pedidos entram na próxima importação.",
    "confirmado": "Confirmado: a próxima exportação continua.",
    "assumido": "Este computador assumiu o estabelecimento, e a importação começou. O outro para na próxima página.",
    "assumido-depois": "Este computador assumiu o estabelecimento: os pedidos entram na próxima importação daqui.",
    "mudou": "Nada foi feito: o que estava nesta página mudou. Confira e clique de novo.",
}
STALE = "Esta página estava aberta de antes e nada foi feito. Confira e clique de novo."


class Pending(Struct, frozen=True, kw_only=True):
    """The records that did not enter. `trouble` says why they could not be looked up."""

    records: tuple[RecordRow, ...] = ()
    choices: tuple[Choice, ...] = ()
    n_refused: int = 0
    n_waiting: int = 0
    trouble: str = ""

    @property
    def n_more(self) -> int:
        """Return how many there are beyond those shown."""
        return max(0, self.n_refused + self.n_waiting - len(self.records))


class OpenConfirmation(Struct, frozen=True, kw_only=True):
    """Something that takes many records away, and waits for a person's yes."""

    dataset: str
    n: int
    text: str
    is_confirmed: bool


class HeldEstablishment(Struct, frozen=True, kw_only=True):
    """An establishment that another computer was importing, as the last import here was told."""

    code: str
    text: str


@get("/pendencias", sync_to_thread=True)
def show(pages: NamedDependency[PageContext], request: HtmlRequest, aviso: FromQuery[str] = "") -> Html:
    """Show the page."""
    return page(pages, pages.current_connection(request), notice=NOTICES.get(aviso, ""))


@get("/pendencias/avisos", sync_to_thread=True)
def show_warned(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Show the records that entered with a warning or stayed as they were: by a click, as it reads many rows."""
    shown = pages.current_connection(request)
    warned, kept, trouble = _warned(pages, shown)
    return pages.page(
        "warned.html",
        shown,
        pages.recent(shown),
        tab="pending",
        title="Avisos",
        warned=warned,
        kept=kept,
        trouble=trouble,
        n_most=N_WARNED,
    )


@get("/recusados.csv", sync_to_thread=True)
def export(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Send the open issues as a spreadsheet."""
    shown = pages.current_connection(request)
    found: list[OpenIssue] = []
    if (connection := pages.connection_with_runs(shown)) is not None:
        with pages.records(connection) as records:
            found = records.open_issues(("refused", "waiting"), N_EXPORTED)
    return Response(
        open_issues_csv(found, shown.zone, _refused_rows(pages, shown)),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="recusados.csv"'},
    )


@post("/pendencias/escolher", sync_to_thread=True, status_code=200)
def choose(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Show of several customers of the ERP with one CNPJ, this one: only one of those that were found there."""
    shown, form = pages.current_connection(request), form_of(request)
    ref, key = decode_record_ref(field(form, "registro")), field(form, "chave")
    if ref is None or not _choose(pages, shown, ref.id, key):
        return redirect(shown.url("/pendencias?aviso=mudou"))
    is_begun = begin(pages, shown, RunScope(records=(ref,)))
    return redirect(shown.url(f"/pendencias?aviso={'escolhido' if is_begun else 'escolhido-depois'}"))


@post("/pendencias/confirmar", sync_to_thread=True, status_code=200)
def confirm(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Confirm what the page showed, and no other number."""
    shown, form = pages.current_connection(request), form_of(request)
    n = field(form, "quantos")
    is_seen = n.isascii() and n.isdecimal() and len(n) <= 9
    done = is_seen and pages.services.journal.decisions.confirm(
        require_connection(shown).name, field(form, "dados"), int(n), pages.services.clock()
    )
    return redirect(shown.url(f"/pendencias?aviso={'confirmado' if done else 'mudou'}"))


@post("/pendencias/assumir", sync_to_thread=True, status_code=200)
def take_over(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Import an establishment here from now on; the hub refuses the other computer at its next page."""
    shown, code = pages.current_connection(request), field(form_of(request), "estabelecimento")
    if code not in [one.code for one in held_establishments(shown, pages.recent(shown))]:
        return redirect(shown.url("/pendencias?aviso=mudou"))
    connection = require_connection(shown)
    try:
        with closing(pages.services.hub(connection)) as hub:
            hub.take_over(code)
    except OmnisyncError as error:
        return page(pages, shown, notice=sentences.of_error(error))
    pages.services.journal.connections.add_event(connection.name, "taken_over", pages.services.clock())
    return redirect(shown.url("/pendencias?aviso=" + ("assumido" if begin(pages, shown) else "assumido-depois")))


def stale(pages: PageContext, request: HtmlRequest) -> Html:
    """Show a button of a page that was open since before the token changed."""
    return page(pages, pages.current_connection(request), notice=STALE, status=403)


def page(pages: PageContext, shown: CurrentConnection, *, notice: str = "", status: int = 200) -> Html:
    """Show the whole page."""
    runs = pages.recent(shown)
    found = pending(pages, shown, runs, limit=N_PAGE)
    asked = pages.services.journal.decisions.confirmations(shown.connection.name) if shown.connection else ()
    return pages.page(
        "pendings.html",
        shown,
        runs,
        tab="pending",
        title="Pendências",
        status=status,
        notice=notice,
        pending=found,
        unsent=not_sent(pages, shown, runs, limit=N_PAGE),
        in_place=False,
        going_word=labels.RUNS[runs[0].kind] if runs else "",
        asked=[open_confirmation(one) for one in asked],
        held=held_establishments(shown, runs),
    )


def begin(
    pages: PageContext,
    shown: CurrentConnection,
    scope: RunScope = EVERYTHING,
) -> bool:
    """Start a run, of everything or of a scope; answers False while one is going: the page shows it."""
    name = require_connection(shown).name
    with suppress(RunInProgressError):
        pages.services.runs.start(name, scope, "retry" if scope.records or scope.resends_refused else "button")
        return True
    return False


def send_again(pages: PageContext, shown: CurrentConnection) -> bool:
    """Start an export that tries the rows that did not go out again, as they are."""
    return begin(pages, shown, RunScope(kind="export", resends_refused=True))


def not_sent(pages: PageContext, shown: CurrentConnection, runs: Sequence[Run], *, limit: int = N_SHOWN) -> NotSentRows:
    """Return what did not go out, as the outbox says; it is left alone while a run goes."""
    if shown.connection is None or not runs or runs[0].is_going:
        return NotSentRows()
    with closing(outbox_of(pages.services.settings.home, shown.connection.name)) as outbox:
        n = outbox.n_refused()
        return not_sent_rows(outbox.refused(limit) if n else (), n, shown.now)


def pending(pages: PageContext, shown: CurrentConnection, runs: Sequence[Run], *, limit: int = N_SHOWN) -> Pending:
    """Return what the ERP's own tables say did not enter. They are not opened before a run made them, nor during
    one.
    """
    if shown.connection is None or not runs or runs[0].is_going:
        return Pending()

    def ask(records: RecordStore) -> tuple[dict[str, int], list[OpenIssue]]:
        counts = records.n_open_issues()
        return counts, records.open_issues(("refused", "waiting"), limit) if any(counts.values()) else []

    nothing: tuple[dict[str, int], list[OpenIssue]] = {}, []
    (counts, found), trouble = pages.look_up(shown.connection, ask, nothing)
    if trouble:
        # A run that never reached the database left no tables there; the state says why already.
        return Pending() if runs[0].state == "failed" else Pending(trouble=trouble)
    pages.cache_open_issues(shown.connection, runs[0], counts | {"unsent": pages.n_not_sent(shown.connection)})
    records = sorted(
        (record_row(one, shown.now, shown.zone) for one in found), key=lambda record: not record.is_refused
    )
    choices = tuple(choice for one in found if (choice := choice_of(one)) is not None)
    return Pending(records=tuple(records), choices=choices, n_refused=counts["refused"], n_waiting=counts["waiting"])


def open_confirmation(confirmation: Confirmation) -> OpenConfirmation:
    """Return a question for a person, in words."""
    text = sentences.of_message(deletes_to_confirm(confirmation.dataset, confirmation.n))
    return OpenConfirmation(
        dataset=confirmation.dataset, n=confirmation.n, text=text, is_confirmed=confirmation.confirmed_at is not None
    )


def held_establishments(shown: CurrentConnection, runs: Sequence[Run]) -> list[HeldEstablishment]:
    """Return what another computer was importing when this one last tried; nothing while it tries."""
    last = left_to_another(runs)
    if last is None or last.ended_at is None:
        return []
    names = {one.code: one.name for one in shown.connection.establishments} if shown.connection else {}
    found = []
    for code, (holder, since) in holders_of(last).items():
        tried = format_moment(last.ended_at, shown.now, shown.zone)
        is_dated = f", desde {format_moment(datetime.fromisoformat(since), shown.now, shown.zone)}" if since else ""
        text = (
            f"Na última importação daqui, {tried}, o estabelecimento {_named(code, names)} "
            f"estava sendo importado por outro computador ({holder}){is_dated}."
        )
        found.append(HeldEstablishment(code=code, text=text))
    return found


def _named(code: str, names: Mapping[str, str]) -> str:
    return f"{code} - {names[code]}" if names.get(code) else code


def _refused_rows(pages: PageContext, shown: CurrentConnection) -> list[RowRefusal]:
    if shown.connection is None:
        return []
    with closing(outbox_of(pages.services.settings.home, shown.connection.name)) as outbox:
        return outbox.refused(N_EXPORTED)


def _choose(pages: PageContext, shown: CurrentConnection, customer_id: str, key: str) -> bool:
    """Remember the choice, if it is still to be made and this is one of the answers."""
    with pages.records(require_connection(shown)) as records:
        refused = records.open_issues(("refused",), N_EXPORTED)
        open_choices = (choice_of(one) for one in refused if one.id == customer_id)
        is_open = any(choice is not None and key in choice.keys for choice in open_choices)
        if is_open:
            records.choose(customer_id, key)
    return is_open


def _warned(pages: PageContext, shown: CurrentConnection) -> tuple[list[WarnedRow], list[RecordRow], str]:
    nothing: tuple[list[OpenIssue], list[OpenIssue]] = [], []
    (warned, kept), trouble = pages.look_up(
        pages.connection_with_runs(shown),
        lambda records: (records.with_warnings(N_WARNED), records.open_issues(("kept",), N_WARNED)),
        nothing,
    )
    return (
        [warned_row(one, shown.now, shown.zone) for one in warned],
        [record_row(one, shown.now, shown.zone) for one in kept],
        trouble,
    )
