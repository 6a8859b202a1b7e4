"""Sling 1.4.11, which loads files into tables: pages are read into four files of JSON lines, and it merges each.

Reading an HTTP API is a part of it that is paid for, and it makes no tables of nested lists; reading the pages is
counted, too. Its tables have no foreign keys and no numbers of the ERP's, and are not written in one transaction.

    python bench/peers/sling_load.py --sling PROGRAM --hub URL --database URL --cursors FILE [--token TOKEN]
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import orjson

from bench import page_reader, rows
from bench.rows import COLUMNS, DECIMALS, INTEGERS, N_KEYS, Json, Values


def write_page(files: Mapping[str, IO[bytes]], stream: str, lot: list[Json]) -> None:
    """Append the rows of a page, which name their parents by external id."""
    if stream == "customer":
        _append(files, "clientes", rows.customer_rows(lot))
        return
    orders = {order["id"]: order["id"] for order in lot}
    customers = {order["customer"]["id"]: order["customer"]["id"] for order in lot}
    _append(files, "pedidos", rows.order_rows(lot, customers))
    _append(files, "itens_pedido", rows.item_rows(lot, orders))
    _append(files, "formas_pagamento", rows.payment_rows(lot, orders))


def _append(files: Mapping[str, IO[bytes]], table: str, lot: list[Values]) -> None:
    for row in lot:
        files[table].write(orjson.dumps(dict(zip(COLUMNS[table], row, strict=True))) + b"\n")


def load(sling: str, database: str, table: str, file: Path) -> None:
    """Merge a file into its table. Types are said for each column: else it takes codes with zeros for numbers."""
    is_sqlite = database.startswith("sqlite")
    types = {name: "string" for name in COLUMNS[table] if name not in INTEGERS}
    if not is_sqlite:
        types |= dict.fromkeys(DECIMALS[table], "decimal")
    options = {"format": "jsonlines", "flatten": True, "columns": types}
    url = database.replace("sqlite:////", "sqlite:///") if is_sqlite else f"{database}?sslmode=disable"
    target = f"{'main' if is_sqlite else 'public'}.{table}"
    command = [sling, "run", "--src-stream", f"file://{file}", "--src-options", json.dumps(options)]
    command += ["--tgt-conn", "DEST", "--tgt-object", target, "--mode", "incremental"]
    command += ["--primary-key", ",".join(COLUMNS[table][: N_KEYS[table]])]
    inherited = os.environ  # noqa: TID251  # a child inherits it
    environ = {**inherited, "DEST": url, "SLING_DISABLE_TELEMETRY": "true"}
    subprocess.run(command, env=environ, check=True)


def main() -> None:
    """Bring everything after the cursors of the last time, if there was one."""
    words = page_reader.arguments(__doc__)
    words.add_argument("--sling", required=True)
    given = words.parse_args()
    cursors = page_reader.load_cursors(given.cursors)
    with TemporaryDirectory(prefix="sling-") as folder:
        paths = {table: Path(folder) / f"{table}.jsonl" for table in COLUMNS}
        files = {table: path.open("wb") for table, path in paths.items()}
        for stream, lot in page_reader.pages(given, cursors):
            write_page(files, stream, lot)
        for table, file in files.items():
            file.close()
            if paths[table].stat().st_size:
                load(given.sling, given.database, table, paths[table])
    page_reader.save_cursors(given.cursors, cursors)


if __name__ == "__main__":
    main()
