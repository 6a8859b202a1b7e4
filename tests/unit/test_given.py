"""What a layout gives a column: told from the contract and the converters, before any database is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from omnisync.agent.erp.layout import converters
from omnisync.agent.erp.layout.field_paths import RECORDS, paths_of
from omnisync.agent.erp.layout_check import value_bounds
from omnisync.agent.erp.layout_check.value_bounds import (
    ValueBounds,
    constant_bounds,
    field_bounds,
    number_bounds,
    path_bounds,
)
from omnisync.agent.messages import pt

ERP = Path(value_bounds.__file__).parent


@pytest.mark.parametrize("kind", RECORDS)
def test_every_field_has_its_bounds(kind: str) -> None:
    known = field_bounds(kind)
    assert known.keys() == paths_of(kind).keys()
    assert all(one.path in (path, path.removeprefix("order.")) for path, one in known.items())
    assert all(one.length is not None for one in known.values() if one.kind == "text")
    assert all(one.whole is not None and one.scale is not None for one in known.values() if one.kind == "decimal")


def test_every_converter_is_followed() -> None:
    assert {*value_bounds.BOUNDS_AFTER, "join"} == set(converters.names())


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("customer", "name", ("text", 150)),
        ("customer", "name | upper | cut(50)", ("text", 50)),
        ("customer", "email | cut(500)", ("text", 100)),
        ("customer", "document", ("text", 14)),
        ("customer", "document | document_masked", ("text", 18)),
        ("customer", "document | slice(1, 8)", ("text", 8)),
        ("customer", "address.main.postal_code | cep_masked", ("text", 9)),
        ("customer", "phone.first.number", ("text", 11)),
        ("customer", 'address.main.street | join(", ", address.main.number)', ("text", 122)),
        ("customer", "is_active", ("bool", 1)),
        ("customer", "is_active | yes_no(S, N)", ("text", 1)),
        ("customer", "is_active | boolean", ("bool", 1)),
        ("item", "product_code | zeros_left(5)", ("text", 60)),
        ("item", "line | zeros_left(3)", ("text", 6)),
        ("item", "unit | prefix(UN)", ("text", 8)),
        ("order", "issued_at", ("datetime", 19)),
        ("order", "issued_at | date", ("date", 10)),
        ("order", 'issued_at | date("%Y%m%d")', ("text", 8)),
        ("order", 'issued_at | local_datetime("%H:%M")', ("text", 5)),
        ("order", 'customer_order_number | default("SEM NÚMERO ALGUM")', ("text", 16)),
    ],
)
def test_a_path_with_converters_has_a_kind_and_a_length(kind: str, text: str, expected: tuple[str, int]) -> None:
    found = path_bounds(kind, text)
    assert (found.kind, found.length) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("total_amount", ("decimal", 13, 2)),
        ("quantity | decimal(3)", ("decimal", 11, 3)),
        ("quantity | decimal(0)", ("integer", 11, 0)),
        ("total_amount | scale(2)", ("integer", 15, 0)),
        ("net_price | decimal(2)", ("decimal", 11, 2)),
        ("list_price", ("decimal", 11, 10)),
    ],
)
def test_amounts_keep_count_of_their_digits(text: str, expected: tuple[str, int, int]) -> None:
    found = path_bounds("item", text)
    assert (found.kind, found.whole, found.scale) == expected


def test_what_may_be_absent_is_told() -> None:
    assert [path_bounds("customer", text).is_optional for text in ("name", "notes", 'notes | default("")')] == [
        False,
        True,
        False,
    ]


def test_constants_and_numbers_are_known_by_their_texts() -> None:
    assert constant_bounds("A", "BCD", True) == ValueBounds(kind="text", length=3, values=("A", "BCD", "1"))
    assert (
        number_bounds("").kind,
        number_bounds("zeros_left(6)").kind,
        number_bounds("prefix(V) | zeros_left(12)").length,
    ) == (
        "integer",
        "text",
        12,
    )
    assert number_bounds("zeros_left(5)").length == 5


def test_every_finding_has_its_sentence_and_every_sentence_is_used() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in ERP.glob("*.py"))
    named = set(re.findall(r'"(check_[a-z_0-9]+)"', sources))
    assert named == {code for code in pt.MESSAGES if code.startswith("check_")}
