"""The routes of the hub itself: its health, its contract, and the caller's company and limits."""

from __future__ import annotations

from litestar import Response, get

from omnisync.contract import CONTRACT
from omnisync.contract.feed import MAX_INTAKE, MAX_PAGE, MAX_RECEIPTS, MAX_RECORDS, Company, Identity, Limits
from omnisync.hub import openapi
from omnisync.hub.access import MIN_AGENT_VERSION
from omnisync.hub.health import HealthCheck
from omnisync.hub.intake import MAX_BYTES
from omnisync.hub.requests import caller_of, now_of, store_of
from omnisync.hub.responses import HubRequest, json_response

LIMITS = Limits(
    page=MAX_PAGE,
    receipts=MAX_RECEIPTS,
    records=MAX_RECORDS,
    intake_records=MAX_INTAKE,
    intake_bytes=MAX_BYTES,
)

_OPEN = {"is_open": True}


@get("/health", opt=_OPEN)
async def health(request: HubRequest) -> Response[bytes]:
    """Answer whether the hub can work, for monitors."""
    checking: HealthCheck = request.app.state.health
    await checking.check()
    return json_response(request, b'{"status":"ok"}')


@get("/v1", sync_to_thread=True)
def identity(request: HubRequest) -> Response[bytes]:
    """Answer the token's company, its establishments, scopes and limits."""
    caller, store = caller_of(request), store_of(request)
    who = Identity(
        company=Company(id=caller.company, name=store.company_name(caller.company)),
        establishments=tuple(store.establishments(caller.company)),
        scopes=caller.scopes,
        contract=CONTRACT,
        min_agent_version=MIN_AGENT_VERSION,
        server_time=now_of(request),
        limits=LIMITS,
    )
    return json_response(request, who)


@get("/v1/openapi.json", opt=_OPEN, sync_to_thread=True)
def describe(request: HubRequest) -> Response[bytes]:
    """Answer the contract itself, as OpenAPI 3.1."""
    return json_response(request, openapi.document())


ROUTES = (health, identity, describe)
