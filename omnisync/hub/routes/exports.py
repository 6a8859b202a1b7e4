"""The routes of the way out: agents put batches of a dataset in, apps read the dataset."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from litestar import Response, get, put
from litestar.concurrency import sync_to_thread
from msgspec import Meta, Struct

from omnisync.contract import validation
from omnisync.contract.batches import MAX_LINES, MAX_ROWS, MEDIA_TYPE, BatchId
from omnisync.contract.datasets import DATASETS, Dataset
from omnisync.hub import export_feed, uploads
from omnisync.hub.errors import ProblemError, invalid
from omnisync.hub.requests import body_of, caller_of, if_none_match, is_gzip, now_of, query_of, store_of
from omnisync.hub.responses import HubRequest, cached_response, json_response

_SENT = "/v1/exports"
_DATASET = "/v1/exports/{system:str}/{dataset:str}"
_BATCH = f"{_DATASET}/batches/{{batch_id:str}}"
_WRITE = {"scope": "exports:write"}
_DIGEST = re.compile(r"(?:^|[,\s])(sha-256=:[A-Za-z0-9+/]{43}=:)(?:$|[,;\s])")
_NDJSON = "Envie NDJSON (application/x-ndjson), sem compressão ou em gzip."


class RowsQuery(Struct, frozen=True):
    """Query of GET /v1/exports/{system}/{dataset}."""

    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_ROWS)] = MAX_ROWS


class BatchHeaders(Struct, frozen=True, kw_only=True, rename={
    "n_lines": "Omnisync-Lines",
    "snapshot": "Omnisync-Snapshot",
    "is_final": "Omnisync-Final",
    "is_confirmed": "Omnisync-Confirmed",
}):  # fmt: skip
    """Headers of PUT …/batches/{batch_id}, beside Content-Digest."""

    n_lines: Annotated[int, Meta(ge=0, le=MAX_LINES)]
    snapshot: BatchId | None = None
    is_final: bool = False
    is_confirmed: bool = False


_NAMES = {field.encode_name.lower(): field.encode_name for field in msgspec.structs.fields(BatchHeaders)}


@get(_DATASET, opt={"scope": "exports:read"}, sync_to_thread=True)
def read_rows(request: HubRequest) -> Response[bytes]:
    """Answer a dataset's lines, for the apps."""
    query = query_of(request, RowsQuery)
    caller, store = caller_of(request), store_of(request)
    page = export_feed.page(store, caller.company, _dataset(request), query.cursor, query.limit, if_none_match(request))
    return cached_response(request, page)


@put(_BATCH, opt=_WRITE, status_code=201)
async def put_batch(request: HubRequest) -> Response[bytes]:
    """Answer a batch of a dataset's lines, from an agent."""
    upload = _announced_upload(request)
    body = await body_of(request, MEDIA_TYPE, _NDJSON)
    return await sync_to_thread(_ingest, request, msgspec.structs.replace(upload, body=body))


@get(_BATCH, opt=_WRITE, sync_to_thread=True)
def read_batch(request: HubRequest) -> Response[bytes]:
    """Answer again what was answered to a batch."""
    company, batch = caller_of(request).company, request.path_params["batch_id"]
    answer = uploads.answer_of(store_of(request), company, _dataset(request), batch)
    if answer is None:
        raise ProblemError("not_found")
    return json_response(request, answer)


@get(_SENT, opt=_WRITE, sync_to_thread=True)
def read_upload_states(request: HubRequest) -> Response[bytes]:
    """Answer what this token's name has sent, of every dataset."""
    caller = caller_of(request)
    return json_response(request, uploads.upload_states(store_of(request), caller.company, caller.destination))


ROUTES = (read_rows, put_batch, read_batch, read_upload_states)


def _dataset(request: HubRequest) -> Dataset:
    found = DATASETS.get((request.path_params["system"], request.path_params["dataset"]))
    if found is None:
        raise ProblemError("not_found", detail="Esta central não conhece este sistema ou este conjunto de dados.")
    return found


def _announced_upload(request: HubRequest) -> uploads.Upload:
    """Return what the address and the headers say of a batch, its body still to come. Raises ProblemError."""
    dataset = _dataset(request)
    digest = _DIGEST.search(request.headers.get("content-digest", ""))
    if digest is None:
        raise invalid("/Content-Digest", "pattern" if "content-digest" in request.headers else "required")
    announced: dict[str, Any] = {_NAMES[name]: value for name, value in request.headers.items() if name in _NAMES}
    try:
        batch = msgspec.convert(request.path_params["batch_id"], BatchId)
        headers = msgspec.convert(announced, BatchHeaders, strict=False)
    except msgspec.ValidationError as error:
        pointer, code = validation.fault(error)
        raise invalid(pointer or "/batch_id", code) from None
    if headers.is_final and headers.snapshot is None:
        raise invalid("/Omnisync-Snapshot", "required")
    told = msgspec.structs.asdict(headers)
    return uploads.Upload(dataset=dataset, batch=batch, digest=digest[1], body=b"", is_gzip=is_gzip(request), **told)


def _ingest(request: HubRequest, upload: uploads.Upload) -> Response[bytes]:
    caller = caller_of(request)
    answer, is_new = uploads.ingest_batch(
        store_of(request), caller.company, caller.destination, upload, now_of(request)
    )
    return json_response(request, answer, status=201 if is_new else 200)
