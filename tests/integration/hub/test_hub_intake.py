"""The intake and the receipts through their HTTP face."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from itertools import count
from time import monotonic
from typing import Any

import httpx
import pytest

from omnisync.hub import intake
from tests.support.hub_server import NOW, RunningHub, customer, erased, found_company, item, order, raw, running_hub

_number = count()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def client(hub: RunningHub) -> Iterator[httpx.Client]:
    with hub.client(found_company(hub.store, f"aurora-{next(_number)}")) as one:
        yield one


def results(client: httpx.Client, *changes: Any) -> list[dict[str, Any]]:
    answer = client.post("/v1/records", content=json.dumps({"records": changes}), headers=JSON)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def statuses(client: httpx.Client, *changes: Any) -> list[str]:
    return [result["status"] for result in results(client, *changes)]


def receipt(id: str = "a", version: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "order",
        "id": id,
        "version": version,
        "outcome": "imported",
        "at": "2026-11-24T15:15:22Z",
    } | fields


def tell(client: httpx.Client, *receipts: dict[str, Any]) -> httpx.Response:
    return client.post("/v1/receipts", json={"agent_run_id": "run_1", "receipts": receipts})


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


JSON = {"Content-Type": "application/json"}


def test_the_same_version_again_is_the_same_and_an_older_one_is_stale(client: httpx.Client) -> None:
    assert statuses(client, order("a", version=2)) == ["stored"]
    assert statuses(client, order("a", version=2), order("a", version=1)) == ["same", "stale"]


def test_versions_of_one_batch_follow_each_other(client: httpx.Client) -> None:
    expected = ["stored", "stored", "same", "stale"]
    assert expected == statuses(client, order("a"), order("a", version=3), order("a", version=3), order("a", version=2))


def test_one_of_each_bad_kind_in_the_middle_refuses_only_itself(client: httpx.Client) -> None:
    bad = [
        order("bad1", items=[item(quantity="1e3")]),
        order("bad2", items=[item(1), item(1)]),
        order("bad3", status="draft"),
        order("bad4", notes="\ud800"),
        order("bad5", establishment="with space"),
        customer("bad6", name=7),
        customer("bad7", version=0),
        {"kind": "order"},
        "nonsense",
        7,
        None,
    ]
    answered = results(client, order("first"), *bad, order("last"))
    expected = ["stored", *["refused"] * len(bad), "stored"]
    assert expected == [result["status"] for result in answered]
    assert [result.get("pointer") for result in answered[1:6]] == [
        "/items/0/quantity",
        "/items/1/line",
        "/status",
        "",
        "/establishment_code",
    ]
    assert all(result["detail"].endswith(".") for result in answered[1:-1])


def test_a_repeated_intake_leaves_the_feed_as_it_was(client: httpx.Client) -> None:
    page = {"kinds": "order", "establishment": "0001"}
    results(client, order("a"), order("b"))
    before = client.get("/v1/changes", params=page)
    results(client, order("a"), order("b"))
    assert client.get("/v1/changes", params=page).headers["etag"] == before.headers["etag"]


def test_the_erasure_of_an_order_nobody_saw_keeps_older_versions_out(client: httpx.Client) -> None:
    assert statuses(client, erased("order", "a", 5), order("a", version=4)) == ["stored", "stale"]


def test_an_unknown_establishment_gets_its_own_stream(client: httpx.Client) -> None:
    results(client, order("a", establishment="F:9"))
    answer = client.get("/v1/changes", params={"kinds": "order", "establishment": "F:9"})
    assert [change["id"] for change in answer.json()["changes"]] == ["a"]


def test_a_packed_batch_is_taken_in(client: httpx.Client) -> None:
    body = gzip.compress(json.dumps({"records": [order("a")]}).encode())
    answer = client.post("/v1/records", content=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.json()["results"][0]["status"] == "stored"


def test_a_bomb_is_refused_before_it_fills_the_memory(client: httpx.Client) -> None:
    bomb = gzip.compress(b'{"records":[' + b" " * 200_000_000 + b"]}", 1)
    began = monotonic()
    answer = client.post("/v1/records", content=bomb, headers=JSON | {"Content-Encoding": "gzip"})
    assert code(answer) == (413, "batch_too_large")
    assert monotonic() - began < 5


def test_a_cut_gzip_is_refused(client: httpx.Client) -> None:
    body = gzip.compress(json.dumps({"records": [order("a")]}).encode())[:-4]
    answer = client.post("/v1/records", content=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert code(answer) == (400, "validation")


def test_more_than_eight_megabytes_are_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/records", content=b" " * (intake.MAX_BYTES + 1), headers=JSON)
    assert code(answer) == (413, "batch_too_large")


def test_more_than_a_thousand_records_are_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/records", json={"records": [{}] * 1001})
    assert code(answer) == (413, "batch_too_large")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"records":{}}', b"\xff", b"[" * 100_000, b'{"records":[\xff]}'])
def test_a_body_that_is_no_batch_is_a_validation_problem(client: httpx.Client, body: bytes) -> None:
    assert code(client.post("/v1/records", content=body, headers=JSON)) == (400, "validation")


@pytest.mark.parametrize("headers", [{"Content-Type": "text/xml"}, JSON | {"Content-Encoding": "br"}])
def test_another_format_is_not_read(client: httpx.Client, headers: dict[str, str]) -> None:
    assert code(client.post("/v1/records", content=b"{}", headers=headers)) == (415, "unsupported_media")


def test_six_thousand_orders_are_taken_in_within_seconds(client: httpx.Client, hub: RunningHub) -> None:
    company = client.get("/v1").json()["company"]["id"]
    batches = [raw(*(order(f"o{k}-{n}", n_items=4) for n in range(1000))) for k in range(6)]
    began = monotonic()
    for batch in batches:
        intake.ingest(hub.store, company, batch, NOW)
    assert monotonic() - began < 15  # under 1 s on a quiet machine: this only notices a changed order of magnitude


def test_a_receipt_is_kept_once_per_record_and_the_last_call_wins(client: httpx.Client) -> None:
    results(client, order("a"))
    tell(client, receipt(outcome="refused", reason={"code": "product_unknown"}))
    tell(client, receipt(erp_number="118204"))
    tell(client, receipt(erp_number="118204"))
    kept = client.get("/v1/orders/a").json()["receipts"]
    assert [(one["outcome"], one["erp_number"]) for one in kept] == [("imported", "118204")]


def test_a_receipt_is_stored_stale_or_about_something_unknown(client: httpx.Client) -> None:
    results(client, order("a", version=2))
    answer = tell(client, receipt(version=2), receipt(version=1), receipt("nope"), receipt(version=2))
    expected = ["stored", "stale", "unknown", "stored"]
    assert expected == [result["status"] for result in answer.json()["results"]]


def test_case_j5_a_receipt_of_a_version_that_never_was_bars_no_true_one(client: httpx.Client) -> None:
    results(client, order("a", version=1))
    answers = [tell(client, receipt(version=version)).json()["results"][0]["status"] for version in (9, 1, 9, 1)]
    assert answers == ["unknown", "stored", "unknown", "stored"]


def test_a_receipt_outside_the_contract_names_its_place(client: httpx.Client) -> None:
    answer = tell(client, receipt(), receipt(outcome="eaten"))
    assert code(answer) == (400, "validation")
    assert answer.json()["errors"] == [{"pointer": "/receipts/1/outcome", "code": "enum"}]


def test_more_than_five_thousand_receipts_are_refused(client: httpx.Client) -> None:
    assert code(tell(client, *[receipt()] * 5001)) == (413, "batch_too_large")
