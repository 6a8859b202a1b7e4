"""Layouts: read strictly, explained in plain words, compiled into rows."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from omnisync.agent.erp import layouts
from omnisync.agent.erp.layout import names, read_layout, shipped, source_of
from omnisync.agent.erp.rows import compiled, rows_of, text_stores
from omnisync.agent.errors import LayoutError
from omnisync.contract.records import Address, Phone
from tests.records import customer, order

ZONE = ZoneInfo("America/Sao_Paulo")
MAIN = Address(kind="main", street="Rua A", number="S/N", city_code="3550308", state="SP", postal_code="01310200")
GOOD = (shipped("padrao"), compiled(shipped("padrao"), text_stores(ZONE)))


def value_of(kind: str, written: object, record: object) -> object:
    """What one column gets for one record."""
    source = source_of(kind, "coluna", written)  # type: ignore[arg-type]  # wrong ones are tried too
    value = source.field.read(record) if source.field else source.constant
    for step in source.steps:
        value = step(value)
    return value


def test_padrao_is_shipped_and_gives_every_column_its_value() -> None:
    _, layout = GOOD
    assert "padrao" in names()
    [row] = rows_of(layout.order, [order(delivery_on=date(2026, 12, 1))])
    named = dict(zip(layout.order.names, row, strict=True))
    assert named["emitido_em"] == "2026-11-24 12:00:00"
    assert named["entrega_em"] == "2026-12-01"
    assert named["total"] == "29.10"
    assert named["observacoes"] is None


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("name | upper | cut(14)", "PADARIA AURORA"),
        ("name | cut(10)", "Padaria"),
        ("name | cut(9)", "Padaria"),
        ("document | document_masked", "12.ABC.345/01DE-35"),
        ("document | slice(1, 8)", "12ABC345"),
        ("address.main.street", "Rua A"),
        ("address.main.postal_code | cep_masked", "01310-200"),
        ("address.main.postal_code | digits", "01310200"),
        ("address.delivery.street", None),
        ("phone.mobile.number", "11987654321"),
        ("is_active | yes_no(S, N)", "S"),
        ("id | prefix(OF-)", "OF-cus_1"),
        ("icms_kind | zeros_left(5)", "00009"),
        ({"constant": 7}, 7),
        ({"field": "icms_kind", "map": {"9": "N"}}, "N"),
        ({"field": "icms_kind", "map": {"1": "C"}, "missing": "null"}, None),
    ],
)
def test_a_column_gets_what_its_text_says(written: object, value: object) -> None:
    person = customer(addresses=(MAIN,), phones=(Phone(kind="mobile", number="11987654321"),))
    assert value_of("customer", written, person) == value


def test_a_code_that_is_not_in_the_map_is_told() -> None:
    with pytest.raises(LookupError, match="9"):
        value_of("customer", {"field": "icms_kind", "map": {"1": "C"}}, customer())


def _text(change: tuple[str, str]) -> str:
    return (files(layouts) / "padrao.toml").read_text(encoding="utf-8").replace(*change, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('table = "clientes"', 'tabel = "clientes"'), "customer: a chave tabel não existe; seria table?"),
        (('nome = "name"', 'nome = "nam"'), "customer.columns.nome: o campo nam não existe; seria name?"),
        (('nome = "name"', 'nome = "name | uper"'), "o conversor uper não existe; seria upper?"),
        (('nome = "name"', 'nome = "name | cut(x)"'), "o conversor cut(x) não foi entendido"),
        (('nome = "name"', 'nome = "name | cut()"'), "não foi entendido"),
        (('uf = "address.main.state"', 'uf = "address.man.state"'), "seria address.main.state?"),
        (('parent = "pedido"', ""), "item: falta a chave parent"),
        (("[item]", "[itens]"), "a chave itens não existe; seria item?"),
        (('open = "aberto"', "open = ["), "o arquivo não é TOML"),
        (('nome = "name"', "nome = { constante = 1 }"), "customer.columns.nome"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_nearest_word(change: tuple[str, str], words: str) -> None:
    with pytest.raises(LayoutError) as raised:
        read_layout(_text(change))
    assert words in str(raised.value.words["motivo"])


def test_an_unknown_layout_offers_the_nearest() -> None:
    with pytest.raises(LayoutError) as raised:
        shipped("padro")
    assert "seria padrao?" in str(raised.value.words["motivo"])
