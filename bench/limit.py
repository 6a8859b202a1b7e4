"""The yardstick: a bare script that brings the same pages into the same tables as fast as we know how.

It decodes with orjson and upserts with executemany, one transaction a page; an item that left its order is removed.
No checks, no bindings, no receipts: a wrong record enters, a row the ERP took away comes back, two runs may meet.

    python bench/limit.py --hub URL --database FILE --cursors FILE [--token TOKEN]
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

Json = dict[str, Any]
STREAMS = {
    "customer": "kinds=customer",
    "order:0001": "kinds=order&establishment=0001",
    "order:0002": "kinds=order&establishment=0002",
}
CUSTOMER = (
    "id_externo tipo_pessoa tipo_documento documento nome nome_fantasia contribuinte_icms inscricao_estadual email "
    "telefone logradouro numero_endereco complemento bairro cidade_ibge cidade uf cep vendedor tabela_preco "
    "condicao_pagamento ativo observacoes"
)
ORDER = (
    "id_externo cliente situacao numero_omniforce tipo estabelecimento vendedor tabela_preco condicao_pagamento "
    "emitido_em entrega_em pedido_cliente frete_modo transportadora valor_itens desconto acrescimo frete seguro "
    "outras_despesas total observacoes"
)
ITEM = (
    "pedido id_externo linha produto descricao gtin ncm unidade quantidade preco valor_bruto desconto acrescimo ipi st "
    "total bonificacao observacoes"
)
PAYMENT = "pedido id_externo linha meio tipo_nfe valor vencimento parcela parcelas bandeira autorizacao"
STATES = {"confirmed": "aberto", "cancelled": "cancelado"}


def pages(http: HTTPConnection, token: str, query: str, cursor: str) -> Iterator[tuple[list[Json], str]]:
    """The records of each page of a stream after the cursor, and the page's own cursor."""
    headers = {"Authorization": f"Bearer {token}", "Omnisync-Contract": "1"}
    while True:
        http.request(
            "GET", f"/v1/changes?{query}&limit=1000" + (f"&cursor={cursor}" if cursor else ""), headers=headers
        )
        page = orjson.loads(http.getresponse().read())
        cursor = page["cursor"]
        yield [change["data"] for change in page["changes"]], cursor
        if not page["has_more"]:
            return


def upsert(table: str, names: str, key: int) -> str:
    """Insert or, where a column differs, update; the first `key` columns are the key."""
    columns = names.split()
    rest = columns[key:]
    sets = ", ".join(f"{name} = excluded.{name}" for name in rest)
    differs = " OR ".join(f"{table}.{name} IS NOT excluded.{name}" for name in rest)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT ({', '.join(columns[:key])}) DO UPDATE SET {sets} WHERE {differs}"
    )


def customer_row(c: Json) -> tuple[object, ...]:
    """A customer as `clientes` keeps it."""
    g = c.get
    phones, places = g("phones"), g("addresses") or [{}]
    a = next((place for place in places if place.get("kind") == "main"), places[0]).get
    return (
        *(c["id"], c["person_kind"], c["document_kind"], g("document"), c["name"], g("trade_name"), c["icms_kind"]),
        *(g("state_registration"), g("email"), phones[0]["number"] if phones else None),
        *(a("street"), a("number"), a("complement"), a("district"), a("city_code"), a("city"), a("state")),
        *(a("postal_code"), g("seller_code"), g("price_table_code"), g("payment_terms_code")),
        *(g("is_active", True), g("notes")),
    )


def order_row(o: Json, customers: dict[str, int]) -> tuple[object, ...]:
    """An order as `pedidos` keeps it. Its moment comes with the company's own offset: no zone to reckon."""
    g, t, f = o.get, o["totals"].get, o["freight"].get
    at = o["issued_at"]
    return (
        *(o["id"], customers[o["customer"]["id"]], STATES[o["status"]], o["number"], o["type"]),
        *(o["establishment_code"], g("seller_code"), g("price_table_code"), o["payment_terms"].get("code")),
        *(f"{at[:10]} {at[11:19]}", g("delivery_on"), g("customer_order_number"), f("mode"), f("carrier_name")),
        *(t("items_amount"), t("discount_amount", "0.00"), t("surcharge_amount", "0.00"), t("freight_amount", "0.00")),
        *(t("insurance_amount", "0.00"), t("other_amount", "0.00"), t("total_amount"), g("notes")),
    )


def item_row(number: int, i: Json) -> tuple[object, ...]:
    """An item as `itens_pedido` keeps it."""
    g = i.get
    return (
        *(number, i["id"], i["line"], i["product_code"], i["product_name"], g("gtin"), g("ncm"), i["unit"]),
        *(i["quantity"], i["list_price"], i["gross_amount"], g("discount_amount", "0.00")),
        *(g("surcharge_amount", "0.00"), g("ipi_amount", "0.00"), g("st_amount", "0.00"), i["total_amount"]),
        *(g("is_bonus", False), g("notes")),
    )


def payment_row(number: int, p: Json) -> tuple[object, ...]:
    """An instalment as `formas_pagamento` keeps it."""
    g = p.get
    return (
        *(number, p["id"], p["line"], p["method_code"], p["method_kind"], p["amount"], p["due_on"]),
        *(g("installment", 1), g("installments", 1), g("card_brand"), g("authorization")),
    )


def keys_of(db: sqlite3.Connection, table: str, key: str, ids: Iterable[str]) -> dict[str, int]:
    """The ERP's own numbers of these records."""
    among = orjson.dumps(list(ids)).decode()
    asked = f"SELECT id_externo, {key} FROM {table} WHERE id_externo IN (SELECT value FROM json_each(?))"
    return dict(db.execute(asked, (among,)))


def write_orders(db: sqlite3.Connection, orders: list[Json]) -> None:
    """The orders of one page with their items and payments."""
    customers = keys_of(db, "clientes", "codigo", {order["customer"]["id"] for order in orders})
    db.executemany(upsert("pedidos", ORDER, 1), [order_row(order, customers) for order in orders])
    numbers = keys_of(db, "pedidos", "numero", [order["id"] for order in orders])
    numbered = [(numbers[order["id"]], order) for order in orders]
    for table, columns, rows in (
        ("itens_pedido", ITEM, [item_row(n, item) for n, order in numbered for item in order["items"]]),
        ("formas_pagamento", PAYMENT, [payment_row(n, p) for n, order in numbered for p in order.get("payments", ())]),
    ):
        among = orjson.dumps(list(numbers.values())).decode()
        asked = f"SELECT pedido, id_externo FROM {table} WHERE pedido IN (SELECT value FROM json_each(?))"
        gone = set(db.execute(asked, (among,))) - {row[:2] for row in rows}
        db.executemany(f"DELETE FROM {table} WHERE pedido = ? AND id_externo = ?", gone)
        db.executemany(upsert(table, columns, 2), rows)


def main() -> None:
    """Bring everything after the cursors of the last time, if there was one."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--hub", required=True)
    words.add_argument("--database", required=True)
    words.add_argument("--cursors", type=Path, required=True)
    words.add_argument("--token", default="")
    given = words.parse_args()
    cursors: dict[str, str] = orjson.loads(given.cursors.read_bytes()) if given.cursors.exists() else {}
    http = HTTPConnection(urlsplit(given.hub).netloc)
    db = sqlite3.connect(given.database, isolation_level=None)
    db.executescript(
        "PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
        "PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY;"
    )
    for stream, query in STREAMS.items():
        for lot, cursor in pages(http, given.token, query, cursors.get(stream, "")):
            db.execute("BEGIN IMMEDIATE")
            if stream == "customer":
                db.executemany(upsert("clientes", CUSTOMER, 1), map(customer_row, lot))
            elif lot:
                write_orders(db, lot)
            db.execute("COMMIT")
            cursors[stream] = cursor
    given.cursors.write_bytes(orjson.dumps(cursors))
    db.close()


if __name__ == "__main__":
    main()
