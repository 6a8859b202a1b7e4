"""Sincronização: the buttons of import and export, its state as it goes, what did not enter, and the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from omnisync.agent.errors import OmnisyncError
from omnisync.agent.journal.run import Run, RunScope, Systems
from omnisync.agent.messages import zone_text
from omnisync.agent.pages.connection import setup_wizard
from omnisync.agent.pages.pending.pending_page import begin, not_sent, pending, send_again
from omnisync.agent.pages.rendering import (
    CurrentConnection,
    Html,
    HtmlRequest,
    PageContext,
    field,
    form_of,
    is_htmx,
    redirect,
)
from omnisync.agent.pages.schedule.schedule_page import SYSTEMS
from omnisync.agent.pages.sync.chart import bars
from omnisync.agent.pages.sync.run_rows import run_row
from omnisync.agent.pages.sync.status import Status, status_of
from omnisync.agent.progress import Counts
from omnisync.agent.record_ref import RecordRef, decode_record_ref
from omnisync.agent.schedule import System

N_ROWS = 5
N_TRIED = 10_000
CHART_DAYS = 14
STALE = "Esta página estava aberta de antes e não foi aceita. Nada foi feito: confira a situação e clique de novo."


@get("/", sync_to_thread=True)
def show(pages: NamedDependency[PageContext], request: HtmlRequest, antiga: FromQuery[str | None] = None) -> Html:
    """Show the page, or the welcome while something is missing. `antiga` says that an old page sent its reader here."""
    shown = pages.current_connection(request)
    if needs_setup(pages, shown):
        return welcome(pages, shown)
    return page(pages, shown, notice=STALE if antiga else "")


@get("/situacao", sync_to_thread=True)
def show_status(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Show the part that refreshes by itself. It asks the journal for a few rows, and the ERP once after each run."""
    shown = pages.current_connection(request)
    return fragment(pages, shown)


@get("/detalhes", sync_to_thread=True)
def show_details(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Show the part that changes when a run has ended."""
    shown = pages.current_connection(request)
    runs = pages.recent(shown)
    more = details(pages, shown, runs)  # first: it counts what the badge then says
    return pages.html(
        "details.html", shown=shown, warnings=pages.warnings(shown), n_pending=pages.n_pending(shown), **more
    )


@get("/proxima", sync_to_thread=True)
def show_next(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Show the frame's line about the next run, for the other pages."""
    shown = pages.current_connection(request)
    runs = pages.recent(shown)
    is_going = bool(runs) and runs[0].is_going
    return pages.html("next.html", shown=shown, next_line=pages.next_line(shown, runs), is_going=is_going)


@post("/importar", sync_to_thread=True, status_code=200)
def start(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Start the import of everything. A click during a run shows that run."""
    shown = pages.current_connection(request)
    begin(pages, shown)
    return answer_button(pages, request, shown)


@post("/exportar", sync_to_thread=True, status_code=200)
def start_export(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Start the export to the chosen systems. A click during a run shows that run."""
    shown = pages.current_connection(request)
    systems: Systems = SYSTEMS.get(field(form_of(request), "sistemas"), "all")
    begin(pages, shown, RunScope(kind="export", systems=systems))
    return answer_button(pages, request, shown)


@post("/cancelar", sync_to_thread=True, status_code=200)
def stop(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Ask the run the page showed to stop; one that came after it goes on."""
    shown = pages.current_connection(request)
    run_id = field(form_of(request), "execucao")
    runs = pages.recent(shown)
    if runs and runs[0].is_going and runs[0].id == run_id:
        pages.services.runs.stop(run_id)
    return answer_button(pages, request, shown)


@post("/tentar", sync_to_thread=True, status_code=200)
def try_again(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Try one record again."""
    shown = pages.current_connection(request)
    ref = decode_record_ref(field(form_of(request), "registro"))
    if ref is not None:
        begin(pages, shown, RunScope(records=(ref,)))
    return answer_button(pages, request, shown)


@post("/tentar-todos", sync_to_thread=True, status_code=200)
def try_all_again(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Try every refused record again."""
    shown = pages.current_connection(request)
    if shown.connection is not None:
        with pages.records(shown.connection) as records:
            found = records.open_issues(("refused",), N_TRIED)
        if found:
            begin(pages, shown, RunScope(records=tuple(RecordRef(one.kind, one.id) for one in found)))
    return answer_button(pages, request, shown)


@post("/reenviar", sync_to_thread=True, status_code=200)
def send_all_again(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Send every row that did not go out again."""
    shown = pages.current_connection(request)
    send_again(pages, shown)
    return answer_button(pages, request, shown)


def answer_button(pages: PageContext, request: HtmlRequest, shown: CurrentConnection) -> Html:
    """Answer a button: with the page's part to its script, else with a redirect to the page."""
    return fragment(pages, shown) if is_htmx(request) else redirect(shown.url("/"))


def stale(pages: PageContext, request: HtmlRequest) -> Html:
    """Show a button of a page that was open since before the token changed."""
    shown = pages.current_connection(request)
    if is_htmx(request):
        return pages.html("empty.html", status=403, headers={"HX-Redirect": shown.url("/?antiga=1")})
    return page(pages, shown, status=403, notice=STALE) if shown.connection else welcome(pages, shown, status=403)


def page(pages: PageContext, shown: CurrentConnection, *, status: int = 200, notice: str = "") -> Html:
    """Show the whole page."""
    runs = pages.recent(shown)
    more = details(pages, shown, runs)  # first: it counts what is unsettled, which the state then knows
    state = state_of(pages, shown, runs)
    return pages.page(
        "sync.html",
        shown,
        runs,
        tab="sync",
        title=state.title,
        status=status,
        notice=notice,
        state=state,
        systems=systems_of(pages, shown),
        zone_question=zone_question(shown),
        **more,
    )


def fragment(pages: PageContext, shown: CurrentConnection) -> Html:
    """Show the part that refreshes by itself, with the frame's line."""
    runs = pages.recent(shown)
    is_going = bool(runs) and runs[0].is_going
    line = pages.next_line(shown, runs)
    return pages.html(
        "status.html",
        shown=shown,
        next_line=line,
        is_going=is_going,
        state=state_of(pages, shown, runs),
        systems=systems_of(pages, shown),
    )


def state_of(pages: PageContext, shown: CurrentConnection, runs: Sequence[Run]) -> Status:
    """Return the state of the shown connection."""
    unsettled: dict[str, int] = {}
    offline = None
    if shown.connection is not None and not (runs and runs[0].is_going):
        unsettled = pages.n_open_issues(shown.connection, runs[0] if runs else None)
        offline = pages.services.offline(shown.connection.name)
    return status_of(runs, shown.now, shown.zone, unsettled=unsettled, offline=offline)


def zone_question(shown: CurrentConnection) -> str:
    """Return what the page asks about the connection's zone; nothing where it was told."""
    is_asked = shown.connection is not None and shown.zone_found.is_unanswered
    return zone_text.zone_advice(shown.zone_found, shown.now, "em Conexão") if is_asked else ""


def systems_of(pages: PageContext, shown: CurrentConnection) -> tuple[System, ...]:
    """Return the systems that the connection's layout has something for; none where the layout cannot be read."""
    try:
        return pages.services.exports(shown.connection) if shown.connection is not None else ()
    except OmnisyncError:
        return ()  # a run says what is wrong with it


def details(pages: PageContext, shown: CurrentConnection, runs: Sequence[Run]) -> dict[str, Any]:
    """Return what did not enter, the last runs, and the days."""
    ended = [run for run in runs if not run.is_going]
    since = shown.now.astimezone(shown.zone).date() - timedelta(days=CHART_DAYS - 1)
    days = pages.services.journal.days(shown.connection.name, since, shown.zone) if shown.connection else ()
    return {
        "pending": pending(pages, shown, runs),
        "unsent": not_sent(pages, shown, runs),
        "in_place": True,
        "rows": [run_row(run, shown.now, shown.zone) for run in ended[:N_ROWS]],
        "chart": bars(days, since, CHART_DAYS) if any(_has_rows(day.counts) for day in days) else None,
    }


def _has_rows(counts: Counts) -> bool:
    return bool(counts.total.received or counts.sent.sent)


def needs_setup(pages: PageContext, shown: CurrentConnection) -> bool:
    """Return whether something is still missing before the first import."""
    connection = shown.connection
    if connection is None or connection.hub is None or not connection.establishments:
        return True
    if setup_wizard.is_open(pages.services.journal, connection.name):
        return True
    return pages.services.secrets.get(connection, "hub_token") is None and not pages.recent(shown)


def welcome(pages: PageContext, shown: CurrentConnection, *, status: int = 200) -> Html:
    """Show the six first steps."""
    connection = shown.connection
    has_hub = connection is not None and connection.hub is not None
    has_token = connection is not None and has_hub and pages.services.secrets.get(connection, "hub_token") is not None
    journal = pages.services.journal
    is_made_here = connection is not None and setup_wizard.is_open(journal, connection.name)
    return pages.page(
        "welcome.html",
        shown,
        pages.recent(shown),
        tab="sync",
        title="Bem-vindo",
        status=status,
        zone_question=zone_question(shown),
        has_erp=connection is not None and (not is_made_here or setup_wizard.is_done(journal, connection, "erp")),
        has_hub=has_token
        and connection is not None
        and (not is_made_here or setup_wizard.is_done(journal, connection, "hub")),
        is_made_here=is_made_here,
        has_establishments=connection is not None and bool(connection.establishments),
        has_zone=connection is not None and not zone_text.is_guessed(shown.zone_found),
        zone_text=zone_text.zone_step(shown.zone_found, shown.now),
    )
