"""De/Para: which code of OmniForce is which of the ERP. Codes that kept orders out stand first, to be filled in."""

from __future__ import annotations

import re
from collections import Counter

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.erp.layout.code_map import KINDS, UNMAPPED
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.messages import labels, sentences
from omnisync.agent.messages.format import format_count
from omnisync.agent.pages.rendering import (
    CurrentConnection,
    Html,
    HtmlRequest,
    PageContext,
    field,
    fields,
    form_of,
    redirect,
    require_connection,
)

N_READ = 10_000
"""Refused records looked through for missing codes."""
MAX_CODE = 100
CODE = re.compile(rf"[^\x00-\x1f\x7f]{{1,{MAX_CODE}}}")
SAVED = "De/Para salvo. O que foi recusado por causa destes códigos é tentado de novo na próxima importação."
STALE = "Esta página estava aberta de antes e o De/Para não foi salvo. Confira e salve de novo."


class CodeRow(Struct, frozen=True, kw_only=True):
    """A code: what it is in the ERP by the company's own word, what the layout says, and what it keeps out."""

    code: str
    erp_code: str = ""
    of_layout: str = ""
    n_refused: int = 0

    @property
    def situation(self) -> str:
        """Return why it stands here."""
        if self.n_refused and not self.erp_code:
            return f"Falta: {format_count(self.n_refused, 'pedido não entrou', 'pedidos não entraram')}"
        if self.erp_code:
            return f"No lugar de {self.of_layout}, do layout" if self.of_layout else "Salvo"
        return "Do layout"


class Group(Struct, frozen=True, kw_only=True):
    """The codes of one kind. A layout that does not ask for them makes them idle."""

    kind: str
    name: str
    rows: tuple[CodeRow, ...]
    is_used: bool

    @property
    def n_missing(self) -> int:
        """Codes that keep orders out."""
        return sum(1 for row in self.rows if row.n_refused and not row.erp_code)


@get("/de-para", sync_to_thread=True)
def show(pages: NamedDependency[PageContext], request: HtmlRequest, salvo: FromQuery[str | None] = None) -> Html:
    """Show all groups."""
    return page(pages, pages.current_connection(request), notice=SAVED if salvo else "")


@post("/de-para", sync_to_thread=True, status_code=200)
def save(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Save the codes of one group; a code left empty goes back to what the layout says."""
    shown, form = pages.current_connection(request), form_of(request)
    connection = require_connection(shown)
    kind = field(form, "grupo")
    told = dict(zip(*(map(str.strip, fields(form, name)) for name in ("codigo", "erp")), strict=False))
    told.pop("", None)
    wrong = [text for pair in told.items() for text in pair if text and not CODE.fullmatch(text)]
    if kind not in KINDS or wrong:
        return page(pages, shown, notice=f"Um código tem de 1 a {MAX_CODE} letras. Nada foi salvo.", status=422)
    answers = pages.services.journal.decisions
    before = answers.mappings(connection.name).get(kind, {})
    changed = {code: erp_code or None for code, erp_code in told.items() if erp_code != before.get(code, "")}
    if changed:
        answers.save_mappings(connection.name, kind, changed)
        pages.services.journal.connections.add_event(connection.name, "mapping_saved", pages.services.clock())
    return redirect(shown.url("/de-para?salvo=1"))


def stale(pages: PageContext, request: HtmlRequest) -> Html:
    """Show the page again: what was typed in an old one is not saved."""
    return page(pages, pages.current_connection(request), notice=STALE, status=403)


def page(pages: PageContext, shown: CurrentConnection, *, notice: str = "", status: int = 200) -> Html:
    """Show the whole page."""
    groups: tuple[Group, ...] = ()
    trouble = ""
    if shown.connection is not None:
        missing, trouble = _missing(pages, shown)
        try:
            of_layout = pages.services.de_para(shown.connection)
        except OmnisyncError as error:
            of_layout, trouble = {}, sentences.of_error(error)
        groups = groups_of(pages.services.journal.decisions.mappings(shown.connection.name), of_layout, missing)
    return pages.page(
        "mapping.html",
        shown,
        pages.recent(shown),
        tab="mapping",
        title="De/Para",
        status=status,
        notice=notice,
        trouble=trouble,
        groups=[group for group in groups if group.is_used or group.rows],
        idle=[group.name.lower() for group in groups if not group.is_used and not group.rows],
    )


def groups_of(
    of_company: dict[str, dict[str, str]], of_layout: dict[str, dict[str, str]], missing: Counter[tuple[str, str]]
) -> tuple[Group, ...]:
    """Return every group: what is missing first, then what the company told, then what the layout says."""
    groups = []
    for kind in KINDS:
        mine, theirs = of_company.get(kind, {}), of_layout.get(kind, {})
        refused = {code: n for (of, code), n in missing.items() if of == kind}
        rows = [
            CodeRow(
                code=code, erp_code=mine.get(code, ""), of_layout=theirs.get(code, ""), n_refused=refused.get(code, 0)
            )
            for code in sorted({*mine, *theirs, *refused})
        ]
        rows.sort(key=lambda row: (not row.n_refused or bool(row.erp_code), not row.erp_code))
        groups.append(Group(kind=kind, name=labels.MAPPINGS[kind], rows=tuple(rows), is_used=kind in of_layout))
    return tuple(groups)


def _missing(pages: PageContext, shown: CurrentConnection) -> tuple[Counter[tuple[str, str]], str]:
    """Return how many records each unknown code keeps out, or why that could not be looked up."""
    nothing: list[OpenIssue] = []
    found, trouble = pages.look_up(
        pages.connection_with_runs(shown), lambda records: records.open_issues(("refused",), N_READ), nothing
    )
    missing: Counter[tuple[str, str]] = Counter(
        (UNMAPPED[record.code], record.value) for record in found if record.code in UNMAPPED and record.value
    )
    return missing, trouble
