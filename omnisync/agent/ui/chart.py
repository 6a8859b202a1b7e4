"""Rows by day as bars drawn by the server: no script, no style, and a table says the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from omnisync.agent.journal import Day
from omnisync.agent.texts import integer

HEIGHT = 76
STEP = 65.6
WIDTH = 49


class Bar(Struct, frozen=True, kw_only=True):
    """One day's bar, in the drawing's units."""

    x: float
    y: float
    height: float
    has_refused: bool
    label: str


class Chart(Struct, frozen=True, kw_only=True):
    """The bars, and what they say in one sentence."""

    bars: tuple[Bar, ...]
    summary: str


def bars(days: Sequence[Day], since: date, n: int) -> Chart:
    """The bars of `n` days from `since`. A day without runs has none."""
    known = {day.on: day for day in days}
    highest = max((day.counts.total.written for day in days), default=0)
    drawn = []
    for place in range(n):
        on = since + timedelta(days=place)
        tally = known[on].counts.total if on in known else None
        written, refused = (tally.written, tally.refused) if tally else (0, 0)
        height = round(HEIGHT * written / highest, 1) if highest else 0.0
        drawn.append(
            Bar(
                x=round(6 + STEP * place, 1),
                y=HEIGHT + 8 - height,
                height=height,
                has_refused=refused > 0,
                label=f"{on:%d/%m}: {integer(written)} gravados, {integer(refused)} recusados",
            )
        )
    total = sum(day.counts.total.written for day in days)
    refused = sum(day.counts.total.refused for day in days)
    summary = f"Nos últimos {n} dias: {integer(total)} registros gravados, {integer(refused)} recusados."
    return Chart(bars=tuple(drawn), summary=summary)
