"""Cases of the hub found by reading it, on each database, through its HTTP face."""

from __future__ import annotations

import httpx
import pytest

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
