"""Converters, one value at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.erp.layout.converters import (
    Call,
    Cut,
    Plain,
    converter,
    names,
    parse_call,
    split_pipe,
)

ZONE = ZoneInfo("America/Sao_Paulo")
MOMENT = datetime(2026, 11, 24, 2, 30, 15, tzinfo=UTC)


def converted(call: str, value: object) -> object:
    return converter(parse_call(call), ZONE)(value)


CASES = [
    ("upper", "São João", "SÃO JOÃO"),
    ("digits", "AB 12-3", "123"),
    ("digits", "٣1", "1"),
    ("document_masked", "12ABC34501DE35", "12.ABC.345/01DE-35"),
    ("cep_masked", "01310200", "01310-200"),
    ("cep_masked", "0131020", "0131020"),
    ("cut(9)", "Padaria Aurora", "Padaria"),
    ("cut(8)", "Pa Aurorada", "Pa Auror"),
    ("slice(2, 3)", "abcd", "bc"),
    ("slice(3, 9)", "abcd", "cd"),
    ("zeros_left(5)", 12, "00012"),
    ("zeros_left(2)", "123", "123"),
    ("prefix(OF-)", "1", "OF-1"),
    ('prefix("a, b")', "1", "a, b1"),
    ("decimal(2)", Decimal("1.005"), Decimal("1.00")),
    ("decimal(2)", Decimal("1.015"), Decimal("1.02")),
    ("decimal(2)", Decimal("-1.015"), Decimal("-1.02")),
    ("decimal(0)", Decimal("2.5"), Decimal("2")),
    ("decimal(4)", 3, Decimal("3.0000")),
    ("scale(2)", Decimal("29.10"), Decimal("2910")),
    ("scale(-2)", Decimal("29"), Decimal("0.29")),
    ("plain", "Café – “São João” 🍞", 'Café - "São João"'),
    ("yes_no(S, N)", True, "S"),
    ("yes_no(S, N)", False, "N"),
    ("boolean", False, "0"),
    ("boolean", True, "1"),
    ("default(x)", None, "x"),
    ("default(x)", "", "x"),
    ("default(x)", 0, 0),
    ("date", MOMENT, "2026-11-23"),
    ("date", date(2026, 11, 24), "2026-11-24"),
    ("date(%d/%m/%Y)", date(1, 2, 3), "03/02/0001"),
    ("local_datetime", MOMENT, "2026-11-23 23:30:15"),
    ("local_datetime(%H:%M)", MOMENT, "23:30"),
]


@pytest.mark.parametrize(("call", "value", "expected"), CASES)
def test_a_converter_makes_of_a_value_what_the_page_of_layouts_says(call: str, value: object, expected: object) -> None:
    made = converted(call, value)
    assert (made, str(made)) == (expected, str(expected))


def test_every_converter_has_a_case() -> None:
    assert {parse_call(call).name for call, _, _ in CASES} == {*names()} - {"join"}


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("upper", Call("upper")),
        (" upper ( ) ", Call("upper")),
        ("cut(50)", Call("cut", ("50",))),
        ("slice( 1 , 8 )", Call("slice", ("1", "8"))),
        ("join(\", \", a, 'b c')", Call("join", (", ", "a", "b c"))),
        ('default("")', Call("default", ("",))),
        ("yes_no(S,)", Call("yes_no", ("S",))),
    ],
)
def test_a_call_is_a_name_and_its_arguments(text: str, call: Call) -> None:
    assert parse_call(text) == call


@pytest.mark.parametrize("text", ["", "cut(5", "Upper", "cut(5)x", 'default("a)', "a b"])
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^"):
        parse_call(text)


@pytest.mark.parametrize("text", ["cut(0)", "cut(x)", "slice(1)", "decimal(a)", "yes_no(S)", "upper(1)", "cut"])
def test_wrong_arguments_are_refused_before_a_value_comes(text: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        converter(parse_call(text), ZONE)


def test_a_bar_within_quotation_marks_parts_nothing() -> None:
    assert split_pipe("""upper | default("a|b") | prefix('|')""") == ["upper ", ' default("a|b") ', " prefix('|')"]


@given(st.text(max_size=40), st.integers(1, 30))
def test_a_cut_text_is_the_beginning_of_the_text_and_never_too_long(text: str, longest: int) -> None:
    cut = Cut(longest)(text)
    assert len(cut) <= longest
    assert text.startswith(cut)
    assert cut == text or len(cut) >= longest // 2


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_plain_text_is_one_in_windows_1252_and_plain_again(text: str) -> None:
    plain = Plain()(text)
    assert plain.encode("cp1252") is not None
    assert Plain()(plain) == plain
    assert not Plain().drops(plain)


@given(st.decimals(-(10**9), 10**9, places=6), st.integers(0, 6))
def test_rounding_moves_an_amount_by_half_a_step_at_most(amount: Decimal, places: int) -> None:
    rounded = converted(f"decimal({places})", amount)
    assert isinstance(rounded, Decimal)
    assert rounded.as_tuple().exponent == -places
    assert abs(rounded - amount) <= Decimal(1).scaleb(-places) / 2


@given(st.decimals(-(10**9), 10**9, places=4), st.integers(-4, 4))
def test_scaling_there_and_back_is_exact(amount: Decimal, places: int) -> None:
    assert converted(f"scale({-places})", converted(f"scale({places})", amount)) == amount
