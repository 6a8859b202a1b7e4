"""The export's yardstick: a bare script that sends a table's rows as fast as we know how.

It reads the query, encodes lines with orjson, packs them as we do and puts them to the same address. It remembers
nothing, checks nothing and never sends less than everything; a kill half-way leaves half.

    python bench/export_limit.py --hub URL --database FILE --sql SQL
"""

from __future__ import annotations

import argparse
import sqlite3
import zlib
from base64 import b64encode
from hashlib import sha256
from http.client import HTTPConnection
from urllib.parse import urlsplit

import orjson

BATCH, LEVEL = 10_000, 3


def main() -> None:
    """Send every row."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--hub", "--database", "--sql"):
        words.add_argument(name, required=True)
    given = words.parse_args()
    http = HTTPConnection(urlsplit(given.hub).netloc, timeout=60)
    cursor = sqlite3.connect(given.database).execute(given.sql)
    names = [column[0] for column in cursor.description]
    n = 0
    while rows := cursor.fetchmany(BATCH):
        lines = []
        for row in rows:
            data = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            if "measured_at" in data:
                data["measured_at"] = data["measured_at"].replace(" ", "T") + "-03:00"
            key = f"{data['establishment_code']}/{data['product_code']}"
            lines.append(orjson.dumps({"op": "upsert", "key": key, "version": "1", "data": data}))
        body = zlib.compress(b"\n".join(lines), LEVEL, wbits=31)
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Content-Digest": f"sha-256=:{b64encode(sha256(body).digest()).decode()}:",
            "Omnisync-Lines": str(len(lines)),
        }
        http.request("PUT", f"/v1/exports/omniforce/stock/batches/bare{n}", body=body, headers=headers)
        answer = http.getresponse()
        answer.read()
        if answer.status != 201:
            raise SystemExit(f"status {answer.status}")
        n += 1


if __name__ == "__main__":
    main()
