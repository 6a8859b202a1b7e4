"""Rows by day as bars drawn by the server: no script, no style, and a list says the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from omnisync.agent.journal.run import Day
from omnisync.agent.messages.format import format_count

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
    """The bars, of what they are, and what they say in one sentence."""

    bars: tuple[Bar, ...]
    noun: str
    summary: str


def bars(days: Sequence[Day], since: date, n: int) -> Chart:
    """Return the bars of `n` days from `since`, as high as what was written; where nothing came, as what was sent.

    A day without runs has none. Rows sent are shown beside rows imported, not added to them.
    """
    told = {day.on: (day.counts.total.written, day.counts.total.refused, day.counts.sent.sent) for day in days}
    which = 0 if any(written or refused for written, refused, _ in told.values()) else 2
    highest = max((numbers[which] for numbers in told.values()), default=0)
    drawn = []
    for place in range(n):
        on = since + timedelta(days=place)
        numbers = told.get(on, (0, 0, 0))
        height = round(HEIGHT * numbers[which] / highest, 1) if highest else 0.0
        drawn.append(
            Bar(
                x=round(6 + STEP * place, 1),
                y=HEIGHT + 8 - height,
                height=height,
                has_refused=numbers[1] > 0,
                label=f"{on:%d/%m}: {_sentence(*numbers)}",
            )
        )
    total = [sum(numbers) for numbers in zip(*told.values(), strict=True)] or [0, 0, 0]
    return Chart(
        bars=tuple(drawn),
        noun="linhas enviadas" if which else "gravados",
        summary=f"Nos últimos {n} dias: {_sentence(*total)}.",
    )


def _sentence(written: int, refused: int, sent: int) -> str:
    n_refused = format_count(refused, "recusado", "recusados")
    came = f"{format_count(written, 'registro gravado', 'registros gravados')}, {n_refused}"
    return f"{came}, {format_count(sent, 'linha enviada', 'linhas enviadas')}" if sent else came
