"""What was found by trying to break the hub through its HTTP face, on each database."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import pytest

from omnisync.contract.datasets import DATASETS
from omnisync.hub.feed import PAGE_BYTES
from omnisync.hub.store import SCOPES
from tests.support.dataset_rows import (
    PRODUCTS,
    ROWS,
    delete,
    line,
    lines_of,
    living,
    path,
    product,
    products,
    put,
    put_body,
)
from tests.support.hub_server import NOW, RunningHub, customer, order

CUSTOMERS = DATASETS["omniforce", "customers"]
PLAIN = {"Content-Encoding": None}


@pytest.fixture(scope="module")
def hub(hub_of_each_database: RunningHub) -> RunningHub:
    return hub_of_each_database


@pytest.fixture
def other(hub: RunningHub, company: str, client: httpx.Client) -> Iterator[httpx.Client]:
    with hub.client(hub.store.create_token(company, "segundo", SCOPES, NOW)) as one:
        yield one


def test_a_key_that_no_row_may_have_names_none(client: httpx.Client, other: httpx.Client) -> None:
    put(client, "b1", *products(*(f"u{n}" for n in range(40))))
    put(other, "b2", *products("d0", "d1", "d2"))
    answer = put(client, "b3", delete("d0\nd1\nd2"))
    assert [one["code"] for one in answer.json()["refused"]] == ["text"]
    final = {"Omnisync-Snapshot": "s1", "Omnisync-Final": "true"}
    put(client, "b4", *products(*(f"u{n}" for n in range(40))), headers=final)
    assert {"d0", "d1", "d2"} <= living(client)


def test_a_nul_in_a_key_refuses_only_its_line(client: httpx.Client) -> None:
    answer = put(client, "b1", *products("a"), delete("x\0y"))
    assert (answer.status_code, answer.json()["stored"], answer.json()["refused"][0]["line"]) == (201, 1, 2)


@pytest.mark.parametrize("where", [
    "/v1/orders/a%00", "/v1/customers/%00", "/v1/exports/omniforce/products/batches/%00",
])  # fmt: skip
def test_a_nul_in_an_address_is_not_found(client: httpx.Client, where: str) -> None:
    assert client.get(where).status_code == 404
    assert client.put("/v1/leases/%00").status_code == 404
    assert client.get("/v1/records?kind=order&ids=%00").json() == {"changes": []}


def test_more_establishments_than_one_statement_takes_are_counted(
    hub: RunningHub, company: str, client: httpx.Client
) -> None:
    for n in range(600):
        hub.store.add_establishment(company, f"E{n:03}", "LOJA")
    sent = [order(f"o{n}", establishment=f"E{n:03}", n_items=1) for n in range(600)]
    assert client.post("/v1/records", json={"records": sent}).status_code == 200
    answer = client.get("/v1/streams")
    assert answer.status_code == 200
    assert sum(one.get("orders", 0) for one in answer.json()["streams"]) == 600


def test_a_page_of_rows_is_measured_in_bytes(client: httpx.Client) -> None:
    rows = [{"erp_code": f"c{n}", "name": "n", "notes": f"{n:04}" + "🎨🧀" * 900} for n in range(600)]
    for first in range(0, 600, 200):
        body = b"\n".join(line(CUSTOMERS, row) for row in rows[first : first + 200])
        assert put_body(client, f"b{first}", body, 200, dataset=CUSTOMERS, headers=PLAIN).status_code == 201
    assert len(client.get(path(CUSTOMERS)).content) < PAGE_BYTES + 10_000


def test_new_keys_do_not_hide_how_many_named_deletes_there_are(client: httpx.Client) -> None:
    put(client, "b1", *products(*(f"old{n}" for n in range(100))))
    new = products(*(f"new{n}" for n in range(400)))
    answer = put(client, "b2", *new, *(delete(f"old{n}") for n in range(100))).json()
    assert (answer["held"], answer["living"]) == (100, 500)


def test_an_old_snapshot_s_number_does_not_hide_that_everything_goes(client: httpx.Client) -> None:
    put(client, "b1", *products(*(f"p{n}" for n in range(60))))
    put(client, "b2", headers={"Omnisync-Snapshot": "old"})
    for first in range(0, 50, 10):
        put(client, f"d{first}", *(delete(f"p{n}") for n in range(first, first + 10)))
    answer = put(client, "b3", headers={"Omnisync-Snapshot": "old", "Omnisync-Final": "true"}).json()
    assert (answer.get("held"), answer["living"]) == (10, 10)


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["open", "closed"])
def test_a_line_that_is_too_long_is_so_wherever_it_stands(client: httpx.Client, end: bytes) -> None:
    long = json.dumps({"op": "delete", "key": "k", "x": "y" * 70_000}).encode()
    assert put_body(client, "b1", long + end, 1, headers=PLAIN).status_code == 413


def test_a_record_that_python_cannot_read_spoils_no_other(client: httpx.Client) -> None:
    half = json.dumps(customer("half", name="\ud800")).encode()
    for bad in (b'{"version":' + b"9" * 5000 + b"}", b'{"id":"\xff"}'):
        body = b'{"records":[' + b",".join((json.dumps(customer("sound")).encode(), half, bad)) + b"]}"
        answer = client.post("/v1/records", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
        statuses: list[Any] = [one["status"] for one in answer.json()["results"]]
        assert statuses in (["stored", "refused", "refused"], ["same", "refused", "refused"])


def test_a_version_of_thousands_of_digits_is_another_program_s(client: httpx.Client) -> None:
    assert client.get("/v1", headers={"User-Agent": f"omnisync/{'9' * 5000}.1.1"}).status_code == 200


@pytest.mark.parametrize("code", ["529.982.247-25", "12.ABC.345/01DE-35", "12abc34501de35"])
def test_a_document_written_with_its_mask_is_one_too(client: httpx.Client, code: str) -> None:
    facts = DATASETS["dash", "sales-facts"]
    row = ROWS["dash", "sales-facts"] | {"customer_code": code}
    assert [one["code"] for one in put(client, "b1", line(facts, row), dataset=facts).json()["refused"]] == ["document"]


def test_a_stream_that_came_after_it_was_asked_for_has_one_reader(client: httpx.Client, other: httpx.Client) -> None:
    asked = {"kinds": "order", "establishment": "9999"}
    assert [one.get("/v1/changes", params=asked).status_code for one in (client, other)] == [200, 200]
    client.post("/v1/records", json={"records": [order("o1", establishment="9999")]})
    assert [one.get("/v1/changes", params=asked).status_code for one in (client, other)] == [200, 409]


@pytest.mark.parametrize("seed", range(2))
def test_readers_beside_writers_end_equal_to_the_dataset(
    hub: RunningHub, company: str, client: httpx.Client, seed: int
) -> None:
    """Plain batches, deletes by name and snapshots of two computers, beside readers of small and large pages."""
    tokens = [hub.store.create_token(company, name, SCOPES, NOW) for name in ("um", "dois")]
    is_over = threading.Event()
    wrong: list[object] = []
    mirrors: list[dict[str, str]] = []

    def write(n: int) -> None:
        random = Random(seed * 100 + n)
        with hub.client(tokens[n % 2]) as one:
            for batch in range(25):
                codes = [f"p{random.randrange(200)}" for _ in range(random.randrange(1, 60))]
                name = f"w{n}-{batch}"
                lines = [line(PRODUCTS, product(code, name=name)) for code in codes]
                headers = {"Omnisync-Confirmed": "true"} if random.random() < 0.5 else {}
                if random.random() < 0.3:
                    snapshot = {"Omnisync-Snapshot": name}
                    put(one, f"{name}a", *lines[::2], headers=snapshot)
                    answer = put(one, name, *lines[1::2], headers=snapshot | headers | {"Omnisync-Final": "true"})
                else:
                    answer = put(
                        one, name, *lines, *map(delete, random.sample(codes, len(codes) // 5)), headers=headers
                    )
                wrong.extend([] if answer.status_code == 201 else [answer.text])

    def read(limit: int) -> None:
        mirror: dict[str, str] = {}
        mirrors.append(mirror)
        asked: dict[str, str] = {"limit": str(limit)}
        tag = ""
        with hub.client() as app:
            app.headers["Authorization"] = f"Bearer {tokens[0]}"
            while True:
                was_over = is_over.is_set()
                answer = app.get(path(PRODUCTS), params=asked, headers={"If-None-Match": tag})
                if answer.status_code == 304 or not (page := answer.json())["lines"]:
                    if was_over:
                        return
                    tag = answer.headers["ETag"]
                    continue
                keys = [one["key"] for one in page["lines"]]
                wrong.extend([] if len(set(keys)) == len(keys) else [keys])
                for one in page["lines"]:
                    mirror.pop(one["key"], None)
                    mirror |= {one["key"]: one["version"]} if one["op"] == "upsert" else {}
                asked["cursor"] = page["cursor"]

    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    readers = [threading.Thread(target=read, args=(limit,)) for limit in (3, 40, 5000)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    is_over.set()
    for thread in readers:
        thread.join(60)
    there = {one["key"]: one["version"] for one in lines_of(client) if one["op"] == "upsert"}
    assert not wrong
    assert mirrors == [there] * 3
    assert put(client, "last").json()["living"] == len(there)
