"""Read a request: its caller, its query, its headers, its body as it was sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from omnisync.contract import validation
from omnisync.hub import intake
from omnisync.hub.access import Caller
from omnisync.hub.errors import ProblemError, invalid
from omnisync.hub.leases import Leases
from omnisync.hub.responses import HubRequest
from omnisync.hub.store import Store

QueryStruct = TypeVar("QueryStruct", bound=Struct)


def caller_of(request: HubRequest) -> Caller:
    """Return the authenticated caller."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def store_of(request: HubRequest) -> Store:
    """Return the hub's database."""
    store: Store = request.app.state.store
    return store


def leases_of(request: HubRequest) -> Leases:
    """Return who reads which establishment."""
    leases: Leases = request.app.state.leases
    return leases


def now_of(request: HubRequest) -> datetime:
    """Return the moment, in UTC."""
    now: datetime = request.app.state.clock()
    return now.astimezone(UTC)


def if_none_match(request: HubRequest) -> str:
    """Return the ETag that the caller has already."""
    return str(request.headers.get("if-none-match", ""))


def query_of(request: HubRequest, kind: type[QueryStruct], lists: tuple[str, ...] = ()) -> QueryStruct:
    """Return the query by its struct; a name said twice counts once, unless it is one of `lists`. Raises
    ProblemError.
    """
    given = request.query_params.dict()
    plain = {name: values if name in lists else values[-1] for name, values in given.items()}
    try:
        return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(*validation.fault(error)) from None


async def body_of(request: HubRequest, kind: str = "application/json", wanted: str | None = None) -> bytes:
    """Return the body as sent, its kind checked before a byte is read.

    Raises ProblemError for another kind (`wanted` says in pt-BR what would do) or too much.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind or _coding(request) not in ("", "identity", "gzip"):
        raise ProblemError("unsupported_media", detail=wanted)
    return await request.body()


def is_gzip(request: HubRequest) -> bool:
    """Return whether the body says that it is packed."""
    return _coding(request) == "gzip"


def decoded_body(request: HubRequest, body: bytes) -> bytes:
    """Return the body unpacked. Raises ProblemError as `intake.gunzip` does."""
    return intake.gunzip(body) if is_gzip(request) else body


def _coding(request: HubRequest) -> str:
    return str(request.headers.get("content-encoding", "")).strip().lower()
