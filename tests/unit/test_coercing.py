"""What a database answers, as the wire writes it: exact, or unfit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_type_hints
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.erp.export.coercion import InvalidValue, coercer
from omnisync.contract.datasets import DATASETS

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
PRICES, STOCK, SALES, TERMS = (
    get_type_hints(DATASETS[place].kind, include_extras=True)
    for place in (
        ("omniforce", "prices"),
        ("omniforce", "stock"),
        ("dash", "sales-facts"),
        ("omniforce", "payment-terms"),
    )
)
TYPE, PATTERN, FORMAT = InvalidValue("type"), InvalidValue("pattern"), InvalidValue("format")
FLOAT = InvalidValue("float")
MONEY, BALANCE, PRICE, QUANTITY = SALES["net"], STOCK["on_hand"], PRICES["price"], SALES["quantity"]
TEXT, FLAG, DAY, MOMENT, DAYS = SALES["invoice"], TERMS["is_active"], SALES["day"], STOCK["measured_at"], TERMS["days"]
KIND = SALES["kind"]
EVENING = datetime.fromisoformat("2026-11-24 23:59:00")
"""As a database answers: without a zone."""


def coerced(hint: Any, *values: object) -> list[Any]:
    return coercer(hint, SAO_PAULO)(values)


@pytest.mark.parametrize(
    ("hint", "value", "sent"),
    [
        (MONEY, Decimal("10.00"), "10.00"),
        (MONEY, Decimal("10"), "10.00"),
        (MONEY, Decimal("10.5000"), "10.50"),
        (MONEY, 10, "10.00"),
        (MONEY, "-10.1", "-10.10"),
        (MONEY, 289.9, "289.90"),
        (MONEY, Decimal("1E+2"), "100.00"),
        (MONEY, Decimal("0E-8"), "0.00"),
        (MONEY, Decimal("-0.00"), "-0.00"),
        (MONEY, " ", None),
        (MONEY, Decimal("10.001"), PATTERN),
        (MONEY, 0.1 + 0.2, "0.30"),
        (MONEY, Decimal("NaN"), PATTERN),
        (MONEY, float("inf"), FLOAT),
        (MONEY, "1.234,56", PATTERN),
        (MONEY, "１０", PATTERN),
        (MONEY, 10**40, PATTERN),
        (MONEY, True, TYPE),
        (MONEY, b"10", TYPE),
        (BALANCE, Decimal("-3.00000000"), "-3"),
        (BALANCE, Decimal("2.5000"), "2.5000"),
        (BALANCE, Decimal("0.00001"), PATTERN),
        (PRICE, Decimal("4.3333000000"), "4.3333000000"),
        (PRICE, Decimal("0E-10"), "0"),
        (PRICE, Decimal("-1"), PATTERN),
        (QUANTITY, "6.00000", "6"),
        (TEXT, " 4821  ", "4821"),
        (TEXT, "", None),
        (TEXT, 4821, "4821"),
        (TEXT, Decimal("4821"), "4821"),
        (TEXT, UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (TEXT, 4821.0, TYPE),
        (TEXT, False, TYPE),
        (TEXT, b"4821", TYPE),
        (KIND, "sale  ", "sale"),
        (FLAG, 1, True),
        (FLAG, Decimal(0), False),
        (FLAG, "s ", True),
        (FLAG, "N", False),
        (FLAG, "", None),
        (FLAG, 2, TYPE),
        (FLAG, "talvez", PATTERN),
        (FLAG, [], TYPE),
        (DAY, date(2026, 11, 24), "2026-11-24"),
        (DAY, EVENING, "2026-11-24"),
        (DAY, "2026-11-24", "2026-11-24"),
        (DAY, "2026-11-24 10:00:00", "2026-11-24"),
        (DAY, "24/11/2026", FORMAT),
        (DAY, 20261124, TYPE),
        (MOMENT, EVENING, "2026-11-24T23:59:00-03:00"),
        (MOMENT, datetime(2026, 11, 24, 15, tzinfo=UTC), "2026-11-24T15:00:00+00:00"),
        (MOMENT, "2026-11-24 12:00:00", "2026-11-24T12:00:00-03:00"),
        (MOMENT, date(2026, 11, 24), "2026-11-24T00:00:00-03:00"),
        (MOMENT, "ontem", FORMAT),
        (MOMENT, 5, TYPE),
        (DAYS, "30/60/90", (30, 60, 90)),
        (DAYS, "30, 60 ,90 ", (30, 60, 90)),
        (DAYS, "", ()),
        (DAYS, [0, 30], (0, 30)),
        (DAYS, 28, (28,)),
        (DAYS, "à vista", PATTERN),
        (DAYS, [True], TYPE),
    ],
)
def test_a_value_is_sent_as_it_is_or_not_at_all(hint: Any, value: object, sent: object) -> None:
    assert coerced(hint, value) == [sent]
    assert coerced(hint, None, value, None) == [None, sent, None]


def test_a_column_of_many_kinds_is_read_value_by_value() -> None:
    assert coerced(MONEY, "1.00", 2, Decimal("3.5"), None, "x") == ["1.00", "2.00", "3.50", None, PATTERN]
    assert coerced(TEXT, "a", 1, None, b"") == ["a", "1", None, TYPE]


def test_a_line_break_in_an_amount_is_not_two_amounts() -> None:
    assert coerced(MONEY, "1.00\n2.00", "3.00") == [PATTERN, "3.00"]


@given(st.lists(st.decimals(min_value=-(10**12), max_value=10**12, places=2) | st.none()))
def test_money_keeps_its_value(values: list[Decimal | None]) -> None:
    sent = coerced(MONEY, *values)
    assert [None if text is None else Decimal(text) for text in sent] == values
    assert all(text is None or text[-3] == "." for text in sent)


@given(st.lists(st.datetimes(datetime(2017, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(microsecond=0))))  # noqa: DTZ001  # a database's own wall
def test_moments_written_as_texts_are_those_of_their_values(moments: list[datetime]) -> None:
    several = [at.replace(second=second) for at in moments for second in (0, 7)]
    sent = coerced(MOMENT, *several)
    assert coerced(MOMENT, *(at.isoformat(" ") for at in several)) == sent
    assert coerced(MOMENT, *(f" {at.isoformat()} " for at in several)) == sent


def test_what_is_no_moment_is_none_of_an_hour_met_before_either() -> None:
    several = ("2026-11-24 10:00:00", "2026-11-24 10:60:00", "2026-11-24 10:00:0x", "2026-11-24 10:59:59")
    assert coerced(MOMENT, *several) == ["2026-11-24T10:00:00-03:00", FORMAT, FORMAT, "2026-11-24T10:59:59-03:00"]
