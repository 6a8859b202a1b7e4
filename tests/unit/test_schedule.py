"""The schedule's rule: what a person reads on the form is when it runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omnisync.agent.schedule import (
    Schedule,
    ScheduleFieldError,
    Slot,
    check,
    due,
    missed,
    n_per_day,
    next_slot,
    slots,
    upcoming,
)

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
ZONES = [ZoneInfo(f"America/{name}") for name in ("Sao_Paulo", "Manaus", "Rio_Branco", "Noronha")]
TUESDAY = date(2026, 11, 24)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
EARLIER = datetime(2001, 1, 1, tzinfo=UTC)
WEEKDAYS = (0, 1, 2, 3, 4)

schedules = st.builds(
    Schedule,
    start_hour=st.integers(0, 23),
    start_minute=st.integers(0, 59),
    every_hours=st.integers(0, 23),
    every_minutes=st.integers(0, 59),
    days=st.just("all") | st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple),
).filter(lambda schedule: not check(schedule))
zones = st.sampled_from(ZONES)


def moments(first: datetime, last: datetime) -> st.SearchStrategy[datetime]:
    seconds = st.integers(0, int((last - first).total_seconds()))
    return seconds.map(lambda n: first + timedelta(seconds=n))


any_moment = st.one_of(
    moments(datetime(2017, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    moments(datetime(2018, 2, 16, tzinfo=UTC), datetime(2018, 2, 20, tzinfo=UTC)),
    moments(datetime(2018, 11, 2, tzinfo=UTC), datetime(2018, 11, 6, tzinfo=UTC)),
)


def at(hour: int, minute: int = 0, second: int = 0, *, on: date = TUESDAY) -> datetime:
    return datetime.combine(on, time(hour, minute, second), SAO_PAULO)


def awake(
    schedule: Schedule,
    now: datetime,
    *,
    saved_at: datetime = LONG_AGO,
    served: Slot | None = None,
    zone: ZoneInfo = SAO_PAULO,
) -> Slot | None:
    """What is due to a program that has always been awake."""
    return due(schedule, saved_at=saved_at, served=served, since=EARLIER, now=now, zone=zone)


def hours(day_slots: tuple[Slot, ...]) -> list[str]:
    return [f"{slot.at:%H:%M}" for slot in day_slots]


# The table of the domain


def test_from_eight_each_quarter_of_an_hour_is_64_slots_until_midnight() -> None:
    quarter_hours = slots(Schedule(), TUESDAY)
    assert (len(quarter_hours), hours(quarter_hours[:2]), hours(quarter_hours[-1:])) == (
        64,
        ["08:00", "08:15"],
        ["23:45"],
    )
    assert n_per_day(Schedule()) == 64


def test_an_interval_that_does_not_divide_the_day_begins_again_at_the_start() -> None:
    assert hours(slots(Schedule(every_hours=7, every_minutes=0), TUESDAY)) == ["08:00", "15:00", "22:00"]


def test_zero_hours_and_zero_minutes_is_once_a_day() -> None:
    assert hours(slots(Schedule(every_minutes=0), TUESDAY)) == ["08:00"]
    assert n_per_day(Schedule(every_minutes=0)) == 1


def test_an_interval_longer_than_the_rest_of_the_day_leaves_the_start_alone() -> None:
    assert hours(slots(Schedule(start_hour=22, every_hours=4, every_minutes=0), TUESDAY)) == ["22:00"]


def test_on_friday_night_the_next_weekday_slot_is_monday_at_eight() -> None:
    friday_night = at(23, 50, on=date(2026, 11, 27))
    assert next_slot(Schedule(days=WEEKDAYS), friday_night, SAO_PAULO) == Slot(date(2026, 11, 30), time(8))


def test_a_day_that_was_not_chosen_has_no_slot() -> None:
    assert slots(Schedule(days=WEEKDAYS), date(2026, 11, 28)) == ()


def test_an_inactive_schedule_has_no_slot_and_keeps_its_values() -> None:
    off = Schedule(is_active=False)
    assert (slots(off, TUESDAY), next_slot(off, at(9), SAO_PAULO), upcoming(off, at(9), SAO_PAULO, 3)) == ((), None, ())
    assert n_per_day(off) == 64


def test_the_coming_slots_cross_midnight() -> None:
    schedule = Schedule(every_hours=7, every_minutes=0)
    assert hours(upcoming(schedule, at(14), SAO_PAULO, 4)) == ["15:00", "22:00", "08:00", "15:00"]


def test_a_schedule_survives_being_written_down() -> None:
    schedule = Schedule(days=WEEKDAYS, establishments=("0001",), systems=("dash",))
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule


def test_only_dash_imports_nothing() -> None:
    assert not Schedule(systems=("dash",)).imports
    assert Schedule(systems=("omniforce",)).imports
    assert Schedule().imports


# What may be saved


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ({}, []),
        ({"start_hour": 24}, [("start", "schedule_start_invalid")]),
        ({"start_minute": 60}, [("start", "schedule_start_invalid")]),
        ({"start_hour": -1}, [("start", "schedule_start_invalid")]),
        ({"every_hours": 24}, [("every", "schedule_interval_invalid")]),
        ({"every_minutes": 60}, [("every", "schedule_interval_invalid")]),
        ({"every_minutes": 4}, [("every", "schedule_interval_short")]),
        ({"every_minutes": 5}, []),
        ({"every_hours": 23, "every_minutes": 59}, []),
        ({"every_minutes": 0}, []),
        ({"days": ()}, [("days", "schedule_no_day")]),
        ({"days": (7,)}, [("days", "schedule_no_day")]),
        ({"establishments": ()}, [("establishments", "schedule_no_establishment")]),
        ({"establishments": ("",)}, [("establishments", "schedule_no_establishment")]),
        ({"systems": ()}, [("systems", "schedule_no_system")]),
        ({"start_hour": 24, "days": ()}, [("start", "schedule_start_invalid"), ("days", "schedule_no_day")]),
    ],
)
def test_each_wrong_field_is_named(wrong: dict[str, object], errors: list[tuple[str, str]]) -> None:
    found = check(msgspec.structs.replace(Schedule(), **wrong))
    assert [(error.field, error.code) for error in found] == errors
    assert all(isinstance(error, ScheduleFieldError) for error in found)


# Daylight saving: São Paulo jumped over 2018-11-04 00:00-00:59 and lived 2018-02-17 23:00-23:59 twice


def test_a_slot_in_the_gap_comes_with_the_first_minute_after_it() -> None:
    slot = Slot(date(2018, 11, 4), time(0, 15))
    assert slot.moment(SAO_PAULO) == datetime(2018, 11, 4, 3, 0, tzinfo=UTC)
    assert f"{slot.moment(SAO_PAULO):%H:%M}" == "01:00"


def test_the_slots_of_the_gap_are_shown_once() -> None:
    nightly = Schedule(start_hour=0, every_minutes=30)
    coming = upcoming(nightly, at(23, 31, on=date(2018, 11, 3)), SAO_PAULO, 3)
    assert [f"{slot.moment(SAO_PAULO):%H:%M}" for slot in coming] == ["01:00", "01:30", "02:00"]


def test_the_slots_of_the_gap_collapse_into_one_run() -> None:
    nightly = Schedule(start_hour=0, every_minutes=30)
    just_after = datetime(2018, 11, 4, 3, 0, 1, tzinfo=UTC)
    newest = awake(nightly, just_after)
    assert newest == Slot(date(2018, 11, 4), time(1))
    assert awake(nightly, just_after, served=newest) is None


def test_a_slot_of_the_hour_that_comes_twice_comes_the_first_time() -> None:
    slot = Slot(date(2018, 2, 17), time(23, 15))
    assert slot.moment(SAO_PAULO).astimezone(UTC) == datetime(2018, 2, 18, 1, 15, tzinfo=UTC)


def test_the_hour_that_comes_twice_runs_once() -> None:
    second_time = datetime(2018, 2, 18, 2, 20, tzinfo=UTC)
    served = Slot(date(2018, 2, 17), time(23, 45))
    assert awake(Schedule(), second_time, served=served) is None
    assert missed(Schedule(), saved_at=LONG_AGO, served=served, now=second_time, zone=SAO_PAULO) is None
    assert next_slot(Schedule(), second_time, SAO_PAULO) == Slot(date(2018, 2, 18), time(8))


def test_a_schedule_saved_in_the_second_pass_of_an_hour_runs_nothing_of_the_first() -> None:
    second_time = datetime(2018, 2, 18, 2, 10, tzinfo=UTC).astimezone(SAO_PAULO)
    assert awake(Schedule(), second_time, saved_at=second_time) is None
    assert missed(Schedule(), saved_at=second_time, served=None, now=second_time, zone=SAO_PAULO) is None
    assert next_slot(Schedule(), second_time, SAO_PAULO) == Slot(date(2018, 2, 18), time(8))


# What comes while the program is awake


@pytest.mark.parametrize(
    ("now", "slot"),
    [(at(7, 30), None), (at(8), "08:00"), (at(9, 7), "09:00"), (at(9, 15), "09:15"), (at(23, 59, 59), "23:45")],
)
def test_the_newest_slot_of_today_stands_for_all_before_it(now: datetime, slot: str | None) -> None:
    found = awake(Schedule(), now)
    assert (f"{found.at:%H:%M}" if found else None) == slot


def test_slots_that_pass_during_a_run_collapse_into_the_newest() -> None:
    ten = Slot(TUESDAY, time(10))
    assert awake(Schedule(every_minutes=30), at(10, 40), served=ten) == Slot(TUESDAY, time(10, 30))


def test_what_had_come_when_the_schedule_was_saved_counts_as_served() -> None:
    assert awake(Schedule(), at(14, 8), saved_at=at(14, 7)) is None
    assert awake(Schedule(), at(14, 15), saved_at=at(14, 7)) == Slot(TUESDAY, time(14, 15))


def test_saving_at_the_very_moment_of_a_slot_serves_it() -> None:
    assert awake(Schedule(), at(14, 15), saved_at=at(14, 15)) is None


def test_a_clock_set_back_runs_no_slot_again() -> None:
    served = Slot(TUESDAY, time(12))
    assert awake(Schedule(), at(10), served=served) is None
    assert awake(Schedule(), at(12, 14), served=served) is None


def test_a_clock_that_was_a_year_ahead_when_the_schedule_was_saved_silences_no_day() -> None:
    ahead = at(14, 7, on=date(2027, 11, 24))
    assert awake(Schedule(), at(9), saved_at=ahead) == Slot(TUESDAY, time(9))


def test_another_zone_moves_the_slots() -> None:
    manaus = ZoneInfo("America/Manaus")
    assert awake(Schedule(), at(8, 30), zone=manaus) is None
    assert awake(Schedule(), at(9), zone=manaus) == Slot(TUESDAY, time(8))


def test_what_came_before_the_program_was_awake_is_not_due() -> None:
    found = due(Schedule(), saved_at=LONG_AGO, served=None, since=at(9, 1), now=at(9, 7), zone=SAO_PAULO)
    assert found is None


# What was missed: the table of the domain

OFFICE_HOURS = [at(hour, on=date(2026, 11, 25)) for hour in range(8, 18)]
NIGHTLY = Schedule(start_hour=22, every_minutes=0)
MONDAY_NIGHT = Slot(date(2026, 11, 23), time(22))


@pytest.mark.parametrize("now", OFFICE_HOURS)
def test_case_b4_a_nightly_slot_of_a_computer_that_is_off_at_night_is_caught_up_the_next_morning(now: datetime) -> None:
    found = missed(NIGHTLY, saved_at=LONG_AGO, served=MONDAY_NIGHT, now=now, zone=SAO_PAULO)
    assert found == Slot(TUESDAY, time(22))
    assert missed(NIGHTLY, saved_at=LONG_AGO, served=found, now=now, zone=SAO_PAULO) is None


def test_case_b4_one_catch_up_serves_all_days_however_many() -> None:
    found = missed(NIGHTLY, saved_at=LONG_AGO, served=Slot(date(2026, 9, 1), time(22)), now=at(8), zone=SAO_PAULO)
    assert found == MONDAY_NIGHT
    assert missed(NIGHTLY, saved_at=LONG_AGO, served=None, now=at(8), zone=SAO_PAULO) == MONDAY_NIGHT


@pytest.mark.parametrize(
    ("schedule", "now"),
    [
        (Schedule(), at(7, 30)),  # waits for 08:00
        (Schedule(), at(9, 7)),  # 09:15 serves it
        (Schedule(every_hours=2, every_minutes=0), at(9)),  # 10:00 is an hour away
        (NIGHTLY, at(21)),
    ],
)
def test_case_b4_a_slot_within_the_hour_serves_what_was_missed(schedule: Schedule, now: datetime) -> None:
    assert missed(schedule, saved_at=LONG_AGO, served=None, now=now, zone=SAO_PAULO) is None
    before = now - timedelta(hours=1, minutes=1)
    if schedule is not NIGHTLY:
        before = at(1)
    assert missed(schedule, saved_at=LONG_AGO, served=None, now=before, zone=SAO_PAULO) is not None


def test_case_b4_on_a_day_that_was_not_chosen_nothing_is_caught_up() -> None:
    weekdays = msgspec.structs.replace(NIGHTLY, days=WEEKDAYS)
    friday = Slot(date(2026, 11, 27), time(22))
    for day in (28, 29):
        now = at(8, on=date(2026, 11, day))
        assert missed(weekdays, saved_at=LONG_AGO, served=None, now=now, zone=SAO_PAULO) is None
    monday = at(8, on=date(2026, 11, 30))
    assert missed(weekdays, saved_at=LONG_AGO, served=None, now=monday, zone=SAO_PAULO) == friday
    assert missed(weekdays, saved_at=LONG_AGO, served=friday, now=monday, zone=SAO_PAULO) is None


def test_case_b4_saving_and_switching_off_leave_nothing_to_catch_up() -> None:
    assert missed(NIGHTLY, saved_at=at(7, 59), served=None, now=at(8), zone=SAO_PAULO) is None
    off = msgspec.structs.replace(NIGHTLY, is_active=False)
    assert missed(off, saved_at=LONG_AGO, served=None, now=at(8), zone=SAO_PAULO) is None


# For every schedule


@given(schedules, any_moment, zones)
def test_the_next_slot_is_strictly_after_and_on_a_chosen_day(
    schedule: Schedule, after: datetime, zone: ZoneInfo
) -> None:
    slot = next_slot(schedule, after, zone)
    assert slot is not None
    assert slot.moment(zone).astimezone(UTC) > after
    assert slot.moment(zone).date() == slot.on
    assert schedule.days == "all" or slot.on.weekday() in schedule.days


@given(schedules, any_moment, zones)
def test_every_valid_schedule_has_a_slot_within_eight_days(schedule: Schedule, after: datetime, zone: ZoneInfo) -> None:
    slot = next_slot(schedule, after, zone)
    assert slot is not None
    assert slot.moment(zone).astimezone(UTC) - after <= timedelta(days=8)


@given(schedules, any_moment, zones, st.floats(0, 1, exclude_max=True))
def test_the_next_slot_does_not_depend_on_when_it_is_asked(
    schedule: Schedule, after: datetime, zone: ZoneInfo, part: float
) -> None:
    slot = next_slot(schedule, after, zone)
    assert slot is not None
    between = after + (slot.moment(zone).astimezone(UTC) - after) * part
    assert next_slot(schedule, min(between, slot.moment(zone).astimezone(UTC) - timedelta.resolution), zone) == slot


@given(schedules, st.dates(date(2017, 1, 1), date(2027, 1, 1)))
def test_slots_stand_inside_the_day_one_interval_apart(schedule: Schedule, day: date) -> None:
    found = slots(schedule, day)
    walls = [datetime.combine(slot.on, slot.at) for slot in found]
    every = timedelta(hours=schedule.every_hours, minutes=schedule.every_minutes)
    assert all(slot.on == day for slot in found)
    assert all(later - earlier == every for earlier, later in zip(walls, walls[1:], strict=False))
    assert len(found) in (0, n_per_day(schedule))
    assert not found or found[0].at == time(schedule.start_hour, schedule.start_minute)


@given(schedules, any_moment, zones)
def test_case_b4_what_was_missed_has_come_and_once_served_is_missed_no_more(
    schedule: Schedule, now: datetime, zone: ZoneInfo
) -> None:
    slot = missed(schedule, saved_at=LONG_AGO, served=None, now=now, zone=zone)
    coming = next_slot(schedule, now, zone)
    assert coming is not None
    is_chosen = schedule.days == "all" or now.astimezone(zone).weekday() in schedule.days
    is_soon = coming.moment(zone).astimezone(UTC) - now <= timedelta(hours=1)
    assert (slot is not None) == (is_chosen and not is_soon)
    if slot is not None:
        assert slot.moment(zone).astimezone(UTC) <= now
        assert slot < coming
        assert missed(schedule, saved_at=LONG_AGO, served=slot, now=now, zone=zone) is None
        assert missed(schedule, saved_at=LONG_AGO, served=None, now=now, zone=zone) == slot


@given(schedules, any_moment, zones)
def test_saving_serves_all_that_had_come(schedule: Schedule, now: datetime, zone: ZoneInfo) -> None:
    assert missed(schedule, saved_at=now, served=None, now=now, zone=zone) is None
    assert awake(schedule, now, saved_at=now, zone=zone) is None


@given(schedules, any_moment, zones)
def test_the_coming_slots_are_in_order_and_each_follows_the_one_before(
    schedule: Schedule, after: datetime, zone: ZoneInfo
) -> None:
    coming = upcoming(schedule, after, zone, 3)
    for slot in coming:
        assert next_slot(schedule, after, zone) == slot
        after = slot.moment(zone).astimezone(UTC)
    assert len(coming) == 3


# Minute by minute: what a person with the form in one hand and a watch in the other would write down

ALL_ZONES = sorted(name for name in available_timezones() if name.startswith(("America/", "Australia/", "Pacific/")))
TRANSITIONS = [
    (name, day)
    for name in ("America/Sao_Paulo", "America/Santiago", "America/Nuuk", "America/Havana", "Australia/Lord_Howe")
    for day in (datetime(2016, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(366 * 12))
    if day.astimezone(ZoneInfo(name)).utcoffset() != (day + timedelta(days=1)).astimezone(ZoneInfo(name)).utcoffset()
]
near_a_transition = st.sampled_from(TRANSITIONS) | st.tuples(
    st.sampled_from(ALL_ZONES), moments(datetime(2017, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
)


def on_the_wall(schedule: Schedule, wall: datetime) -> bool:
    """Whether the form names this minute of the wall."""
    since = 60 * wall.hour + wall.minute - 60 * schedule.start_hour - schedule.start_minute
    every = 60 * schedule.every_hours + schedule.every_minutes
    is_chosen = schedule.days == "all" or wall.weekday() in schedule.days
    return is_chosen and since >= 0 and (since % every == 0 if every else since == 0)


def written_down(schedule: Schedule, zone: ZoneInfo, first: datetime, days: int) -> dict[datetime, list[Slot]]:
    """Every minute after `first` at which the wall shows, or has just jumped over, a minute that the form names.

    A wall that was set back shows nothing new until it is past where it was. What a jump takes from the end of a day
    comes before it.
    """
    came: dict[datetime, list[Slot]] = {}
    moment = first - timedelta(days=2)
    seen = moment.astimezone(zone).replace(tzinfo=None)
    while moment < first + timedelta(days=days):
        before, moment = moment, moment + timedelta(minutes=1)
        shown = moment.astimezone(zone).replace(tzinfo=None)
        wall = seen + timedelta(minutes=1)
        while wall <= shown:
            if on_the_wall(schedule, wall):
                came.setdefault(moment if shown.date() == wall.date() else before, []).append(
                    Slot(wall.date(), wall.time())
                )
            wall += timedelta(minutes=1)
        seen = max(seen, shown)
    return {moment: found for moment, found in came.items() if moment > first}


@settings(max_examples=settings().max_examples // 6)  # each looks at every minute of two days
@example(
    Schedule(start_hour=23, start_minute=30, every_minutes=0), ("America/Nuuk", datetime(2026, 3, 28, tzinfo=UTC)), 0
)
@given(schedules, near_a_transition, st.integers(-2 * 1440, 1440))
def test_next_and_missed_are_what_a_watch_says(schedule: Schedule, near: tuple[str, datetime], offset: int) -> None:
    zone = ZoneInfo(near[0])
    saved_at = near[1].replace(second=0, microsecond=0) + timedelta(minutes=offset)
    came = written_down(schedule, zone, saved_at, days=2)
    coming = next_slot(schedule, saved_at, zone)
    assert coming is not None
    if came:
        assert (coming.moment(zone).astimezone(UTC), coming) == (min(came), came[min(came)][0])
    ran: dict[datetime, Slot] = {}
    # A slot is missed until it is served: one that comes besides is seen a minute before the next, or within the hour.
    minutes = {saved_at + timedelta(minutes=n) for n in range(60, 2 * 1440 + 1, 60)}
    minutes |= {moment for slot_at in came for moment in (slot_at - timedelta(minutes=1), slot_at)} - {saved_at}
    for now in sorted(minutes):
        today = now.astimezone(zone).date()
        served = max((slot for slot in ran.values() if slot.on == today), default=None)
        slot = awake(schedule, now, saved_at=saved_at, served=served, zone=zone)
        if slot is not None:
            ran[now] = slot
    assert set(ran) == set(came)


@settings(max_examples=settings().max_examples // 12)  # each looks at every minute of three days
@given(schedules, near_a_transition, st.integers(-2 * 1440, 1440), st.integers(1, 2 * 1440 - 61))
def test_case_b4_what_is_caught_up_is_what_a_watch_says(
    schedule: Schedule, near: tuple[str, datetime], offset: int, off_for: int
) -> None:
    """A computer that is off from the saving on, and then is on."""
    zone = ZoneInfo(near[0])
    saved_at = near[1].replace(second=0, microsecond=0) + timedelta(minutes=offset)
    now = saved_at + timedelta(minutes=off_for)
    came = written_down(schedule, zone, saved_at, days=2)
    before = [slot for moment, found in came.items() if moment <= now for slot in found]
    is_soon = any(now < moment <= now + timedelta(hours=1) for moment in came)
    is_chosen = schedule.days == "all" or now.astimezone(zone).weekday() in schedule.days
    found = missed(schedule, saved_at=saved_at, served=None, now=now, zone=zone)
    assert found == (max(before) if before and is_chosen and not is_soon else None)
