"""The feed through its HTTP face: order, compaction, moves, related customers, limits, 304, 410, gzip."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from omnisync.contract.feed import Page, read_page
from omnisync.hub import feed
from tests.support.hub_server import RunningHub, customer, erased, item, order, running_hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


def send(client: httpx.Client, *changes: dict[str, Any]) -> list[str]:
    answer = client.post("/v1/records", json={"records": list(changes)})
    assert answer.status_code == 200, answer.text
    return [result["status"] for result in answer.json()["results"]]


def get(client: httpx.Client, establishment: str = "0001", **query: Any) -> httpx.Response:
    return client.get("/v1/changes", params={"kinds": "order", "establishment": establishment} | query)


def orders(client: httpx.Client, establishment: str = "0001", **query: Any) -> Page:
    page, unreadable = read_page(get(client, establishment, **query).content, "order")
    assert unreadable == ()
    return page


def customers(client: httpx.Client, **query: Any) -> Page:
    answer = client.get("/v1/changes", params={"kinds": "customer"} | query)
    return read_page(answer.content, "customer")[0]


def ids(page: Page) -> list[str]:
    return [change.id for change in page.changes]


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_changes_come_in_the_order_they_were_taken_in(client: httpx.Client) -> None:
    send(client, order("b"), order("c"), order("a"))
    assert ids(orders(client)) == ["b", "c", "a"]


def test_a_record_changed_again_stands_once_at_its_latest_place(client: httpx.Client) -> None:
    send(client, order("a"), order("b"))
    send(client, order("a", version=2, n_items=3))
    page = orders(client)
    assert ids(page) == ["b", "a"]
    assert (page.changes[1].version, page.changes[1].n_items, page.changes[1].n_payments) == (2, 3, 1)


def test_each_establishment_has_its_own_stream(client: httpx.Client) -> None:
    send(client, customer(), order("a"), order("b", establishment="0002"))
    assert ids(orders(client)) == ["a"]
    assert ids(orders(client, "0002")) == ["b"]
    assert ids(customers(client)) == ["cus_1"]


def test_a_moved_order_leaves_a_delete_of_the_same_version_behind(client: httpx.Client) -> None:
    send(client, order("a"))
    send(client, order("a", version=2, establishment="0002"))
    left, came = orders(client).changes[0], orders(client, "0002").changes[0]
    assert ("delete", "moved", "0002", 2) == (left.op, left.reason, left.to, left.version)  # noqa: SIM300
    assert (came.op, came.version, came.has_data) == ("upsert", 2, True)


def test_an_order_that_came_back_is_an_upsert_again_where_it_was(client: httpx.Client) -> None:
    send(client, order("a"), order("a", version=2, establishment="0002"), order("a", version=3))
    assert [(c.op, c.version) for c in orders(client).changes] == [("upsert", 3)]
    assert [(c.op, c.to) for c in orders(client, "0002").changes] == [("delete", "0001")]


def test_an_erased_order_is_a_delete_in_its_stream_and_its_payload_is_gone(
    client: httpx.Client, hub: RunningHub, company: str
) -> None:
    send(client, order("a", establishment="0002", notes="segredo"))
    send(client, erased("order", "a", 2))
    gone = orders(client, "0002").changes[0]
    assert (gone.op, gone.reason, gone.has_data) == ("delete", "erased", False)
    with hub.store.reading() as db:
        texts = db.exec_driver_sql("SELECT change FROM feed WHERE company = ?", (company,)).scalars().all()
    assert not any(b"segredo" in text for text in texts)


def test_a_page_goes_on_where_the_last_one_ended(client: httpx.Client) -> None:
    send(client, *(order(f"o{n}") for n in range(5)))
    first = orders(client, limit=2)
    second = orders(client, limit=2, cursor=first.cursor)
    third = orders(client, limit=2, cursor=second.cursor)
    assert [ids(first), ids(second), ids(third)] == [["o0", "o1"], ["o2", "o3"], ["o4"]]
    assert [first.has_more, second.has_more, third.has_more] == [True, True, False]


def test_an_empty_page_returns_the_same_cursor(client: httpx.Client) -> None:
    send(client, order("a"))
    cursor = orders(client).cursor
    assert orders(client, cursor=cursor).cursor == cursor


def test_a_stream_nobody_wrote_to_is_an_empty_page(client: httpx.Client) -> None:
    page = orders(client, "9999")
    assert (page.changes, page.has_more) == ((), False)


def test_the_header_repeats_the_cursor(client: httpx.Client) -> None:
    send(client, order("a"))
    answer = get(client)
    assert answer.headers["Omnisync-Next"] == answer.json()["cursor"]


def test_a_cursor_is_short_and_url_safe(client: httpx.Client) -> None:
    cursor = orders(client).cursor
    assert len(cursor) <= 200
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_page_stops_near_two_megabytes_without_splitting_an_order(client: httpx.Client) -> None:
    big = [order(f"o{n}", n_items=3000) for n in range(6)]
    sizes = [len(json.dumps(one, separators=(",", ":"))) for one in big]
    assert sum(sizes) > feed.PAGE_BYTES
    for one in big:
        send(client, one)
    first = get(client)
    page = read_page(first.content, "order")[0]
    assert len(first.content) <= feed.PAGE_BYTES + 1000
    assert page.has_more
    rest = orders(client, cursor=page.cursor)
    assert ids(page) + ids(rest) == [f"o{n}" for n in range(6)]


def test_a_single_bigger_order_travels_alone(client: httpx.Client) -> None:
    notes = "x" * 500
    big = order("big", items=[item(line, notes=notes) for line in range(1, 3501)])
    send(client, order("a"), big)
    send(client, order("b"))
    first = orders(client)
    second = get(client, cursor=first.cursor)
    assert ids(first) == ["a"]
    assert ids(read_page(second.content, "order")[0]) == ["big"]
    assert len(second.content) > feed.PAGE_BYTES


def test_an_order_page_brings_the_customers_not_met_yet(client: httpx.Client) -> None:
    send(client, customer("old"), customer("new"))
    until = customers(client, limit=1).cursor
    send(client, order("a", customer_id="old"), order("b", customer_id="new"), order("c", customer_id="none"))
    page = orders(client, customers_until=until)
    assert [change.id for change in page.related.customers] == ["new"]


def test_a_customer_edited_after_its_order_comes_with_the_order(client: httpx.Client) -> None:
    send(client, customer("c"), order("a", customer_id="c"))
    until = customers(client).cursor
    send(client, customer("c", version=2))
    related = orders(client, customers_until=until).related.customers
    assert [(change.id, change.version) for change in related] == [("c", 2)]


def test_without_customers_until_every_named_customer_comes(client: httpx.Client) -> None:
    send(client, customer("c"), customer("d"), order("a", customer_id="c"))
    assert [change.id for change in orders(client).related.customers] == ["c"]


def test_with_all_customers_met_nothing_is_related(client: httpx.Client) -> None:
    send(client, customer("c"), order("a", customer_id="c"))
    assert orders(client, customers_until=customers(client).cursor).related.customers == ()


def test_nothing_new_is_a_304_without_a_body(client: httpx.Client) -> None:
    send(client, order("a"))
    first = get(client)
    again = client.get(first.url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


def test_a_new_change_ends_the_304(client: httpx.Client) -> None:
    send(client, order("a"))
    first = get(client)
    send(client, order("b"))
    assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_another_establishment_s_change_does_not_end_the_304(client: httpx.Client) -> None:
    send(client, order("a"))
    first = get(client)
    send(client, order("b", establishment="0002"))
    assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_customers_until_is_part_of_the_etag(client: httpx.Client) -> None:
    send(client, customer("c"), order("a", customer_id="c"))
    tag = get(client).headers["etag"]
    assert get(client, customers_until=customers(client).cursor).headers["etag"] != tag


def test_receipts_change_no_etag(client: httpx.Client) -> None:
    send(client, order("a"))
    page, streams = get(client), client.get("/v1/streams")
    receipt = {"kind": "order", "id": "a", "version": 1, "outcome": "imported", "at": "2026-11-24T15:15:22Z"}
    client.post("/v1/receipts", json={"agent_run_id": "run_1", "receipts": [receipt]})
    for first in (page, streams):
        assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_gzip_is_sent_when_it_is_welcome_and_the_etag_is_the_same(client: httpx.Client) -> None:
    send(client, *(order(f"o{n}") for n in range(3)))
    packed = get(client)
    plain = client.get(packed.url, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert ("content-encoding" in plain.headers, packed.headers["content-encoding"]) == (False, "gzip")
    assert (plain.content, plain.headers["etag"]) == (packed.content, packed.headers["etag"])


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"kinds": "order,customer"}])
def test_a_query_outside_the_contract_is_a_validation_problem(client: httpx.Client, query: dict[str, Any]) -> None:
    assert problem(get(client, **query)) == (400, "validation")


@pytest.mark.parametrize("query", ["", "?kinds=order", "?kinds=customer&establishment=0001", "?establishment=0001"])
def test_a_page_is_of_exactly_one_stream(client: httpx.Client, query: str) -> None:
    assert problem(client.get(f"/v1/changes{query}")) == (400, "validation")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "A" * 38, "b3Blbi1kby1ub3QtcGFyc2UtMTAyNA"])
def test_a_text_that_is_no_cursor_is_invalid(client: httpx.Client, cursor: str) -> None:
    assert problem(get(client, cursor=cursor)) == (400, "cursor_invalid")


def test_a_cut_cursor_is_invalid(client: httpx.Client) -> None:
    assert problem(get(client, cursor=orders(client).cursor[:-2])) == (400, "cursor_invalid")


def test_a_cursor_of_another_stream_does_not_serve(client: httpx.Client) -> None:
    send(client, order("a"))
    assert problem(get(client, "0002", cursor=orders(client).cursor)) == (400, "cursor_filter_mismatch")


def test_an_order_cursor_is_no_customers_until(client: httpx.Client) -> None:
    assert problem(get(client, customers_until=orders(client).cursor)) == (400, "cursor_filter_mismatch")


def test_after_a_restore_every_cursor_is_expired(client: httpx.Client, hub: RunningHub, company: str) -> None:
    send(client, order("a"))
    first = get(client)
    hub.store.new_epoch(company)
    assert problem(get(client, cursor=first.json()["cursor"])) == (410, "cursor_expired")
    assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_a_cursor_from_the_future_is_expired(client: httpx.Client, hub: RunningHub, company: str) -> None:
    send(client, order("a"))
    cursor = orders(client).cursor
    with hub.store.writing() as db:  # a backup from before, restored without telling
        db.exec_driver_sql("UPDATE company SET sequence = 0 WHERE id = ?", (company,))
    assert problem(get(client, cursor=cursor)) == (410, "cursor_expired")


def test_streams_count_what_waits_by_noun(client: httpx.Client) -> None:
    send(client, customer("c"), order("a", n_items=2), order("b", n_items=3), order("z", establishment="77"))
    expected = [
        {"stream": "customer", "is_new": True, "customers": 1},
        {"stream": "order:0001", "is_new": True, "orders": 2, "items": 5, "payments": 2},
        {"stream": "order:0002", "is_new": True},
        {"stream": "order:77", "is_new": True, "orders": 1, "items": 2, "payments": 1, "unregistered": 1},
    ]
    assert expected == client.get("/v1/streams").json()["streams"]


def test_what_stands_in_an_unregistered_establishment_is_counted_until_it_is_mended_or_registered(
    client: httpx.Client, hub: RunningHub, company: str
) -> None:
    def unregistered() -> dict[str, int]:
        heads = client.get("/v1/streams").json()["streams"]
        return {head["stream"]: head["unregistered"] for head in heads if "unregistered" in head}

    send(client, *(order(f"o{n}", establishment="77") for n in range(4)), order("p", establishment="78"))
    assert unregistered() == {"order:77": 4, "order:78": 1}
    send(client, order("o0", version=2), erased("order", "o1", 2), order("o2", version=2, establishment="77"))
    assert unregistered() == {"order:77": 2, "order:78": 1}
    tag = client.get("/v1/streams").headers["etag"]
    hub.store.add_establishment(company, "77", "LOJA NOVA")
    assert client.get("/v1/streams", headers={"If-None-Match": tag}).status_code == 200
    assert unregistered() == {"order:78": 1}


def test_streams_count_after_the_given_cursors(client: httpx.Client) -> None:
    send(client, customer("c"), order("a"), order("b"))
    after = [f"customer:{customers(client).cursor}", f"order:0001:{orders(client, limit=1).cursor}"]
    expected = [
        {"stream": "customer", "is_new": False},
        {"stream": "order:0001", "is_new": False, "orders": 1, "items": 2, "payments": 1},
        {"stream": "order:0002", "is_new": True},
    ]
    assert expected == client.get("/v1/streams", params={"after": after}).json()["streams"]


def test_an_idle_poll_of_streams_is_a_304(client: httpx.Client) -> None:
    send(client, order("a"))
    first = client.get("/v1/streams", params={"after": f"order:0001:{orders(client).cursor}"})
    assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_streams_refuse_a_cursor_of_another_stream(client: httpx.Client) -> None:
    answer = client.get("/v1/streams", params={"after": f"order:0002:{orders(client).cursor}"})
    assert problem(answer) == (400, "cursor_filter_mismatch")


def test_records_come_as_they_are_now_and_unknown_ones_are_left_out(client: httpx.Client) -> None:
    send(client, order("a"), order("b"), order("b", version=2, establishment="0002"), order("c"))
    send(client, erased("order", "c", 2))
    answer = client.get("/v1/records", params={"kind": "order", "ids": ["a", "b", "c", "nope"]})
    expected = [("a", 1, "upsert"), ("b", 2, "upsert"), ("c", 2, "delete")]
    assert expected == [(c["id"], c["version"], c["op"]) for c in answer.json()["changes"]]


def test_ids_may_be_joined_by_commas_and_an_id_may_hold_one(client: httpx.Client) -> None:
    send(client, order("a"), order("b"), order("x,y"))
    answer = client.get("/v1/records", params={"kind": "order", "ids": ["a,b", "x,y"]})
    assert [change["id"] for change in answer.json()["changes"]] == ["a", "b", "x,y"]


def test_a_hundred_records_may_be_asked_for_at_once_and_no_more(client: httpx.Client) -> None:
    ids = [f"o{n}" for n in range(101)]
    for joined in (ids, ",".join(ids)):
        answer = client.get("/v1/records", params={"kind": "order", "ids": joined})
        assert problem(answer) == (400, "validation")
    for joined in (ids[:100], ",".join(ids[:100])):
        assert client.get("/v1/records", params={"kind": "order", "ids": joined}).status_code == 200


def test_one_record_comes_with_the_receipts_of_every_destination(
    client: httpx.Client, hub: RunningHub, company: str
) -> None:
    send(client, order("a"))
    receipt = {"kind": "order", "id": "a", "version": 1, "outcome": "imported", "at": "2026-11-24T15:15:22Z"}
    client.post("/v1/receipts", json={"agent_run_id": "run_1", "receipts": [receipt | {"erp_number": "118204"}]})
    answer = client.get("/v1/orders/a").json()
    assert answer["change"]["data"]["id"] == "a"
    assert answer["receipts"] == [receipt | {"erp_number": "118204", "destination": "producao"}]


def test_an_erased_record_is_gone(client: httpx.Client) -> None:
    send(client, customer("c"), erased("customer", "c", 2))
    assert problem(client.get("/v1/customers/c")) == (410, "gone")


def test_an_unknown_record_is_not_found(client: httpx.Client) -> None:
    assert problem(client.get("/v1/orders/nope")) == (404, "not_found")
