"""dlt 1.31.0: pages read by its own client, merged by primary key; items and payments are nested lists of the orders.

Columns are made by the same functions as everywhere. Its cursors are in its own state. Its tables have no foreign keys
and no numbers of the ERP's.

    python bench/peers/dlt_load.py --hub URL --database URL --work FOLDER [--token TOKEN] [--again]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from bench import limit, rows
from bench.rows import COLUMNS, DECIMALS, INTEGERS, Json, Values

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "WARNING",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
    "DATA_WRITER__FILE_MAX_ITEMS": "100000",
    "NORMALIZE__WORKERS": "2",
}
MERGE = {"disposition": "merge", "strategy": "delete-insert"}


def columns(table: str, *, is_sqlite: bool) -> dict[str, dict[str, Any]]:
    """Return dlt's types of a table's columns; it guesses those of the whole numbers."""
    named = [name for name in COLUMNS[table] if name not in INTEGERS and name != "pedido"]
    types: dict[str, dict[str, Any]] = {name: {"name": name, "data_type": "text"} for name in named}
    for name in () if is_sqlite else DECIMALS[table]:
        scale = 10 if name == "preco" else 4 if name == "quantidade" else 2
        types[name] = {"name": name, "data_type": "decimal", "precision": 21, "scale": scale}
    return types


def nested_order(order: Json) -> Json:
    """Return an order as a row that holds the rows of its items and payments."""
    customer = order["customer"]["id"]
    (row,) = rows.order_rows([order], {customer: customer})
    return _named("pedidos", row) | {
        "itens": [_named("itens_pedido", line) for line in rows.item_rows([order], {order["id"]: None})],
        "formas": [_named("formas_pagamento", line) for line in rows.payment_rows([order], {order["id"]: None})],
    }


def _named(table: str, row: Values) -> Json:
    named = dict(zip(COLUMNS[table], row, strict=True))
    named.pop("pedido", None)
    return named


def run(given: argparse.Namespace) -> None:
    """Run the pipeline once. dlt is imported here: it reads its settings from the environment when it is."""
    import dlt
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

    is_sqlite = given.database.startswith("sqlite")

    class Pages(JSONResponseCursorPaginator):  # type: ignore[misc]  # dlt is not among our dependencies
        """The contract always gives a cursor; `has_more` says whether to go on."""

        def update_state(self, response: Any, data: Any = None) -> None:
            """Take the cursor of a page that was decoded already."""
            self._next_reference = data[0]["cursor"] if data[0]["has_more"] else None

    def changes(stream: str) -> Iterator[list[Json]]:
        cursors = dlt.current.resource_state().setdefault("cursors", {})
        params: dict[str, Any] = dict(parse_qsl(limit.STREAMS[stream])) | {"limit": 1000}
        if stream in cursors and not given.again:
            params["cursor"] = cursors[stream]
        pager = Pages(cursor_path="cursor", cursor_param="cursor")
        headers = {"Authorization": f"Bearer {given.token}", "Omnisync-Contract": "1"}
        client = RESTClient(base_url=given.hub, headers=headers, paginator=pager)
        for [page] in client.paginate("/v1/changes", params=params, data_selector="$", paginator=pager):
            yield [change["data"] for change in page["changes"]]
            cursors[stream] = page["cursor"]

    def customers() -> Iterator[list[Json]]:
        for lot in changes("customer"):
            yield [_named("clientes", row) for row in rows.customer_rows(lot)]

    def orders() -> Iterator[list[Json]]:
        for stream in limit.STREAMS:
            if stream != "customer":
                yield from ([nested_order(order) for order in lot] for lot in changes(stream))

    def typed(table: str) -> dict[str, Any]:
        return {"columns": columns(table, is_sqlite=is_sqlite)}

    merged: dict[str, Any] = {"primary_key": "id_externo", "write_disposition": MERGE}
    nested = {"itens": typed("itens_pedido"), "formas": typed("formas_pagamento")}
    sources = [
        dlt.resource(customers, name="clientes", **merged, **typed("clientes")),
        dlt.resource(orders, name="pedidos", **merged, **typed("pedidos"), nested_hints=nested),
    ]
    destinations = dlt.destinations
    target = (destinations.sqlalchemy if is_sqlite else destinations.postgres)(credentials=given.database)
    dataset = "main" if is_sqlite else "public"
    pipeline = dlt.pipeline("bench", destination=target, dataset_name=dataset, pipelines_dir=given.work)
    pipeline.run(sources, loader_file_format=None if is_sqlite else "csv")


def main() -> None:
    """Bring everything after dlt's own cursors, or with --again everything."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--hub", "--database", "--work"):
        words.add_argument(name, required=True)
    words.add_argument("--token", default="")
    words.add_argument("--again", action="store_true")
    given = words.parse_args()
    workers = {"LOAD__WORKERS": "1" if given.database.startswith("sqlite") else "4"}
    os.environ.update(SETTINGS | workers)  # noqa: TID251  # dlt is set up by nothing else
    run(given)


if __name__ == "__main__":
    main()
