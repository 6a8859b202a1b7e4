"""The hub's routes, one function each. The door stands before all of them; a route names the scope it wants."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Litestar, Response, Router, get, post, put
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import Meta, Struct

from omnisync.contract import CONTRACT, validation
from omnisync.contract.feed import (
    MAX_INTAKE,
    MAX_PAGE,
    MAX_RECEIPTS,
    MAX_RECORDS,
    Company,
    Identity,
    IntakeAnswer,
    Limits,
    ReceiptAnswer,
    ReceiptBatch,
    RecordKind,
)
from omnisync.contract.streams import Stream
from omnisync.hub import feed, intake, openapi, receipts
from omnisync.hub.access import MIN_AGENT_VERSION, Authenticator
from omnisync.hub.errors import ProblemError, invalid
from omnisync.hub.intake import MAX_BYTES
from omnisync.hub.leases import Leases
from omnisync.hub.requests import body_of, caller_of, decoded_body, if_none_match, now_of, query_of, store_of
from omnisync.hub.responses import HubRequest, add_standard_headers, cached_response, json_response, problem_response
from omnisync.hub.routes import exports
from omnisync.hub.store import Store

LIMITS = Limits(
    page=MAX_PAGE,
    receipts=MAX_RECEIPTS,
    records=MAX_RECORDS,
    intake_records=MAX_INTAKE,
    intake_bytes=MAX_BYTES,
)
HubClock = Callable[[], datetime]
Code = Annotated[str, Meta(pattern=r"^[!-~]{1,10}$(?!\n)")]

_OPEN = {"is_open": True}
_READ = {"scope": "orders:read"}


class ChangesQuery(Struct, frozen=True):
    """Query of GET /v1/changes: exactly one stream."""

    kinds: RecordKind
    establishment: Code | None = None
    cursor: str | None = None
    customers_until: str | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE


class StreamsQuery(Struct, frozen=True):
    """Query of GET /v1/streams."""

    after: tuple[str, ...] = ()


class RecordsQuery(Struct, frozen=True):
    """Query of GET /v1/records. `ids` may be repeated, or joined by commas, or both."""

    kind: RecordKind
    ids: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MAX_RECORDS)]

    @property
    def wanted(self) -> set[str]:
        """Every id that may be meant: an id with a comma in it is looked for whole as well."""
        wanted = {*self.ids, *(id_ for joined in self.ids for id_ in joined.split(","))}
        return {id_ for id_ in wanted if "\0" not in id_}  # which PostgreSQL does not even take to look for


@get("/health", opt=_OPEN, sync_to_thread=True)
def health(request: HubRequest) -> Response[bytes]:
    """Answer whether the hub can work, for monitors."""
    store_of(request).is_up()
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


@get("/v1/streams", opt=_READ, sync_to_thread=True)
def streams(request: HubRequest) -> Response[bytes]:
    """Answer every stream of the company and what waits in it."""
    query = query_of(request, StreamsQuery, lists=("after",))
    after = dict(_after(text) for text in query.after)
    return cached_response(
        request, feed.streams(store_of(request), caller_of(request).company, after, if_none_match(request))
    )


@get("/v1/changes", opt=_READ, sync_to_thread=True)
def changes(request: HubRequest) -> Response[bytes]:
    """Answer the feed: the next page of one stream."""
    query = query_of(request, ChangesQuery)
    if (query.kinds == "order") is (query.establishment is None):
        raise invalid("/establishment", "required" if query.kinds == "order" else "unexpected")
    if query.establishment is not None:
        leases: Leases = request.app.state.leases
        leases.acquire(caller_of(request), query.establishment, now_of(request))
    asked = feed.PageRequest(
        stream=Stream(query.kinds, query.establishment or "").name,
        cursor=query.cursor,
        customers_until=query.customers_until,
        limit=query.limit,
    )
    return cached_response(
        request, feed.page(store_of(request), caller_of(request).company, asked, if_none_match(request))
    )


@put("/v1/leases/{establishment:str}", opt={"scope": "receipts:write"}, sync_to_thread=True)
def take_over(request: HubRequest) -> Response[bytes]:
    """Give this computer the establishment's lease; the former holder is refused at its next page. For those that
    import.
    """
    leases: Leases = request.app.state.leases
    code: str = request.path_params["establishment"]
    return json_response(request, leases.take_over(caller_of(request), code, now_of(request)))


@get("/v1/records", opt=_READ, sync_to_thread=True)
def read_records(request: HubRequest) -> Response[bytes]:
    """Several records as they are now."""
    query = query_of(request, RecordsQuery, lists=("ids",))
    wanted = query.wanted
    if len(wanted) > MAX_RECORDS + len(query.ids):
        raise invalid("/ids", "length")
    found = feed.changes_of(store_of(request), caller_of(request).company, query.kind, wanted)
    return json_response(request, b'{"changes":[' + b",".join(change for _, change in found) + b"]}")


@get("/v1/customers/{record_id:str}", opt=_READ, sync_to_thread=True)
def read_customer(request: HubRequest) -> Response[bytes]:
    """Answer one customer now, and its receipts."""
    return _read_one(request, "customer")


@get("/v1/orders/{record_id:str}", opt=_READ, sync_to_thread=True)
def read_order(request: HubRequest) -> Response[bytes]:
    """Answer one order now, and its receipts."""
    return _read_one(request, "order")


@post("/v1/receipts", opt={"scope": "receipts:write"}, status_code=200)
async def receive_receipts(request: HubRequest) -> Response[bytes]:
    """Receive the receipts of an agent."""
    body = await body_of(request)
    return await sync_to_thread(_receive_receipts, request, body)


@post("/v1/records", opt={"scope": "records:write"}, status_code=200)
async def receive_records(request: HubRequest) -> Response[bytes]:
    """Answer the intake: what apps send in."""
    body = await body_of(request)
    return await sync_to_thread(_receive_records, request, body)


@get("/v1/openapi.json", opt=_OPEN, sync_to_thread=True)
def describe(request: HubRequest) -> Response[bytes]:
    """Answer the contract itself, as OpenAPI 3.1."""
    return json_response(request, openapi.document())


ROUTES = (
    health,
    identity,
    streams,
    changes,
    take_over,
    read_records,
    read_customer,
    read_order,
    receive_receipts,
    receive_records,
    *exports.ROUTES,
    describe,
)


def create_app(store: Store, clock: HubClock, monotonic: Callable[[], float] = time.monotonic) -> Litestar:
    """Return the hub as an ASGI application over a migrated store. `clock` gives moments with a zone."""
    app = Litestar(
        # In a router: handed over one by one, Litestar 2.25 wraps the handlers of a path with two methods twice.
        [Router("/", route_handlers=ROUTES)],
        guards=[_guard],
        exception_handlers={Exception: problem_response},
        before_send=[add_standard_headers],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MAX_BYTES,
    )
    app.state.update({"store": store, "clock": clock, "door": Authenticator(store, monotonic), "leases": Leases(store)})
    return app


async def _guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Authenticate and authorize the caller of every route that is not open."""
    if handler.opt.get("is_open") or connection.scope["method"] == "OPTIONS":  # type: ignore[typeddict-item]
        return
    if "\0" in connection.scope["path"]:  # nothing has it in its name, and PostgreSQL fails at it
        raise ProblemError("not_found")
    headers = connection.headers
    door: Authenticator = connection.app.state.door
    connection.scope["state"]["caller"] = await sync_to_thread(
        door.authenticate,
        headers.get("authorization", ""),
        connection.client.host if connection.client else "",
        headers.get("user-agent", ""),
        handler.opt.get("scope"),
    )


def _after(text: str) -> tuple[str, str]:
    """ "order:0001:<cursor>" in two: a cursor has no colon, an establishment's code may."""
    stream, colon, cursor = text.rpartition(":")
    if not colon:
        raise invalid("/after", "pattern")
    return stream, cursor


def _read_one(request: HubRequest, kind: Literal["customer", "order"]) -> Response[bytes]:
    id_, company, store = request.path_params["record_id"], caller_of(request).company, store_of(request)
    found = feed.changes_of(store, company, kind, [id_])
    if not found:
        raise ProblemError("not_found")
    op, change = found[0]
    if op == "delete":
        raise ProblemError("gone")
    told = b",".join(receipts.receipts_of(store, company, kind, id_))
    return json_response(request, b'{"change":' + change + b',"receipts":[' + told + b"]}")


def _receive_receipts(request: HubRequest, body: bytes) -> Response[bytes]:
    try:
        batch = msgspec.json.decode(decoded_body(request, body), type=ReceiptBatch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        pointer, code = validation.fault(error)
        if (pointer, code) == ("/receipts", "length"):
            raise ProblemError("batch_too_large") from None
        raise invalid(pointer, code) from None
    caller = caller_of(request)
    results = receipts.save_receipts(store_of(request), caller.company, caller.destination, batch.receipts)
    return json_response(request, ReceiptAnswer(results=tuple(results)))


def _receive_records(request: HubRequest, body: bytes) -> Response[bytes]:
    records = intake.records_of(decoded_body(request, body))
    results = intake.ingest(store_of(request), caller_of(request).company, records, now_of(request))
    return json_response(request, IntakeAnswer(results=tuple(results)))
