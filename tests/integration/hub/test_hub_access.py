"""The door: tokens, scopes, the throttle, and that no company sees another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from omnisync.hub.access import MAX_FAILED, Authenticator
from omnisync.hub.app import ROUTES
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import SCOPES, Store
from tests.support.hub_server import NOW, RunningHub, bearer, customer, found_company, order, running_hub

_number = count()
FORGED = "omni_000000000000_" + "A" * 43


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def company(hub: RunningHub) -> str:
    name = f"aurora-{next(_number)}"
    found_company(hub.store, name)
    return name


@pytest.fixture
def store(hub: RunningHub) -> Store:
    return hub.store


def visit(hub: RunningHub, headers: dict[str, str], path: str = "/v1", method: str = "GET") -> httpx.Response:
    return httpx.request(method, hub.url + path, headers=headers, trust_env=False)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def refusal(door: Authenticator, token: str, address: str = "10.0.0.1", agent: str = "") -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        door.authenticate(f"Bearer {token}", address, agent, None, NOW)
    return caught.value


def test_a_token_says_who_it_belongs_to(hub: RunningHub, store: Store, company: str) -> None:
    token = store.create_token(company, "producao", ["orders:read"], NOW)
    answer = visit(hub, bearer(token)).json()
    assert answer["company"] == {"id": company, "name": "Padaria Aurora"}
    assert answer["establishments"][1] == {"code": "0002", "name": "FÁBIO VEVO"}
    assert (answer["scopes"], answer["server_time"]) == (["orders:read"], "2026-11-24T15:00:00Z")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic x"}, bearer("x"), bearer(FORGED)])
def test_without_a_right_token_the_answer_is_401_with_its_challenge(hub: RunningHub, headers: dict[str, str]) -> None:
    answer = visit(hub, headers)
    assert code(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_every_route_but_two_wants_a_token(hub: RunningHub, store: Store) -> None:
    closed = {(path, method) for route in ROUTES for path in route.paths for method in route.http_methods}
    closed -= {("/health", "GET"), ("/v1/openapi.json", "GET")}
    answers = {visit(hub, {}, path.replace("{record_id:str}", "a"), method).status_code for path, method in closed}
    assert answers == {401}


def test_a_token_is_kept_only_as_its_hash(store: Store, company: str) -> None:
    token = store.create_token(company, "producao", SCOPES, NOW)
    with store.reading() as db:
        kept = db.exec_driver_sql("SELECT * FROM token").all()
    assert token.rpartition("_")[2] not in repr(kept)


def test_a_revoked_token_is_refused_on_the_next_request(hub: RunningHub, store: Store, company: str) -> None:
    token = store.create_token(company, "producao", SCOPES, NOW)
    assert visit(hub, bearer(token)).status_code == 200
    assert store.revoke_token(company, token.split("_")[1], NOW)
    assert code(visit(hub, bearer(token))) == (401, "token_revoked")


def test_a_company_cannot_revoke_another_s_token(store: Store, company: str, hub: RunningHub) -> None:
    assert not store.revoke_token(company, hub.token.split("_")[1], NOW)


def test_a_token_that_replaces_another_keeps_its_receipts(hub: RunningHub, store: Store, company: str) -> None:
    for _ in range(2):
        with hub.client(store.create_token(company, "producao", SCOPES, NOW)) as client:
            client.post("/v1/records", json={"records": [order("a")]})
            told = {"kind": "order", "id": "a", "version": 1, "outcome": "imported", "at": "2026-11-24T15:15:22Z"}
            client.post("/v1/receipts", json={"agent_run_id": "r", "receipts": [told]})
            assert len(client.get("/v1/orders/a").json()["receipts"]) == 1


WANTED = (
    ("GET", "/v1/changes?kinds=customer", "orders:read"),
    ("GET", "/v1/streams", "orders:read"),
    ("GET", "/v1/records?kind=order&ids=a", "orders:read"),
    ("GET", "/v1/orders/a", "orders:read"),
    ("GET", "/v1/customers/a", "orders:read"),
    ("POST", "/v1/receipts", "receipts:write"),
    ("POST", "/v1/records", "records:write"),
    ("GET", "/v1/exports/omniforce/stock", "exports:read"),
    ("PUT", "/v1/exports/omniforce/stock/batches/b1", "exports:write"),
    ("GET", "/v1/exports/omniforce/stock/batches/b1", "exports:write"),
)


@pytest.mark.parametrize(("method", "path", "scope"), WANTED)
def test_a_route_is_closed_without_its_scope(
    hub: RunningHub, store: Store, company: str, method: str, path: str, scope: str
) -> None:
    token = store.create_token(company, "producao", [other for other in SCOPES if other != scope], NOW)
    assert code(visit(hub, bearer(token), path, method)) == (403, "scope_missing")


def test_every_closed_route_s_scope_is_tried() -> None:
    scopes = {route.opt.get("scope") for route in ROUTES} - {None}
    assert {scope for _, _, scope in WANTED} == scopes == set(SCOPES)


def test_an_unknown_scope_or_company_makes_no_token(store: Store, company: str) -> None:
    with pytest.raises(ValueError, match="scopes"):
        store.create_token(company, "producao", ["everything"], NOW)
    with pytest.raises(LookupError):
        store.create_token("nobody", "producao", SCOPES, NOW)


def test_an_agent_below_the_minimum_is_told_to_update(hub: RunningHub) -> None:
    agent = {"User-Agent": "omnisync/26.10.9 (windows; 0001)"}
    assert code(visit(hub, bearer(hub.token) | agent)) == (426, "agent_too_old")
    assert visit(hub, bearer(hub.token) | {"User-Agent": "omnisync/26.11.0 (linux)"}).status_code == 200


def test_many_failed_tries_have_to_wait(store: Store) -> None:
    door = Authenticator(store, monotonic=lambda: 100.0)
    codes = [refusal(door, FORGED).code for _ in range(MAX_FAILED + 1)]
    assert codes == ["unauthorized"] * MAX_FAILED + ["rate_limited"]
    assert refusal(door, FORGED).headers == {"Retry-After": "61"}


def test_a_right_token_passes_while_its_neighbour_has_to_wait(hub: RunningHub, store: Store) -> None:
    door = Authenticator(store, monotonic=lambda: 100.0)
    for _ in range(MAX_FAILED + 1):
        refusal(door, FORGED)
    assert door.authenticate(f"Bearer {hub.token}", "10.0.0.1", "", None, NOW).company == "aurora"
    assert refusal(door, FORGED, address="10.0.0.2").code == "unauthorized"


def test_after_a_minute_one_may_try_again(store: Store) -> None:
    clock = iter([*([0.0] * MAX_FAILED), 59.0, 60.0])
    door = Authenticator(store, monotonic=lambda: next(clock))
    codes = [refusal(door, FORGED).code for _ in range(MAX_FAILED + 2)]
    assert codes[-2:] == ["rate_limited", "unauthorized"]


def test_a_request_id_is_echoed_and_one_is_made_when_none_fits(hub: RunningHub) -> None:
    given = visit(hub, {"X-Request-Id": "req_7"})
    assert (given.headers["X-Request-Id"], given.json()["request_id"]) == ("req_7", "req_7")
    made = visit(hub, {"X-Request-Id": "a b"}).headers["X-Request-Id"]
    assert made.startswith("req_")


def test_every_answer_names_the_contract_and_may_not_be_kept(hub: RunningHub) -> None:
    for path in ("/health", "/v1", "/nowhere"):
        headers = visit(hub, {}, path).headers
        assert (headers["Omnisync-Contract"], headers["Cache-Control"]) == ("1.1", "private, no-store")
        assert headers["Date"].endswith("GMT")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/nowhere", (404, "not_found")), ("PUT", "/v1", (405, "method_not_allowed"))],
)
def test_what_is_not_there_is_a_problem_too(hub: RunningHub, method: str, path: str, expected: tuple[int, str]) -> None:
    answer = visit(hub, bearer(hub.token), path, method)
    assert (code(answer), answer.headers["content-type"]) == (expected, "application/problem+json")


class Neighbours:
    """Padaria Aurora, and Oficina Boreal who knows every id of hers."""

    def __init__(self, aurora: httpx.Client, boreal: httpx.Client) -> None:
        self.aurora, self.boreal = aurora, boreal
        sent = aurora.post("/v1/records", json={"records": [customer("c"), order("a", customer_id="c")]})
        assert sent.status_code == 200
        self.cursor = aurora.get("/v1/changes?kinds=order&establishment=0001").json()["cursor"]


@pytest.fixture
def two(hub: RunningHub) -> Iterator[Neighbours]:
    number = next(_number)
    aurora = found_company(hub.store, f"aurora-{number}")
    boreal = found_company(hub.store, f"boreal-{number}", "Oficina Boreal")
    with hub.client(aurora) as one, hub.client(boreal) as other:
        yield Neighbours(one, other)


def what(answer: httpx.Response) -> Any:
    return answer.status_code, answer.json()


def test_a_stranger_finds_no_record_by_its_id(two: Neighbours) -> None:
    for path in ("/v1/orders/a", "/v1/customers/c"):
        assert two.aurora.get(path).status_code == 200
        assert code(two.boreal.get(path)) == (404, "not_found")
    for query in ("kind=order&ids=a", "kind=customer&ids=c"):
        assert what(two.boreal.get(f"/v1/records?{query}")) == (200, {"changes": []})


def test_a_stranger_s_feed_is_empty(two: Neighbours) -> None:
    for query in ("kinds=customer", "kinds=order&establishment=0001"):
        page = two.boreal.get(f"/v1/changes?{query}").json()
        assert (page["changes"], page["has_more"], "related" in page) == ([], False, False)


def test_a_stranger_s_streams_count_nothing(two: Neighbours) -> None:
    streams = two.boreal.get("/v1/streams").json()["streams"]
    assert [set(stream) for stream in streams] == [{"stream", "is_new"}] * 3


def test_a_stranger_s_order_does_not_bring_the_neighbour_s_customer(two: Neighbours) -> None:
    two.boreal.post("/v1/records", json={"records": [order("z", customer_id="c")]})
    page = two.boreal.get("/v1/changes?kinds=order&establishment=0001").json()
    assert ([change["id"] for change in page["changes"]], "related" in page) == (["z"], False)


def test_a_neighbour_s_cursor_does_not_serve(two: Neighbours) -> None:
    answer = two.boreal.get("/v1/changes", params={"kinds": "order", "establishment": "0001", "cursor": two.cursor})
    assert code(answer) == (400, "cursor_filter_mismatch")
    answer = two.boreal.get("/v1/streams", params={"after": f"order:0001:{two.cursor}"})
    assert code(answer) == (400, "cursor_filter_mismatch")


def test_a_stranger_s_receipt_is_about_something_unknown(two: Neighbours) -> None:
    told = {"kind": "order", "id": "a", "version": 1, "outcome": "refused", "at": "2026-11-24T15:15:22Z"}
    answer = two.boreal.post("/v1/receipts", json={"agent_run_id": "r", "receipts": [told]})
    assert answer.json()["results"][0]["status"] == "unknown"
    assert two.aurora.get("/v1/orders/a").json()["receipts"] == []


def test_the_same_id_in_two_companies_is_two_records(two: Neighbours) -> None:
    two.boreal.post("/v1/records", json={"records": [order("a", version=9, establishment="0002")]})
    mine, theirs = (client.get("/v1/orders/a").json()["change"] for client in (two.aurora, two.boreal))
    assert (mine["version"], theirs["version"]) == (1, 9)


def test_each_company_s_identity_is_its_own(two: Neighbours) -> None:
    names = [client.get("/v1").json()["company"]["name"] for client in (two.aurora, two.boreal)]
    assert names == ["Padaria Aurora", "Oficina Boreal"]
