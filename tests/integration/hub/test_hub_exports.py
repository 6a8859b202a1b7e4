"""The way out through its HTTP face: batches in, verdicts, replays, snapshots and their guard, and what apps read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from omnisync.contract import batches
from omnisync.contract.datasets import DATASETS, Dataset
from omnisync.hub import feed
from tests.support.dataset_rows import (
    PRODUCTS,
    ROWS,
    STOCK,
    delete,
    key_of,
    line,
    lines_of,
    living,
    path,
    products,
    put,
    put_body,
    stock,
)
from tests.support.hub_server import NOW, RunningHub, customer, found_company, running_hub

EACH = pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: f"{dataset.system}-{dataset.name}")
SNAPSHOT = {"Omnisync-Snapshot": "s1"}
FINAL = SNAPSHOT | {"Omnisync-Final": "true"}
CONFIRMED = {"Omnisync-Confirmed": "true"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def other(hub: RunningHub, company: str, client: httpx.Client) -> Iterator[httpx.Client]:
    """Another computer of the same company, with a token of its own."""
    with hub.client(hub.store.create_token(company, "filial", ("exports:write",), NOW)) as one:
        yield one


def many(n: int, **fields: Any) -> list[bytes]:
    return products(*(f"{i:04}" for i in range(n)), **fields)


def counts(answer: httpx.Response) -> dict[str, int]:
    """What an answer counts, but for what is zero and the lines themselves."""
    assert answer.status_code in (200, 201), answer.text
    said = answer.json()
    return {name: said[name] for name in ("stored", "unchanged", "deleted", "held") if said.get(name)}


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def ops(client: httpx.Client, dataset: Dataset = PRODUCTS) -> list[tuple[str, str]]:
    return [(one["op"], one["key"]) for one in lines_of(client, dataset)]


@EACH
def test_every_dataset_goes_in_and_comes_out_the_same(client: httpx.Client, dataset: Dataset) -> None:
    sent = line(dataset, ROWS[dataset.system, dataset.name])
    assert put(client, "b1", sent, dataset=dataset).status_code == 201
    assert lines_of(client, dataset) == [json.loads(sent)]


def test_the_answer_counts_what_became_of_every_line(client: httpx.Client, hub: RunningHub) -> None:
    put(client, "b1", *many(3))
    bad = batches.upsert_line("x", "v", b'{"code":"x","name":"Pincel"}')
    answer = put(client, "b2", *many(2), *products("0002", "new", name="Rolo"), delete("0001"), delete("nope"), bad)
    epoch = client.get("/v1/streams").json()["epoch"]
    assert answer.json() == {
        "batch": "b2",
        "epoch": epoch,
        "lines": 7,
        "accepted": 6,
        "stored": 2,
        "unchanged": 3,
        "deleted": 1,
        "living": 3,
        "refused": [
            {
                "line": 7,
                "key": "x",
                "code": "required",
                "pointer": "/data/unit",
                "detail": "Falta um campo obrigatório.",
            }
        ],
    }


def test_a_row_that_did_not_change_moves_nothing(client: httpx.Client) -> None:
    put(client, "b1", *products("a", "b"))
    first = client.get(path(PRODUCTS))
    assert counts(put(client, "b2", *products("a", "b"))) == {"unchanged": 2}
    again = client.get(first.url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_row_changed_again_stands_once_at_its_latest_place(client: httpx.Client) -> None:
    put(client, "b1", *products("a", "b"))
    put(client, "b2", *products("a", name="Rolo"))
    assert [(one["key"], one["data"]["name"]) for one in lines_of(client)] == [("b", "Pincel chato"), ("a", "Rolo")]


def test_the_last_line_of_a_key_wins(client: httpx.Client) -> None:
    one, two = products("a")[0], products("a", name="Rolo")[0]
    put(client, "b1", one, two, *products("b", "c"), delete("b"), delete("c"), *products("c"))
    assert {one["key"]: one.get("data", {}).get("name") for one in lines_of(client)} == {
        "a": "Rolo",
        "b": None,
        "c": "Pincel chato",
    }


def test_a_deleted_row_is_a_delete_and_its_data_are_gone(client: httpx.Client, hub: RunningHub, company: str) -> None:
    put(client, "b1", *products("a", name="segredo"), *products("b"))
    cursor = client.get(path(PRODUCTS)).json()["cursor"]
    assert counts(put(client, "b2", delete("a"))) == {"deleted": 1}
    page = client.get(path(PRODUCTS), params={"cursor": cursor}).json()
    assert page["lines"] == [{"op": "delete", "key": "a"}]
    with hub.store.reading() as db:
        mine = "SELECT line FROM export_row JOIN export_set ON id = set_id WHERE company = ?"
        texts = db.exec_driver_sql(mine, (company,)).scalars().all()
    assert not any("segredo" in text for text in texts)


def test_a_deleted_row_that_comes_back_is_there_again(client: httpx.Client) -> None:
    sent = products("a")[0]
    put(client, "b1", sent)
    put(client, "b2", delete("a"))
    answer = put(client, "b3", sent)
    assert (counts(answer), answer.json()["living"], ops(client)) == ({"stored": 1}, 1, [("upsert", "a")])


def test_deleting_twice_is_deleting_once(client: httpx.Client) -> None:
    put(client, "b1", *products("a", "b"))
    put(client, "b2", delete("a"))
    first = client.get(path(PRODUCTS))
    answer = put(client, "b3", delete("a"))
    assert (counts(answer), answer.json()["living"]) == ({"unchanged": 1}, 1)
    assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_the_same_batch_again_is_answered_the_same_and_does_nothing(client: httpx.Client) -> None:
    first = put(client, "b1", *products("a"), b"oi")
    put(client, "b2", *products("a", name="Rolo"))
    again = put(client, "b1", *products("a"), b"oi")
    assert (first.status_code, again.status_code, again.content) == (201, 200, first.content)
    assert lines_of(client)[0]["data"]["name"] == "Rolo"


def test_the_same_name_with_other_content_is_a_conflict(client: httpx.Client) -> None:
    put(client, "b1", *products("a"))
    assert problem(put(client, "b1", *products("b"))) == (409, "batch_conflict")
    assert ops(client) == [("upsert", "a")]


def test_a_batch_s_name_belongs_to_its_dataset(client: httpx.Client) -> None:
    put(client, "b1", *products("a"))
    assert put(client, "b1", line(STOCK, stock()), dataset=STOCK).status_code == 201


def test_a_batch_can_be_asked_for_again(client: httpx.Client) -> None:
    answer = put(client, "b1", *products("a"), b"oi")
    asked = client.get(f"{path(PRODUCTS)}/batches/b1")
    assert (asked.status_code, asked.content) == (200, answer.content)
    assert problem(client.get(f"{path(PRODUCTS)}/batches/b2")) == (404, "not_found")
    assert problem(client.get(f"{path(STOCK)}/batches/b1")) == (404, "not_found")


def test_a_plain_body_is_taken_too(client: httpx.Client) -> None:
    body = b"\n".join(products("a", "b"))
    assert counts(put_body(client, "b1", body, 2, headers={"Content-Encoding": None})) == {"stored": 2}


def test_an_empty_batch_is_a_batch(client: httpx.Client) -> None:
    assert put(client, "b1").json()["lines"] == 0


def test_ten_thousand_lines_are_a_batch_and_one_more_is_too_many(client: httpx.Client) -> None:
    lines = [line(STOCK, stock(f"{n:06}")) for n in range(batches.MAX_LINES + 1)]
    answer = put(client, "b1", *lines, dataset=STOCK, headers={"Omnisync-Lines": str(batches.MAX_LINES)})
    assert problem(answer) == (413, "batch_too_large")
    assert counts(put(client, "b2", *lines[:-1], dataset=STOCK)) == {"stored": batches.MAX_LINES}
    assert len(lines_of(client, STOCK, limit=999)) == batches.MAX_LINES


DAMAGED = {
    "digest": {"Content-Digest": batches.content_digest(b"other")},
    "lines": {"Omnisync-Lines": "1"},
}


@pytest.mark.parametrize("headers", DAMAGED.values(), ids=DAMAGED)
def test_a_batch_that_is_not_what_it_says_is_damaged(client: httpx.Client, headers: dict[str, str | None]) -> None:
    assert problem(put(client, "b1", *products("a", "b"), headers=headers)) == (422, "batch_damaged")
    assert lines_of(client) == []
    assert put(client, "b1", *products("a", "b")).status_code == 201


PACKED = gzip.compress(b"\n".join(products("a", "b")), mtime=0)


@pytest.mark.parametrize("body", [PACKED[:-9], b"\x00" * 20, PACKED + b"x", PACKED[:20] + b"\xff" + PACKED[21:], b""])
def test_what_is_no_whole_gzip_is_damaged(client: httpx.Client, body: bytes) -> None:
    assert problem(put_body(client, "b1", body, 2)) == (422, "batch_damaged")
    assert lines_of(client) == []


BOMBS = {
    "more than it may unpack to": gzip.compress(b"\n".join([b"x" * 60_000] * 600)),
    "many times its size": gzip.compress(b"\n" * 2_000_000),
    "one endless line": gzip.compress(bytes(range(33, 127)) * 4_000),
    "more than it may be as sent": b"\x00" * (batches.MAX_BATCH_BYTES + 1),
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_what_is_too_large_is_refused(client: httpx.Client, body: bytes) -> None:
    assert problem(put_body(client, "b1", body, 600)) == (413, "batch_too_large")
    assert lines_of(client) == []


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "application/json"}, {"Content-Type": None}, {"Content-Encoding": "br"}]
)
def test_another_kind_of_content_is_refused(client: httpx.Client, headers: dict[str, Any]) -> None:
    assert problem(put(client, "b1", *products("a"), headers=headers)) == (415, "unsupported_media")


@pytest.mark.parametrize(
    ("headers", "pointer", "code"),
    [
        ({"Content-Digest": None}, "/Content-Digest", "required"),
        ({"Content-Digest": "md5=:x:"}, "/Content-Digest", "pattern"),
        ({"Content-Digest": "sha-256=:x:"}, "/Content-Digest", "pattern"),
        ({"Omnisync-Lines": None}, "/Omnisync-Lines", "required"),
        ({"Omnisync-Lines": "-1"}, "/Omnisync-Lines", "range"),
        ({"Omnisync-Lines": "x"}, "/Omnisync-Lines", "type"),
        ({"Omnisync-Lines": str(batches.MAX_LINES + 1)}, "/Omnisync-Lines", "range"),
        ({"Omnisync-Snapshot": "a b"}, "/Omnisync-Snapshot", "pattern"),
        ({"Omnisync-Snapshot": "s1", "Omnisync-Final": "sim"}, "/Omnisync-Final", "type"),
        ({"Omnisync-Final": "true"}, "/Omnisync-Snapshot", "required"),
    ],
)
def test_a_header_outside_the_contract_is_named(
    client: httpx.Client, headers: dict[str, Any], pointer: str, code: str
) -> None:
    answer = put(client, "b1", *products("a"), headers=headers)
    assert problem(answer) == (400, "validation")
    assert answer.json()["errors"] == [{"pointer": pointer, "code": code}]


def test_one_digest_among_others_is_found(client: httpx.Client) -> None:
    body = gzip.compress(products("a")[0])
    digests = f"sha-512=:AAAA:, {batches.content_digest(body)}"
    assert put_body(client, "b1", body, 1, headers={"Content-Digest": digests}).status_code == 201


def test_a_batch_s_name_is_plain(client: httpx.Client) -> None:
    for name in ("a.b", "á", "x" * 61):
        answer = put(client, name, *products("a"))
        assert (problem(answer), answer.json()["errors"][0]["pointer"]) == ((400, "validation"), "/batch_id")


@pytest.mark.parametrize("where", ["omniforce/nothing", "nobody/products", "dash/products", "omniforce/sales-facts"])
def test_an_unknown_dataset_is_not_found(client: httpx.Client, where: str) -> None:
    system, name = where.split("/")
    unknown = Dataset(system=system, name=name, kind=PRODUCTS.kind, key=("code",))
    assert problem(put(client, "b1", *products("a"), dataset=unknown)) == (404, "not_found")
    assert problem(client.get(path(unknown))) == (404, "not_found")
    assert problem(client.get(f"{path(unknown)}/batches/b1")) == (404, "not_found")


def test_a_name_or_document_sent_with_a_fact_does_not_come_out(client: httpx.Client) -> None:
    facts = DATASETS["dash", "sales-facts"]
    row = ROWS["dash", "sales-facts"] | {"customer_name": "Fábio", "document": "11144477735"}
    put(client, "b1", line(facts, row), dataset=facts)
    assert lines_of(client, facts)[0]["data"] == ROWS["dash", "sales-facts"]
    answer = put(client, "b2", line(facts, row | {"customer_code": "11144477735"}), dataset=facts)
    assert [one["code"] for one in answer.json()["refused"]] == ["document"]


def test_a_snapshot_deletes_what_it_did_not_name(client: httpx.Client) -> None:
    put(client, "b1", *many(10))
    put(client, "b2", *many(5), headers=SNAPSHOT)
    assert len(living(client)) == 10
    answer = put(client, "b3", *many(9)[5:], headers=FINAL)
    assert (counts(answer), answer.json()["living"]) == ({"unchanged": 4, "deleted": 1}, 9)
    assert living(client) == {f"{n:04}" for n in range(9)}


def test_a_snapshot_that_drops_many_keys_waits_for_a_person(client: httpx.Client) -> None:
    put(client, "b1", *many(10))
    first = client.get(path(PRODUCTS))
    answer = put(client, "b2", *many(7), headers=FINAL)
    assert (counts(answer), answer.json()["living"]) == ({"unchanged": 7, "held": 3}, 10)
    assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert counts(put(client, "b3", headers=FINAL | CONFIRMED)) == {"deleted": 3}
    assert living(client) == {f"{n:04}" for n in range(7)}


def test_exactly_a_fifth_may_go(client: httpx.Client) -> None:
    put(client, "b1", *many(10))
    assert counts(put(client, "b2", *many(8), headers=FINAL)) == {"unchanged": 8, "deleted": 2}


def test_new_keys_do_not_hide_how_many_are_dropped(client: httpx.Client) -> None:
    put(client, "b1", *products("a", "b", "c"))
    answer = put(client, "b2", *many(100), headers=FINAL)
    assert counts(answer) == {"stored": 100, "held": 3}


def test_a_final_batch_may_come_with_its_confirmation(client: httpx.Client) -> None:
    put(client, "b1", *many(10))
    assert counts(put(client, "b2", *many(1), headers=FINAL | CONFIRMED)) == {"unchanged": 1, "deleted": 9}


def test_an_empty_snapshot_waits_for_a_person(client: httpx.Client) -> None:
    put(client, "b1", *many(3))
    assert counts(put(client, "b2", headers=FINAL)) == {"held": 3}
    assert len(living(client)) == 3


def test_what_came_while_a_person_thought_stays(client: httpx.Client) -> None:
    put(client, "b1", *many(10))
    put(client, "b2", *many(5), headers=FINAL)
    put(client, "b3", *products("new", "0007"))
    assert counts(put(client, "b4", headers=FINAL | CONFIRMED)) == {"deleted": 4}
    assert living(client) == {*(f"{n:04}" for n in range(5)), "0007", "new"}


def test_a_snapshot_that_is_over_deletes_no_more(client: httpx.Client) -> None:
    put(client, "b1", *many(10), headers=FINAL)
    put(client, "b2", *products("new"))
    assert counts(put(client, "b3", headers=FINAL | CONFIRMED)) == {}
    assert len(living(client)) == 11


def test_a_final_batch_again_is_answered_the_same(client: httpx.Client) -> None:
    put(client, "b1", *many(10))
    first = put(client, "b2", *many(7), headers=FINAL)
    again = put(client, "b2", *many(7), headers=FINAL | CONFIRMED)
    assert (again.status_code, again.content) == (200, first.content)
    assert len(living(client)) == 10


def test_a_refused_line_keeps_its_row(client: httpx.Client) -> None:
    put(client, "b1", *many(3))
    bad = batches.upsert_line("0000", "v", b'{"code":"0000"}')
    answer = put(client, "b2", *many(3)[1:], bad, headers=FINAL)
    assert (counts(answer), len(living(client))) == ({"unchanged": 2}, 3)


def test_a_line_without_a_name_makes_a_snapshot_doubtful(client: httpx.Client) -> None:
    put(client, "b1", *many(10))
    put(client, "b2", b"oi", headers=SNAPSHOT)
    assert counts(put(client, "b3", *many(9), headers=FINAL)) == {"unchanged": 9, "held": 1}
    assert counts(put(client, "b4", headers=FINAL | CONFIRMED)) == {"deleted": 1}


def test_a_snapshot_says_what_is_there_and_deletes_nothing_by_name(client: httpx.Client) -> None:
    put(client, "b1", *many(3))
    answer = put(client, "b2", *many(2), delete("0002"), headers=FINAL)
    assert [(one["key"], one["code"], one["pointer"]) for one in answer.json()["refused"]] == [("0002", "enum", "/op")]
    assert len(living(client)) == 3


def test_a_snapshot_leaves_the_rows_of_another_computer(client: httpx.Client, other: httpx.Client) -> None:
    put(other, "b1", line(STOCK, stock("1", establishment="0002")), dataset=STOCK)
    put(client, "b2", line(STOCK, stock("1")), dataset=STOCK)
    answer = put(client, "b3", line(STOCK, stock("1")), dataset=STOCK, headers=FINAL)
    assert counts(answer) == {"unchanged": 1}
    assert living(client, STOCK) == {"0001/1", "0002/1"}


def test_who_names_a_row_last_has_it(client: httpx.Client, other: httpx.Client) -> None:
    put(client, "b1", *many(10))
    put(other, "b2", *many(10))
    assert counts(put(client, "b3", *many(8), headers=FINAL)) == {"unchanged": 8}
    assert counts(put(other, "b4", *products("0009"), headers=FINAL | CONFIRMED)) == {"unchanged": 1, "deleted": 1}


def test_a_snapshot_s_name_belongs_to_its_computer(client: httpx.Client, other: httpx.Client) -> None:
    put(client, "b1", *many(10))
    put(client, "b2", *many(10), headers=SNAPSHOT)
    put(other, "b3", *products("x"), headers=FINAL)
    assert counts(put(client, "b4", headers=FINAL)) == {}
    assert len(living(client)) == 11


def test_many_named_deletes_wait_for_a_person(client: httpx.Client) -> None:
    put(client, "b1", *many(50))
    deletes = [delete(f"{n:04}") for n in range(11)]
    answer = put(client, "b2", *deletes, *products("new"))
    assert (counts(answer), answer.json()["living"]) == ({"stored": 1, "held": 11}, 51)
    assert counts(put(client, "b3", *deletes, headers=CONFIRMED)) == {"deleted": 11}
    assert len(living(client)) == 40


def test_a_few_named_deletes_go_through_whatever_their_share(client: httpx.Client) -> None:
    put(client, "b1", *many(batches.FEW_DELETES))
    deletes = [delete(f"{n:04}") for n in range(batches.FEW_DELETES)]
    assert counts(put(client, "b2", *deletes)) == {"deleted": batches.FEW_DELETES}


def test_a_small_share_of_named_deletes_goes_through(client: httpx.Client) -> None:
    put(client, "b1", *many(100))
    assert counts(put(client, "b2", *(delete(f"{n:04}") for n in range(20)))) == {"deleted": 20}


def test_a_page_goes_on_where_the_last_one_ended(client: httpx.Client) -> None:
    put(client, "b1", *many(5))
    first = client.get(path(PRODUCTS), params={"limit": 2})
    page = first.json()
    rest = client.get(path(PRODUCTS), params={"cursor": page["cursor"]}).json()
    assert first.headers["Omnisync-Next"] == page["cursor"]
    assert ([one["key"] for one in page["lines"]], page["has_more"]) == (["0000", "0001"], True)
    assert ([one["key"] for one in rest["lines"]], rest["has_more"]) == (["0002", "0003", "0004"], False)
    assert client.get(path(PRODUCTS), params={"cursor": rest["cursor"]}).json()["cursor"] == rest["cursor"]


def test_a_page_stops_near_two_megabytes(client: httpx.Client) -> None:
    customers = DATASETS["omniforce", "customers"]
    rows = [{"erp_code": f"{n}", "name": "Padaria", "notes": "x" * 2000} for n in range(1500)]
    put(client, "b1", *(line(customers, row) for row in rows), dataset=customers)
    first = client.get(path(customers))
    assert first.json()["has_more"]
    assert len(first.content) <= feed.PAGE_BYTES + 10_000
    assert len(lines_of(client, customers)) == 1500


def test_a_dataset_nobody_exported_is_an_empty_page(client: httpx.Client) -> None:
    page = client.get(path(STOCK)).json()
    assert (page["lines"], page["has_more"]) == ([], False)
    put(client, "b1", line(STOCK, stock()), dataset=STOCK)
    assert len(client.get(path(STOCK), params={"cursor": page["cursor"]}).json()["lines"]) == 1


def test_nothing_new_is_a_304_until_something_is(client: httpx.Client) -> None:
    put(client, "b1", *products("a"))
    first = client.get(path(PRODUCTS))
    known = {"If-None-Match": first.headers["etag"]}
    put(client, "b1", line(STOCK, stock()), dataset=STOCK)
    client.post("/v1/records", json={"records": [customer("c")]})
    assert client.get(first.url, headers=known).status_code == 304
    put(client, "b2", *products("b"))
    assert client.get(first.url, headers=known).status_code == 200


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": batches.MAX_ROWS + 1}, {"limit": "x"}])
def test_a_query_outside_the_contract_is_a_validation_problem(client: httpx.Client, query: dict[str, Any]) -> None:
    assert problem(client.get(path(PRODUCTS), params=query)) == (400, "validation")


def test_a_cursor_belongs_to_its_dataset(client: httpx.Client) -> None:
    put(client, "b1", *products("a"))
    cursor = client.get(path(PRODUCTS)).json()["cursor"]
    assert problem(client.get(path(STOCK), params={"cursor": cursor})) == (400, "cursor_filter_mismatch")
    assert problem(client.get(path(PRODUCTS), params={"cursor": "x"})) == (400, "cursor_invalid")
    mixed = client.get("/v1/changes", params={"kinds": "customer", "cursor": cursor})
    assert problem(mixed) == (400, "cursor_filter_mismatch")


def test_after_a_restore_every_cursor_is_expired(client: httpx.Client, hub: RunningHub, company: str) -> None:
    put(client, "b1", *products("a"))
    first = client.get(path(PRODUCTS))
    epoch = hub.store.new_epoch(company)
    assert problem(client.get(path(PRODUCTS), params={"cursor": first.json()["cursor"]})) == (410, "cursor_expired")
    assert client.get(first.url, headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    assert put(client, "b2", *products("a")).json()["epoch"] == epoch


def test_a_cursor_from_the_future_is_expired(client: httpx.Client, hub: RunningHub, company: str) -> None:
    put(client, "b1", *products("a"))
    cursor = client.get(path(PRODUCTS)).json()["cursor"]
    with hub.store.writing() as db:  # a backup from before, restored without telling
        db.exec_driver_sql("UPDATE export_set SET sequence = 0 WHERE company = ?", (company,))
    assert problem(client.get(path(PRODUCTS), params={"cursor": cursor})) == (410, "cursor_expired")


def test_a_company_reads_only_its_own_rows(hub: RunningHub, client: httpx.Client, company: str) -> None:
    put(client, "b1", *products("a"))
    cursor = client.get(path(PRODUCTS)).json()["cursor"]
    with hub.client(found_company(hub.store, f"boreal-of-{company}", "Oficina Boreal")) as boreal:
        assert boreal.get(path(PRODUCTS)).json()["lines"] == []
        assert problem(boreal.get(f"{path(PRODUCTS)}/batches/b1")) == (404, "not_found")
        assert problem(boreal.get(path(PRODUCTS), params={"cursor": cursor})) == (400, "cursor_filter_mismatch")
        put(boreal, "b1", *products("a", name="Rolo"), headers=FINAL)
        put(boreal, "b2", delete("a"))
    assert [one["data"]["name"] for one in lines_of(client)] == ["Pincel chato"]


def test_each_row_s_key_is_the_one_its_data_make(client: httpx.Client) -> None:
    put(client, "b1", line(STOCK, stock("A/B")), dataset=STOCK)
    (one,) = lines_of(client, STOCK)
    assert one["key"] == key_of(STOCK, one["data"])
