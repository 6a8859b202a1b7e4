"""The export as a process: its exit statuses and sentences, and kill -9 at every moment of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from omnisync.agent.config.settings import Home
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.run import RunScope
from omnisync.agent.sync.outbox import Outbox
from omnisync.demo.erp import layout as demo_layout
from tests.support.export_setup import ExportSetup, fill
from tests.support.hub_server import COMPANY, RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.installed_program import Program, installed
from tests.support.record_samples import NOW, change, customer, order

SIGKILLED = -9
MOMENTS = (
    "before_a_batch_is_kept",
    "after_a_batch_is_kept",
    "before_a_batch_is_sent",
    "after_a_batch_is_sent",
    "after_a_batch_is_answered",
)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path, hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("OMNISYNC_ZONE", "America/Sao_Paulo")
    made = installed(tmp_path / "a", hub)
    fill(made.keeper)
    return made


def office(program: Program, hub: RunningHub) -> ExportSetup:
    return ExportSetup(program.keeper, hub, Outbox(program.home / "exports" / "producao.db"))


def many(n: int) -> dict[str, list[tuple[object, ...]]]:
    return {"produtos": [(f"P{i:04}", f"Produto {i}", "UN", *[None] * 5, 1) for i in range(n)]}


def test_an_export_ends_with_0_and_says_what_went_where(program: Program, hub: RunningHub) -> None:
    done = program.run("export")
    assert (done.status, done.err.strip().splitlines()[-1]) == (
        0,
        "21 linhas enviadas ao OmniForce e 3 linhas ao Dash.",
    )
    assert office(program, hub).at_hub() == office(program, hub).in_erp()
    again = program.run("export")
    assert (again.status, again.err.strip().splitlines()[-1]) == (0, "Nada mudou no ERP desde a última exportação.")


def test_a_hub_that_moved_to_another_address_is_the_same_hub(program: Program, hub: RunningHub) -> None:
    program.run("export")
    moved = hub.url.replace("127.0.0.1", "localhost")
    told = program.run("connection", "set", "--hub", moved, "--token-stdin", stdin=hub.token + "\n")
    assert told.status == 0
    assert program.run("export").err.strip().splitlines()[-1] == "Nada mudou no ERP desde a última exportação."


def test_one_system_and_one_dataset_can_be_exported_alone(program: Program) -> None:
    assert list(program.run("export", "--system", "dash", "--json").json()) == ["dash.sales-facts"]
    told = program.run("export", "--dataset", "stock", "--dataset", "prices", "--json").json()
    assert {name: one["sent"] for name, one in told.items()} == {"omniforce.prices": 3, "omniforce.stock": 3}


def test_a_dataset_nobody_knows_is_a_wrong_use(program: Program) -> None:
    done = program.run("export", "--dataset", "produtos")
    assert (done.status, done.err.strip()) == (
        2,
        "O valor de '--dataset' não é aceito. Veja os valores com --help.",
    )


def test_refused_rows_end_an_export_with_3_and_can_be_tried_again(program: Program) -> None:
    program.keeper.run("UPDATE produtos SET ncm = '123456789' WHERE codigo = '000101'")
    done = program.run("export")
    assert (done.status, "1 recusada." in done.err) == (3, True)
    assert program.run("export").status == 0
    assert program.run("export", "--again").status == 3


def test_refused_rows_are_told_with_their_reason_and_the_runs_with_what_they_sent(program: Program) -> None:
    program.keeper.run("UPDATE produtos SET ncm = '123456789' WHERE codigo = 'A/7~b'")
    program.run("export")
    shown = program.run("refused").out
    assert "Não enviadoProdutos A/7~b: " in shown.replace(" " * 4, "")
    csv = program.run("refused", "--csv").out
    assert all("(ncm). Corrija no ERP: vai na próxima exportação." in text for text in (shown, csv))
    [row] = program.run("refused", "--json").json()
    assert (row["kind"], row["dataset"], row["key"], row["pointer"]) == ("row", "products", "A~17~0b", "/data/ncm")
    assert '"Não enviado";"Produtos";"A/7~b";' in csv
    assert "23 enviados" in program.run("runs").out


def test_a_token_of_before_stops_the_export_and_not_the_import(program: Program, hub: RunningHub) -> None:
    old = hub.store.create_token(COMPANY, "antiga", ("orders:read", "receipts:write"), NOW)
    assert program.run("connection", "set", "--token-stdin", stdin=old + "\n").status == 0
    send(hub, change(customer()), change(order()))
    with closing(Journal(Home(program.home).journal)) as journal:
        run = journal.enqueue_run("producao", RunScope(kind="both"), "slot", NOW)
        done = program.run("import", "--run", run.id, "--connection", "producao")
        ended = journal.run(run.id)
    assert (done.status, "A chave de acesso não permite esta operação" in done.err) == (1, True)
    assert ended is not None
    assert (ended.state, ended.code, ended.counts.orders.written) == ("failed", "scope_missing", 1)
    assert program.keeper.query("SELECT count(*) FROM pedidos") == [(1,)]


def test_a_forgotten_connection_leaves_nothing_of_what_was_on_its_way(program: Program) -> None:
    program.run("export")
    assert (program.home / "exports" / "producao.db").exists()
    assert program.run("connection", "remove", "--connection", "producao", "--yes").status == 0
    assert list((program.home / "exports").iterdir()) == []


def test_many_deletes_end_an_export_with_3_and_go_once_a_person_agreed(program: Program, hub: RunningHub) -> None:
    fill(program.keeper, many(50))
    program.run("export")
    program.keeper.run("DELETE FROM produtos WHERE codigo < 'P0040'")
    done = program.run("export")
    told = "produtos deixarão de aparecer no OmniForce com esta exportação. Confira e clique em Confirmar"
    assert (done.status, told in done.err) == (3, True)
    with closing(Journal(Home(program.home).journal)) as journal:
        [asked] = journal.decisions.confirmations("producao")
        [run, *_] = journal.runs("producao", 1)
        assert (asked.dataset, run.state, run.code) == ("products", "done_with_refusals", "many_deleted")
        journal.decisions.confirm("producao", "products", asked.n, NOW)
        assert program.run("export").status == 0
        assert journal.decisions.confirmations("producao") == ()
    assert office(program, hub).at_hub() == office(program, hub).in_erp()


def test_import_alone_exports_nothing(program: Program, hub: RunningHub) -> None:
    program.run("import")
    assert not any(office(program, hub).at_hub().values())


def test_a_run_of_both_imports_first_and_then_exports_what_came(program: Program, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order()))
    with closing(Journal(Home(program.home).journal)) as journal:
        run = journal.enqueue_run("producao", RunScope(kind="both"), "slot", NOW)
        assert program.run("import", "--run", run.id, "--connection", "producao").status == 0
        ended = journal.run(run.id)
    assert ended is not None
    assert (ended.state, ended.counts.orders.written) == ("done", 1)
    assert ended.counts.exports["omniforce.order-status"].sent == 1
    assert list(office(program, hub).at_hub()["omniforce", "order-status"]) == ["ord_1"]


def test_an_order_refused_for_an_unknown_product_enters_by_itself_once_that_product_went_out(
    program: Program, hub: RunningHub, tmp_path: Path
) -> None:
    layout = tmp_path / "vevo.toml"
    layout.write_text(demo_layout(), encoding="utf-8")
    assert program.run("connection", "set", "--layout", str(layout)).status == 0
    send(hub, change(customer()), change(order()))  # of products that stand in no table of the ERP
    assert program.run("import").status == 3
    [refused] = program.run("refused", "--json").json()
    assert (refused["id"], refused["code"]) == ("ord_1", "product_unknown")
    codes = ("000001", "000002")
    fill(program.keeper, {"produtos": [(code, "Novo", "UN", *[None] * 5, 1) for code in codes]})
    assert program.run("import").status == 0  # nobody sold it anew, and nothing was exported: it stays out
    assert program.keeper.query("SELECT count(*) FROM pedidos") == [(0,)]
    with closing(Journal(Home(program.home).journal)) as journal:
        run = journal.enqueue_run("producao", RunScope(kind="both"), "slot", NOW)
        assert program.run("import", "--run", run.id, "--connection", "producao").status == 0
        ended = journal.run(run.id)
    assert ended is not None
    assert (ended.state, ended.counts.orders.written) == ("done", 1)
    assert program.run("refused", "--json").json() == []


def test_a_run_for_dash_alone_imports_nothing_and_sends_the_facts(program: Program, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order()))
    with closing(Journal(Home(program.home).journal)) as journal:
        run = journal.enqueue_run("producao", RunScope(kind="export", systems=("dash",)), "slot", NOW)
        assert program.run("export", "--run", run.id, "--connection", "producao").status == 0
    assert program.keeper.query("SELECT count(*) FROM pedidos") == [(0,)]
    found = office(program, hub).at_hub()
    assert {place for place, rows in found.items() if rows} == {("dash", "sales-facts")}


def test_an_export_told_to_stop_ends_its_batch_and_goes_on_the_next_time(
    program: Program, hub: RunningHub, tmp_path: Path
) -> None:
    fill(program.keeper, many(300))
    with closing(Journal(Home(program.home).journal)) as journal:
        run = journal.enqueue_run("producao", RunScope(kind="export"), "button", NOW)
        arguments = ("export", "--run", run.id, "--connection", "producao")
        going = program.start(*arguments, held_at=("before_a_batch_is_sent", 2), held_in=str(tmp_path))
        while not (tmp_path / "there").exists():
            assert going.poll() is None
            Event().wait(0.02)
        journal.request_stop(run.id)
        (tmp_path / "go").touch()
        going.communicate(timeout=60)
        ended = journal.run(run.id)
    assert ended is not None
    assert (going.returncode, ended.state) == (4, "cancelled")
    assert 0 < ended.counts.sent.sent < 300
    assert program.run("export").status == 0
    assert office(program, hub).at_hub() == office(program, hub).in_erp()


def test_a_run_for_omniforce_imports_and_sends_no_facts(program: Program, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order()))
    with closing(Journal(Home(program.home).journal)) as journal:
        run = journal.enqueue_run("producao", RunScope(kind="both", systems=("omniforce",)), "slot", NOW)
        assert program.run("import", "--run", run.id, "--connection", "producao").status == 0
    assert program.keeper.query("SELECT count(*) FROM pedidos") == [(1,)]
    found = office(program, hub).at_hub()
    assert {place for place, rows in found.items() if not rows} == {("dash", "sales-facts")}


@pytest.mark.parametrize(("moment", "n"), [(moment, n) for moment in MOMENTS for n in (1, 4, 9)])
def test_a_killed_export_goes_on_where_it_stopped(program: Program, hub: RunningHub, moment: str, n: int) -> None:
    fill(program.keeper, many(300))
    assert program.run("export", killed_at=(moment, n)).status == SIGKILLED
    program.keeper.run("UPDATE produtos SET descricao = 'Depois' WHERE codigo = 'P0001'")
    program.keeper.run("DELETE FROM produtos WHERE codigo = 'P0002'")
    after = program.run("export", "--json")
    assert after.status == 0, after.err
    assert office(program, hub).at_hub() == office(program, hub).in_erp()
    again = program.run("export", "--json").json()
    assert not any(one["sent"] or one["prepared"] for one in again.values())
    assert [run["state"] for run in program.run("runs", "--json").json()][-1] == "interrupted"


@pytest.mark.parametrize("moment", MOMENTS)
def test_rows_that_changed_back_after_a_killed_export_are_as_the_erp_has_them(
    program: Program, hub: RunningHub, moment: str
) -> None:
    fill(program.keeper, many(300))
    assert program.run("export").status == 0
    program.keeper.run("UPDATE produtos SET descricao = 'Outro' WHERE codigo < 'P0020'")
    assert program.run("export", killed_at=(moment, 1)).status == SIGKILLED
    program.keeper.run("UPDATE produtos SET descricao = 'Produto ' || CAST(substr(codigo, 2) AS INTEGER)")
    assert program.run("export", "--json").status == 0
    assert office(program, hub).at_hub() == office(program, hub).in_erp()
    assert not any(one["sent"] for one in program.run("export", "--json").json().values())


KILLED_IN_A_BIG_ONE = (
    ("while_a_group_is_compared", 9),  # the first batch is kept, the second gathers
    ("before_a_batch_is_kept", 2),
    ("before_a_batch_is_sent", 2),
    ("after_a_batch_is_sent", 2),
    ("after_a_batch_is_answered", 2),
    ("after_a_batch_is_answered", 3),
)


@pytest.mark.parametrize(("moment", "n"), KILLED_IN_A_BIG_ONE)
def test_a_dataset_of_several_batches_killed_between_them_arrives_whole_and_once(
    program: Program, hub: RunningHub, moment: str, n: int
) -> None:
    n_rows = 25_000
    program.keeper.run("DELETE FROM estoque")
    with closing(program.keeper.plain()) as plain:
        rows = (("0001", f"{i:06}", f"{i}.5000", None, None, None) for i in range(n_rows))
        plain.executemany("INSERT INTO estoque VALUES (?, ?, ?, ?, ?, ?)", rows)
        plain.commit()
    assert program.run("export", "--dataset", "stock", killed_at=(moment, n)).status == SIGKILLED
    assert program.run("export", "--dataset", "stock").status == 0
    assert office(program, hub).at_hub()["omniforce", "stock"] == office(program, hub).in_erp()["omniforce", "stock"]
    with hub.store.reading() as db:
        taken = db.exec_driver_sql("SELECT sum(json_extract(answer, '$.lines')) FROM export_batch").scalar()
    assert taken == n_rows
    assert program.run("export", "--dataset", "stock", "--json").json()["omniforce.stock"]["sent"] == 0
