"""`state = "agent"`: a DBA forbids our tables, and what is remembered may be lost, old, or a commit behind the ERP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import layout_named, open_database
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.erp.layout_check.check import check
from omnisync.agent.errors import ErpSetupError, LayoutError
from omnisync.agent.progress import RowCounts
from omnisync.contract.records import Order
from omnisync.contract.streams import orders_of
from tests.support.erp_databases import KEEPERS, KEPT_HERE, SampleErp, make_erp, make_sqlite, part, write
from tests.support.erp_reader import ErpReader, make_erp_reader, real_orders
from tests.support.record_samples import change, customer, deletion, item, order


class Killed(BaseException):
    """The process is gone: nothing of ours may catch this."""


@pytest.fixture(params=[f"{kind}-agent" for kind in KEEPERS])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> SampleErp:
    return make_erp(request.param, request, tmp_path)


@pytest.fixture(params=[(kind, layout) for layout in ("direto", "staging") for kind in KEPT_HERE], ids="-".join)
def book(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    kind, layout = request.param
    return make_erp_reader(kind, layout, request, tmp_path)


@pytest.fixture(params=list(KEPT_HERE))
def direto(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    return make_erp_reader(request.param, "direto", request, tmp_path)


@pytest.fixture(params=list(KEPT_HERE))
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    return make_erp_reader(request.param, "staging", request, tmp_path)


def _named(record: Order) -> Order:
    who = msgspec.structs.replace(record.customer, document_kind="cnpj", document="12ABC34501DE35")
    return msgspec.structs.replace(record, customer=who)


def _forget(keeper: SampleErp) -> None:
    """The agent's file is lost."""
    assert keeper.memory is not None
    for path in keeper.memory.parent.glob("*.db*"):
        path.unlink()


def _told(erp: Erp) -> dict[str, tuple[str, str | None]]:
    return {receipt.id: (receipt.outcome, receipt.erp_number) for receipt in erp.records.pending_receipts(1000)}


def _read_all(erp: Erp, orders: list[Any], people: list[Any]) -> None:
    write(erp, *people)
    write(erp, *orders)


def test_no_table_of_ours_stands_in_the_erp(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    database = open_database(keeper.address, keeper.password)
    assert not [name for name in database.dialect.tables(database) if name.lower().startswith("omnisync")]
    database.close()
    assert keeper.query("SELECT id, outcome FROM omnisync_binding") == [("cus_1", "imported")]
    assert keeper.memory is not None
    assert keeper.memory.is_file()


def _die_at_commit(monkeypatch: pytest.MonkeyPatch, *, n: int, is_done: bool) -> None:
    """Be killed at the COMMIT of the nth database to have one from now on, before or after the database did it."""
    commit, committed = Database.commit, list[Database]()

    def die(database: Database) -> None:
        committed.extend([] if database in committed else [database])
        is_last = committed[n - 1 :] == [database]
        if not is_last or is_done:
            commit(database)
        if is_last:
            raise Killed

    monkeypatch.setattr(Database, "commit", die)


@pytest.mark.parametrize("edited", [False, True], ids=["the same", "edited since"])
def test_a_kill_between_the_two_commits_doubles_nothing(
    keeper: SampleErp, erp: Erp, edited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(erp, change(customer()))
    erp.position(orders_of("0001"))
    killed = keeper.open()
    orders = [change(order(f"ord_{n}")) for n in range(1, 4)]
    with monkeypatch.context() as meanwhile:
        _die_at_commit(meanwhile, n=2, is_done=False)  # the ERP's is the first
        with pytest.raises(Killed):
            killed.write(part(*orders, moves_to="c1"))
    killed.close()
    before = keeper.contents(), keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY 1")
    assert len(before[1]) == 3
    assert erp.position(orders_of("0001")).cursor == ""
    if edited:
        orders[0] = change(order("ord_1", items=(item(1, price="7.00"),)), 2)
    assert erp.write(part(*orders, moves_to="c1")).counts.orders == RowCounts(written=3)
    assert keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY 1") == before[1]
    assert (keeper.contents() == before[0]) is not edited
    assert erp.records.rows() == {"customers": 1, "orders": 3, "items": 5 if edited else 6, "payments": 3}
    assert {outcome for outcome, _ in _told(erp).values()} <= {"imported", "updated"}


def test_an_answer_to_the_erps_commit_that_is_lost_doubles_nothing(
    keeper: SampleErp, erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(erp, change(customer()))
    erp.position(orders_of("0001"))
    with monkeypatch.context() as meanwhile:
        _die_at_commit(meanwhile, n=1, is_done=True)
        with pytest.raises(Killed):
            erp.write(part(change(order()), moves_to="c1"))
    number = keeper.query("SELECT numero FROM pedidos")
    assert erp.position_after_unknown_commit(orders_of("0001")).cursor == ""
    erp.write(part(change(order()), moves_to="c1"))
    assert keeper.query("SELECT numero FROM pedidos") == number


def test_a_lost_memory_is_read_again_and_doubles_nothing(keeper: SampleErp) -> None:
    people = [change(customer()), change(customer("cus_2", document=None, document_kind="none"))]
    orders = [change(order(f"ord_{n}", customer_id=f"cus_{n % 2 + 1}")) for n in range(60)]
    erp = keeper.open()
    _read_all(erp, orders, people)
    erp.close()
    before = keeper.contents(), keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY 1")
    _forget(keeper)
    erp = keeper.open()
    assert erp.position(orders_of("0001")).cursor == ""
    _read_all(erp, orders, people)
    assert (keeper.contents(), keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY 1")) == before
    told = _told(erp)
    assert {id_: number for id_, (_, number) in told.items() if id_.startswith("ord")} == {
        id_: str(number) for id_, number in before[1]
    }
    assert write(erp, *orders).counts.orders == RowCounts(unchanged=60)
    erp.close()


def test_what_changed_while_nobody_remembered_is_changed_in_the_erp(keeper: SampleErp) -> None:
    erp = keeper.open()
    _read_all(erp, [change(order(f"ord_{n}")) for n in (1, 2, 3)], [change(customer())])
    erp.close()
    _forget(keeper)
    erp = keeper.open()
    erased = deletion("order", "ord_3", 2)
    _read_all(
        erp,
        [change(order("ord_1", status="cancelled"), 2), change(order("ord_2", items=(item(9),)), 2), erased],
        [change(customer(name="Aurora Nova"), 2)],
    )
    assert keeper.query("SELECT id_externo, situacao FROM pedidos ORDER BY 1") == [
        ("ord_1", "cancelado"),
        ("ord_2", "aberto"),
        ("ord_3", "aberto"),
    ]
    assert keeper.query(
        "SELECT i.id_externo FROM itens_pedido i JOIN pedidos p ON p.numero = i.pedido WHERE p.id_externo = 'ord_2'"
    ) == [("itm_9",)]
    assert keeper.query("SELECT nome FROM clientes") == [("Aurora Nova",)]
    erp.close()


def test_an_order_the_erp_went_on_with_is_kept_and_the_sentence_says_what_is_not_known(keeper: SampleErp) -> None:
    erp = keeper.open()
    _read_all(erp, [change(order())], [change(customer())])
    erp.close()
    keeper.run("UPDATE pedidos SET situacao = 'faturado'")
    before = keeper.contents()
    _forget(keeper)
    erp = keeper.open()
    _read_all(erp, [change(order(notes="mudou?"), 2)], [change(customer())])
    assert keeper.contents() == before
    [kept] = erp.records.open_issues(["kept"], 10)
    [(number,)] = keeper.query("SELECT numero FROM pedidos")
    assert (kept.code, kept.erp_number, "já está no ERP" in kept.message) == ("order_found", str(number), True)
    erp.close()


def test_an_old_memory_knows_again_what_came_after_it(keeper: SampleErp, tmp_path: Path) -> None:
    assert keeper.memory is not None
    erp = keeper.open()
    write(erp, change(customer()))
    write(erp, change(order("ord_2", customer_id="cus_2")))  # waits for its customer
    erp.close()
    old = keeper.memory.read_bytes()
    erp = keeper.open()
    later = [change(order()), change(order("ord_2", customer_id="cus_2"))]
    write(erp, change(customer("cus_2", document=None, document_kind="none")))
    write(erp, *later, expected=None)
    erp.close()
    numbers = keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY 1")
    assert len(numbers) == 2
    _forget(keeper)
    keeper.memory.write_bytes(old)
    erp = keeper.open()
    write(erp, change(customer("cus_2", document=None, document_kind="none")))
    assert list(erp.records.waiting(["0001"])) == [(orders_of("0001"), ["ord_2"])]
    write(erp, later[1], expected=None)
    write(erp, later[0])
    assert keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY 1") == numbers
    assert erp.records.rows()["customers"] == 2
    erp.close()


def test_a_broken_memory_is_set_aside_and_what_it_knew_is_found_again(keeper: SampleErp) -> None:
    assert keeper.memory is not None
    erp = keeper.open()
    _read_all(erp, [change(order())], [change(customer())])
    erp.close()
    numbers = keeper.query("SELECT numero FROM pedidos")
    _forget(keeper)
    keeper.memory.write_bytes(b"nada disto e um banco" * 500)
    erp = keeper.open()
    _read_all(erp, [change(order())], [change(customer())])
    erp.close()
    assert keeper.query("SELECT numero FROM pedidos") == numbers
    assert keeper.memory.with_name(f"{keeper.memory.name}.corrompido").is_file()


def test_two_computers_that_remember_apart_double_nothing(keeper: SampleErp, tmp_path: Path) -> None:
    (tmp_path / "other" / "memories").mkdir(parents=True)
    other = msgspec.structs.replace(keeper, memories=tmp_path / "other" / "memories")
    here, there = keeper.open(), other.open()
    for erp in (here, there):
        _read_all(erp, [change(order(f"ord_{n}")) for n in range(20)], [change(customer())])
    write(there, change(order("ord_0", notes="mudou"), 2))
    write(here, change(order("ord_0", notes="mudou"), 2))
    assert here.records.rows() == {"customers": 1, "orders": 20, "items": 40, "payments": 20}
    here.close()
    there.close()


def test_a_rehearsal_remembers_nothing(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, change(order()))
    before = keeper.contents(), keeper.query("SELECT id, version FROM omnisync_binding ORDER BY id")
    keeper.run("DELETE FROM omnisync_binding WHERE kind = 'order'")
    assert erp.dry_run_side_effects() == []
    shown = erp.dry_run(part(change(order(notes="ensaio"), 2), expected=None))
    [row] = shown.tables["pedidos"]
    assert {name.lower(): value for name, value in row.items()}["observacoes"] == "ensaio"
    assert keeper.contents() == before[0]
    assert keeper.query("SELECT id, version FROM omnisync_binding ORDER BY id") == [("cus_1", 1)]


def test_a_layouts_erp_is_found_again_with_its_numbers(book: ErpReader) -> None:
    people, orders = [change(customer())], [change(_named(order(f"ord_{n}"))) for n in range(30)]
    erp = book.open()
    _read_all(erp, orders, people)
    erp.close()
    before = book.orders(), book.customers()
    _forget(book.keeper)
    erp = book.open()
    _read_all(erp, orders, people)
    assert (book.orders(), book.customers()) == before
    assert write(erp, *orders).counts.orders == RowCounts(unchanged=30)
    erp.close()


def test_a_customer_that_may_be_the_erps_own_is_only_filled_in(direto: ErpReader) -> None:
    direto.run(
        "INSERT INTO CLIENTE (CLI_CODIGO, CLI_TIPO, CLI_CGC, CLI_RAZAO) VALUES (?, ?, ?, ?)",
        *("00900", "J", "12.ABC.345/01DE-35", "AURORA PAES"),
    )
    erp = direto.open()
    write(erp, change(customer()))
    erp.close()
    _forget(direto.keeper)
    erp = direto.open()
    write(erp, change(customer(name="Outro nome", email="novo@aurora.example"), 2))
    rows = direto.query("SELECT CLI_CODIGO, CLI_RAZAO, CLI_EMAIL FROM CLIENTE")
    assert rows == [("00900", "AURORA PAES", "novo@aurora.example")]
    write(erp, change(customer("cus_2")))  # its twin
    assert len(direto.query("SELECT CLI_CODIGO FROM CLIENTE")) == 1
    erp.close()


def test_what_the_job_took_is_not_staged_again_and_what_it_refused_is(staging: ErpReader) -> None:
    erp = staging.open()
    bad = _named(order("ord_bad", items=(item(1, product_code="777"),)))
    orders = [change(_named(order())), change(bad), change(_named(order("ord_3")))]
    _read_all(erp, orders, [change(customer())])
    staging.import_queue()
    erp.close()
    staging.delete("ord_bad")
    real = real_orders(staging)
    assert sorted(real) == ["ord_1", "ord_3"]
    _forget(staging.keeper)
    erp = staging.open()
    orders[2] = change(_named(order("ord_3", status="cancelled")), 2)
    _read_all(erp, orders, [change(customer())])
    assert list(staging.orders()) == ["ord_bad"]
    told = _told(erp)
    assert told["ord_1"] == ("kept", real["ord_1"].number)
    assert told["ord_3"] == ("kept", real["ord_3"].number)
    assert told["ord_bad"] == ("staged", None)
    assert {kept.code for kept in erp.records.open_issues(["kept"], 10)} == {"order_found"}
    staging.import_queue()
    assert real_orders(staging) == real
    erp.close()


def test_a_persons_word_stages_again_even_what_the_job_took(staging: ErpReader) -> None:
    erp = staging.open()
    _read_all(erp, [change(_named(order()))], [change(customer())])
    staging.import_queue()
    erp.read_outcomes()
    assert erp.records.requeue("order", ["ord_1"], again=True) == {orders_of("0001"): ["ord_1"]}
    write(erp, change(_named(order())), expected=None)
    assert list(staging.orders()) == ["ord_1"]
    erp.close()


def _kept_here(name: str, *changes: tuple[str, str]) -> str:
    text = f'state = "agent"\n{shipped_text(name)}'
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return text


_CANNOT = {
    "customers without an id": (("padrao", ('external_id = "id_externo"', "")), "customer.external_id"),
    "orders without an id": (("padrao", ('external_id = "id_externo"\ncustomer', "customer")), "order.external_id"),
    "an id that is changed": (
        ("padrao", ('id_externo = "id"', 'id_externo = "id | upper"')),
        "customer.columns.id_externo",
    ),
    "an outcome by the queue's keys": (
        ("staging", ("WHERE r.ofr_idapp IN (:ids)", "WHERE w.ofp_registro IN (:keys)")),
        "order.outcome",
    ),
}


@pytest.mark.parametrize(("change_of", "words"), _CANNOT.values(), ids=_CANNOT)
def test_a_layout_that_cannot_find_its_records_again_is_refused(
    change_of: tuple[str, tuple[str, str]], words: str, tmp_path: Path
) -> None:
    name, changes = change_of
    (tmp_path / "meu.toml").write_text(_kept_here(name, changes), encoding="utf-8")
    keeper = make_sqlite(tmp_path)
    with pytest.raises(LayoutError) as refused:
        keeper.open(layout=str(tmp_path / "meu.toml"))
    assert words in str(refused.value.words["motivo"])


@pytest.mark.parametrize("keeper", list(KEPT_HERE), indirect=True)
def test_an_external_id_without_a_unique_key_is_refused_at_the_opening_and_by_the_check(keeper: SampleErp) -> None:
    layout = layout_named(keeper.layout("padrao"))
    if keeper.name == "sqlite":
        [(made,)] = keeper.query("SELECT sql FROM sqlite_master WHERE name = 'pedidos'")
        keeper.run("ALTER TABLE pedidos RENAME TO velha")
        keeper.run(made.replace("UNIQUE", ""))
    else:
        [(name,)] = keeper.query(
            "SELECT constraint_name FROM information_schema.constraint_column_usage "
            "WHERE table_name = 'pedidos' AND column_name = 'id_externo'"
        )
        keeper.run(f"ALTER TABLE pedidos DROP CONSTRAINT {name} CASCADE")
    database = open_database(keeper.address, keeper.password)
    found = {(f.level, f.code, f.where) for f in check(layout, database, keeper.address)}
    database.close()
    assert ("error", "check_external_id_not_unique", "pedidos.id_externo") in found
    with pytest.raises(ErpSetupError) as refused:
        keeper.open()
    assert refused.value.code == "check_external_id_not_unique"
