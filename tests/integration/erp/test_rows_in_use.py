"""A row that somebody holds in the ERP makes its record wait, and lets the rest in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.driver import Timeouts
from omnisync.agent.erp.sql_erp import MAX_IN_USE
from omnisync.agent.errors import ErpRowInUseError
from omnisync.agent.progress import RowCounts
from omnisync.contract.streams import orders_of
from tests.support.erp_databases import make_erp, part, write
from tests.support.record_samples import change, customer, order
from tests.support.toy_erp import CUSTOMER, ITEM, ORDER, ToyErp

SHORT = Timeouts(lock_s=1)
STATE = 'state = { column = "sit", open = "A", cancelled = "C", update_while = ["A"] }\n'
TAKING_CUSTOMER = ORDER.replace("[order.columns]", 'customer = "cli"\n[order.columns]')


@pytest.fixture(params=["postgresql", "mariadb", "firebird"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def toy(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Iterator[ToyErp]:
    made = ToyErp(make_erp(kind, request, tmp_path), tmp_path)
    made.lay(ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), cli INTEGER, sit CHAR(1)")
    yield made
    made.close()


@contextmanager
def held(toy: ToyErp, *statements: str) -> Iterator[None]:
    """What another session changed and has not committed yet."""
    with closing(toy.keeper.plain()) as session, closing(session.cursor()) as cursor:
        for sql in statements:
            cursor.execute(sql)
        yield
        session.rollback()


def outcomes(erp: Erp) -> dict[str, str]:
    return {one.id: one.code for one in erp.records.open_issues(["waiting", "refused"], 100)}


def test_case_d1_an_order_in_use_waits_and_twenty_others_enter(toy: ToyErp) -> None:
    erp = toy.open(CUSTOMER, ORDER, ITEM, timeouts=SHORT)
    write(erp, change(order("ord_00")), related=[change(customer())])
    news = [change(order(f"ord_{n:02}")) for n in range(1, 21)]
    with held(toy, "UPDATE ped SET total = 0 WHERE id_app = 'ord_00'"):
        where = erp.position(orders_of("0001")).cursor
        written = erp.write(part(change(order("ord_00"), 2), *news, expected=where, moves_to="c1"))
    assert written.counts.orders == RowCounts(written=20, waiting=1)
    assert outcomes(erp) == {"ord_00": "erp_row_in_use"}
    assert erp.position(orders_of("0001")).cursor == "c1"
    [issue] = erp.records.open_issues(["waiting"], 10)
    assert "aberto" in issue.message
    # Freed, it enters with what is read again of those that wait.
    assert write(erp, change(order("ord_00"), 2), expected=None).counts.orders == RowCounts(written=1)
    assert (outcomes(erp), len(toy.rows("SELECT num FROM ped"))) == ({}, 21)


def test_case_d1_a_cancellation_of_an_order_in_use_waits_too(toy: ToyErp) -> None:
    erp = toy.open(CUSTOMER, ORDER.replace("[order.columns]", STATE + "[order.columns]"), ITEM, timeouts=SHORT)
    write(erp, change(order("ord_00")), change(order("ord_01")), related=[change(customer())])
    with held(toy, "UPDATE ped SET total = 0 WHERE id_app = 'ord_00'"):
        cancelled = [change(order(id_, status="cancelled"), 2) for id_ in ("ord_00", "ord_01")]
        assert write(erp, *cancelled).counts.orders == RowCounts(written=1, waiting=1)
    assert toy.rows("SELECT id_app FROM ped WHERE sit = 'C'") == [("ord_01",)]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_case_d1_a_table_in_use_as_a_whole_is_tried_again_later(toy: ToyErp) -> None:
    """More records than a person can have opened: nothing is said of any of them."""
    erp = toy.open(CUSTOMER, ORDER, ITEM, timeouts=SHORT)
    edits = [f"ord_{n:02}" for n in range(MAX_IN_USE + 2)]
    write(erp, *(change(order(id_)) for id_ in edits), related=[change(customer())])
    with held(toy, "UPDATE ped SET total = 0"), pytest.raises(ErpRowInUseError):
        write(erp, *(change(order(id_), 2) for id_ in edits), expected=None)
    written = write(erp, *(change(order(id_), 2) for id_ in edits), expected=None)
    assert (written.counts.orders.waiting, outcomes(erp)) == (0, {})


def test_a_customer_in_use_lets_its_orders_wait_and_the_others_enter(toy: ToyErp) -> None:
    erp = toy.open(CUSTOMER, TAKING_CUSTOMER, ITEM, timeouts=SHORT)
    write(erp, change(customer()), change(customer("cus_2", document="11444777000161")))
    with held(toy, "UPDATE cli SET nome = 'outro' WHERE id_app = 'cus_1'"):
        renamed = change(customer(name="Padaria Nova"), 2)
        written = write(erp, change(order("ord_1", customer_id="cus_2")), related=[renamed])
    assert written.counts.orders == RowCounts(written=1)
    assert outcomes(erp) == {"cus_1": "erp_row_in_use"}
