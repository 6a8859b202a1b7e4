"""Numbers, money, moments and durations, as they are written in Brazil."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation

from omnisync.agent.messages.labels import WEEKDAYS
from omnisync.agent.zones import wall_hour


def format_integer(n: int) -> str:
    """Return 1234567 as 1.234.567."""
    return f"{n:,}".replace(",", ".")


def format_count(n: int, one: str, many: str) -> str:
    """Return a number with its noun: 1 pedido, 2 pedidos, 1.204 pedidos."""
    return f"{format_integer(n)} {one if n == 1 else many}"


def format_money(text: str) -> str:
    """Return 1234.5 as R$ 1.234,50, with the no-break space; a text that is no number as it is."""
    try:
        amount = Decimal(text).quantize(Decimal("0.01"))
    except InvalidOperation:
        return text
    whole, cents = f"{amount:,.2f}".rsplit(".", 1)
    return f"R$\u00a0{whole.replace(',', '.')},{cents}"


def format_day(on: date, today: date) -> str:
    """Return the day as one says it: hoje, ontem, amanhã, the weekday when it is near, else the date."""
    distance = (on - today).days
    near = {0: "hoje", -1: "ontem", 1: "amanhã"}
    if distance in near:
        return near[distance]
    if 1 < distance <= 7:
        return WEEKDAYS[on.weekday()].lower()
    return on.strftime("%d/%m/%Y")


def format_moment(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a moment inside a sentence: hoje às 12:00."""
    local = moment.astimezone(zone)
    return f"{format_day(local.date(), now.astimezone(zone).date())} às {wall_hour(local)}"


def format_short_moment(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a moment in a list: Hoje, 12:00."""
    local = moment.astimezone(zone)
    said = format_day(local.date(), now.astimezone(zone).date())
    return f"{said[0].upper()}{said[1:]}, {wall_hour(local)}"


def format_age(since: datetime, now: datetime) -> str:
    """Return how long something has been waiting, in its largest unit: há 3 dias."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "há menos de um minuto"
    if minutes < 60:
        return f"há {format_count(minutes, 'minuto', 'minutos')}"
    if minutes < 24 * 60:
        return f"há {format_count(minutes // 60, 'hora', 'horas')}"
    return f"há {format_count(minutes // (24 * 60), 'dia', 'dias')}"


def format_time_until(length: timedelta) -> str:
    """Return how far away something is: em 12 min; em 2 h 05 min; em 3 dias."""
    minutes = max(1, -int(-length.total_seconds() // 60))
    if minutes < 60:
        return f"em {minutes} min"
    if minutes < 24 * 60:
        return f"em {minutes // 60} h {minutes % 60:02} min"
    return f"em {format_count(minutes // (24 * 60), 'dia', 'dias')}"


def format_duration(length: timedelta) -> str:
    """Return a duration in words: 4 segundos; 1 minuto e 5 segundos; 2 horas e 3 minutos."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 1:
        return "menos de 1 segundo"
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = [
        format_count(n, one, many)
        for n, one, many in (
            (hours, "hora", "horas"),
            (minutes, "minuto", "minutos"),
            (seconds, "segundo", "segundos"),
        )
        if n
    ]
    return " e ".join(parts[:2])


def format_short_duration(length: timedelta) -> str:
    """Return a duration in units: 4 s; 1 min 05 s; 2 h 03 min."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds // 60 % 60:02} min"
