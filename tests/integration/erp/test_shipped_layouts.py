"""The shipped layouts `direto` and `staging` on every database: what a page leaves in an ERP like real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.layout.schema import shipped_layout, shipped_text
from omnisync.agent.erp.layout_check.check import check
from omnisync.agent.errors import OvertakenError
from omnisync.agent.progress import RowCounts
from omnisync.contract.documents import mask
from omnisync.contract.records import Address, Order, PaymentTerms, Phone
from omnisync.contract.streams import CUSTOMERS, orders_of
from tests.support.erp_databases import KEEPERS, part, write
from tests.support.erp_reader import ErpReader, Line, Seen, make_erp_reader, real_orders
from tests.support.record_samples import change, customer, item, order

LAYOUTS = ("direto", "staging")
SITE = Address(
    kind="main", street="Avenida São João", number="Lote 7", city_code="3550308", state="SP", postal_code="01310200"
)
OLD_CNPJS = ("00000000000191", "11222333000181")
METHODS = {"direto": {"PIX": "17", "BOLETO": "15"}, "staging": {"PIX": "2", "BOLETO": "3"}}


@pytest.fixture(params=[(kind, layout) for layout in LAYOUTS for kind in KEEPERS], ids=lambda pair: "-".join(pair))
def book(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    kind, layout = request.param
    return make_erp_reader(kind, layout, request, tmp_path)


@pytest.fixture(params=list(KEEPERS))
def direto(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    return make_erp_reader(request.param, "direto", request, tmp_path)


@pytest.fixture(params=list(KEEPERS))
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    return make_erp_reader(request.param, "staging", request, tmp_path)


@pytest.fixture
def erp(request: pytest.FixtureRequest) -> Iterator[Erp]:
    name = next(name for name in ("book", "direto", "staging") if name in request.fixturenames)
    opened: Erp = request.getfixturevalue(name).open()
    yield opened
    opened.close()


def sold(record: Order, layout: str, state: str = "", document: str = "12ABC34501DE35") -> tuple[Any, ...]:
    """What an ERP must have of an order, whatever its number."""
    methods = METHODS[layout]
    return Seen(
        number="",
        state=state or {"direto": "A", "staging": "P"}[layout],
        customer=mask(document),
        total=record.totals.total_amount,
        items=_lines(record),
        payments=tuple((p.line, methods[p.method_code], p.due_on.isoformat(), p.amount) for p in record.payments),
    ).content


def _lines(record: Order) -> tuple[Line, ...]:
    return tuple(sorted((i.line, i.product_code.zfill(6), i.quantity, i.total_amount) for i in record.items))


def _named(record: Order, document: str = "12ABC34501DE35") -> Order:
    """The order with its customer's document in it, as apps send it: the staging ERP reads it there."""
    who = msgspec.structs.replace(record.customer, document_kind="cnpj", document=document)
    return msgspec.structs.replace(record, customer=who)


def _warnings(book: ErpReader, id_: str) -> list[str]:
    [(text,)] = book.keeper.query("SELECT warnings FROM omnisync_binding WHERE id = ?", id_)
    return [warning["code"] for warning in json.loads(text or "[]")]


def test_an_order_lands_with_all_that_is_its_own(book: ErpReader, erp: Erp) -> None:
    write(erp, change(customer(addresses=(SITE,))))
    written = write(erp, change(_named(order())))
    assert book.orders()["ord_1"].content == sold(order(), book.layout)
    assert book.customers() == {"cus_1": ("12.ABC.345/01DE-35", "PADARIA AURORA LTDA")}
    assert written.counts.total == RowCounts(written=4)


def test_a_page_written_twice_leaves_the_same_rows_and_numbers(book: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    page = [change(_named(order(f"ord_{n}"))) for n in range(1, 60)]
    write(erp, *page)
    before = book.orders(), book.customers()
    assert len(before[0]) == 59
    assert write(erp, *page).counts.orders == RowCounts(unchanged=59)
    assert (book.orders(), book.customers()) == before


def test_a_newer_version_changes_what_is_there_and_keeps_the_number(book: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order())), change(_named(order("ord_2"))))
    before = book.orders()
    edited = _named(order(items=(item(2, price="5.00"), item(3), item(1, product_code="000003"))))
    written = write(erp, change(edited, 2))
    after = book.orders()
    assert written.counts.orders == RowCounts(written=1)
    assert {id_: seen.number for id_, seen in after.items()} == {id_: seen.number for id_, seen in before.items()}
    assert after["ord_1"].items == _lines(edited)
    assert after["ord_2"] == before["ord_2"]


def test_an_order_the_erp_deleted_is_not_made_again(book: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order())), change(_named(order("ord_2"))))
    book.delete("ord_1")
    written = write(erp, change(_named(order(notes="mudou")), 2))
    assert written.counts.orders == RowCounts(kept=1)
    assert list(book.orders()) == ["ord_2"]
    assert [(r.id, r.outcome) for r in erp.records.pending_receipts(10) if r.version == 2] == [("ord_1", "kept")]


def test_a_cancelled_order_is_cancelled_while_it_is_open(book: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order())))
    write(erp, change(_named(order(status="cancelled")), 2))
    assert book.orders()["ord_1"].content == sold(order(), book.layout, state="C")
    write(erp, change(_named(order()), 3))
    assert book.orders()["ord_1"].content == sold(order(), book.layout)


def test_a_row_with_our_id_and_no_binding_is_adopted(book: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order())))
    before = book.orders(), book.customers()
    book.keeper.run("DELETE FROM omnisync_binding")
    write(erp, change(customer()))
    write(erp, change(_named(order())), change(_named(order("ord_2"))))
    after = book.orders()
    assert (after.pop("ord_2").content, book.customers()) == (sold(order(), book.layout), before[1])
    assert after == before[0]


def test_a_rehearsal_shows_the_rows_and_leaves_none(book: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order("ord_0", establishment_code="0002"))), stream="order:0002")
    erp.position(orders_of("0001"))
    shown = erp.dry_run(part(change(_named(order())), expected=None))
    assert {table: len(rows) for table, rows in shown.tables.items() if "CLI" not in table.upper()} == {
        "direto": {"PEDIDO": 1, "PEDIDO_ITEM": 2, "PARCELA": 1},
        "staging": {"omniforce_pedido": 1, "omniforce_pedido_item": 2, "omniforce_pedido_parcela": 1},
    }[book.layout]
    assert list(book.orders()) == ["ord_0"]


def test_a_run_that_was_overtaken_writes_nothing(book: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    erp.position(orders_of("0001"))
    erp.write(part(change(_named(order())), expected="", moves_to="c1"))
    with pytest.raises(OvertakenError):
        erp.write(part(change(_named(order("ord_2"))), expected="", moves_to="c2"))
    assert list(book.orders()) == ["ord_1"]


def test_texts_are_made_to_fit_and_what_was_lost_is_said(book: ErpReader, erp: Erp) -> None:
    long = "Distribuidora d’Água Fria – Comércio e Importação de Materiais Ltda \u2615"
    write(erp, change(customer(name=long)))
    assert book.customers()["cus_1"][1] == "DISTRIBUIDORA D'ÁGUA FRIA - COMÉRCIO E IMPORTAÇÃO"
    assert _warnings(book, "cus_1") == ["letters_dropped", "text_shortened"]


def test_the_order_of_an_unknown_method_is_refused_by_its_code_and_enters_when_de_para_tells(book: ErpReader) -> None:
    erp = book.open()
    write(erp, change(customer()))
    payment = msgspec.structs.replace(order().payments[0], method_code="PIX2")
    odd = _named(msgspec.structs.replace(order(), payments=(payment,)))
    written = write(erp, change(_named(order("ord_0"))), change(odd), change(_named(order("ord_2"))))
    assert written.counts.orders == RowCounts(written=2, refused=1)
    [refused] = erp.records.open_issues(["refused"], 10)
    assert (refused.code, refused.value) == ("payment_method_unmapped", "PIX2")
    assert "PIX2" in refused.message
    erp.close()
    erp = book.open(mappings={"payment_method": {"PIX2": METHODS[book.layout]["PIX"]}})
    assert list(erp.records.waiting(["0001"])) == [(orders_of("0001"), ["ord_1"])]
    assert write(erp, change(odd), expected=None).counts.orders == RowCounts(written=1)
    assert book.orders()["ord_1"].content == sold(order(), book.layout)
    erp.close()


def test_a_shipped_layout_is_found_to_fit_its_tables(book: ErpReader) -> None:
    database = open_database(book.keeper.address, book.keeper.password)
    database.connect()
    assert check(shipped_layout(book.layout), database, book.keeper.address) == []
    database.close()


def test_a_filial_counts_for_itself_and_without_gaps(direto: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    page = [change(order(f"ord_{n}", paid="1.00" if n == 2 else "")) for n in range(1, 6)]
    write(erp, *page)
    write(erp, change(order("ord_x", establishment_code="0002")), stream="order:0002")
    numbers = {id_: seen.number for id_, seen in direto.orders().items()}
    assert numbers == {
        "ord_1": "01/1001",
        "ord_3": "01/1002",
        "ord_4": "01/1003",
        "ord_5": "01/1004",
        "ord_x": "02/5001",
    }
    assert direto.query("SELECT CNT_ULTIMO FROM CONTADOR WHERE CNT_NOME = 'PEDIDO' ORDER BY CNT_FILIAL") == [
        (1004,),
        (5001,),
    ]


def test_an_order_the_database_refuses_takes_no_number(direto: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    _forbid(direto)
    bad = order("ord_2", customer_order_number="PC-1")
    written = write(erp, change(order("ord_1")), change(bad), change(order("ord_3")))
    assert written.counts.orders == RowCounts(written=2, refused=1)
    assert {id_: seen.number for id_, seen in direto.orders().items()} == {"ord_1": "01/1001", "ord_3": "01/1002"}
    [refused] = erp.records.open_issues(["refused"], 10)
    assert (refused.code, "proibido" in refused.message) == ("erp_refused", True)


def _forbid(book: ErpReader) -> None:
    """A trigger of the ERP that takes no order with this number of the buyer's."""
    if book.keeper.name == "postgresql":
        book.run(
            "CREATE FUNCTION proibe() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.PED_PEDCLI = 'PC-1' THEN "
            "RAISE EXCEPTION 'pedido proibido'; END IF; RETURN NEW; END $$"
        )
        book.run("CREATE TRIGGER proibe BEFORE INSERT ON PEDIDO FOR EACH ROW EXECUTE FUNCTION proibe()")
    elif book.keeper.name == "firebird":
        book.run("CREATE EXCEPTION proibido 'pedido proibido'")
        book.run(
            "CREATE TRIGGER proibe FOR PEDIDO BEFORE INSERT AS BEGIN IF (NEW.PED_PEDCLI = 'PC-1') THEN "
            "EXCEPTION proibido; END"
        )
    elif book.keeper.name == "mariadb":
        book.run(
            "CREATE TRIGGER proibe BEFORE INSERT ON PEDIDO FOR EACH ROW IF NEW.PED_PEDCLI = 'PC-1' THEN "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'pedido proibido'; END IF"
        )
    else:
        book.run(
            "CREATE TRIGGER proibe BEFORE INSERT ON PEDIDO WHEN NEW.PED_PEDCLI = 'PC-1' BEGIN "
            "SELECT RAISE(ABORT, 'pedido proibido'); END"
        )


def test_an_order_of_another_filial_with_the_same_number_is_left_alone(direto: ErpReader, erp: Erp) -> None:
    direto.run("UPDATE CONTADOR SET CNT_ULTIMO = 1000 WHERE CNT_NOME = 'PEDIDO'")
    write(erp, change(customer()))
    write(erp, change(order()))
    write(erp, change(order("ord_2", establishment_code="0002")), stream="order:0002")
    before = direto.orders()
    assert (before["ord_1"].number, before["ord_2"].number) == ("01/1001", "02/1001")
    write(erp, change(order(items=(item(3),)), 2))
    after = direto.orders()
    assert after["ord_1"].content == sold(order(items=(item(3),)), "direto")
    assert after["ord_2"] == before["ord_2"]


def test_an_order_moved_to_another_filial_keeps_the_number_it_has(direto: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    before = direto.orders()
    written = write(erp, change(order(establishment_code="0002", notes="mudou"), 2), stream="order:0002")
    assert written.counts.orders == RowCounts(kept=1)
    assert direto.orders() == before
    [kept] = erp.records.open_issues(["kept"], 10)
    assert (kept.code, kept.erp_number) == ("order_renumbered", "1001")


def test_an_invoiced_order_is_kept(direto: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    direto.run("UPDATE PEDIDO SET PED_SITUACAO = 'F'")
    before = direto.orders()
    assert write(erp, change(order(items=(item(1),)), 2)).counts.orders == RowCounts(kept=1)
    assert write(erp, change(order(status="cancelled"), 3)).counts.orders == RowCounts(kept=1)
    assert direto.orders() == before
    assert [kept.code for kept in erp.records.open_issues(["kept"], 10)] == ["order_locked"]


def test_the_erps_own_triggers_agree_with_the_lines(direto: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()), change(order("ord_2")))
    write(erp, change(order(items=(item(1, product_code="000003"), item(3, quantity="5.0000"))), 2))
    asked = {code: Decimal(str(n)) for code, n in direto.query("SELECT PRO_CODIGO, PRO_PEDIDA FROM PRODUTO")}
    assert {code: n for code, n in asked.items() if n} == {"000001": 2, "000002": 2, "000003": 7}


def test_an_unknown_product_refuses_its_order_by_its_code(direto: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    written = write(erp, change(order()), change(order("ord_2", items=(item(1), item(2, product_code="777")))))
    assert written.counts.orders == RowCounts(written=1, refused=1)
    [refused] = erp.records.open_issues(["refused"], 10)
    assert (refused.id, refused.code, refused.value) == ("ord_2", "product_unknown", "000777")
    direto.run("INSERT INTO PRODUTO (PRO_CODIGO, PRO_NOME) VALUES ('000777', 'NOVO')")
    assert erp.records.requeue_by_reason(["product_unknown"]) == 1
    again = change(order("ord_2", items=(item(1), item(2, product_code="777"))))
    assert write(erp, again, expected=None).counts.orders == RowCounts(written=1)


def test_an_unknown_seller_or_term_enters_by_the_default_with_a_warning(direto: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    terms = PaymentTerms(code="7/14/21", days=(7, 14, 21))
    write(erp, change(order(seller_code="V999", payment_terms=terms)), change(order("ord_2", seller_code="V001")))
    rows = direto.query("SELECT VEN_CODIGO, CPG_CODIGO FROM PEDIDO ORDER BY PED_NUMERO")
    assert rows == [("000", "999"), ("001", "001")]
    assert _warnings(direto, "ord_1") == ["default_used", "default_used"]
    assert _warnings(direto, "ord_2") == []


def test_de_para_stands_over_what_the_erp_would_answer(direto: ErpReader) -> None:
    erp = direto.open(mappings={"seller": {"V001": "003", "V999": "004"}, "establishment": {"0001": "02"}})
    write(erp, change(customer()))
    write(erp, change(order(seller_code="V001")), change(order("ord_2", seller_code="V999")))
    rows = direto.query("SELECT PED_FILIAL, PED_NUMERO, VEN_CODIGO FROM PEDIDO ORDER BY PED_NUMERO")
    assert rows == [("02", 5001, "003"), ("02", 5002, "004")]
    assert _warnings(direto, "ord_2") == []
    erp.close()


def test_a_city_is_found_by_its_ibge_code(direto: ErpReader, erp: Erp) -> None:
    far = Address(kind="main", street="Rua A", city_code="9999999", state="SP")
    stranger = customer("cus_2", document=None, document_kind="none", addresses=(far,))
    written = write(erp, change(customer(addresses=(SITE,))), change(stranger))
    assert written.counts.customers == RowCounts(written=1, refused=1)
    assert direto.query(
        "SELECT c.CID_NOME, k.CLI_NUMERO, k.CLI_CEP FROM CLIENTE k JOIN CIDADE c ON c.CID_CODIGO = k.CID_CODIGO"
    ) == [("SÃO PAULO", "LOTE 7", "01310-200")]
    [refused] = erp.records.open_issues(["refused"], 10)
    assert (refused.code, refused.value) == ("code_unmapped", "9999999")


def _enrol(book: ErpReader, code: str, name: str, document: str = "12.ABC.345/01DE-35", **more: str) -> None:
    """The ERP's people register a customer."""
    columns = {"CLI_CODIGO": code, "CLI_TIPO": "J", "CLI_CGC": document, "CLI_RAZAO": name} | more
    book.run(f"INSERT INTO CLIENTE ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", *columns.values())


def test_a_customer_the_erp_has_is_taken_and_only_its_empty_columns_are_filled(direto: ErpReader, erp: Erp) -> None:
    _enrol(direto, "00900", "AURORA PAES", CLI_EMAIL="dona@aurora.example")
    aurora = customer(
        email="compras@aurora.example", addresses=(SITE,), phones=(Phone(kind="mobile", number="11987654321"),)
    )
    written = write(erp, change(aurora))
    assert written.counts.customers == RowCounts(written=1)
    names = "CLI_CODIGO, CLI_RAZAO, CLI_EMAIL, CLI_DDD, CLI_IDAPP"
    assert direto.query(f"SELECT {names} FROM CLIENTE") == [
        ("00900", "AURORA PAES", "dona@aurora.example", "11", "cus_1")
    ]
    [receipt] = erp.records.pending_receipts(10)
    assert (receipt.outcome, receipt.erp_number) == ("imported", "00900")
    write(erp, change(order()))
    assert direto.query("SELECT CLI_CODIGO FROM PEDIDO") == [("00900",)]
    write(erp, change(customer(name="Outro nome"), 2))
    assert direto.query("SELECT CLI_RAZAO FROM CLIENTE") == [("AURORA PAES",)]


@pytest.mark.parametrize("n_pages", [1, 2])
def test_one_cnpj_twice_in_the_hub_is_one_customer_of_the_erp(direto: ErpReader, erp: Erp, n_pages: int) -> None:
    twins = [change(customer("cus_1")), change(customer("cus_2", name="Aurora Filial", trade_name="Aurora 2"))]
    for lot in [twins] if n_pages == 1 else [[twin] for twin in twins]:
        assert write(erp, *lot).counts.customers == RowCounts(written=len(lot))
    assert direto.query("SELECT CLI_RAZAO, CLI_FANTASIA, CLI_IDAPP FROM CLIENTE") == [
        ("PADARIA AURORA LTDA", "AURORA 2", "cus_1")
    ]
    write(erp, change(order()), change(order("ord_2", customer_id="cus_2")))
    assert direto.query("SELECT DISTINCT CLI_CODIGO FROM PEDIDO") == [("00001",)]
    write(erp, change(customer("cus_2", name="Mudou"), 2), change(customer("cus_1", name="Nova Aurora"), 2))
    assert direto.query("SELECT CLI_RAZAO FROM CLIENTE") == [("NOVA AURORA",)]


def test_one_cnpj_twice_in_the_erp_is_asked_about_once(direto: ErpReader, erp: Erp) -> None:
    _enrol(direto, "00900", "AURORA VELHA")
    _enrol(direto, "00901", "AURORA NOVA")
    assert write(erp, change(customer())).counts.customers == RowCounts(refused=1)
    assert write(erp, change(order())).counts.orders == RowCounts(waiting=1)
    [asked] = erp.records.open_issues(["refused"], 10)
    assert (asked.code, asked.value) == ("customer_duplicate", "00900,00901")
    erp.records.choose("cus_1", "00901")
    assert list(erp.records.waiting(["0001"])) == [(CUSTOMERS, ["cus_1"]), (orders_of("0001"), ["ord_1"])]
    write(erp, change(customer()), expected=None)
    write(erp, change(order()), expected=None)
    assert direto.query("SELECT CLI_CODIGO FROM PEDIDO") == [("00901",)]
    assert direto.query("SELECT CLI_RAZAO FROM CLIENTE ORDER BY CLI_CODIGO") == [("AURORA VELHA",), ("AURORA NOVA",)]
    assert write(erp, change(customer(email="a@b.example"), 2)).counts.customers == RowCounts(written=1)


def test_a_matched_customer_that_the_erp_deletes_is_not_made_again(direto: ErpReader, erp: Erp) -> None:
    _enrol(direto, "00900", "AURORA PAES")
    write(erp, change(customer()))
    direto.run("DELETE FROM CLIENTE")
    assert write(erp, change(customer(name="Mudou"), 2)).counts.customers == RowCounts(kept=1)
    assert direto.customers() == {}


def test_a_code_that_is_too_long_is_refused_and_never_cut(direto: ErpReader, erp: Erp) -> None:
    long = customer("cus_2", email=f"{'a' * 120}@b.example", document=None, document_kind="none")
    written = write(erp, change(customer(state_registration="1" * 14)), change(long))
    assert written.counts.customers == RowCounts(written=1, refused=1)
    [refused] = erp.records.open_issues(["refused"], 10)
    assert (refused.id, refused.code) == ("cus_2", "erp_refused")


@pytest.mark.parametrize("kind", KEEPERS[1:])  # a column of numbers in SQLite takes letters, too
def test_a_cnpj_with_letters_is_refused_by_a_column_of_numbers_and_said_so(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    book = make_erp_reader(kind, "direto", request, tmp_path)
    if kind == "firebird":
        book.run("DROP INDEX CLIENTE_CGC")
    book.run("ALTER TABLE CLIENTE DROP COLUMN CLI_CGC" if kind != "firebird" else "ALTER TABLE CLIENTE DROP CLI_CGC")
    book.run("ALTER TABLE CLIENTE ADD CLI_CGC NUMERIC(14)")
    text = shipped_text("direto").replace("document | document_masked", "document").replace('"masked"', '"plain"')
    (tmp_path / "numerico.toml").write_text(text, encoding="utf-8")
    erp = book.keeper.open(layout=str(tmp_path / "numerico.toml"))
    others = [change(customer(f"cus_old{n}", document=document)) for n, document in enumerate(OLD_CNPJS)]
    assert write(erp, *others).counts.customers == RowCounts(written=2)
    assert write(erp, change(customer())).counts.customers == RowCounts(refused=1)
    [refused] = erp.records.open_issues(["refused"], 10)
    assert (refused.code, "CLIENTE.CLI_CGC" in refused.message) == ("cnpj_column_numeric", True)
    assert set(book.query("SELECT CLI_CGC FROM CLIENTE")) == {("191",), ("11222333000181",)}
    assert write(erp, change(customer("cus_9", document=OLD_CNPJS[0]))).counts.customers == RowCounts(written=1)
    assert len(book.query("SELECT CLI_CGC FROM CLIENTE")) == 2
    erp.close()


def test_the_job_gives_the_number_or_the_refusal(staging: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    bad = _named(order("ord_bad", items=(item(1, product_code="777"),)))
    write(erp, change(_named(order())), change(bad))
    assert erp.read_outcomes() == 0
    assert {r.id: (r.outcome, r.erp_number) for r in erp.records.pending_receipts(10) if r.kind == "order"} == {
        "ord_1": ("staged", None),
        "ord_bad": ("staged", None),
    }
    staging.import_queue()
    assert erp.read_outcomes() == 2
    assert erp.read_outcomes() == 0
    assert {r.id: (r.outcome, r.erp_number) for r in erp.records.pending_receipts(10) if r.kind == "order"} == {
        "ord_1": ("imported", "9001"),
        "ord_bad": ("refused", None),
    }
    [refused] = erp.records.open_issues(["refused"], 10)
    assert (refused.code, "Produto não cadastrado no ERP" in refused.message) == ("erp_job_refused", True)
    assert real_orders(staging)["ord_1"].content == sold(order(), "staging", state="I")
    assert list(staging.orders()) == ["ord_bad"]


def test_an_order_the_job_took_between_two_versions_is_kept_with_its_number(staging: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order())))
    staging.import_queue()
    written = write(erp, change(_named(order(items=(item(3),))), 2))
    assert (written.counts.orders, staging.orders()) == (RowCounts(kept=1), {})
    assert real_orders(staging)["ord_1"].content == sold(order(), "staging", state="I")
    [receipt] = [r for r in erp.records.pending_receipts(10) if r.kind == "order"]
    assert (receipt.outcome, receipt.erp_number) == ("kept", "9001")


def test_the_number_of_an_order_kept_before_the_job_told_it_is_read_later(staging: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order())))
    staging.delete("ord_1")
    write(erp, change(_named(order(notes="mudou")), 2))
    assert erp.read_outcomes() == 0
    staging.run("INSERT INTO omniforce_pedido_retorno (ofr_idapp, ofr_pedido, ofr_situacao) VALUES ('ord_1', 77, 'I')")
    assert erp.read_outcomes() == 1
    [receipt] = [r for r in erp.records.pending_receipts(10) if r.kind == "order"]
    assert (receipt.outcome, receipt.erp_number) == ("kept", "77")


@pytest.mark.parametrize("is_cleared", [False, True])
def test_what_the_job_refused_goes_in_again_when_it_is_mended(staging: ErpReader, erp: Erp, is_cleared: bool) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order(items=(item(1, product_code="777"),)))))
    staging.import_queue()
    erp.read_outcomes()
    if is_cleared:
        staging.delete("ord_1")
    assert write(erp, change(_named(order()), 2)).counts.orders == RowCounts(written=1)
    assert erp.read_outcomes() == 0
    assert staging.orders()["ord_1"].content == sold(order(), "staging")
    staging.import_queue()
    erp.read_outcomes()
    assert real_orders(staging)["ord_1"].content == sold(order(), "staging", state="I")
    [receipt] = [r for r in erp.records.pending_receipts(10) if r.kind == "order"]
    assert (receipt.version, receipt.outcome, receipt.erp_number) == (2, "imported", "9001")


def test_what_the_job_refused_is_tried_again_by_the_button(staging: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    bad = change(_named(order(items=(item(1, product_code="777"),))))
    write(erp, bad)
    staging.import_queue()
    erp.read_outcomes()
    staging.run("INSERT INTO produto (pro_codigo, pro_nome) VALUES ('000777', 'NOVO')")
    assert erp.records.requeue("order", ["ord_1"]) == {orders_of("0001"): ["ord_1"]}
    write(erp, bad, expected=None)
    staging.import_queue()
    erp.read_outcomes()
    assert [(r.outcome, r.erp_number) for r in erp.records.pending_receipts(10) if r.kind == "order"] == [
        ("imported", "9001")
    ]


def test_an_order_cancelled_in_the_queue_never_becomes_one_of_the_erp(staging: ErpReader, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(_named(order())))
    write(erp, change(_named(order(status="cancelled")), 2))
    staging.import_queue()
    assert real_orders(staging) == {}
    assert [r.outcome for r in erp.records.pending_receipts(10) if r.kind == "order"] == ["cancelled"]
