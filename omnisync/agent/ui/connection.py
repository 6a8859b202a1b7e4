"""Conexão: the hub, its key, the ERP's database and the establishments. A saved secret never comes back to a page."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from omnisync.agent.errors import NotConfiguredError, OmnisyncError, SettingsError
from omnisync.agent.settings import (
    Connection,
    ErpAddress,
    Establishment,
    HubAddress,
    Secret,
    changed_connection,
)
from omnisync.agent.texts import NOUNS, counted, integer
from omnisync.agent.ui.pages import SHOWN_NOTE, AnyRequest, Html, Pages, Shown, field, fields, form_of, see, sentence_of
from omnisync.contract.feed import Identity

FIRST_NAME = "producao"
STALE = "Esta página estava aberta de antes e a conexão não foi salva. Confira o que digitou e clique em SALVAR."
NOTICES = {
    "salva": "Conexão salva.",
    "vazia": "Conexão salva. A central mudou: a chave de acesso anterior foi apagada. Informe a nova.",
    "estabelecimentos": "Estabelecimentos salvos.",
}


class Typed(Struct, frozen=True, kw_only=True):
    """The form as typed, without the key: it is never sent back."""

    name: str = FIRST_NAME
    hub: str = ""
    erp_kind: str = "sqlite"
    erp_database: str = ""


class Error(Struct, frozen=True):
    """What is wrong with one field."""

    label: str
    anchor: str
    text: str


class Finding(Struct, frozen=True):
    """What a test of the connection found."""

    is_ok: bool
    name: str
    text: str


@get("/conexao", sync_to_thread=True)
def show(pages: NamedDependency[Pages], aviso: FromQuery[str] = "") -> Html:
    """The form, as saved."""
    shown = pages.shown()
    return page(pages, shown, typed_of(shown.connection), notice=NOTICES.get(aviso, ""))


@post("/conexao", sync_to_thread=True, status_code=200)
def save(pages: NamedDependency[Pages], request: AnyRequest) -> Html:
    """Save. What was saved for another hub or database is emptied with the address."""
    shown = pages.shown()
    form = form_of(request)
    typed = read(form, shown.connection)
    connection, errors = connection_of(typed, shown.connection)
    if connection is None:
        return page(pages, shown, typed, errors=errors, status=422)
    emptied = changed_connection(shown.connection, connection) if shown.connection else frozenset()
    journal, secrets = pages.parts.journal, pages.parts.secrets
    journal.save_connection(connection)
    journal.add_event(connection.name, "connection_saved", pages.parts.clock())
    secrets.keep_only_for(connection)
    key = field(form, "chave")
    if key:
        secrets.put(connection, "hub_token", Secret(key))
    return see("/conexao?aviso=" + ("vazia" if "hub_token" in emptied and not key else "salva"))


@post("/conexao/testar", sync_to_thread=True, status_code=200)
def test(pages: NamedDependency[Pages]) -> Html:
    """Talk to the hub and to the ERP's database, and say what was found; bring the establishments."""
    shown = pages.shown()
    connection = _known(shown)
    identity, hub_finding = test_hub(pages, connection)
    if identity is not None and not connection.company:
        connection = msgspec.structs.replace(connection, company=identity.company.id)
        pages.parts.journal.save_connection(connection)
    findings = (hub_finding, test_erp(pages, connection))
    return page(pages, shown, typed_of(connection), findings=findings, offered=_offered(identity))


@post("/conexao/conferir", sync_to_thread=True, status_code=200)
def rehearse(pages: NamedDependency[Pages]) -> Html:
    """Say what would come. The ERP is not touched."""
    shown = pages.shown()
    connection = _known(shown)
    try:
        hub = pages.parts.hub(connection)
        try:
            heads = hub.streams(()).streams
        finally:
            hub.close()
    except OmnisyncError as error:
        finding = Finding(is_ok=False, name="Conferência sem gravar", text=sentence_of(error))
    else:
        streams = {"customer", *(f"order:{one.code}" for one in connection.establishments)}
        ours = [head for head in heads if head.stream in streams]
        sums = [f"{integer(sum(getattr(head, noun) for head in ours))} {NOUNS[noun].lower()}" for noun in NOUNS]
        text = f"Há no OmniForce {', '.join(sums[:3])} e {sums[3]}. Nada foi gravado no ERP."
        finding = Finding(is_ok=True, name="Conferência sem gravar", text=text)
    return page(pages, shown, typed_of(connection), findings=(finding,))


@post("/conexao/estabelecimentos", sync_to_thread=True, status_code=200)
def choose(pages: NamedDependency[Pages], request: AnyRequest) -> Html:
    """Save the establishments ticked. Their names come from the hub, not from the form."""
    shown = pages.shown()
    connection = _known(shown)
    ticked = set(fields(form_of(request), "estabelecimento"))
    identity, finding = test_hub(pages, connection)
    if identity is None:
        return page(pages, shown, typed_of(connection), findings=(finding,), status=409)
    chosen = tuple(one for one in _offered(identity) if one.code in ticked)
    if not chosen:
        error = Error("Estabelecimentos", "estabelecimentos", "Escolha ao menos um estabelecimento.")
        return page(pages, shown, typed_of(connection), errors=(error,), offered=_offered(identity), status=422)
    changed = msgspec.structs.replace(connection, establishments=chosen, company=identity.company.id)
    pages.parts.journal.save_connection(changed)
    pages.parts.journal.add_event(changed.name, "connection_saved", pages.parts.clock())
    return see("/conexao?aviso=estabelecimentos")


@post("/conexao/mostrar", sync_to_thread=True, status_code=200)
def choose_shown(pages: NamedDependency[Pages], request: AnyRequest) -> Html:
    """Show another of this computer's connections."""
    connection = pages.parts.journal.connection(field(form_of(request), "conexao"))
    pages.parts.journal.set_note(SHOWN_NOTE, connection.name)
    return see("/conexao")


def stale(pages: Pages, request: AnyRequest) -> Html:
    """The form again, as typed, when its page was open since before the token changed."""
    shown = pages.shown()
    form = form_of(request)
    typed = read(form, shown.connection) if "central" in form else typed_of(shown.connection)
    return page(pages, shown, typed, notice=STALE, status=403)


def page(
    pages: Pages,
    shown: Shown,
    typed: Typed,
    *,
    errors: Sequence[Error] = (),
    notice: str = "",
    findings: Sequence[Finding] = (),
    offered: Sequence[Establishment] = (),
    status: int = 200,
) -> Html:
    """The whole page."""
    connection = shown.connection
    has_token = connection is not None and pages.parts.secrets.get(connection, "hub_token") is not None
    ticked = [one.code for one in connection.establishments] if connection else []
    return pages.page(
        "connection.html",
        shown,
        pages.recent(shown),
        tab="connection",
        title="Conexão",
        status=status,
        typed=typed,
        errors=errors,
        notice=notice,
        findings=findings,
        has_token=has_token,
        kept_in=str(pages.parts.settings.home.secrets),
        erp_kinds=pages.parts.erp_kinds,
        offered=offered or (connection.establishments if connection else ()),
        ticked=ticked or [one.code for one in offered],
        others=shown.others,
    )


def typed_of(connection: Connection | None) -> Typed:
    """A saved connection as the form shows it."""
    if connection is None:
        return Typed()
    return Typed(
        name=connection.name,
        hub=connection.hub.url,
        erp_kind=connection.erp.kind,
        erp_database=connection.erp.database,
    )


def read(form: FormMultiDict, before: Connection | None) -> Typed:
    """The form as typed. A connection keeps its name."""
    return Typed(
        name=before.name if before else field(form, "nome") or FIRST_NAME,
        hub=field(form, "central"),
        erp_kind=field(form, "tipo"),
        erp_database=field(form, "banco"),
    )


def connection_of(typed: Typed, before: Connection | None) -> tuple[Connection | None, tuple[Error, ...]]:
    """What was typed as a connection, or what is wrong with it."""
    errors: list[Error] = []
    try:
        hub = HubAddress(typed.hub)
    except SettingsError as error:
        errors.append(Error("Endereço da central", "central", sentence_of(error)))
    try:
        erp = _erp(typed, before)
    except SettingsError as error:
        errors.append(Error("Banco do ERP", "banco", sentence_of(error)))
    if errors:
        return None, tuple(errors)
    try:
        connection = before or Connection(name=typed.name, hub=hub, erp=erp)
    except SettingsError as error:
        return None, (Error("Nome da conexão", "nome", sentence_of(error)),)
    company = connection.company if hub == connection.hub else ""
    return msgspec.structs.replace(connection, hub=hub, erp=erp, company=company), ()


def _erp(typed: Typed, before: Connection | None) -> ErpAddress:
    if before is None:
        return ErpAddress(kind=typed.erp_kind or "sqlite", database=typed.erp_database)
    return msgspec.structs.replace(before.erp, kind=typed.erp_kind or before.erp.kind, database=typed.erp_database)


def test_hub(pages: Pages, connection: Connection) -> tuple[Identity | None, Finding]:
    """Who the hub says we are."""
    try:
        hub = pages.parts.hub(connection)
        try:
            identity = hub.identity()
        finally:
            hub.close()
    except OmnisyncError as error:
        return None, Finding(is_ok=False, name="Central do OmniForce", text=sentence_of(error))
    n = counted(len(identity.establishments), "estabelecimento", "estabelecimentos")
    return identity, Finding(is_ok=True, name="Central do OmniForce", text=f"{identity.company.name}, {n}.")


def test_erp(pages: Pages, connection: Connection) -> Finding:
    """Whether the ERP's database opens and is the layout's."""
    erp = pages.parts.open_erp(connection)
    try:
        erp.prepare()
        n = counted(erp.rows()["orders"], "pedido", "pedidos")
    except OmnisyncError as error:
        return Finding(is_ok=False, name="Banco do ERP", text=sentence_of(error))
    finally:
        erp.close()
    return Finding(is_ok=True, name="Banco do ERP", text=f"Aberto, com {n}.")


def _known(shown: Shown) -> Connection:
    if shown.connection is None:
        raise NotConfiguredError(nome="deste computador")
    return shown.connection


def _offered(identity: Identity | None) -> tuple[Establishment, ...]:
    return tuple(Establishment(one.code, one.name) for one in identity.establishments) if identity else ()
