"""The lease of an establishment: one token at a time, by the hub's clock, on each database; and what the agent says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy import event, select

from omnisync.agent.errors import EstablishmentBusyError
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.hub_api.transport import Transport
from omnisync.agent.messages import sentences
from omnisync.contract.feed import Change
from omnisync.hub import tables
from omnisync.hub.access import Caller
from omnisync.hub.app import create_app
from omnisync.hub.errors import ProblemError
from omnisync.hub.leases import HELD_FOR, RENEWED_AFTER, Leases
from omnisync.hub.store import AGENT_SCOPES, Store
from tests.support import record_samples
from tests.support.erp_databases import make_sqlite
from tests.support.hub_server import NOW, RunningHub, bearer, found_company, new_store, order, running_hub
from tests.support.import_runs import Clock, importer, send

_number = count()
SOON = NOW + RENEWED_AFTER
LATER = NOW + HELD_FOR


class Computers:
    """Two computers of one company, and a stranger's."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.company = f"aurora-{next(_number)}"
        found_company(store, self.company)
        self.matriz, self.filial = self.caller("matriz"), self.caller("filial")
        boreal = f"boreal-{next(_number)}"
        found_company(store, boreal, "Oficina Boreal")
        self.stranger = self.caller("matriz", boreal)

    def caller(self, name: str, company: str | None = None) -> Caller:
        company = company or self.company
        prefix = self.store.create_token(company, name, AGENT_SCOPES, NOW).split("_")[1]
        return Caller(company=company, token=prefix, destination=name, scopes=AGENT_SCOPES)


@pytest.fixture
def computers(store: Store) -> Computers:
    return Computers(store)


@pytest.fixture
def leases(store: Store) -> Leases:
    return Leases(store)


def refusal(leases: Leases, caller: Caller, **at: Any) -> tuple[str, str | None, dict[str, str]]:
    with pytest.raises(ProblemError) as caught:
        leases.acquire(caller, "0001", at.get("now", NOW))
    return caught.value.code, caught.value.holder, caught.value.headers


def test_the_second_computer_is_told_who_the_first_is(leases: Leases, computers: Computers) -> None:
    leases.acquire(computers.matriz, "0001", NOW)
    assert refusal(leases, computers.filial) == ("establishment_busy", "matriz", {"Retry-After": "90"})
    late = NOW + timedelta(seconds=88.2)
    assert refusal(leases, computers.filial, now=late) == ("establishment_busy", "matriz", {"Retry-After": "2"})


def test_the_same_token_never_collides(leases: Leases, computers: Computers, store: Store) -> None:
    for other in (leases, Leases(store)):
        for now in (NOW, NOW + timedelta(seconds=1), NOW - timedelta(hours=1), LATER):
            other.acquire(computers.matriz, "0001", now)


def test_an_establishment_and_a_company_are_leased_each_for_itself(leases: Leases, computers: Computers) -> None:
    leases.acquire(computers.matriz, "0001", NOW)
    leases.acquire(computers.filial, "0002", NOW)
    leases.acquire(computers.stranger, "0001", NOW)


def test_a_lease_ends_by_itself(leases: Leases, computers: Computers) -> None:
    leases.acquire(computers.matriz, "0001", NOW)
    refusal(leases, computers.filial, now=LATER - timedelta(milliseconds=1))
    leases.acquire(computers.filial, "0001", LATER)
    assert refusal(leases, computers.matriz, now=LATER)[1] == "filial"


def test_case_j7_a_lease_of_a_clock_that_ran_ahead_is_free(leases: Leases, computers: Computers, store: Store) -> None:
    leases.acquire(computers.matriz, "0001", NOW + timedelta(hours=2))
    Leases(store).acquire(computers.filial, "0001", NOW)
    assert refusal(leases, computers.matriz)[1] == "filial"


def test_each_reading_renews_it(leases: Leases, computers: Computers) -> None:
    for n in range(10):
        leases.acquire(computers.matriz, "0001", NOW + n * RENEWED_AFTER)
    refusal(leases, computers.filial, now=NOW + 9 * RENEWED_AFTER + timedelta(seconds=89))


def test_a_revoked_token_holds_nothing(leases: Leases, computers: Computers, store: Store) -> None:
    leases.acquire(computers.matriz, "0001", NOW)
    store.revoke_token(computers.company, computers.matriz.token, NOW)
    leases.acquire(computers.filial, "0001", NOW)


def test_a_mistyped_establishment_leaves_nothing_behind(leases: Leases, computers: Computers, store: Store) -> None:
    leases.acquire(computers.matriz, "9999", NOW)
    leases.acquire(computers.filial, "9999", NOW)
    with store.reading() as db:
        assert db.exec_driver_sql(f"SELECT count(*) FROM lease WHERE company = '{computers.company}'").scalar() == 0


def test_of_many_at_once_one_gets_it(computers: Computers, store: Store) -> None:
    callers = [computers.caller(f"c{n}") for n in range(6)]
    start = threading.Barrier(len(callers))
    got: list[str] = []
    told: list[str | None] = []

    def read(caller: Caller) -> None:
        mine = Leases(store)  # each as if in a process of its own
        start.wait(20)
        try:
            mine.acquire(caller, "0001", NOW)
            got.append(caller.destination)
        except ProblemError as error:
            told.append(error.holder)

    readers = [threading.Thread(target=read, args=(caller,)) for caller in callers]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(20)
    assert (len(got), told) == (1, got * 5)


def test_a_reading_within_a_third_only_looks(leases: Leases, computers: Computers, store: Store) -> None:
    leases.acquire(computers.matriz, "0001", NOW)
    asked: list[str] = []

    def note(_db: Any, _cursor: Any, sql: str, *_: Any) -> None:
        asked.append(sql.split()[0])

    event.listen(store.engine, "before_cursor_execute", note)
    leases.acquire(computers.matriz, "0001", SOON - timedelta(seconds=1))
    looked = [word for word in asked if word != "BEGIN"]
    leases.acquire(computers.matriz, "0001", SOON)
    event.remove(store.engine, "before_cursor_execute", note)
    assert (looked, "INSERT" in asked) == (["SELECT"], True)


def test_only_reading_an_establishment_s_orders_takes_it(tmp_path: Path) -> None:
    store = new_store(tmp_path / "hub.db")
    first = found_company(store)
    second = store.create_token("aurora", "filial", AGENT_SCOPES, NOW)
    moments = [NOW]
    with TestClient(create_app(store, lambda: moments[-1])) as client:
        client.post("/v1/records", headers=bearer(first), json={"records": [order("a")]})
        orders = "/v1/changes?kinds=order&establishment=0001"
        read = client.get(orders, headers=bearer(first))
        open_to_all = ("/v1/streams", "/v1/changes?kinds=customer", "/v1/records?kind=order&ids=a", "/v1/orders/a")
        assert [client.get(path, headers=bearer(second)).status_code for path in open_to_all] == [200] * 4
        busy = client.get(orders, headers=bearer(second))
        assert (busy.status_code, busy.headers["Retry-After"]) == (409, "90")
        assert busy.headers["content-type"] == "application/problem+json"
        assert (busy.json()["code"], busy.json()["holder"]) == ("establishment_busy", "producao")
        known = bearer(first) | {"If-None-Match": read.headers["etag"]}
        moments.append(SOON)
        assert client.get(orders, headers=known).status_code == 304
        moments.append(LATER)  # renewed by the 304 in between
        assert client.get(orders, headers=bearer(second)).status_code == 409
        moments.append(SOON + HELD_FOR)
        assert client.get(orders, headers=bearer(second)).status_code == 200
    store.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


def orders_of(code: str, n: int = 3) -> list[Change]:
    return [record_samples.change(record_samples.order(f"ord_{code}_{k}", establishment_code=code)) for k in range(n)]


def test_a_run_goes_on_with_the_other_establishments_and_says_who_has_the_one(hub: RunningHub, tmp_path: Path) -> None:
    send(hub, record_samples.change(record_samples.customer()), *orders_of("0001"), *orders_of("0002"))
    other = hub.store.create_token("aurora", "loja", AGENT_SCOPES, NOW)
    with hub.client(other) as first:
        assert first.get("/v1/changes?kinds=order&establishment=0001").status_code == 200
    keeper = make_sqlite(tmp_path)
    erp = keeper.open()
    clock = Clock()
    client = HubClient(Transport(hub.url, hub.token, clock=lambda: NOW, monotonic=clock.monotonic))
    run = importer(erp, client, clock=clock)
    with pytest.raises(EstablishmentBusyError) as caught:
        run.run()
    assert (run.counts.orders.written, keeper.open().records.rows()["orders"]) == (3, 3)
    assert list(erp.records.pending_receipts(10)) == []
    assert clock.waits == []
    assert sentences.of_code(caught.value.code, **caught.value.words) == (
        "O estabelecimento 0001 está sendo importado por outro computador (loja). Os demais foram importados; tente de "
        "novo em alguns minutos, ou assuma o estabelecimento neste computador em Pendências."
    )
    hub.store.revoke_token("aurora", other.split("_")[1], NOW)
    assert importer(erp, client, clock=clock).run().orders.written == 3
    client.close()
    erp.close()
    assert keeper.open().records.rows()["orders"] == 6


def test_two_computers_with_an_establishment_each_do_not_disturb_each_other(hub: RunningHub, tmp_path: Path) -> None:
    send(hub, record_samples.change(record_samples.customer()), *orders_of("0001"), *orders_of("0002"))
    tokens = (hub.token, hub.store.create_token("aurora", "loja", AGENT_SCOPES, NOW))
    for code, token in zip(("0001", "0002"), tokens, strict=True):
        (tmp_path / code).mkdir()
        keeper = make_sqlite(tmp_path / code)
        erp, client = (
            keeper.open(),
            HubClient(Transport(hub.url, token, clock=lambda: NOW, monotonic=Clock().monotonic)),
        )
        assert importer(erp, client, establishments=[code]).run().orders.written == 3
        client.close()
        erp.close()


def test_taking_over_makes_it_the_callers_and_the_first_is_told_at_its_next_page(
    computers: Computers, store: Store
) -> None:
    first, second = Leases(store), Leases(store)  # two processes of one hub
    first.acquire(computers.matriz, "0001", NOW)
    soon = NOW + timedelta(seconds=5)
    taken = second.take_over(computers.filial, "0001", soon)
    assert (taken.holder, taken.taken_from, taken.since, taken.until) == ("filial", "matriz", soon, soon + HELD_FOR)
    assert refusal(first, computers.matriz, now=soon)[:2] == ("establishment_busy", "filial")
    first.acquire(computers.filial, "0001", soon)


def test_taking_over_twice_is_once_and_the_hub_keeps_who_took_what_from_whom(
    leases: Leases, computers: Computers, store: Store
) -> None:
    leases.acquire(computers.matriz, "0001", NOW)
    later = NOW + timedelta(seconds=1)
    first, again = (leases.take_over(computers.filial, "0001", at) for at in (NOW, later))
    assert (first.taken_from, again.taken_from, again.since) == ("matriz", None, NOW)
    leases.take_over(computers.filial, "0002", NOW)  # nobody held it
    leases.take_over(computers.matriz, "0001", later + HELD_FOR)  # its time was over
    with store.reading() as db:
        rows = db.exec_driver_sql(
            f"SELECT establishment, by_name, from_name, at FROM take_over WHERE company = '{computers.company}'"
        ).all()
    assert [tuple(row) for row in rows] == [("0001", "filial", "matriz", NOW.isoformat(timespec="milliseconds"))]


def test_since_when_somebody_reads_is_told_and_lasts_while_it_is_renewed(leases: Leases, computers: Computers) -> None:
    for n in range(4):
        leases.acquire(computers.matriz, "0001", NOW + n * RENEWED_AFTER)
    with pytest.raises(ProblemError) as caught:
        leases.acquire(computers.filial, "0001", NOW + 3 * RENEWED_AFTER)
    assert caught.value.since == NOW
    leases.acquire(computers.filial, "0001", NOW + 10 * HELD_FOR)
    with pytest.raises(ProblemError) as caught:
        leases.acquire(computers.matriz, "0001", NOW + 10 * HELD_FOR)
    assert caught.value.since == NOW + 10 * HELD_FOR


def test_nobody_takes_over_what_is_not_there_or_a_strangers(leases: Leases, computers: Computers) -> None:
    leases.acquire(computers.matriz, "0001", NOW)
    with pytest.raises(ProblemError) as caught:
        leases.take_over(computers.filial, "9999", NOW)
    assert caught.value.code == "establishment_unknown"
    assert leases.take_over(computers.stranger, "0001", NOW).taken_from is None
    leases.acquire(computers.matriz, "0001", NOW)


def test_taking_over_through_http_wants_the_scope_of_who_imports(hub: RunningHub) -> None:
    salespeople = hub.store.create_token("aurora", "app", ("records:write", "orders:read"), NOW)
    with hub.client(salespeople) as opened:
        assert opened.put("/v1/leases/0001").json()["code"] == "scope_missing"
    with hub.client() as opened:
        answers = [opened.put("/v1/leases/0001") for _ in range(2)]
        assert [(a.status_code, a.json()["holder"]) for a in answers] == [(200, "producao")] * 2
        unknown = opened.put("/v1/leases/9999")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "establishment_unknown")


def test_of_two_computers_the_one_that_is_taken_over_stops_and_nothing_is_lost(hub: RunningHub, tmp_path: Path) -> None:
    """Both import into one ERP; the second takes over while the first is in the middle of its pages."""
    send(hub, record_samples.change(record_samples.customer()), *orders_of("0001", 9))
    other = hub.store.create_token("aurora", "loja", AGENT_SCOPES, NOW)
    keeper = make_sqlite(tmp_path)
    first_erp, second_erp = keeper.open(), keeper.open()
    first = HubClient(Transport(hub.url, hub.token, clock=lambda: NOW, monotonic=Clock().monotonic))
    second = HubClient(Transport(hub.url, other, clock=lambda: NOW, monotonic=Clock().monotonic))
    n_written: list[int] = []

    def taken_over_once_three_are_in(progress: Any) -> bool:
        written = progress.counts.orders.written
        if written >= 3 and not n_written:
            n_written.append(written)
            assert second.take_over("0001").taken_from == "producao"
        return False

    run = importer(first_erp, first, report=taken_over_once_three_are_in, page_limit=1)
    with pytest.raises(EstablishmentBusyError) as caught:
        run.run()
    assert msgspec.json.decode(str(caught.value.words["donos"]))["0001"][0] == "loja"
    there = keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY 1")
    assert 3 <= len(there) < 9
    assert importer(second_erp, second).run().orders.written == 9 - len(there)
    after = keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY 1")
    assert set(there) <= set(after)
    assert len(after) == 9
    for opened in (first, second, first_erp, second_erp):
        opened.close()


def test_case_j8_take_overs_at_once_are_in_the_book(store: Store) -> None:
    for _ in range(20):
        computers = Computers(store)
        together = threading.Barrier(2)

        def take(caller: Caller, together: threading.Barrier = together) -> None:
            leases = Leases(store)
            together.wait(20)
            leases.take_over(caller, "0001", NOW)

        threads = [threading.Thread(target=take, args=(one,)) for one in (computers.matriz, computers.filial)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        with store.reading() as db:
            book = db.execute(select(tables.take_over).where(tables.take_over.c.company == computers.company)).all()
        [one] = book
        assert {one.by_name, one.from_name} == {"matriz", "filial"}


def test_case_j4_a_token_that_imports_nothing_holds_no_lease(store: Store) -> None:
    company = f"aurora-{next(_number)}"
    found_company(store, company)
    report = store.create_token(company, "relatorio", ("orders:read",), NOW)
    agent = store.create_token(company, "matriz", AGENT_SCOPES, NOW)
    sales = store.create_token(company, "omniforce", ("records:write",), NOW)
    with TestClient(create_app(store, lambda: NOW)) as client:
        client.post("/v1/records", headers=bearer(sales), json={"records": [order("a")]})
        orders = "/v1/changes?kinds=order&establishment=0001"
        turns = [client.get(orders, headers=bearer(token)).status_code for token in (report, agent, report)]
    assert turns == [200, 200, 200]
