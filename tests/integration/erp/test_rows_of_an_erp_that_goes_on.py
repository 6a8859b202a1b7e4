"""Edits, cancellations and second imports meet rows that the ERP's own people changed; each test named by its case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.layout.schema import read_layout
from omnisync.agent.erp.layout_check.check import check
from omnisync.agent.errors import ErpCommittedError
from omnisync.agent.progress import RowCounts
from omnisync.contract.streams import orders_of
from tests.support.erp_databases import KEEPERS, make_erp, part, write
from tests.support.record_samples import change, customer, item, order
from tests.support.toy_erp import CUSTOMER, ITEM, ORDER, TABLES, ToyErp

STATE = 'state = { column = "sit", open = "A", cancelled = "C", update_while = ["A", "P"] }\n'
PED = "num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), cli INTEGER, sit CHAR(1), obs VARCHAR(60)"
MATCH = '[customer.match]\ncolumn = "documento"\n'
OTHER_CNPJ = "11222333000181"


def _ordered(*more: str) -> str:
    """The layout's order with what stands directly in its table."""
    return ORDER.replace("[order.columns]", "".join(more) + "[order.columns]")


def _matching() -> str:
    return CUSTOMER.replace("[customer.columns]", MATCH + "[customer.columns]")


@pytest.fixture(params=list(KEEPERS))
def toy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    made = ToyErp(make_erp(request.param, request, tmp_path), tmp_path)
    yield made
    made.close()


@pytest.fixture
def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    made = ToyErp(make_erp("sqlite", request, tmp_path), tmp_path)
    yield made
    made.close()


def _reasons(erp: Erp, outcome: str = "refused") -> dict[str, str]:
    return {record.id: record.code for record in erp.records.open_issues([outcome], 100)}


@pytest.fixture
def mariadb(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    made = ToyErp(make_erp("mariadb", request, tmp_path), tmp_path)
    yield made
    made.close()


def _with_committing_procedure(toy: ToyErp) -> Erp:
    toy.lay(cli="", ped="num {made}, id_app VARCHAR(40), total NUMERIC(15,2)")  # without a unique key
    toy.run("CREATE PROCEDURE fecha (IN n INTEGER) BEGIN UPDATE ped SET total = total WHERE num = n; COMMIT; END")
    return toy.open(_ordered('after_sql = "CALL fecha(:key)"\n'), ITEM)


def test_case_h4_what_a_procedure_commits_is_remembered_and_ends_the_run(mariadb: ToyErp) -> None:
    erp = _with_committing_procedure(mariadb)
    erp.position(orders_of("0001"))
    for _ in range(3):
        with suppress(ErpCommittedError):
            write(erp, change(order()), change(order("ord_2")), expected=None)
    assert mariadb.rows("SELECT id_app FROM ped ORDER BY id_app") == [("ord_1",), ("ord_2",)]
    with pytest.raises(ErpCommittedError) as ended:
        write(erp, change(order("ord_3")), expected=None)
    assert ended.value.words["onde"] == "order.after_sql"
    assert len(mariadb.rows("SELECT id_app FROM ped")) == 3


def test_case_h4_customers_of_the_same_transaction_are_remembered_too(mariadb: ToyErp) -> None:
    mariadb.lay(cli="cod {made}, nome VARCHAR(60), documento VARCHAR(20)")
    mariadb.run("CREATE PROCEDURE fecha (IN n INTEGER) BEGIN UPDATE ped SET total = total WHERE num = n; COMMIT; END")
    unmarked = CUSTOMER.replace('external_id = "id_app"\n', "").replace('id_app = "id"\n', "")
    erp = mariadb.open(unmarked, _ordered('customer = "cli"\nafter_sql = "CALL fecha(:key)"\n'), ITEM)
    erp.position(orders_of("0001"))
    for _ in range(2):
        with suppress(ErpCommittedError):
            write(erp, change(order()), related=[change(customer())], expected=None)
    assert mariadb.rows("SELECT cod FROM cli") == mariadb.rows("SELECT cli FROM ped")


def test_case_h4_what_a_procedure_commits_in_a_rehearsal_is_remembered(mariadb: ToyErp) -> None:
    erp = _with_committing_procedure(mariadb)
    erp.position(orders_of("0001"))
    with pytest.raises(ErpCommittedError):
        erp.dry_run(part(change(order()), expected=None))
    assert write(erp, change(order()), expected=None).counts.orders == RowCounts(unchanged=1)
    assert mariadb.rows("SELECT id_app FROM ped") == [("ord_1",)]


def test_case_h4_a_procedure_that_commits_is_found_by_the_check(mariadb: ToyErp, tmp_path: Path) -> None:
    _with_committing_procedure(mariadb)
    layout = read_layout((tmp_path / "formas.toml").read_text(encoding="utf-8"))
    address = mariadb.keeper.address
    with closing(open_database(address, mariadb.keeper.password)) as database:
        found = {(one.code, one.where) for one in check(layout, database, address)}
    assert ("check_commits", "order.after_sql") in found


_PAYMENT = """
[payment]
table = "par"
parent = "num"
identity = "line"
line = "seq"
[payment.columns]
cli = { key_of = "customer" }
seq = "line"
valor = "amount"
"""
_TITLE = """
[[order.after]]
name = "titulo"
table = "tit"
[order.after.columns]
num = { key_of = "order" }
cli = { key_of = "customer" }
tipo = { constant = "DUP" }
valor = "totals.total_amount"
"""


def test_case_h7_an_order_that_passes_to_another_customer_takes_its_lines_and_rows_along(toy: ToyErp) -> None:
    toy.lay(
        par="num INTEGER NOT NULL, seq INTEGER NOT NULL, cli INTEGER, valor NUMERIC(15,2), PRIMARY KEY (num, seq)",
        tit="num INTEGER, cli INTEGER, tipo VARCHAR(3), valor NUMERIC(15,2)",
    )
    erp = toy.open(CUSTOMER, _ordered('customer = "cli"\n'), _TITLE, ITEM, _PAYMENT)
    write(erp, change(customer()), change(customer("cus_2", document=OTHER_CNPJ, name="Mercado Sol")))
    write(erp, change(order()))
    assert write(erp, change(order(customer_id="cus_2"), 2)).counts.orders == RowCounts(written=1)
    [(sol,)] = toy.rows("SELECT cod FROM cli WHERE id_app = 'cus_2'")
    assert toy.rows("SELECT cli FROM ped") == [(sol,)]
    assert toy.rows("SELECT seq, cli FROM par") == [(1, sol)]
    assert toy.rows("SELECT cli, tipo FROM tit") == [(sol, "DUP")]


_AFTER = """
[[customer.after]]
name = "contato"
table = "con"
when = "email"
{mark}[customer.after.columns]
cli = {{ key_of = "customer" }}
{column}email = "email"
"""
_MARKED = {"mark": 'external_id = "id_app"\n', "column": 'id_app = "id"\n'}
_BEFORE = """
[[customer.before]]
name = "pessoa"
table = "pes"
key = "cod"
external_id = "id_app"
when = "email"
[customer.before.columns]
id_app = "id"
email = "email"
"""
_WITH_PERSON = CUSTOMER + 'pes = { key_of = "pessoa" }\n'


def _with_contacts(toy: ToyErp, *, is_marked: bool) -> Erp:
    toy.lay(con="cli INTEGER, id_app VARCHAR(40), email VARCHAR(60)")
    marked = _MARKED if is_marked else {"mark": "", "column": ""}
    erp = toy.open(CUSTOMER, _AFTER.format(**marked), ORDER, ITEM)
    write(erp, change(customer(email="a@aurora.example")))
    return erp


def _contacts(toy: ToyErp) -> list[Any]:
    return sorted(email for (email,) in toy.rows("SELECT email FROM con"))


def _warnings(erp: Erp) -> list[str]:
    return [warning.code for record in erp.records.with_warnings(10) for warning in record.warnings]


@pytest.mark.parametrize("is_marked", [True, False], ids=["marked", "unmarked"])
def test_case_h8_a_second_row_of_the_erps_people_is_not_overwritten(toy: ToyErp, is_marked: bool) -> None:
    erp = _with_contacts(toy, is_marked=is_marked)
    toy.run("INSERT INTO con (cli, email) SELECT cod, 'deles@erp.example' FROM cli")
    edited = change(customer(email="b@aurora.example"), 2)
    assert write(erp, edited).counts.customers == RowCounts(written=1)
    ours = "b@aurora.example" if is_marked else "a@aurora.example"
    assert _contacts(toy) == sorted([ours, "deles@erp.example"])
    assert _warnings(erp) == ([] if is_marked else ["extra_rows_alike"])


@pytest.mark.parametrize("is_marked", [True, False], ids=["marked", "unmarked"])
def test_case_h8_a_row_whose_value_was_lost_goes_where_it_is_ours_and_is_reported_elsewhere(
    toy: ToyErp, is_marked: bool
) -> None:
    erp = _with_contacts(toy, is_marked=is_marked)
    assert write(erp, change(customer(), 2)).counts.customers == RowCounts(written=1)
    assert _contacts(toy) == ([] if is_marked else ["a@aurora.example"])
    assert _warnings(erp) == ([] if is_marked else ["extra_row_stays"])
    assert write(erp, change(customer(email="c@aurora.example"), 3)).counts.customers == RowCounts(written=1)
    assert _contacts(toy) == ["c@aurora.example"]


def _with_people(toy: ToyErp) -> Erp:
    toy.lay(
        cli="cod {made}, id_app VARCHAR(40) UNIQUE, nome VARCHAR(60), documento VARCHAR(20), pes INTEGER",
        pes="cod {made}, id_app VARCHAR(40), email VARCHAR(60)",
    )
    return toy.open(_WITH_PERSON, _BEFORE, ORDER, ITEM)


def test_case_h8_a_row_before_the_main_one_that_was_empty_at_first_is_made_by_an_edit(toy: ToyErp) -> None:
    erp = _with_people(toy)
    write(erp, change(customer()))
    assert toy.rows("SELECT pes FROM cli") == [(None,)]
    assert write(erp, change(customer(email="a@aurora.example"), 2)).counts.customers == RowCounts(written=1)
    assert toy.rows("SELECT p.email FROM cli c JOIN pes p ON p.cod = c.pes") == [("a@aurora.example",)]
    write(erp, change(customer(email="b@aurora.example"), 3))
    assert toy.rows("SELECT email FROM pes") == [("b@aurora.example",)]


def test_case_h8_a_row_before_the_main_one_that_is_anothers_by_now_is_left_alone(toy: ToyErp) -> None:
    erp = _with_people(toy)
    write(erp, change(customer(email="a@aurora.example")))
    toy.run("UPDATE pes SET id_app = NULL, email = 'deles@erp.example'")  # deleted, and its number given again
    assert write(erp, change(customer(email="b@aurora.example"), 2)).counts.customers == RowCounts(written=1)
    assert toy.rows("SELECT p.email FROM cli c JOIN pes p ON p.cod = c.pes") == [("b@aurora.example",)]
    assert toy.rows("SELECT email FROM pes WHERE id_app IS NULL") == [("deles@erp.example",)]


_FREIGHT = """
[[order.before]]
name = "frete"
table = "fre"
key = "cod"
when = "notes"
[order.before.columns]
nota = "notes"
"""
_OF_FREIGHT = _TITLE.replace('cli = { key_of = "customer" }', 'fre = { key_of = "frete" }')


def test_case_h8_a_row_before_that_stays_is_still_pointed_at_by_the_rows_after(toy: ToyErp) -> None:
    toy.lay(
        cli="",
        ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), fre INTEGER",
        fre="cod {made}, nota VARCHAR(60)",
        tit="num INTEGER, fre INTEGER NOT NULL, tipo VARCHAR(3), valor NUMERIC(15,2)",
    )
    erp = toy.open(ORDER + 'fre = { key_of = "frete" }\n', _FREIGHT, _OF_FREIGHT, ITEM)
    write(erp, change(order(notes="urgente")))
    assert write(erp, change(order(), 2)).counts.orders == RowCounts(written=1)
    assert _warnings(erp) == ["extra_row_stays"]
    assert toy.rows("SELECT p.num FROM ped p JOIN tit t ON t.num = p.num AND t.fre = p.fre") == [(1,)]


def test_case_h8_a_row_after_keeps_the_key_of_another_row_after(toy: ToyErp) -> None:
    toy.lay(
        cli="",
        tit="cod {made}, id_app VARCHAR(40), num INTEGER, valor NUMERIC(15,2)",
        rat="num INTEGER, tit INTEGER, valor NUMERIC(15,2)",
    )
    title = '[[order.after]]\nname = "titulo"\ntable = "tit"\nkey = "cod"\nexternal_id = "id_app"\n'
    title += '[order.after.columns]\nid_app = "id"\nnum = { key_of = "order" }\nvalor = "totals.total_amount"\n'
    share = '[[order.after]]\nname = "rateio"\ntable = "rat"\n[order.after.columns]\nnum = { key_of = "order" }\n'
    share += 'tit = { key_of = "titulo" }\nvalor = "totals.total_amount"\n'
    erp = toy.open(ORDER, title, share, ITEM)
    write(erp, change(order()))
    assert write(erp, change(order(notes="urgente"), 2)).counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT r.num FROM rat r JOIN tit t ON t.cod = r.tit AND t.num = r.num") == [(1,)]


def test_case_h8_a_row_after_that_nothing_finds_again_is_not_doubled_by_an_edit(toy: ToyErp) -> None:
    toy.lay(
        cli="",
        ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), fre INTEGER",
        fre="cod {made}, nota VARCHAR(60)",
        tit="fre INTEGER, tipo VARCHAR(3), valor NUMERIC(15,2)",
    )
    unlinked = _OF_FREIGHT.replace('num = { key_of = "order" }\n', "")
    erp = toy.open(ORDER + 'fre = { key_of = "frete" }\n', _FREIGHT, unlinked, ITEM)
    write(erp, change(order()))
    assert write(erp, change(order(), 2)).counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT fre, tipo FROM tit") == [(None, "DUP")]


def test_case_h8_a_row_that_a_trigger_takes_with_our_update_stops_no_neighbour(sqlite: ToyErp) -> None:
    erp = _with_people(sqlite)
    write(erp, change(customer(email="a@aurora.example")))
    sqlite.run("CREATE TRIGGER leva AFTER UPDATE ON cli BEGIN DELETE FROM cli WHERE cod = NEW.cod; END")
    edited, other = change(customer(email="b@aurora.example"), 2), change(customer("cus_2", name="Mercado Sol"))
    assert write(erp, edited, other).counts.customers == RowCounts(written=2)
    assert sqlite.rows("SELECT email FROM pes") == [("a@aurora.example",)]


def _two_companies(toy: ToyErp) -> Erp:
    toy.lay()
    erp = toy.open(_matching(), _ordered('customer = "cli"\n'), ITEM)
    toy.run("INSERT INTO cli (cod, nome, documento) VALUES (7, 'X', '11222333000181')")
    write(erp, change(customer(document=OTHER_CNPJ)))
    write(erp, change(order()))
    assert toy.rows("SELECT cli FROM ped") == [(7,)]
    return erp


def test_case_h9_a_document_typed_wrong_and_mended_is_matched_anew(toy: ToyErp) -> None:
    erp = _two_companies(toy)
    toy.run("INSERT INTO cli (cod, nome, documento) VALUES (8, 'Aurora', '12ABC34501DE35')")
    assert write(erp, change(customer(), 2)).counts.customers == RowCounts(written=1)
    assert write(erp, change(order("ord_2"))).counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT cli FROM ped ORDER BY num") == [(7,), (8,)]
    assert toy.rows("SELECT nome FROM cli WHERE cod = 7") == [("X",)]


def test_case_h9_a_mended_document_that_the_erp_does_not_have_is_asked_for(toy: ToyErp) -> None:
    erp = _two_companies(toy)
    assert write(erp, change(customer(), 2)).counts.customers == RowCounts(refused=1)
    assert _reasons(erp) == {"cus_1": "customer_other_document"}
    [issue] = erp.records.open_issues(["refused"], 10)
    assert issue.value == "7"
    erp.records.choose("cus_1", "7")
    assert write(erp, change(customer(), 2), expected=None).counts.customers == RowCounts(written=1)
    assert toy.rows("SELECT count(*) FROM cli") == [(1,)]


def test_case_h9_a_row_of_another_document_that_a_person_chose_is_asked_about_once(toy: ToyErp) -> None:
    erp = _two_companies(toy)
    write(erp, change(customer(), 2))
    erp.records.choose("cus_1", "7")
    write(erp, change(customer(), 2), expected=None)
    for version in (3, 4):
        assert write(erp, change(customer(name=f"Aurora {version}"), version)).counts.customers == RowCounts(written=1)
        assert _warnings(erp) == ["customer_chosen"]
    assert write(erp, change(order("ord_2"))).counts.orders == RowCounts(written=1)
    assert write(erp, change(customer(document="52998224725"), 5)).counts.customers == RowCounts(refused=1)


def test_case_h9_no_order_is_billed_to_the_other_company_while_a_person_is_asked(toy: ToyErp) -> None:
    erp = _two_companies(toy)
    write(erp, change(customer(), 2))
    assert write(erp, change(order("ord_2"))).counts.orders == RowCounts(waiting=1)
    assert toy.rows("SELECT cli FROM ped") == [(7,)]
    toy.run("INSERT INTO cli (cod, nome, documento) VALUES (8, 'Aurora', '12ABC34501DE35')")
    erp.records.choose("cus_1", "8")
    write(erp, change(customer(), 2), expected=None)
    assert write(erp, change(order("ord_2")), expected=None).counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT cli FROM ped ORDER BY num") == [(7,), (8,)]


def test_case_h9_the_row_chosen_among_several_is_taken_though_another_has_our_mark(toy: ToyErp) -> None:
    erp = _two_companies(toy)
    for cod in (8, 9):
        toy.run("INSERT INTO cli (cod, nome, documento) VALUES (?, 'Aurora', '12ABC34501DE35')", cod)
    write(erp, change(customer(), 2))
    assert _reasons(erp) == {"cus_1": "customer_duplicate"}
    erp.records.choose("cus_1", "9")
    assert write(erp, change(customer(), 2), expected=None).counts.customers == RowCounts(written=1)
    assert toy.rows("SELECT cod FROM cli WHERE id_app = 'cus_1'") == [(9,)]


def test_case_h9_a_document_in_a_column_of_numbers_is_the_same_without_its_zeros(toy: ToyErp) -> None:
    toy.lay(cli=TABLES["cli"].replace("documento VARCHAR(20)", "documento NUMERIC(14)"))
    erp = toy.open(_matching(), ORDER, ITEM)
    toy.run("INSERT INTO cli (cod, nome, documento) VALUES (7, 'Banco', 191)")
    write(erp, change(customer(document="00000000000191")))
    toy.run("INSERT INTO cli (cod, nome, documento) VALUES (8, 'Banco, de novo', 191)")  # the ERP's people, since
    edited = change(customer(document="00000000000191", name="Banco S.A."), 2)
    assert write(erp, edited).counts.customers == RowCounts(written=1)


def test_case_h9_a_customer_asked_for_again_after_its_document_was_mended_is_made(toy: ToyErp) -> None:
    erp = _two_companies(toy)
    write(erp, change(customer(), 2))
    erp.records.requeue("customer", ["cus_1"], again=True)
    assert write(erp, change(customer(), 2), expected=None).counts.customers == RowCounts(written=1)
    assert toy.rows("SELECT documento, id_app FROM cli WHERE cod <> 7") == [("12ABC34501DE35", "cus_1")]


def _with_states(toy: ToyErp) -> Erp:
    toy.lay(cli="", ped=PED)
    erp = toy.open(_ordered(STATE) + 'obs = "notes"\n', ITEM)
    write(erp, change(order()))
    return erp


def test_case_h10_an_edit_leaves_the_state_that_the_erp_set(toy: ToyErp) -> None:
    erp = _with_states(toy)
    toy.run("UPDATE ped SET sit = 'P'")
    assert write(erp, change(order(notes="urgente"), 2)).counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT sit, obs FROM ped") == [("P", "urgente")]


def test_case_h10_what_the_erp_cancelled_is_not_opened_by_the_apps_cancelling_and_opening(toy: ToyErp) -> None:
    erp = _with_states(toy)
    toy.run("UPDATE ped SET sit = 'C'")
    assert write(erp, change(order(status="cancelled"), 2)).counts.orders == RowCounts(unchanged=1)
    assert write(erp, change(order(notes="de volta"), 3)).counts.orders == RowCounts(kept=1)
    assert toy.rows("SELECT sit, obs FROM ped") == [("C", None)]


def test_case_h10_what_we_cancelled_is_opened_again(toy: ToyErp) -> None:
    erp = _with_states(toy)
    assert write(erp, change(order(status="cancelled"), 2)).counts.orders == RowCounts(written=1)
    assert write(erp, change(order(notes="de volta"), 3)).counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT sit, obs FROM ped") == [("A", "de volta")]
    write(erp, change(order(status="cancelled"), 4))
    toy.run("UPDATE ped SET sit = 'P'")  # the ERP's people opened it themselves, and began to pick
    assert write(erp, change(order(notes="de novo"), 5)).counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT sit, obs FROM ped") == [("P", "de novo")]


_QUEUE = """
[order]
landing = "staging"
table = "ped"
key = [{key}]
external_id = "id_app"
{state}
[order.outcome]
sql = "SELECT {asked}, numero, sit, motivo FROM saida WHERE {among}"
states = {{ N = "staged", I = "imported", E = "refused" }}
[order.columns]
id_app = "id"
total = "totals.total_amount"
"""
_OUT = "fil INTEGER, num INTEGER, id_app VARCHAR(40), numero VARCHAR(20), sit CHAR(1), motivo VARCHAR(60)"


def _queued(toy: ToyErp) -> Erp:
    toy.lay(cli="", ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), sit CHAR(1)", saida=_OUT)
    return toy.open(
        _QUEUE.format(
            key='"num"',
            state='state = { column = "sit", open = "N", cancelled = "C" }',
            asked="id_app",
            among="id_app IN (:ids)",
        ),
        ITEM,
    )


def test_case_h12_a_queued_order_asked_for_again_waits_for_its_new_number(toy: ToyErp) -> None:
    erp = _queued(toy)
    write(erp, change(order()))
    toy.run("INSERT INTO saida (id_app, numero, sit) VALUES ('ord_1', '500', 'I')")
    assert erp.read_outcomes() == 1
    toy.run("DELETE FROM ped")
    toy.run("DELETE FROM ite")
    toy.run("DELETE FROM saida")
    erp.records.requeue("order", ["ord_1"], again=True)
    assert write(erp, change(order()), expected=None).counts.orders == RowCounts(written=1)
    [receipt] = erp.records.pending_receipts(10)
    assert (receipt.outcome, receipt.erp_number) == ("staged", None)
    toy.run("INSERT INTO saida (id_app, numero, sit) VALUES ('ord_1', '501', 'I')")
    assert erp.read_outcomes() == 1
    [receipt] = erp.records.pending_receipts(10)
    assert (receipt.outcome, receipt.erp_number) == ("imported", "501")


def test_case_h16_a_number_that_the_job_gives_before_the_receipt_is_acknowledged_is_reported(toy: ToyErp) -> None:
    erp = _queued(toy)
    write(erp, change(order()))
    erp.records.acknowledge(erp.records.pending_receipts(10))
    toy.run("DELETE FROM ped")  # the job took it, and has not said what became of it
    written = write(erp, change(order(notes="urgente"), 2))
    assert [(receipt.outcome, receipt.erp_number) for receipt in written.receipts] == [("kept", None)]
    toy.run("INSERT INTO saida (id_app, numero, sit) VALUES ('ord_1', '500', 'I')")
    assert erp.read_outcomes() == 1
    erp.records.acknowledge(written.receipts)
    assert [(one.outcome, one.erp_number) for one in erp.records.pending_receipts(10)] == [("kept", "500")]


def test_case_h11_a_key_of_two_columns_is_matched_whole(toy: ToyErp) -> None:
    toy.lay(
        cli="",
        ped="fil INTEGER NOT NULL, num INTEGER NOT NULL, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), "
        "PRIMARY KEY (fil, num)",
        ite="fil INTEGER NOT NULL, num INTEGER NOT NULL, seq INTEGER NOT NULL, produto VARCHAR(60), "
        "total NUMERIC(15,2), PRIMARY KEY (fil, num, seq)",
        saida=_OUT,
    )
    queue = _QUEUE.format(key='"fil", "num"', state="", asked="num", among="num IN (:keys)")
    number = '[order.number]\nfrom = "max"\n'
    fil = 'fil = { field = "establishment_code", map = { "0001" = "1", "0002" = "2" } }\n'
    parts = (queue.replace("[order.outcome]", number + "[order.outcome]") + fil, ITEM)
    with pytest.raises(Exception) as refused:  # noqa: PT011, B017
        toy.open(parts[0], ITEM.replace('parent = "num"', 'parent = ["fil", "num"]'))
    assert "order.outcome.sql" in str(getattr(refused.value, "words", {}).get("motivo", ""))


@pytest.mark.parametrize(
    ("text", "capitals"),
    [("Capacitor 10 µF", "CAPACITOR 10 µF"), ("pão de açúcar", "PÃO DE AÇÚCAR"), ("straße", "STRASSE"), ("ÿ", "Ÿ")],
)
def test_case_h17_a_letter_stays_whose_capital_leaves_the_charset(text: str, capitals: str, sqlite: ToyErp) -> None:
    sqlite.lay(cli="", ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), obs VARCHAR(60)")
    erp = sqlite.open(ORDER + 'obs = "notes | upper"\n', ITEM)
    write(erp, change(order(notes=text)))
    assert sqlite.rows("SELECT obs FROM ped") == [(capitals,)]


_LOOKED_UP = """
[item]
table = "ite"
parent = "num"
identity = "line"
line = "seq"
[item.columns]
seq = "line"
produto = { field = "product_code", lookup = "pro", by = "cod", take = "ref" }
total = "total_amount"
"""


def test_case_h19_a_look_up_does_not_depend_on_its_neighbours(sqlite: ToyErp) -> None:
    sqlite.lay(cli="")
    sqlite.run("CREATE TABLE pro (cod VARCHAR(20) PRIMARY KEY, ref VARCHAR(20))")
    sqlite.run("INSERT INTO pro (cod, ref) VALUES ('pao1', 'r1'), ('PAO1', 'r2')")
    erp = sqlite.open(ORDER, _LOOKED_UP)
    both = order(items=(item(1, product_code="pao1"), item(2, product_code="PAO1")))
    assert write(erp, change(both)).counts.orders == RowCounts(written=1)
    assert sqlite.rows("SELECT produto FROM ite ORDER BY seq") == [("r1",), ("r2",)]


@pytest.mark.parametrize("column", ["VARCHAR(20)", "INTEGER"])
def test_case_h19_a_code_with_other_zeros_is_the_neighbours_only_in_a_column_of_numbers(
    toy: ToyErp, column: str
) -> None:
    toy.lay(cli="", pro=f"cod {column} NOT NULL PRIMARY KEY, ref VARCHAR(20)")
    toy.run("INSERT INTO pro (cod, ref) VALUES ('12', 'r1')")
    erp = toy.open(ORDER, _LOOKED_UP)
    plain, padded = (item(1, product_code=code) for code in ("12", "0012"))
    write(erp, change(order(items=(plain,))), change(order("ord_2", items=(padded,))))
    assert _reasons(erp) == ({"ord_2": "product_unknown"} if column != "INTEGER" else {})
    assert toy.rows("SELECT produto FROM ite") == [("r1",)] * (1 if column != "INTEGER" else 2)


def test_case_h18_a_matched_customer_made_anew_is_ours(toy: ToyErp) -> None:
    toy.lay()
    erp = toy.open(_matching(), _ordered('customer = "cli"\n'), ITEM)
    toy.run("INSERT INTO cli (cod, nome, documento) VALUES (7, 'Deles', '12ABC34501DE35')")
    write(erp, change(customer()))
    toy.run("DELETE FROM cli")
    erp.records.requeue("customer", ["cus_1"], again=True)
    assert write(erp, change(customer()), expected=None).counts.customers == RowCounts(written=1)
    write(erp, change(customer(name="Aurora Nova"), 2))
    assert toy.rows("SELECT nome FROM cli") == [("Aurora Nova",)]


def _with(record: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(record, **fields)


_QUANTITY = ITEM + 'quantidade = "quantity"\n'


def test_case_h21_a_quantity_that_the_column_rounds_enters_with_a_warning(toy: ToyErp) -> None:
    toy.lay(
        cli="",
        ite="num INTEGER NOT NULL, seq INTEGER NOT NULL, produto VARCHAR(60), total NUMERIC(15,2), "
        "quantidade NUMERIC(15,2), PRIMARY KEY (num, seq)",
    )
    erp = toy.open(ORDER, _QUANTITY)
    erp.position(orders_of("0001"))
    eighth = order(items=(item(1, quantity="0.1250", price="8.00"), item(2, quantity="2.5000")))
    assert write(erp, change(eighth), change(order("ord_2"))).counts.orders == RowCounts(written=2)
    warned = {record.id: [one.code for one in record.warnings] for record in erp.records.with_warnings(10)}
    if toy.kind == "sqlite":  # it keeps every place
        assert warned == {}
        return
    assert warned == {"ord_1": ["value_rounded"]}
    [record] = erp.records.with_warnings(10)
    assert "quantity" in record.warnings[0].message
    assert "(2)" in record.warnings[0].message


def _content(toy: ToyErp) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    return toy.rows("SELECT sit, total FROM ped"), toy.rows("SELECT seq, produto FROM ite ORDER BY seq")


def test_a_cancellation_brings_the_edit_that_never_came(toy: ToyErp) -> None:
    toy.lay(ped=PED)
    erp = toy.open(CUSTOMER, _ordered(STATE), ITEM)
    write(erp, change(order(items=(item(1),))), related=[change(customer())])
    write(erp, change(order(items=(item(1), item(2)), status="cancelled"), 3))
    [(state, total)], lines = _content(toy)
    assert (state, len(lines)) == ("C", 2)
    assert total == toy.rows("SELECT SUM(total) FROM ite")[0][0]


def test_a_cancellation_whose_content_the_erp_refuses_cancels_with_the_content_it_has(toy: ToyErp) -> None:
    toy.lay(
        ped=PED,
        ite="num INTEGER NOT NULL, seq INTEGER NOT NULL CHECK (seq < 2), produto VARCHAR(60), "
        "total NUMERIC(15,2), PRIMARY KEY (num, seq)",
    )
    erp = toy.open(CUSTOMER, _ordered(STATE), ITEM)
    write(erp, change(order(items=(item(1),))), related=[change(customer())])
    written = write(erp, change(order(items=(item(1), item(2)), status="cancelled"), 3))
    assert written.counts.orders == RowCounts(written=1)
    [(state, _)], lines = _content(toy)
    assert (state, len(lines)) == ("C", 1)


def test_a_cancellation_of_what_the_erp_locked_changes_nothing(sqlite: ToyErp) -> None:
    sqlite.lay(ped=PED)
    erp = sqlite.open(CUSTOMER, _ordered(STATE), ITEM)
    write(erp, change(order(items=(item(1),))), related=[change(customer())])
    sqlite.run("UPDATE ped SET sit = 'F'")
    before = _content(sqlite)
    write(erp, change(order(items=(item(1), item(2)), status="cancelled"), 3))
    assert (_content(sqlite), _reasons(erp, "kept")) == (before, {"ord_1": "order_locked"})


def test_case_e7_a_rehearsal_shows_the_rows_beside_the_order_too(toy: ToyErp) -> None:
    toy.lay(ped=PED, tit="num INTEGER, cli INTEGER, tipo CHAR(3), valor NUMERIC(15,2)")
    erp = toy.open(CUSTOMER, ORDER, ITEM, _TITLE)
    one = part(change(order()), related=[change(customer())], expected=None)
    erp.position(orders_of("0001"))
    rehearsed, previewed = erp.dry_run(one).tables, erp.preview(one).tables
    assert [len(rehearsed[table]) for table in ("cli", "ped", "ite", "tit")] == [1, 1, 2, 1]
    assert [len(previewed[table]) for table in ("cli", "ped", "ite", "tit")] == [1, 1, 2, 1]
    assert toy.rows("SELECT COUNT(*) FROM tit") == [(0,)]
