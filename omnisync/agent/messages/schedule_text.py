"""A schedule and its next runs, in pt-BR."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from msgspec import Struct

from omnisync.agent.messages.format import format_day, format_duration, format_time_until
from omnisync.agent.messages.labels import WEEKDAYS
from omnisync.agent.schedule import Schedule, Slot, n_per_day, next_slot, slots, upcoming
from omnisync.agent.zones import wall_hour

NONE_SCHEDULED = "Nenhuma exportação agendada"
RUNNING_NOW = "Sincronizando agora…"


class HintedLine(Struct, frozen=True):
    """A line of the frame, and the smaller one below it."""

    text: str
    hint: str = ""


class UpcomingRun(Struct, frozen=True):
    """A row of the next runs."""

    day: str
    hour: str


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
    said = format_day(slot.on, today)
    when = "" if said == "hoje" else f"{said} "
    hint = "aguardando a conexão voltar" if is_offline else f"{format_time_until(moment - now)}, {said}"
    return HintedLine(f"Próxima exportação {when}às {wall_hour(moment)}", hint)


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
    said = format_day(slot.on, today)
    weekday = WEEKDAYS[slot.on.weekday()].lower()
    if not note and said != weekday:
        note = f"{weekday[:3]}."
    said = f"{said[0].upper()}{said[1:]}"
    return UpcomingRun(f"{said}, {note}" if note else said, slot.moment(zone).strftime("%H:%M"))


def every(schedule: Schedule) -> str:
    """Return the interval in words: 15 minutos; 1 hora e 30 minutos."""
    return format_duration(timedelta(hours=schedule.every_hours, minutes=schedule.every_minutes))


def short_every(schedule: Schedule) -> str:
    """Return the interval in units: 15 min; 1 h 30 min."""
    parts = ((schedule.every_hours, "h"), (schedule.every_minutes, "min"))
    return " ".join(f"{n} {unit}" for n, unit in parts if n)


def in_words(schedule: Schedule) -> str:
    """Return a schedule as a sentence: Todos os dias, a partir das 08:00, a cada 15 minutos."""
    days = "Todos os dias" if schedule.days == "all" else _listed([WEEKDAYS[n] for n in sorted(schedule.days)])
    start = f"{schedule.start_hour:02}:{schedule.start_minute:02}"
    if not schedule.every_hours and not schedule.every_minutes:
        return f"{days}, uma vez por dia, às {start}."
    return f"{days}, a partir das {start}, a cada {every(schedule)}."


def per_day(schedule: Schedule) -> str:
    """Return how many runs a day has: 64 execuções por dia. Where there is one, when it is."""
    n = n_per_day(schedule)
    if n == 1:
        start = f"{schedule.start_hour:02}:{schedule.start_minute:02}"
        return f"Com este intervalo haverá 1 exportação por dia, às {start}."
    return f"{n} execuções por dia."


def _listed(names: list[str]) -> str:
    first, *rest = [names[0], *(name.lower() for name in names[1:])]
    return first if not rest else ", ".join([first, *rest[:-1]]) + f" e {rest[-1]}"
