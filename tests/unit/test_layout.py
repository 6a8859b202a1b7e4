"""Layouts: read strictly, explained in plain words, compiled into rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from importlib.resources import files
from zoneinfo import ZoneInfo

import msgspec
import pytest

from omnisync.agent.erp.layout import shipped
from omnisync.agent.erp.layout.compiler import Compiler
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.row_builder import LookupAnswers, Note, UnconvertibleError, rows_of
from omnisync.agent.erp.layout.schema import read_layout, shipped_layout, shipped_names
from omnisync.agent.errors import LayoutError
from omnisync.contract.records import Address, Phone
from tests.support.record_samples import customer, item, order

ZONE = ZoneInfo("America/Sao_Paulo")
COUNTER = "from = 'counter'\ntable = 'c'\nvalue = 'v'"
LOOKUP = "{ lookup = 't', by = 'b', field = 'seller_code', take = 'c' }"
MAIN = Address(kind="main", street="Rua A", number="S/N", city_code="3550308", state="SP", postal_code="01310200")
PADRAO = compile_layout(shipped_layout("padrao"), ZONE, {})


def filled(kind: str, written: object, record: object, answers: LookupAnswers | None = None) -> object:
    """What one column gets for one record."""
    columns = Compiler(ZONE, {"payment_method": {"PIX": "99"}}).columns(kind, {"coluna": written}, "aqui")
    [row] = rows_of(columns, [record], answers or LookupAnswers({}, []), [order()])
    if isinstance(row, UnconvertibleError):
        raise row
    return row[0]


def test_padrao_is_shipped_and_gives_every_column_its_value() -> None:
    table = PADRAO.order.table
    assert "padrao" in shipped_names()
    [row] = rows_of(table.columns, [order(delivery_on=date(2026, 12, 1))], LookupAnswers({}, []))
    assert not isinstance(row, UnconvertibleError)
    named = dict(zip(table.names, row, strict=True))
    assert named["situacao"] == "aberto"
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
        ('phone.mobile.ddd | default("0")', "11"),
        ("phone.mobile.subscriber", "987654321"),
        ('phone.landline.ddd | default("00")', "00"),
        ('address.main.street | join(", ", address.main.number, address.main.complement)', "Rua A, S/N"),
        ("trade_name | plain", "Aurora - 'Sabor'"),
        ('address.main.street | upper | join(" ", address.main.number) | cut(8)', "RUA A"),
        ('address.main.complement | join(", ", phone.mobile.ddd, is_active)', "11, 1"),
        ("is_active", "1"),
        ("is_active | boolean", "1"),
        ({"constant": 7}, "7"),
        ({"constant": True}, "1"),
        ({"field": "icms_kind", "map": {"1": "C"}, "missing": "same"}, "9"),
        ({"field": "icms_kind", "map": {"1": "C"}, "missing": "default", "default": "X"}, "X"),
        ({"field": "icms_kind", "map": {"9": "N"}}, "N"),
        ({"field": "icms_kind", "map": {"1": "C"}, "missing": "null"}, None),
    ],
)
def test_a_column_gets_what_its_text_says(written: object, value: object) -> None:
    person = customer(
        addresses=(MAIN,), phones=(Phone(kind="mobile", number="11987654321"),), trade_name="Aurora – ‘Sabor’ 🍞"
    )
    assert filled("customer", written, person) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("net_price", "9.6666666667"),
        ("net_price | decimal(2)", "9.67"),
        ("total_amount | scale(2) | decimal(0)", "2900"),
        ("quantity", "3.0000"),
        ("order.number", "OF-1"),
        ("order.issued_at | date(%d/%m/%Y)", "24/11/2026"),
        ("order.issued_at | local_datetime", "2026-11-24 12:00:00"),
        ('order.issued_at | default("")', "2026-11-24 12:00:00"),
        ('order.delivery_on | default("2099-12-31")', "2099-12-31"),
        ('order.number | join("/", line, quantity, order.issued_at)', "OF-1/1/3.0000/2026-11-24 12:00:00"),
        ('line | zeros_left(3) | join("-", order.number)', "001-OF-1"),
        ("line", "1"),
    ],
)
def test_an_item_reaches_its_own_fields_and_its_orders(written: object, value: object) -> None:
    assert filled("item", written, item(quantity="3.0000", total_amount=Decimal("29.00"))) == value


def test_what_the_company_wrote_in_de_para_stands_over_the_layouts_own_map() -> None:
    written = {"field": "method_code", "map": {"PIX": "7"}, "de_para": "payment_method"}
    assert filled("payment", written, order().payments[0]) == "99"


def test_a_code_that_is_not_in_the_map_spoils_its_own_record_only() -> None:
    columns = Compiler(ZONE, {}).columns("customer", {"c": {"field": "icms_kind", "map": {"1": "C"}}}, "aqui")
    rows = rows_of(columns, [customer(icms_kind="1"), customer(), customer(icms_kind="1")], LookupAnswers({}, []))
    assert [row if isinstance(row, tuple) else row.code for row in rows] == [("C",), "code_unmapped", ("C",)]


def test_a_text_that_is_cut_is_noted() -> None:
    answers = LookupAnswers({}, [])
    assert filled("customer", "name | cut(10)", customer(), answers) == "Padaria"
    assert answers.notes == [Note(0, "text_shortened", "name", {"campo": "name", "n": 19, "max": 10})]


def test_letters_that_no_plain_text_holds_are_noted_and_marks_are_not() -> None:
    answers = LookupAnswers({}, [])
    assert filled("customer", "name | plain", customer(name="Café “São João” – 1º"), answers) == 'Café "São João" - 1º'
    assert answers.notes == []
    assert filled("customer", "trade_name | plain", customer(trade_name="Pão 🍞"), answers) == "Pão"
    assert answers.notes == [Note(0, "letters_dropped", "trade_name", {"campo": "trade_name"})]


def test_a_house_number_may_be_cut_and_an_order_number_may_not() -> None:
    place = msgspec.structs.replace(MAIN, number="Quadra 12, Lote 7")
    assert filled("customer", "address.main.number | cut(10)", customer(addresses=(place,))) == "Quadra 12,"
    for path in ("number", "customer_order_number", "customer.document"):
        with pytest.raises(LayoutError):
            Compiler(ZONE, {}).columns("order", {"c": f"{path} | cut(10)"}, "aqui")


@pytest.mark.parametrize(
    ("written", "converter"),
    [
        ("quantity | decimal(2) | cut(5)", "cut"),
        ("product_name | decimal(2)", "decimal"),
        ("product_name | upper | date", "date"),
        ("order.issued_at | date | local_datetime", "local_datetime"),
        ("is_bonus | cut(1)", "cut"),
        ("quantity | zeros_left(9) | scale(2)", "scale"),
    ],
)
def test_a_converter_that_cannot_take_what_stands_before_it_is_named(written: str, converter: str) -> None:
    with pytest.raises(LayoutError) as raised:
        Compiler(ZONE, {}).columns("item", {"c": written}, "item.columns.c")
    assert f"o conversor {converter} não serve" in str(raised.value.words["motivo"])


def test_what_the_company_wrote_in_de_para_is_what_a_lookup_takes() -> None:
    written = {"lookup": "FORMA", "by": "SIGLA", "field": "method_code", "take": "COD", "de_para": "payment_method"}
    assert filled("payment", written, order().payments[0], LookupAnswers({"coluna": {"PIX": "7"}}, [])) == "99"


def test_what_a_record_had_replaced_is_noted_beside_one_that_cannot_be_a_row() -> None:
    written = {
        "a": {"field": "seller_code", "map": {"V1": "1"}, "missing": "default", "default": "0"},
        "b": {"field": "icms_kind", "map": {"9": "N"}},
    }
    answers = LookupAnswers({}, [])
    people = [customer(icms_kind="1"), customer(seller_code="V9"), customer(seller_code="V1")]
    rows = rows_of(Compiler(ZONE, {}).columns("customer", written, "aqui"), people, answers)
    assert isinstance(rows[0], UnconvertibleError)
    assert rows[1:] == [("0", "N"), ("1", "N")]
    assert [(note.index, note.code) for note in answers.notes] == [(1, "default_used")]


def test_a_lookup_takes_what_the_erp_answered() -> None:
    written = {"lookup": "CIDADE", "by": "IBGE", "field": "address.main.city_code", "take": "CODIGO"}
    person = customer(addresses=(MAIN,))
    assert filled("customer", written, person, LookupAnswers({"coluna": {"3550308": 71}}, [])) == 71
    with pytest.raises(UnconvertibleError):
        filled("customer", written, person)
    assert filled("customer", written | {"missing": "null"}, person) is None
    assert filled("customer", written, person, LookupAnswers(None, [])) == "(CIDADE)"


def _text(change: tuple[str, str]) -> str:
    return (files(shipped) / "padrao.toml").read_text(encoding="utf-8").replace(*change, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('table = "clientes"', 'tabel = "clientes"'), "customer: a chave tabel não existe; seria table?"),
        (('nome = "name"', 'nome = "nam"'), "customer.columns.nome: o campo nam não existe; seria name?"),
        (('nome = "name"', 'nome = "name | uper"'), "o conversor uper não existe; seria upper?"),
        (('nome = "name"', 'nome = "name | cut(x)"'), "o conversor cut(x) não foi entendido"),
        (('nome = "name"', 'nome = "name | cut()"'), "não foi entendido"),
        (('nome = "name"', 'documento2 = "document | cut(5)"'), "não pode ser cortado"),
        (('nome = "name"', 'd = "document | digits"'), "digits estraga o CNPJ"),
        (('nome = "name"', 'd = "is_active | upper"'), "o conversor upper não serve para is_active"),
        (('nome = "name"', "d = { key_of = 'pessoa' }"), "key_of = pessoa não existe"),
        (('key = "numero"', 'key = ["filial", "numero"]'), "order.key: a coluna filial precisa estar em columns"),
        (('key = "numero"', 'key = ["estabelecimento", "numero"]'), "item.parent: a chave do pedido tem 2 colunas"),
        (('external_id = "id_externo"\ncustomer', "customer"), None),
        (('uf = "address.main.state"', 'uf = "address.man.state"'), "seria address.main.state?"),
        (('parent = "pedido"', ""), "item: falta a chave parent"),
        (("[item]", "[itens]"), "a chave itens não existe; seria item?"),
        (('open = "aberto"', "open = ["), "o arquivo não é TOML"),
        (('nome = "name"', "nome = { constante = 1 }"), "customer.columns.nome"),
        (('nome = "name"', "nome = { sql = 'SELECT 1 FROM t WHERE a = :key' }"), "aqui não se sabe o que é :key"),
        (("[customer.columns]", "after_sql = 'UPDATE t SET a = :key2'\n[customer.columns]"), "o que é :key2"),
        (
            ("[order.columns]", f"[order.number]\n{COUNTER}\nwhere = {{ a = {LOOKUP} }}\n[order.columns]"),
            "order.number.where: só campos, de/para e constantes",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_nearest_word(change: tuple[str, str], words: str | None) -> None:
    if words is None:
        assert compile_layout(read_layout(_text(change)), ZONE, {}).order.table.external_id == ""
        return
    with pytest.raises(LayoutError) as raised:
        compile_layout(read_layout(_text(change)), ZONE, {})
    assert words in str(raised.value.words["motivo"])


def test_an_unknown_layout_offers_the_nearest() -> None:
    with pytest.raises(LayoutError) as raised:
        shipped_layout("padro")
    assert "seria padrao?" in str(raised.value.words["motivo"])
