"""Every form a layout may have, on every database: where numbers come from, further rows, identities, SQL of its own.

Each test lays a few tables beside those of `padrao` and says in a layout of its own how they are written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from omnisync.agent.progress import RowCounts
from omnisync.contract.records import Address, Phone
from omnisync.contract.streams import orders_of
from tests.support.erp_databases import KEEPERS, make_erp, write
from tests.support.record_samples import change, customer, item, order
from tests.support.toy_erp import CUSTOMER, ITEM, ORDER, ToyErp

SERVERS = KEEPERS[1:]
HOME = Address(kind="main", street="Rua A", number="7", city_code="3550308", state="SP")


@pytest.fixture(params=list(KEEPERS))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    made = ToyErp(make_erp(request.param, request, tmp_path), tmp_path)
    yield made
    made.close()


@pytest.fixture(params=list(SERVERS))
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    made = ToyErp(make_erp(request.param, request, tmp_path), tmp_path)
    yield made
    made.close()


def _numbers(bench: ToyErp) -> dict[str, Any]:
    return dict(bench.rows("SELECT id_app, num FROM ped"))


def test_a_number_from_a_sequence_is_taken_first_and_formed(served: ToyErp) -> None:
    served.lay(ped="num CHAR(6) NOT NULL PRIMARY KEY, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2)", cli="")
    served.run("DROP TABLE ite")
    served.lay(cli="", ped="", ite="num CHAR(6) NOT NULL, seq INTEGER, produto VARCHAR(60), total NUMERIC(15,2)")
    served.run("CREATE SEQUENCE gen_ped")
    number = '[order.number]\nfrom = "sequence"\nname = "gen_ped"\nform = "zeros_left(6)"\n'
    erp = served.open(ORDER.replace("[order.columns]", f"{number}[order.columns]"), ITEM)
    write(erp, *(change(order(f"ord_{n}")) for n in range(1, 40)))
    numbers = _numbers(served)
    assert sorted(numbers.values()) == [f"{n:06}" for n in range(1, 40)]
    assert {r.id: r.erp_number for r in erp.records.pending_receipts(99)} == numbers
    write(erp, change(order("ord_7", items=(item(3),)), 2))
    assert _numbers(served) == numbers
    assert served.rows(f"SELECT seq FROM ite WHERE num = '{numbers['ord_7']}'") == [(3,)]


def test_a_number_from_a_procedure_is_told_the_orders_fields(bench: ToyErp) -> None:
    bench.lay(
        ped="num INTEGER NOT NULL PRIMARY KEY, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2)",
        cli="",
        contas="est VARCHAR(10), n INTEGER",
    )
    bench.run("INSERT INTO contas (est, n) VALUES ('0001', 70)")
    takes = "UPDATE contas SET n = n + 1 WHERE est = "
    if bench.kind == "postgresql":
        bench.run(f"CREATE FUNCTION proximo(e VARCHAR) RETURNS INTEGER LANGUAGE sql AS $$ {takes} e RETURNING n $$")
    elif bench.kind == "mariadb":
        bench.run("SET GLOBAL log_bin_trust_function_creators = 1")
        bench.run(
            f"CREATE FUNCTION proximo(e VARCHAR(10)) RETURNS INTEGER BEGIN {takes} e; "
            "RETURN (SELECT n FROM contas WHERE est = e); END"
        )
    elif bench.kind == "firebird":
        bench.run(
            "CREATE PROCEDURE proximo (e VARCHAR(10)) RETURNS (n INTEGER) AS BEGIN "
            f"{takes} :e RETURNING n INTO :n; SUSPEND; END"
        )
    sql = {
        "sqlite": "UPDATE contas SET n = n + 1 WHERE est = :establishment_code RETURNING n",
        "firebird": "SELECT n FROM proximo(:establishment_code)",
    }.get(bench.kind, "SELECT proximo(:establishment_code)")
    number = f'[order.number]\nfrom = "procedure"\nsql = "{sql}"\n'
    erp = bench.open(ORDER.replace("[order.columns]", f"{number}[order.columns]"), ITEM)
    write(erp, *(change(order(f"ord_{n}")) for n in (1, 2, 3)))
    assert sorted(_numbers(bench).values()) == [71, 72, 73]


MAX = """
[order]
table = "ped"
key = ["filial", "num"]
external_id = "id_app"
[order.number]
from = "max"
[order.columns]
filial = "establishment_code"
id_app = "id"
total = "totals.total_amount"
[item]
table = "ite"
parent = ["filial", "num"]
identity = "item_id"
external_id = "id_item"
[item.columns]
id_item = "id"
produto = "product_code"
total = "total_amount"
"""
MAX_TABLES = {
    "cli": "",
    "ped": "filial VARCHAR(4) NOT NULL, num INTEGER NOT NULL, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), "
    "PRIMARY KEY (filial, num)",
    "ite": "filial VARCHAR(4) NOT NULL, num INTEGER NOT NULL, id_item VARCHAR(40) NOT NULL, produto VARCHAR(60), "
    "total NUMERIC(15,2), PRIMARY KEY (filial, num, id_item)",
}


def test_the_highest_number_plus_one_counts_each_filial_apart(bench: ToyErp) -> None:
    bench.lay(**MAX_TABLES)
    bench.run("INSERT INTO ped (filial, num) VALUES ('0001', 500)")
    erp = bench.open(MAX)
    write(erp, change(order("ord_1")), change(order("ord_2")))
    write(erp, change(order("ord_3", establishment_code="0002")), stream="order:0002")
    rows = bench.rows("SELECT filial, num, id_app FROM ped WHERE id_app IS NOT NULL ORDER BY id_app")
    assert rows == [("0001", 501, "ord_1"), ("0001", 502, "ord_2"), ("0002", 1, "ord_3")]
    write(erp, change(order("ord_1", items=(item(2), item(5))), 2))
    assert bench.rows("SELECT num, id_item FROM ite WHERE filial = '0001' ORDER BY 1, 2") == [
        (501, "itm_2"),
        (501, "itm_5"),
        (502, "itm_1"),
        (502, "itm_2"),
    ]


def test_the_highest_number_that_somebody_takes_a_moment_before_is_passed(served: ToyErp) -> None:
    served.lay(**MAX_TABLES)
    erp = served.open(MAX)
    erp.position(orders_of("0001"))
    with closing(served.keeper.plain()) as other, closing(other.cursor()) as cursor:
        cursor.execute("INSERT INTO ped (filial, num) VALUES ('0001', 1)")
        # The import finds number 1 free, waits for who is taking it, and meets its key.
        end = threading.Timer(1.0, other.commit)
        end.start()
        written = write(erp, change(order("ord_1")), change(order("ord_2")))
        end.join()
    assert written.counts.orders == RowCounts(written=2)
    assert served.rows("SELECT num, id_app FROM ped ORDER BY num") == [(1, None), (2, "ord_1"), (3, "ord_2")]


def test_lines_may_take_numbers_of_their_own(bench: ToyErp) -> None:
    bench.lay(
        cli="",
        ite="id INTEGER NOT NULL PRIMARY KEY, num INTEGER, seq INTEGER, produto VARCHAR(60), total NUMERIC(15,2)",
        conta="est VARCHAR(10), n INTEGER",
    )
    bench.run("INSERT INTO conta (est, n) VALUES ('0001', 10)")
    number = (
        '[item.number]\nfrom = "counter"\ntable = "conta"\nvalue = "n"\ncolumn = "id"\n'
        'where = { est = "order.establishment_code" }\n'
    )
    erp = bench.open(ORDER, ITEM.replace("[item.columns]", f"{number}[item.columns]"))
    write(erp, change(order("ord_1")), change(order("ord_2")))
    write(erp, change(order("ord_1", items=(item(2), item(3))), 2))
    assert bench.rows("SELECT id, seq FROM ite ORDER BY id") == [(12, 2), (13, 1), (14, 2), (15, 3)]


def test_a_counter_of_an_unmapped_filial_refuses_its_order_only(bench: ToyErp) -> None:
    bench.lay(
        cli="",
        ped="num INTEGER NOT NULL PRIMARY KEY, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2)",
        conta="est VARCHAR(10), n INTEGER",
    )
    bench.run("INSERT INTO conta (est, n) VALUES ('V', 10)")
    where = 'where = { est = { field = "type", map = { sale = "V" } } }'
    number = f'[order.number]\nfrom = "counter"\ntable = "conta"\nvalue = "n"\n{where}\n'
    erp = bench.open(ORDER.replace("[order.columns]", f"{number}[order.columns]"), ITEM)
    written = write(erp, change(order("ord_1")), change(order("ord_2", type="bonus")), change(order("ord_3")))
    assert written.counts.orders == RowCounts(written=2, refused=1)
    assert _numbers(bench) == {"ord_1": 11, "ord_3": 12}
    assert [(r.id, r.code, r.value) for r in erp.records.open_issues(["refused"], 9)] == [
        ("ord_2", "code_unmapped", "bonus")
    ]


def test_a_key_of_numbers_may_be_written_with_zeros(bench: ToyErp) -> None:
    bench.lay(
        cli="",
        ped="num INTEGER NOT NULL PRIMARY KEY, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2)",
        conta="n INTEGER",
    )
    bench.run("INSERT INTO conta (n) VALUES (0)")
    number = '[order.number]\nfrom = "counter"\ntable = "conta"\nvalue = "n"\nform = "zeros_left(6)"\n'
    erp = bench.open(ORDER.replace("[order.columns]", f"{number}[order.columns]"), ITEM)
    write(erp, change(order()))
    assert write(erp, change(order(items=(item(2), item(3))), 2)).counts.orders == RowCounts(written=1)
    assert bench.rows("SELECT num, seq FROM ite ORDER BY seq") == [(1, 2), (1, 3)]


def test_a_number_given_by_the_erps_trigger_is_shown(bench: ToyErp) -> None:
    bench.lay(ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), doc VARCHAR(20)")
    body = {
        "postgresql": "BEGIN NEW.doc := 'D' || NEW.num; RETURN NEW; END",
        "firebird": "NEW.doc = 'D' || NEW.num;",
        "sqlite": "UPDATE ped SET doc = 'D' || NEW.num WHERE num = NEW.num;",
    }
    if bench.kind == "postgresql":
        bench.run(f"CREATE FUNCTION doc() RETURNS trigger LANGUAGE plpgsql AS $$ {body['postgresql']} $$")
        bench.run("CREATE TRIGGER doc BEFORE INSERT ON ped FOR EACH ROW EXECUTE FUNCTION doc()")
    elif bench.kind == "firebird":
        # An identity is not known before the row stands, so this ERP has a generator.
        bench.run("CREATE SEQUENCE gen_ped")
        bench.run(
            "CREATE TRIGGER doc FOR ped BEFORE INSERT AS BEGIN NEW.num = NEXT VALUE FOR gen_ped; "
            f"{body['firebird']} END"
        )
    elif bench.kind == "mariadb":
        bench.run("CREATE TRIGGER doc BEFORE INSERT ON ped FOR EACH ROW SET NEW.doc = CONCAT('D', NEW.id_app)")
    else:
        bench.run(f"CREATE TRIGGER doc AFTER INSERT ON ped BEGIN {body['sqlite']} END")
    erp = bench.open(ORDER.replace("[order.columns]", 'shown = "doc"\n[order.columns]'), ITEM)
    write(erp, change(order("ord_1")), change(order("ord_2")))
    [(first, second)] = [tuple(r.erp_number for r in erp.records.pending_receipts(9))]
    assert (first, second) == (("Dord_1", "Dord_2") if bench.kind == "mariadb" else ("D1", "D2"))
    assert [r.id for r in erp.records.find(second or "", 9)] == ["ord_2"]


def test_without_external_ids_each_row_tells_its_key(bench: ToyErp) -> None:
    bench.lay()
    customers = CUSTOMER.replace('external_id = "id_app"\n', "")
    orders = ORDER.replace('external_id = "id_app"\n', 'customer = "cli"\n')
    erp = bench.open(customers, orders, ITEM)
    write(erp, change(customer("cus_1")), change(customer("cus_2", document="11222333000181")))
    write(erp, change(order("ord_1", customer_id="cus_2")), change(order("ord_2")))
    names = "SELECT p.id_app, c.nome, c.documento FROM ped p JOIN cli c ON c.cod = p.cli ORDER BY 1"
    assert [row[2] for row in bench.rows(names)] == ["11222333000181", "12ABC34501DE35"]
    write(erp, change(order("ord_1", items=(item(3),)), 2))
    assert len(bench.rows("SELECT * FROM ped")) == 2
    assert len(bench.rows("SELECT * FROM ite")) == 3


PERSON = """
[customer]
table = "cli"
key = "cod"
external_id = "id_app"
only_on_create = ["nome"]
[[customer.before]]
name = "pessoa"
table = "pes"
key = "pes_id"
[customer.before.columns]
nome = "name"
tipo = { constant = "C" }
[[customer.after]]
name = "endereco"
table = "ender"
when = "address.main.street"
only_on_create = ["origem"]
[customer.after.columns]
cod = { key_of = "customer" }
tipo = { constant = "P" }
rua = "address.main.street"
origem = { constant = "WEB" }
[[customer.after]]
name = "fone"
table = "fone"
key = "fone_id"
when = "phone.first.number"
[customer.after.columns]
pessoa = { key_of = "pessoa" }
numero = "phone.first.number"
[customer.columns]
id_app = "id"
nome = "name"
documento = "document"
pes = { key_of = "pessoa" }
"""
PERSON_TABLES = {
    "cli": "cod {made}, id_app VARCHAR(40) UNIQUE, nome VARCHAR(60), documento VARCHAR(20), pes INTEGER NOT NULL",
    "pes": "pes_id {made}, nome VARCHAR(60), tipo CHAR(1)",
    "ender": "cod INTEGER NOT NULL, tipo CHAR(1) NOT NULL, rua VARCHAR(60), origem VARCHAR(10), "
    "PRIMARY KEY (cod, tipo)",
    "fone": "fone_id {made}, pessoa INTEGER NOT NULL, numero VARCHAR(20)",
}


def test_a_customer_may_be_rows_of_several_tables(bench: ToyErp) -> None:
    bench.lay(**PERSON_TABLES)
    erp = bench.open(PERSON, ORDER, ITEM)
    full = customer("cus_1", addresses=(HOME,), phones=(Phone(kind="mobile", number="11987654321"),))
    write(erp, change(full), change(customer("cus_2", document="11222333000181", name="Outra")))
    joined = (
        "SELECT c.id_app, p.nome, p.tipo, e.rua, f.numero FROM cli c JOIN pes p ON p.pes_id = c.pes "
        "LEFT JOIN ender e ON e.cod = c.cod LEFT JOIN fone f ON f.pessoa = p.pes_id ORDER BY c.id_app"
    )
    assert bench.rows(joined) == [
        ("cus_1", "Padaria Aurora Ltda", "C", "Rua A", "11987654321"),
        ("cus_2", "Outra", "C", None, None),
    ]
    bench.run("UPDATE ender SET origem = 'ERP'")
    moved = Address(kind="main", street="Rua B", city_code="3550308", state="SP")
    write(erp, change(customer("cus_2", document="11222333000181", name="Mudou", addresses=(moved,)), 2))
    write(erp, change(customer("cus_1", name="Nova", addresses=(moved,)), 2))
    assert bench.rows(joined) == [
        ("cus_1", "Nova", "C", "Rua B", "11987654321"),
        ("cus_2", "Mudou", "C", "Rua B", None),
    ]
    assert bench.rows("SELECT nome FROM cli ORDER BY id_app") == [("Padaria Aurora Ltda",), ("Outra",)]
    assert bench.rows("SELECT origem FROM ender ORDER BY cod") == [("ERP",), ("WEB",)]


def test_a_customers_key_may_have_two_columns(bench: ToyErp) -> None:
    bench.lay(
        cli="cod CHAR(6) NOT NULL, loja CHAR(2) NOT NULL, id_app VARCHAR(40) UNIQUE, nome VARCHAR(60), "
        "documento VARCHAR(20), PRIMARY KEY (loja, cod)",
        ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), c_cod CHAR(6), c_loja CHAR(2)",
        conta="n INTEGER",
    )
    bench.run("INSERT INTO conta (n) VALUES (0)")
    number = '[customer.number]\nfrom = "counter"\ntable = "conta"\nvalue = "n"\nform = "zeros_left(6)"\n'
    people = CUSTOMER.replace('key = "cod"', 'key = ["loja", "cod"]').replace(
        "[customer.columns]", f'{number}[customer.columns]\nloja = {{ constant = "01" }}'
    )
    erp = bench.open(people, ORDER.replace("[order.columns]", 'customer = ["c_loja", "c_cod"]\n[order.columns]'), ITEM)
    write(erp, change(customer("cus_1")), change(customer("cus_2")))
    write(erp, change(order(customer_id="cus_2")))
    assert bench.rows("SELECT c_loja, c_cod FROM ped") == [("01", "000002")]
    write(erp, change(customer("cus_2", name="Nova"), 2), change(customer("cus_1", name="Velha"), 2))
    assert bench.rows("SELECT cod, nome FROM cli ORDER BY cod") == [("000001", "Velha"), ("000002", "Nova")]
    write(erp, change(order(customer_id="cus_1"), 2))
    assert bench.rows("SELECT c_loja, c_cod FROM ped") == [("01", "000001")]


@pytest.mark.parametrize("identity", ["item_id", "line", "replace"])
def test_lines_are_brought_to_what_the_order_says_whatever_they_are_known_by(bench: ToyErp, identity: str) -> None:
    bench.lay(
        cli="",
        ite="num INTEGER, id_item VARCHAR(40), seq INTEGER, produto VARCHAR(60), total NUMERIC(15,2), nota VARCHAR(20)",
    )
    how = {
        "item_id": 'identity = "item_id"\nexternal_id = "id_item"',
        "line": 'identity = "line"\nline = "seq"',
        "replace": 'identity = "replace"',
    }
    lines = ITEM.replace('identity = "line"\nline = "seq"', how[identity]).replace(
        "[item.columns]", '[item.columns]\nid_item = "id"'
    )
    erp = bench.open(ORDER, lines)
    write(erp, change(order("ord_1", items=(item(1), item(2), item(3)))), change(order("ord_2")))
    bench.run("UPDATE ite SET nota = 'separado'")
    edited = order("ord_1", items=(item(2, price="7.00"), item(3), item(4)))
    write(erp, change(edited, 2))
    its = "(SELECT num FROM ped WHERE id_app = 'ord_1')"
    mine = f"SELECT seq, id_item, total, nota FROM ite WHERE num = {its} ORDER BY seq"
    note = None if identity == "replace" else "separado"
    kept = [(seq, id_, float(str(total)), nota) for seq, id_, total, nota in bench.rows(mine)]
    assert kept == [(2, "itm_2", 14.0, note), (3, "itm_3", 20.0, note), (4, "itm_4", 20.0, None)]
    assert len(bench.rows("SELECT * FROM ite")) == 5


def test_a_column_may_be_what_a_query_answers(bench: ToyErp) -> None:
    bench.lay(
        cli="",
        ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), reg VARCHAR(20)",
        reg="est VARCHAR(10), vend VARCHAR(20), cod VARCHAR(20)",
    )
    bench.run("INSERT INTO reg (est, vend, cod) VALUES ('0001', 'V1', 'SUL')")
    sql = "SELECT cod FROM reg WHERE est = :establishment_code AND vend = :seller_code"
    erp = bench.open(ORDER + f'reg = {{ sql = "{sql}", missing = "default", default = "?" }}\n', ITEM)
    write(
        erp, change(order("ord_1", seller_code="V1")), change(order("ord_2", seller_code="V2")), change(order("ord_3"))
    )
    assert bench.rows("SELECT id_app, reg FROM ped ORDER BY 1") == [("ord_1", "SUL"), ("ord_2", "?"), ("ord_3", "?")]


def test_a_statement_may_run_at_the_end_of_each_record(bench: ToyErp) -> None:
    bench.lay(cli="", obs="num INTEGER, texto VARCHAR(60), n INTEGER")
    sql = "INSERT INTO obs (num, texto, n) VALUES (:key, :number, (SELECT COUNT(*) FROM ite WHERE num = :key1))"
    if bench.kind == "firebird":
        sql = sql.replace(":number", "CAST(:number AS VARCHAR(60))")
    after = f'after_sql = "{sql}"\n[order.columns]'
    erp = bench.open(ORDER.replace("[order.columns]", after).replace("total =", "total ="), ITEM)
    write(erp, change(order("ord_1")), change(order("ord_2", items=(item(1),))))
    write(erp, change(order("ord_2", items=(item(1), item(2), item(3))), 2))
    found = "SELECT p.id_app, o.texto, o.n FROM obs o JOIN ped p ON p.num = o.num ORDER BY p.id_app, o.n"
    assert [(id_, n) for id_, _, n in bench.rows(found)] == [("ord_1", 2), ("ord_2", 1), ("ord_2", 3)]


def test_without_a_table_of_customers_orders_bring_them(bench: ToyErp) -> None:
    bench.lay(
        cli="", ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), cnpj VARCHAR(20), nome VARCHAR(60)"
    )
    erp = bench.open(ORDER + 'cnpj = "customer.document"\nnome = "customer.name"\n', ITEM)
    written = write(erp, change(customer()))
    assert written.counts.customers == RowCounts(unchanged=1)
    assert write(erp, change(order())).counts.orders == RowCounts(written=1)
    assert bench.rows("SELECT nome FROM ped") == [("Padaria Aurora Ltda",)]


def test_an_outcome_may_be_asked_by_the_queues_own_keys(bench: ToyErp) -> None:
    bench.lay(
        cli="",
        ped="num {made}, total NUMERIC(15,2), sit VARCHAR(10)",
        feito="num INTEGER, pedido VARCHAR(10), sit VARCHAR(10), msg VARCHAR(60)",
    )
    queue = ORDER.replace('external_id = "id_app"\n', 'landing = "staging"\n').replace('id_app = "id"\n', "")
    outcome = (
        '[order.outcome]\nsql = "SELECT num, pedido, sit, msg FROM feito WHERE num IN (:keys)"\n'
        'states = { ok = "imported", no = "refused" }\n'
    )
    erp = bench.open(queue, outcome, ITEM)
    write(erp, change(order("ord_1")), change(order("ord_2")), change(order("ord_3")))
    keys = sorted(key for (key,) in bench.rows("SELECT num FROM ped"))
    bench.run("INSERT INTO feito (num, pedido, sit) VALUES (?, 'P-77', 'ok')", keys[0])
    bench.run("INSERT INTO feito (num, sit, msg) VALUES (?, 'no', 'sem crédito')", keys[1])
    assert erp.read_outcomes() == 2
    told = {r.id: (r.outcome, r.erp_number) for r in erp.records.pending_receipts(9)}
    assert sorted(told.values(), key=str) == [("imported", "P-77"), ("refused", None), ("staged", None)]


def test_a_customer_without_a_document_may_be_refused(bench: ToyErp) -> None:
    bench.lay()
    erp = bench.open(
        CUSTOMER.replace("[customer.columns]", 'without_document = "refuse"\n[customer.columns]'), ORDER, ITEM
    )
    written = write(erp, change(customer("cus_1", document=None, document_kind="none")), change(customer("cus_2")))
    assert written.counts.customers == RowCounts(written=1, refused=1)
    assert [r.code for r in erp.records.open_issues(["refused"], 9)] == ["document_missing"]


def test_a_matched_customer_has_the_listed_columns_updated(bench: ToyErp) -> None:
    bench.lay()
    for code, document in ((71, "12.ABC.345/01DE-35"), (72, "11222333000181")):
        bench.run("INSERT INTO cli (cod, nome, documento) VALUES (?, 'VELHO', ?)", code, document)
    match = '[customer.match]\ncolumn = "documento"\nstored_as = "both"\nupdate = ["nome"]\n[customer.columns]'
    erp = bench.open(CUSTOMER.replace("[customer.columns]", match), ORDER, ITEM)
    write(erp, change(customer("cus_1")), change(customer("cus_2", document="11222333000181", name="Nova")))
    assert bench.rows("SELECT cod, id_app, nome, documento FROM cli ORDER BY cod") == [
        (71, "cus_1", "Padaria Aurora Ltda", "12.ABC.345/01DE-35"),
        (72, "cus_2", "Nova", "11222333000181"),
    ]


def test_case_e3_of_two_customers_with_one_cnpj_the_first_keeps_the_row_up_to_date(bench: ToyErp) -> None:
    bench.lay()
    bench.run("INSERT INTO cli (cod, nome, documento) VALUES (71, 'VELHO', '12.ABC.345/01DE-35')")
    match = '[customer.match]\ncolumn = "documento"\nstored_as = "both"\nupdate = ["nome"]\n[customer.columns]'
    erp = bench.open(CUSTOMER.replace("[customer.columns]", match), ORDER, ITEM)
    write(erp, change(customer("cus_1", name="Primeira")), change(customer("cus_2", name="Segunda")))
    names = "SELECT id_app, nome FROM cli"
    assert bench.rows(names) == [("cus_1", "Primeira")]
    write(erp, change(customer("cus_2", name="Segunda de novo"), 2))
    assert bench.rows(names) == [("cus_1", "Primeira")]
    write(erp, change(customer("cus_1", name="Primeira de novo"), 2))
    assert bench.rows(names) == [("cus_1", "Primeira de novo")]
    warned = {one.id: [w.code for w in one.warnings] for one in erp.records.open_issues(["updated"], 9)}
    assert warned == {"cus_1": [], "cus_2": ["customer_shares_row"]}
