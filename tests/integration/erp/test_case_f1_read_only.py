"""Case F1: an export's query only reads, on every database, and a login that may do too much is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.layout.schema import Export, read_layout, shipped_names, shipped_text
from omnisync.agent.erp.layout.sql_texts import SqlText, seen_mark, sql_texts
from omnisync.agent.erp.layout_check.export_check import check_exports
from omnisync.agent.erp.layout_check.login_check import check_login
from omnisync.agent.errors import ErpSetupError, LayoutError
from omnisync.agent.messages import sentences
from omnisync.agent.zones import zone_named
from tests.support.erp_databases import KEEPERS, SampleErp, make_erp

SYSTEM_RIGHTS = {"postgresql": "superuser", "mariadb": "FILE", "firebird": "SYSDBA"}


@pytest.fixture(params=KEEPERS)
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> SampleErp:
    made = make_erp(request.param, request, tmp_path)
    made.run("CREATE TABLE produto (code VARCHAR(20) NOT NULL PRIMARY KEY, name VARCHAR(60))")
    made.run("INSERT INTO produto VALUES ('P1', 'Pão')")
    return made


@pytest.fixture
def database(keeper: SampleErp) -> Iterator[Database]:
    with closing(open_database(keeper.address, keeper.password, zone=zone_named("America/Sao_Paulo"))) as opened:
        yield opened


WRITING = (
    "DELETE FROM produto RETURNING code, name",
    "INSERT INTO produto VALUES ('P2', 'Bolo') RETURNING code, name",
    "DELETE FROM produto",
)


IN_A_QUERY = "WITH gone AS (DELETE FROM produto RETURNING code) SELECT code FROM gone"


def test_case_f1_a_query_that_writes_inside_is_refused_where_there_is_such_a_thing(
    keeper: SampleErp, database: Database
) -> None:
    if keeper.name == "postgresql":
        test_case_f1_an_export_query_that_writes_is_refused_and_writes_nothing(keeper, database, IN_A_QUERY)


@pytest.mark.parametrize("sql", WRITING)
def test_case_f1_an_export_query_that_writes_is_refused_and_writes_nothing(
    keeper: SampleErp, database: Database, sql: str
) -> None:
    with pytest.raises(LayoutError) as told, database.stream(sql) as (_, lots):
        list(lots)
    assert "só pode ler, e esta grava" in sentences.of_error(told.value)
    database.close()
    assert keeper.query("SELECT code FROM produto") == [("P1",)]


def test_case_f1_the_check_names_the_query_that_writes(keeper: SampleErp, database: Database) -> None:
    layout = msgspec.structs.replace(read_layout(shipped_text("padrao")), export={"products": Export(sql=WRITING[0])})
    found = [finding for finding in check_exports(layout, database) if finding.level == "error"]
    assert [(finding.where, finding.code) for finding in found] == [("export.products.sql", "check_query")]
    assert "só pode ler" in sentences.of_message(found[0].message)
    database.close()
    assert keeper.query("SELECT code FROM produto") == [("P1",)]


def test_case_f1_after_a_refused_query_the_database_reads_and_writes_as_before(
    keeper: SampleErp, database: Database
) -> None:
    with pytest.raises(LayoutError), database.stream(WRITING[0]) as (_, lots):
        list(lots)
    with database.stream("SELECT code FROM produto") as (_, lots):
        assert list(lots) == [[("P1",)]]
    assert database.execute("UPDATE produto SET name = 'Pão francês'") == 1
    database.begin()
    assert database.execute("UPDATE produto SET name = 'Pão'") == 1
    database.commit()


def test_case_f1_a_login_that_may_do_everything_is_named(keeper: SampleErp, database: Database) -> None:
    found = [sentences.of_message(finding.message) for finding in check_login(database)]
    if keeper.name == "sqlite":
        assert found == []
        return
    assert len(found) == 1
    assert SYSTEM_RIGHTS[keeper.name] in found[0]
    assert "Crie outro só para o Omnisync" in found[0]


SMALL = {
    "postgresql": ("CREATE ROLE pouco LOGIN PASSWORD 'pouco-e-so'", "GRANT SELECT ON produto TO pouco"),
    "mariadb": ("CREATE USER pouco IDENTIFIED BY 'pouco-e-so'", "GRANT SELECT ON produto TO pouco"),
    "firebird": ("CREATE USER pouco PASSWORD 'pouco-e-so'", "GRANT SELECT ON produto TO USER pouco"),
}
NO_MORE = {"mariadb": "DROP USER pouco", "firebird": "DROP USER pouco", "postgresql": "DROP OWNED BY pouco"}


def test_case_f1_a_login_of_its_own_is_not_named(keeper: SampleErp) -> None:
    if keeper.name == "sqlite":
        return
    for sql in SMALL[keeper.name]:
        keeper.run(sql)
    address = type(keeper.address)(
        kind=keeper.address.kind,
        database=keeper.address.database,
        server=keeper.address.server,
        port=keeper.address.port,
        user="pouco",
        charset=keeper.address.charset,
    )
    try:
        with closing(open_database(address, "pouco-e-so", zone=zone_named("America/Sao_Paulo"))) as small:
            assert small.select("SELECT code FROM produto") == [("P1",)]
            assert list(check_login(small)) == []
            with pytest.raises(ErpSetupError):
                small.execute("DELETE FROM produto")
    finally:
        keeper.run(NO_MORE[keeper.name])
        if keeper.name == "postgresql":
            keeper.run("DROP ROLE pouco")


EVERY_FORM = """
name = "todas"
description = "Todas as formas de SQL"
databases = ["sqlite"]
[customer]
table = "c"
key = "id"
number = { from = "procedure", column = "id", sql = "SELECT 1" }
after_sql = "UPDATE c SET x = 1 WHERE id = :key"
[customer.columns]
sql = "name"
nome = { sql = "SELECT 2" }
[[customer.after]]
name = "fone"
table = "f"
key = "id"
[customer.after.columns]
numero = { sql = "SELECT 3" }
[order]
table = "p"
key = "id"
landing = "staging"
outcome = { sql = "SELECT 4 WHERE id IN (:ids)", states = {} }
after_sql = "UPDATE p SET x = 1"
[order.columns]
total = "total"
[item]
table = "i"
parent = "id"
identity = "replace"
[item.columns]
preco = { sql = "SELECT 5" }
[export.products]
sql = '''
SELECT code,
  name FROM produto
'''
"""


def test_case_f1_every_sql_text_of_a_layout_is_listed() -> None:
    assert sql_texts(read_layout(EVERY_FORM)) == (
        SqlText("customer.number.sql", "SELECT 1"),
        SqlText("customer.after.fone.columns.numero.sql", "SELECT 3"),
        SqlText("customer.after_sql", "UPDATE c SET x = 1 WHERE id = :key"),
        SqlText("customer.columns.nome.sql", "SELECT 2"),
        SqlText("order.outcome.sql", "SELECT 4 WHERE id IN (:ids)"),
        SqlText("order.after_sql", "UPDATE p SET x = 1"),
        SqlText("item.columns.preco.sql", "SELECT 5"),
        SqlText("export.products.sql", "SELECT code,\n  name FROM produto"),
    )


def test_case_f1_what_was_seen_is_these_texts_and_no_others() -> None:
    texts = sql_texts(read_layout(EVERY_FORM))
    assert seen_mark(texts) == seen_mark(tuple(texts))
    assert seen_mark(texts) != seen_mark(sql_texts(read_layout(EVERY_FORM.replace("SELECT 5", "SELECT 6"))))


def test_case_f1_each_export_of_the_shipped_layouts_is_listed() -> None:
    for name in shipped_names():
        layout = read_layout(shipped_text(name))
        listed = {text.where for text in sql_texts(layout)}
        assert {f"export.{one}.sql" for one in layout.export} <= listed
