"""The contract as OpenAPI 3.1, made from the same structs that read and write it.

Not the framework's own generator: answers are stored bytes, and the strict twins of `shape` carry the patterns of
decimals and ids that the fast structs leave out.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from omnisync.contract import CONTRACT, batches
from omnisync.contract import feed as contract
from omnisync.contract import problems as contract_problems
from omnisync.contract.datasets import DATASETS
from omnisync.contract.records import Customer, Order
from omnisync.contract.validation import strict

_REF = "#/components/schemas/{name}"
_STRUCTS: tuple[type[Struct], ...] = (
    Customer,
    Order,
    contract.Page,
    contract.Streams,
    contract.RecordsAnswer,
    contract.RecordAnswer,
    contract.Identity,
    contract.Lease,
    contract.ReceiptBatch,
    contract.ReceiptAnswer,
    contract.IntakeBatch,
    contract.IntakeAnswer,
    batches.ExportPage,
    batches.BatchAnswer,
    batches.UploadStates,
    contract_problems.Problem,
    *(dataset.kind for dataset in DATASETS.values()),
)
_ALWAYS = (
    "unauthorized",
    "token_revoked",
    "company_suspended",
    "agent_too_old",
    "rate_limited",
    "maintenance",
    "internal",
)
_READING = (*_ALWAYS, "scope_missing", "validation")
_CURSOR = (*_READING, "cursor_invalid", "cursor_filter_mismatch", "cursor_expired")
_WRITING = (*_READING, "batch_too_large", "unsupported_media")
_UPLOADING = (*_WRITING, "not_found", "batch_conflict", "batch_damaged")


_CODE = {"type": "string", "pattern": "^[!-~]{1,10}$"}
_BATCH_ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,60}$"}
_DIGEST = "^sha-256=:[A-Za-z0-9+/]{43}=:$"
_LINES = {
    "type": "string",
    "description": "One Upsert or Delete a line, its data as the dataset's own schema says.",
    "contentMediaType": batches.MEDIA_TYPE,
}


@cache
def document() -> bytes:
    """Return the whole document as JSON."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Omnisync hub", "version": CONTRACT},
            "paths": _paths(),
            "components": {
                "schemas": _schemas(),
                "securitySchemes": {"company_token": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{"company_token": []}],
        }
    )


def _paths() -> dict[str, Any]:
    after = [_list("after", {"pattern": "^.+:[A-Za-z0-9_-]+$"})]
    one = [_parameter("record_id", where="path", required=True)]
    return {
        "/health": {"get": _route("Liveness", _any(), ("maintenance", "internal"), is_open=True)},
        "/v1": {"get": _route("Who am I", _ref("Identity"), _ALWAYS)},
        "/v1/streams": {
            "get": _route(
                "Streams and what waits in them",
                _ref("Streams"),
                _CURSOR,
                after,
                is_cached=True,
            )
        },
        "/v1/changes": {
            "get": _route("The feed", _ref("Page"), (*_CURSOR, "establishment_busy"), _changes_query(), is_cached=True)
        },
        "/v1/leases/{establishment}": {
            "put": _route(
                "Take an establishment over from another computer",
                _ref("Lease"),
                (*_READING, "establishment_unknown"),
                [_parameter("establishment", _CODE, where="path", required=True)],
            )
        },
        "/v1/records": {
            "get": _route("Several records now", _ref("RecordsAnswer"), _READING, _records_query()),
            "post": _route("The intake", _ref("IntakeAnswer"), _WRITING, body=_ref("IntakeBatch")),
        },
        "/v1/customers/{record_id}": {
            "get": _route("One customer now", _ref("RecordAnswer"), (*_READING, "not_found", "gone"), one)
        },
        "/v1/orders/{record_id}": {
            "get": _route("One order now", _ref("RecordAnswer"), (*_READING, "not_found", "gone"), one)
        },
        "/v1/receipts": {"post": _route("Receipts", _ref("ReceiptAnswer"), _WRITING, body=_ref("ReceiptBatch"))},
        **_exports(),
        "/v1/openapi.json": {"get": _route("This document", _any(), ("internal",), is_open=True)},
    }


def _exports() -> dict[str, Any]:
    dataset = [
        _parameter(name, {"enum": sorted({key[n] for key in DATASETS})}, where="path", required=True)
        for n, name in enumerate(("system", "dataset"))
    ]
    query = [
        _parameter("cursor", {"type": "string", "maxLength": 200}),
        _parameter("limit", {"type": "integer", "minimum": 1, "maximum": batches.MAX_ROWS}),
    ]
    named = _parameter("batch_id", _BATCH_ID, where="path", required=True)
    answer = _ref("BatchAnswer")
    taken = _route("A batch of lines, from an agent", answer, _UPLOADING, [*dataset, named, *_batch_headers()])
    taken["responses"]["200"]["description"] = "The same batch again: nothing was done"
    taken["responses"]["201"] = {"description": "Taken in", "content": _json(answer)}
    taken["requestBody"] = {"required": True, "content": {batches.MEDIA_TYPE: {"schema": _LINES}}}
    return {
        "/v1/exports": {"get": _route("What this token's name has sent", _ref("UploadStates"), _READING)},
        "/v1/exports/{system}/{dataset}": {
            "get": _route(
                "A dataset's lines", _ref("ExportPage"), (*_CURSOR, "not_found"), [*dataset, *query], is_cached=True
            )
        },
        "/v1/exports/{system}/{dataset}/batches/{batch_id}": {
            "put": taken,
            "get": _route("What was answered to a batch", answer, (*_READING, "not_found"), [*dataset, named]),
        },
    }


def _batch_headers() -> list[dict[str, Any]]:
    """Return what a batch says of itself beside its body: how much it is, and whether it is part of a snapshot."""
    flag = {"type": "boolean"}
    return [
        _parameter("Content-Digest", {"type": "string", "pattern": _DIGEST}, where="header", required=True),
        _parameter(
            "Omnisync-Lines",
            {"type": "integer", "minimum": 0, "maximum": batches.MAX_LINES},
            where="header",
            required=True,
        ),
        _parameter("Omnisync-Snapshot", _BATCH_ID, where="header"),
        _parameter("Omnisync-Final", flag, where="header"),
        _parameter("Omnisync-Confirmed", flag, where="header"),
    ]


def _changes_query() -> list[dict[str, Any]]:
    return [
        _parameter("kinds", {"enum": ["customer", "order"]}, required=True),
        _parameter("establishment", _CODE),
        _parameter("cursor", {"type": "string", "maxLength": 200}),
        _parameter("customers_until", {"type": "string", "maxLength": 200}),
        _parameter("limit", {"type": "integer", "minimum": 1, "maximum": contract.MAX_PAGE}),
    ]


def _records_query() -> list[dict[str, Any]]:
    ids = _list("ids", minItems=1, maxItems=contract.MAX_RECORDS) | {"required": True}
    return [_parameter("kind", {"enum": ["customer", "order"]}, required=True), ids]


def _route(
    summary: str,
    answer: dict[str, Any],
    codes: tuple[str, ...],
    parameters: list[dict[str, Any]] | None = None,
    *,
    body: dict[str, Any] | None = None,
    is_open: bool = False,
    is_cached: bool = False,
) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "OK", "content": _json(answer)}}
    if is_cached:
        responses["304"] = {"description": "Nothing new since the ETag in If-None-Match"}
    route: dict[str, Any] = {"summary": summary, "responses": responses | _problems(codes)}
    if parameters:
        route["parameters"] = parameters
    if body:
        route["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return route | ({"security": []} if is_open else {})


def _problems(codes: tuple[str, ...]) -> dict[str, Any]:
    """Return one response a status, its description naming the codes."""
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(contract_problems.PROBLEMS[code].status), []).append(code)
    content = {contract_problems.CONTENT_TYPE: {"schema": _ref("Problem")}}
    return {status: {"description": ", ".join(names), "content": content} for status, names in by_status.items()}


def _schemas() -> dict[str, Any]:
    twins = [strict(struct) for struct in _STRUCTS]
    _, schemas = msgspec.json.schema_components(twins, ref_template=_REF)
    schemas["Change"]["properties"]["data"] = {"oneOf": [_ref("Customer"), _ref("Order"), {"type": "null"}]}
    rows = sorted(dataset.kind.__name__ for dataset in DATASETS.values())
    schemas["Upsert"]["properties"]["data"] = {"anyOf": [_ref(name) for name in rows]}
    # Each record is a Change; one that is not is answered for alone, so the batch as a whole takes anything.
    schemas["IntakeBatch"]["properties"]["records"]["items"] = {"anyOf": [_ref("Change"), {}]}
    return schemas


def _parameter(
    name: str, schema: dict[str, Any] | None = None, *, where: str = "query", required: bool = False
) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema or {"type": "string"}}


def _list(name: str, items: dict[str, Any] | None = None, **limits: int) -> dict[str, Any]:
    return _parameter(name, {"type": "array", "items": {"type": "string", **(items or {})}, **limits})


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REF.format(name=name)}


def _any() -> dict[str, Any]:
    return {"type": "object"}
