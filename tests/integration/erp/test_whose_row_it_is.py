"""Whose a row is, told by an external id of every form a layout may give it, and by keys as columns hold them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from omnisync.agent.erp.base import Erp
from omnisync.agent.progress import RowCounts
from tests.support.erp_databases import KEEPERS, make_erp, write
from tests.support.record_samples import change, customer, item, order
from tests.support.toy_erp import CUSTOMER, ITEM, ORDER, ToyErp

MAX = '[{kind}.number]\nfrom = "max"\n'
STATE = 'state = { column = "sit", open = "A", cancelled = "C" }\n'
PED = "num INTEGER NOT NULL PRIMARY KEY, id_app {id} UNIQUE, total NUMERIC(15,2), cli INTEGER, sit CHAR(1)"


@pytest.fixture(params=list(KEEPERS))
def toy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    made = ToyErp(make_erp(request.param, request, tmp_path), tmp_path)
    yield made
    made.close()


def _numbered(*more: str) -> str:
    return ORDER.replace("[order.columns]", "".join((*more, MAX.format(kind="order"))) + "[order.columns]")


def _edited_and_cancelled(erp: Erp, first: str, second: str) -> None:
    """Two orders enter, one is changed and one cancelled."""
    assert write(erp, change(order(first)), change(order(second))).counts.orders == RowCounts(written=2)
    assert write(erp, change(order(first, items=(item(1),)), 2)).counts.orders == RowCounts(written=1)
    assert write(erp, change(order(second, status="cancelled"), 2)).counts.orders == RowCounts(written=1)


def test_case_h1_an_id_joined_with_other_fields_goes_on_entering(toy: ToyErp) -> None:
    toy.lay(cli="", ped=PED.format(id="VARCHAR(40)"))
    joined = _numbered(STATE).replace('id_app = "id"', "id_app = \"id | join('-', number)\"")
    _edited_and_cancelled(toy.open(joined, ITEM), "ord_1", "ord_2")


def test_case_h1_an_id_in_a_column_of_numbers_is_compared_as_a_number(toy: ToyErp) -> None:
    toy.lay(cli="", ped=PED.format(id="INTEGER"))
    digits = _numbered(STATE).replace('id_app = "id"', 'id_app = "id | digits"')
    _edited_and_cancelled(toy.open(digits, ITEM), "ord_0012", "ord_0013")


def test_case_h1_an_id_in_a_column_of_binary_text_is_read_as_text(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = ToyErp(make_erp("mariadb", request, tmp_path), tmp_path)
    toy.lay(cli="", ped=PED.format(id="VARBINARY(40)"))
    _edited_and_cancelled(toy.open(_numbered(STATE), ITEM), "ord_1", "ord_2")
    toy.close()


def test_case_h1_twins_on_a_row_whose_made_key_had_zeros_both_keep_it(toy: ToyErp) -> None:
    toy.lay(
        cli="cod INTEGER NOT NULL PRIMARY KEY, id_app VARCHAR(40) UNIQUE, nome VARCHAR(60), documento VARCHAR(20)",
        ped=PED.format(id="VARCHAR(40)"),
    )
    made = MAX.format(kind="customer") + 'form = "zeros_left(6)"\n[customer.match]\ncolumn = "documento"\n'
    buyers = CUSTOMER.replace("[customer.columns]", f"{made}[customer.columns]")
    erp = toy.open(buyers, _numbered(STATE, 'customer = "cli"\n'), ITEM)
    write(erp, change(customer()))
    write(erp, change(customer("cus_2")))
    written = write(erp, change(order()), change(order("ord_2", customer_id="cus_2")))
    assert written.counts.orders == RowCounts(written=2)
    assert toy.rows("SELECT num, cli FROM ped ORDER BY num") == [(1, 1), (2, 1)]
    again = write(erp, change(customer(name="A"), 2), change(customer("cus_2", name="B"), 2))
    assert again.counts.customers == RowCounts(written=2)


def test_case_e2_a_row_beside_the_order_without_what_lines_are_known_by_needs_no_constant(toy: ToyErp) -> None:
    toy.lay(cli="", ite="num INTEGER NOT NULL, id_item VARCHAR(40), produto VARCHAR(60), total NUMERIC(15,2)")
    items = ITEM.replace('identity = "line"\nline = "seq"', 'identity = "item_id"\nexternal_id = "id_item"')
    freight = (
        '[[order.after]]\nname = "frete"\ntable = "ite"\n[order.after.columns]\nnum = { key_of = "order" }\n'
        'total = "totals.freight_amount"\n'
    )
    erp = toy.open(ORDER, freight, items.replace('seq = "line"', 'id_item = "id"'))
    write(erp, change(order()))
    assert write(erp, change(order(items=(item(1),)), 2)).counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT count(*) FROM ite WHERE id_item IS NULL") == [(1,)]
    assert toy.rows("SELECT count(*) FROM ite WHERE id_item IS NOT NULL") == [(1,)]


def test_case_h6_a_row_whose_number_cannot_be_read_back_refuses_its_record_alone(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = ToyErp(make_erp("sqlite", request, tmp_path), tmp_path)
    toy.lay(cli="", ped="num INTEGER NOT NULL PRIMARY KEY, total NUMERIC(15,2), mostra VARCHAR(10), obs VARCHAR(20)")
    toy.run(
        "CREATE TRIGGER t AFTER INSERT ON ped WHEN NEW.obs = 'outro' BEGIN "
        "UPDATE ped SET num = num + 500 WHERE num = NEW.num; END"
    )
    plain = _numbered('shown = "mostra"\n').replace('external_id = "id_app"\n', "")
    erp = toy.open(plain.replace('id_app = "id"\n', 'obs = "notes"\n'), ITEM)
    written = write(erp, change(order(notes="outro")), change(order("ord_2")))
    assert written.counts.orders == RowCounts(written=1, refused=1)
    assert {r.id: r.code for r in erp.records.open_issues(["refused"], 9)} == {"ord_1": "erp_row_missing"}
    toy.close()
