"""SQL Server, which is not here: what our driver sends, and what it makes of the answers a server gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from omnisync.agent.erp.database import Database, encoder, records_among
from omnisync.agent.erp.dialects.sqlserver import dialect as sqlserver
from omnisync.agent.erp.driver import DatabaseLogin, Timeouts
from omnisync.agent.erp.schema import DatabaseTable, ForeignKey, Rights
from omnisync.agent.errors import (
    ErpBusyError,
    ErpFullError,
    ErpRowInUseError,
    ErpSetupError,
    ErpUndoneError,
    OmnisyncError,
    RefusedRecordError,
)
from tests.support import tds_server
from tests.support.tds_server import Wire, answering


def _quiet(batch: str) -> list[bytes]:
    """A server that takes everything, counts two rows a batch, and whose columns `nome` are of Windows 1252."""
    if "@omnisync" in batch:
        return tds_server.rows("", (2,))
    if "XACT_STATE" in batch:
        return tds_server.rows("", (1,))
    return tds_server.rows("nome pagina", ("nome", 1252)) if batch.strip().startswith("SELECT") else [tds_server.done()]


def _opened(wire: Wire, lock_s: int = 10) -> Database:
    login = DatabaseLogin("erp", "127.0.0.1", wire.port, "u", "p", timeouts=Timeouts(lock_s=lock_s))
    return Database(sqlserver.DIALECT, login)


def _sent(work: Callable[[Database], object], script: tds_server.Script = _quiet) -> list[str]:
    """What goes over the wire, the greeting left out."""
    with answering(script) as wire:
        database = _opened(wire)
        work(database)
        database.close()
        return wire.batches[2:]


def _error_of(*answer: bytes, sql: str = "EXEC faz") -> OmnisyncError:
    """What a statement raises that is answered with this."""
    with answering(lambda batch: list(answer) if batch == sql else _quiet(batch)) as wire:
        database = _opened(wire)
        with pytest.raises(OmnisyncError) as told:
            database.execute(sql)
        database.close()
    return told.value


def test_a_session_is_set_to_our_ways_whatever_the_servers() -> None:
    with answering(_quiet) as wire:
        database = _opened(wire, lock_s=2)
        database.connect()
        database.close()
    assert wire.batches == [
        "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; "
        "SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF; SET XACT_ABORT OFF; SET NOCOUNT ON; "
        "SET ROWCOUNT 0; SET TEXTSIZE 2147483647; SET DATEFORMAT ymd; "
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCK_TIMEOUT 2000;",
        "use [erp]",
    ]


VALUES = {
    "nothing": (None, "NULL"),
    "plain text": ("Padaria d'Aurora", "'Padaria d''Aurora'"),
    "other letters": ("São João ✓ 🧀", "N'São João ✓ 🧀'"),
    "a line joined to the next": ("a\\\nb", "'a\\\\\n\nb'"),
    "marks in a text": ("100%? %s %d", "'100%? %s %d'"),
    "a whole number": (2**53, "9007199254740992"),
    "yes": (True, "1"),
    "money": (Decimal("1234.50"), "1234.50"),
    "a round number": (Decimal("1E+2"), "100"),
    "a moment": (datetime(2026, 11, 24, 12, 0, 0, 123456), "'2026-11-24T12:00:00.123'"),  # noqa: DTZ001  # an ERP's
    "a day": (date(2026, 11, 24), "'2026-11-24'"),
    "bytes": (b"\x00'", "0x0027"),
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_written_as_the_server_reads_them(kind: str) -> None:
    value, written = VALUES[kind]
    assert _sent(lambda database: database.select("SELECT x FROM t WHERE '?' = ? AND [a?] = 1", (value,))) == [
        f"SELECT x FROM t WHERE '?' = {written} AND [a?] = 1"
    ]


@pytest.mark.parametrize(
    "value",
    [Decimal("NaN"), 1.5, "a\0b", datetime(2026, 11, 24, tzinfo=UTC), object()],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_written_exactly_is_refused_and_nothing_is_sent(value: object) -> None:
    def work(database: Database) -> None:
        with pytest.raises(RefusedRecordError):
            database.select("SELECT ?", (value,))

    assert _sent(work) == []


def test_half_a_letter_is_refused() -> None:
    def work(database: Database) -> None:
        with pytest.raises(RefusedRecordError):
            database.execute("UPDATE t SET nome = ?", ("\ud800",))

    assert _sent(work) == []


def test_rows_are_inserted_and_updated_one_statement_each_many_in_a_batch() -> None:
    def work(database: Database) -> None:
        database.insert_rows("pedidos", ["id", "total"], [("a", Decimal("1.10")), ("b", None)])
        assert database.update_rows("dbo.pedidos", ["total"], ["id"], [(Decimal(2), "a"), (3, "b")]) == 2

    assert [batch for batch in _sent(work) if "COLLATIONPROPERTY" not in batch] == [
        "DECLARE @omnisync INT = 0;\n"
        "INSERT INTO [pedidos] ([id], [total]) VALUES ('a', 1.10);\nSET @omnisync += @@ROWCOUNT;\n"
        "INSERT INTO [pedidos] ([id], [total]) VALUES ('b', NULL);\nSET @omnisync += @@ROWCOUNT;\n"
        "SELECT @omnisync",
        "DECLARE @omnisync INT = 0;\n"
        "UPDATE [dbo].[pedidos] SET [total] = 2 WHERE [id] = 'a';\nSET @omnisync += @@ROWCOUNT;\n"
        "UPDATE [dbo].[pedidos] SET [total] = 3 WHERE [id] = 'b';\nSET @omnisync += @@ROWCOUNT;\n"
        "SELECT @omnisync",
    ]


def test_a_key_the_database_makes_is_read_back_by_way_of_a_table_of_ours() -> None:
    def script(batch: str) -> list[bytes]:
        return tds_server.rows("made", ("41",)) if "INSERTED" in batch else _quiet(batch)

    def work(database: Database) -> None:
        assert database.dialect.insert_returning(database, "pedidos", ["id"], ("a",), "numero") == "41"

    assert _sent(work, script)[-1] == (
        "DECLARE @omnisync TABLE (made NVARCHAR(400));\n"
        "INSERT INTO [pedidos] ([id]) OUTPUT INSERTED.[numero] INTO @omnisync VALUES ('a');\n"
        "SELECT made FROM @omnisync"
    )


def test_values_of_a_sequence_are_taken_in_one_query() -> None:
    def script(batch: str) -> list[bytes]:
        return tds_server.rows("", (7,), (8,)) if "NEXT VALUE" in batch else _quiet(batch)

    def work(database: Database) -> None:
        assert database.dialect.next_values(database, "seq_pedido", 2) == [7, 8]
        assert database.dialect.next_values(database, "seq_pedido", 0) == []

    assert _sent(work, script) == ["SELECT NEXT VALUE FOR [seq_pedido] FROM (VALUES (0), (0)) omnisync (n)"]


def test_a_batch_has_a_hundred_statements_at_most() -> None:
    sent = _sent(lambda database: database.execute_many("DELETE FROM t WHERE k = ?", [(k,) for k in range(250)]))
    assert [batch.count("DELETE") for batch in sent] == [100, 100, 50]


def test_ids_are_looked_up_a_thousand_at_a_time() -> None:
    ids = [f"ord_{k}" for k in range(2500)]
    sent = _sent(lambda database: database.select_among("SELECT k FROM t WHERE c = ? AND id IN {ids}", ids, (7,)))
    assert [batch.count("'ord_") for batch in sent] == [1000, 1000, 500]
    assert sent[2].startswith("SELECT k FROM t WHERE c = 7 AND id IN ('ord_2000', 'ord_2001', ")


def test_nothing_to_do_is_nothing_sent() -> None:
    def work(database: Database) -> None:
        database.connect()
        database.insert_rows("t", ["k"], [])
        assert database.update_rows("t", ["k"], ["k"], []) == 0
        assert database.execute_many("DELETE FROM t WHERE k = ?", []) == 0
        assert database.select_among("SELECT k FROM t WHERE k IN {ids}", []) == []

    assert _sent(work) == []


def test_a_row_is_held_by_hints_and_inserted_only_where_it_is_missing() -> None:
    def work(database: Database) -> None:
        database.select(database.dialect.locked("SELECT [cursor] FROM [Minha Tabela] WHERE id = ?"), (1,))
        database.select(database.dialect.locked("SELECT x FROM dbo.numeros WHERE id = ?"), (1,))
        database.dialect.insert_missing(database, "t", ["k", "nome"], ["k"], (1, "primeiro"))

    held, qualified, missing = _sent(work)
    assert held == "SELECT [cursor] FROM [Minha Tabela] WITH (UPDLOCK, HOLDLOCK, ROWLOCK) WHERE id = 1"
    assert qualified == "SELECT x FROM dbo.numeros WITH (UPDLOCK, HOLDLOCK, ROWLOCK) WHERE id = 1"
    assert (
        "INSERT INTO [t] ([k], [nome]) SELECT 1, 'primeiro' WHERE NOT EXISTS "
        "(SELECT 1 FROM [t] WITH (UPDLOCK, HOLDLOCK, ROWLOCK) WHERE [k] = 1);"
    ) in missing


def test_queries_are_limited_names_quoted_and_texts_found() -> None:
    database = Database(sqlserver.DIALECT, DatabaseLogin("erp"))
    limited = database.dialect.limited
    assert limited("SELECT DISTINCT k FROM t ORDER BY k", 5) == "SELECT DISTINCT TOP (5) k FROM t ORDER BY k"
    assert database.quoted("vendas.Pedido [da] Web") == "[vendas].[Pedido [da]] Web]"
    assert database.dialect.contains("[nome]") == "CHARINDEX(UPPER(?), UPPER([nome])) > 0"
    assert encoder(database)("ação ✓") == "ação ✓"


def test_marks_within_a_transaction_are_saved_and_never_released() -> None:
    def work(database: Database) -> None:
        database.begin()
        database.savepoint()
        database.savepoint()
        database.release_savepoint()
        database.return_to_savepoint()
        database.commit()
        database.begin()
        database.rollback()
        database.rollback()

    assert _sent(work) == [
        "BEGIN TRANSACTION",
        "SAVE TRANSACTION omnisync_1",
        "SAVE TRANSACTION omnisync_2",
        "ROLLBACK TRANSACTION omnisync_1",
        "COMMIT TRANSACTION",
        "BEGIN TRANSACTION",
        "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION",
    ]


def test_our_tables_are_made_each_in_a_transaction_where_they_are_missing() -> None:
    made = _sent(lambda database: database.dialect.make_binding_tables(database))
    scripts = list(sqlserver.BINDING_TABLES.values())
    assert made[1:] == [
        "BEGIN TRANSACTION",
        scripts[0],
        "COMMIT TRANSACTION",
        "BEGIN TRANSACTION",
        scripts[1],
        "COMMIT TRANSACTION",
    ]
    assert all(script.count("COLLATE Latin1_General_BIN2 NOT NULL") >= 3 for script in scripts)


def test_our_tables_are_left_alone_where_they_are() -> None:
    there = tds_server.rows("tabela coluna", ("omnisync_binding", "id"), ("omnisync_cursor", "stream"))
    sent = _sent(lambda database: database.dialect.make_binding_tables(database), lambda batch: there)
    assert len(sent) == 1


def test_our_tables_made_by_another_run_a_moment_ago_are_as_good() -> None:
    made: list[str] = []

    def script(batch: str) -> list[bytes]:
        if "CREATE TABLE" in batch:
            made.append(batch.split()[2])
            return [tds_server.error(2714, "There is already an object named 'x' in the database."), tds_server.done()]
        return (
            tds_server.rows("tabela coluna", *((name, "x") for name in made))
            if "sys.objects" in batch
            else _quiet(batch)
        )

    _sent(lambda database: database.dialect.make_binding_tables(database), script)
    assert made == ["omnisync_binding", "omnisync_cursor"]


def test_rows_are_streamed_in_lots_and_what_is_left_on_the_wire_goes_with_its_connection() -> None:
    five = tds_server.rows("k nome", *((k, f"n{k}") for k in range(5)))
    with answering(lambda batch: five if "FROM t" in batch else _quiet(batch)) as wire:
        database = _opened(wire)
        with database.stream("SELECT k, nome FROM t WHERE k >= ?", (0,), size=2) as (names, lots):
            found = list(lots)
        with database.stream("SELECT k, nome FROM t", size=2) as (_, lots):
            first = next(lots)
        assert database.select("SELECT k, nome FROM t")[0] == (0, "n0")
        database.close()
    assert (names, found) == (["k", "nome"], [[(0, "n0"), (1, "n1")], [(2, "n2"), (3, "n3")], [(4, "n4")]])
    assert first == found[0]
    asked = [batch for batch in wire.batches if "FROM t" in batch]
    assert asked == ["SELECT k, nome FROM t WHERE k >= 0", "SELECT k, nome FROM t", "SELECT k, nome FROM t"]


def test_rows_come_back_and_a_triggers_own_rows_are_not_the_count() -> None:
    def script(batch: str) -> list[bytes]:
        if batch.startswith("SELECT nome"):
            return tds_server.rows("nome", ("ação ✓",), ("Aurora",))
        return (
            [*tds_server.rows("aviso", ("do gatilho",), ("e mais",)), *tds_server.rows("", (41,))]
            if "@omnisync" in batch
            else [tds_server.done()]
        )

    with answering(script) as wire:
        database = _opened(wire)
        assert database.select("SELECT nome FROM t") == [("ação ✓",), ("Aurora",)]
        assert records_among(database, "t", "k", []) == []
        assert database.execute("UPDATE t SET nome = ?", ("x",)) == 41
        database.close()


def test_a_letter_outside_a_columns_code_page_is_refused_before_it_would_be_another() -> None:
    with answering(_quiet) as wire:
        database = _opened(wire)
        database.insert_rows("t", ["k", "nome"], [(1, "São João")])
        for write in (
            lambda: database.insert_rows("t", ["k", "nome"], [(1, "ok"), (2, "✓")]),
            lambda: database.update_rows("t", ["nome"], ["k"], [("✓", 2)]),
        ):
            with pytest.raises(RefusedRecordError):
                write()
        database.insert_rows("t", ["k", "observacao"], [(1, "✓")])
        database.close()
    assert sum("INSERT" in batch for batch in wire.batches) == 2


TWICE = "Violation of PRIMARY KEY constraint 'PK_t'. Cannot insert duplicate key in object 'dbo.t'"
INDEX = "Cannot insert duplicate key row in object 'dbo.t' with unique index 't_doc'"
VALUE = ". The duplicate key value is (529)."
LONG = "String or binary data would be truncated in table 'erp.dbo.t', column 'nome'"
DENIED = "The INSERT permission was denied on the object 'pedidos', database 'erp', schema 'dbo'."
EMPTY = "Cannot insert the value NULL into column 'nome'"
REFERENCE = 'The INSERT statement conflicted with the FOREIGN KEY constraint "FK"'
NUMBER = "Conversion failed when converting the varchar value '{}' to data type int."
NO_COLUMN = "Invalid column name 'falta'."
# Number, severity, words; then the code of our error, and the word that fills its sentence.
ERRORS: dict[str, tuple[int, int, str, type[OmnisyncError], str, str]] = {
    "deadlock": (1205, 13, "Transaction was deadlocked", ErpBusyError, "erp_busy", ""),
    "lock timeout": (1222, 16, "Lock request time out period exceeded.", ErpRowInUseError, "erp_busy", ""),
    "snapshot": (3960, 16, "Snapshot isolation transaction aborted", ErpBusyError, "erp_busy", ""),
    "permission": (229, 14, DENIED, ErpSetupError, "destination_permission", "pedidos"),
    "no table": (208, 16, "Invalid object name 'dbo.nada'.", ErpSetupError, "destination_missing_table", "nada"),
    "no column": (207, 16, NO_COLUMN, ErpSetupError, "destination_missing_column", NO_COLUMN),
    "key": (2627, 14, TWICE + VALUE, RefusedRecordError, "erp_refused", TWICE),
    "index": (2601, 14, INDEX + VALUE, RefusedRecordError, "erp_refused", INDEX),
    "reference": (547, 16, REFERENCE, RefusedRecordError, "erp_refused", REFERENCE),
    "too long": (2628, 16, f"{LONG}. Truncated value: 'Padaria'.", RefusedRecordError, "erp_refused", LONG),
    "too long, older": (8152, 16, "Would be truncated.", RefusedRecordError, "erp_refused", "Would be truncated."),
    "empty": (515, 16, EMPTY, RefusedRecordError, "erp_refused", EMPTY),
    "too large": (
        8115,
        16,
        "Arithmetic overflow error",
        RefusedRecordError,
        "erp_refused",
        "Arithmetic overflow error",
    ),
    "no number": (245, 16, NUMBER.format("529"), RefusedRecordError, "erp_refused", NUMBER.format("…")),
    "trigger": (50000, 16, "pedido não permitido", RefusedRecordError, "erp_refused", "pedido não permitido"),
    "full": (1105, 17, "Could not allocate space", ErpFullError, "destination_full", "127.0.0.1"),
    "log full": (9002, 17, "The transaction log is full", ErpFullError, "destination_full", "127.0.0.1"),
    "syntax": (102, 15, "Incorrect syntax near 'x'.", ErpSetupError, "layout", "Incorrect syntax near 'x'."),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_each_error_says_what_to_do(kind: str) -> None:
    number, severity, message, expected, code, word = ERRORS[kind]
    told = _error_of(tds_server.error(number, message, severity), tds_server.done())
    assert (type(told), told.code) == (expected, code)
    words = {name: value for name, value in told.words.items() if name != "banco"}
    assert list(words.values()) == ([word] if word else [])


def test_an_error_in_the_middle_of_a_batch_is_met() -> None:
    refused = [tds_server.done(1), tds_server.error(2627, TWICE + VALUE, 14), tds_server.done()]
    with answering(lambda batch: refused if "INSERT" in batch else _quiet(batch)) as wire:
        database = _opened(wire)
        with pytest.raises(RefusedRecordError):
            database.insert_rows("t", ["k"], [(1,), (1,)])
        assert database.execute("DELETE FROM t WHERE k = ?", (1,)) == 2
        database.close()


def test_our_own_key_met_twice_is_another_run_and_no_fault_of_a_record() -> None:
    refused = [tds_server.error(2627, TWICE + VALUE, 14), tds_server.done()]
    with answering(lambda batch: refused if "INSERT" in batch else _quiet(batch)) as wire:
        database = _opened(wire)
        with pytest.raises(ErpBusyError):
            database.insert_rows("omnisync_binding", ["company"], [("aurora",)])
        database.close()


@pytest.mark.parametrize("state", [0, -1])
def test_a_transaction_a_trigger_undid_takes_nothing_more(state: int) -> None:
    own_words = [
        tds_server.error(50000, "pedido não permitido"),
        tds_server.error(3609, "The transaction ended in the trigger."),
        tds_server.done(),
    ]

    def script(batch: str) -> list[bytes]:
        if "INSERT" in batch:
            return own_words
        return tds_server.rows("", (state,)) if "XACT_STATE" in batch else _quiet(batch)

    with answering(script) as wire:
        database = _opened(wire)
        database.begin()
        database.savepoint()
        with pytest.raises(RefusedRecordError) as refused:
            database.insert_rows("t", ["k"], [(1,)])
        assert refused.value.words["motivo"] == "pedido não permitido"
        n_sent = len(wire.batches)
        for work in (database.return_to_savepoint, lambda: database.execute("DELETE FROM t"), database.commit):
            with pytest.raises(ErpUndoneError) as told:
                work()
            assert (told.value.code, told.value.words["motivo"]) == ("destination_undone", "pedido não permitido")
        assert len(wire.batches) == n_sent
        database.rollback()
        database.begin()
        assert database.execute("DELETE FROM t") == 2
        database.close()


def test_a_record_refused_without_the_trigger_undoing_anything_leaves_the_transaction_going() -> None:
    own_words = [tds_server.error(50000, "pedido não permitido"), tds_server.done()]
    with answering(lambda batch: own_words if "INSERT" in batch else _quiet(batch)) as wire:
        database = _opened(wire)
        database.begin()
        database.savepoint()
        with pytest.raises(RefusedRecordError):
            database.insert_rows("t", ["k"], [(1,)])
        database.return_to_savepoint()
        database.commit()
        assert wire.batches[-2:] == ["ROLLBACK TRANSACTION omnisync_1", "COMMIT TRANSACTION"]
        database.close()


def test_a_connection_lost_in_mid_transaction_is_busy_and_the_next_transaction_opens_another() -> None:
    with answering(lambda batch: None if "DELETE" in batch else _quiet(batch)) as wire:
        database = _opened(wire)
        database.begin()
        for sql in ("DELETE FROM t", "UPDATE t SET k = 1"):
            with pytest.raises(ErpBusyError):
                database.execute(sql)
        with pytest.raises(ErpBusyError):
            database.commit()
        database.rollback()
        database.begin()
        assert database.execute("UPDATE t SET k = 1") == 2
        database.close()
    assert sum(batch == "use [erp]" for batch in wire.batches) == 2


def test_a_commit_nobody_answered_is_busy() -> None:
    with answering(lambda batch: None if batch.startswith("COMMIT") else _quiet(batch)) as wire:
        database = _opened(wire)
        database.begin()
        with pytest.raises(ErpBusyError):
            database.commit()
        database.rollback()
        database.close()


PASSWORD = tds_server.error(18456, "Login failed for user 'u'.", 14)
REFUSED_LOGINS = {
    "wrong password": [PASSWORD],
    "no such database": [tds_server.error(4060, "Cannot open database", 11), PASSWORD],
}


@pytest.mark.parametrize("kind", REFUSED_LOGINS)
def test_a_refused_login_is_told_every_time(kind: str) -> None:
    for _ in range(2):
        with answering(_quiet, REFUSED_LOGINS[kind]) as wire, pytest.raises(ErpSetupError) as told:
            _opened(wire).connect()
        assert told.value.code == "destination_login"


def test_a_server_that_is_not_there_is_told_even_after_a_refused_login() -> None:
    with answering(_quiet, REFUSED_LOGINS["wrong password"]) as wire, pytest.raises(ErpSetupError):
        _opened(wire).connect()
    with pytest.raises(ErpSetupError) as told:
        Database(sqlserver.DIALECT, DatabaseLogin("erp", "127.0.0.1", 1, "u", "p")).connect()
    assert told.value.code == "destination_unreachable"


def test_a_server_that_went_away_is_busy() -> None:
    with answering(_quiet) as wire:
        database = _opened(wire)
        database.connect()
    database.close()
    with pytest.raises(ErpBusyError):
        database.begin()


def _column(table: str, name: str, type_: str, n_bytes: int, *more: int | str) -> tuple[int | str, ...]:
    """A row of the catalogue: precision, scale, nullable, default, identity, computed, collation, page."""
    usual: tuple[int | str, ...] = (0, 0, 1, 0, 0, 0, "", 0)
    return (table, 0, name, type_, n_bytes, *more, *usual[len(more) :])


CATALOGUE: dict[str, list[tuple[int | str, ...]]] = {
    "sys.columns c JOIN": [
        _column("pedidos", "numero", "int", 4, 10, 0, 0, 0, 1),
        _column("pedidos", "cliente", "varchar", 14, 0, 0, 0, 0, 0, 0, "Latin1_General_CI_AS", 1252),
        _column("pedidos", "nome", "nvarchar", 120, 0, 0, 0, 1),
        _column("pedidos", "obs", "nvarchar", -1),
        _column("pedidos", "sigla", "char", 10, 0, 0, 1, 0, 0, 0, "Latin1_General_100_CI_AS_SC_UTF8", 65001),
        _column("pedidos", "total", "decimal", 9, 15, 2, 0),
        _column("vendas.log", "quando", "datetime2", 8),
    ],
    "sys.indexes": [
        ("pedidos", "pk", "numero", 1, 1),
        ("pedidos", "i", "cliente", 0, 0),
        ("pedidos", "i", "nome", 0, 0),
    ],
    "foreign_key_columns": [("pedidos", 5, "cliente", "clientes", "cnpj")],
    "trigger_events": [("pedidos",)],
    "IN ('SO'": [("seq_pedido", "SO"), ("sp_numero", "P")],
    "Collation')": [("Latin1_General_CI_AS",)],
}


def test_sql_servers_catalogue_is_read() -> None:
    def script(batch: str) -> list[bytes]:
        for part, found in CATALOGUE.items():
            if part in batch:
                return tds_server.rows(" ".join(f"c{n}" for n in range(len(found[0]))), *found)
        return _quiet(batch)

    with answering(script) as wire:
        database = _opened(wire)
        schema = database.dialect.reflect(database)
        database.close()
    pedidos = schema.tables["pedidos"]
    assert {name: (column.type, column.kind, column.length) for name, column in pedidos.columns.items()} == {
        "numero": ("int", "integer", None),
        "cliente": ("varchar(14)", "text", 14),
        "nome": ("nvarchar(60)", "text", 60),
        "obs": ("nvarchar(max)", "text", None),
        "sigla": ("char(10)", "text", 10),
        "total": ("decimal(15,2)", "decimal", None),
    }
    assert {name for name, column in pedidos.columns.items() if column.is_filled} == {"numero", "nome", "obs", "sigla"}
    assert (pedidos.columns["sigla"].n_bytes, pedidos.columns["cliente"].n_bytes) == (10, None)
    assert (pedidos.key, pedidos.unique) == (("numero",), (("numero",),))
    assert pedidos.indexes == (("numero",), ("cliente", "nome"))
    assert pedidos.foreign_keys == (ForeignKey(("cliente",), "clientes", ("cnpj",)),)
    assert (pedidos.has_insert_trigger, schema.tables["vendas.log"].has_insert_trigger) == (True, False)
    assert (schema.has_sequence("seq_pedido"), schema.has_procedure("sp_numero")) == (True, True)


@pytest.mark.parametrize(
    ("is_closed", "may"), [(0, Rights(True, True, False, True)), (1, Rights(True, False, False, False))]
)
def test_sql_server_is_asked_for_rights_and_runs_no_trigger(is_closed: int, may: Rights) -> None:
    table = tds_server.rows("s i u d c", (1, 1, 0, 1, is_closed))
    with answering(lambda batch: table if "HAS_PERMS" in batch else _quiet(batch)) as wire:
        database = _opened(wire)
        assert database.dialect.rights(database, DatabaseTable(name="vendas.log", columns={})) == may
        database.close()
    assert len(wire.batches) == 3
    assert "(SELECT '[vendas].[log]' AS t)" in wire.batches[2]
