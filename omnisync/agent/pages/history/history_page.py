"""Histórico: every run with all its counts, and what people changed. And the search: "o pedido OF-… entrou?"."""

from __future__ import annotations

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.messages.format import format_short_moment
from omnisync.agent.pages.history import diagnostics
from omnisync.agent.pages.pending.record_rows import RecordRow, record_row
from omnisync.agent.pages.rendering import (
    CurrentConnection,
    Html,
    HtmlRequest,
    PageContext,
    require_connection,
)
from omnisync.agent.pages.sync.run_rows import run_row

N_ROWS = 50
N_EVENTS = 20
N_FOUND = 50
EVENTS = {
    "connection_saved": "Conexão alterada",
    "mapping_saved": "De/Para alterado",
    "taken_over": "Estabelecimento assumido de outro computador",
    "schedule_on": "Agendamento salvo: ativo",
    "schedule_off": "Agendamento salvo: inativo",
}


@get("/historico", sync_to_thread=True)
def show(pages: NamedDependency[PageContext], request: HtmlRequest, antes: FromQuery[str | None] = None) -> Html:
    """Show the runs, the newest first, or those older than `antes`."""
    shown = pages.current_connection(request)
    connection, journal = shown.connection, pages.services.journal
    runs = journal.runs(connection.name, N_ROWS + 1, antes) if connection else ()
    events = journal.connections.events(connection.name, N_EVENTS) if connection and antes is None else ()
    return pages.page(
        "history.html",
        shown,
        pages.recent(shown),
        tab="history",
        title="Histórico",
        rows=[run_row(run, shown.now, shown.zone) for run in runs[:N_ROWS]],
        older=runs[N_ROWS - 1].id if len(runs) > N_ROWS else "",
        is_older=antes is not None,
        events=[(format_short_moment(e.at, shown.now, shown.zone), EVENTS.get(e.code, e.code)) for e in events],
    )


@get("/diagnostico.zip", sync_to_thread=True)
def diagnose(pages: NamedDependency[PageContext], request: HtmlRequest) -> Response[bytes]:
    """Show the package for support."""
    shown = pages.current_connection(request)
    connection, journal = require_connection(shown), pages.services.journal
    package = diagnostics.package(
        diagnostics.DiagnosticsInput(
            version=pages.services.version,
            connection=connection,
            schedule=journal.connections.schedule(connection.name),
            runs=journal.runs(connection.name, diagnostics.N_RUNS),
            events=journal.connections.events(connection.name, diagnostics.N_EVENTS),
            unsettled=_open_issues(pages, shown),
        ),
        shown.now,
    )
    return Response(
        package,
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="diagnostico-omnisync.zip"'},
    )


def _open_issues(pages: PageContext, shown: CurrentConnection) -> list[OpenIssue] | None:
    """Return what did not enter; None where the ERP cannot be asked. Before the first run there is nothing to ask
    it.
    """
    nothing: list[OpenIssue] = []
    found, trouble = pages.look_up(
        pages.connection_with_runs(shown),
        lambda records: records.open_issues(("refused", "waiting"), diagnostics.N_RECORDS),
        nothing,
    )
    return None if trouble else found


@get("/busca", sync_to_thread=True)
def search(pages: NamedDependency[PageContext], request: HtmlRequest, q: FromQuery[str] = "") -> Html:
    """Show records by order number, ERP number or customer name: when each came, what became of it, and why."""
    shown = pages.current_connection(request)
    asked = q.strip()[:100]
    found, trouble = _find(pages, shown, asked)
    return pages.page(
        "search.html",
        shown,
        pages.recent(shown),
        tab="sync",
        title="Busca",
        q=asked,
        found=found,
        trouble=trouble,
        n_most=N_FOUND,
    )


def _find(pages: PageContext, shown: CurrentConnection, asked: str) -> tuple[list[RecordRow], str]:
    """Return what was found, or why nothing could be looked up. Before the first run there is nothing to look into."""
    nothing: list[OpenIssue] = []
    connection = pages.connection_with_runs(shown) if asked else None
    found, trouble = pages.look_up(connection, lambda records: records.find(asked, N_FOUND), nothing)
    return [record_row(one, shown.now, shown.zone) for one in found], trouble
