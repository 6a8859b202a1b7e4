"""The zone of a connection's hours: what is written to the ERP, read from it, and when a slot is due.

The only module that asks the machine for its zone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache
from typing import Literal
from unicodedata import combining, normalize
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import tzlocal
from msgspec import Struct

from omnisync.agent.errors import SettingsError

Source = Literal["connection", "environment", "machine", "default"]

DEFAULT = "America/Sao_Paulo"
BRAZILIAN: Mapping[str, str] = {
    "America/Noronha": "Fernando de Noronha",
    "America/Sao_Paulo": "Brasília e São Paulo",
    "America/Araguaina": "Araguaína",
    "America/Bahia": "Bahia",
    "America/Belem": "Belém",
    "America/Fortaleza": "Fortaleza",
    "America/Maceio": "Maceió",
    "America/Recife": "Recife",
    "America/Santarem": "Santarém",
    "America/Campo_Grande": "Campo Grande",
    "America/Cuiaba": "Cuiabá",
    "America/Manaus": "Manaus",
    "America/Boa_Vista": "Boa Vista",
    "America/Porto_Velho": "Porto Velho",
    "America/Eirunepe": "Eirunepé",
    "America/Rio_Branco": "Rio Branco",
}
"""Brazil's zones and what they are called, from east to west. Source: zone.tab of the IANA database."""
_OLD_NAMES = frozenset(("Brazil/East", "Brazil/West", "Brazil/Acre", "Brazil/DeNoronha", "America/Porto_Acre"))
_OF_WINDOWS = {
    "America/Cayenne": "America/Fortaleza",
    "America/La_Paz": "America/Manaus",
    "America/Bogota": "America/Rio_Branco",
}
"""Windows has one zone for a hour of several countries, and its name in the IANA database is a neighbour's."""
_NO_PLACES = frozenset(("localtime", "Factory"))
"""Names of the database that say nothing of where."""


class ConnectionZone(Struct, frozen=True, kw_only=True):
    """The zone of a connection, and where it comes from.

    `machine` is the name of the computer's own zone, empty when it is unknown or was not asked for. `is_unanswered`
    while a person should say which zone the company is in: the computer's is not Brazilian, and hours are written in
    it all the same.
    """

    zone: tzinfo
    source: Source
    machine: str = ""
    is_unanswered: bool = False

    @property
    def name(self) -> str:
        """The zone's name."""
        return name_of(self.zone)


def zone_of(
    own: str | None, environment: str | None, machine: tzinfo | None, *, keeps_machine_zone: bool
) -> ConnectionZone:
    """Return the zone by the order of its sources: the connection's, OMNISYNC_ZONE, a Brazilian machine's, Brasília's.

    A connection that keeps the machine's zone does so wherever that is, until it is given one of its own. Raises
    SettingsError when a name is unknown.
    """
    known = name_of(machine) if machine is not None else ""
    if own is not None:
        return ConnectionZone(zone=zone_named(own), source="connection", machine=known)
    if environment is not None:
        return ConnectionZone(zone=zone_named(environment), source="environment", machine=known)
    if machine is not None and (known in BRAZILIAN or known in _OLD_NAMES):
        return ConnectionZone(zone=machine, source="machine", machine=known)
    if machine is not None and keeps_machine_zone:
        return ConnectionZone(zone=machine, source="machine", machine=known, is_unanswered=True)
    return ConnectionZone(zone=zone_named(DEFAULT), source="default", machine=known, is_unanswered=keeps_machine_zone)


def machine_zone() -> tzinfo | None:
    """Return the machine's zone, read again each time, since it may change while we run. None when it is unknown."""
    try:
        zone = tzlocal.reload_localzone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    name = _OF_WINDOWS.get(name_of(zone)) if sys.platform == "win32" else None
    return zone if name is None else ZoneInfo(name)


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of this name. Raises SettingsError (zone_unknown) when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError("zone_unknown", fuso=name, campo="zone") from error


def typed_zone(text: str) -> str:
    """Return the name of the zone typed, whatever its case, accents and spaces. Raises SettingsError (zone_unknown)."""
    name = _names().get(_folded(text))
    if name is None:
        raise SettingsError("zone_unknown", fuso=text.strip(), campo="zone")
    return name


@cache
def _names() -> dict[str, str]:
    return {_folded(name): name for name in available_timezones() - _NO_PLACES}


def _folded(text: str) -> str:
    letters = normalize("NFD", text.strip().replace(" ", "_"))
    return "".join(letter for letter in letters if not combining(letter)).casefold()


def name_of(zone: tzinfo) -> str:
    """Return a zone's name in the IANA database; what it says of itself where it has none."""
    return getattr(zone, "key", None) or str(zone)


def wall_hour(moment: datetime) -> str:
    """Return the hour on a clock of the moment's own zone: 08:00."""
    return moment.strftime("%H:%M")
