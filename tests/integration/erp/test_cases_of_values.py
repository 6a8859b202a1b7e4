"""What the ERP holds and no driver reads, or no field takes, spoils its own value; each test named by its case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from devtools.database_servers import PASSWORD, FirebirdServer
from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.export.changed_at import FEW_NUMBERS
from omnisync.agent.erp.layout.schema import read_layout
from omnisync.agent.erp.layout_check.check import check
from omnisync.agent.erp.layout_check.findings import Finding
from omnisync.agent.errors import ErpBusyError
from omnisync.agent.messages import sentences
from omnisync.agent.progress import RowCounts
from omnisync.contract.batches import line_reader
from tests.support.erp_databases import KEEPERS, SampleErp, make_erp, make_on, write
from tests.support.record_samples import change, customer, item, order
from tests.support.toy_erp import CUSTOMER, HEAD, ITEM, ORDER, TABLES, ToyErp

OTHER_CNPJ = "11222333000181"
MATCH = '[customer.match]\ncolumn = "documento"\n'
BAD_TEXT = {
    "sqlite": "CAST(x'C381475541FF' AS TEXT)",
    "mariadb": "CONVERT(x'C381475541' USING latin1)",
    "firebird": "CAST(x'C381475541' AS VARCHAR(20) CHARACTER SET OCTETS)",
}
"""Bytes that are no letters of the database's charset."""


@pytest.fixture(params=list(KEEPERS))
def toy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    made = opened(request.param, request, tmp_path)
    yield made
    made.close()


def opened(kind: str, request: pytest.FixtureRequest, folder: Path) -> ToyErp:
    """An empty ERP whose database has a charset with holes in it, where the brand has one."""
    if kind == "firebird":
        keeper = make_on(request.getfixturevalue("firebird_running"), charset="WIN1252", schema="")
    elif kind == "mariadb":
        keeper = make_on(request.getfixturevalue("mariadb_running"), schema="")
        keeper.run("ALTER DATABASE CHARACTER SET latin1")
        keeper = msgspec.structs.replace(keeper, address=msgspec.structs.replace(keeper.address, charset="latin1"))
    else:
        keeper = make_erp(kind, request, folder, schema="")
    return ToyErp(keeper, folder)


class BadColumn(Struct, frozen=True):
    """A column that can hold what its driver does not read: its type, such a value, and a sound one."""

    type: str
    bad: str
    good: str


def bad_column(kind: str) -> BadColumn:
    """The column of this brand; PostgreSQL's letters are always letters, and its dates are not always dates."""
    if kind == "postgresql":
        return BadColumn("DATE", "'infinity'", "'2026-11-01'")
    return BadColumn("VARCHAR(20)", BAD_TEXT[kind], "'São'")


class Exported(Struct, frozen=True):
    """What a dataset's query gives: sound rows by key, and the rest by key with field and code."""

    sound: dict[str, dict[str, Any]]
    aside: dict[str | None, tuple[str, str]]
    latest: object


def exported(erp: Erp, name: str) -> Exported:
    """Read one dataset as the exporter does, and its lines as the hub does."""
    query = next(query for query in erp.exports() if query.dataset.name == name)
    sound: dict[str, dict[str, Any]] = {}
    aside: dict[str | None, tuple[str, str]] = {}
    with erp.open_export(query) as rows:
        for group in rows.groups():
            made = group.serialize(range(len(group.keys)))
            for n, why, field in made.invalid:
                assert why.sentence.endswith(".")
                aside[group.keys[n]] = (field, why.code)
            for verdict in line_reader(query.dataset)([line for line in made.lines if line], 1):
                assert not hasattr(verdict, "detail"), verdict
            for line in filter(None, made.lines):
                one = json.loads(line)
                sound[one["key"]] = one["data"]
        return Exported(sound, aside, rows.latest)


def _query(dataset: str, sql: str, *more: str) -> str:
    return f'[export.{dataset}]\nsql = "{sql}"\n' + "".join(more)


def _checked(toy: ToyErp, *parts: str) -> list[Finding]:
    address = toy.keeper.address
    with closing(open_database(address, toy.keeper.password)) as database:
        return check(read_layout(HEAD + "".join(parts)), database, address)


def _sentence(finding: Finding) -> str:
    return sentences.of_message(finding.message)


def test_case_a1_a_matched_row_with_an_unreadable_value_is_bound_and_its_neighbour_enters(toy: ToyErp) -> None:
    column = bad_column(toy.kind)
    toy.lay(
        cli=f"cod {{made}}, id_app VARCHAR(40) UNIQUE, nome VARCHAR(60), documento VARCHAR(20), cidade {column.type}"
    )
    erp = toy.open(CUSTOMER.replace("[customer.columns]", MATCH + "[customer.columns]"), ORDER, ITEM)
    toy.run(f"INSERT INTO cli (cod, documento, cidade) VALUES (7, '12ABC34501DE35', {column.bad})")
    written = write(erp, change(customer()), change(customer("cus_2", document=OTHER_CNPJ)))
    assert written.counts.customers == RowCounts(written=2)
    assert toy.rows("SELECT id_app, nome FROM cli WHERE cod = 7") == [("cus_1", "Padaria Aurora Ltda")]
    assert write(erp, change(customer(name="Outra"), 2)).counts.customers == RowCounts(written=1)


def test_case_a1_a_customers_row_whose_code_cannot_be_read_refuses_its_customer_alone(toy: ToyErp) -> None:
    column = bad_column(toy.kind)
    key = column.type.replace("VARCHAR(20)", "VARCHAR(40)")
    toy.lay(cli=f"cod {key} NOT NULL PRIMARY KEY, id_app VARCHAR(40) UNIQUE, nome VARCHAR(60), documento VARCHAR(20)")
    own = CUSTOMER.replace("[customer.columns]", MATCH + '[customer.columns]\ncod = "{}"\n')
    made = own.format("id") if toy.kind != "postgresql" else own.replace('"{}"', '{ constant = "2026-11-01" }')
    erp = toy.open(made, ORDER, ITEM)
    toy.run(f"INSERT INTO cli (cod, documento) VALUES ({column.bad}, '12ABC34501DE35')")
    written = write(erp, change(customer()), change(customer("cus_2", document=OTHER_CNPJ)))
    assert written.counts.customers == RowCounts(written=1, refused=1)
    [issue] = erp.records.open_issues(["refused"], 10)
    assert (issue.id, issue.code) == ("cus_1", "erp_unreadable")
    assert "cli.cod" in issue.message
    assert "Tentar de novo" in issue.message


_LOOKED_UP = ITEM.replace('"product_code"', '{ field = "product_code", lookup = "pro", by = "cod", take = "ref" }')
_ASKED = ITEM.replace('"product_code"', '{ sql = "SELECT ref FROM pro WHERE cod = :product_code" }')


@pytest.mark.parametrize("lines", [_LOOKED_UP, _ASKED])
def test_case_a1_a_looked_up_value_that_cannot_be_read_refuses_its_order_alone(toy: ToyErp, lines: str) -> None:
    column = bad_column(toy.kind)
    toy.lay(cli="", pro=f"cod VARCHAR(20) NOT NULL PRIMARY KEY, ref {column.type}")
    toy.run(f"INSERT INTO pro (cod, ref) VALUES ('000001', {column.good})")
    toy.run(f"INSERT INTO pro (cod, ref) VALUES ('000002', {column.bad})")
    erp = toy.open(ORDER, lines)
    asked = [change(order(f"ord_{n}", items=(item(1, product_code=f"00000{n}"),))) for n in (1, 2)]
    assert write(erp, *asked).counts.orders == RowCounts(written=1, refused=1)
    [issue] = erp.records.open_issues(["refused"], 10)
    assert (issue.id, issue.code) == ("ord_2", "erp_unreadable")
    assert ("pro.ref, 000002" if lines == _LOOKED_UP else "SQL de produto, 000002") in issue.message


def test_case_a1_a_key_in_the_main_row_that_cannot_be_read_makes_no_second_row(toy: ToyErp) -> None:
    if toy.kind not in BAD_TEXT:
        return  # PostgreSQL's letters are always letters
    toy.lay(
        cli="cod {made}, id_app VARCHAR(40) UNIQUE, nome VARCHAR(60), documento VARCHAR(20), pes VARCHAR(40)",
        pes="cod VARCHAR(40), email VARCHAR(60)",
    )
    before = '[[customer.before]]\nname = "pessoa"\ntable = "pes"\nkey = "cod"\nwhen = "email"\n'
    before += '[customer.before.columns]\ncod = "id"\nemail = "email"\n'
    erp = toy.open(CUSTOMER + 'pes = { key_of = "pessoa" }\n', before, ORDER, ITEM)
    write(erp, change(customer(email="a@aurora.example")), change(customer("cus_2", email="x@aurora.example")))
    toy.run(f"UPDATE cli SET pes = {BAD_TEXT[toy.kind]} WHERE id_app = 'cus_1'")  # noqa: S608  # our own text
    edits = change(customer(email="b@aurora.example"), 2), change(customer("cus_2", email="y@aurora.example"), 2)
    assert write(erp, *edits).counts.customers == RowCounts(written=2)
    assert sorted(toy.rows("SELECT cod, email FROM pes")) == [
        ("cus_1", "a@aurora.example"),
        ("cus_2", "y@aurora.example"),
    ]
    [warned] = erp.records.with_warnings(10)
    assert (warned.id, [one.code for one in warned.warnings]) == ("cus_1", ["extra_row_unreadable"])


def test_case_a1_an_order_whose_state_cannot_be_read_stays_and_its_neighbour_is_changed(toy: ToyErp) -> None:
    column = bad_column(toy.kind)
    toy.lay(cli="", ped=f"num {{made}}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), sit {column.type}")
    sound = column.good[1:-1]
    state = f'state = {{ column = "sit", open = "{sound}", cancelled = "{sound}" }}\n'
    erp = toy.open(ORDER.replace("[order.columns]", state + "[order.columns]"), ITEM)
    write(erp, change(order()), change(order("ord_2")))
    toy.run(f"UPDATE ped SET sit = {column.bad} WHERE id_app = 'ord_1'")
    edited = write(erp, change(order(items=(item(1),)), 2), change(order("ord_2", items=(item(1),)), 2))
    assert edited.counts.orders == RowCounts(written=1, refused=1)
    [issue] = erp.records.open_issues(["refused"], 10)
    assert (issue.id, issue.code) == ("ord_1", "erp_unreadable")
    assert "ped.sit" in issue.message
    toy.run(f"UPDATE ped SET sit = {column.good} WHERE id_app = 'ord_1'")
    erp.records.requeue("order", ["ord_1"])
    assert write(erp, change(order(items=(item(1),)), 2), expected=None).counts.orders == RowCounts(written=1)


_QUEUE = """
[order]
landing = "staging"
table = "ped"
key = "num"
external_id = "id_app"
[order.outcome]
sql = "SELECT id_app, numero, sit, motivo FROM saida WHERE id_app IN (:ids)"
states = { N = "staged", I = "imported", E = "refused" }
[order.columns]
id_app = "id"
total = "totals.total_amount"
"""


def test_case_a1_an_outcome_that_cannot_be_read_leaves_the_others_theirs(toy: ToyErp) -> None:
    column = bad_column(toy.kind)
    toy.lay(cli="", saida=f"id_app VARCHAR(40), numero {column.type}, sit CHAR(1), motivo {column.type}")
    erp = toy.open(_QUEUE, ITEM)
    write(erp, *(change(order(f"ord_{n}")) for n in (1, 2, 3)))
    for row in (
        f"'ord_1', {column.bad}, 'I', NULL",
        f"'ord_2', {column.good}, 'I', NULL",
        f"'ord_3', NULL, 'E', {column.bad}",
    ):
        toy.run(f"INSERT INTO saida (id_app, numero, sit, motivo) VALUES ({row})")
    assert erp.read_outcomes() == 2
    outcomes = {one.id: (one.outcome, one.erp_number) for one in erp.records.pending_receipts(10)}
    assert outcomes["ord_1"] == ("staged", None)
    assert outcomes["ord_2"] == ("imported", column.good[1:-1])
    assert outcomes["ord_3"][0] == "refused"
    [warned] = erp.records.with_warnings(10)
    assert (warned.id, [one.code for one in warned.warnings]) == ("ord_1", ["erp_unreadable"])
    assert "order.outcome, número" in warned.warnings[0].message
    assert erp.read_outcomes() == 0
    toy.run(f"UPDATE saida SET numero = {column.good} WHERE id_app = 'ord_1'")
    assert erp.read_outcomes() == 1
    assert erp.records.with_warnings(10) == []


def _sellers(toy: ToyErp, column: BadColumn, n_rows: int) -> str:
    """A table of sellers, every third with a value that cannot be read; the query of them."""
    toy.lay(cli="", ven=f"cod INTEGER NOT NULL PRIMARY KEY, nome {column.type}, alterado INTEGER")
    with closing(toy.keeper.plain()) as plain, closing(plain.cursor()) as cursor:
        for n in range(n_rows):
            value = column.bad if n % 3 == 1 else column.good
            cursor.execute(f"INSERT INTO ven (cod, nome, alterado) VALUES ({n}, {value}, {n})")
        plain.commit()
    return "SELECT cod AS code, nome AS name, alterado FROM ven ORDER BY cod"


@pytest.mark.parametrize("n_rows", [7, 4100])
def test_case_a2_an_unreadable_text_sets_its_row_aside_and_the_dataset_goes_on(
    request: pytest.FixtureRequest, tmp_path: Path, n_rows: int
) -> None:
    for kind in ("sqlite", "mariadb", "firebird"):
        folder = tmp_path / kind
        folder.mkdir()
        toy = opened(kind, request, folder)
        query = _query("sellers", _sellers(toy, bad_column(kind), n_rows), 'changed_at = "alterado"\n')
        found = exported(toy.open(ORDER, ITEM, query), "sellers")
        bad = {str(n) for n in range(n_rows) if n % 3 == 1}
        assert found.aside == dict.fromkeys(bad, ("name", "unreadable"))
        assert found.sound.keys() == {str(n) for n in range(n_rows)} - bad
        assert found.latest == n_rows - 1 - FEW_NUMBERS
        toy.close()


_RECEIVABLE = "SELECT doc AS document, '1' AS installment, cli AS customer_erp_code, emi AS issued_on, ven AS due_on, "
_RECEIVABLE += "val AS amount, val AS balance FROM tit"
_TIT = "doc VARCHAR(40) NOT NULL PRIMARY KEY, cli VARCHAR(20), emi DATE, ven DATE, val NUMERIC(15,2)"


def test_case_a2_a_byte_that_is_no_letter_is_told_over_a_connection_in_utf8_too(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keeper = make_on(request.getfixturevalue("firebird_running"), charset="WIN1252", schema="")
    ToyErp(keeper, tmp_path).lay(ven="cod INTEGER NOT NULL PRIMARY KEY, nome VARCHAR(20)")
    keeper.run(f"INSERT INTO ven VALUES (1, {BAD_TEXT['firebird']})")  # noqa: S608  # our own text
    keeper.run("INSERT INTO ven VALUES (2, 'São')")
    address = msgspec.structs.replace(keeper.address, charset="UTF8")
    with closing(ToyErp(msgspec.structs.replace(keeper, address=address), tmp_path)) as toy:
        query = _query("sellers", "SELECT cod AS code, nome AS name FROM ven")
        found = exported(toy.open(ORDER, ITEM, query), "sellers")
    assert {key: row["name"] for key, row in found.sound.items()} == {"2": "São"}
    assert found.aside == {"1": ("name", "unreadable")}


def test_case_a2_a_date_beyond_the_calendar_sets_its_receivable_aside(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = opened("postgresql", request, tmp_path)
    toy.lay(cli="", tit=_TIT)
    days = ("2026-11-01", "20222-01-10", "infinity", "0044-03-15 BC", "2026-11-02")
    for n, day in enumerate(days):
        toy.run("INSERT INTO tit VALUES (?, 'C1', NULL, CAST(? AS date), 10.00)", f"D{n}", day)
    found = exported(toy.open(ORDER, ITEM, _query("receivables", _RECEIVABLE)), "receivables")
    assert found.sound.keys() == {"D0/1", "D4/1"}
    assert found.aside == {f"D{n}/1": ("due_on", "unreadable") for n in (1, 2, 3)}
    toy.close()


def test_case_a3_a_zero_date_is_no_date_and_the_check_warns(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    toy = opened("mariadb", request, tmp_path)
    toy.lay(cli="", tit=f"{_TIT}, alt DATETIME")
    with closing(toy.keeper.plain()) as plain, closing(plain.cursor()) as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        for row in (
            "'D1', 'C1', '0000-00-00', '2026-11-01', 10, '0000-00-00 00:00:00'",
            "'D2', 'C1', '2026-05-00', '2026-11-01', 10, '2026-11-01 10:00:00'",
            "'D3', 'C1', '2026-05-01', '0000-00-00', 10, '2026-00-00 00:00:00'",
            "'D4', 'C1', '2026-05-01', '2026-11-01', 10, NULL",
        ):
            cursor.execute(f"INSERT INTO tit VALUES ({row})")
        plain.commit()
    query = _query("receivables", _RECEIVABLE.replace(" FROM", ", alt FROM"), 'changed_at = "alt"\n')
    found = exported(toy.open(ORDER, ITEM, query), "receivables")
    assert found.sound.keys() == {"D1/1", "D4/1"}
    assert "issued_on" not in found.sound["D1/1"]
    assert found.aside == {"D2/1": ("issued_on", "format"), "D3/1": ("due_on", "required")}
    assert str(found.latest).startswith("2026-11-01 09:50:00")
    warned = [one for one in _checked(toy, ORDER, ITEM, query) if one.code == "check_export_zero_date"]
    assert [(one.level, "0000-00-00" in _sentence(one)) for one in warned] == [("warning", True)] * 3
    toy.close()


def test_case_a4_delphis_zero_date_in_a_moment_is_no_moment(toy: ToyErp) -> None:
    moment = "TIMESTAMP" if toy.kind != "mariadb" else "DATETIME"
    toy.lay(cli="", sal=f"pro VARCHAR(20) NOT NULL PRIMARY KEY, qtd NUMERIC(15,2), mov {moment}")
    for code, at in (("p1", "1899-12-30 00:00:00"), ("p2", "2026-11-24 09:00:00"), ("p3", "1913-12-31 23:59:59")):
        toy.run(f"INSERT INTO sal VALUES ('{code}', 5, '{at}')")
    query = _query(
        "stock", "SELECT '0001' AS establishment_code, pro AS product_code, qtd AS on_hand, mov AS measured_at FROM sal"
    )
    found = exported(toy.open(ORDER, ITEM, query), "stock")
    assert {key: row.get("measured_at") for key, row in found.sound.items()} == {
        "0001/p1": None,
        "0001/p2": "2026-11-24T09:00:00-03:00",
        "0001/p3": None,
    }
    assert found.aside == {}


def test_case_a5_a_price_in_a_column_of_approximate_numbers_goes_out_as_it_was_typed(toy: ToyErp) -> None:
    toy.lay(cli="", pre="pro VARCHAR(20) NOT NULL PRIMARY KEY, val DOUBLE PRECISION")
    for code, price in (("p1", "59.699999999999996"), ("p2", "0.30000000000000004"), ("p3", "0.333333333333333")):
        toy.run(f"INSERT INTO pre VALUES ('{code}', {price})")
    query = _query("prices", "SELECT 'T' AS table_code, pro AS product_code, val AS price FROM pre")
    found = exported(toy.open(ORDER, ITEM, query), "prices")
    assert {key: row["price"] for key, row in found.sound.items()} == {"T/p1": "59.7", "T/p2": "0.3"}
    assert found.aside == {"T/p3": ("price", "float")}
    [warned] = [one for one in _checked(toy, ORDER, ITEM, query) if one.code == "check_export_value"]
    assert "ROUND" in _sentence(warned)


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_case_a5_a_number_that_is_none_sets_its_price_aside(
    request: pytest.FixtureRequest, tmp_path: Path, value: str
) -> None:
    toy = opened("postgresql", request, tmp_path)
    toy.lay(cli="", pre="pro VARCHAR(20) NOT NULL PRIMARY KEY, val DOUBLE PRECISION, num NUMERIC")
    toy.run(f"INSERT INTO pre VALUES ('p1', '{value}', 1), ('p2', 1, '{value}'), ('p3', 2, 2)")
    query = _query("prices", "SELECT 'T' AS table_code, pro AS product_code, val AS price, num AS min_price FROM pre")
    found = exported(toy.open(ORDER, ITEM, query), "prices")
    assert found.sound.keys() == {"T/p3"}
    assert found.aside.keys() == {"T/p1", "T/p2"}
    toy.close()


def test_case_a8_the_erps_own_codes_are_no_ids_of_the_hub(toy: ToyErp) -> None:
    toy.lay(cli="", tit=_TIT)
    for document, code in (("NF 881", "C 12"), ("DUPLICATA-Nº 12", "C1")):
        toy.run("INSERT INTO tit VALUES (?, ?, NULL, '2026-11-01', 10)", document, code)
    found = exported(toy.open(ORDER, ITEM, _query("receivables", _RECEIVABLE)), "receivables")
    assert {key: row["customer_erp_code"] for key, row in found.sound.items()} == {
        "NF 881/1": "C 12",
        "DUPLICATA-Nº 12/1": "C1",
    }
    assert found.aside == {}


@pytest.mark.parametrize("charset", ["NONE", "WIN1252", "UTF8"])
def test_case_a7_what_a_trigger_says_keeps_its_accents(
    request: pytest.FixtureRequest, tmp_path: Path, charset: str
) -> None:
    server: FirebirdServer = request.getfixturevalue("firebird_running")
    letters = "UTF8" if charset == "UTF8" else "WIN1252"
    address = ErpAddress(
        kind="firebird",
        database=server.database(charset),
        server="127.0.0.1",
        port=server.port,
        user=server.user,
        charset=letters,
    )
    keeper = SampleErp(address, PASSWORD)
    toy = ToyErp(keeper, tmp_path)
    toy.lay(cli="")
    with closing(open_database(keeper.address, keeper.password)) as owner:
        owner.execute("CREATE EXCEPTION limite 'Limite de crédito não é suficiente'")
        owner.execute("CREATE TRIGGER barra FOR ped BEFORE INSERT AS BEGIN EXCEPTION limite; END")
    erp = toy.open(ORDER, ITEM)
    written = write(erp, change(order()))
    [issue] = erp.records.open_issues(["refused"], 10)
    assert "Limite de crédito não é suficiente" in issue.message
    [receipt] = written.receipts
    assert receipt.reason is not None
    assert "Limite de crédito não é suficiente" in receipt.reason.message
    toy.close()


def _of_letters(kind: str, request: pytest.FixtureRequest, folder: Path) -> ToyErp:
    """An ERP whose charset is of one byte a letter."""
    if kind != "postgresql":
        return opened(kind, request, folder)
    return ToyErp(make_on(request.getfixturevalue("postgresql_running"), charset="LATIN1", schema=""), folder)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb", "firebird"])
def test_case_a6_a_letter_that_the_charset_lacks_is_named_with_its_column(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = _of_letters(kind, request, tmp_path)
    toy.lay()
    erp = toy.open(CUSTOMER, ORDER, ITEM)
    names = ("Padaria São João", "Padaria 😀", "Łucja", "D’Ávila – “Pães”…")
    written = write(erp, *(change(customer(f"cus_{n}", name=name)) for n, name in enumerate(names)))
    assert written.counts.customers == RowCounts(written=2, refused=2)
    issues = {issue.id: issue.message for issue in erp.records.open_issues(["refused"], 10)}
    assert "U+1F600, 9ª letra de cli.nome" in issues["cus_1"]
    assert "U+0141, 1ª letra de cli.nome" in issues["cus_2"]
    assert "codec" not in "".join(issues.values())
    edited = write(erp, change(customer("cus_0", name="São João ✓"), 2), change(customer("cus_3", name="D’Ávila"), 2))
    assert edited.counts.customers == RowCounts(written=1, refused=1)
    [(name,)] = toy.rows("SELECT nome FROM cli WHERE id_app = 'cus_3'")
    assert name == ("D'Ávila" if kind == "postgresql" else "D’Ávila")
    toy.close()


def test_case_a6_a_column_that_lacks_a_letter_of_its_connection_names_it_too(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = ToyErp(make_on(request.getfixturevalue("mariadb_running"), schema=""), tmp_path)
    toy.lay(cli=TABLES["cli"].replace("nome VARCHAR(60)", "nome VARCHAR(60) CHARACTER SET latin1"))
    erp = toy.open(CUSTOMER, ORDER, ITEM)
    written = write(erp, change(customer(name="Padaria 😀")), change(customer("cus_2", name="D’Ávila")))
    assert written.counts.customers == RowCounts(written=1, refused=1)
    [issue] = erp.records.open_issues(["refused"], 10)
    assert "U+1F600, cli.nome" in issue.message
    toy.close()


class BadValue(Struct, frozen=True):
    """A value of a receivable that is not sound: its column, how it is written, and the field and code that name it.

    Without a field it is none, and its row goes out.
    """

    column: str
    sql: str
    field: str = ""
    code: str = "unreadable"


def bad_values(kind: str) -> list[BadValue]:
    """One value of every kind that this brand holds and that Python has no form for, or no field takes."""
    text = [] if kind == "postgresql" else [BadValue("cli", BAD_TEXT[kind], "customer_erp_code")]
    return (
        text
        + {
            "sqlite": [
                BadValue("val", "9e999", "amount", "float"),
                BadValue("ven", "'0000-00-00'", "due_on", "required"),
                BadValue("emi", "'31/12/2026'", "issued_on", "format"),
            ],
            "postgresql": [
                BadValue("ven", "'infinity'", "due_on"),
                BadValue("emi", "'-infinity'", "issued_on"),
                BadValue("ven", "'20222-01-10'", "due_on"),
                BadValue("emi", "'0044-03-15 BC'", "issued_on"),
                BadValue("val", "'NaN'", "amount", "pattern"),
                BadValue("flo", "'Infinity'", "balance", "float"),
                BadValue("flo", "1e300", "balance", "float"),
            ],
            "mariadb": [
                BadValue("emi", "'0000-00-00'"),
                BadValue("ven", "'0000-00-00'", "due_on", "required"),
                BadValue("ven", "'2026-05-00'", "due_on", "format"),
                BadValue("emi", "'2026-02-31'", "issued_on", "format"),
                BadValue("flo", "1e300", "balance", "float"),
            ],
            "firebird": [BadValue("flo", "1e300", "balance", "float")],
        }[kind]
    )


_WHOLE = f"{_TIT}, flo DOUBLE PRECISION, alt {{moment}}"
_ALL_OF_THEM = _RECEIVABLE.replace("val AS balance", "flo AS balance, alt")


def test_an_erp_with_values_of_every_kind_that_cannot_be_read_brings_all_the_rest_and_names_each(toy: ToyErp) -> None:
    column, found = bad_column(toy.kind), bad_values(toy.kind)
    moment = "DATETIME" if toy.kind == "mariadb" else "TIMESTAMP"
    toy.lay(
        cli=f"{TABLES['cli']}, cidade {column.type}",
        ped=f"{TABLES['ped']}, sit {column.type}",
        pro=f"cod VARCHAR(20) NOT NULL PRIMARY KEY, ref {column.type}",
        tit=_WHOLE.format(moment=moment),
    )
    state = f'customer = "cli"\nstate = {{ column = "sit", open = "{column.good[1:-1]}" }}\n'
    erp = toy.open(
        CUSTOMER.replace("[customer.columns]", MATCH + "[customer.columns]"),
        ORDER.replace("[order.columns]", state + "[order.columns]"),
        _LOOKED_UP,
        _query("receivables", _ALL_OF_THEM, 'changed_at = "alt"\n'),
    )
    toy.run(f"INSERT INTO pro (cod, ref) VALUES ('000001', {column.good})")
    toy.run(f"INSERT INTO pro (cod, ref) VALUES ('000002', {column.bad})")
    toy.run(f"INSERT INTO cli (cod, documento, cidade) VALUES (7, '12ABC34501DE35', {column.bad})")
    with closing(toy.keeper.plain()) as plain, closing(plain.cursor()) as cursor:
        if toy.kind == "mariadb":
            cursor.execute("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'")
        for n, bad in enumerate([BadValue("doc", "'D0'"), *found, BadValue("doc", "'DZ'")]):
            row = {"doc": f"'D{n}'", "cli": "'C1'", "emi": "NULL", "ven": "'2026-11-01'", "val": "10.00", "flo": "10"}
            row |= {"alt": "'2026-11-24 10:00:00'", bad.column: bad.sql}
            cursor.execute(f"INSERT INTO tit ({', '.join(row)}) VALUES ({', '.join(row.values())})")
        plain.commit()

    people = write(erp, change(customer()), change(customer("cus_2", document=OTHER_CNPJ)))
    assert people.counts.customers == RowCounts(written=2)
    lines = {n: (item(1, product_code=f"00000{n}"),) for n in (1, 2)}
    orders = [change(order(f"ord_{n}", items=lines[1 if n < 4 else 2])) for n in (1, 2, 3, 4)]
    assert write(erp, *orders).counts.orders == RowCounts(written=3, refused=1)
    toy.run(f"UPDATE ped SET sit = {column.bad} WHERE id_app = 'ord_2'")
    edited = [change(order(f"ord_{n}", items=lines[1], notes="urgente"), 2) for n in (1, 2, 3)]
    assert write(erp, *edited).counts.orders == RowCounts(written=2, refused=1)
    issues = {issue.id: issue.message for issue in erp.records.open_issues(["refused"], 10)}
    assert issues.keys() == {"ord_2", "ord_4"}
    assert "ped.sit" in issues["ord_2"]
    assert "pro.ref, 000002" in issues["ord_4"]

    out = exported(erp, "receivables")
    named = {f"D{n}/1": (bad.field, bad.code) for n, bad in enumerate(found, 1) if bad.field}
    whole = {f"D{n}/1" for n, bad in enumerate(found, 1) if not bad.field}
    assert out.aside == named
    assert out.sound.keys() == {"D0/1", "DZ/1"} | whole


def test_mariadbs_connection_lost_among_the_rows_is_a_busy_erp(request: pytest.FixtureRequest) -> None:
    keeper = make_on(request.getfixturevalue("mariadb_running"), schema="")
    with closing(open_database(keeper.address, keeper.password)) as database:
        with pytest.raises(ErpBusyError):
            _read_while_killed(keeper, database)
        assert database.select("SELECT 1") == [(1,)]


def _read_while_killed(keeper: SampleErp, database: Database) -> None:
    [(own,)] = database.select("SELECT connection_id()")
    read, sql = database.dialect.driver.read_rows, "SELECT seq, repeat('x', 1000) FROM seq_1_to_100000"
    with database.cursor(sql) as cursor:
        cursor.execute(sql)
        assert len(read(cursor, 1)) == 1
        keeper.run(f"KILL {own}")
        read(cursor, None)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_case_a1_a_number_that_cannot_be_read_is_not_sent_as_one(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy, column = opened(kind, request, tmp_path), bad_column(kind)
    toy.lay(cli="", ped=f"{TABLES['ped']}, exibido {column.type} DEFAULT ({column.bad})")
    erp = toy.open(ORDER.replace("[order.columns]", 'shown = "exibido"\n[order.columns]'), ITEM)
    written = write(erp, change(order()), change(order("ord_2")))
    assert written.counts.orders == RowCounts(written=2)
    assert [receipt.erp_number for receipt in written.receipts] == [None, None]
    toy.close()
