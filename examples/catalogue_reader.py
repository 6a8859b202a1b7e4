#!/usr/bin/env python3
"""Keeps an app's own copy of what a company's ERP sends out, by docs/contract.md alone. Standard library only.

    OMNISYNC_TOKEN=… python3 examples/catalogue_reader.py https://central.example copy.db omniforce/products

`copy.db` (SQLite) holds the rows by dataset and key, and how far each dataset was read: both move together.
"""

import gzip
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

HUB, COPY, DATASETS = sys.argv[1].rstrip("/"), sqlite3.connect(sys.argv[2]), sys.argv[3:]
HEADERS = {"Authorization": f"Bearer {os.environ['OMNISYNC_TOKEN']}", "Accept-Encoding": "gzip"}  # noqa: TID251
COPY.execute("CREATE TABLE IF NOT EXISTS row (dataset, key, data, PRIMARY KEY (dataset, key))")
COPY.execute("CREATE TABLE IF NOT EXISTS cursor (dataset PRIMARY KEY, cursor)")


def page(dataset: str, cursor: str) -> Any:
    """The next lines; None when the cursor has expired (410). Waits as long as the hub asks (429, 503)."""
    query = urllib.parse.urlencode({"cursor": cursor} if cursor else {})
    request = urllib.request.Request(f"{HUB}/v1/exports/{dataset}?{query}", headers=HEADERS)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
            return json.loads(gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body)
    except urllib.error.HTTPError as error:
        if error.code not in (410, 429, 503):
            raise
        if error.code == 410:
            return None
        time.sleep(int(error.headers.get("Retry-After", "5")))  # noqa: TID251
        return page(dataset, cursor)


def read(dataset: str) -> None:
    """Bring the copy of one dataset up to date, a page and its cursor in one transaction."""
    has_more = True
    while has_more:
        found = COPY.execute("SELECT cursor FROM cursor WHERE dataset = ?", (dataset,)).fetchone()
        new = page(dataset, found[0] if found else "")
        with COPY:
            if new is None:  # the hub was restored: what it does not send again is gone
                COPY.execute("DELETE FROM row WHERE dataset = ?", (dataset,))
                COPY.execute("DELETE FROM cursor WHERE dataset = ?", (dataset,))
                continue
            for line in new["lines"]:
                COPY.execute("DELETE FROM row WHERE dataset = ? AND key = ?", (dataset, line["key"]))
                if line["op"] == "upsert":
                    data = json.dumps(line["data"], ensure_ascii=False)
                    COPY.execute("INSERT INTO row VALUES (?, ?, ?)", (dataset, line["key"], data))
            COPY.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (dataset, new["cursor"]))
        has_more = new["has_more"]


for name in DATASETS:
    read(name)
COPY.close()
