"""The hub's routes, one function each. The door stands before all of them; a route names the scope it wants."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Litestar, Response, Router, get, post
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import Meta, Struct

from omnisync.contract import CONTRACT, shape
from omnisync.contract.feed import (
    MAX_INTAKE,
    MAX_PAGE,
    MAX_RECEIPTS,
    MAX_RECORDS,
    Company,
    Identity,
    IntakeAnswer,
    Kind,
    Limits,
    ReceiptAnswer,
    ReceiptBatch,
)
from omnisync.hub import feed, intake, openapi, receipts
from omnisync.hub.access import MIN_AGENT_VERSION, Caller, Door
from omnisync.hub.answers import AnyRequest, answered, refused, sent, sign
from omnisync.hub.errors import ProblemError, invalid
from omnisync.hub.intake import MAX_BYTES
from omnisync.hub.store import Store

LIMITS = Limits(
    page=MAX_PAGE,
    receipts=MAX_RECEIPTS,
    records=MAX_RECORDS,
    intake_records=MAX_INTAKE,
    intake_bytes=MAX_BYTES,
)
Clock = Callable[[], datetime]
Query = TypeVar("Query", bound=Struct)
Code = Annotated[str, Meta(pattern=r"^[!-~]{1,10}$(?!\n)")]

_OPEN = {"is_open": True}
_READ = {"scope": "orders:read"}


class ChangesQuery(Struct, frozen=True):
    """Query of GET /v1/changes: exactly one stream."""

    kinds: Kind
    establishment: Code | None = None
    cursor: str | None = None
    customers_until: str | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE


class StreamsQuery(Struct, frozen=True):
    """Query of GET /v1/streams."""

    after: tuple[str, ...] = ()


class RecordsQuery(Struct, frozen=True):
    """Query of GET /v1/records. `ids` may be repeated, or joined by commas, or both."""

    kind: Kind
    ids: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MAX_RECORDS)]

    @property
    def wanted(self) -> set[str]:
        """Every id that may be meant: an id with a comma in it is looked for whole as well."""
        return {*self.ids, *(id_ for joined in self.ids for id_ in joined.split(","))}


@get("/health", opt=_OPEN, sync_to_thread=True)
def health(request: AnyRequest) -> Response[bytes]:
    """Whether the hub can work, for monitors."""
    _store(request).is_up()
    return sent(request, b'{"status":"ok"}')


@get("/v1", sync_to_thread=True)
def identity(request: AnyRequest) -> Response[bytes]:
    """Who am I: the token's company, its establishments, scopes and limits."""
    caller, store = _caller(request), _store(request)
    who = Identity(
        company=Company(id=caller.company, name=store.company_name(caller.company)),
        establishments=tuple(store.establishments(caller.company)),
        scopes=caller.scopes,
        contract=CONTRACT,
        min_agent_version=MIN_AGENT_VERSION,
        server_time=_now(request),
        limits=LIMITS,
    )
    return sent(request, who)


@get("/v1/streams", opt=_READ, sync_to_thread=True)
def streams(request: AnyRequest) -> Response[bytes]:
    """Every stream of the company and what waits in it."""
    query = _query(request, StreamsQuery, lists=("after",))
    after = dict(_after(text) for text in query.after)
    return answered(request, feed.streams(_store(request), _caller(request).company, after, _known(request)))


@get("/v1/changes", opt=_READ, sync_to_thread=True)
def changes(request: AnyRequest) -> Response[bytes]:
    """The feed: the next page of one stream."""
    query = _query(request, ChangesQuery)
    if (query.kinds == "order") is (query.establishment is None):
        raise invalid("/establishment", "required" if query.kinds == "order" else "unexpected")
    asked = feed.Asked(
        stream=feed.CUSTOMERS if query.kinds == "customer" else f"order:{query.establishment}",
        cursor=query.cursor,
        customers_until=query.customers_until,
        limit=query.limit,
    )
    return answered(request, feed.page(_store(request), _caller(request).company, asked, _known(request)))


@get("/v1/records", opt=_READ, sync_to_thread=True)
def some_records(request: AnyRequest) -> Response[bytes]:
    """Several records as they are now."""
    query = _query(request, RecordsQuery, lists=("ids",))
    wanted = query.wanted
    if len(wanted) > MAX_RECORDS + len(query.ids):
        raise invalid("/ids", "length")
    found = feed.changes_of(_store(request), _caller(request).company, query.kind, wanted)
    return sent(request, b'{"changes":[' + b",".join(change for _, change in found) + b"]}")


@get("/v1/customers/{record_id:str}", opt=_READ, sync_to_thread=True)
def one_customer(request: AnyRequest) -> Response[bytes]:
    """One customer now, and its receipts."""
    return _one(request, "customer")


@get("/v1/orders/{record_id:str}", opt=_READ, sync_to_thread=True)
def one_order(request: AnyRequest) -> Response[bytes]:
    """One order now, and its receipts."""
    return _one(request, "order")


@post("/v1/receipts", opt={"scope": "receipts:write"}, status_code=200)
async def take_receipts(request: AnyRequest) -> Response[bytes]:
    """What became of the records at the agent."""
    body = await _body(request)
    return await sync_to_thread(_take_receipts, request, body)


@post("/v1/records", opt={"scope": "records:write"}, status_code=200)
async def take_records(request: AnyRequest) -> Response[bytes]:
    """The intake: what apps send in."""
    body = await _body(request)
    return await sync_to_thread(_take_records, request, body)


@get("/v1/openapi.json", opt=_OPEN, sync_to_thread=True)
def describe(request: AnyRequest) -> Response[bytes]:
    """The contract itself, as OpenAPI 3.1."""
    return sent(request, openapi.document())


ROUTES = (
    health,
    identity,
    streams,
    changes,
    some_records,
    one_customer,
    one_order,
    take_receipts,
    take_records,
    describe,
)


def create_app(store: Store, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> Litestar:
    """The hub as an ASGI application over a migrated store. `clock` gives moments with a zone."""
    app = Litestar(
        # In a router: handed over one by one, Litestar 2.25 wraps the handlers of a path with two methods twice.
        [Router("/", route_handlers=ROUTES)],
        guards=[_guard],
        exception_handlers={Exception: refused},
        before_send=[sign],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MAX_BYTES,
    )
    app.state.update({"store": store, "clock": clock, "door": Door(store, monotonic)})
    return app


async def _guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Before every route, unless it says it is open: who asks, and may they."""
    if handler.opt.get("is_open") or connection.scope["method"] == "OPTIONS":  # type: ignore[typeddict-item]
        return
    headers = connection.headers
    door: Door = connection.app.state.door
    connection.scope["state"]["caller"] = await sync_to_thread(
        door.enter,
        headers.get("authorization", ""),
        connection.client.host if connection.client else "",
        headers.get("user-agent", ""),
        handler.opt.get("scope"),
    )


def _caller(request: AnyRequest) -> Caller:
    caller: Caller = request.scope["state"]["caller"]
    return caller


def _store(request: AnyRequest) -> Store:
    store: Store = request.app.state.store
    return store


def _now(request: AnyRequest) -> datetime:
    now: datetime = request.app.state.clock()
    return now.astimezone(UTC)


def _known(request: AnyRequest) -> str:
    return str(request.headers.get("if-none-match", ""))


def _query(request: AnyRequest, kind: type[Query], lists: tuple[str, ...] = ()) -> Query:
    given = request.query_params.dict()
    plain = {name: values if name in lists else values[-1] for name, values in given.items()}
    try:
        return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(*shape.fault(error)) from None


def _after(text: str) -> tuple[str, str]:
    """ "order:0001:<cursor>" in two: a cursor has no colon, an establishment's code may."""
    stream, colon, cursor = text.rpartition(":")
    if not colon:
        raise invalid("/after", "pattern")
    return stream, cursor


def _one(request: AnyRequest, kind: Literal["customer", "order"]) -> Response[bytes]:
    id_, company, store = request.path_params["record_id"], _caller(request).company, _store(request)
    found = feed.changes_of(store, company, kind, [id_])
    if not found:
        raise ProblemError("not_found")
    op, change = found[0]
    if op == "delete":
        raise ProblemError("gone")
    told = b",".join(receipts.of(store, company, kind, id_))
    return sent(request, b'{"change":' + change + b',"receipts":[' + told + b"]}")


async def _body(request: AnyRequest) -> bytes:
    """The body as sent, its kind checked before a byte is read. Raises ProblemError for another kind or too much."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" or _coding(request) not in ("", "identity", "gzip"):
        raise ProblemError("unsupported_media")
    return await request.body()


def _coding(request: AnyRequest) -> str:
    return str(request.headers.get("content-encoding", "")).strip().lower()


def _plain(request: AnyRequest, body: bytes) -> bytes:
    return intake.gunzip(body) if _coding(request) == "gzip" else body


def _take_receipts(request: AnyRequest, body: bytes) -> Response[bytes]:
    try:
        batch = msgspec.json.decode(_plain(request, body), type=ReceiptBatch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        pointer, code = shape.fault(error)
        if (pointer, code) == ("/receipts", "length"):
            raise ProblemError("batch_too_large") from None
        raise invalid(pointer, code) from None
    caller = _caller(request)
    results = receipts.take(_store(request), caller.company, caller.destination, batch.receipts)
    return sent(request, ReceiptAnswer(results=tuple(results)))


def _take_records(request: AnyRequest, body: bytes) -> Response[bytes]:
    records = intake.records_of(_plain(request, body))
    results = intake.take_in(_store(request), _caller(request).company, records, _now(request))
    return sent(request, IntakeAnswer(results=tuple(results)))
