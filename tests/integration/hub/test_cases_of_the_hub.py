"""Cases of the hub found by reading it, on each database, through its HTTP face."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest
from sqlalchemy import event, insert

from omnisync.contract.feed import read_page
from omnisync.hub import feed, tables
from omnisync.hub.intake import MAX_UNREGISTERED
from tests.support.dataset_rows import PRODUCTS, path, products, put
from tests.support.hub_server import RunningHub, customer, erased, order


@pytest.fixture(scope="module")
def hub(hub_of_each_database: RunningHub) -> RunningHub:
    return hub_of_each_database


def test_case_j11_an_order_erased_before_it_was_seen_is_gone(client: httpx.Client) -> None:
    client.post("/v1/records", json={"records": [erased("order", "a", 2)]})
    answers = [client.get(f"/v1/orders/{id_}") for id_ in ("a", "never")]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(410, "gone"), (404, "not_found")]


@pytest.mark.parametrize("where", [
    "/v1/changes?kinds=customer&cursor=",
    "/v1/changes?kinds=order&establishment=0001&customers_until=",
    "/v1/streams?after=customer:",
    path(PRODUCTS) + "?cursor=",
])  # fmt: skip
def test_case_j11_an_empty_cursor_is_no_beginning(client: httpx.Client, where: str) -> None:
    answer = client.get(where)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


def test_case_j11_an_answer_without_a_body_varies_as_one_with_it(client: httpx.Client) -> None:
    client.post("/v1/records", json={"records": [customer("c"), order("a", customer_id="c")]})
    put(client, "b1", *products("a"))
    for where in ("/v1/streams", "/v1/changes?kinds=customer", path(PRODUCTS)):
        whole = client.get(where)
        same = client.get(where, headers={"If-None-Match": whole.headers["ETag"]})
        assert (same.status_code, same.headers["Vary"]) == (304, whole.headers["Vary"])


def test_case_j13_health_is_answered_beside_slow_statements(hub: RunningHub, client: httpx.Client) -> None:
    with hub.store.writing() as db:  # the company's row, or the whole SQLite file: writers wait
        db.exec_driver_sql("UPDATE company SET name = name")
        waiting = [threading.Thread(target=send_one, args=(hub, client, n)) for n in range(32)]
        for thread in waiting:
            thread.start()
        with httpx.Client(base_url=hub.url, timeout=3, trust_env=False) as monitor:
            answers = [monitor.get("/health").status_code for _ in range(3)]
    for thread in waiting:
        thread.join(30)
    assert answers == [200] * 3


def send_one(hub: RunningHub, client: httpx.Client, n: int) -> None:
    with httpx.Client(base_url=hub.url, headers=client.headers, timeout=30, trust_env=False) as one:
        one.post("/v1/records", json={"records": [order(f"w{n}", n_items=1)]})


def test_case_j13_the_customers_beside_a_page_are_bounded_by_bytes(client: httpx.Client) -> None:
    wide = "\u0001" * 2000  # six bytes each on the wire
    for first in range(0, 900, 100):
        ids = [f"c{n}" for n in range(first, first + 100)]
        sent = [customer(id_, notes=wide) for id_ in ids] + [
            order(f"o{id_}", customer_id=id_, n_items=1) for id_ in ids
        ]
        assert client.post("/v1/records", json={"records": sent}).status_code == 200
    asked = {"kinds": "order", "establishment": "0001"}
    seen: list[str] = []
    more = True
    while more:
        answer = client.get("/v1/changes", params=asked)
        assert len(answer.content) < feed.PAGE_BYTES + feed.RELATED_BYTES + 20_000
        page, _ = read_page(answer.content, "order")
        customers = {one.id for one in page.related.customers}
        assert customers == {one.id[1:] for one in page.changes}
        seen += [one.id for one in page.changes]
        more, asked = page.has_more, asked | {"cursor": page.cursor}
    assert seen == [f"oc{n}" for n in range(900)]


def sent(client: httpx.Client, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.post("/v1/records", json={"records": changes}).json()["results"]
    return found


def test_case_f3_past_fifty_unregistered_establishments_the_record_alone_is_refused(
    hub: RunningHub, company: str, client: httpx.Client
) -> None:
    many = [order(f"o{n}", establishment=f"X{n:04}", n_items=1) for n in range(MAX_UNREGISTERED + 10)]
    answers = sent(client, *many[: MAX_UNREGISTERED - 1]) + sent(client, *many[MAX_UNREGISTERED - 1 :], order("known"))
    assert [one["status"] for one in answers] == ["stored"] * 50 + ["refused"] * 10 + ["stored"]
    refused = answers[MAX_UNREGISTERED]
    assert {name: refused[name] for name in ("kind", "id", "version", "code", "pointer")} == {
        "kind": "order", "id": "o50", "version": 1, "code": "establishment_unknown", "pointer": "/establishment_code",
    }  # fmt: skip
    # Nothing that was taken is dropped, and may be edited, moved within what is there, and erased.
    assert [one["status"] for one in sent(client, *many[:50])] == ["same"] * 50
    edits = (order("o1", 2, "X0002"), erased("order", "o2", 2), order("o3", 2, "X0055"), order("o4", 2, "0002"))
    assert [one["status"] for one in sent(client, *edits)] == ["stored", "stored", "refused", "stored"]
    assert client.get("/v1/orders/o3").json()["change"]["version"] == 1
    hub.store.add_establishment(company, "X0055", "LOJA 55")
    assert [one["status"] for one in sent(client, order("o3", 2, "X0055"))] == ["stored"]


def test_case_f3_an_order_that_no_agent_reads_has_a_receipt_that_it_waits(
    hub: RunningHub, company: str, client: httpx.Client
) -> None:
    sent(client, order("a", establishment="X1"), order("b"))
    [waits] = client.get("/v1/orders/a").json()["receipts"]
    assert (waits["outcome"], waits["reason"]["code"], waits["reason"]["value"]) == (
        "waiting", "establishment_unknown", "X1",
    )  # fmt: skip
    assert client.get("/v1/orders/b").json()["receipts"] == []
    hub.store.add_establishment(company, "X1", "LOJA")
    assert client.get("/v1/orders/a").json()["receipts"] == []


def test_case_f3_streams_of_invented_establishments_cost_few_statements(
    hub: RunningHub, company: str, client: httpx.Client
) -> None:
    names = [f"order:Y{n}" for n in range(3000)]  # as a hub before the limit took them in
    row = {"company": company, "kind": "order", "op": "upsert", "version": 1, "n_items": 1, "n_payments": 1, "size": 2}
    with hub.store.writing() as db:
        db.execute(insert(tables.stream), [{"company": company, "name": name, "head": 1} for name in names])
        rows = [row | {"stream": name, "id": name, "sequence": n, "change": b"{}"} for n, name in enumerate(names, 1)]
        db.execute(insert(tables.feed), rows)
        db.exec_driver_sql(f"UPDATE company SET sequence = 3000 WHERE id = '{company}'")
    asked: list[str] = []
    note = lambda _db, _cur, sql, *_: asked.append(sql)  # noqa: E731
    event.listen(hub.store.engine, "before_cursor_execute", note)
    answer = client.get("/v1/streams")
    event.remove(hub.store.engine, "before_cursor_execute", note)
    assert sum(one.get("orders", 0) for one in answer.json()["streams"]) == 3000
    assert sum(one.get("unregistered", 0) for one in answer.json()["streams"]) == 3000
    assert len(asked) < 20
