"""Days, hours, spans and the next run, in pt-BR."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo

from msgspec import Struct

from omnisync.agent.messages.texts import counted, hour, sentence
from omnisync.agent.schedule import Schedule, Slot, n_per_day, next_slot, slots, upcoming
from omnisync.agent.zones import BRAZILIAN, DEFAULT, ConnectionZone, Source, zone_named

WEEKDAYS = (
    "Segunda-feira",
    "Terça-feira",
    "Quarta-feira",
    "Quinta-feira",
    "Sexta-feira",
    "Sábado",
    "Domingo",
)
NONE_SCHEDULED = "Nenhuma exportação agendada"
RUNNING_NOW = "Sincronizando agora…"
ZONE_SOURCES: Mapping[Source, str] = {
    "connection": "desta conexão",
    "environment": "de OMNISYNC_ZONE",
    "machine": "deste computador",
    "default": "porque o deste computador ({fuso}) não é do Brasil",
}
UNKNOWN_ZONE = "desconhecido"


class HintedLine(Struct, frozen=True):
    """A line of the frame, and the smaller one below it."""

    text: str
    hint: str = ""


class UpcomingRun(Struct, frozen=True):
    """A row of the next runs."""

    day: str
    hour: str


def day(on: date, today: date) -> str:
    """Return the day as one says it: hoje, ontem, amanhã, the weekday when it is near, else the date."""
    distance = (on - today).days
    near = {0: "hoje", -1: "ontem", 1: "amanhã"}
    if distance in near:
        return near[distance]
    if 1 < distance <= 7:
        return WEEKDAYS[on.weekday()].lower()
    return on.strftime("%d/%m/%Y")


def at(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """hoje às 12:00."""
    local = moment.astimezone(zone)
    return f"{day(local.date(), now.astimezone(zone).date())} às {hour(local)}"


def short(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Hoje, 12:00."""
    local = moment.astimezone(zone)
    said = day(local.date(), now.astimezone(zone).date())
    return f"{said[0].upper()}{said[1:]}, {hour(local)}"


def span(length: timedelta) -> str:
    """4 segundos; 1 minuto e 5 segundos; 2 horas e 3 minutos."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 1:
        return "menos de 1 segundo"
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = [
        counted(n, one, many)
        for n, one, many in (
            (hours, "hora", "horas"),
            (minutes, "minuto", "minutos"),
            (seconds, "segundo", "segundos"),
        )
        if n
    ]
    return " e ".join(parts[:2])


def short_span(length: timedelta) -> str:
    """4 s; 1 min 05 s; 2 h 03 min."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds // 60 % 60:02} min"


def next_line(
    schedule: Schedule | None, now: datetime, zone: tzinfo, *, is_running: bool, is_offline: bool = False
) -> HintedLine:
    """Return the frame's line about the next run, computed when it is shown and never kept."""
    if is_running:
        return HintedLine(RUNNING_NOW)
    slot = next_slot(schedule, now, zone) if schedule is not None else None
    if slot is None:
        return HintedLine(NONE_SCHEDULED, "importar e exportar só acontecem pelos botões")
    moment, today = slot.moment(zone), now.astimezone(zone).date()
    said = day(slot.on, today)
    when = "" if said == "hoje" else f"{said} "
    hint = "aguardando a conexão voltar" if is_offline else f"{until(moment - now)}, {said}"
    return HintedLine(f"Próxima exportação {when}às {hour(moment)}", hint)


def until(length: timedelta) -> str:
    """em 12 min; em 2 h 05 min; em 3 dias."""
    minutes = max(1, -int(-length.total_seconds() // 60))
    if minutes < 60:
        return f"em {minutes} min"
    if minutes < 24 * 60:
        return f"em {minutes // 60} h {minutes % 60:02} min"
    return f"em {counted(minutes // (24 * 60), 'dia', 'dias')}"


def upcoming_runs(schedule: Schedule, now: datetime, zone: tzinfo) -> tuple[UpcomingRun, ...]:
    """Return the next three runs, the last of that day, and the first of the next one."""
    first = upcoming(schedule, now, zone, 3)
    if not first:
        return ()
    today = now.astimezone(zone).date()
    rows = [_upcoming_run(slot, today, zone) for slot in first]
    of_day = slots(schedule, first[-1].on)
    last = of_day[-1]
    if last > first[-1]:
        between = [slot for slot in of_day if first[-1] < slot < last]
        rows += [UpcomingRun("…", f"a cada {short_every(schedule)}")] if between else []
        rows.append(_upcoming_run(last, today, zone, "última"))
    after = next_slot(schedule, last.moment(zone), zone)
    return (*rows, _upcoming_run(after, today, zone)) if after is not None else tuple(rows)


def _upcoming_run(slot: Slot, today: date, zone: tzinfo, note: str = "") -> UpcomingRun:
    said = day(slot.on, today)
    weekday = WEEKDAYS[slot.on.weekday()].lower()
    if not note and said != weekday:
        note = f"{weekday[:3]}."
    said = f"{said[0].upper()}{said[1:]}"
    return UpcomingRun(f"{said}, {note}" if note else said, slot.moment(zone).strftime("%H:%M"))


def every(schedule: Schedule) -> str:
    """15 minutos; 1 hora e 30 minutos."""
    return span(timedelta(hours=schedule.every_hours, minutes=schedule.every_minutes))


def short_every(schedule: Schedule) -> str:
    """15 min; 1 h 30 min."""
    parts = ((schedule.every_hours, "h"), (schedule.every_minutes, "min"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n)


def in_words(schedule: Schedule) -> str:
    """Todos os dias, a partir das 08:00, a cada 15 minutos."""
    days = "Todos os dias" if schedule.days == "all" else _listed([WEEKDAYS[n] for n in sorted(schedule.days)])
    start = f"{schedule.start_hour:02}:{schedule.start_minute:02}"
    if not schedule.every_hours and not schedule.every_minutes:
        return f"{days}, uma vez por dia, às {start}."
    return f"{days}, a partir das {start}, a cada {every(schedule)}."


def per_day(schedule: Schedule) -> str:
    """Return 64 execuções por dia; or that with this interval there is one, and when."""
    n = n_per_day(schedule)
    if n == 1:
        start = f"{schedule.start_hour:02}:{schedule.start_minute:02}"
        return f"Com este intervalo haverá 1 exportação por dia, às {start}."
    return f"{n} execuções por dia."


def zone_in_words(zone: tzinfo, now: datetime) -> str:
    """Horário de Brasília (UTC−3)."""
    key = getattr(zone, "key", None) or str(zone)
    name = "Horário de Brasília" if key == DEFAULT else f"Fuso horário {key}"
    return f"{name} ({utc_offset(zone, now)})."


def utc_offset(zone: tzinfo, now: datetime) -> str:
    """UTC−3; UTC+5:30."""
    offset = now.astimezone(zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign, minutes = ("−" if minutes < 0 else "+"), abs(minutes)
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")


def zone_line(found: ConnectionZone, now: datetime) -> str:
    """America/Manaus (UTC−4), desta conexão."""
    source = ZONE_SOURCES[found.source].format(fuso=found.machine or UNKNOWN_ZONE)
    return f"{found.name} ({utc_offset(found.zone, now)}), {source}"


def zone_advice(found: ConnectionZone, now: datetime, where: str) -> str:
    """Return what a person should know of the zone or answer about it, and where; nothing where it was told."""
    hours = {"hora": hour(now.astimezone(found.zone)), "brasilia": hour(now.astimezone(zone_named(DEFAULT)))}
    told = {"fuso": found.machine or UNKNOWN_ZONE, "onde": where} | hours
    if found.source == "default":
        return sentence("zone_default", **told)
    return sentence("zone_unanswered", **told) if found.is_unanswered else ""


def zone_command(connection_name: str) -> str:
    """Return how to set a zone, for the command line's reader."""
    return f"em Conexão, ou com: omnisync connection set --connection {connection_name} --zone {DEFAULT}"


def zone_choices(now: datetime) -> list[tuple[str, str]]:
    """Return Brazil's zones for a list: each name, and what it says: Manaus (UTC−4)."""
    return [(name, f"{place} ({utc_offset(zone_named(name), now)})") for name, place in BRAZILIAN.items()]


def _listed(names: list[str]) -> str:
    first, *rest = [names[0], *(name.lower() for name in names[1:])]
    return first if not rest else ", ".join([first, *rest[:-1]]) + f" e {rest[-1]}"
