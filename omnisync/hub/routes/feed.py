"""The routes of the feed: agents read streams, changes and records by id, under an establishment's lease."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Response, get, put
from msgspec import Meta, Struct

from omnisync.contract.feed import MAX_PAGE, MAX_RECORDS, RecordKind
from omnisync.contract.streams import Stream
from omnisync.hub import feed, receipts
from omnisync.hub.errors import invalid
from omnisync.hub.requests import caller_of, if_none_match, leases_of, now_of, query_of, store_of
from omnisync.hub.responses import HubRequest, cached_response, json_response

_READ = {"scope": "orders:read"}
Code = Annotated[str, Meta(pattern=r"^[!-~]{1,10}$(?!\n)")]


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
    # A token that writes no receipts, as that of a report, imports nothing: it stands in no one's way.
    if query.establishment is not None and "receipts:write" in caller_of(request).scopes:
        leases_of(request).acquire(caller_of(request), query.establishment, now_of(request))
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
    code: str = request.path_params["establishment"]
    return json_response(request, leases_of(request).take_over(caller_of(request), code, now_of(request)))


@get("/v1/records", opt=_READ, sync_to_thread=True)
def read_records(request: HubRequest) -> Response[bytes]:
    """Answer several records as they are now."""
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


ROUTES = (streams, changes, take_over, read_records, read_customer, read_order)


def _after(text: str) -> tuple[str, str]:
    """ "order:0001:<cursor>" in two: a cursor has no colon, an establishment's code may."""
    stream, colon, cursor = text.rpartition(":")
    if not colon:
        raise invalid("/after", "pattern")
    return stream, cursor


def _read_one(request: HubRequest, kind: Literal["customer", "order"]) -> Response[bytes]:
    id_, company, store = request.path_params["record_id"], caller_of(request).company, store_of(request)
    change = feed.change_of(store, company, kind, id_)
    told = b",".join(receipts.receipts_of(store, company, kind, id_))
    return json_response(request, b'{"change":' + change + b',"receipts":[' + told + b"]}")
