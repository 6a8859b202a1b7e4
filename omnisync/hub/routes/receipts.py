"""The route of what became of the records: agents send their receipts."""

from __future__ import annotations

import msgspec
from litestar import Response, post
from litestar.concurrency import sync_to_thread

from omnisync.contract import validation
from omnisync.contract.feed import ReceiptAnswer, ReceiptBatch
from omnisync.hub import receipts
from omnisync.hub.errors import ProblemError, invalid
from omnisync.hub.requests import body_of, caller_of, decoded_body, store_of
from omnisync.hub.responses import HubRequest, json_response


@post("/v1/receipts", opt={"scope": "receipts:write"}, status_code=200)
async def receive_receipts(request: HubRequest) -> Response[bytes]:
    """Receive the receipts of an agent."""
    body = await body_of(request)
    return await sync_to_thread(_receive_receipts, request, body)


ROUTES = (receive_receipts,)


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
