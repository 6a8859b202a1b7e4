"""One company's use of the hub is bounded, and the others do not wait for it."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest
from litestar.testing import TestClient

from omnisync.hub.access import Caller
from omnisync.hub.app import create_app
from omnisync.hub.errors import ProblemError
from omnisync.hub.limits import CompanyLimits, OwnUsage, RateLimiter, SharedUsage, UsageLedger, WorkQueue
from omnisync.hub.store import AGENT_SCOPES, SCOPES, Store
from tests.support.hub_server import NOW, bearer, found_company

SMALL = CompanyLimits(token_requests=40, company_requests=60, token_bytes=10_000, company_bytes=15_000)


def caller(company: str, token: str = "aaaaaaaaaaaa") -> Caller:
    return Caller(company=company, token=token, destination="producao", scopes=AGENT_SCOPES)


def ledger(store: Store) -> UsageLedger:
    return SharedUsage(store) if store.is_shared else OwnUsage()


def is_served(limiter: RateLimiter, one: Caller, n_bytes: int) -> bool:
    try:
        limiter.charge(one, n_bytes, NOW)
    except ProblemError as error:
        return (error.code, error.headers) != ("rate_limited", {"Retry-After": "60"})
    return True


def n_served(limiter: RateLimiter, one: Caller, n_bytes: int = 0) -> int:
    return sum(is_served(limiter, one, n_bytes) for _ in range(200))


def test_requests_are_limited_by_token_and_by_company(store: Store, company: str) -> None:
    limiter = RateLimiter(ledger(store), SMALL)
    assert [n_served(limiter, caller(company, token)) for token in ("a" * 12, "b" * 12, "c" * 12)] == [40, 20, 0]
    limiter.charge(caller(company), 0, NOW + timedelta(minutes=1))


def test_bytes_are_limited_by_token_and_by_company(store: Store, company: str) -> None:
    limiter = RateLimiter(ledger(store), SMALL)
    assert [n_served(limiter, caller(company, token), n_bytes=1000) for token in ("a" * 12, "b" * 12)] == [10, 5]


def test_another_company_is_not_limited_by_the_first(store: Store, company: str) -> None:
    found_company(store, f"boreal-{company}", "Oficina Boreal")
    limiter = RateLimiter(ledger(store), SMALL)
    n_served(limiter, caller(company))
    assert n_served(limiter, caller(f"boreal-{company}", "b" * 12)) == 40


def test_limits_hold_over_the_processes_of_a_hub_on_postgresql(store: Store, company: str) -> None:
    processes = [RateLimiter(ledger(store), SMALL) for _ in range(4 if store.is_shared else 1)]
    served: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: served.append(n_served(one, caller(company)))) for one in processes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(served) == 40


def test_a_clock_that_ran_ahead_locks_no_company_out(store: Store, company: str) -> None:
    limiter = RateLimiter(ledger(store), SMALL)
    limiter.charge(caller(company), 0, NOW + timedelta(hours=5))
    assert n_served(RateLimiter(ledger(store), SMALL), caller(company)) == 40
    assert n_served(RateLimiter(OwnUsage(), SMALL), caller(company)) == 40


def test_a_company_waits_in_a_queue_of_its_own() -> None:
    async def scene() -> list[str]:
        queue = WorkQueue(CompanyLimits(n_at_once=2, n_waiting=2, patience_s=5))
        seen: list[str] = []
        leaves = [await queue.enter("aurora") for _ in range(2)]

        async def wait(name: str) -> None:
            leave = await queue.enter("aurora")
            seen.append(name)
            leave()

        waiting = [asyncio.create_task(wait(name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        with pytest.raises(ProblemError):  # the queue is full
            await queue.enter("aurora")
        (await queue.enter("boreal"))()
        seen.append("boreal")
        waiting[0].cancel()
        await asyncio.sleep(0)
        for leave in leaves:
            leave()
        await asyncio.wait(waiting)
        for _ in range(3):  # nothing was lost of the places
            (await queue.enter("aurora"))()
        return seen

    assert asyncio.run(scene()) == ["boreal", "second"]


def test_who_waits_too_long_is_told_to_come_again() -> None:
    async def scene() -> ProblemError:
        queue = WorkQueue(CompanyLimits(n_at_once=1, patience_s=0.05))
        leave = await queue.enter("aurora")
        with pytest.raises(ProblemError) as caught:
            await queue.enter("aurora")
        leave()
        (await queue.enter("aurora"))()
        return caught.value

    assert asyncio.run(scene()).headers == {"Retry-After": "5"}


def test_a_hub_says_when_to_come_again(store: Store, company: str) -> None:
    token = store.create_token(company, "caixa", SCOPES, NOW)
    limits = CompanyLimits(token_requests=2)
    with TestClient(create_app(store, lambda: NOW, limits=limits)) as client:
        answers = [client.get("/v1", headers=bearer(token)) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert (answers[2].json()["code"], answers[2].headers["Retry-After"]) == ("rate_limited", "60")


def test_every_answer_gives_its_place_back(store: Store, company: str) -> None:
    token = store.create_token(company, "caixa", SCOPES, NOW)
    limits = CompanyLimits(n_at_once=1, patience_s=0.2)
    with TestClient(create_app(store, lambda: NOW, limits=limits)) as client:
        for where in ("/v1", "/v1/changes?kinds=nothing", "/v1/orders/none", "/v1/nowhere", "/v1/streams"):
            assert client.get(where, headers=bearer(token)).status_code in (200, 400, 404)
        assert client.post("/v1/records", headers=bearer(token), content=b"{").status_code == 415
        assert client.get("/v1", headers=bearer(token)).status_code == 200
