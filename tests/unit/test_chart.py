"""The bars of the last days, and the sentence that says the same."""

from __future__ import annotations

from datetime import date, timedelta

from omnisync.agent.journal.run import Day
from omnisync.agent.pages.sync.chart import HEIGHT, bars
from omnisync.agent.progress import Counts, ExportCounts, RowCounts

FIRST = date(2026, 11, 14)


def day(n: int, written: int = 0, refused: int = 0, sent: int = 0) -> Day:
    exports = {"omniforce.stock": ExportCounts(read=sent, sent=sent)} if sent else {}
    counts = Counts(orders=RowCounts(written=written, refused=refused), exports=exports)
    return Day(on=FIRST + timedelta(days=n), n_runs=1, n_failed=0, counts=counts)


def test_a_bar_is_as_high_as_what_was_written_and_what_was_sent_is_told_beside() -> None:
    chart = bars([day(0, 50, sent=90_000), day(2, 100, 1)], FIRST, 4)
    assert [bar.height for bar in chart.bars] == [HEIGHT / 2, 0, HEIGHT, 0]
    assert [bar.has_refused for bar in chart.bars] == [False, False, True, False]
    assert [bar.label for bar in chart.bars] == [
        "14/11: 50 registros gravados, 0 recusados, 90.000 linhas enviadas",
        "15/11: 0 registros gravados, 0 recusados",
        "16/11: 100 registros gravados, 1 recusado",
        "17/11: 0 registros gravados, 0 recusados",
    ]
    assert chart.noun == "gravados"
    assert chart.summary == ("Nos últimos 4 dias: 150 registros gravados, 1 recusado, 90.000 linhas enviadas.")


def test_where_nothing_came_the_bars_are_of_what_was_sent() -> None:
    chart = bars([day(1, sent=1), day(2, sent=4)], FIRST, 3)
    assert [bar.height for bar in chart.bars] == [0, HEIGHT / 4, HEIGHT]
    assert chart.noun == "linhas enviadas"
    assert chart.bars[1].label == "15/11: 0 registros gravados, 0 recusados, 1 linha enviada"


def test_days_without_runs_have_no_bars() -> None:
    chart = bars([], FIRST, 2)
    assert [bar.height for bar in chart.bars] == [0, 0]
    assert chart.summary == "Nos últimos 2 dias: 0 registros gravados, 0 recusados."
