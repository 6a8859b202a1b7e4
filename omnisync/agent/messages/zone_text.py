"""A connection's time zone, in pt-BR: its name, its distance from UTC, and what to answer about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from omnisync.agent.erp.layout.moment_sample import written_moments
from omnisync.agent.erp.layout.schema import LayoutFile
from omnisync.agent.messages.sentences import of_code
from omnisync.agent.zones import BRAZILIAN, DEFAULT, ConnectionZone, Source, name_of, wall_hour, zone_named

ZONE_SOURCES: Mapping[Source, str] = {
    "connection": "desta conexão",
    "environment": "de OMNISYNC_ZONE",
    "machine": "deste computador",
    "default": "porque o deste computador ({fuso}) não é do Brasil",
}
UNKNOWN_ZONE = "desconhecido"


def zone_in_words(zone: tzinfo, now: datetime) -> str:
    """Return a zone as a sentence: Horário de Brasília (UTC−3)."""
    key = name_of(zone)
    place = "Brasília" if key == DEFAULT else BRAZILIAN.get(key, "")
    name = f"Horário de {place}" if place else f"Fuso horário {key}"
    return f"{name} ({utc_offset(zone, now)})."


def utc_offset(zone: tzinfo, now: datetime) -> str:
    """Return how far a zone is from UTC now: UTC−3; UTC+5:30."""
    offset = now.astimezone(zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign, minutes = ("−" if minutes < 0 else "+"), abs(minutes)
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")


def zone_line(found: ConnectionZone, now: datetime) -> str:
    """Return a connection's zone and where it comes from: America/Manaus (UTC−4), desta conexão."""
    source = ZONE_SOURCES[found.source].format(fuso=found.machine or UNKNOWN_ZONE)
    return f"{found.name} ({utc_offset(found.zone, now)}), {source}"


def zone_advice(found: ConnectionZone, now: datetime, where: str) -> str:
    """Return what the user should know of the zone or answer about it, and where; empty where it was chosen."""
    hours = {"hora": wall_hour(now.astimezone(found.zone)), "brasilia": wall_hour(now.astimezone(zone_named(DEFAULT)))}
    words = {"fuso": found.machine or UNKNOWN_ZONE, "onde": where} | hours
    if found.source == "default":
        return of_code("zone_default", **words)
    return of_code("zone_unanswered", **words) if found.is_unanswered else ""


def moment_line(layout: LayoutFile, zone: tzinfo, moment: datetime) -> str:
    """Return one moment as the app has it and as the ERP will; empty where the layout writes none."""
    written = written_moments(layout, zone, moment)
    if not written:
        return ""
    there = ", ".join(f"{one.text} em {one.column}" for one in written)
    where = f"no fuso {name_of(zone)} ({utc_offset(zone, moment)})"
    return f"Um pedido feito em {_as_the_app(moment)} no aplicativo entra no ERP com {there}, {where}."


def _as_the_app(moment: datetime) -> str:
    """Return a moment with its own distance from UTC: 24/11/2026 01:30 (UTC)."""
    zone = moment.tzinfo or UTC
    where = utc_offset(zone, moment) if moment.utcoffset() else "UTC"
    return f"{moment:%d/%m/%Y %H:%M} ({where})"


def zone_command(connection_name: str) -> str:
    """Return how to set a zone from the command line."""
    return f"em Conexão, ou com: omnisync connection set --connection {connection_name} --zone {DEFAULT}"


def is_guessed(found: ConnectionZone) -> bool:
    """Return whether the zone is the program's guess: the computer is in none of Brazil's, and no person chose one."""
    return found.is_unanswered or found.source == "default"


def zone_step(found: ConnectionZone, now: datetime) -> str:
    """Return what the first steps say of the zone: what depends on it, and the hour it is there."""
    there = f"{found.name}, onde agora são {wall_hour(now.astimezone(found.zone))}"
    question = " É o da empresa?" if is_guessed(found) else ""
    return f"Dele dependem a data do pedido no ERP e as horas do agendamento. Agora vale {there}.{question}"


FIXED_BY_ZONE = "O que já está no ERP fica como está; um pedido alterado depois disto é gravado na hora nova."
"""What a change of the zone does to what was written before."""


def zone_choices(now: datetime) -> list[tuple[str, str]]:
    """Return Brazil's zones for a list: each name, and what it says: Manaus (UTC−4)."""
    return [(name, f"{place} ({utc_offset(zone_named(name), now)})") for name, place in BRAZILIAN.items()]
