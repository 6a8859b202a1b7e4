#!/usr/bin/env python3
"""An independent reader of the hub, by the contract alone (docs/contract.md). Standard library only.

    OMNISYNC_TOKEN=… python3 examples/reader.py https://central.example cursors.json > records.ndjson

Prints each new change as a line of JSON, customers first, and keeps in `cursors.json` how far each stream was read.
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
    """The JSON at `path`; None when the cursor has expired (410). Waits as long as the hub asks (409, 429, 503)."""
    request = urllib.request.Request(f"{HUB}{path}?{urllib.parse.urlencode(params)}", headers=HEADERS)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
            return json.loads(gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body)
    except urllib.error.HTTPError as error:
        if error.code == 410:
            return None
        if error.code not in (409, 429, 503):
            raise
        time.sleep(int(error.headers.get("Retry-After", "5")))  # noqa: TID251
        return get(path, *params)


def read(stream: str, cursors: dict[str, str]) -> None:
    """Print what is new in one stream, page by page, and remember the cursor after each page."""
    kind, _, establishment = stream.partition(":")
    fixed = [("kinds", kind)] + ([("establishment", establishment)] if establishment else [])
    while True:
        places = {"cursor": stream, "customers_until": "customer" if establishment else ""}
        page = get("/v1/changes", *fixed, *((name, cursors[at]) for name, at in places.items() if at in cursors))
        if page is None:  # the hub was restored: begin again, ids and versions make it harmless
            cursors.clear()
            continue
        for change in page.get("related", {}).get("customers", []) + page["changes"]:
            print(json.dumps(change, ensure_ascii=False))
        cursors[stream] = page["cursor"]
        STATE.write_text(json.dumps(cursors))
        if not page["has_more"]:
            return


known: dict[str, str] = json.loads(STATE.read_text()) if STATE.exists() else {}
names = [head["stream"] for head in get("/v1/streams")["streams"]]
for name in ["customer", *sorted(set(names) - {"customer"})]:
    read(name, known)
