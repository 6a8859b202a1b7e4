"""Testing a connection: each step says what it found, in the sentences a run would use."""

from __future__ import annotations

from concurrent.futures import Future, wait

from msgspec import Struct

from omnisync.agent.config.settings import Connection
from omnisync.agent.erp.base import DryRun
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.messages import texts
from omnisync.agent.ui.apart import Apart
from omnisync.agent.ui.pages import Parts, sentence_of
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


class Table(Struct, frozen=True, kw_only=True):
    """The first rows of one of the ERP's tables, as the layout makes them."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n: int


class Finding(Struct, frozen=True):
    """What one step found."""

    is_ok: bool
    name: str
    text: str


Asked = tuple[Identity | None, tuple[Finding, ...]]


def examine(parts: Parts, apart: Apart, connection: Connection, *, hub: bool = True, erp: bool = True) -> Asked:
    """Test the hub, the ERP's database or both at the same time, and wait for the answers no longer than told."""
    asked: list[tuple[str, str, Future[Asked] | None]] = []
    if hub:
        going = apart.begin(f"hub:{connection.name}", lambda: _ask_hub(parts, connection))
        asked.append((HUB, "A central do OmniForce", going))
    if erp:
        going = apart.begin(f"erp:{connection.name}", lambda: _ask_erp(parts, connection))
        asked.append((ERP, f"O banco {connection.erp.database}", going))
    seconds = parts.test_for.total_seconds()
    wait([going for _, _, going in asked if going is not None], timeout=seconds)
    answers = [_answer(step, who, going, seconds) for step, who, going in asked]
    return next((one for one, _ in answers if one is not None), None), tuple(f for _, found in answers for f in found)


def _answer(step: str, who: str, going: Future[Asked] | None, seconds: float) -> Asked:
    if going is None:
        return None, (Finding(False, step, texts.sentence("test_going")),)
    if not going.done():
        return None, (Finding(False, step, texts.sentence("test_late", quem=who, n=round(seconds))),)
    return going.result()


def _ask_hub(parts: Parts, connection: Connection) -> Asked:
    """Who the hub says we are."""
    try:
        hub = parts.hub(connection)
        try:
            hub.health()
            identity = hub.identity()
        finally:
            hub.close()
    except OmnisyncError as error:
        return None, (_failed(HUB, error),)
    n = texts.counted(len(identity.establishments), "estabelecimento", "estabelecimentos")
    answers = Finding(True, HUB, "Responde.")
    return identity, (answers, Finding(True, TOKEN, f"Aceita: {identity.company.name}, {n}."))


def _ask_erp(parts: Parts, connection: Connection) -> Asked:
    """Whether the ERP's database opens and is the layout's. What is opened is closed in the same thread."""
    try:
        erp = parts.open_erp(connection)
        try:
            erp.prepare()
            n = texts.counted(erp.rows()["orders"], "pedido", "pedidos")
        finally:
            erp.close()
    except OmnisyncError as error:
        return None, (_failed(ERP, error),)
    tables = f"As tabelas do layout {connection.erp.layout} estão lá, com {n}."
    return None, (Finding(True, ERP, "Aberto."), Finding(True, LAYOUT, tables))


def _failed(step: str, error: OmnisyncError) -> Finding:
    return Finding(False, STEPS.get(error.code, step), sentence_of(error))


def convert(parts: Parts, apart: Apart, connection: Connection) -> tuple[Finding, DryRun | None]:
    """Read a page of the hub and let the layout convert it, within the deadline; the ERP is not touched."""
    seconds = parts.test_for.total_seconds()
    going = apart.begin(f"convert:{connection.name}", lambda: parts.convert(connection))
    try:
        if going is None:
            return Finding(False, REHEARSAL, texts.sentence("test_going")), None
        rehearsal = going.result(timeout=seconds)
    except OmnisyncError as error:
        return _failed(REHEARSAL, error), None
    except TimeoutError:
        late = texts.sentence("test_late", quem="A central do OmniForce", n=round(seconds))
        return Finding(False, REHEARSAL, late), None
    if rehearsal is None:
        return Finding(True, REHEARSAL, "Não há dados novos no OmniForce. Nada foi gravado no ERP."), None
    total = rehearsal.counts.total
    text = f"{texts.counted(total.received, 'linha lida', 'linhas lidas')} do OmniForce e convertidas pelo layout. "
    refused = [f"{label}: {reason}" for label, reason in rehearsal.unsettled[:N_ROWS]]
    return Finding(not refused, REHEARSAL, text + "Nada foi gravado no ERP. " + " ".join(refused)), rehearsal


def tables_of(rehearsal: DryRun | None) -> tuple[Table, ...]:
    """The first rows of each table for a person's eyes."""
    if rehearsal is None:
        return ()
    return tuple(
        Table(
            name=name,
            columns=tuple(rows[0]),
            rows=tuple(tuple(map(_shown, row.values())) for row in rows[:N_ROWS]),
            n=len(rows),
        )
        for name, rows in rehearsal.tables.items()
        if rows
    )


def _shown(cell: object) -> str:
    return "" if cell is None else redact(str(cell))
