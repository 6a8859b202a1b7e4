"""Hard cases that reach the ERP's tables, each by the behaviour agreed for it.

The others are held where they belong: lateness, moves, merges, restores and cancellations in test_erp_promise.py and
test_importing.py, the hub's answers in test_faults_of_the_hub.py, the schedule in tests/unit/test_schedule.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnisync.agent.counts import Tally
from omnisync.agent.erp.base import Erp
from omnisync.contract.records import Address, Phone
from tests.erps import KEEPERS, Keeper, write
from tests.hubs import running_hub
from tests.imports import client, run_import, send
from tests.records import change, customer, item, order, raw_change


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return KEEPERS["sqlite"](tmp_path)


@pytest.fixture
def erp(keeper: Keeper) -> Iterator[Erp]:
    opened = keeper.open()
    yield opened
    opened.close()


def _warnings(keeper: Keeper, id_: str) -> list[str]:
    [(text,)] = keeper.query("SELECT warnings FROM omnisync_binding WHERE id = ?", id_)
    return [warning["code"] for warning in json.loads(text or "[]")]


def _name(keeper: Keeper) -> Any:
    return keeper.query("SELECT nome FROM clientes")[0][0]


def test_a_name_typed_in_parts_is_kept_composed_and_without_control_characters(keeper: Keeper, erp: Erp) -> None:
    write(erp, change(customer(name=" Pa\u0303o\tde\nAc\u0327u\u0301car\u0000 ")))
    assert _name(keeper) == "Pão de Açúcar"


def test_an_emoji_is_kept_where_the_column_can_hold_it(keeper: Keeper, erp: Erp) -> None:
    write(erp, change(customer(name="Café \u2615 d’Ávila")))
    assert _name(keeper) == "Café \u2615 d’Ávila"


def test_a_name_that_cleaning_empties_enters_with_a_warning(keeper: Keeper, erp: Erp) -> None:
    written = write(erp, change(customer(name="\u200b \u202e")))
    assert (_name(keeper), written.counts.customers) == ("Sem nome", Tally(written=1))
    assert _warnings(keeper, "cus_1") == ["name_empty"]


def test_a_customer_without_a_document_enters_and_is_known_by_its_id(keeper: Keeper, erp: Erp) -> None:
    write(erp, change(customer(document_kind="none", document=None)))
    write(erp, change(customer(document_kind="none", document=None, name="Outro nome"), 2))
    assert keeper.query("SELECT documento, nome FROM clientes") == [(None, "Outro nome")]


def test_a_cnpj_with_letters_is_kept_as_text(keeper: Keeper, erp: Erp) -> None:
    write(erp, change(customer()))
    assert keeper.query("SELECT documento FROM clientes") == [("12ABC34501DE35",)]


def test_the_same_product_on_two_lines_is_two_rows(keeper: Keeper, erp: Erp) -> None:
    write(erp, change(customer()))
    twice = (item(1, product_code="000123"), item(2, product_code="000123", price="8.00"))
    write(erp, change(order(items=twice)))
    assert keeper.query("SELECT produto, preco FROM itens_pedido ORDER BY linha") == [
        ("000123", "10.00"),
        ("000123", "8.00"),
    ]


def test_a_line_off_by_a_centavo_keeps_the_apps_amount(keeper: Keeper, erp: Erp) -> None:
    write(erp, change(customer()))
    off = item(1, gross_amount=Decimal("20.01"), total_amount=Decimal("20.01"))
    write(erp, change(order(items=(off,))))
    assert keeper.query("SELECT valor_bruto FROM itens_pedido") == [("20.01",)]


def test_a_house_number_is_text(keeper: Keeper, erp: Erp) -> None:
    place = Address(
        kind="main", street="BR-101", number="km 4", city_code="3550308", state="SP", postal_code="01310200"
    )
    write(erp, change(customer(addresses=(place,))))
    assert keeper.query("SELECT numero_endereco, cep FROM clientes") == [("km 4", "01310200")]


def test_an_order_of_two_thousand_items_is_one_record_and_says_how_many_invoices_it_needs(
    keeper: Keeper, erp: Erp
) -> None:
    write(erp, change(customer()))
    many = tuple(item(n, price="1.00", quantity="1.0000") for n in range(1, 2001))
    written = write(erp, change(order(items=many)))
    assert (written.counts.items, erp.rows()["items"]) == (Tally(written=2000), 2000)
    assert _warnings(keeper, "ord_1") == ["items_many"]


def test_telephones_are_split_and_what_cannot_be_dialled_goes_to_the_notes(keeper: Keeper, erp: Erp) -> None:
    phones = (Phone(kind="mobile", number="+55 (11) 98765-4321 / 3333-4444 ramal 12"),)
    write(erp, change(customer(phones=phones)))
    [(number, notes)] = keeper.query("SELECT telefone, observacoes FROM clientes")
    assert number == "11987654321"
    assert "ramal 12" in notes
    assert _warnings(keeper, "cus_1") == ["phone_in_notes"]


def test_an_instalment_due_before_the_issue_enters_with_a_warning(keeper: Keeper, erp: Erp) -> None:
    early = order()
    paid = tuple(msgspec.structs.replace(payment, due_on=date(2026, 1, 1)) for payment in early.payments)
    write(erp, change(customer()))
    write(erp, change(msgspec.structs.replace(early, payments=paid)))
    assert (erp.rows()["orders"], _warnings(keeper, "ord_1")) == (1, ["payment_before_issue"])


def test_a_new_kind_of_payment_enters_with_a_warning(keeper: Keeper, erp: Erp) -> None:
    plain = order()
    paid = tuple(msgspec.structs.replace(payment, method_kind="77") for payment in plain.payments)
    write(erp, change(customer()))
    write(erp, change(msgspec.structs.replace(plain, payments=paid)))
    assert keeper.query("SELECT tipo_nfe FROM formas_pagamento") == [("77",)]
    assert _warnings(keeper, "ord_1") == ["payment_kind_new"]


def test_a_new_order_type_or_status_is_refused_and_never_taken_for_a_sale(erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, raw_change(order("ord_1"), type="leasing"), raw_change(order("ord_2"), status="parked"))
    assert {record.code for record in erp.unsettled(["refused"], 10)} == {"hub_changed_shape"}


def test_orders_of_an_establishment_nobody_registered_are_stored_read_by_nobody_and_counted(
    keeper: Keeper, tmp_path: Path
) -> None:
    with running_hub(tmp_path) as hub:
        send(hub, change(customer()), change(order("ord_1")), change(order("ord_9", establishment_code="0009")))
        run_import(keeper, hub)
        with client(hub) as opened:
            assert opened.unknown_establishments() == {"0009": 1}
    assert keeper.query("SELECT id_externo FROM pedidos") == [("ord_1",)]
