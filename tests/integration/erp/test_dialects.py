"""What the importer asks of a database, over every database: one suite, and its ids are the databases' names."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pymysql  # type: ignore[import-untyped]  # the driver has no types
import pytest
from firebird.driver import DatabaseError  # type: ignore[import-untyped]  # the driver has no types
from msgspec import Struct

from devtools.database_servers import PASSWORD
from devtools.erp_schemas import schema
from devtools.server import Server
from omnisync.agent.erp.database import Database, Dialect, encoder, records_among
from omnisync.agent.erp.dialects.firebird import dialect as firebird
from omnisync.agent.erp.dialects.mariadb import dialect as mariadb
from omnisync.agent.erp.dialects.postgresql import dialect as postgresql
from omnisync.agent.erp.dialects.sqlite import dialect as sqlite
from omnisync.agent.erp.driver import DatabaseLogin, Timeouts
from omnisync.agent.erp.statements import formatted
from omnisync.agent.errors import (
    ErpBusyError,
    ErpFullError,
    ErpRowInUseError,
    ErpSetupError,
    OmnisyncError,
    RefusedRecordError,
    SettingsError,
)

SERVERS = {dialect.label: dialect for dialect in (postgresql.DIALECT, mariadb.DIALECT, firebird.DIALECT)}
COLUMNS = ("k", "nome", "valor", "nota")
N = 2500
WORDS = ("ação", "São João", "maçã ✓", "pão de queijo 🧀", "Ü—“”")

TRIGGERS = {
    "SQLite": [
        "CREATE TRIGGER proibe BEFORE INSERT ON t WHEN NEW.nome = 'proibido' "
        "BEGIN SELECT RAISE(ABORT, 'pedido não permitido'); END"
    ],
    "PostgreSQL": [
        "CREATE FUNCTION proibe() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.nome = 'proibido' THEN RAISE EXCEPTION 'pedido não permitido'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER proibe BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION proibe()",
    ],
    "MariaDB": [
        "CREATE TRIGGER proibe BEFORE INSERT ON t FOR EACH ROW BEGIN IF NEW.nome = 'proibido' THEN "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'pedido não permitido'; END IF; END"
    ],
    "Firebird": [
        "CREATE EXCEPTION e_proibido 'pedido não permitido'",
        "CREATE TRIGGER proibe FOR t BEFORE INSERT AS BEGIN IF (NEW.nome = 'proibido') THEN EXCEPTION e_proibido; END",
    ],
}
READERS = {
    "PostgreSQL": ["CREATE ROLE {user} LOGIN PASSWORD '{password}'", "GRANT SELECT ON t TO {user}"],
    "MariaDB": ["CREATE USER {user} IDENTIFIED BY '{password}'", "GRANT SELECT ON {database}.* TO {user}"],
    "Firebird": ["CREATE USER {user} PASSWORD '{password}'", "GRANT SELECT ON t TO {user}"],
}


class Place(Struct):
    """A database with one table, and how to open sessions of it."""

    name: str
    database: str
    server: Server | None
    sessions: list[Database]

    def open(self, **instead: Any) -> Database:
        """A session, closed at the end of the test."""
        usual: dict[str, Any] = {"database": self.database}
        if self.server is not None:
            usual |= {"server": "127.0.0.1", "port": self.server.port, "user": self.server.user, "password": PASSWORD}
            usual["charset"] = "UTF8" if self.name == "Firebird" else ""
        session = Database(SERVERS.get(self.name, sqlite.DIALECT), DatabaseLogin(**(usual | instead)))
        self.sessions.append(session)
        return session

    def impatient(self) -> Database:
        """A session that waits two seconds for a lock: Firebird may count the first one short."""
        return self.open(timeouts=Timeouts(lock_s=2))


@pytest.fixture(params=["SQLite", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from _laid(_place(request.param, request, tmp_path))


@pytest.fixture(params=list(SERVERS))
def on_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from _laid(_place(request.param, request, tmp_path))


def _laid(place: Place) -> Iterator[Place]:
    types = ("TEXT",) * 3 if place.server is None else ("VARCHAR(60)", "NUMERIC(15,4)", "VARCHAR(200)")
    place.open().execute(
        "CREATE TABLE t (k INTEGER NOT NULL PRIMARY KEY, nome {} NOT NULL, valor {}, nota {})".format(*types)
    )
    yield place
    for session in place.sessions:
        session.rollback()
        session.close()


@pytest.fixture
def database(place: Place) -> Database:
    return place.open()


def _place(name: str, request: pytest.FixtureRequest, folder: Path) -> Place:
    if name == "SQLite":
        path = folder / "erp.db"
        with closing(sqlite3.connect(path)) as made:
            made.execute("VACUUM")
        return Place(name, str(path), None, [])
    server = request.getfixturevalue(f"{name.lower()}_running")
    return Place(name, server.database(), server, [])


def _rows(n: int = N, *, decimals: Callable[[str], object] = str) -> list[tuple[object, ...]]:
    return [
        (k, WORDS[k % 5], None if k % 7 == 0 else decimals(f"{k}.25"), None if k % 3 else f"nota {k}") for k in range(n)
    ]


def _lay(database: Database) -> None:
    database.begin()
    database.insert_rows("t", COLUMNS, _rows())
    database.commit()


def _kept(database: Database) -> list[tuple[object, ...]]:
    rows: list[Any] = database.select("SELECT k, nome, valor, nota FROM t ORDER BY k")
    return [
        (k, nome, None if valor is None else Decimal(valor).quantize(Decimal("0.01")), nota)
        for k, nome, valor, nota in rows
    ]


def _as_kept(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [(k, nome, None if valor is None else Decimal(str(valor)), nota) for k, nome, valor, nota in rows]


def _in_thread(work: Callable[[], object]) -> Future[object]:
    done: Future[object] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except OmnisyncError as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done


def _is_waiting(done: Future[object]) -> bool:
    threading.Event().wait(0.3)
    return not done.done()


def test_rows_come_back_as_they_were_written(database: Database) -> None:
    _lay(database)
    assert _kept(database) == _as_kept(_rows())


def test_decimals_are_written_exactly(on_server: Place) -> None:
    database = on_server.open()
    database.begin()
    database.insert_rows("t", COLUMNS, _rows(decimals=Decimal))
    database.commit()
    assert _kept(database) == _as_kept(_rows())


def test_updates_answer_how_many_rows_they_matched_even_where_nothing_changed(database: Database) -> None:
    _lay(database)
    changed = [("nova maçã", "1.50", None, k) for k in range(N + 10)]
    database.begin()
    assert database.update_rows("t", COLUMNS[1:], ["k"], changed) == N
    assert database.update_rows("t", COLUMNS[1:], ["k"], changed) == N
    assert database.execute("UPDATE t SET nota = ? WHERE k = ?", (None, 1)) == 1
    assert database.execute_many("UPDATE t SET nota = ? WHERE k = ?", [(None, 1), (None, -1)]) == 1
    database.commit()
    assert _kept(database) == [(k, "nova maçã", Decimal("1.50"), None) for k in range(N)]


def test_ids_are_looked_up_in_any_number(database: Database) -> None:
    _lay(database)
    among = "SELECT k FROM t WHERE nome <> ? AND k IN {ids}"
    assert database.select_among(among, [], ("x",)) == []
    assert database.select_among(among, [7], ("x",)) == [(7,)]
    assert sorted(database.select_among(among, list(range(N + 100)), ("x",))) == [(k,) for k in range(N)]
    texts = "SELECT count(*) FROM t WHERE nome IN {ids}"
    assert database.select_among(texts, [WORDS[0], 'a"b\\c', "d,e"]) == [(N // 5,)]


def test_records_come_with_their_names(database: Database) -> None:
    database.insert_rows("t", COLUMNS, _rows(3))
    [record] = records_among(database, "t", "k", [2])
    assert {name.lower(): value for name, value in record.items()}["nome"] == WORDS[2]


def test_a_query_is_streamed_in_lots_with_its_columns_names(database: Database) -> None:
    _lay(database)
    sql = "SELECT k, nome, valor, nota FROM t WHERE k >= ? ORDER BY k"
    with database.stream(sql, (0,), size=1000) as (names, lots):
        assert [name.lower() for name in names] == list(COLUMNS)
        found: list[list[Any]] = list(lots)
    assert [len(lot) for lot in found] == [1000, 1000, 500]
    assert [(k, nome, nota) for lot in found for k, nome, _, nota in lot] == [
        (k, nome, nota) for k, nome, _, nota in _rows()
    ]
    assert database.execute("UPDATE t SET nota = 'depois' WHERE k = 1") == 1


def test_a_stream_is_of_one_moment_and_keeps_nobody_from_writing(place: Place) -> None:
    reader, writer = place.open(), place.open()
    _lay(writer)
    with reader.stream("SELECT k, nota FROM t ORDER BY k", size=10) as (_, lots):
        first = next(lots)
        assert writer.execute("UPDATE t SET nota = 'depois'") == N
        rest: list[Any] = [row for lot in lots for row in lot]
    assert [k for k, _ in [*first, *rest]] == list(range(N))
    assert not any(nota == "depois" for _, nota in rest)
    assert reader.select("SELECT count(*) FROM t WHERE nota = 'depois'") == [(N,)]


def test_a_stream_left_before_its_end_leaves_the_database_as_good_as_before(database: Database) -> None:
    _lay(database)
    with database.stream("SELECT k FROM t ORDER BY k", size=10) as (_, lots):
        assert len(next(lots)) == 10
    with suppress(KeyError), database.stream("SELECT k FROM t", size=10):
        raise KeyError
    assert database.select("SELECT count(*) FROM t") == [(N,)]
    database.begin()
    assert database.execute("DELETE FROM t") == N
    database.commit()


def test_a_stream_of_what_is_not_there_is_told(database: Database) -> None:
    with pytest.raises(ErpSetupError) as told, database.stream("SELECT k FROM nada"):
        pass
    assert told.value.code == "destination_missing_table"
    assert database.select("SELECT count(*) FROM t") == [(0,)]


def test_a_stream_whose_server_goes_is_busy_and_then_works_again(on_server: Place) -> None:
    database = on_server.open()
    with database.stream("SELECT k FROM t") as (_, lots):
        assert list(lots) == []
    wide = " CROSS JOIN ".join(f"t t{n}" for n in range(3))
    database.begin()
    database.insert_rows("t", COLUMNS, _rows(100))
    database.commit()
    assert on_server.server is not None
    with database.stream(f"SELECT t0.nome, t1.nota FROM {wide}", size=10) as (_, lots):
        next(lots)
        on_server.server.restart()
        with pytest.raises(ErpBusyError):
            deque(lots, 0)
    assert database.select("SELECT count(*) FROM t") == [(100,)]


def test_nothing_to_write_is_nothing_written(database: Database) -> None:
    database.insert_rows("t", COLUMNS, [])
    assert database.update_rows("t", ["nome"], ["k"], []) == 0
    assert database.execute_many("DELETE FROM t WHERE k = ?", []) == 0


def test_a_row_that_is_there_is_left_alone(database: Database) -> None:
    database.begin()
    database.dialect.insert_missing(database, "t", COLUMNS, ["k"], (1, "primeiro", None, None))
    database.dialect.insert_missing(database, "t", COLUMNS, ["k"], (1, "segundo", None, None))
    database.commit()
    assert database.select("SELECT nome FROM t") == [("primeiro",)]


def test_queries_are_limited_and_texts_found_whatever_their_case(database: Database) -> None:
    database.insert_rows("t", COLUMNS, [(1, "Padaria Aurora", None, None), (2, "Oficina", None, None)])
    column = database.quoted("nome")
    assert database.select(f"SELECT k FROM t WHERE {database.dialect.contains(column)}", ("AURORA",)) == [(1,)]
    assert len(database.select(database.dialect.limited("SELECT k FROM t ORDER BY k", 1))) == 1


def test_names_are_literal(database: Database) -> None:
    table, column = "Pedido da Web", "Order%?"
    kind = "INTEGER" if database.dialect.label == "SQLite" else "INTEGER NOT NULL"
    database.execute(f"CREATE TABLE {database.quoted(table)} ({database.quoted(column)} {kind})")
    if database.dialect.label != "Firebird":  # a name with a mark in it cannot stand in a statement with marks there
        database.insert_rows(table, [column], [(1,), (2,)])
        assert len(records_among(database, table, column, [1, 2, 3])) == 2
    assert database.dialect.tables(database)[table] == {column}


def test_tables_and_columns_are_found_by_the_names_of_a_layout(database: Database) -> None:
    assert database.dialect.tables(database)["t"] >= set(COLUMNS)


def test_our_tables_are_made_once_and_hold_a_binding(database: Database) -> None:
    database.dialect.make_binding_tables(database)
    database.dialect.make_binding_tables(database)
    _write_binding(database)
    [row] = database.select("SELECT label, reason, version FROM omnisync_binding WHERE company = ?", ("aurora",))
    assert row == ("Padaria São João", '{"code":"ação"}', 2**53)
    cursor = database.quoted("cursor")
    database.begin()
    for _ in range(2):
        columns = ["company", "connection", "stream", "cursor", "epoch"]
        database.dialect.insert_missing(
            database, "omnisync_cursor", columns, columns[:3], ("aurora", "produção", "customer", "", "")
        )
    held = f"SELECT {cursor} FROM omnisync_cursor WHERE company = ?"
    assert database.select(database.dialect.locked(held), ("aurora",)) == [("",)]
    database.commit()


def test_our_own_key_met_twice_is_another_run_and_no_fault_of_a_record(on_server: Place) -> None:
    database = on_server.open()
    database.dialect.make_binding_tables(database)
    _write_binding(database)
    with pytest.raises(ErpBusyError):
        _write_binding(database)


def _write_binding(database: Database) -> None:
    row = {
        "company": "aurora", "kind": "customer", "id": "cus_1", "epoch": "e1", "version": 2**53, "hash": "0" * 40,
        "written_version": None, "origin": "made", "erp_key": "1", "erp_number": "1", "establishment": "",
        "customer_id": "", "label": "Padaria São João", "merged_into": None, "outcome": "imported",
        "reason": '{"code":"ação"}', "warnings": None, "outcome_at": "2026-11-24T15:00:00+00:00",
        "receipt_pending": 1,
    }  # fmt: skip
    database.insert_rows("omnisync_binding", list(row), [tuple(row.values())])


def test_the_tables_of_padrao_give_numbers_and_keep_money(place: Place, database: Database) -> None:
    for statement in schema("padrao", place.name.lower()):
        database.execute(statement)
    customer: dict[str, Any] = {
        "id_externo": "cus_1",
        "tipo_pessoa": "company",
        "tipo_documento": "cnpj",
        "nome": "Padaria São João",
    }
    customer |= {"contribuinte_icms": "9", "ativo": 1, "observacoes": "Portão azul ✓"}
    money = dict.fromkeys(("valor_itens", "desconto", "acrescimo", "frete", "seguro", "outras_despesas"), "0.10")
    texts = {"numero_omniforce": "OF-1", "tipo": "sale", "estabelecimento": "0001", "frete_modo": "9"}
    order = {"cliente": 1, "emitido_em": "2026-11-24 12:00:00", "entrega_em": "2026-11-30", "total": "29.10"}
    item_texts: dict[str, Any] = {
        "linha": 1,
        "produto": "000001",
        "descricao": "Pincel",
        "unidade": "UN",
        "bonificacao": 0,
    }
    totals: dict[str, Any] = dict.fromkeys(("valor_bruto", "desconto", "acrescimo", "ipi", "st", "total"), "0.10")
    item_texts |= {"pedido": 1, "id_externo": "itm_1", "quantidade": "0.0001", "preco": "1234.56789012"}
    payment = {"pedido": 1, "id_externo": "pay_1", "linha": 1, "meio": "PIX", "tipo_nfe": "17", "valor": "29.10"}
    payment |= {"vencimento": "2026-11-24", "parcela": 1, "parcelas": 1}
    _insert(database, "clientes", customer)
    for n in range(1, 41):
        _insert(database, "pedidos", order | texts | money | {"id_externo": f"ord_{n}"})
    _insert(database, "itens_pedido", item_texts | totals)
    _insert(database, "formas_pagamento", payment)
    numbers = database.select_among("SELECT numero FROM pedidos WHERE id_externo IN {ids}", ["ord_1", "ord_40"])
    assert sorted(numbers) == [(1,), (40,)]
    [kept] = database.select("SELECT quantidade, preco, total FROM itens_pedido")
    assert [Decimal(str(value)) for value in kept] == [Decimal(text) for text in ("0.0001", "1234.56789012", "0.10")]
    assert database.select("SELECT observacoes, nome FROM clientes") == [("Portão azul ✓", "Padaria São João")]
    with pytest.raises(RefusedRecordError):
        _insert(database, "pedidos", order | texts | money | {"id_externo": "ord_1"})


def _insert(database: Database, table: str, row: dict[str, Any]) -> None:
    database.insert_rows(table, list(row), [tuple(row.values())])


def test_savepoints_stand_one_within_another(database: Database) -> None:
    database.begin()
    for k, then in ((1, None), (2, database.release_savepoint), (3, database.return_to_savepoint)):
        if then is not None:
            database.savepoint()
        database.execute("INSERT INTO t (k, nome) VALUES (?, ?)", (k, "x"))
        if k == 3:
            database.return_to_savepoint()
            database.release_savepoint()
    database.commit()
    assert database.select("SELECT k FROM t ORDER BY k") == [(1,), (2,)]


def test_a_refused_batch_leaves_nothing_behind(database: Database) -> None:
    database.begin()
    database.insert_rows("t", COLUMNS, [(9999, "antes", None, None)])
    database.savepoint()
    with pytest.raises(RefusedRecordError):
        database.insert_rows("t", COLUMNS, [*_rows(500), (9999, "de novo", None, None)])
    database.return_to_savepoint()
    database.savepoint()
    database.insert_rows("t", COLUMNS, _rows(40))
    database.release_savepoint()
    database.commit()
    assert len(database.select("SELECT k FROM t")) == 41


def test_what_was_not_committed_is_gone(place: Place, database: Database) -> None:
    database.begin()
    database.insert_rows("t", COLUMNS, _rows(10))
    database.rollback()
    database.rollback()
    database.begin()
    database.insert_rows("t", COLUMNS, _rows(10))
    database.close()
    database.rollback()
    assert place.open().select("SELECT k FROM t") == []


def test_a_held_row_keeps_a_second_session_out_until_the_end(place: Place) -> None:
    first, second = place.open(), place.open()
    first.insert_rows("t", COLUMNS, [(1, "antes", None, None)])
    first.begin()
    assert first.select(first.dialect.locked("SELECT nome FROM t WHERE k = ?"), (1,)) == [("antes",)]

    def wait() -> object:
        second.begin()
        held = second.select(second.dialect.locked("SELECT nome FROM t WHERE k = ?"), (1,))
        second.commit()
        second.close()
        return held

    if place.server is None:
        second.close()  # a file's session belongs to its thread
    held = _in_thread(wait)
    assert _is_waiting(held)
    first.execute("UPDATE t SET nome = ? WHERE k = ?", ("depois", 1))
    first.commit()
    assert held.result(15) == [("depois",)]


def test_a_lock_is_waited_for_so_long_and_then_it_is_busy(place: Place) -> None:
    first, second = place.open(), place.impatient()
    first.insert_rows("t", COLUMNS, [(1, "antes", None, None)])
    first.begin()
    first.select(first.dialect.locked("SELECT nome FROM t WHERE k = ?"), (1,))
    with pytest.raises(ErpBusyError):
        _hold(second)
    second.rollback()
    first.rollback()
    _hold(second)
    second.commit()


def _hold(database: Database) -> None:
    database.begin()
    database.select(database.dialect.locked("SELECT nome FROM t WHERE k = ?"), (1,))


def test_two_sessions_that_wait_for_each_other_are_told_apart(on_server: Place) -> None:
    opened = on_server.impatient if on_server.name == "Firebird" else on_server.open
    first, second = opened(), opened()
    first.insert_rows("t", COLUMNS, _rows(3))
    update = "UPDATE t SET nota = ? WHERE k = ?"
    for session, k in ((first, 1), (second, 2)):
        session.begin()
        session.execute(update, ("a", k))
    other = _in_thread(lambda: first.execute(update, ("b", 2)))
    assert _is_waiting(other)
    ends = [_in_thread(lambda: second.execute(update, ("b", 1))).exception(15)]
    if ends[0] is not None:
        second.rollback()
    ends.append(other.exception(15))
    # Firebird waits its lock timeout out, and may turn both away.
    assert all(isinstance(end, ErpBusyError) for end in ends if end is not None)
    assert any(ends)


def test_two_that_insert_the_same_missing_row_both_go_on(on_server: Place) -> None:
    first, second = on_server.open(), on_server.open()
    first.begin()
    first.dialect.insert_missing(first, "t", COLUMNS, ["k"], (1, "primeiro", None, None))
    second.begin()
    other = _in_thread(lambda: second.dialect.insert_missing(second, "t", COLUMNS, ["k"], (1, "segundo", None, None)))
    assert _is_waiting(other)
    first.commit()
    other.result(15)
    second.commit()
    assert first.select("SELECT nome FROM t") == [("primeiro",)]


def test_a_restart_in_mid_transaction_is_busy_and_then_works_again(on_server: Place) -> None:
    assert on_server.server is not None
    database = on_server.open()
    database.begin()
    database.insert_rows("t", COLUMNS, _rows(10))
    on_server.server.restart()
    with pytest.raises(ErpBusyError):
        database.insert_rows("t", COLUMNS, _rows(10))
    with pytest.raises(ErpBusyError):
        database.execute("INSERT INTO t (k, nome) VALUES (?, ?)", (50, "fora"))
    with pytest.raises(ErpBusyError):
        database.commit()
    database.rollback()
    database.begin()
    assert database.select("SELECT k FROM t") == []
    database.insert_rows("t", COLUMNS, _rows(3))
    database.commit()
    assert len(database.select("SELECT k FROM t")) == 3


def test_a_server_that_is_down_for_a_while_is_busy_once_it_was_there(on_server: Place) -> None:
    assert on_server.server is not None
    database = on_server.open()
    database.connect()
    on_server.server.end()
    try:
        for _ in range(2):
            with pytest.raises(ErpBusyError):
                database.begin()
    finally:
        on_server.server.start()
    database.begin()
    database.commit()


def test_a_wrong_password_is_told(on_server: Place) -> None:
    for wrong in ({"password": "errada"}, {"user": "ninguem"}):
        with pytest.raises(ErpSetupError) as told:
            on_server.open(**wrong).connect()
        assert told.value.code == "destination_login"


def test_a_database_that_is_not_there_is_told(place: Place) -> None:
    for wrong in ({"database": "/tmp/nada/erp"}, {"server": "127.0.0.1", "port": 1}):
        if place.server is None and "port" in wrong:
            continue
        with pytest.raises(ErpSetupError) as told:
            place.open(**wrong).connect()
        assert told.value.code == ("destination_missing_file" if place.server is None else "destination_unreachable")


def test_a_missing_right_names_the_table(on_server: Place) -> None:
    assert on_server.server is not None
    who = {"user": f"leitor{on_server.server.n_databases}", "password": "outra"}
    for statement in READERS[on_server.name]:
        on_server.open().execute(statement.format(database=on_server.database, **who))
    reader = on_server.open(**who)
    assert reader.select("SELECT k FROM t") == []
    for write in (
        lambda: reader.execute("UPDATE t SET nome = ?", ("x",)),
        lambda: reader.insert_rows("t", COLUMNS, _rows(2)),
    ):
        with pytest.raises(ErpSetupError) as told:
            write()
        assert (told.value.code, str(told.value.words["tabela"]).lower()) == ("destination_permission", "t")


def test_a_missing_table_and_a_missing_column_are_named(database: Database) -> None:
    with pytest.raises(ErpSetupError) as told:
        database.select("SELECT k FROM nada")
    assert told.value.code == "destination_missing_table"
    assert "nada" in str(told.value.words["tabela"]).lower()
    for use in (
        lambda: database.execute("UPDATE t SET falta = ?", (1,)),
        lambda: database.insert_rows("t", ["k", "falta"], [(k, 1) for k in range(64)]),
    ):
        with pytest.raises(ErpSetupError) as told:
            use()
        assert told.value.code == "destination_missing_column"
        assert "falta" in str(told.value.words["motivo"]).lower()


def test_a_triggers_own_words_are_the_motive(place: Place, database: Database) -> None:
    for statement in TRIGGERS[place.name]:
        database.execute(statement)
    rows = [*_rows(70), (8000, "proibido", None, None)]
    for refused in (rows, rows[-1:]):
        with pytest.raises(RefusedRecordError) as told:
            database.insert_rows("t", COLUMNS, refused)
        assert told.value.words["motivo"] == "pedido não permitido"
        database.execute("DELETE FROM t")


REFUSED = {
    "a text too long": (1, "x" * 61, None, None),
    "no name": (1, None, None, None),
    "a number too large": (1, "x", "12345678901234567890.00", None),
    "no number": (1, "x", "doze", None),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_row_the_columns_cannot_hold_is_refused(on_server: Place, kind: str) -> None:
    database = on_server.open()
    for rows in ([REFUSED[kind]], [*((k, "x", None, None) for k in range(100, 200)), REFUSED[kind]]):
        with pytest.raises(RefusedRecordError) as told:
            database.insert_rows("t", COLUMNS, rows)
        assert told.value.words["motivo"]
        database.execute("DELETE FROM t")
    database.insert_rows("t", COLUMNS, [(1, "x", "1.00", None)])
    with pytest.raises(RefusedRecordError):
        database.update_rows("t", COLUMNS[1:], ["k"], [(*REFUSED[kind][1:], 1)])


def test_a_document_that_meets_itself_stays_out_of_the_motive(database: Database) -> None:
    names = database.quoted("nome")
    database.execute(f"CREATE UNIQUE INDEX t_nome ON t ({names})")
    with pytest.raises(RefusedRecordError) as told:
        database.insert_rows("t", COLUMNS, [(k, "52998224725", None, None) for k in (1, 2)])
    assert "52998224725" not in str(told.value.words["motivo"])


@pytest.mark.parametrize(
    ("name", "charset"), [("PostgreSQL", "LATIN1"), ("MariaDB", "latin1"), ("Firebird", "WIN1252")]
)
def test_a_letter_the_database_cannot_hold_refuses_its_record_only(
    request: pytest.FixtureRequest, name: str, charset: str
) -> None:
    server = request.getfixturevalue(f"{name.lower()}_running")
    place = Place(name, server.database(charset), server, [])
    database = place.open(**({"charset": charset} if name == "Firebird" else {}))
    database.execute("CREATE TABLE t (k INTEGER NOT NULL PRIMARY KEY, nome VARCHAR(20))")
    database.insert_rows("t", ["k", "nome"], [(1, "São João")])
    for rows in ([(2, "✓")], [(k, "✓") for k in range(2, 80)]):
        with pytest.raises(RefusedRecordError):
            database.insert_rows("t", ["k", "nome"], rows)
    if name != "MariaDB":
        assert encoder(database)("ação ✓") == "ação ?"
    database.dialect.make_binding_tables(database)
    _write_binding(database)
    assert database.select("SELECT label FROM omnisync_binding") == [("Padaria São João",)]
    assert database.select("SELECT nome FROM t") == [("São João",)]
    database.close()


def test_a_file_that_others_read_is_opened_as_it_is_and_written_ahead_from_the_next_time(tmp_path: Path) -> None:
    path = str(tmp_path / "erp.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader, closing(_file(path)) as session:
        reader.execute("CREATE TABLE t (k INTEGER)")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        session.connect()  # at once: the change of the journal would not wait for the reader
        assert session.select("PRAGMA journal_mode") == [("delete",)]
        reader.execute("COMMIT")
        session.execute("INSERT INTO t VALUES (1)")
        session.connect()
        assert session.select("PRAGMA journal_mode") == [("wal",)]
        assert reader.execute("SELECT k FROM t").fetchall() == [(1,)]


def _file(path: str) -> Database:
    return Database(sqlite.DIALECT, DatabaseLogin(path))


@pytest.mark.parametrize("charset", ["", "NONE", "nada"])
def test_firebird_needs_a_charset(charset: str) -> None:
    with pytest.raises(SettingsError):
        Database(firebird.DIALECT, DatabaseLogin("erp", charset=charset)).connect()


def test_a_firebird_name_made_in_lower_case_is_reached(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    database = _place("Firebird", request, tmp_path).open()
    database.execute('CREATE TABLE "pedido" (k INTEGER)')
    assert (database.quoted("pedido"), database.quoted("K"), database.quoted("k")) == ('"pedido"', '"K"', '"K"')
    database.close()


def _firebird_error(*codes: int, text: str = "") -> DatabaseError:
    error = DatabaseError(text)
    error.gds_codes = codes
    return error


DISK = "I/O error during write\n-No space left on device"
CODES: dict[str, tuple[Dialect, Exception, type[OmnisyncError]]] = {
    "PostgreSQL 53100": (postgresql.DIALECT, psycopg.errors.DiskFull("cheio"), ErpFullError),
    "PostgreSQL 40001": (postgresql.DIALECT, psycopg.errors.SerializationFailure("x"), ErpBusyError),
    "PostgreSQL 40P01": (postgresql.DIALECT, psycopg.errors.DeadlockDetected("x"), ErpBusyError),
    "PostgreSQL 55P03": (postgresql.DIALECT, psycopg.errors.LockNotAvailable("x"), ErpRowInUseError),
    "PostgreSQL 57P03": (postgresql.DIALECT, psycopg.errors.CannotConnectNow("x"), ErpBusyError),
    "PostgreSQL 25006": (postgresql.DIALECT, psycopg.errors.ReadOnlySqlTransaction("x"), ErpSetupError),
    "PostgreSQL 42804": (postgresql.DIALECT, psycopg.errors.DatatypeMismatch("x"), ErpSetupError),
    "PostgreSQL 23503": (postgresql.DIALECT, psycopg.errors.ForeignKeyViolation("x"), RefusedRecordError),
    "PostgreSQL starting": (postgresql.DIALECT, psycopg.OperationalError("is starting up"), ErpBusyError),
    "MariaDB 1114": (mariadb.DIALECT, pymysql.OperationalError(1114, "The table 't' is full"), ErpFullError),
    "MariaDB 1030": (mariadb.DIALECT, pymysql.OperationalError(1030, 'Got error 28 "No space left"'), ErpFullError),
    "MariaDB 1213": (mariadb.DIALECT, pymysql.OperationalError(1213, "Deadlock found"), ErpBusyError),
    "MariaDB 1205": (mariadb.DIALECT, pymysql.OperationalError(1205, "Lock wait"), ErpRowInUseError),
    "MariaDB 1040": (mariadb.DIALECT, pymysql.OperationalError(1040, "Too many"), ErpBusyError),
    "MariaDB 1290": (mariadb.DIALECT, pymysql.OperationalError(1290, "--read-only"), ErpSetupError),
    "MariaDB 1064": (mariadb.DIALECT, pymysql.ProgrammingError(1064, "syntax"), ErpSetupError),
    "MariaDB 1452": (mariadb.DIALECT, pymysql.IntegrityError(1452, "foreign"), RefusedRecordError),
    "Firebird disk": (firebird.DIALECT, _firebird_error(335544344, text=DISK), ErpFullError),
    "Firebird syntax": (firebird.DIALECT, _firebird_error(335544569, 335544634), ErpSetupError),
    "Firebird foreign key": (firebird.DIALECT, _firebird_error(335544466), RefusedRecordError),
}


@pytest.mark.parametrize("which", CODES)
def test_each_error_says_what_to_do(which: str) -> None:
    dialect, error, expected = CODES[which]
    assert type(dialect.driver.translate_error(error, DatabaseLogin("erp"))) is expected


def test_marks_are_the_drivers_own_and_quoted_texts_keep_theirs() -> None:
    sql = "SELECT \"a?\", `b?`, '?%' FROM t WHERE a LIKE ? AND b % 2 = ?"
    assert formatted(sql) == "SELECT \"a?\", `b?`, '?%%' FROM t WHERE a LIKE %s AND b %% 2 = %s"
