#!/usr/bin/env python3
"""An independent reader of the hub, by the contract alone (docs/contract.md). Standard library only.

    OMNISYNC_TOKEN=… python3 examples/reader.py https://central.example cursors.json > records.ndjson

Prints each new change once as a line of JSON, customers first; keeps in `cursors.json` how far each stream was read.
"""

import gzip
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

HUB, STATE = sys.argv[1].rstrip("/"), Path(sys.argv[2])
HEADERS = {"Authorization": f"Bearer {os.environ['OMNISYNC_TOKEN']}", "Accept-Encoding": "gzip"}  # noqa: TID251


def get(path: str, *params: tuple[str, str]) -> Any:
    """The JSON at `path`; None when the cursor has expired (410). Waits as long as the hub asks (429, 503)."""
    address = f"{HUB}{path}?{urllib.parse.urlencode(params)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=HEADERS), timeout=60) as answer:
            is_packed = answer.headers.get("Content-Encoding") == "gzip"
            return json.loads(gzip.decompress(answer.read()) if is_packed else answer.read())
    except urllib.error.HTTPError as error:
        if error.code not in (410, 429, 503):
            raise
        time.sleep(int(error.headers.get("Retry-After", "0")))  # noqa: TID251
        return None if error.code == 410 else get(path, *params)


def read(stream: str, cursors: dict[str, str], early: dict[str, int]) -> None:
    """Print what is new in one stream, page by page. `early` has customers that came with an order, by version."""
    kind, _, establishment = stream.partition(":")
    fixed = [("kinds", kind)] + ([("establishment", establishment)] if establishment else [])
    places, has_more = {"cursor": stream, "customers_until": "customer" if establishment else ""}, True
    while has_more:
        page = get("/v1/changes", *fixed, *((name, cursors[at]) for name, at in places.items() if at in cursors))
        if page is None:  # the hub was restored: begin again, versions may have gone back
            cursors.clear()
            early.clear()
            continue
        related = page.get("related", {}).get("customers", [])
        for change in related + page["changes"]:
            if early.get(change["kind"] + change["id"], 0) < change["version"]:
                print(json.dumps(change, ensure_ascii=False))
        early.update({change["kind"] + change["id"]: change["version"] for change in related})
        cursors[stream], has_more = page["cursor"], page["has_more"]
        STATE.write_text(json.dumps([cursors, early]))


known: list[dict[str, Any]] = json.loads(STATE.read_text()) if STATE.exists() else [{}, {}]
for name in ["customer", *sorted({head["stream"] for head in get("/v1/streams")["streams"]} - {"customer"})]:
    read(name, *known)
