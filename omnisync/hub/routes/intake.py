"""The route of the intake: apps send records in."""

from __future__ import annotations

from litestar import Response, post
from litestar.concurrency import sync_to_thread

from omnisync.contract.feed import IntakeAnswer
from omnisync.hub import intake
from omnisync.hub.requests import body_of, caller_of, decoded_body, now_of, store_of
from omnisync.hub.responses import HubRequest, json_response


@post("/v1/records", opt={"scope": "records:write"}, status_code=200)
async def receive_records(request: HubRequest) -> Response[bytes]:
    """Receive the records of an app."""
    body = await body_of(request)
    return await sync_to_thread(_receive_records, request, body)


ROUTES = (receive_records,)


def _receive_records(request: HubRequest, body: bytes) -> Response[bytes]:
    records = intake.records_of(decoded_body(request, body))
    results = intake.ingest(store_of(request), caller_of(request).company, records, now_of(request))
    return json_response(request, IntakeAnswer(results=tuple(results)))
