"""A changed-at column never hides a change, each test named by its case, on every live database.

A row dated beyond the present, rows without a date, and changes that are committed late.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from omnisync.agent.erp.export.changed_at import Since, later_of, newest, since_of
from omnisync.agent.errors import LayoutError
from omnisync.agent.sync.outbox import Outbox
from tests.support.erp_databases import KEEPERS, make_erp
from tests.support.export_setup import ExportSetup, with_queries
from tests.support.hub_server import RunningHub, running_hub
from tests.support.record_samples import NOW

HERE = NOW.astimezone(ZoneInfo("America/Sao_Paulo"))  # 2026-11-24 12:00
QUERY = '[export.products]\nsql = "SELECT code, name, unit, changed FROM solto"\nchanged_at = "changed"\n'
MOMENT = {"sqlite": "TEXT", "postgresql": "TIMESTAMP", "mariadb": "DATETIME", "firebird": "TIMESTAMP"}
FORMS: dict[str, tuple[str, tuple[object, object, object, object]]] = {
    "moment": ("", ("2026-11-24 11:50:00", "2026-11-24 11:48:00", "2026-11-24 11:55:00", "2062-01-01 10:00:00")),
    "zoned": ("TIMESTAMPTZ", ("2026-11-24 11:50:00", "2026-11-24 11:48:00", "2026-11-24 11:55:00", "2062-01-01 10:00")),
    "day": ("DATE", ("2026-11-24", "2026-11-23", "2026-11-24", "2062-01-01")),
    "text": ("VARCHAR(30)", ("2026-11-24 11:50:00", "2026-11-24 11:48:00", "2026-11-24 11:55:00", "2062-01-01 10:00")),
    "iso": ("VARCHAR(30)", ("2026-11-24T11:50:00", "2026-11-24 11:48:00", "2026-11-24T11:55", "2062-01-01T10:00:00")),
    "digits": ("VARCHAR(14)", ("20261124115000", "20261124114800", "20261124115500", "20620101100000")),
    "number": ("BIGINT", (20261124115000, 20261124114800, 20261124115500, 20620101100000)),
    "seconds": ("BIGINT", (1795531800, 1795531680, 1795532100, 2903504400)),
    "counter": ("INTEGER", (900, 898, 903, 904)),
}
"""A column's type and four values: the newest one seen, one a little earlier, one later, one beyond the present."""


@pytest.fixture(scope="module")
def shared_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


HAS_ZONES = ("postgresql",)
PLACES = [(kind, form) for form in FORMS for kind in (HAS_ZONES if form == "zoned" else KEEPERS)]


@pytest.fixture(params=PLACES, ids="-".join)
def shop(request: pytest.FixtureRequest, shared_hub: RunningHub, tmp_path: Path) -> Shop:
    kind, form = request.param
    column, values = FORMS[form]
    keeper = make_erp(kind, request, tmp_path)
    office = ExportSetup(keeper, shared_hub, Outbox(tmp_path / "outbox.db"))
    with_queries(office, tmp_path, QUERY)
    office.now = NOW
    text = "VARCHAR(20)"
    keeper.run(f"CREATE TABLE solto (code {text}, name {text}, unit {text}, changed {column or MOMENT[kind]})")
    return Shop(office, *values)


class Shop:
    """Products with a changed-at column, exported again and again within a day."""

    def __init__(self, office: ExportSetup, seen: object, earlier: object, later: object, beyond: object) -> None:
        self.office = office
        self.seen, self.earlier, self.later, self.beyond = seen, earlier, later, beyond
        self._n = 0

    def put(self, code: str, changed: object) -> None:
        self.office.keeper.run("DELETE FROM solto WHERE code = ?", code)
        self._n += 1
        self.office.keeper.run("INSERT INTO solto VALUES (?, ?, 'UN', ?)", code, f"nome {self._n}", changed)

    def sent(self) -> int:
        return self.office.export(datasets=("products",)).exports["omniforce.products"].sent


def test_case_b3_a_row_dated_beyond_the_present_hides_no_change(shop: Shop) -> None:
    shop.put("A", shop.seen)
    shop.put("Z", shop.beyond)
    assert shop.sent() == 2
    shop.put("B", shop.later)
    assert shop.sent() == 1


def test_case_b3_a_new_row_without_a_date_goes_out_the_same_day(shop: Shop) -> None:
    shop.put("A", shop.seen)
    assert shop.sent() == 1
    shop.put("B", None)
    assert shop.sent() == 1
    shop.put("B", None)  # another name, as before without a date
    assert shop.sent() == 1
    assert shop.sent() == 0


def test_case_b3_a_change_committed_late_goes_out_the_same_day(shop: Shop) -> None:
    shop.put("A", shop.seen)
    assert shop.sent() == 1
    shop.put("B", shop.earlier)
    assert shop.sent() == 1


def test_case_b3_what_was_remembered_beyond_the_present_is_forgotten(shop: Shop) -> None:
    """As an older program, or a clock that was ahead, remembered it."""
    shop.put("A", shop.seen)
    ahead, shop.office.now = shop.office.now, shop.office.now.replace(year=2063)
    shop.put("Z", shop.beyond)
    shop.sent()
    shop.office.now = ahead
    shop.put("B", shop.later)
    assert shop.sent() == 1


@pytest.mark.parametrize("empty", ["", "0000-00-00 00:00:00", "1899-12-30 00:00:00"])
def test_case_b3_a_text_that_is_no_date_is_read_as_one_without(
    request: pytest.FixtureRequest, shared_hub: RunningHub, tmp_path: Path, empty: str
) -> None:
    keeper = make_erp("sqlite", request, tmp_path)
    office = ExportSetup(keeper, shared_hub, Outbox(tmp_path / "outbox.db"))
    with_queries(office, tmp_path, QUERY)
    keeper.run("CREATE TABLE solto (code TEXT, name TEXT, unit TEXT, changed TEXT)")
    made = Shop(office, *FORMS["text"][1])
    made.put("A", made.seen)
    assert made.sent() == 1
    made.put("B", empty)
    assert made.sent() == 1


def test_case_b3_mariadbs_zero_date_is_no_moment(
    request: pytest.FixtureRequest, shared_hub: RunningHub, tmp_path: Path
) -> None:
    keeper = make_erp("mariadb", request, tmp_path)
    office = ExportSetup(keeper, shared_hub, Outbox(tmp_path / "outbox.db"))
    with_queries(office, tmp_path, QUERY)
    keeper.run("CREATE TABLE solto (code VARCHAR(20), name VARCHAR(20), unit VARCHAR(20), changed DATETIME NOT NULL)")
    zero = "SET STATEMENT sql_mode = '' FOR INSERT INTO solto VALUES ('Z', ?, 'UN', '0000-00-00 00:00:00')"
    keeper.run(zero, "nome")
    made = Shop(office, *FORMS["moment"][1])
    made.put("A", made.seen)
    assert made.sent() == 2
    keeper.run("DELETE FROM solto WHERE code = 'Z'")
    keeper.run(zero, "outro")
    made.put("B", made.later)
    assert made.sent() == 2


LATE: list[tuple[Any, Since]] = [
    (datetime(2026, 11, 24, 12, 0), "2026-11-24 11:50:00.000"),  # noqa: DTZ001  # as databases tell it
    (datetime(2026, 11, 24, 12, 0, 1), None),  # noqa: DTZ001
    (HERE, "2026-11-24 14:50:00.000+00:00"),
    (HERE + timedelta(seconds=1), None),
    (date(2026, 11, 24), "2026-11-23"),
    (date(2026, 11, 25), None),
    ("2026-11-24 12:00", "2026-11-24"),
    ("2026-11-24T00:05:00.123", "2026-11-23"),
    ("2026-11-24T12:00:00-03:00", "2026-11-24"),
    ("2026-11-24T12:00:01-03:00", None),
    (" 2026-11-24 ", "2026-11-23"),
    ("20261124", "20261123"),
    ("20261124115900", "20261124"),
    ("24/11/2026", None),
    ("v12", None),
    ("2026-13-01", None),
    ("", None),
    (20261124115900, 20261124000000),
    (20261124120001, None),
    (20261124, 20261124 - 10_000),
    (20261125, None),
    (1_795_532_400, 1_795_532_400 - 10_000),
    (1_795_532_401, None),
    (1_795_532_400_000, 1_795_532_400_000 - 600_000),
    (1_795_532_400_001, None),
    (41, 41 - 10_000),
]


@pytest.mark.parametrize(("value", "since"), LATE, ids=str)
def test_case_b3_every_type_is_asked_for_again_from_before_the_newest_and_none_from_beyond(
    value: Any, since: Since
) -> None:
    assert since_of(value, HERE) == since
    if since is not None:
        assert since_of(since, HERE) is not None  # what was remembered is sound


@pytest.mark.parametrize("value", [1.5, True, b"1"])
def test_a_type_that_tells_no_change_is_refused(value: object) -> None:
    with pytest.raises(LayoutError):
        newest([value], HERE)


def test_the_newest_of_a_lot_is_the_newest_that_is_not_beyond() -> None:
    some = [None, datetime(2026, 11, 24, 9), datetime(2062, 1, 1), datetime(2026, 11, 24, 11)]  # noqa: DTZ001
    assert newest(some, HERE) == "2026-11-24 10:50:00.000"
    assert newest([None], HERE) is None
    assert newest(["2026-11-24 10:00", 7, "v1"], HERE) == "2026-11-24"
    assert later_of(None, 3, 7) == 7
    assert later_of() is None
