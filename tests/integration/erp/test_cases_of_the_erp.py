"""What an ERP that lives its own life does under an import, each test named by its case, on every live database.

Values that no driver can read, numbers given again, constraints that speak at COMMIT, triggers that leave rows out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devtools.database_servers import MariadbServer
from omnisync.agent.erp.base import Erp
from omnisync.agent.progress import RowCounts
from omnisync.contract.streams import CUSTOMERS, orders_of
from tests.support.erp_databases import KEEPERS, KEPT_HERE, SampleErp, make_erp, make_on, write
from tests.support.record_samples import change, customer, item, order
from tests.support.toy_erp import CUSTOMER, ITEM, ORDER, ToyErp

OTHER_CNPJ = "11222333000181"
MAX = '[{kind}.number]\nfrom = "max"\n'
"""Numbers made by the highest plus one."""
NUMBERED = {
    "cli": "cod INTEGER NOT NULL PRIMARY KEY, id_app VARCHAR(40) UNIQUE, nome VARCHAR(60), documento VARCHAR(20)",
    "ped": "num INTEGER NOT NULL PRIMARY KEY, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), cli INTEGER, sit CHAR(1)",
}
STATE = 'state = { column = "sit", open = "A", cancelled = "C" }\n'


def _ordered(*more: str) -> str:
    """The layout's order with what stands directly in its table."""
    return ORDER.replace("[order.columns]", "".join(more) + "[order.columns]")


@pytest.fixture(params=list(KEEPERS))
def toy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    made = ToyErp(make_erp(request.param, request, tmp_path), tmp_path)
    yield made
    made.close()


def _reasons(erp: Erp, outcome: str = "refused") -> dict[str, str]:
    return {record.id: record.code for record in erp.records.open_issues([outcome], 100)}


@pytest.mark.parametrize("kind", KEEPERS)
def test_case_a1_an_erp_row_that_cannot_be_read_during_match_spoils_at_most_its_own_record(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keeper = _with_an_unreadable_customer(kind, request, tmp_path)
    with closing(keeper.open(layout="direto")) as erp:
        new = change(customer("cus_2", document=OTHER_CNPJ, document_kind="cnpj", name="Mercado Sol"))
        written = write(erp, change(customer(name="Padaria Aurora", email="a@aurora.example")), new)
        assert written.counts.customers == RowCounts(written=2)
        assert _reasons(erp) == {}
    rows = keeper.query(keeper_named(keeper, "SELECT CLI_IDAPP, CLI_EMAIL FROM CLIENTE ORDER BY CLI_IDAPP"))
    assert rows == [("cus_1", "a@aurora.example"), ("cus_2", None)]


def keeper_named(keeper: SampleErp, sql: str) -> str:
    """Names in capitals want quotes in PostgreSQL."""
    if keeper.name != "postgresql":
        return sql
    words = ("CLIENTE", "CLI_IDAPP", "CLI_EMAIL", "CLI_CODIGO", "CLI_CGC", "CLI_RAZAO", "CLI_TIPO", "CLI_OBS")
    for word in sorted(words, key=len, reverse=True):
        sql = sql.replace(f" {word}", f' "{word}"').replace(f"({word}", f'("{word}"')
    return sql


def _with_an_unreadable_customer(kind: str, request: pytest.FixtureRequest, folder: Path) -> SampleErp:
    """An ERP of the layout `direto` whose customer with our CNPJ holds a value that its driver cannot read."""
    row = "INSERT INTO CLIENTE ( CLI_CODIGO, CLI_TIPO, CLI_CGC, CLI_RAZAO) VALUES ('00042', 'J', '12.ABC.345/01DE-35', "
    if kind == "firebird":
        keeper = make_on(request.getfixturevalue("firebird_running"), charset="WIN1252", schema="direto")
        keeper.run(row + "CAST(x'C381475541' AS VARCHAR(50) CHARACTER SET OCTETS))")
    elif kind == "sqlite":
        keeper = make_erp(kind, request, folder, schema="direto")
        keeper.run(row + "CAST(x'C381475541FF' AS TEXT))")
    elif kind == "mariadb":
        server: MariadbServer = request.getfixturevalue("mariadb_running")
        keeper = make_on(server, schema="direto")
        keeper.run("ALTER TABLE CLIENTE MODIFY CLI_RAZAO VARCHAR(50) CHARACTER SET latin1 NOT NULL")
        keeper.run(row + "CONVERT(x'C381475541' USING latin1))")
        keeper = msgspec.structs.replace(keeper, address=msgspec.structs.replace(keeper.address, charset="latin1"))
    else:
        keeper = make_erp(kind, request, folder, schema="direto")
        keeper.run('ALTER TABLE "CLIENTE" ALTER COLUMN "CLI_OBS" TYPE date USING NULL')
        keeper.run(keeper_named(keeper, row) + "'X')")
        keeper.run("""UPDATE "CLIENTE" SET "CLI_OBS" = 'infinity'""")
    return keeper


_BOOLEANS = {
    "sqlite": ("BOOLEAN", "false", "true"),
    "postgresql": ("BOOLEAN", "false", "true"),
    "mariadb": ("BOOLEAN", "false", "true"),
    "firebird": ("BOOLEAN", '"false"', '"true"'),
}


def test_case_e1_a_state_is_compared_as_its_columns_type(toy: ToyErp) -> None:
    type_, opened, cancelled = _BOOLEANS[toy.kind]
    toy.lay(cli="", ped=f"num {{made}}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), closed {type_}")
    erp = toy.open(
        _ordered(f'state = {{ column = "closed", open = {opened}, cancelled = {cancelled} }}\n').replace(
            'table = "ped"', 'table = "ped"'
        ),
        ITEM,
    )
    write(erp, change(order()), change(order("ord_2")))
    edited = write(erp, change(order(items=(item(1, price="7.00"),)), 2))
    assert edited.counts.orders == RowCounts(written=1)
    gone = write(erp, change(order("ord_2", status="cancelled"), 2))
    assert gone.counts.orders == RowCounts(written=1)
    assert [bool(closed) for (closed,) in toy.rows("SELECT closed FROM ped ORDER BY num")] == [False, True]
    again = write(erp, change(order("ord_2", status="cancelled"), 3))
    assert again.counts.orders == RowCounts(unchanged=1)


def test_case_e1_a_state_in_a_column_of_decimals_is_compared_as_a_number(toy: ToyErp) -> None:
    toy.lay(cli="", ped="num {made}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), sit NUMERIC(5,2)")
    erp = toy.open(_ordered('state = { column = "sit", open = 1.5, cancelled = 9 }\n'), ITEM)
    write(erp, change(order()))
    assert write(erp, change(order(items=(item(1),)), 2)).counts.orders == RowCounts(written=1)
    assert write(erp, change(order(status="cancelled"), 3)).counts.orders == RowCounts(written=1)


_FREIGHT = """
[[order.after]]
name = "frete"
table = "ite"
[order.after.columns]
num = {{ key_of = "order" }}
seq = {{ constant = 900 }}
{product}
total = "totals.freight_amount"
"""


@pytest.mark.parametrize("identity", ["line", "replace"])
def test_case_e2_a_row_beside_the_order_in_the_items_table_is_never_pruned(toy: ToyErp, identity: str) -> None:
    toy.lay(cli="")
    items = ITEM if identity == "line" else ITEM.replace('identity = "line"\nline = "seq"', 'identity = "replace"')
    erp = toy.open(ORDER, _FREIGHT.format(product='produto = { constant = "FRETE" }'), items)
    write(erp, change(_with_freight("12.00", 3)))
    assert _lines(toy) == [(1, "20.00"), (2, "20.00"), (3, "20.00"), (900, "12.00")]
    assert write(erp, change(_with_freight("15.50", 2), 2)).counts.orders == RowCounts(written=1)
    assert _lines(toy) == [(1, "20.00"), (2, "20.00"), (900, "15.50")]


def _with_freight(freight: str, n_items: int) -> Any:
    plain = order(items=tuple(item(n) for n in range(1, n_items + 1)))
    amount = type(plain.totals.total_amount)(freight)
    totals = msgspec.structs.replace(
        plain.totals, freight_amount=amount, total_amount=plain.totals.items_amount + amount
    )
    [paid] = plain.payments
    payments = (msgspec.structs.replace(paid, amount=totals.total_amount),)
    return msgspec.structs.replace(plain, totals=totals, payments=payments)


def _lines(toy: ToyErp) -> list[tuple[int, str]]:
    return [(seq, f"{float(total):.2f}") for seq, total in toy.rows("SELECT seq, total FROM ite ORDER BY seq")]


def test_case_e2_a_row_that_nothing_tells_from_the_items_is_refused_with_the_layout(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from omnisync.agent.errors import LayoutError

    toy = ToyErp(make_erp("sqlite", request, tmp_path), tmp_path)
    toy.lay(cli="")
    freight = _FREIGHT.format(product="").replace("seq = { constant = 900 }", 'seq = "freight.mode"')
    with pytest.raises(LayoutError) as refused:
        toy.open(ORDER, freight, ITEM)
    assert "order.frete" in str(refused.value.words["motivo"])


def _renumbered(toy: ToyErp) -> Erp:
    """An ERP that numbers by the highest plus one; order 1 and client 1 were ours, and are the ERP's own by now."""
    toy.lay(**NUMBERED)
    erp = toy.open(
        CUSTOMER.replace("[customer.columns]", MAX.format(kind="customer") + "[customer.columns]"),
        _ordered(STATE, 'customer = "cli"\n', MAX.format(kind="order")),
        ITEM,
    )
    write(erp, change(customer()))
    write(erp, change(order()))
    for table in ("ite", "ped", "cli"):
        toy.run(f"DELETE FROM {table}")
    toy.run("INSERT INTO cli (cod, nome, documento) VALUES (1, 'Deles', '1')")
    toy.run("INSERT INTO ped (num, total, cli, sit) VALUES (1, 99, 1, 'A')")
    toy.run("INSERT INTO ite (num, seq, produto, total) VALUES (1, 1, 'deles', 99)")
    return erp


def _theirs(toy: ToyErp) -> list[list[tuple[Any, ...]]]:
    return [
        toy.rows("SELECT nome, documento FROM cli WHERE cod = 1"),
        toy.rows("SELECT cli, sit FROM ped WHERE num = 1"),
        toy.rows("SELECT seq, produto FROM ite WHERE num = 1"),
    ]


def test_case_h1_a_row_with_our_number_that_is_not_ours_is_left_alone(toy: ToyErp) -> None:
    erp = _renumbered(toy)
    before = _theirs(toy)
    assert write(erp, change(customer(name="Nova"), 2)).counts.customers == RowCounts(kept=1)
    assert write(erp, change(order(items=(item(1), item(2), item(3))), 2)).counts.orders == RowCounts(kept=1)
    assert write(erp, change(order(status="cancelled"), 3)).counts.orders == RowCounts(kept=1)
    assert _theirs(toy) == before
    assert _reasons(erp, "kept") == {"cus_1": "customer_removed", "ord_1": "order_removed"}


def test_case_h1_a_new_order_is_not_billed_to_the_client_that_got_the_number(toy: ToyErp) -> None:
    erp = _renumbered(toy)
    assert write(erp, change(order("ord_2"))).counts.orders == RowCounts(waiting=1)
    assert _reasons(erp, "waiting") == {"ord_2": "customer_gone"}
    assert toy.rows("SELECT num FROM ped") == [(1,)]


def test_case_h1_what_was_taken_away_is_brought_again_beside_theirs(toy: ToyErp) -> None:
    erp = _renumbered(toy)
    before = _theirs(toy)
    write(erp, change(order("ord_2")))
    assert erp.records.requeue("customer", ["cus_1"], again=True) == {
        CUSTOMERS: ["cus_1"],
        orders_of("0001"): ["ord_2"],
    }
    assert erp.records.requeue("order", ["ord_1"], again=True) == {orders_of("0001"): ["ord_1"]}
    write(erp, change(customer()), expected=None)
    written = write(erp, change(order()), change(order("ord_2")), expected=None)
    assert written.counts.orders == RowCounts(written=2)
    assert _theirs(toy) == before
    assert toy.rows("SELECT cod, id_app FROM cli WHERE id_app IS NOT NULL") == [(2, "cus_1")]
    assert toy.rows("SELECT num, cli, id_app FROM ped WHERE id_app IS NOT NULL ORDER BY id_app") == [
        (2, 2, "ord_1"),
        (3, 2, "ord_2"),
    ]


@pytest.mark.parametrize("kind", KEPT_HERE)
def test_case_h1_a_restored_erp_whose_numbers_were_given_again_keeps_its_own_rows(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keeper = make_erp(kind, request, tmp_path)
    with closing(keeper.open()) as erp:
        write(erp, change(customer()))
        write(erp, change(order()))
        keeper.run("UPDATE pedidos SET id_externo = 'deles'")
        assert write(erp, change(order(items=(item(1),)), 2)).counts.orders == RowCounts(kept=1)
        assert keeper.query("SELECT count(*) FROM itens_pedido") == [(2,)]


def test_case_h1_customers_that_share_a_matched_row_go_on_sharing_it(toy: ToyErp) -> None:
    toy.lay(**NUMBERED)
    customers = CUSTOMER.replace(
        "[customer.columns]",
        MAX.format(kind="customer") + '[customer.match]\ncolumn = "documento"\n[customer.columns]',
    )
    erp = toy.open(customers, _ordered(STATE, 'customer = "cli"\n', MAX.format(kind="order")), ITEM)
    toy.run("INSERT INTO cli (cod, nome, documento) VALUES (7, 'Aurora', '12ABC34501DE35')")
    write(erp, change(customer()), change(customer("cus_2")))
    written = write(erp, change(order()), change(order("ord_2", customer_id="cus_2")))
    assert written.counts.orders == RowCounts(written=2)
    assert write(erp, change(customer("cus_2", name="Outro"), 2)).counts.customers == RowCounts(written=1)
    assert toy.rows("SELECT num, cli FROM ped ORDER BY num") == [(1, 7), (2, 7)]


_DEFERRED = {
    "sqlite": "REFERENCES pro (cod) DEFERRABLE INITIALLY DEFERRED",
    "postgresql": "REFERENCES pro (cod) DEFERRABLE INITIALLY DEFERRED",
}


def _deferred(toy: ToyErp) -> Erp:
    """An ERP that tells of an unknown product at COMMIT only."""
    refers = _DEFERRED.get(toy.kind, "")
    toy.run("CREATE TABLE pro (cod VARCHAR(60) NOT NULL PRIMARY KEY)")
    toy.lay(
        cli="",
        ite=f"num INTEGER NOT NULL, seq INTEGER NOT NULL, produto VARCHAR(60) {refers}, total NUMERIC(15,2), "
        "PRIMARY KEY (num, seq)",
    )
    for n in (1, 2):
        toy.run(f"INSERT INTO pro (cod) VALUES ('00000{n}')")
    if toy.kind == "firebird":
        toy.run("CREATE EXCEPTION produto_falta 'produto desconhecido'")
        toy.run(
            "CREATE TRIGGER confere ACTIVE ON TRANSACTION COMMIT AS BEGIN "
            "IF (EXISTS (SELECT 1 FROM ite LEFT JOIN pro ON pro.cod = ite.produto WHERE pro.cod IS NULL)) THEN "
            "EXCEPTION produto_falta; END"
        )
    return toy.open(ORDER, ITEM)


def _with_unknown_product(id_: str) -> Any:
    return order(id_, items=(item(1, product_code="NADA"), item(2)))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "firebird"])
def test_case_h2_what_is_refused_at_commit_refuses_its_record_alone(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = ToyErp(make_erp(kind, request, tmp_path), tmp_path)
    erp = _deferred(toy)
    bad = {"ord_3", "ord_7"}
    page = [change(_with_unknown_product(f"ord_{n}") if f"ord_{n}" in bad else order(f"ord_{n}")) for n in range(11)]
    assert erp.position(orders_of("0001")).cursor == ""
    written = write(erp, *page, moves_to="c1")
    assert written.counts.orders == RowCounts(written=9, refused=2)
    assert erp.position(orders_of("0001")).cursor == "c1"
    assert _reasons(erp) == dict.fromkeys(bad, "erp_refused")
    assert toy.rows("SELECT count(*) FROM ped") == [(9,)]
    edited = write(erp, change(_with_unknown_product("ord_1"), 2), change(order("ord_2", items=(item(1),)), 2))
    assert edited.counts.orders == RowCounts(written=1, refused=1)
    assert toy.rows("SELECT count(*) FROM ite") == [(17,)]
    toy.close()


@pytest.mark.parametrize("is_related", [False, True])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_case_h2_a_customer_refused_at_commit_lets_the_others_orders_in(
    kind: str, is_related: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = ToyErp(make_erp(kind, request, tmp_path), tmp_path)
    toy.run("CREATE TABLE nomes (nome VARCHAR(60) NOT NULL PRIMARY KEY)")
    toy.lay(
        cli="cod {made}, id_app VARCHAR(40) UNIQUE, documento VARCHAR(20), "
        "nome VARCHAR(60) REFERENCES nomes (nome) DEFERRABLE INITIALLY DEFERRED",
    )
    toy.run("INSERT INTO nomes (nome) VALUES ('Bom')")
    erp = toy.open(CUSTOMER, _ordered('customer = "cli"\n'), ITEM)
    buyers = [change(customer(f"cus_{n}", name="Ruim" if n == 2 else "Bom")) for n in range(5)]
    sold = [change(order(f"ord_{n}", customer_id=f"cus_{n}")) for n in range(5)]
    if is_related:
        written = write(erp, *sold, related=buyers)
        assert written.counts.customers == RowCounts(written=4, refused=1)
    else:
        assert write(erp, *buyers).counts.customers == RowCounts(written=4, refused=1)
        written = write(erp, *sold)
    assert written.counts.orders == RowCounts(written=4, waiting=1)
    assert _reasons(erp, "waiting") == {"ord_2": "customer_waiting"}
    toy.close()


def test_case_h3_a_query_that_the_database_refuses_for_one_record_refuses_it_alone(toy: ToyErp) -> None:
    toy.lay(cli="", ven="cod INTEGER NOT NULL PRIMARY KEY, nome VARCHAR(20)", ped=NUMBERED["ped"] + ", ven VARCHAR(20)")
    toy.run("INSERT INTO ven (cod, nome) VALUES (7, 'Bia')")
    seller = 'ven = { sql = "SELECT nome FROM ven WHERE cod = :seller_code" }\n'
    erp = toy.open(_ordered(STATE, MAX.format(kind="order")) + seller, ITEM)
    page = [change(order(f"ord_{n}", seller_code="ANA" if n == 2 else "7")) for n in range(5)]
    assert write(erp, *page).counts.orders == RowCounts(written=4, refused=1)
    assert list(_reasons(erp)) == ["ord_2"]
    assert _reasons(erp)["ord_2"] in ("lookup_refused", "code_unmapped")
    [refused] = erp.records.open_issues(["refused"], 10)
    assert "ANA" in refused.message or refused.value == "ANA"
    assert toy.rows("SELECT DISTINCT ven FROM ped") == [("Bia",)]


def test_case_h3_a_counter_row_that_is_missing_refuses_the_orders_of_its_filial_alone(toy: ToyErp) -> None:
    toy.lay(cli="", ped=NUMBERED["ped"] + ", fil VARCHAR(10)", cont="fil VARCHAR(10) PRIMARY KEY, ultimo INTEGER")
    toy.run("INSERT INTO cont (fil, ultimo) VALUES ('0001', 10)")
    number = (
        '[order.number]\nfrom = "counter"\ntable = "cont"\nvalue = "ultimo"\n'
        '[order.number.where]\nfil = "establishment_code"\n'
    )
    erp = toy.open(_ordered(STATE, number) + 'fil = "establishment_code"\n', ITEM)
    other = [change(order(f"ord_b{n}", establishment_code="0002")) for n in range(3)]
    assert write(erp, *other, stream="order:0002").counts.orders == RowCounts(refused=3)
    assert set(_reasons(erp).values()) == {"erp_no_number"}
    assert "0002" in erp.records.open_issues(["refused"], 1)[0].message
    assert write(erp, change(order()), change(order("ord_2"))).counts.orders == RowCounts(written=2)
    assert toy.rows("SELECT num FROM ped ORDER BY num") == [(11,), (12,)]


def _on_insert(toy: ToyErp, table: str, when: str, then: dict[str, str]) -> None:
    """A BEFORE trigger of the ERP (on SQLite, which has no such thing, one that does the same after)."""
    condition = f"NEW.{when}"
    if toy.kind == "postgresql":
        toy.run(
            f"CREATE FUNCTION f_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN "
            f"{then['postgresql']} END IF; RETURN NEW; END $$"
        )
        toy.run(f"CREATE TRIGGER t_{table} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION f_{table}()")
    elif toy.kind == "mariadb":
        toy.run(
            f"CREATE TRIGGER t_{table} BEFORE INSERT ON {table} FOR EACH ROW IF {condition} THEN {then['sql']} END IF"
        )
    elif toy.kind == "firebird":
        toy.run(f"CREATE TRIGGER t_{table} FOR {table} BEFORE INSERT AS BEGIN IF ({condition}) THEN {then['psql']} END")
    else:
        toy.run(f"CREATE TRIGGER t_{table} {then['sqlite'].format(table=table, condition=condition)} END")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("is_known", [True, False])
def test_case_h6_a_row_that_a_trigger_leaves_out_refuses_its_record_alone(
    kind: str, is_known: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = ToyErp(make_erp(kind, request, tmp_path), tmp_path)
    toy.lay(cli="", **({"ped": NUMBERED["ped"]} if is_known else {}))
    then = {
        "postgresql": "RETURN NULL;",
        "sqlite": "BEFORE INSERT ON {table} WHEN {condition} BEGIN SELECT RAISE(IGNORE);",
    }
    _on_insert(toy, "ped", "id_app = 'ord_2'", then)
    erp = toy.open(_ordered(STATE, MAX.format(kind="order")) if is_known else ORDER, ITEM)
    written = write(erp, *(change(order(f"ord_{n}")) for n in range(5)))
    assert written.counts.orders == RowCounts(written=4, refused=1)
    assert _reasons(erp) == {"ord_2": "erp_row_missing"}
    assert {r.id: r.outcome for r in erp.records.pending_receipts(10)}["ord_2"] == "refused"
    assert toy.rows("SELECT count(*) FROM ite") == [(8,)]
    toy.close()


def test_case_h6_a_trigger_that_writes_the_id_in_capitals_refuses_that_record_alone(toy: ToyErp) -> None:
    toy.lay(cli="", ped=NUMBERED["ped"])
    then = {
        "postgresql": "NEW.id_app = upper(NEW.id_app);",
        "sql": "SET NEW.id_app = upper(NEW.id_app);",
        "psql": "NEW.id_app = upper(NEW.id_app);",
        "sqlite": "AFTER INSERT ON {table} WHEN {condition} BEGIN "
        "UPDATE ped SET id_app = upper(id_app) WHERE num = NEW.num;",
    }
    _on_insert(toy, "ped", "id_app = 'ord_2'", then)
    erp = toy.open(_ordered(STATE, MAX.format(kind="order")), ITEM)
    written = write(erp, *(change(order(f"ord_{n}")) for n in range(5)))
    assert written.counts.orders == RowCounts(written=4, refused=1)
    assert _reasons(erp) == {"ord_2": "erp_row_missing"}
    assert toy.rows("SELECT count(*) FROM ped") == [(4,)]


def test_case_h6_a_row_that_a_trigger_renumbers_gets_its_lines_under_its_own_number(toy: ToyErp) -> None:
    toy.lay(cli="", ped=NUMBERED["ped"])
    then = {
        "postgresql": "NEW.num = NEW.num + 500;",
        "sql": "SET NEW.num = NEW.num + 500;",
        "psql": "NEW.num = NEW.num + 500;",
        "sqlite": "AFTER INSERT ON {table} WHEN {condition} BEGIN UPDATE ped SET num = num + 500 WHERE num = NEW.num;",
    }
    _on_insert(toy, "ped", "id_app = 'ord_2'", then)
    erp = toy.open(_ordered(STATE, MAX.format(kind="order")), ITEM)
    written = write(erp, *(change(order(f"ord_{n}")) for n in (1, 2)))
    assert written.counts.orders == RowCounts(written=2)
    numbers = dict(toy.rows("SELECT id_app, num FROM ped"))
    assert numbers == {"ord_1": 1, "ord_2": 502}
    assert toy.rows("SELECT num, count(*) FROM ite GROUP BY num ORDER BY num") == [(1, 2), (502, 2)]
    assert {r.id: r.erp_number for r in erp.records.pending_receipts(10)} == {"ord_1": "1", "ord_2": "502"}
    edited = write(erp, change(order("ord_2", items=(item(1),)), 2))
    assert edited.counts.orders == RowCounts(written=1)
    assert toy.rows("SELECT num, count(*) FROM ite GROUP BY num ORDER BY num") == [(1, 2), (502, 1)]


def test_case_h6_a_queue_that_a_trigger_empties_at_once_takes_its_records(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = ToyErp(make_erp("sqlite", request, tmp_path), tmp_path)
    toy.lay(cli=NUMBERED["cli"], ped=NUMBERED["ped"])
    toy.run("CREATE TRIGGER t AFTER INSERT ON cli BEGIN DELETE FROM cli WHERE cod = NEW.cod; END")
    queue = CUSTOMER.replace("[customer.columns]", MAX.format(kind="customer") + "[customer.columns]")
    erp = toy.open(queue, _ordered('landing = "staging"\n', STATE, MAX.format(kind="order")), ITEM)
    assert write(erp, change(customer())).counts.customers == RowCounts(written=1)
    assert write(erp, change(order())).counts.orders == RowCounts(written=1)
    toy.close()
