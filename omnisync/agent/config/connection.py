"""A connection: a hub, an ERP's database, the establishments between them, and the zone of its hours."""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from omnisync.agent.errors import SettingsError
from omnisync.agent.hub_api.address import checked_url
from omnisync.agent.zones import ConnectionZone, machine_zone, zone_named, zone_of

NAME = re.compile(r"[a-z0-9_-]{1,40}")
"""A connection's name is an identifier: it stands in file names, addresses and command lines."""


class HubAddress(Struct, frozen=True):
    """The hub's address: https, or http on this same computer. Raises SettingsError (hub_address) with the reason."""

    url: str

    def __post_init__(self) -> None:
        force_setattr(self, "url", checked_url(self.url))


FIRST_LAYOUT = "padrao"
"""The layout a connection has before one was chosen for its ERP."""


class ErpAddress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The address of the ERP's database, without its password.

    Raises SettingsError saying what is wrong, with the name of that field in its word `campo`.
    """

    kind: str = "sqlite"
    database: str
    server: str = ""
    port: int | None = None
    user: str = ""
    charset: str = ""
    layout: str = FIRST_LAYOUT

    def __post_init__(self) -> None:
        if not self.database.strip():
            raise SettingsError(motivo="falta o nome do banco do ERP", campo="database")
        # A list of servers would send the password to each of them; what follows a slash is the driver's to read.
        if re.search(r"[\s,;/@]", self.server):
            raise SettingsError(motivo="o servidor é um nome ou número só, sem espaço nem sinais", campo="server")
        if self.port is not None and not 1 <= self.port <= 65535:
            raise SettingsError(motivo=f"a porta {self.port} não existe; use de 1 a 65535", campo="port")
        if self.kind == "firebird" and self.charset.upper() in ("", "NONE"):
            raise SettingsError(motivo="o Firebird precisa do conjunto de caracteres, como WIN1252", campo="charset")


class ConnectionEstablishment(Struct, frozen=True):
    """A unit of the company. The code is text: zeros stay, letters may come."""

    code: str
    name: str = ""


class Connection(Struct, frozen=True, kw_only=True):
    """A hub, an ERP's database and the establishments between them. Raises SettingsError when its name is no name.

    The ERP's database is configured first: without a hub there is nothing to import from yet. `adjusts_centavo` lets
    an order enter whose total is one centavo off the sum of its items, by changing the largest of them.

    `keeps_machine_zone` is of a connection made before there were zones: without one of its own it goes on writing the
    machine's hour, wherever the machine is. A new one is made without it.
    """

    name: str
    company: str = ""
    hub: HubAddress | None = None
    erp: ErpAddress
    establishments: tuple[ConnectionEstablishment, ...] = ()
    zone: str | None = None
    adjusts_centavo: bool = False
    keeps_machine_zone: bool = True

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise SettingsError(motivo="o nome da conexão usa só letras minúsculas sem acento, números, - e _, até 40")
        if self.zone is not None:
            zone_named(self.zone)


def connection_zone(connection: Connection | None, environment: str | None) -> ConnectionZone:
    """Return the zone of the connection's hours on this machine; without a connection, of one that is yet to be made.

    `environment` is the program's own, of OMNISYNC_ZONE.
    """
    if connection is None:
        return zone_of(None, environment, machine_zone(), keeps_machine_zone=False)
    machine = machine_zone() if connection.zone is None and environment is None else None
    return zone_of(connection.zone, environment, machine, keeps_machine_zone=connection.keeps_machine_zone)


def with_zone(connection: Connection, zone: str | None) -> Connection:
    """Return the connection with a zone of its own, or with none. Another one than before is an answer of a person."""
    if zone == connection.zone:
        return connection
    return msgspec.structs.replace(connection, zone=zone, keeps_machine_zone=False)
