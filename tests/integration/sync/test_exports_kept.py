"""What the export withstands: lost memory, restored hubs, refused rows, kills half-way, many deletes at once."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.errors import ErpBusyError, FeedError, HubUnreachableError, StoppedError
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.hub_api.transport import Transport
from omnisync.agent.progress import Counts, ExportCounts, Progress
from omnisync.agent.sync.change_detector import BatchLimits
from omnisync.agent.sync.outbox import Outbox
from omnisync.contract.batches import BatchAnswer, content_digest
from tests.support.erp_databases import make_sqlite
from tests.support.export_setup import ExportSetup, fill, sent, with_queries
from tests.support.hub_server import COMPANY, RunningHub, running_hub
from tests.support.import_runs import client, importer, send
from tests.support.record_samples import NOW, change, customer, order

PRODUCTS = ("omniforce", "products")


def products(*codes: str, name: str = "Produto") -> dict[str, list[tuple[Any, ...]]]:
    return {"produtos": [(code, f"{name} {code}", "UN", *[None] * 5, 1) for code in codes]}


def many(n: int) -> dict[str, list[tuple[Any, ...]]]:
    return products(*(f"P{i:04}" for i in range(n)))


@pytest.fixture(scope="module")
def shared_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


def the_products(office: ExportSetup) -> set[str]:
    return set(office.at_hub()[PRODUCTS])


def test_dash_gets_the_facts_alone_and_omniforce_none_of_them(office: ExportSetup) -> None:
    fill(office.keeper)
    assert list(office.export(systems=("dash",)).exports) == ["dash.sales-facts"]
    assert {place for place, rows in office.at_hub().items() if rows} == {("dash", "sales-facts")}
    assert "dash.sales-facts" not in office.export(systems=("omniforce",)).exports
    assert office.at_hub() == office.in_erp()


@pytest.mark.parametrize("name", ["products", "omniforce.products"])
def test_one_dataset_alone_can_be_exported(office: ExportSetup, name: str) -> None:
    fill(office.keeper)
    assert sent(office.export(datasets=(name,))) == {"omniforce.products": 3}


def test_a_layout_without_queries_exports_nothing_and_asks_nobody(office: ExportSetup, tmp_path: Path) -> None:
    with_queries(office, tmp_path, "")
    erp = office.keeper.open(layout=office.layout)
    nobody: Any = None
    assert office.exporter(erp, nobody).run().exports == {}
    erp.close()


def test_case_h22_a_yes_is_for_the_deletes_that_were_shown(office: ExportSetup) -> None:
    fill(office.keeper, many(60))
    office.export()
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0020'")
    assert office.export().exports["omniforce.products"].held == 20
    fill(office.keeper, products(*(f"P{n:04}" for n in range(20))))
    office.keeper.run("DELETE FROM produtos WHERE codigo >= 'P0040'")  # as many others
    office.agreed = {"products": 20}
    assert office.export().exports["omniforce.products"] == ExportCounts(read=40, held=20)
    assert len(the_products(office)) == 60
    assert office.export().exports["omniforce.products"].deleted == 20
    assert office.at_hub() == office.in_erp()


def test_case_h22_a_yes_ends_with_the_run_that_meets_others_even_if_it_is_stopped(office: ExportSetup) -> None:
    fill(office.keeper, many(60))
    office.export()
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0020'")
    office.agreed = {"products": office.export().exports["omniforce.products"].held}
    fill(office.keeper, products(*(f"P{n:04}" for n in range(20))))
    office.keeper.run("DELETE FROM produtos WHERE codigo >= 'P0040'")  # as many others
    office.keeper.run("UPDATE produtos SET descricao = 'novo' WHERE codigo = 'P0021'")

    def hold(dataset: str, n: int, is_other: bool) -> None:
        if is_other or not n:
            office.agreed.pop(dataset, None)

    with pytest.raises(StoppedError):
        office.export(report=lambda progress: progress.phase.stage == "send", hold=hold, datasets=("products",))
    assert office.export(hold=hold).exports["omniforce.products"].held == 20
    assert len(the_products(office)) == 60


def test_case_h14_a_dataset_that_left_the_layout_is_emptied_when_a_person_agrees(
    office: ExportSetup, tmp_path: Path
) -> None:
    fill(office.keeper, many(3))
    office.export()
    whole = office.layout
    with_queries(office, tmp_path, '[export.establishments]\nsql = "SELECT codigo AS code, nome AS name FROM lojas"\n')
    office.keeper.run("CREATE TABLE lojas (codigo TEXT, nome TEXT)")
    office.keeper.run("INSERT INTO lojas VALUES ('0001', 'Matriz'), ('0002', 'Filial')")
    held: list[tuple[str, int, bool]] = []
    counts = office.export(hold=lambda *what: held.append(what))
    assert counts.exports["omniforce.products"] == ExportCounts(held=3)
    assert ("products", 3, True) in held
    assert len(the_products(office)) == 3
    office.agreed = {"products": 3}
    assert office.export().exports["omniforce.products"] == ExportCounts(sent=3, deleted=3)
    assert the_products(office) == set()
    assert "omniforce.products" not in office.export().exports
    office.layout, office.agreed = whole, {}
    assert office.export().exports["omniforce.products"].sent == 3


def test_case_h14_the_last_dataset_that_leaves_the_layout_is_asked_about_too(
    office: ExportSetup, tmp_path: Path
) -> None:
    fill(office.keeper, many(3))
    office.export(datasets=("products",))
    with_queries(office, tmp_path, "")
    assert office.export().exports == {"omniforce.products": ExportCounts(held=3)}
    office.agreed = {"products": 3}
    assert office.export().exports == {"omniforce.products": ExportCounts(sent=3, deleted=3)}
    assert office.export().exports == {}
    assert the_products(office) == set()


def test_case_h14_a_dataset_that_was_emptied_is_sent_whole_once_it_is_back(office: ExportSetup, tmp_path: Path) -> None:
    office.keeper.run("CREATE TABLE solto (code TEXT, name TEXT, unit TEXT, changed INTEGER)")
    office.keeper.run("INSERT INTO solto VALUES ('A', 'a', 'UN', 1), ('B', 'b', 'UN', 30)")
    query = '[export.products]\nsql = "SELECT code, name, unit, changed FROM solto"\nchanged_at = "changed"\n'
    with_queries(office, tmp_path, query)
    office.export()
    with_queries(office, tmp_path, "")
    office.agreed = {"products": office.export().exports["omniforce.products"].held}
    assert office.export().exports["omniforce.products"].deleted == 2
    with_queries(office, tmp_path, query)
    office.agreed = {}
    assert office.export().exports["omniforce.products"].sent == 2


def test_case_h13_a_mended_query_is_read_whole_the_same_day(office: ExportSetup, tmp_path: Path) -> None:
    office.keeper.run("CREATE TABLE solto (code TEXT, name TEXT, unit TEXT, changed INTEGER)")
    sql = "SELECT code, {name} AS name, unit, changed FROM solto"
    query = f'[export.products]\nsql = "{sql}"\nchanged_at = "changed"\n'
    with_queries(office, tmp_path, query.format(name="name"))
    office.keeper.run("INSERT INTO solto VALUES ('A', 'a', 'UN', 1), ('B', 'b', 'UN', 30)")
    office.export(datasets=("products",))
    with_queries(office, tmp_path, query.format(name="'Pão ' || name"))
    assert sent(office.export(datasets=("products",))) == {"omniforce.products": 2}


def test_more_rows_than_a_batch_takes_go_in_several(office: ExportSetup) -> None:
    fill(office.keeper, many(250))
    office.limits = BatchLimits(lines=100)
    assert office.export().exports["omniforce.products"] == ExportCounts(read=250, prepared=250, sent=250)
    office.keeper.run("DELETE FROM produtos")
    assert office.export().exports["omniforce.products"].held == 250
    office.agreed = {"products": 250}
    assert office.export().exports["omniforce.products"] == ExportCounts(read=0, prepared=250, sent=250, deleted=250)
    assert the_products(office) == set()


def test_lines_that_are_long_make_smaller_batches(office: ExportSetup) -> None:
    office.limits = BatchLimits(raw_bytes=1000)
    fill(office.keeper, many(30))
    office.export()
    assert len(the_products(office)) == 30


def test_a_batch_that_packs_too_well_is_not_taken_for_a_bomb(office: ExportSetup) -> None:
    office.limits = BatchLimits(ratio=20)
    notes = "a" * 2000
    rows = [(n, f"cus_{n}", "company", "none", None, "x", None, "9", *[None] * 14, 1, notes) for n in range(1, 1500)]
    fill(office.keeper, {"clientes": rows})
    office.export()
    assert len(office.at_hub()["omniforce", "customers"]) == 1499


def test_a_lost_memory_costs_a_snapshot_and_deletes_what_went_meanwhile(office: ExportSetup, tmp_path: Path) -> None:
    fill(office.keeper, many(20))
    office.export()
    before = office.at_hub()
    for file in (tmp_path / "exports").iterdir():
        file.unlink()
    office.keeper.run("DELETE FROM produtos WHERE codigo = 'P0003'")
    counts = office.export()
    assert counts.exports["omniforce.products"] == ExportCounts(read=19, prepared=19, sent=19, deleted=1)
    assert office.at_hub() == office.in_erp()
    assert before != office.at_hub()
    assert sent(office.export()) == {}


def test_a_restored_hub_is_sent_everything_again(office: ExportSetup) -> None:
    fill(office.keeper)
    office.export()
    with office.hub.store.writing() as db:
        db.exec_driver_sql("DELETE FROM export_row")
        db.exec_driver_sql("DELETE FROM export_batch")
    office.hub.store.new_epoch(COMPANY)
    office.export()
    assert office.at_hub() == office.in_erp()


def test_a_hub_restored_while_batches_are_on_their_way_gets_a_snapshot(office: ExportSetup) -> None:
    fill(office.keeper)

    class Restored(HubClient):
        is_old = True

        def send_batch(self, *words: Any, **more: Any) -> BatchAnswer:
            if words[1] == "products" and self.is_old:
                self.is_old = False
                office.hub.store.new_epoch(COMPANY)
            return super().send_batch(*words, **more)

    through(office, Restored)
    assert office.at_hub() == office.in_erp()


def through(office: ExportSetup, kind: type[HubClient], **more: Any) -> None:
    """An export by way of a client of this kind."""
    erp = office.keeper.open(layout=office.layout)
    opened = kind(Transport(office.hub.url, office.hub.token, clock=lambda: NOW, monotonic=lambda: 0.0))
    try:
        office.exporter(erp, opened, **more).run()
    finally:
        erp.close()
        opened.close()
        office.outbox.close()


def test_another_hub_is_sent_everything(office: ExportSetup) -> None:
    fill(office.keeper)
    office.export()
    assert office.export(hub_name="outra").exports["omniforce.products"].sent == 3


def test_a_broken_file_is_begun_anew_within_the_same_run(office: ExportSetup, tmp_path: Path) -> None:
    fill(office.keeper)
    office.export()
    (tmp_path / "exports" / "producao.db").write_bytes(b"no database" * 1000)
    office.export()
    assert office.at_hub() == office.in_erp()
    assert sent(office.export()) == {}


def test_a_changed_query_sends_its_rows_again_and_the_hub_finds_them_unchanged(
    office: ExportSetup, tmp_path: Path
) -> None:
    fill(office.keeper)
    office.export()
    with office.hub.client() as app:
        head = app.get("/v1/exports/omniforce/products").headers["etag"]
    layout = tmp_path / "erp.toml"
    layout.write_text(shipped_text("padrao").replace("marca AS brand", "marca  AS brand"))
    office.layout = str(layout)
    assert sent(office.export()) == {"omniforce.products": 3}
    with office.hub.client() as app:
        again = app.get("/v1/exports/omniforce/products", headers={"If-None-Match": head})
    assert again.status_code == 304


def test_a_row_the_hub_refuses_waits_until_it_changes_and_its_neighbours_go(office: ExportSetup) -> None:
    fill(office.keeper, products("A", "B"))
    office.keeper.run("UPDATE produtos SET ncm = '123456789' WHERE codigo = 'B'")
    counts = office.export()
    assert counts.exports["omniforce.products"] == ExportCounts(read=2, prepared=2, sent=1, refused=1)
    assert the_products(office) == {"A"}
    [refusal] = office.outbox.refused(10)
    assert (refusal.dataset, refusal.key, refusal.code, refusal.pointer) == ("products", "B", "length", "/data/ncm")
    assert sent(office.export()) == {}
    office.keeper.run("UPDATE produtos SET ncm = '12345678' WHERE codigo = 'B'")
    assert sent(office.export()) == {"omniforce.products": 1}
    assert the_products(office) == {"A", "B"}
    assert office.outbox.refused(10) == []


def test_a_row_that_does_not_fit_is_not_sent_and_is_told_until_it_does(office: ExportSetup) -> None:
    fill(office.keeper, products("A", "B"))
    office.keeper.run("UPDATE produtos SET ativo = 7 WHERE codigo = 'B'")
    assert office.export().exports["omniforce.products"] == ExportCounts(read=2, prepared=1, sent=1, refused=1)
    assert office.export().exports["omniforce.products"] == ExportCounts(read=2)
    assert [(one.key, one.code) for one in office.outbox.refused(10)] == [("B", "type")]
    office.keeper.run("UPDATE produtos SET ativo = 0 WHERE codigo = 'B'")
    office.export()
    assert (the_products(office), office.outbox.n_refused()) == ({"A", "B"}, 0)


def test_a_refused_row_that_goes_from_the_erp_is_told_no_more(office: ExportSetup) -> None:
    fill(office.keeper, products("A", "B"))
    office.keeper.run("UPDATE produtos SET ativo = 7 WHERE codigo = 'B'")
    office.export()
    office.keeper.run("DELETE FROM produtos WHERE codigo = 'B'")
    office.export()
    assert office.outbox.n_refused() == 0


def test_refused_rows_can_be_tried_again_as_they_are(office: ExportSetup) -> None:
    fill(office.keeper, products("A", "B"))
    office.keeper.run("UPDATE produtos SET ncm = '123456789' WHERE codigo = 'B'")
    office.export()
    assert office.outbox.try_again() == 1
    assert office.export().exports["omniforce.products"] == ExportCounts(read=2, prepared=1, refused=1)


def test_a_key_that_comes_twice_goes_once_and_is_told(office: ExportSetup, tmp_path: Path) -> None:
    with_queries(
        office,
        tmp_path,
        '[export.products]\nsql = "SELECT codigo AS code, descricao AS name, unidade AS unit FROM produtos '
        "UNION ALL SELECT codigo, 'outro', 'UN' FROM produtos WHERE codigo = 'A'\"",
    )
    fill(office.keeper, products("A", "B"))
    for _ in range(2):
        assert office.export().exports["omniforce.products"].refused == 1
        assert [(one.key, one.code) for one in office.outbox.refused(10)] == [("A", "repeated")]
        assert office.at_hub()[PRODUCTS]["A"]["name"] == "Produto A"
    office.layout = "padrao"
    office.export()
    assert office.outbox.n_refused() == 0


def test_a_row_without_a_key_is_told_and_asked_for_no_more_until_it_changes(
    office: ExportSetup, tmp_path: Path
) -> None:
    with_queries(
        office,
        tmp_path,
        "[export.products]\nsql = \"SELECT nullif(codigo, 'B') AS code, descricao AS name, unidade AS unit "
        'FROM produtos"',
    )
    fill(office.keeper, products("A", "B"))
    assert office.export().exports["omniforce.products"] == ExportCounts(read=2, prepared=1, sent=1, refused=1)
    assert [(one.key, one.code, one.pointer) for one in office.outbox.refused(10)] == [("", "required", "/data/code")]
    assert office.export().exports["omniforce.products"] == ExportCounts(read=2)
    office.keeper.run("DELETE FROM produtos WHERE codigo = 'B'")
    assert sent(office.export()) == {}
    assert office.outbox.n_refused() == 0


def test_many_deletes_wait_for_a_persons_word_and_nothing_else_does(office: ExportSetup) -> None:
    fill(office.keeper, many(50))
    office.export()
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0020'")
    fill(office.keeper, products("NOVO"))
    counts = office.export()
    assert counts.exports["omniforce.products"] == ExportCounts(read=31, prepared=1, sent=1, held=20)
    assert counts.has_refusals
    assert len(the_products(office)) == 51
    office.agreed = {"products": 19}
    assert office.export().exports["omniforce.products"].held == 20
    office.agreed = {"products": 20}
    assert office.export().exports["omniforce.products"] == ExportCounts(read=31, prepared=20, sent=20, deleted=20)
    assert office.at_hub() == office.in_erp()


def test_many_deletes_of_a_snapshot_wait_too(office: ExportSetup, tmp_path: Path) -> None:
    fill(office.keeper, many(50))
    office.export()
    for file in (tmp_path / "exports").iterdir():
        file.unlink()
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0020'")
    assert office.export().exports["omniforce.products"] == ExportCounts(read=30, prepared=30, sent=30, held=20)
    assert len(the_products(office)) == 50
    fill(office.keeper, products("P0000"))
    assert office.export().exports["omniforce.products"] == ExportCounts(read=31, prepared=1, sent=1, held=19)
    office.agreed = {"products": 19}
    assert office.export().exports["omniforce.products"] == ExportCounts(read=31, deleted=19)
    assert office.at_hub() == office.in_erp()
    assert office.export().exports["omniforce.products"] == ExportCounts(read=31)


def test_deletes_the_hub_holds_though_we_did_not_are_not_forgotten(office: ExportSetup, tmp_path: Path) -> None:
    fill(office.keeper, many(100))
    office.export()
    with office.hub.store.writing() as db:  # another computer left fewer living rows there than we think
        db.exec_driver_sql("UPDATE export_set SET living = 20, sequence = sequence + 1 WHERE dataset = 'products'")
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0015'")
    assert office.export().exports["omniforce.products"] == ExportCounts(read=85, prepared=15, held=15)
    office.agreed = {"products": 15}
    assert office.export().exports["omniforce.products"] == ExportCounts(read=85, prepared=15, sent=15, deleted=15)
    assert office.at_hub() == office.in_erp()


def broken_at(
    office: ExportSetup, moment: Callable[[HubClient, Callable[[], BatchAnswer]], BatchAnswer]
) -> type[HubClient]:
    """A client that answers a batch as `moment` lets it."""

    class Broken(HubClient):
        def send_batch(self, *words: Any, **more: Any) -> BatchAnswer:
            send = super().send_batch
            return moment(self, lambda: send(*words, **more))

    return Broken


def test_a_batch_whose_answer_was_lost_is_sent_again_under_its_name(office: ExportSetup) -> None:
    fill(office.keeper)

    def lost(hub: HubClient, send: Callable[[], BatchAnswer]) -> BatchAnswer:
        send()
        raise FeedError

    with pytest.raises(FeedError):
        through(office, broken_at(office, lost))
    names: list[str] = []

    def named(hub: HubClient, send: Callable[[], BatchAnswer]) -> BatchAnswer:
        answer = send()
        names.append(answer.batch)
        return answer

    through(office, broken_at(office, named))
    assert office.at_hub() == office.in_erp()
    with office.hub.store.reading() as db:
        kept = [row[0] for row in db.exec_driver_sql("SELECT id FROM export_batch")]
    assert sorted(kept) == sorted(names)


def test_a_hub_that_is_away_for_a_while_is_waited_for_and_then_the_next_run_goes_on(office: ExportSetup) -> None:
    fill(office.keeper)

    def away(hub: HubClient, send: Callable[[], BatchAnswer]) -> BatchAnswer:
        raise HubUnreachableError

    with pytest.raises(HubUnreachableError):
        through(office, broken_at(office, away))
    assert all(not rows for rows in office.at_hub().values())
    assert office.export().exports["omniforce.establishments"].prepared == 0  # it was read and kept before
    assert office.at_hub() == office.in_erp()


def test_a_name_the_hub_knows_with_other_content_begins_the_dataset_anew(office: ExportSetup) -> None:
    fill(office.keeper, products("A", "B"))
    with client(office.hub) as hub:
        body = zlib.compress(b'{"op":"delete","key":"x"}', wbits=31)
        hub.send_batch("omniforce", "products", "b7", body, digest=content_digest(body), lines=1)
    names = iter(["s1", "b7", "s2", "b8", "b9"])
    office.export(datasets=("products",), new_id=lambda: next(names))
    assert office.at_hub() == office.in_erp()


def test_told_to_stop_it_stops_and_the_next_run_goes_on(office: ExportSetup) -> None:
    fill(office.keeper, many(30))
    for n in range(1, 40):
        left = n

        def report(progress: Progress) -> bool:
            nonlocal left
            left -= 1
            return left <= 0

        try:
            office.export(report=report)
        except StoppedError:
            continue
        break
    else:
        raise AssertionError("it never ended")
    assert n > 3
    assert office.at_hub() == office.in_erp()


class BusyErp:
    """An ERP that is busy the first times it is read."""

    def __init__(self, erp: Erp, n_busy: int) -> None:
        self._erp, self._n_busy = erp, n_busy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._erp, name)

    def open_export(self, *words: Any) -> Any:
        if self._n_busy:
            self._n_busy -= 1
            raise ErpBusyError
        return self._erp.open_export(*words)


def test_an_erp_that_is_busy_is_waited_for(office: ExportSetup) -> None:
    fill(office.keeper)
    erp = office.keeper.open()
    with client(office.hub) as hub:
        counts = office.exporter(cast("Erp", BusyErp(erp, 2)), hub).run()
    erp.close()
    assert counts.exports["omniforce.establishments"].read == 2
    assert office.at_hub() == office.in_erp()


def test_with_a_changed_at_column_deletes_show_once_a_day(office: ExportSetup, tmp_path: Path) -> None:
    layout = tmp_path / "erp.toml"
    layout.write_text(shipped_text("padrao").replace("[export.stock]", '[export.stock]\nchanged_at = "measured_at"'))
    office.layout = str(layout)
    rows = [("0001", f"P{n}", "1.0000", None, None, f"2026-11-{1 + n % 23:02} 10:00:00") for n in range(60)]
    fill(office.keeper, {"estoque": rows})
    assert office.export().exports["omniforce.stock"] == ExportCounts(read=60, prepared=60, sent=60)
    office.keeper.run("DELETE FROM estoque WHERE produto = 'P1'")
    office.keeper.run("UPDATE estoque SET saldo = '2.0000', apurado_em = '2026-11-24 12:00:00' WHERE produto = 'P2'")
    stock = office.export().exports["omniforce.stock"]
    assert (stock.sent, stock.deleted) == (1, 0)
    assert stock.read < 10
    assert office.export(is_full=True).exports["omniforce.stock"] == ExportCounts(
        read=59, prepared=1, sent=1, deleted=1
    )
    office.keeper.run("DELETE FROM estoque WHERE produto = 'P3'")
    office.now = NOW + timedelta(days=1)
    assert office.export().exports["omniforce.stock"] == ExportCounts(read=58, prepared=1, sent=1, deleted=1)
    assert office.at_hub() == office.in_erp()


def test_case_h13_a_row_that_was_not_sent_goes_the_same_day_when_it_is_tried_again(
    office: ExportSetup, tmp_path: Path
) -> None:
    office.keeper.run("CREATE TABLE solto (code TEXT, name TEXT, unit TEXT, changed INTEGER)")
    sql = "SELECT code, name, unit, changed FROM solto"
    with_queries(office, tmp_path, f'[export.products]\nsql = "{sql}"\nchanged_at = "changed"\n')
    office.keeper.run("INSERT INTO solto VALUES ('A', 'a', 'UN', 1), ('B', 'b', 'UN', 2), ('C', 'c', 'UN', 30)")
    office.export(datasets=("products",))
    office.keeper.run("UPDATE solto SET name = '' WHERE code = 'A'")
    office.export(datasets=("products",), is_full=True)
    assert [one.key for one in office.outbox.refused(10)] == ["A"]
    office.keeper.run("UPDATE solto SET name = 'de volta' WHERE code = 'A'")  # mended, and not marked as changed
    assert office.outbox.try_again() == 1
    assert sent(office.export(datasets=("products",))) == {"omniforce.products": 1}
    assert office.outbox.refused(10) == []


def test_an_order_refused_for_an_unknown_product_enters_after_the_products_export(
    office: ExportSetup, tmp_path: Path
) -> None:
    looked_up = 'produto = { lookup = "produtos", by = "codigo", field = "product_code", take = "codigo" }'
    layout = tmp_path / "erp.toml"
    layout.write_text(shipped_text("padrao").replace('produto = "product_code"', looked_up))
    office.layout = str(layout)
    fill(office.keeper, products("000001"))
    send(office.hub, change(customer()), change(order()))
    counts = importing(office)
    assert (counts.orders.refused, office.keeper.query("SELECT count(*) FROM pedidos")) == (1, [(0,)])
    office.export()
    importing(office)
    assert office.keeper.query("SELECT count(*) FROM pedidos") == [(0,)]  # the other product is still unknown
    fill(office.keeper, products("000002"))
    erp = office.keeper.open(layout=office.layout)
    with client(office.hub) as hub:
        exporter = office.exporter(erp, hub)
        exporter.run()
        assert exporter.n_requeued == 1
    erp.close()
    assert importing(office).orders.written == 1
    assert office.keeper.query("SELECT count(*) FROM itens_pedido") == [(2,)]


def importing(office: ExportSetup) -> Counts:
    erp = office.keeper.open(layout=office.layout)
    with client(office.hub) as hub:
        counts = importer(erp, hub).run()
    erp.close()
    return counts


def test_numbers_of_rows_that_are_gone_are_given_again(office: ExportSetup) -> None:
    office.limits = BatchLimits(numbers=10)
    for n in range(6):
        office.keeper.run("DELETE FROM produtos")
        fill(office.keeper, products(*(f"{n}-{i}" for i in range(10))))
        export_agreeing(office)
        assert office.at_hub() == office.in_erp()
    known = office.outbox.dataset_state("omniforce", "products", hub=f"{COMPANY} {epoch(office)}", new_id=lambda: "x")
    assert (known.n_rows, known.next_n <= 50) == (10, True)
    assert sent(office.export()) == {}


def export_agreeing(office: ExportSetup, **more: Any) -> None:
    """An export, and another one with a yes to the deletes that it held."""
    held = office.export(**more).exports["omniforce.products"].held
    office.agreed = {"products": held}
    if held:
        office.export(**more)
    office.agreed = {}


def epoch(office: ExportSetup) -> str:
    with client(office.hub) as hub:
        return hub.uploads().epoch


CODES = tuple(f"P{n}" for n in range(12))
_edit = st.tuples(st.just("edit"), st.sampled_from(CODES), st.text("abc", max_size=3))
_delete = st.tuples(st.just("delete"), st.sampled_from(CODES))
_spoil = st.tuples(st.just("spoil"), st.sampled_from(CODES))
_fail = st.tuples(st.sampled_from(["lost before", "lost after", "stop"]), st.integers(1, 4))
_rest = st.tuples(st.sampled_from(["export", "forget", "restore"]))
_EVENTS = st.lists(st.one_of(_edit, _edit, _delete, _spoil, _fail, _rest), max_size=15)


@given(events=_EVENTS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_in_between_the_next_export_leaves_the_hub_as_the_erp(
    tmp_path_factory: pytest.TempPathFactory, shared_hub: RunningHub, events: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("office")
    office = ExportSetup(
        make_sqlite(folder),
        shared_hub,
        Outbox(folder / "out.db"),
        limits=BatchLimits(lines=3),
        rows_per_chunk=2,
    )
    for event in events:
        _happen(office, folder, *event)
    export_agreeing(office, datasets=("products",))
    sound = office.keeper.query("SELECT codigo, descricao FROM produtos WHERE ncm IS NULL")
    expected = {code: {"code": code, "name": name, "unit": "UN"} for code, name in sound}
    found = {code: row for code, row in office.at_hub()[PRODUCTS].items() if code not in _spoiled(office)}
    assert found == expected
    assert sent(office.export(datasets=("products",))) == {}
    assert {one.key for one in office.outbox.refused(100)} == _spoiled(office)


def _spoiled(office: ExportSetup) -> set[str]:
    """The products that the hub refuses: what it had of them before stays."""
    return {code for (code,) in office.keeper.query("SELECT codigo FROM produtos WHERE ncm IS NOT NULL")}


def _happen(office: ExportSetup, folder: Path, what: str, *words: Any) -> None:
    if what == "edit":
        office.keeper.run("DELETE FROM produtos WHERE codigo = ?", words[0])
        fill(office.keeper, products(words[0], name=words[1] or "x"))
    elif what == "delete":
        office.keeper.run("DELETE FROM produtos WHERE codigo = ?", words[0])
    elif what == "spoil":
        office.keeper.run("UPDATE produtos SET ncm = 'toolong99' WHERE codigo = ?", words[0])
    elif what == "export":
        office.export(datasets=("products",))
    elif what == "forget":
        office.outbox.forget()
        office.outbox.close()
    elif what == "restore":
        office.hub.store.new_epoch(COMPANY)
    else:
        with suppress(FeedError, StoppedError):
            _fail_at(office, what, words[0])


def _fail_at(office: ExportSetup, what: str, n: int) -> None:
    """An export that ends at its n-th batch, or at its n-th report."""
    left = [n]

    def is_now() -> bool:
        left[0] -= 1
        return left[0] == 0

    def moment(hub: HubClient, send: Callable[[], BatchAnswer]) -> BatchAnswer:
        ends = what != "stop" and is_now()
        if ends and what == "lost before":
            raise FeedError
        answer = send()
        if ends:
            raise FeedError
        return answer

    report = (lambda progress: is_now()) if what == "stop" else (lambda progress: False)
    through(office, broken_at(office, moment), datasets=("products",), report=report)
