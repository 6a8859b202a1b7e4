"""The hard cases of the import, by their number in the project's list and the behaviour agreed for each.

What only the ERP's side decides is written into a real SQLite ERP; what crosses the wire goes through the real hub.
Faults of the network are held in test_faults_of_the_hub.py, any order of things in test_properties.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from omnisync.agent.config.connection import HubAddress
from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.upsert.phones import dialled
from omnisync.agent.pages.app import create_app
from omnisync.agent.phase import encode_phase
from omnisync.agent.progress import Progress, RowCounts
from omnisync.contract.feed import Change
from omnisync.contract.records import Address, Phone
from omnisync.contract.streams import CUSTOMERS
from omnisync.hub import intake, receipts
from tests.support.command_line import run
from tests.support.erp_databases import SampleErp, make_on, make_sqlite, write
from tests.support.hub_server import COMPANY, RunningHub, running_hub
from tests.support.import_runs import Clock, client, importer, run_import, runtime_at, send
from tests.support.page_client import HOST, connection, page_client, text
from tests.support.record_samples import NOW, change, customer, deletion, item, order, raw_change


@pytest.fixture
def keeper(tmp_path: Path) -> SampleErp:
    return make_sqlite(tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


def _warnings(keeper: SampleErp, id_: str) -> list[str]:
    [(text,)] = keeper.query("SELECT warnings FROM omnisync_binding WHERE id = ?", id_)
    return [warning["code"] for warning in json.loads(text or "[]")]


def _name(keeper: SampleErp) -> Any:
    return keeper.query("SELECT nome FROM clientes")[0][0]


# n.º 1


def test_a_name_typed_in_parts_is_kept_composed_and_without_control_characters(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer(name=" Pa\u0303o\tde\nAc\u0327u\u0301car\u0000 ")))
    assert _name(keeper) == "Pão de Açúcar"


# n.º 2


def test_an_emoji_is_kept_where_the_column_can_hold_it(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer(name="Café \u2615 d’Ávila")))
    assert _name(keeper) == "Café \u2615 d’Ávila"


def test_a_name_that_cleaning_empties_enters_with_a_warning(keeper: SampleErp, erp: Erp) -> None:
    written = write(erp, change(customer(name="\u200b \u202e")))
    assert (_name(keeper), written.counts.customers) == ("Sem nome", RowCounts(written=1))
    assert _warnings(keeper, "cus_1") == ["name_empty"]


@pytest.fixture
def narrow(tmp_path: Path) -> SampleErp:
    """An ERP whose columns hold no emoji: its layout says `plain`."""
    return make_sqlite(tmp_path, schema="direto")


def test_an_emoji_the_erp_cannot_store_is_removed_with_a_warning(narrow: SampleErp) -> None:
    opened = narrow.open(layout="direto")
    written = write(opened, change(customer(name="Café \u2615 d’Ávila", trade_name="Pão – Açúcar")))
    assert written.counts.customers == RowCounts(written=1)
    assert narrow.query("SELECT CLI_RAZAO, CLI_FANTASIA FROM CLIENTE") == [("CAFÉ D'ÁVILA", "PÃO - AÇÚCAR")]
    [warned] = opened.records.with_warnings(10)
    assert [warning.message for warning in warned.warnings] == [
        "O cliente Café \u2615 d’Ávila tem letras que o ERP não guarda (name). Gravamos o texto sem elas."
    ]


def test_a_name_of_emoji_alone_enters_without_a_name_and_a_warning_says_so(narrow: SampleErp) -> None:
    opened = narrow.open(layout="direto")
    written = write(opened, change(customer(name="\u2615\ufe0f \U0001f956", trade_name="\U0001f956")))
    assert written.counts.customers == RowCounts(written=1)
    assert narrow.query("SELECT CLI_RAZAO, CLI_FANTASIA FROM CLIENTE") == [("SEM NOME", "")]
    assert _warnings(narrow, "cus_1") == ["name_dropped", "letters_dropped"]


# n.º 5


def test_a_customer_without_a_document_enters_and_is_known_by_its_id(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer(document_kind="none", document=None)))
    write(erp, change(customer(document_kind="none", document=None, name="Outro nome"), 2))
    assert keeper.query("SELECT documento, nome FROM clientes") == [(None, "Outro nome")]


def test_two_customers_without_a_document_and_of_one_name_stay_two(keeper: SampleErp, erp: Erp) -> None:
    write(erp, *(change(customer(id_, document_kind="none", document=None)) for id_ in ("cus_1", "cus_2")))
    assert keeper.query("SELECT count(DISTINCT codigo) FROM clientes") == [(2,)]


def test_a_cnpj_with_letters_is_kept_as_text(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    assert keeper.query("SELECT documento FROM clientes") == [("12ABC34501DE35",)]


# n.º 13


def test_the_same_product_on_two_lines_is_two_rows(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    twice = (item(1, product_code="000123"), item(2, product_code="000123", price="8.00"))
    write(erp, change(order(items=twice)))
    assert keeper.query("SELECT produto, preco FROM itens_pedido ORDER BY linha") == [
        ("000123", "10.00"),
        ("000123", "8.00"),
    ]


# n.º 14


def test_a_line_off_by_a_centavo_keeps_the_apps_amount(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    off = item(1, gross_amount=Decimal("20.01"), total_amount=Decimal("20.01"))
    write(erp, change(order(items=(off,))))
    assert keeper.query("SELECT valor_bruto FROM itens_pedido") == [("20.01",)]


# n.º 15


def _off(cent: str, *, field: str = "items_amount", **fields: Any) -> Any:
    """An order of 20,00 and 9,10 whose total is off by so much; what is paid follows the total."""
    t = order().totals
    total = t.total_amount + Decimal(cent)
    totals = {"items_amount": {"items_amount": total, "total_amount": total}, "total_amount": {"total_amount": total}}
    return order(totals=msgspec.structs.replace(t, **totals[field]), paid=str(total), **fields)


@pytest.mark.parametrize("field", ["items_amount", "total_amount"])
@pytest.mark.parametrize("cent", ["0.01", "-0.01"])
def test_a_total_off_by_a_centavo_is_refused_unless_the_setting_is_on(keeper: SampleErp, field: str, cent: str) -> None:
    off = keeper.open()
    write(off, change(customer()))
    write(off, change(_off(cent, field=field)))
    assert [record.outcome for record in off.records.open_issues(["refused"], 10)] == ["refused"]
    assert off.records.rows()["orders"] == 0


@pytest.mark.parametrize("field", ["items_amount", "total_amount"])
@pytest.mark.parametrize(("cent", "largest"), [("0.01", "20.01"), ("-0.01", "19.99")])
def test_with_the_setting_on_the_largest_item_takes_the_centavo_and_a_warning_says_so(
    keeper: SampleErp, field: str, cent: str, largest: str
) -> None:
    on = keeper.open(adjusts_centavo=True)
    write(on, change(customer()))
    written = write(on, change(_off(cent, field=field, items=(item(1, price="4.55"), item(2)))))
    assert written.counts.orders == RowCounts(written=1)
    assert keeper.query("SELECT linha, valor_bruto, total FROM itens_pedido ORDER BY linha") == [
        (1, "9.10", "9.10"),
        (2, largest, largest),
    ]
    assert keeper.query("SELECT valor_itens, total FROM pedidos") == [(str(Decimal("29.10") + Decimal(cent)),) * 2]
    assert _warnings(keeper, "ord_1") == ["centavo_adjusted"]
    [warned] = on.records.with_warnings(10)
    total = format(Decimal("29.10") + Decimal(cent), "f").replace(".", ",")
    assert warned.warnings[0].message == (
        f"O total do pedido OF-1 diferia da soma dos itens por 1 centavo (R$\u00a0{total} e R$\u00a029,10). "
        "Ajustamos o item 2; confira no ERP."
    )


def test_an_adjusted_order_read_again_is_unchanged_and_an_edit_of_it_updates(keeper: SampleErp) -> None:
    on = keeper.open(adjusts_centavo=True)
    write(on, change(customer()))
    write(on, change(_off("0.01")))
    before = keeper.contents()
    assert write(on, change(_off("0.01"))).counts.orders == RowCounts(unchanged=1)
    assert write(on, change(_off("0.01")), epoch="e2").counts.orders == RowCounts(unchanged=1)
    assert (keeper.contents(), _warnings(keeper, "ord_1")) == (before, ["centavo_adjusted"])
    assert write(on, change(order(), 2), epoch="e2").counts.orders == RowCounts(written=1)
    assert keeper.query("SELECT total FROM itens_pedido ORDER BY linha") == [("20.00",), ("9.10",)]
    assert _warnings(keeper, "ord_1") == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (_off("0.02"), "totals_mismatch"),
        (_off("-0.02", field="total_amount"), "total_not_explained"),
        (order(totals=msgspec.structs.replace(order().totals, items_amount=Decimal("29.11"))), "totals_mismatch"),
        (order(paid="29.11"), "payments_mismatch"),
        (msgspec.structs.replace(_off("0.01"), payments=order().payments), "totals_mismatch"),
        (_off("0.01", items=(item(1), item(2, price="4.55", quantity="0.0000"))), "quantity_invalid"),
    ],
    ids=["two centavos", "two of the total", "the items' sum alone", "payments", "and payments too", "and an item too"],
)
def test_with_the_setting_on_what_is_not_one_centavo_of_the_total_is_refused_as_ever(
    keeper: SampleErp, wrong: Any, code: str
) -> None:
    on = keeper.open(adjusts_centavo=True)
    write(on, change(customer()))
    write(on, change(wrong))
    assert [record.code for record in on.records.open_issues(["refused"], 10)] == [code]
    assert on.records.rows()["items"] == 0


def test_a_line_a_centavo_off_already_gives_way_to_the_next_largest(keeper: SampleErp) -> None:
    on = keeper.open(adjusts_centavo=True)
    write(on, change(customer()))
    cent = Decimal("0.01")
    strained = item(1, gross_amount=Decimal("20.01"), total_amount=Decimal("20.01"))
    made = order(items=(strained, item(2, price="4.55")))
    total = made.totals.total_amount + cent
    totals = msgspec.structs.replace(made.totals, items_amount=total, total_amount=total)
    write(on, change(msgspec.structs.replace(order(items=made.items, paid=str(total)), totals=totals)))
    assert keeper.query("SELECT total FROM itens_pedido ORDER BY linha") == [("20.01",), ("9.11",)]


def test_turning_the_setting_on_brings_in_what_was_refused_for_a_centavo(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(_off("0.01")))
    assert run_import(keeper, hub).orders == RowCounts(refused=1)
    on = keeper.open(adjusts_centavo=True)
    with client(hub) as opened:
        assert importer(on, opened).run().orders == RowCounts(written=1)
    assert _told(hub, "ord_1") == ("imported", None)


# n.º 17


@pytest.mark.parametrize("number", ["S/N", "123-A", "km 4", "0012"])
def test_a_house_number_is_text(keeper: SampleErp, erp: Erp, number: str) -> None:
    place = Address(
        kind="main", street="BR-101", number=number, city_code="3550308", state="SP", postal_code="01310200"
    )
    write(erp, change(customer(addresses=(place,))))
    assert keeper.query("SELECT numero_endereco, cep FROM clientes") == [(number, "01310200")]


# n.º 22


def test_an_order_of_two_thousand_items_is_one_record_and_says_how_many_invoices_it_needs(
    keeper: SampleErp, erp: Erp
) -> None:
    write(erp, change(customer()))
    many = tuple(item(n, price="1.00", quantity="1.0000") for n in range(1, 2001))
    written = write(erp, change(order(items=many)))
    assert (written.counts.items, erp.records.rows()["items"]) == (RowCounts(written=2000), 2000)
    assert _warnings(keeper, "ord_1") == ["items_many"]
    [(text,)] = keeper.query("SELECT warnings FROM omnisync_binding WHERE id = 'ord_1'")
    assert "serão necessárias 3 notas" in text


# n.º 30


def test_telephones_are_split_and_what_cannot_be_dialled_goes_to_the_notes(keeper: SampleErp, erp: Erp) -> None:
    phones = (Phone(kind="mobile", number="+55 (11) 98765-4321 / 3333-4444 ramal 12"),)
    write(erp, change(customer(phones=phones)))
    [(number, notes)] = keeper.query("SELECT telefone, observacoes FROM clientes")
    assert number == "11987654321"
    assert "ramal 12" in notes
    assert _warnings(keeper, "cus_1") == ["phone_in_notes"]


@pytest.mark.parametrize(
    ("written", "numbers", "goes_to_the_notes"),
    [
        ("11987654321", ["11987654321"], False),
        ("(11) 98765-4321", ["11987654321"], False),
        ("+55 11 3333-4444", ["1133334444"], False),
        ("5511987654321", ["11987654321"], False),
        ("5533334444", ["5533334444"], False),  # area code 55 is Santa Maria
        ("55 98765-4321", ["55987654321"], False),
        ("011 3333-4444", ["1133334444"], False),
        ("0800 123 4567", ["08001234567"], False),
        ("(11) 98765-4321 / 3333-4444", ["11987654321", "1133334444"], True),
        ("3333-4444 ramal 12", ["33334444"], True),
        ("(11) 98765-4321 falar com Ana", ["11987654321"], True),
        ("não informou", [], True),
    ],
)
def test_a_telephone_becomes_what_can_be_dialled(written: str, numbers: list[str], goes_to_the_notes: bool) -> None:
    phones, rest = dialled((Phone(kind="mobile", number=written),))
    assert ([phone.number for phone in phones], rest) == (numbers, (written,) if goes_to_the_notes else ())


# n.º 31


def test_an_instalment_due_before_the_issue_enters_with_a_warning(keeper: SampleErp, erp: Erp) -> None:
    early = order()
    paid = tuple(msgspec.structs.replace(payment, due_on=date(2026, 1, 1)) for payment in early.payments)
    write(erp, change(customer()))
    write(erp, change(msgspec.structs.replace(early, payments=paid)))
    assert (erp.records.rows()["orders"], _warnings(keeper, "ord_1")) == (1, ["payment_before_issue"])


def test_an_instalment_due_on_the_day_of_the_issue_is_nothing_odd_at_any_hour_of_the_day(
    keeper: SampleErp, erp: Erp
) -> None:
    late = datetime(2026, 11, 25, 2, 30, tzinfo=UTC)  # still the 24th at the counter
    write(erp, change(customer()))
    write(erp, change(order(issued_at=late)))
    assert _warnings(keeper, "ord_1") == []


def test_instalments_out_of_order_stand_as_they_came(keeper: SampleErp, erp: Erp) -> None:
    plain = order()
    [whole] = plain.payments
    first = msgspec.structs.replace(whole, amount=Decimal("9.10"), due_on=date(2027, 1, 24))
    second = msgspec.structs.replace(whole, line=2, id="pay_2", amount=Decimal("20.00"), due_on=date(2026, 12, 24))
    write(erp, change(customer()))
    write(erp, change(msgspec.structs.replace(plain, payments=(first, second))))
    assert keeper.query("SELECT linha, vencimento FROM formas_pagamento ORDER BY linha") == [
        (1, "2027-01-24"),
        (2, "2026-12-24"),
    ]


def test_warnings_outlive_a_restored_hub(keeper: SampleErp, erp: Erp) -> None:
    odd = msgspec.structs.replace(order().payments[0], method_kind="77")
    write(erp, change(customer()))
    write(erp, change(order(payments=(odd,))))
    write(erp, change(order(payments=(odd,))), epoch="e2")
    assert _warnings(keeper, "ord_1") == ["payment_kind_new"]


# n.º 32


def test_a_new_kind_of_payment_enters_with_a_warning(keeper: SampleErp, erp: Erp) -> None:
    plain = order()
    paid = tuple(msgspec.structs.replace(payment, method_kind="77") for payment in plain.payments)
    write(erp, change(customer()))
    write(erp, change(msgspec.structs.replace(plain, payments=paid)))
    assert keeper.query("SELECT tipo_nfe FROM formas_pagamento") == [("77",)]
    assert _warnings(keeper, "ord_1") == ["payment_kind_new"]


def test_a_new_order_type_or_status_is_refused_and_never_taken_for_a_sale(erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, raw_change(order("ord_1"), type="leasing"), raw_change(order("ord_2"), status="parked"))
    assert {record.code for record in erp.records.open_issues(["refused"], 10)} == {"hub_changed_shape"}


# n.º 19


def test_orders_of_an_establishment_nobody_registered_are_stored_read_by_nobody_and_counted(
    keeper: SampleErp, hub: RunningHub
) -> None:
    send(hub, change(customer()), change(order("ord_1")), change(order("ord_9", establishment_code="0009")))
    run_import(keeper, hub)
    with client(hub) as opened:
        assert opened.unknown_establishments() == {"0009": 1}
    assert keeper.query("SELECT id_externo FROM pedidos") == [("ord_1",)]


def test_an_unknown_establishment_is_unknown_no_more_once_its_orders_were_mended(hub: RunningHub) -> None:
    send(hub, change(customer()), change(order("ord_8", establishment_code="0009")))
    send(hub, change(order("ord_9", establishment_code="0009")))
    send(hub, change(order("ord_9", establishment_code="0001"), 2), deletion("order", "ord_8", 2))
    with client(hub) as opened:
        assert opened.unknown_establishments() == {}


def test_an_establishment_of_another_computer_is_neither_read_nor_named(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order("ord_1")), change(order("ord_2", establishment_code="0002")))
    run_import(keeper, hub, establishments=["0001"])
    with client(hub) as opened:
        assert opened.unknown_establishments() == {}
    assert keeper.query("SELECT id_externo FROM pedidos") == [("ord_1",)]
    assert keeper.query("SELECT count(*) FROM omnisync_cursor WHERE stream = 'order:0002'") == [(0,)]


def _told(hub: RunningHub, id_: str) -> tuple[str, str | None]:
    """What the salesperson reads of an order: the outcome and the code of its reason."""
    with hub.client() as http:
        [receipt] = http.get(f"/v1/orders/{id_}").json()["receipts"]
    return receipt["outcome"], receipt.get("reason", {}).get("code")


def _spoil(hub: RunningHub, id_: str, old: bytes, new: bytes) -> None:
    """Change the bytes that travel: what no intake would have taken."""
    with hub.store.writing() as db:
        text = bytes(db.exec_driver_sql("SELECT change FROM feed WHERE id = ?", (id_,)).scalar_one())
        assert old in text
        db.exec_driver_sql("UPDATE feed SET change = ? WHERE id = ?", (text.replace(old, new), id_))


# n.º 2


def test_the_intake_refuses_a_lone_surrogate(hub: RunningHub) -> None:
    sent = b'{"kind":"customer","op":"upsert","id":"cus_1","version":1,"changed_at":"2026-11-24T15:00:00Z","data":'
    [result] = intake.ingest(hub.store, COMPANY, [sent + rb'{"id":"cus_1","name":"\ud800"}}'], NOW)
    assert (result.status, result.code) == ("refused", "text")


@pytest.mark.parametrize("spoiled", ["ord_1", "ord_3", "ord_5"], ids=["first", "in the middle", "last"])
def test_a_lone_surrogate_in_the_feed_is_refused_by_its_place_and_its_neighbours_enter(
    keeper: SampleErp, hub: RunningHub, spoiled: str
) -> None:
    send(hub, change(customer()), *(change(order(f"ord_{n}")) for n in range(1, 6)))
    _spoil(hub, spoiled, b"Padaria Aurora", rb"Padaria \ud800")
    counts = run_import(keeper, hub)
    assert counts.orders == RowCounts(written=4, refused=1)
    [(id_, pending)] = keeper.query("SELECT id, receipt_pending FROM omnisync_binding WHERE outcome = 'refused'")
    assert (id_[0], len(id_), pending) == ("?", 41, 0)
    assert run_import(keeper, hub).total == RowCounts()
    send(hub, change(order(spoiled, notes="outra"), 2))
    assert run_import(keeper, hub).orders == RowCounts(written=1)


# n.º 7 and 8


def test_an_edit_before_the_invoice_updates_and_one_after_it_is_kept_and_told(
    keeper: SampleErp, hub: RunningHub
) -> None:
    send(hub, change(customer()), change(order()))
    run_import(keeper, hub)
    send(hub, change(order(items=(item(2), item(3))), 2))
    run_import(keeper, hub)
    assert keeper.query("SELECT id_externo FROM itens_pedido ORDER BY 1") == [("itm_2",), ("itm_3",)]
    assert keeper.query("SELECT valor FROM formas_pagamento") == [("40.00",)]
    keeper.run("UPDATE pedidos SET situacao = 'faturado'")
    before = keeper.contents()
    send(hub, change(order(notes="tarde demais"), 3))
    run_import(keeper, hub)
    assert (keeper.contents(), _told(hub, "ord_1")) == (before, ("kept", "order_locked"))


def test_a_cancellation_before_the_invoice_cancels_and_one_after_it_is_kept_and_told(
    keeper: SampleErp, hub: RunningHub
) -> None:
    send(hub, change(customer()), change(order("ord_1")), change(order("ord_2")))
    run_import(keeper, hub)
    keeper.run("UPDATE pedidos SET situacao = 'faturado' WHERE id_externo = 'ord_2'")
    send(hub, *(change(order(id_, status="cancelled"), 2) for id_ in ("ord_1", "ord_2", "ord_3")))
    run_import(keeper, hub)
    assert keeper.query("SELECT id_externo, situacao FROM pedidos ORDER BY 1") == [
        ("ord_1", "cancelado"),
        ("ord_2", "faturado"),
    ]
    assert [_told(hub, f"ord_{n}")[0] for n in (1, 2, 3)] == ["cancelled", "kept", "cancelled"]
    never_written = keeper.query("SELECT outcome, erp_key, written_version FROM omnisync_binding WHERE id = 'ord_3'")
    assert never_written == [("cancelled", None, None)]


# n.º 9


def test_an_erased_order_stays_in_the_erp_and_nothing_of_it_stays_with_us(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order(paid="1.00")))
    run_import(keeper, hub)
    send(hub, change(order(), 2))
    run_import(keeper, hub)
    send(hub, deletion("order", "ord_1", 3))
    run_import(keeper, hub)
    assert keeper.open().records.rows()["orders"] == 1
    kept = keeper.query("SELECT outcome, label, reason, warnings FROM omnisync_binding WHERE kind = 'order'")
    assert kept == [("kept", "", None, None)]
    [receipt] = receipts.receipts_of(hub.store, COMPANY, "order", "ord_1")
    assert msgspec.json.decode(receipt)["outcome"] == "kept"


def test_a_move_leaves_the_binding_to_the_other_stream_and_cancels_what_left_this_computer(
    keeper: SampleErp, hub: RunningHub
) -> None:
    send(hub, change(customer()), change(order("ord_1")), change(order("ord_2")))
    run_import(keeper, hub)
    send(hub, change(order("ord_1", establishment_code="0002"), 2))
    with client(hub) as opened:
        importer(keeper.open(), opened, establishments=["0001"]).run()  # the stream it left, alone
    assert keeper.query("SELECT version, outcome FROM omnisync_binding WHERE id = 'ord_1'") == [(1, "imported")]
    send(hub, change(order("ord_2", establishment_code="0009"), 2))
    run_import(keeper, hub)
    assert keeper.query("SELECT id_externo, estabelecimento, situacao FROM pedidos ORDER BY 1") == [
        ("ord_1", "0002", "aberto"),
        ("ord_2", "0001", "cancelado"),
    ]


# n.º 10-12, 15, 16 and 35: what the hub takes and an ERP must not

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "10 a quantity of zero": ({"items": (item(1), item(2, quantity="0.0000"))}, "quantity_invalid"),
    "11 a discount above gross": (
        {"items": (item(1, discount_amount=Decimal("20.01"), total_amount=Decimal("-0.01")),)},
        "amount_invalid",
    ),
    "12 a price of zero": ({"items": (item(1), item(2, price="0.00"))}, "price_zero"),
    "14 a line off by two centavos": (
        {"items": (item(1, gross_amount=Decimal("20.02"), total_amount=Decimal("20.02")),)},
        "line_mismatch",
    ),
    "15 a total off by a centavo": (
        {"totals": msgspec.structs.replace(order().totals, items_amount=Decimal("29.11"))},
        "totals_mismatch",
    ),
    "16 payments off by a centavo": ({"paid": "29.09"}, "payments_mismatch"),
    "16 no payments for a sale": ({"payments": ()}, "payments_mismatch"),
    "35 a discount in percent only": (
        {"items": (item(1, discount_percent=Decimal("5.00")),)},
        "discount_percent_only",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_order_that_is_wrong_for_an_erp_is_refused_whole_and_told(
    keeper: SampleErp, hub: RunningHub, kind: str
) -> None:
    fields, code = BAD[kind]
    send(hub, change(customer()), change(order("ord_1")), change(order("ord_2", **fields)))
    assert run_import(keeper, hub).orders == RowCounts(written=1, refused=1)
    assert _told(hub, "ord_2") == ("refused", code)
    assert keeper.query("SELECT count(*) FROM itens_pedido") == [(2,)]


def test_the_intake_refuses_a_negative_quantity_and_the_agent_would(
    keeper: SampleErp, erp: Erp, hub: RunningHub
) -> None:  # n.º 11
    returned = change(order(items=(item(1, quantity="-2.0000"),)))
    with pytest.raises(AssertionError, match="refused"):
        send(hub, returned)
    write(erp, change(customer()))
    write(erp, returned)
    assert [record.code for record in erp.records.open_issues(["refused"], 10)] == ["amount_invalid"]


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "bonus"},
        {"type": "sample"},
        {"type": "exchange"},
        {"type": "bonus", "payments": ()},
        {"items": (item(1), item(2, price="0.00", is_bonus=True))},
    ],
)
def test_a_gift_may_cost_nothing(keeper: SampleErp, hub: RunningHub, fields: dict[str, Any]) -> None:  # n.º 12 and 16
    given = {"items": (item(1, price="0.00"),)} | fields
    send(hub, change(customer()), change(order(**given)))
    assert run_import(keeper, hub).orders == RowCounts(written=1)


# n.º 20 and 21


def _sell_meanwhile(hub: RunningHub, *changes: Change) -> Any:
    """A report that sends these once the customers have been read to their end."""
    left = [changes]

    def report(progress: Progress) -> bool:
        if encode_phase(progress.phase) == "order:0001" and left:
            send(hub, *left.pop())
        return False

    return report


def test_an_order_and_its_customer_that_come_in_mid_run_enter_together(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order("ord_1")))
    news = _sell_meanwhile(hub, change(customer("cus_9")), change(order("ord_9", customer_id="cus_9")))
    erp = keeper.open()
    with client(hub) as opened:
        counts = importer(erp, opened, report=news).run()
    assert (counts.orders, counts.customers) == (RowCounts(written=2), RowCounts(written=2))


def test_an_order_waits_without_a_limit_and_is_refused_when_its_customer_is_erased(
    keeper: SampleErp, hub: RunningHub
) -> None:
    send(hub, change(order()))
    for _ in range(3):
        run_import(keeper, hub)
        assert _told(hub, "ord_1") == ("waiting", "customer_missing")
    send(hub, deletion("customer", "cus_1", 1))
    run_import(keeper, hub)
    assert _told(hub, "ord_1") == ("refused", "customer_deleted")


@pytest.mark.parametrize("charset", ["UTF8", "LATIN1"])
def test_an_order_that_is_tried_again_in_vain_owes_no_receipt_and_its_age_goes_on(
    request: pytest.FixtureRequest, charset: str
) -> None:
    now = [NOW]
    opened = make_on(request.getfixturevalue("postgresql_running"), charset=charset).open(clock=lambda: now[0])
    named = msgspec.structs.replace(order().customer, name="Caf\u00e9 \u2615")  # which LATIN1 cannot hold
    assert len(write(opened, change(order(customer=named))).receipts) == 1
    now[0] += timedelta(days=3)  # the run of another day
    assert write(opened, change(order(customer=named)), expected=None).receipts == ()
    assert opened.records.waiting_since() == NOW
    opened.close()


def test_a_waiting_order_shows_its_age_on_the_pages_and_by_command_and_it_grows(
    keeper: SampleErp,
    hub: RunningHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    send(hub, change(order()))
    run_import(keeper, hub)
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path / "home"))
    known = connection(erp=keeper.address, hub=HubAddress(hub.url))
    for days in (3, 4):
        late = NOW + timedelta(days=days, hours=1)
        later = runtime_at(repeat(late).__next__, Clock())
        run_import(keeper, hub)  # tried again in vain
        with page_client(tmp_path / "home", known=known) as shown:
            shown.run("done", minutes_ago=1)
            parts = msgspec.structs.replace(shown.parts, clock=lambda late=late: late, open_erp=lambda _: keeper.open())
            page = TestClient(create_app(parts, [HOST]), base_url=f"http://{HOST}")
            for path in ("/", "/pendencias"):
                assert f"Automático Aguardando há {days} dias" in text(page.get(path).text), path
        assert re.search(rf"Aguardando +1   o mais antigo há {days} dias", run(capsys, "status", runtime=later)[1])
        assert (
            f"Pedido OF-1 (há {days} dias): O pedido OF-1 aguarda o cadastro"
            in run(capsys, "refused", runtime=later)[1]
        )
        told = msgspec.json.decode(run(capsys, "status", "--json", runtime=later)[1])
        assert datetime.fromisoformat(told["waiting_since"]) == NOW


def test_a_customer_merged_in_mid_run_gives_its_order_to_the_other_at_once(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer("cus_1")), change(customer("cus_2")), change(order("ord_1")))
    merged = change(customer("cus_9", merged_into="cus_2"))
    news = _sell_meanwhile(hub, merged, change(order("ord_9", customer_id="cus_9")))
    erp = keeper.open()
    with client(hub) as opened:
        assert importer(erp, opened, report=news).run().orders == RowCounts(written=2)
    buyer = "SELECT c.id_externo FROM pedidos p JOIN clientes c ON c.codigo = p.cliente WHERE p.id_externo = 'ord_9'"
    assert keeper.query(buyer) == [("cus_2",)]


def test_two_customers_of_the_erp_are_not_merged_there_and_a_warning_says_so(
    keeper: SampleErp, hub: RunningHub
) -> None:
    send(hub, change(customer("cus_1")), change(customer("cus_2")))
    run_import(keeper, hub)
    send(hub, change(customer("cus_1", merged_into="cus_2"), 2), change(order()))
    run_import(keeper, hub)
    assert (keeper.open().records.rows()["customers"], _warnings(keeper, "cus_1")) == (2, ["customer_merged"])


# n.º 24


def test_an_older_version_after_a_newer_one_is_ignored(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer(name="Nova"), 3))
    run_import(keeper, hub)
    hub.store.new_epoch(COMPANY)
    run_import(keeper, hub)
    erp = keeper.open()
    epoch = erp.position(CUSTOMERS).epoch
    assert write(erp, change(customer(name="Velha"), 2), epoch=epoch).counts.customers == RowCounts(unchanged=1)
    assert _name(keeper) == "Nova"


# n.º 28


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365])
def test_a_clock_that_is_wrong_changes_nothing_of_what_is_imported(
    keeper: SampleErp, hub: RunningHub, hours: int
) -> None:
    send(hub, change(customer()), change(order("ord_1")))
    run_import(keeper, hub)
    send(hub, change(order("ord_1", notes="nova"), 2), change(order("ord_2")))
    erp = keeper.open(clock=lambda: NOW + timedelta(hours=hours))  # the ERP's machine is off
    with client(hub) as opened:
        assert importer(erp, opened).run().orders == RowCounts(written=2)
        assert importer(erp, opened).run().total == RowCounts()


# n.º 34


def test_a_page_larger_than_we_read_is_asked_for_in_halves(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), *(change(order(f"ord_{n}")) for n in range(40)))
    assert run_import(keeper, hub, max_body_bytes=20_000).orders == RowCounts(written=40)


def test_an_order_larger_than_we_read_is_refused_by_its_place_and_the_stream_goes_on(
    keeper: SampleErp, hub: RunningHub
) -> None:
    huge = order("ord_5", items=tuple(item(n, price="1.00", quantity="1.0000") for n in range(1, 400)))
    send(hub, change(customer()), *(change(order(f"ord_{n}")) for n in range(5)), change(huge))
    send(hub, *(change(order(f"ord_{n}")) for n in range(6, 10)))
    assert run_import(keeper, hub, max_body_bytes=20_000).orders == RowCounts(written=9, refused=1)
    [refused] = keeper.open().records.open_issues(["refused"], 10)
    assert refused.message == (
        "O pedido sem identificação não pode ser lido (formato). Abra no OmniForce, salve e envie de novo."
    )


def test_a_waiting_order_that_cannot_be_read_again_is_refused_alone(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, *(change(order(f"ord_{n}")) for n in range(1, 6)))
    assert run_import(keeper, hub).orders == RowCounts(waiting=5)
    _spoil(hub, "ord_3", b"Padaria Aurora", rb"Padaria \ud800")
    send(hub, change(customer()))
    assert run_import(keeper, hub).orders == RowCounts(written=4, refused=1)
    assert _told(hub, "ord_1")[0] == "imported"
    assert keeper.query("SELECT id, outcome FROM omnisync_binding WHERE id = 'ord_3'") == [("ord_3", "refused")]


@pytest.mark.parametrize("bytes_", [b"\xff\xfe", b"\xc3"])
def test_invalid_utf_8_inside_a_record_refuses_that_record_by_its_name(
    keeper: SampleErp, hub: RunningHub, bytes_: bytes
) -> None:
    send(hub, change(customer()), *(change(order(f"ord_{n}")) for n in range(1, 4)))
    _spoil(hub, "ord_2", b"Aurora", bytes_)
    assert run_import(keeper, hub).orders == RowCounts(written=2, refused=1)
    [receipt] = receipts.receipts_of(hub.store, COMPANY, "order", "ord_2")
    assert msgspec.json.decode(receipt)["reason"]["code"] == "record_unreadable"
