"""The form of a connection: as typed, and as a connection. Secrets are read where they are saved, and never shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from litestar.datastructures import FormMultiDict
from msgspec import Struct

from omnisync.agent.config.connection import Connection, ErpAddress, HubAddress, with_zone
from omnisync.agent.errors import SettingsError, SetupError
from omnisync.agent.layout_folder import display_name
from omnisync.agent.messages import sentences
from omnisync.agent.pages.rendering import field
from omnisync.agent.zones import typed_zone

FIRST_NAME = "producao"
CHARSETS: Mapping[str, str] = {
    "": "O de costume do banco",
    "WIN1252": "WIN1252 (Windows, o comum no Firebird)",
    "UTF8": "UTF8",
    "ISO8859_1": "ISO8859_1 (Firebird)",
    "LATIN1": "LATIN1 (PostgreSQL)",
    "DOS850": "DOS850 (sistemas do MS-DOS)",
}
FIELDS: Mapping[str, tuple[str, str]] = {
    "name": ("Nome da conexão", "nome"),
    "kind": ("Tipo do banco", "tipo"),
    "server": ("Servidor", "servidor"),
    "port": ("Porta", "porta"),
    "database": ("Banco", "banco"),
    "user": ("Usuário", "usuario"),
    "charset": ("Conjunto de caracteres", "caracteres"),
    "layout": ("Layout", "layout"),
    "hub": ("Endereço da central", "central"),
    "zone": ("Fuso horário", "fuso"),
}
"""What a field is called in the summary of errors, and where its link leads."""


class ConnectionForm(Struct, frozen=True, kw_only=True):
    """The form as typed, right or wrong: what is shown again."""

    name: str = FIRST_NAME
    hub: str = ""
    kind: str = "sqlite"
    server: str = ""
    port: str = ""
    database: str = ""
    user: str = ""
    charset: str = ""
    layout: str = "padrao"
    zone: str = ""


class ConnectionFormError(Struct, frozen=True):
    """An error of one field."""

    label: str
    anchor: str
    text: str


def error_of(name: str, error: SetupError) -> ConnectionFormError:
    """Return the error at its field: the one it names, else this one."""
    return ConnectionFormError(*FIELDS.get(str(error.words.get("campo")), FIELDS[name]), sentences.of_error(error))


def typed_of(connection: Connection | None, layouts: Path) -> ConnectionForm:
    """Return a saved connection as the form shows it; a layout of the folder `layouts` by its name."""
    if connection is None:
        return ConnectionForm()
    erp = connection.erp
    return ConnectionForm(
        name=connection.name,
        hub=connection.hub.url if connection.hub is not None else "",
        kind=erp.kind,
        server=erp.server,
        port=str(erp.port or ""),
        database=erp.database,
        user=erp.user,
        charset=erp.charset,
        layout=display_name(erp.layout, layouts),
        zone=connection.zone or "",
    )


def read(form: FormMultiDict, before: Connection | None, layouts: Path) -> ConnectionForm:
    """Return the form as typed; what it does not have is as saved. A connection keeps its name."""
    known = msgspec.structs.asdict(typed_of(before, layouts))
    typed = {name: field(form, anchor)[:300] for name, (_, anchor) in FIELDS.items() if anchor in form}
    if before is not None:
        typed.pop("name", None)
    return ConnectionForm(**known | typed)


def connection_of(
    typed: ConnectionForm, before: Connection | None, layout_of: Callable[[str], str], *, needs_hub: bool
) -> tuple[Connection | None, tuple[ConnectionFormError, ...]]:
    """Return what was typed as a connection, or what is wrong with it. A hub that was never told may be missing still.

    `layout_of` answers the layout of a name, and raises SettingsError for what is no name.
    """
    errors: list[ConnectionFormError] = []
    hub = None
    try:
        erp = erp_of(typed, layout_of)
    except SettingsError as error:
        errors.append(error_of("database", error))
    try:
        hub = HubAddress(typed.hub) if typed.hub or needs_hub else None
    except SettingsError as error:
        errors.append(error_of("hub", error))
    kept = before.zone if before is not None else None
    try:
        zone = kept if typed.zone == (kept or "") else typed_zone(typed.zone) if typed.zone else None
    except SettingsError as error:
        errors.append(error_of("zone", error))
    if errors:
        return None, tuple(errors)
    try:
        connection = before or Connection(name=typed.name, hub=hub, erp=erp, keeps_machine_zone=False)
    except SettingsError as error:
        return None, (error_of("name", error),)
    company = connection.company if hub == connection.hub else ""
    return with_zone(msgspec.structs.replace(connection, hub=hub, erp=erp, company=company), zone), ()


def erp_of(typed: ConnectionForm, layout_of: Callable[[str], str]) -> ErpAddress:
    """Return the ERP's address as typed. Raises SettingsError naming the field."""
    values: dict[str, Any] = {name: getattr(typed, name) for name in ("kind", "server", "database", "user", "charset")}
    if not re.fullmatch(r"[0-9]{0,5}", typed.port):
        raise SettingsError(motivo="a porta é um número de 1 a 65535", campo="port")
    layout = layout_of(typed.layout or "padrao")
    return ErpAddress(port=int(typed.port) if typed.port else None, layout=layout, **values)
