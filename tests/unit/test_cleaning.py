"""Texts as an ERP can keep them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from omnisync.agent.erp.upsert.normalize import clean_customer, clean_order, clean_text
from omnisync.contract.records import Customer, decode_customer, decode_order, encode
from tests.support.record_samples import customer, item, order


def cleaned(**fields: Any) -> Customer:
    raw = Raw(encode(customer(**fields)))
    return clean_customer(decode_customer(raw), raw)[0]


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ("  Aurora  ", "Aurora"),
        ("Pa\u0303o", "Pão"),
        ("Linha 1\nLinha 2", "Linha 1 Linha 2"),
        ("A\u0000B", "AB"),
        ("\u202eAurora\u202c", "Aurora"),
        ("A\u00a0B", "A B"),
        ("Café \u2615", "Café \u2615"),
        ('Pincel 2" preto', 'Pincel 2" preto'),
        ("C:\\vendas", "C:\\vendas"),
        ('d’Ávila – “Casa” 2" …', 'd’Ávila – “Casa” 2" …'),
        ("Sant’ Anna  Ltda", "Sant’ Anna Ltda"),
        ("A\u2028B", "A B"),
        ("A\u200bB’s", "AB’s"),
        ('"\\" \\', '"\\" \\'),
        ("a  b", "a b"),
    ],
)
def test_a_text_is_cleaned_wherever_it_stands(came: str, kept: str) -> None:
    assert cleaned(name=came, notes=came).name == kept
    raw = Raw(encode(order(items=(item(1, product_name=came),))))
    assert clean_order(decode_order(raw), raw).items[0].product_name == kept


def test_an_empty_optional_text_is_none() -> None:
    assert cleaned(trade_name=" ").trade_name is None


def test_a_customer_without_a_name_gets_one_and_a_warning() -> None:
    raw = Raw(encode(customer(name=" ")))
    tidy, warnings = clean_customer(decode_customer(raw), raw)
    assert (tidy.name, [w.code for w in warnings]) == ("Sem nome", ["name_empty"])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_the_quick_look_misses_nothing(text: str) -> None:
    assert cleaned(notes=text).notes in (clean_text(text), None)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)
