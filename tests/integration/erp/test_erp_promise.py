"""The promise every ERP keeps, over every database: one suite, and its ids are the databases' names."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from omnisync.agent.erp.base import Erp, Position
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.statements import RowList
from omnisync.agent.errors import OvertakenError
from omnisync.agent.progress import RowCounts
from omnisync.contract.feed import Unreadable
from omnisync.contract.streams import CUSTOMERS, orders_of
from tests.support.erp_databases import KEEPERS, KEPT_HERE, TABLES, SampleErp, make_erp, part, write
from tests.support.record_samples import change, customer, deletion, item, order, raw_change


@pytest.fixture(params=[*KEEPERS, *KEPT_HERE])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> SampleErp:
    return make_erp(request.param, request, tmp_path)


def test_an_order_lands_with_its_items_and_payments(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    written = write(erp, change(order()))
    assert erp.records.rows() == {"customers": 1, "orders": 1, "items": 2, "payments": 1}
    assert written.counts.items == RowCounts(written=2)
    assert keeper.query("SELECT total, situacao, emitido_em FROM pedidos") == [
        ("29.10", "aberto", "2026-11-24 12:00:00")
    ]


def test_money_is_kept_exactly(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order(items=tuple(item(n, price="0.1000", quantity="1.0000") for n in range(1, 11)))))
    kept = keeper.query("SELECT total FROM itens_pedido")
    assert sum(Decimal(row[0]) for row in kept) == Decimal("1.00")


def test_a_page_written_twice_leaves_the_same_rows(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    before = keeper.contents(), keeper.query("SELECT numero FROM pedidos")
    again = write(erp, change(order()))
    assert (keeper.contents(), keeper.query("SELECT numero FROM pedidos")) == before
    assert again.counts.total == RowCounts(unchanged=4)


def test_position_and_data_move_together(erp: Erp) -> None:
    assert erp.position(CUSTOMERS) == Position("", "")
    erp.write(part(change(customer()), expected="", moves_to="c1"))
    assert erp.position(CUSTOMERS) == Position("c1", "e1")
    assert erp.position_after_unknown_commit(CUSTOMERS) == Position("c1", "e1")


def test_a_slice_that_is_not_the_pages_last_does_not_move_the_cursor(erp: Erp) -> None:
    write(erp, change(customer()))
    assert erp.position(CUSTOMERS) == Position("", "")


def test_a_run_that_was_overtaken_writes_nothing(erp: Erp) -> None:
    erp.position(CUSTOMERS)
    erp.write(part(change(customer()), expected="", moves_to="c1"))
    with pytest.raises(OvertakenError):
        erp.write(part(change(customer("cus_2")), expected="", moves_to="c2"))
    assert erp.records.rows()["customers"] == 1


def test_a_newer_version_updates_in_place_and_keeps_the_number(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    number = keeper.query("SELECT numero FROM pedidos")
    edited = order(items=(item(2, price="5.00"), item(3)))
    written = write(erp, change(edited, 2))
    assert keeper.query("SELECT numero FROM pedidos") == number
    kept = keeper.query("SELECT id_externo, preco FROM itens_pedido ORDER BY 1")
    assert [(id_, Decimal(price)) for id_, price in kept] == [("itm_2", Decimal(5)), ("itm_3", Decimal(10))]
    assert written.counts.orders == RowCounts(written=1)


def test_an_older_version_is_ignored(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer(name="Nova"), 3))
    write(erp, change(customer(name="Velha"), 2))
    assert keeper.query("SELECT nome FROM clientes") == [("Nova",)]


def test_an_order_waits_for_its_customer_and_enters_when_it_comes(erp: Erp) -> None:
    early = write(erp, change(order()))
    assert early.counts.total == RowCounts(waiting=4)
    [waiting] = erp.records.open_issues(["waiting"], 10)
    assert waiting.code == "customer_missing"
    write(erp, change(customer()))
    assert list(erp.records.waiting(["0001"])) == [(orders_of("0001"), ["ord_1"])]
    late = write(erp, change(order()), expected=None)
    assert late.counts.orders == RowCounts(written=1)
    assert list(erp.records.waiting(["0001"])) == []


def test_an_order_that_goes_on_waiting_keeps_its_age_and_owes_no_second_receipt(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(order()))
    erp.records.acknowledge(erp.records.pending_receipts(10))
    keeper.run("UPDATE omnisync_binding SET outcome_at = '2026-01-01T00:00:00+00:00'")
    write(erp, change(order()), expected=None)
    assert erp.records.open_issues(["waiting"], 10)[0].since.year == 2026
    assert erp.records.open_issues(["waiting"], 10)[0].since.month == 1
    assert erp.records.pending_receipts(10) == []


def test_an_order_finds_a_related_customer_into_which_its_own_was_merged(erp: Erp) -> None:
    write(erp, change(customer("cus_2", merged_into="cus_1")))
    written = write(erp, change(order(customer_id="cus_2")), related=[change(customer("cus_1"))])
    assert written.counts.orders == RowCounts(written=1)


def test_a_related_customer_lands_before_its_order(erp: Erp) -> None:
    erp.position(orders_of("0001"))
    written = erp.write(part(change(order()), related=[change(customer())], expected=""))
    assert erp.records.rows()["orders"] == 1
    assert written.counts.customers == RowCounts(written=1)


def test_orders_of_a_refused_customer_wait_with_its_reason(erp: Erp) -> None:
    write(erp, change(customer(document="12ABC34501DE36")))
    write(erp, change(order()))
    [waiting] = erp.records.open_issues(["waiting"], 10)
    assert waiting.code == "customer_waiting"
    assert "CNPJ/CPF do cliente cus_1 está incorreto" in waiting.message
    write(erp, change(customer(), 2))
    write(erp, change(order()), expected=None)
    assert erp.records.n_open_issues() == {"refused": 0, "waiting": 0}


def test_a_refused_record_owes_a_receipt_with_its_reason(erp: Erp) -> None:
    write(erp, change(customer(document="00000000000000")))
    [receipt] = erp.records.pending_receipts(10)
    assert (receipt.outcome, receipt.version) == ("refused", 1)
    assert receipt.reason is not None
    assert receipt.reason.code == "tax_id_invalid"


def test_a_receipt_carries_the_erps_number_and_is_owed_once(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    receipts = erp.records.pending_receipts(10)
    assert [(r.kind, r.outcome) for r in receipts] == [("customer", "imported"), ("order", "imported")]
    assert receipts[1].erp_number == str(keeper.query("SELECT numero FROM pedidos")[0][0])
    erp.records.acknowledge(receipts)
    assert erp.records.pending_receipts(10) == []


def test_a_newer_outcome_stays_owed_when_an_older_one_was_told(erp: Erp) -> None:
    write(erp, change(customer()))
    old = erp.records.pending_receipts(10)
    write(erp, change(customer(name="Outra"), 2))
    erp.records.acknowledge(old)
    assert [(r.version, r.outcome) for r in erp.records.pending_receipts(10)] == [(2, "updated")]


def test_a_row_the_erp_took_away_is_not_made_again(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    for table in reversed(TABLES[1:]):
        keeper.run(f"DELETE FROM {table}")
    written = write(erp, change(order(notes="mudou"), 2))
    assert erp.records.rows()["orders"] == 0
    assert written.counts.orders == RowCounts(kept=1)
    [kept] = erp.records.open_issues(["kept"], 10)
    assert kept.code == "order_removed"


def test_a_row_the_erp_took_away_comes_back_only_when_asked_for(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    for table in reversed(TABLES[1:]):
        keeper.run(f"DELETE FROM {table}")
    assert erp.records.requeue("order", ["ord_1"], again=True) == {orders_of("0001"): ["ord_1"]}
    write(erp, change(order()), expected=None)
    assert erp.records.rows()["orders"] == 1


def test_an_invoiced_order_is_kept_as_the_erp_has_it(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    keeper.run("UPDATE pedidos SET situacao = 'faturado'")
    before = keeper.contents()
    written = write(erp, change(order(items=(item(1),)), 2))
    assert keeper.contents() == before
    assert written.counts.total == RowCounts(kept=3)
    [kept] = erp.records.open_issues(["kept"], 10)
    assert kept.code == "order_locked"
    assert "faturado" in kept.message


def test_a_cancelled_order_is_cancelled_in_the_erp(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    written = write(erp, change(order(status="cancelled"), 2))
    assert keeper.query("SELECT situacao FROM pedidos") == [("cancelado",)]
    assert written.counts.orders == RowCounts(written=1)


def test_an_invoiced_order_is_not_cancelled(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    keeper.run("UPDATE pedidos SET situacao = 'faturado'")
    write(erp, change(order(status="cancelled"), 2))
    assert keeper.query("SELECT situacao FROM pedidos") == [("faturado",)]
    assert erp.records.open_issues(["kept"], 10)[0].code == "order_locked"


def test_an_order_cancelled_before_it_came_makes_no_row(erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order(status="cancelled")))
    assert erp.records.rows()["orders"] == 0
    assert [r.outcome for r in erp.records.pending_receipts(10)] == ["imported", "cancelled"]


def test_an_order_confirmed_again_after_our_own_cancellation_is_open_again(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    write(erp, change(order(status="cancelled"), 2))
    write(erp, change(order(), 3))
    assert keeper.query("SELECT situacao FROM pedidos") == [("aberto",)]


def test_an_erased_order_stays_in_the_erp_and_is_forgotten_by_us(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    write(erp, deletion("order", "ord_1", 2))
    assert erp.records.rows()["orders"] == 1
    assert keeper.query("SELECT label, reason FROM omnisync_binding WHERE kind = 'order'") == [("", None)]


def test_an_order_moved_within_the_connection_is_updated_by_its_new_stream(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    write(erp, deletion("order", "ord_1", 2, to="0002"))
    assert keeper.query("SELECT situacao FROM pedidos") == [("aberto",)]
    write(erp, change(order(establishment_code="0002"), 2), stream="order:0002")
    assert keeper.query("SELECT estabelecimento, situacao FROM pedidos") == [("0002", "aberto")]
    write(erp, deletion("order", "ord_1", 2, to="0002"))
    assert keeper.query("SELECT situacao FROM pedidos") == [("aberto",)]


def test_an_order_moved_to_another_computer_is_cancelled_here(keeper: SampleErp) -> None:
    erp = keeper.open(establishments=["0001"])
    write(erp, change(customer()))
    write(erp, change(order()))
    write(erp, deletion("order", "ord_1", 2, to="0009"))
    assert keeper.query("SELECT situacao FROM pedidos") == [("cancelado",)]
    erp.close()


def test_orders_of_a_merged_customer_go_to_the_other(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer("cus_1")), change(customer("cus_2")))
    write(erp, change(customer("cus_1", merged_into="cus_2"), 2))
    write(erp, change(order(customer_id="cus_1")))
    assert keeper.query("SELECT c.id_externo FROM pedidos p JOIN clientes c ON c.codigo = p.cliente") == [("cus_2",)]


def test_a_waiting_order_of_an_erased_customer_is_refused(erp: Erp) -> None:
    write(erp, change(order()))
    write(erp, deletion("customer", "cus_1", 2))
    write(erp, change(order()), expected=None)
    assert erp.records.open_issues(["refused"], 10)[0].code == "customer_deleted"


def test_after_the_hub_was_restored_equal_content_is_unchanged_and_different_content_is_written(
    keeper: SampleErp, erp: Erp
) -> None:
    write(erp, change(customer("cus_1"), 5), change(customer("cus_2"), 5))
    again = write(erp, change(customer("cus_1"), 2), change(customer("cus_2", name="Outra"), 2), epoch="e2")
    assert again.counts.customers == RowCounts(written=1, unchanged=1)
    assert keeper.query("SELECT epoch, version FROM omnisync_binding ORDER BY id") == [("e2", 2), ("e2", 2)]


def test_a_row_with_our_external_id_and_no_binding_is_adopted(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    number = keeper.query("SELECT numero FROM pedidos")
    keeper.run("DELETE FROM omnisync_binding")
    write(erp, change(customer()), change(customer("cus_2")))
    write(erp, change(order(notes="outra")), change(order("ord_2")))
    assert erp.records.rows() == {"customers": 2, "orders": 2, "items": 4, "payments": 2}
    assert keeper.query("SELECT numero FROM pedidos WHERE id_externo = 'ord_1'") == number


BAD_ORDERS = {
    "a missing field": (raw_change(order("ord_bad"), number=None), "record_unreadable"),
    "an unknown type": (raw_change(order("ord_bad"), type="leasing"), "hub_changed_shape"),
    "a float as money": (raw_change(order("ord_bad"), items=[{"line": 1.5}]), "record_unreadable"),
    "sums that do not add up": (change(order("ord_bad", paid="1.00")), "payments_mismatch"),
    "a quantity of zero": (change(order("ord_bad", items=(item(1, quantity="0.0000"),))), "quantity_invalid"),
    "a price of zero": (change(order("ord_bad", items=(item(1, price="0.00"),))), "price_zero"),
    "a line that does not multiply": (
        change(order("ord_bad", items=(item(1, list_price=Decimal("9.00")),))),
        "line_mismatch",
    ),
    "three decimals of money": (
        change(order("ord_bad", items=(item(1, gross_amount=Decimal("20.001")),))),
        "amount_invalid",
    ),
    "a negative amount": (change(order("ord_bad", items=(item(1, price="-1.00"),))), "amount_invalid"),
    "not a number": (change(order("ord_bad", items=(item(1, ipi_amount=Decimal("NaN")),))), "amount_invalid"),
    "a discount above gross": (
        change(order("ord_bad", items=(item(1, discount_amount=Decimal("99.00")),))),
        "discount_above_gross",
    ),
    "a discount in percent only": (
        change(order("ord_bad", items=(item(1, discount_percent=Decimal("5.00")),))),
        "discount_percent_only",
    ),
    "a quote": (change(order("ord_bad", type="quote")), "quote_not_imported"),
    "an item twice": (change(order("ord_bad", items=(item(1), item(1)))), "item_repeated"),
    "another establishment": (change(order("ord_bad", establishment_code="0003")), "establishment_differs"),
    "another id inside": (raw_change(order("ord_bad"), id="ord_other"), "record_unreadable"),
    "what the database refuses": (change(order("ord_bad", notes="proibido")), "erp_refused"),
}


@pytest.mark.parametrize("kind", BAD_ORDERS)
def test_a_bad_record_in_the_middle_of_a_page_is_refused_alone(keeper: SampleErp, erp: Erp, kind: str) -> None:
    keeper.forbid("proibido")
    bad, code = BAD_ORDERS[kind]
    good = [change(order(f"ord_{n}")) for n in range(1, 7)]
    write(erp, change(customer()))
    written = write(erp, *good[:3], bad, *good[3:])
    assert keeper.query("SELECT id_externo FROM pedidos ORDER BY 1") == [(f"ord_{n}",) for n in range(1, 7)]
    [refused] = erp.records.open_issues(["refused"], 10)
    assert (refused.id, refused.code) == ("ord_bad", code)
    assert refused.message.endswith(".")
    assert written.counts.orders == RowCounts(written=6, refused=1)
    assert [r.id for r in erp.records.pending_receipts(10) if r.outcome == "refused"] == ["ord_bad"]


def test_a_change_without_a_readable_envelope_is_refused_by_its_place(erp: Erp) -> None:
    erp.position(orders_of("0001"))
    lost = Unreadable(kind="order", id="?abc", version=1, why="versão")
    erp.write(part(stream="order:0001", unreadable=[lost], moves_to="c1"))
    assert [r.id for r in erp.records.open_issues(["refused"], 10)] == ["?abc"]


def test_a_refused_record_of_the_same_version_is_counted_again_without_being_read(erp: Erp) -> None:
    write(erp, change(customer()))
    bad = change(order("ord_bad", paid="1.00"))
    write(erp, bad)
    erp.records.acknowledge(erp.records.pending_receipts(10))
    assert write(erp, bad).counts.orders == RowCounts(refused=1)
    assert erp.records.pending_receipts(10) == []


def test_what_entered_with_a_warning_is_shown_and_nothing_else_is(erp: Erp) -> None:
    write(erp, change(customer()), change(customer("cus_2", name="\u200b \u202e")))
    [warned] = erp.records.with_warnings(10)
    assert (warned.id, warned.outcome, [one.code for one in warned.warnings]) == ("cus_2", "imported", ["name_empty"])
    write(erp, change(customer("cus_2"), 2))
    assert erp.records.with_warnings(10) == []


def test_find_answers_by_order_number_erp_number_and_customer_name(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()), change(order("ord_2")))
    number = str(keeper.query("SELECT numero FROM pedidos WHERE id_externo = 'ord_2'")[0][0])
    assert [r.id for r in erp.records.find("OF-1", 10)] == ["ord_1"]
    assert "ord_2" in [r.id for r in erp.records.find(number, 10)]
    assert {r.id for r in erp.records.find("aurora", 10)} == {"cus_1", "ord_1", "ord_2"}


def test_find_needs_no_whole_number_and_answers_the_exact_one_first(erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, *(change(order(f"ord_{n}", number=f"OF-0{n}")) for n in (48, 482, 1482)))
    assert [r.id for r in erp.records.find("of-0482", 10)] == ["ord_482"]
    assert {r.id for r in erp.records.find("482", 10)} == {"ord_482", "ord_1482"}
    assert erp.records.find("OF-048", 1)[0].id == "ord_48"


@pytest.mark.parametrize("keeper", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("erp")
def test_looking_up_a_page_of_bindings_uses_their_key(keeper: SampleErp) -> None:
    plan = keeper.query(
        "EXPLAIN QUERY PLAN SELECT version FROM omnisync_binding WHERE company = ? AND kind = ? "
        "AND id IN (SELECT value FROM json_each(?))",
        "aurora",
        "order",
        "[]",
    )
    assert any("USING PRIMARY KEY (id=? AND kind=? AND company=?)" in str(row[3]) for row in plan)


@pytest.mark.parametrize("keeper", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("erp")
def test_asking_what_is_pending_and_what_waits_walks_no_bindings(keeper: SampleErp) -> None:
    pending = keeper.query(
        "EXPLAIN QUERY PLAN SELECT kind, id FROM omnisync_binding WHERE company = ? AND receipt_pending = 1 "
        "ORDER BY kind, id LIMIT ?",
        "aurora",
        10,
    )
    waiting = keeper.query(
        "EXPLAIN QUERY PLAN SELECT id FROM omnisync_binding WHERE company = ? AND outcome IN ('refused', 'waiting') "
        "AND outcome = 'waiting' AND kind = ? AND establishment = ? AND id > ? ORDER BY id LIMIT ?",
        "aurora",
        "order",
        "0001",
        "",
        10,
    )
    assert "COVERING INDEX omnisync_binding_pending" in str(pending)
    assert "COVERING INDEX omnisync_binding_unsettled" in str(waiting)


@pytest.mark.parametrize("outcomes", [("refused", "waiting"), ("refused",), ("kept",)])
def test_what_is_shown_is_sorted_and_limited_by_the_database(
    keeper: SampleErp, erp: Erp, outcomes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [change(order(f"ord_{n}", paid="1.00" if n % 2 else "", customer_id="cus_9")) for n in range(12)]
    write(erp, *orders)  # half of them refused, half waiting
    if outcomes == ("kept",):
        keeper.run("UPDATE omnisync_binding SET outcome = 'kept'")
    for n in range(12):
        at = f"2026-11-24T15:{n:02}:00+00:00"
        keeper.run("UPDATE omnisync_binding SET outcome_at = ? WHERE id = ?", at, f"ord_{n}")
    keeper.run("UPDATE omnisync_binding SET outcome_at = '2026-11-24T15:10:00+00:00' WHERE id = 'ord_9'")
    fetched: list[int] = []
    select = Database.select

    def counted(database: Database, sql: str, values: Sequence[object] = ()) -> RowList:
        rows = select(database, sql, values)
        fetched.append(len(rows))
        return rows

    monkeypatch.setattr(Database, "select", counted)
    found = [record.id for record in erp.records.open_issues(outcomes, 4)]
    expected = ["ord_11", "ord_9", "ord_7", "ord_5"] if outcomes == ("refused",) else ["ord_11", "ord_9", "ord_10"]
    assert (found[: len(expected)], len(found), fetched) == (expected, 4, [4])
    assert erp.records.open_issues((), 4) == []
