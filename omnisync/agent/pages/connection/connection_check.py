"""Testing a connection: each step says what it found, in the sentences a run would use."""

from __future__ import annotations

from concurrent.futures import Future, wait

from msgspec import Struct

from omnisync.agent.config.connection import Connection, connection_zone
from omnisync.agent.erp.base import DryRun
from omnisync.agent.erp.databases import layout_named
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.messages import sentences, zone_text
from omnisync.agent.messages.format import format_count
from omnisync.agent.pages.background import BackgroundTasks
from omnisync.agent.pages.rendering import PageServices
from omnisync.contract.documents import redact
from omnisync.contract.feed import Identity

HUB = "Central do OmniForce"
TOKEN = "Chave de acesso"  # noqa: S105  # a step's name
ERP = "Banco do ERP"
LAYOUT = "Tabelas do layout"
REHEARSAL = "Conferência sem gravar"
STEPS = {"destination_missing_table": LAYOUT, "destination_missing_column": LAYOUT, "layout": LAYOUT}
STEPS |= {"cnpj_column_numeric": LAYOUT, "destination_login": "Usuário e senha do banco"}
STEPS |= {"destination_permission": "Permissões do usuário do banco", "no_token": TOKEN, "token_refused": TOKEN}
STEPS |= {"company_suspended": TOKEN}
"""What failed, by the code it failed with; else the step it failed in."""


N_ROWS = 5
"""Rows shown of each table."""


class PreviewTable(Struct, frozen=True, kw_only=True):
    """The first rows of one of the ERP's tables, as the layout makes them."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n: int


class StepResult(Struct, frozen=True):
    """The result of one step."""

    is_ok: bool
    name: str
    text: str


TestResult = tuple[Identity | None, tuple[StepResult, ...]]


def check_connection(
    services: PageServices, background: BackgroundTasks, connection: Connection, *, hub: bool = True, erp: bool = True
) -> TestResult:
    """Test the hub, the ERP's database or both at the same time, and wait for the answers no longer than told."""
    started: list[tuple[str, str, Future[TestResult] | None]] = []
    if hub:
        going = background.submit(f"hub:{connection.name}", lambda: _ask_hub(services, connection))
        started.append((HUB, "A central do OmniForce", going))
    if erp:
        going = background.submit(f"erp:{connection.name}", lambda: _ask_erp(services, connection))
        started.append((ERP, f"O banco {connection.erp.database}", going))
    seconds = services.test_for.total_seconds()
    wait([going for _, _, going in started if going is not None], timeout=seconds)
    answers = [_answer(step, who, going, seconds) for step, who, going in started]
    return next((one for one, _ in answers if one is not None), None), tuple(f for _, found in answers for f in found)


def _answer(step: str, who: str, going: Future[TestResult] | None, seconds: float) -> TestResult:
    if going is None:
        return None, (StepResult(False, step, sentences.of_code("test_going")),)
    if not going.done():
        return None, (StepResult(False, step, sentences.of_code("test_late", quem=who, n=round(seconds))),)
    return going.result()


def _ask_hub(services: PageServices, connection: Connection) -> TestResult:
    """Return who the hub says we are."""
    try:
        hub = services.hub(connection)
        try:
            hub.health()
            identity = hub.identity()
        finally:
            hub.close()
    except OmnisyncError as error:
        return None, (_failed(HUB, error),)
    n = format_count(len(identity.establishments), "estabelecimento", "estabelecimentos")
    answers = StepResult(True, HUB, "Responde.")
    return identity, (answers, StepResult(True, TOKEN, f"Aceita: {identity.company.name}, {n}."))


def _ask_erp(services: PageServices, connection: Connection) -> TestResult:
    """Return whether the ERP's database opens and is the layout's. What is opened is closed in the same thread."""
    try:
        erp = services.open_erp(connection)
        try:
            erp.prepare()
            n = format_count(erp.records.rows()["orders"], "pedido", "pedidos")
        finally:
            erp.close()
    except OmnisyncError as error:
        return None, (_failed(ERP, error),)
    tables = f"As tabelas do layout {connection.erp.layout} estão lá, com {n}."
    return None, (StepResult(True, ERP, "Aberto."), StepResult(True, LAYOUT, tables))


def _failed(step: str, error: OmnisyncError) -> StepResult:
    return StepResult(False, STEPS.get(error.code, step), sentences.of_error(error))


def preview(
    services: PageServices, background: BackgroundTasks, connection: Connection
) -> tuple[StepResult, DryRun | None]:
    """Read a page of the hub and let the layout convert it, within the deadline; the ERP is not touched."""
    seconds = services.test_for.total_seconds()
    going = background.submit(f"convert:{connection.name}", lambda: services.convert(connection))
    try:
        if going is None:
            return StepResult(False, REHEARSAL, sentences.of_code("test_going")), None
        rehearsal = going.result(timeout=seconds)
    except OmnisyncError as error:
        return _failed(REHEARSAL, error), None
    except TimeoutError:
        late = sentences.of_code("test_late", quem="A central do OmniForce", n=round(seconds))
        return StepResult(False, REHEARSAL, late), None
    if rehearsal is None:
        return StepResult(True, REHEARSAL, "Não há dados novos no OmniForce. Nada foi gravado no ERP."), None
    total = rehearsal.counts.total
    zone = connection_zone(connection, services.settings.zone).zone
    moment = zone_text.moment_line(layout_named(connection.erp.layout), zone, rehearsal.issued_at or services.clock())
    text = f"{format_count(total.received, 'linha lida', 'linhas lidas')} do OmniForce e convertidas pelo layout. "
    refused = [f"{label}: {reason}" for label, reason in rehearsal.unsettled[:N_ROWS]]
    return StepResult(
        not refused, REHEARSAL, " ".join(filter(None, (f"{text}Nada foi gravado no ERP.", moment, *refused)))
    ), rehearsal


def tables_of(rehearsal: DryRun | None) -> tuple[PreviewTable, ...]:
    """Return the first rows of each table for a person's eyes."""
    if rehearsal is None:
        return ()
    return tuple(
        PreviewTable(
            name=name,
            columns=tuple(rows[0]),
            rows=tuple(tuple(map(_cell_text, row.values())) for row in rows[:N_ROWS]),
            n=len(rows),
        )
        for name, rows in rehearsal.tables.items()
        if rows
    )


def _cell_text(cell: object) -> str:
    return "" if cell is None else redact(str(cell))
