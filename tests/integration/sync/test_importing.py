"""The import from the real hub into a real ERP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, cast

import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import Erp, ErpScope
from omnisync.agent.erp.databases import open_erp
from omnisync.agent.errors import BadTokenError, ErpBusyError, StoppedError
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.hub_api.transport import Transport
from omnisync.agent.messages import sentences
from omnisync.agent.progress import Progress, RowCounts
from omnisync.agent.sync.importer import RetryRequest
from tests.support.erp_databases import SampleErp, make_sqlite
from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import ALL, client, importer, run_import, send
from tests.support.record_samples import NOW, change, customer, deletion, order


@pytest.fixture
def keeper(tmp_path: Path) -> SampleErp:
    return make_sqlite(tmp_path)


@pytest.fixture
def asked() -> list[str]:
    """The path of every request that came to the hub."""
    return []


@pytest.fixture
def hub(tmp_path: Path, asked: list[str]) -> Iterator[RunningHub]:
    with running_hub(tmp_path, before=lambda target: asked.append(target.partition("?")[0])) as running:
        yield running


def test_what_the_hub_has_lands_in_the_erp(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), *(change(order(f"ord_{n}")) for n in range(120)))
    counts = run_import(keeper, hub)
    assert counts.orders == RowCounts(written=120)
    assert keeper.open().records.rows() == {"customers": 1, "orders": 120, "items": 240, "payments": 120}


def test_a_second_import_writes_nothing_and_asks_once(keeper: SampleErp, hub: RunningHub, asked: list[str]) -> None:
    send(hub, change(customer()), change(order()))
    run_import(keeper, hub)
    erp = keeper.open()
    with client(hub) as opened:
        asked.clear()
        counts = importer(erp, opened).run()
    assert counts.total == RowCounts()
    assert asked == ["/v1/streams"]


def test_the_one_request_of_a_run_also_says_which_orders_nobody_reads(
    keeper: SampleErp, hub: RunningHub, asked: list[str]
) -> None:
    send(hub, change(order("ord_9", establishment_code="0009")))
    told: list[Progress] = []

    def report(progress: Progress) -> bool:
        told.append(progress)
        return False

    erp = keeper.open()
    with client(hub) as opened:
        asked.clear()
        importer(erp, opened, report=report).run()
    assert (asked, told[-1].unread) == (["/v1/streams"], {"0009": 1})


def test_a_retry_says_nothing_of_orders_that_nobody_reads(keeper: SampleErp, hub: RunningHub) -> None:
    told: list[Progress] = []
    send(hub, change(order()))
    run_import(keeper, hub)

    def report(progress: Progress) -> bool:
        told.append(progress)
        return False

    erp = keeper.open()
    with client(hub) as opened:
        importer(erp, opened, report=report).retry([RetryRequest(kind="order", ids=("ord_1",))])
    assert {progress.unread for progress in told} == {None}


def test_an_edit_a_cancellation_and_a_new_order_are_brought_by_the_next_import(
    keeper: SampleErp, hub: RunningHub
) -> None:
    send(hub, change(customer()), change(order("ord_1")), change(order("ord_2")))
    run_import(keeper, hub)
    send(hub, change(order("ord_1", notes="tarde"), 2), change(order("ord_2", status="cancelled"), 2))
    send(hub, change(order("ord_3")))
    counts = run_import(keeper, hub)
    assert counts.orders == RowCounts(written=3)
    assert keeper.query("SELECT id_externo, situacao, observacoes FROM pedidos ORDER BY 1") == [
        ("ord_1", "aberto", "tarde"),
        ("ord_2", "cancelado", None),
        ("ord_3", "aberto", None),
    ]


def test_one_establishment_is_imported_and_the_other_is_brought_later(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order("ord_1")), change(order("ord_2", establishment_code="0002")))
    run_import(keeper, hub, establishments=["0001"])
    assert keeper.query("SELECT id_externo FROM pedidos") == [("ord_1",)]
    run_import(keeper, hub)
    assert keeper.query("SELECT id_externo FROM pedidos ORDER BY 1") == [("ord_1",), ("ord_2",)]


def test_receipts_reach_the_hub_with_number_and_reason(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order("ord_1")), change(order("ord_2", paid="1.00")))
    run_import(keeper, hub)
    with hub.client() as http:
        good = http.get("/v1/orders/ord_1").json()["receipts"][0]
        bad = http.get("/v1/orders/ord_2").json()["receipts"][0]
    assert (good["outcome"], good["erp_number"]) == ("imported", "1")
    assert bad["outcome"] == "refused"
    assert bad["reason"]["code"] == "payments_mismatch"
    assert "somam R$\u00a01,00, mas o pedido é de R$\u00a029,10" in bad["reason"]["message"]


def test_a_waiting_order_enters_when_its_customer_is_mended(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer(document="00000000000000")), change(order()))
    assert run_import(keeper, hub).orders == RowCounts(waiting=1)
    send(hub, change(customer(), 2))
    assert run_import(keeper, hub).orders == RowCounts(written=1)


def test_an_order_that_moves_while_it_waits_enters_once(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(order()))
    run_import(keeper, hub)
    send(hub, change(order(establishment_code="0002"), 2), change(customer()))
    run_import(keeper, hub)
    assert keeper.query("SELECT id_externo, estabelecimento, situacao FROM pedidos") == [("ord_1", "0002", "aberto")]


def test_a_moved_order_is_one_row(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order()))
    run_import(keeper, hub)
    send(hub, change(order(establishment_code="0002"), 2))
    run_import(keeper, hub)
    assert keeper.query("SELECT id_externo, estabelecimento, situacao FROM pedidos") == [("ord_1", "0002", "aberto")]


def test_a_hub_restored_from_a_backup_is_read_again_without_doubling(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order()))
    run_import(keeper, hub)
    before = keeper.contents()
    hub.store.new_epoch("aurora")
    send(hub, change(order("ord_2")))
    counts = run_import(keeper, hub)
    assert counts.orders == RowCounts(written=1, unchanged=1)
    assert keeper.contents()["clientes"] == before["clientes"]
    assert run_import(keeper, hub).total == RowCounts()


def test_an_erp_restored_from_a_backup_gets_back_what_it_lost(
    keeper: SampleErp, hub: RunningHub, tmp_path: Path
) -> None:
    send(hub, change(customer()), change(order("ord_1")))
    run_import(keeper, hub)
    keeper.run("VACUUM INTO ?", str(tmp_path / "backup.db"))
    send(hub, change(order("ord_2")))
    run_import(keeper, hub)
    restored = SampleErp(ErpAddress(kind="sqlite", database=str(tmp_path / "backup.db")))
    run_import(restored, hub)
    assert restored.contents() == keeper.contents()


def test_a_run_told_to_stop_ends_between_slices_and_the_next_goes_on(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), *(change(order(f"ord_{n:03}")) for n in range(400)))

    def stop_after_some(progress: Progress) -> bool:
        return progress.counts.orders.received >= 50

    erp = keeper.open()
    with client(hub) as opened, pytest.raises(StoppedError):
        importer(erp, opened, report=stop_after_some).run()
    assert 50 <= erp.records.rows()["orders"] < 400
    erp.close()
    run_import(keeper, hub)
    assert keeper.open().records.rows()["orders"] == 400


def test_two_imports_at_once_leave_what_one_leaves(keeper: SampleErp, hub: RunningHub) -> None:
    from threading import Thread

    send(hub, change(customer()), *(change(order(f"ord_{n:03}")) for n in range(600)))
    ends: list[str] = []

    def run() -> None:
        try:
            run_import(keeper, hub)
            ends.append("done")
        except Exception as error:  # noqa: BLE001  # its name is the answer
            ends.append(type(error).__name__)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(ends) <= {"done", "OvertakenError"}
    assert "done" in ends
    assert keeper.open().records.rows() == {"customers": 1, "orders": 600, "items": 1200, "payments": 600}


def test_a_retry_brings_just_what_was_asked_for_and_the_orders_that_wait_for_it(
    keeper: SampleErp, hub: RunningHub
) -> None:
    send(hub, change(customer(document="00000000000000")), change(order()))
    run_import(keeper, hub)
    send(hub, change(customer(), 2), change(customer("cus_2")))
    erp = keeper.open()
    with client(hub) as opened:
        importer(erp, opened).retry([RetryRequest(kind="customer", ids=("cus_1",))])
    assert erp.records.rows() == {"customers": 1, "orders": 1, "items": 2, "payments": 1}
    assert erp.records.n_open_issues() == {"refused": 0, "waiting": 0}


def test_an_order_the_erp_lost_comes_back_only_when_asked_for(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order()))
    run_import(keeper, hub)
    for table in ("formas_pagamento", "itens_pedido", "pedidos"):
        keeper.run(f"DELETE FROM {table}")
    erp = keeper.open()
    with client(hub) as opened:
        importer(erp, opened).run()
        assert erp.records.rows()["orders"] == 0
        importer(erp, opened).retry([RetryRequest(kind="order", ids=("ord_1",), again=True)])
    assert erp.records.rows()["orders"] == 1


def test_an_erased_waiting_order_waits_no_more(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(order()))
    run_import(keeper, hub)
    send(hub, deletion("order", "ord_1", 2))
    run_import(keeper, hub)
    assert keeper.open().records.n_open_issues() == {"refused": 0, "waiting": 0}


def test_a_revoked_token_stops_the_run_at_once(keeper: SampleErp, hub: RunningHub) -> None:
    erp = keeper.open()
    stranger = HubClient(Transport(hub.url, "omni_000000000000_no", clock=lambda: NOW, monotonic=lambda: 0.0))
    with pytest.raises(BadTokenError):
        importer(erp, stranger).run()
    stranger.close()
    erp.close()


def test_counts_add_up(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(customer("cus_2", document="1")), change(order("ord_1")))
    send(hub, change(order("ord_2", customer_id="cus_2")), change(order("ord_3", paid="1.00")))
    counts = run_import(keeper, hub)
    assert counts.customers == RowCounts(written=1, refused=1)
    assert counts.orders == RowCounts(written=1, waiting=1, refused=1)
    assert counts.items.received == 6


def test_converting_a_page_shows_its_rows_and_never_opens_the_erp(tmp_path: Path, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order()))
    erp = open_erp(
        ErpAddress(database=str(tmp_path / "nowhere.db")),
        scope=ErpScope(company="aurora", connection="producao", establishments=ALL),
        zone=UTC,
        clock=lambda: NOW,
        describe=sentences.of_words,
        memories=tmp_path,
    )
    with client(hub) as opened:
        seen = importer(erp, opened).preview()
    assert seen is not None
    assert {name: len(rows) for name, rows in seen.tables.items()} == {
        "clientes": 1,
        "pedidos": 1,
        "itens_pedido": 2,
        "formas_pagamento": 1,
    }
    assert list(tmp_path.glob("nowhere*")) == []


class _BusyOnce:
    """Something of the ERP's, each call of which meets a busy database the first time."""

    def __init__(self, whole: Any, met: set[str]) -> None:
        self._whole = whole
        self._met = met

    def __getattr__(self, name: str) -> Any:
        whole = getattr(self._whole, name)
        if name == "records":
            return _BusyOnce(whole, self._met)
        if not callable(whole) or name in ("close", "prepare_page"):
            return whole

        def called(*words: Any, **more: Any) -> Any:
            if name not in self._met:
                self._met.add(name)
                raise ErpBusyError
            return whole(*words, **more)

        return called


def test_an_erp_that_is_busy_at_any_call_ends_no_import(keeper: SampleErp, hub: RunningHub) -> None:
    send(hub, change(customer()), change(order()), change(order("ord_2", customer_id="cus_late")))
    met: set[str] = set()
    erp = keeper.open()
    with client(hub) as opened:
        first = importer(cast(Erp, _BusyOnce(erp, met)), opened).run()
        send(hub, change(customer("cus_late", document=None, document_kind="none")))
        importer(cast(Erp, _BusyOnce(erp, met)), opened).run()
        requests = [RetryRequest(kind="order", ids=("ord_2",))]
        importer(cast(Erp, _BusyOnce(erp, met)), opened).retry(requests)
    erp.close()
    assert first.orders.written == 1
    assert keeper.query("SELECT count(*) FROM pedidos") == [(2,)]
    assert met >= {"prepare", "position", "write", "waiting", "pending_receipts", "acknowledge", "requeue"}
