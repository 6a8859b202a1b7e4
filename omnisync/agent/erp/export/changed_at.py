"""The changed-at column of an export's query: what is remembered of it, and from where the next export asks.

A change must never be hidden by another row's value. So nothing beyond the present is remembered, rows without a
value are asked for each time, and every type is asked for again from a little before the newest value seen: who
changed a row earlier may have committed later. Reading too much is harmless: rows are compared by their hash.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.errors import LayoutError

Since = str | int | None
"""From where a changed-at column is asked for; None: everything is."""

OVERLAP = timedelta(minutes=10)
A_DAY = timedelta(days=1)
FEW_NUMBERS = 10_000
"""Of a column that counts: versions, seconds since 1970. So many runs and rows of an ERP are not open at once."""
MANY_NUMBERS = 600_000
"""The same of milliseconds since 1970: ten minutes."""
_MILLISECONDS = 10**11
_SECONDS = 10**9
_FIRST_DAY = "1901-01-01"
"""What stands before it is no moment of a change: an empty text, MariaDB's zero date, Delphi's of 1899."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGITS = re.compile(r"[0-9]{8}(?:[0-9]{6})?")


def newest(values: Sequence[Any], now: datetime) -> Since:
    """Return from where to ask after these values, by the newest of them that is not beyond `now`; None if there is
    none. Raises LayoutError for a type that no change can be told by.

    `now` is of the zone in which the database writes moments without one.
    """
    some = [value for value in values if value is not None and value is not UNREADABLE]
    with suppress(TypeError):  # a database without types may hold several
        found = since_of(max(some), now) if some else None
        if found is not None or not some:
            return found
    return later_of(*(since_of(value, now) for value in some))


def later_of(*found: Since) -> Since:
    """Return the latest of these; of texts and numbers beside each other the latest text."""
    texts = [one for one in found if isinstance(one, str)]
    return max(texts, default=None) or max((one for one in found if isinstance(one, int)), default=None)


def since_of(value: Any, now: datetime) -> Since:
    """Return from where to ask after this value; None where it is beyond `now`, or says no moment and no number."""
    if isinstance(value, datetime):
        return _of_moment(value, now)
    if isinstance(value, date):
        day: date = _before(value, A_DAY)
        return day.isoformat() if value <= now.date() else None
    if isinstance(value, str):
        return _of_text(value.strip(), now)
    if isinstance(value, int) and not isinstance(value, bool):
        return _of_number(value, now)
    raise LayoutError(motivo="export: changed_at precisa ser uma data, um número ou um texto")


def condition(column: str, since: str | int) -> tuple[str, list[object]]:
    """Return the condition for rows that changed since, or that say nothing of when, with its values."""
    first: str | int = 1
    if isinstance(since, str):
        first = _FIRST_DAY if _DAY.match(since) else _FIRST_DAY.replace("-", "")
    return f"{column} >= ? OR {column} IS NULL OR {column} < ?", [since, first]


def _of_moment(value: datetime, now: datetime) -> Since:
    if value.tzinfo is not None:
        value = value.astimezone(UTC)
    elif value > now.replace(tzinfo=None):
        return None
    if value.tzinfo is not None and value > now:
        return None
    earlier: datetime = _before(value, OVERLAP)
    return earlier.isoformat(" ", "milliseconds")


def _of_text(text: str, now: datetime) -> Since:
    """Return the day of a text: it sorts before every moment of that day, however the rest is written."""
    form = "%Y-%m-%d" if _DAY.match(text) else "%Y%m%d"
    try:
        if _DIGITS.fullmatch(text):
            moment = datetime.strptime(text, "%Y%m%d%H%M%S"[: 6 if len(text) == 8 else 12])  # noqa: DTZ007  # the wall's
        elif _DAY.match(text):
            moment = datetime.fromisoformat(text)
        else:
            return None
    except ValueError:
        return None
    is_beyond = moment > (now.replace(tzinfo=None) if moment.tzinfo is None else now)
    has_hour = len(text) > 10 or (form == "%Y%m%d" and len(text) > 8)
    earlier = _before(moment, OVERLAP if has_hour else A_DAY)
    return None if is_beyond else f"{earlier.year:04}{earlier.strftime(form[2:])}"


def _of_number(value: int, now: datetime) -> Since:
    """Return a number less a few. One that reads as a moment, by its digits or from 1970 on, is held against `now`."""
    if _DIGITS.fullmatch(str(value)) and str(value)[:2] in ("19", "20", "21"):
        since = _of_text(str(value), now)
        if isinstance(since, str) and len(str(value)) == 14:
            return int(since.ljust(14, "0"))
        if since is None and _is_on_the_calendar(str(value)):
            return None
    n_per_second = 1000 if value >= _MILLISECONDS else 1
    if value >= _SECONDS and len(str(value)) != 14 and value > now.timestamp() * n_per_second:
        return None
    return value - (MANY_NUMBERS if n_per_second > 1 else FEW_NUMBERS)


def _is_on_the_calendar(digits: str) -> bool:
    with suppress(ValueError):
        datetime.strptime(digits[:8], "%Y%m%d")  # noqa: DTZ007  # a day
        return True
    return False


def _before(value: Any, by: timedelta) -> Any:
    """Return the moment so much earlier; before the first of all there is none."""
    try:
        return value - by
    except OverflowError:
        return value
