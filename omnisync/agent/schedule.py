"""Compute when the next slot is due. Pure: moments and zones enter as arguments.

Slots are `start + k * interval` within a chosen day, until midnight, on the wall clock of the zone. Counted from the
start and never from the last run: no drift, and a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from msgspec import Struct

System = Literal["dash", "omniforce"]
ScheduleField = Literal["start", "every", "days", "establishments", "systems"]

SYSTEMS: tuple[System, ...] = ("dash", "omniforce")
SHORTEST = 5
"""Minutes between two slots at least, out of politeness to hub and ERP. 0 h 0 min is once a day."""
HORIZON = timedelta(days=8)
"""Within it every active schedule has a slot: one chosen day comes each week."""
SOON = timedelta(hours=1)
"""A slot that comes within it serves those that were missed."""
A_DAY = 24 * 60
_MINUTE = timedelta(minutes=1)


class Schedule(Struct, frozen=True, kw_only=True):
    """The schedule as saved. "all" is a rule, not today's list: a new establishment or system joins by itself.

    Days are numbers, Monday = 0. Every 0 h 0 min is once a day, at the start.
    """

    is_active: bool = True
    start_hour: int = 8
    start_minute: int = 0
    every_hours: int = 0
    every_minutes: int = 15
    days: Literal["all"] | tuple[int, ...] = "all"
    establishments: Literal["all"] | tuple[str, ...] = "all"
    systems: Literal["all"] | tuple[System, ...] = "all"

    @property
    def imports(self) -> bool:
        """Return whether a slot imports: only OmniForce exports orders."""
        return self.systems == "all" or "omniforce" in self.systems


class ScheduleFieldError(Struct, frozen=True):
    """An error of one field of the form; its sentence is found by the code."""

    field: ScheduleField
    code: str


class Slot(Struct, frozen=True, order=True):
    """One due moment of a day. Its identity is the wall's: a clock set back does not make it another."""

    on: date
    at: time

    def moment(self, zone: tzinfo) -> datetime:
        """Return when it comes: the first time of an hour that comes twice; the end of a gap when the hour never comes.

        A gap that ends with the day (Greenland, 23 h to 24 h) has its beginning instead: a slot is of its own day.
        """
        wall = datetime.combine(self.on, self.at)
        while not _exists(wall, zone) and wall.date() == self.on:
            wall += _MINUTE
        while not _exists(wall, zone) or wall.date() > self.on:
            wall -= _MINUTE
        return wall.replace(tzinfo=zone)


def check(schedule: Schedule) -> tuple[ScheduleFieldError, ...]:
    """Return what keeps this schedule from being saved, field by field in the form's order; empty when nothing does."""
    found = (_start_error(schedule), _every_error(schedule), *_choice_errors(schedule))
    return tuple(error for error in found if error is not None)


def slots(schedule: Schedule, day: date) -> tuple[Slot, ...]:
    """Return the slots of this day, in order; none when it is not a chosen day or the schedule is not active."""
    if not schedule.is_active or (schedule.days != "all" and day.weekday() not in schedule.days):
        return ()
    start = 60 * schedule.start_hour + schedule.start_minute
    return tuple(Slot(day, time(*divmod(minute, 60))) for minute in range(start, A_DAY, _every(schedule) or A_DAY))


def n_per_day(schedule: Schedule) -> int:
    """Return how many slots a chosen day has."""
    start = 60 * schedule.start_hour + schedule.start_minute
    return len(range(start, A_DAY, _every(schedule) or A_DAY))


def next_slot(schedule: Schedule, after: datetime, zone: tzinfo) -> Slot | None:
    """Return the first slot strictly after this moment; None when the schedule is not active."""
    return next(_coming(schedule, after, zone), None)


def upcoming(schedule: Schedule, after: datetime, zone: tzinfo, n: int) -> tuple[Slot, ...]:
    """Return the next `n` slots strictly after this moment. Those of a gap share one moment: only the first is
    named.
    """
    found: list[Slot] = []
    for slot in _coming(schedule, after, zone):
        if len(found) == n:
            break
        if not found or slot.moment(zone) > found[-1].moment(zone):
            found.append(slot)
    return tuple(found)


def due(
    schedule: Schedule, *, saved_at: datetime, served: Slot | None, since: datetime, now: datetime, zone: tzinfo
) -> Slot | None:
    """Return the newest slot of today that has come from `since` on and was not served: it stands for all before it.

    `served` is the newest slot that was served. What had come when the schedule was saved counts as served.
    """
    slot = _newest(schedule, now, zone)
    if slot is None or slot.on != now.astimezone(zone).date() or _instant(slot, zone) < since:
        return None
    return slot if _is_open(slot, saved_at, served, now, zone) else None


def missed(schedule: Schedule, *, saved_at: datetime, served: Slot | None, now: datetime, zone: tzinfo) -> Slot | None:
    """Return the newest slot that has come and was not served, however many days ago: one run catches up on all.

    None while the day is not a chosen one, or the next slot comes within the hour: that one serves it too.
    """
    slot, coming = _newest(schedule, now, zone), next_slot(schedule, now, zone)
    if slot is None or coming is None or not slots(schedule, now.astimezone(zone).date()):
        return None
    is_soon = _instant(coming, zone) - now.astimezone(UTC) <= SOON
    return slot if not is_soon and _is_open(slot, saved_at, served, now, zone) else None


def _newest(schedule: Schedule, now: datetime, zone: tzinfo) -> Slot | None:
    """Return the newest slot that has come."""
    today = now.astimezone(zone).date()
    for n in range(HORIZON.days + 1):
        for slot in reversed(slots(schedule, today - timedelta(days=n))):
            if _instant(slot, zone) <= now:
                return slot
    return None


def _is_open(slot: Slot, saved_at: datetime, served: Slot | None, now: datetime, zone: tzinfo) -> bool:
    """Return whether a slot that has come was not served. A clock that was ahead at the saving silences no slot."""
    had_come = _instant(slot, zone) <= saved_at <= now
    return not had_come and (served is None or slot > served)


def _coming(schedule: Schedule, after: datetime, zone: tzinfo) -> Iterator[Slot]:
    """Yield every slot strictly after this moment, in order, as far as a schedule of a day a week must show itself."""
    day = after.astimezone(zone).date()
    last = day + HORIZON
    while day <= last:
        for slot in slots(schedule, day):
            if _instant(slot, zone) > after:
                last = day + HORIZON
                yield slot
        day += timedelta(days=1)


def _instant(slot: Slot, zone: tzinfo) -> datetime:
    """Return the slot's moment to compare with: within one zone Python compares the walls, blind to an hour that
    repeats.
    """
    return slot.moment(zone).astimezone(UTC)


def _exists(wall: datetime, zone: tzinfo) -> bool:
    """Return whether the wall ever shows this: what does not come back the same from UTC was jumped over."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall


def _every(schedule: Schedule) -> int:
    return 60 * schedule.every_hours + schedule.every_minutes


def _start_error(schedule: Schedule) -> ScheduleFieldError | None:
    if _is_on_a_clock(schedule.start_hour, schedule.start_minute):
        return None
    return ScheduleFieldError("start", "schedule_start_invalid")


def _every_error(schedule: Schedule) -> ScheduleFieldError | None:
    if not _is_on_a_clock(schedule.every_hours, schedule.every_minutes):
        return ScheduleFieldError("every", "schedule_interval_invalid")
    if 0 < _every(schedule) < SHORTEST:
        return ScheduleFieldError("every", "schedule_interval_short")
    return None


def _choice_errors(schedule: Schedule) -> Iterator[ScheduleFieldError]:
    if schedule.days != "all" and (not schedule.days or not set(schedule.days) <= set(range(7))):
        yield ScheduleFieldError("days", "schedule_no_day")
    if schedule.establishments != "all" and not all(schedule.establishments or ("",)):
        yield ScheduleFieldError("establishments", "schedule_no_establishment")
    if schedule.systems != "all" and not schedule.systems:
        yield ScheduleFieldError("systems", "schedule_no_system")


def _is_on_a_clock(hours: int, minutes: int) -> bool:
    return 0 <= hours <= 23 and 0 <= minutes <= 59
