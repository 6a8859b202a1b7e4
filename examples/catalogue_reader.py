"""Keeps an app's own copy (SQLite) of what a company's ERP sends out, by docs/contract.md alone. Standard library only.

OMNISYNC_TOKEN=… python3 examples/catalogue_reader.py https://central.example copy.db omniforce/products
"""

import json
import os
import sqlite3
import sys
import urllib.error
import urllib.request
from urllib.parse import urlencode

HUB, COPY, DATASETS = sys.argv[1].rstrip("/"), sqlite3.connect(sys.argv[2]), sys.argv[3:]
TOKEN = {"Authorization": f"Bearer {os.environ['OMNISYNC_TOKEN']}"}  # noqa: TID251
COPY.execute("CREATE TABLE IF NOT EXISTS row (dataset, key, data, PRIMARY KEY (dataset, key))")
COPY.execute("CREATE TABLE IF NOT EXISTS place (dataset PRIMARY KEY, cursor, etag)")


def read(dataset: str) -> bool:
    """Bring the copy one page further, the page and its place in one transaction; whether there is more to read."""
    place = COPY.execute("SELECT cursor, etag FROM place WHERE dataset = ?", (dataset,)).fetchone() or ("", "")
    query = urlencode({"cursor": place[0]}) if place[0] else ""
    request = urllib.request.Request(f"{HUB}/v1/exports/{dataset}?{query}", headers=TOKEN | {"If-None-Match": place[1]})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            page, etag = json.load(answer), answer.headers.get("ETag", "")
    except urllib.error.HTTPError as error:
        if error.code == 410:  # the hub was restored: begin again, and what it does not send is gone
            with COPY:
                COPY.execute("DELETE FROM row WHERE dataset = ?", (dataset,))
                COPY.execute("DELETE FROM place WHERE dataset = ?", (dataset,))
        elif error.code != 304:  # nothing new; on 429 and 503 come again after Retry-After
            raise
        return error.code == 410
    with COPY:
        for line in page["lines"]:
            COPY.execute("DELETE FROM row WHERE dataset = ? AND key = ?", (dataset, line["key"]))
            if line["op"] == "upsert":
                COPY.execute("INSERT INTO row VALUES (?, ?, ?)", (dataset, line["key"], json.dumps(line["data"])))
        COPY.execute("INSERT OR REPLACE INTO place VALUES (?, ?, ?)", (dataset, page["cursor"], etag))
    return bool(page["has_more"])


for name in DATASETS:
    while read(name):
        pass
