"""Conexão: the hub, its key, the ERP's database and the establishments. A saved secret never comes back to a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery

from omnisync.agent.config.connection import Connection, ConnectionEstablishment, connection_zone
from omnisync.agent.config.secrets import Secret, SecretKind, changed_connection
from omnisync.agent.erp.layout.sql_texts import SqlText, seen_mark
from omnisync.agent.errors import SetupError
from omnisync.agent.layout_folder import chosen, names_in
from omnisync.agent.messages import zone_text
from omnisync.agent.pages.connection import setup_wizard
from omnisync.agent.pages.connection.connection_check import (
    PreviewTable,
    StepResult,
    check_connection,
    preview,
    tables_of,
)
from omnisync.agent.pages.connection.form import (
    CHARSETS,
    ConnectionForm,
    ConnectionFormError,
    connection_of,
    error_of,
    read,
    typed_of,
)
from omnisync.agent.pages.connection.layout_sql import SEEN, sql_of, unseen_sql
from omnisync.agent.pages.rendering import (
    SHOWN_NOTE,
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
from omnisync.agent.sync.outbox import outbox_of
from omnisync.agent.zones import wall_hour
from omnisync.contract.feed import Identity

STALE = "Esta página estava aberta de antes e a conexão não foi salva. Confira o que digitou e salve de novo."
NOTICES = {
    "salva": "Conexão salva.",
    "vazia": "Conexão salva. A central mudou: a chave de acesso anterior foi apagada. Informe a nova.",
    "sem-senha": "Conexão salva. O banco mudou: a senha que era do outro foi apagada. Se este pede senha, informe-a.",
    "sem-ambas": "Conexão salva. A central e o banco mudaram: a chave de acesso e a senha que eram dos outros foram "
    "apagadas. Informe as novas.",
    "esquecida": "Conexão esquecida.",
    "estabelecimentos": "Estabelecimentos salvos.",
    "fuso": f"Fuso horário salvo. As próximas importações e exportações o usam. {zone_text.FIXED_BY_ZONE}",
    "regras": "Regra salva. O que foi recusado por 1 centavo é tentado de novo na próxima importação.",
    "sem-regras": "Regra salva. Um total que difere da soma dos itens é recusado.",
}
LOST: Mapping[tuple[SecretKind, ...], str] = {(): "salva", ("hub_token",): "vazia", ("erp_password",): "sem-senha"}
SECRETS: Mapping[SecretKind, str] = {"hub_token": "chave", "erp_password": "senha"}
"""The field each secret is typed in."""


@get("/conexao", sync_to_thread=True)
def show(pages: NamedDependency[PageContext], request: HtmlRequest, aviso: FromQuery[str] = "") -> Html:
    """Show the form, as saved."""
    shown = pages.current_connection(request)
    return page(pages, shown, _saved(pages, shown.connection), notice=NOTICES.get(aviso, ""))


@post("/conexao", sync_to_thread=True, status_code=200)
def save(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Save. What was saved for another hub or database is emptied with the address."""
    return save_typed(pages, request, pages.current_connection(request), form_of(request))


@post("/conexao/fuso", sync_to_thread=True, status_code=200)
def save_zone(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Save the zone, and nothing else that was sent: it needs no session."""
    shown = pages.current_connection(request)
    require_connection(shown)
    return save_typed(pages, request, shown, FormMultiDict({"fuso": field(form_of(request), "fuso")}))


@get("/conexao/nova", sync_to_thread=True)
def show_new(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Show the form of one more connection."""
    return page(pages, pages.for_connection(request, None), ConnectionForm(name=""))


@post("/conexao/nova", sync_to_thread=True, status_code=200)
def save_new(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Save one more connection. The pages go on opening where they did, whatever its name."""
    shown = pages.for_connection(request, None)
    if shown.names:
        pages.services.journal.set_meta(SHOWN_NOTE, pages.opens_in(shown.names))
    return save_typed(pages, request, shown, form_of(request))


def save_typed(pages: PageContext, request: HtmlRequest, shown: CurrentConnection, form: FormMultiDict) -> Html:
    """Save what the form has of the shown connection, or a new one where none is shown."""
    typed = _typed(pages, form, shown.connection)
    layout_of = partial(_layout_of, pages, shown.connection)
    connection, errors = connection_of(typed, shown.connection, layout_of, needs_hub="central" in form)
    if connection is not None:
        errors = refusals(pages, connection)
        if shown.connection is None and connection.name in shown.names:
            errors = (
                ConnectionFormError(
                    "Nome da conexão", "nome", f"Já existe a conexão {connection.name}. Escolha outro nome."
                ),
            )
    if connection is None or errors:
        return page(pages, shown, typed, errors=errors, status=422)
    if unseen := unseen_sql(shown.connection, connection, form):
        return page(pages, shown, typed, unseen=unseen, status=422)
    is_first = shown.connection is None or setup_wizard.is_open(pages.services.journal, connection.name)
    lost = store(pages, shown.connection, connection, form)
    if is_first:
        return take_step(pages, request, connection, erp="banco" in form, hub="central" in form)
    notice = "fuso" if "fuso" in form and not lost else LOST.get(lost, "sem-ambas")
    return redirect(pages.for_connection(request, connection).url(f"/conexao?aviso={notice}"))


def take_step(pages: PageContext, request: HtmlRequest, connection: Connection, *, erp: bool, hub: bool) -> Html:
    """Show one of the first steps: what was saved is tested, and ticked when it passes; else the page says what
    failed.
    """
    journal = pages.services.journal
    setup_wizard.begin(journal, connection.name)
    hub = hub and connection.hub is not None
    identity, findings = check_connection(pages.services, pages.background, connection, erp=erp, hub=hub)
    if identity is not None:
        connection = msgspec.structs.replace(connection, company=identity.company.id)
        journal.connections.save(connection)
    shown = pages.for_connection(request, connection)
    if not all(finding.is_ok for finding in findings):
        return page(pages, shown, _saved(pages, connection), findings=findings, offered=_offered(identity))
    if erp:
        setup_wizard.mark_done(journal, connection, "erp")
    if hub:
        setup_wizard.mark_done(journal, connection, "hub")
    return redirect(shown.url("/"))


def refusals(pages: PageContext, connection: Connection) -> tuple[ConnectionFormError, ...]:
    """Return what the kind of database or the layout has against it, before it is saved."""
    kind = connection.erp.kind
    if kind not in pages.services.erp_kinds:
        return (error_of("kind", SetupError("destination_kind", tipo=kind)),)
    try:
        pages.services.check_erp(connection)
    except SetupError as error:
        return (error_of("layout", error),)
    return ()


def store(
    pages: PageContext, before: Connection | None, after: Connection, form: FormMultiDict
) -> tuple[SecretKind, ...]:
    """Save the connection and the secrets typed; answers those lost with the address they were for."""
    journal, secrets = pages.services.journal, pages.services.secrets
    changed = changed_connection(before, after) if before is not None else frozenset()
    lost = {kind for kind in changed if before is not None and secrets.get(before, kind) is not None}
    journal.connections.save(after)
    if before is not None and before.zone != after.zone:
        zone = connection_zone(after, pages.services.settings.zone).zone
        journal.free_slots(after.name, pages.services.clock().astimezone(zone))
    journal.connections.add_event(after.name, "connection_saved", pages.services.clock())
    secrets.keep_only_for(after)
    for kind, name in SECRETS.items():
        typed = form.get(name)
        if isinstance(typed, str) and typed.strip():
            secrets.put(after, kind, Secret(typed if kind == "erp_password" else typed.strip()))
            lost.discard(kind)
    return tuple(sorted(lost))


@post("/conexao/testar", sync_to_thread=True, status_code=200)
def test(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Talk to the hub and to the ERP's database, and say what was found; bring the establishments."""
    shown = pages.current_connection(request)
    connection = require_connection(shown)
    identity, findings = check_connection(pages.services, pages.background, connection)
    if identity is not None and not connection.company:
        connection = msgspec.structs.replace(connection, company=identity.company.id)
        pages.services.journal.connections.save(connection)
    if all(finding.is_ok for finding in findings):
        setup_wizard.mark_done(pages.services.journal, connection, "erp")
        setup_wizard.mark_done(pages.services.journal, connection, "hub")
    return page(pages, shown, _saved(pages, connection), findings=findings, offered=_offered(identity))


@post("/conexao/conferir", sync_to_thread=True, status_code=200)
def show_preview(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Show what would come, as the layout makes it. The ERP is not touched."""
    shown = pages.current_connection(request)
    connection = require_connection(shown)
    finding, rehearsal = preview(pages.services, pages.background, connection)
    if finding.is_ok or rehearsal is not None:
        setup_wizard.end(pages.services.journal, connection.name)
    return page(pages, shown, _saved(pages, connection), findings=(finding,), tables=tables_of(rehearsal))


@post("/conexao/estabelecimentos", sync_to_thread=True, status_code=200)
def choose(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Save the establishments ticked. Their names come from the hub, not from the form."""
    shown = pages.current_connection(request)
    connection = require_connection(shown)
    ticked = set(fields(form_of(request), "estabelecimento"))
    identity, findings = check_connection(pages.services, pages.background, connection, erp=False)
    if identity is None:
        return page(pages, shown, _saved(pages, connection), findings=findings, status=409)
    chosen = tuple(one for one in _offered(identity) if one.code in ticked)
    if not chosen:
        error = ConnectionFormError("Estabelecimentos", "estabelecimentos", "Escolha ao menos um estabelecimento.")
        return page(pages, shown, _saved(pages, connection), errors=(error,), offered=_offered(identity), status=422)
    changed = msgspec.structs.replace(connection, establishments=chosen, company=identity.company.id)
    pages.services.journal.connections.save(changed)
    pages.services.journal.connections.add_event(changed.name, "connection_saved", pages.services.clock())
    is_first = setup_wizard.is_open(pages.services.journal, changed.name)
    return redirect(shown.url("/" if is_first else "/conexao?aviso=estabelecimentos"))


@post("/conexao/regras", sync_to_thread=True, status_code=200)
def choose_rules(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Save whether a centavo may be adjusted."""
    shown = pages.current_connection(request)
    adjusts = field(form_of(request), "ajustar_centavo") == "sim"
    changed = msgspec.structs.replace(require_connection(shown), adjusts_centavo=adjusts)
    pages.services.journal.connections.save(changed)
    pages.services.journal.connections.add_event(changed.name, "connection_saved", pages.services.clock())
    return redirect(shown.url(f"/conexao?aviso={'regras' if adjusts else 'sem-regras'}"))


@post("/conexao/mostrar", sync_to_thread=True, status_code=200)
def choose_default(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Let the pages open in this connection from now on."""
    shown = pages.current_connection(request)
    pages.services.journal.set_meta(SHOWN_NOTE, require_connection(shown).name)
    return redirect(shown.url("/conexao"))


@post("/conexao/esquecer", sync_to_thread=True, status_code=200)
def forget(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Forget the connection and its secrets; not while it has a run going. The ERP's database stays as it is."""
    connection = require_connection(pages.current_connection(request))
    pages.services.journal.connections.remove(connection.name)
    pages.services.secrets.forget(connection.name)
    outbox_of(pages.services.settings.home, connection.name).remove()
    return redirect("/conexao?aviso=esquecida")


def stale(pages: PageContext, request: HtmlRequest) -> Html:
    """Show the form again, as typed, when its page was open since before the token changed."""
    shown = pages.current_connection(request)
    return page(pages, shown, _typed(pages, form_of(request), shown.connection), notice=STALE, status=403)


def stale_new(pages: PageContext, request: HtmlRequest) -> Html:
    """Show the same for a connection that was not saved yet."""
    shown = pages.for_connection(request, None)
    return page(pages, shown, _typed(pages, form_of(request), None), notice=STALE, status=403)


def page(
    pages: PageContext,
    shown: CurrentConnection,
    typed: ConnectionForm,
    *,
    errors: Sequence[ConnectionFormError] = (),
    notice: str = "",
    findings: Sequence[StepResult] = (),
    offered: Sequence[ConnectionEstablishment] = (),
    tables: Sequence[PreviewTable] = (),
    unseen: tuple[SqlText, ...] = (),
    status: int = 200,
) -> Html:
    """Show the whole page."""
    connection, parts = shown.connection, pages.services
    kept = {kind for kind in SECRETS if connection is not None and parts.secrets.get(connection, kind) is not None}
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
        tables=tables,
        unseen_sql=unseen,
        seen={SEEN: seen_mark(unseen)} if unseen else {},
        sql=sql_of(connection.erp.layout) if connection is not None else (),
        has_token="hub_token" in kept,
        has_password="erp_password" in kept,
        kept_in=str(parts.settings.home.secrets),
        erp_kinds=parts.erp_kinds,
        layouts=(*parts.layouts, *names_in(parts.settings.home.layouts)),
        layouts_in=str(parts.settings.home.layouts),
        zone_line=zone_text.zone_line(shown.zone_found, shown.now),
        zone_hour=wall_hour(shown.now.astimezone(shown.zone)),
        zone_advice=zone_text.zone_advice(shown.zone_found, shown.now, "abaixo"),
        zones=zone_text.zone_choices(shown.now),
        charsets=CHARSETS if typed.charset in CHARSETS else {**CHARSETS, typed.charset: typed.charset},
        offered=offered or (connection.establishments if connection else ()),
        ticked=ticked or [one.code for one in offered],
        opens_in=pages.opens_in(shown.names),
    )


def _offered(identity: Identity | None) -> tuple[ConnectionEstablishment, ...]:
    return tuple(ConnectionEstablishment(one.code, one.name) for one in identity.establishments) if identity else ()


def _saved(pages: PageContext, connection: Connection | None) -> ConnectionForm:
    """Return the form as saved."""
    return typed_of(connection, pages.services.settings.home.layouts)


def _typed(pages: PageContext, form: FormMultiDict, before: Connection | None) -> ConnectionForm:
    """Return the form as typed."""
    return read(form, before, pages.services.settings.home.layouts)


def _layout_of(pages: PageContext, before: Connection | None, name: str) -> str:
    """Return the layout of this name, or the one the connection has already, which the command line may have chosen by
    path.

    Raises SettingsError for any other path: a page does not choose files of this computer.
    """
    kept = "" if before is None else _saved(pages, before).layout
    if before is not None and name in (kept, kept.strip()[:300]):  # as much of it as a field holds
        return before.erp.layout
    return chosen(name, pages.services.settings.home.layouts, pages.services.layouts)
