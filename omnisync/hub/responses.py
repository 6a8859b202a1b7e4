"""The hub's responses: JSON bytes (gzip when accepted), problems, and the headers of every response."""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import Message, Scope
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from omnisync.contract import CONTRACT
from omnisync.contract.problems import CONTENT_TYPE, problem
from omnisync.hub.errors import ProblemError
from omnisync.hub.feed import CachedAnswer

MIN_GZIP = 500
"""Bytes below which packing is not worth it."""

# Paths with two methods, each a handler of its own: the framework's answer to OPTIONS names those of one only.
_TWO_METHODS = (
    (re.compile(r"/v1/records/?"), b"GET, OPTIONS, POST"),
    (re.compile(r"/v1/exports/[^/]+/[^/]+/batches/[^/]+/?"), b"GET, OPTIONS, PUT"),
)
_RETRY_SOON = {"Retry-After": "10"}
_VARY = {"Vary": "Accept-Encoding"}
_REQUEST_ID = re.compile(r"[!-~]{1,80}")
_ZERO = re.compile(r"q=0(\.0{0,3})?")
_BY_STATUS = {400: "validation", 404: "not_found", 405: "method_not_allowed", 413: "batch_too_large"}
_log = logging.getLogger("omnisync.hub")
_encoder = msgspec.json.Encoder()

HubRequest = Request[Any, Any, Any]
Headers = Mapping[str, str]


def json_response(
    request: HubRequest, body: bytes | msgspec.Struct, headers: Headers | None = None, status: int = 200
) -> Response[bytes]:
    """Return a success with this JSON."""
    content = body if isinstance(body, bytes) else _encoder.encode(body)
    all_headers = {**_VARY, **(headers or {})}
    if len(content) >= MIN_GZIP and _takes_gzip(request.headers.get("accept-encoding", "")):
        # Level 1: a 2 MB page in a few milliseconds; higher levels cost tens for little.
        content = gzip.compress(content, compresslevel=1, mtime=0)
        all_headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/json", status_code=status, headers=all_headers)


def cached_response(request: HubRequest, answer: CachedAnswer) -> Response[bytes]:
    """Return the answer, or a bodiless 304 when the asker has it already."""
    headers = {"ETag": answer.etag, **_VARY}
    if answer.body is None:
        return Response(b"", status_code=304, headers=headers)
    if answer.cursor is not None:
        headers["Omnisync-Next"] = answer.cursor
    return json_response(request, answer.body, headers)


def problem_response(request: HubRequest, error: Exception) -> Response[bytes]:
    """Any error as a problem: ours by its code, the framework's by its status, the rest as `internal`, logged."""
    if not isinstance(error, ProblemError):
        error = _as_problem(request, error)
    body = problem(
        error.code,
        request_id=request_id(request.scope),
        instance=request.scope["path"],
        detail=error.detail,
        errors=error.errors,
        holder=error.holder,
        since=error.since,
    )
    return Response(_encoder.encode(body), media_type=CONTENT_TYPE, status_code=body.status, headers=error.headers)


def request_id(scope: Scope) -> str:
    """Return the caller's X-Request-Id, or one of ours: the number support asks for."""
    state: dict[str, Any] = scope["state"]
    if "request_id" not in state:
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        state["request_id"] = given if _REQUEST_ID.fullmatch(given) else f"req_{uuid4().hex}"
    return str(state["request_id"])


async def add_standard_headers(message: Message, scope: Scope) -> None:
    """Add to every response the request's id, the contract, and that it must not be cached."""
    if message["type"] != "http.response.start":
        return
    headers = message["headers"]
    if scope.get("method") == "OPTIONS":
        allowed = next((methods for path, methods in _TWO_METHODS if path.fullmatch(scope["path"])), None)
        headers = [(name, allowed or value) if name == b"allow" else (name, value) for name, value in headers]
    message["headers"] = [
        *headers,
        (b"x-request-id", request_id(scope).encode()),
        (b"omnisync-contract", CONTRACT.encode()),
        (b"cache-control", b"private, no-store"),
    ]


def _as_problem(request: HubRequest, error: Exception) -> ProblemError:
    if isinstance(error, (OperationalError, InterfaceError, PoolTimeoutError)):
        _log.warning("the database does not answer (request %s): %s", request_id(request.scope), type(error).__name__)
        return ProblemError("maintenance", headers=_RETRY_SOON)
    if isinstance(error, HTTPException) and error.status_code in _BY_STATUS:
        return ProblemError(_BY_STATUS[error.status_code], headers=error.headers)
    # The parameters of SQL are hidden by the store: no document or name comes with the traceback.
    _log.error("request %s failed", request_id(request.scope), exc_info=error)
    return ProblemError("internal")


def _takes_gzip(accepted: str) -> bool:
    parts = (part.replace(" ", "").lower().partition(";") for part in accepted.split(","))
    return any(coding in ("gzip", "*") and not _ZERO.fullmatch(weight) for coding, _, weight in parts)
