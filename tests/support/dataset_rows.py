"""Rows of every dataset for tests, as an agent would send them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from hashlib import sha1
from typing import Any

import httpx

from omnisync.contract import batches
from omnisync.contract.datasets import DATASETS, Dataset, key

ROWS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("omniforce", "establishments"): {"code": "0001", "name": "FABRICA VEVO", "document": "12ABC34501DE35"},
    ("omniforce", "products"): {
        "code": "000123",
        "name": "Tinta acrílica fosca branco neve 18 L",
        "unit": "UN",
        "ncm": "32091010",
        "gtin": "7898357410015",
        "brand": "Vevo",
        "group": "Tintas",
        "package_quantity": "1.0000",
    },
    ("omniforce", "price-tables"): {"code": "ATACADO", "name": "Atacado", "valid_from": "2026-01-01"},
    ("omniforce", "prices"): {
        "table_code": "ATACADO",
        "product_code": "000123",
        "price": "289.9000000000",
        "min_price": "260.00",
        "max_discount_percent": "10.5",
    },
    ("omniforce", "stock"): {
        "establishment_code": "0001",
        "product_code": "000123",
        "on_hand": "-3.0000",
        "reserved": "2.0000",
        "available": "-5.0000",
        "measured_at": "2026-11-24T11:52:07-03:00",
    },
    ("omniforce", "payment-methods"): {"code": "BOLETO", "name": "Boleto bancário", "kind": "15"},
    ("omniforce", "payment-terms"): {
        "code": "306090",
        "name": "30/60/90",
        "days": [30, 60, 90],
        "min_order": "500.00",
        "down_payment_percent": "0",
    },
    ("omniforce", "customers"): {
        "erp_code": "00042",
        "hub_id": "cus_1",
        "name": "Padaria São João Ltda",
        "document_kind": "cnpj",
        "document": "12ABC34501DE35",
        "phones": [{"kind": "mobile", "number": "11987654321"}],
        "addresses": [{"kind": "main", "street": "Avenida Paulista", "city_code": "3550308", "state": "SP"}],
        "credit_limit": "10000.00",
        "is_blocked": True,
        "block_reason": "Título vencido",
    },
    ("omniforce", "sellers"): {"code": "V012", "name": "Ana", "email": "ana@vevo.example", "supervisor_code": "V001"},
    ("omniforce", "receivables"): {
        "document": "000881",
        "installment": "1/3",
        "customer_erp_code": "00042",
        "issued_on": "2026-10-01",
        "due_on": "2026-11-01",
        "amount": "688.63",
        "balance": "688.63",
        "kind": "boleto",
        "is_overdue": True,
    },
    ("omniforce", "order-status"): {
        "order_id": "ord_1",
        "erp_number": "118204",
        "status": "invoiced",
        "invoice_number": "4821",
        "access_key": "35261112ABC34501DE3555001000004821100000001X",
        "at": "2026-11-24T11:52:07-03:00",
    },
    ("dash", "sales-facts"): {
        "invoice": "4821",
        "item": "1",
        "kind": "return",
        "establishment": "0001",
        "day": "2026-11-24",
        "customer_code": "00042",
        "city_code": "3550308",
        "product": "000123",
        "seller": "V012",
        "quantity": "6.0000",
        "gross": "1739.40",
        "discount": "86.97",
        "net": "1652.43",
        "cost": "1100.00",
    },
}
"""One sound row a dataset."""

STOCK, PRODUCTS = DATASETS["omniforce", "stock"], DATASETS["omniforce", "products"]


def key_of(dataset: Dataset, row: Mapping[str, Any]) -> str:
    """The row's key."""
    return key(*(row[name] for name in dataset.key))


def line(dataset: Dataset, row: Mapping[str, Any], version: str | None = None) -> bytes:
    """The row's upsert; its version is a hash of it, unless one is given."""
    data = json.dumps(row, ensure_ascii=False).encode()
    return batches.upsert_line(key_of(dataset, row), version or sha1(data).hexdigest(), data)


def product(code: str = "000123", **fields: Any) -> dict[str, Any]:
    """A product."""
    return {"code": code, "name": "Pincel chato", "unit": "UN"} | fields


def products(*codes: str, **fields: Any) -> list[bytes]:
    """The upserts of products that are alike but for their codes."""
    return [line(PRODUCTS, product(code, **fields)) for code in codes]


def stock(product_code: str = "000123", on_hand: str = "10.0000", establishment: str = "0001") -> dict[str, Any]:
    """What an establishment has of a product."""
    return {"establishment_code": establishment, "product_code": product_code, "on_hand": on_hand}


Headers = Mapping[str, str | None]


def put(
    client: httpx.Client, batch: str, *lines: bytes, dataset: Dataset = PRODUCTS, headers: Headers | None = None
) -> httpx.Response:
    """Upload the lines as one batch; a header given as None is left out."""
    body = gzip.compress(b"".join(one + b"\n" for one in lines), mtime=0)
    return put_body(client, batch, body, len(lines), dataset=dataset, headers=headers)


def put_body(
    client: httpx.Client,
    batch: str,
    body: bytes,
    n_lines: int,
    *,
    dataset: Dataset = PRODUCTS,
    headers: Headers | None = None,
) -> httpx.Response:
    """Upload these bytes as one batch."""
    told = {
        "Content-Type": batches.MEDIA_TYPE,
        "Content-Encoding": "gzip",
        "Content-Digest": batches.content_digest(body),
        "Omnisync-Lines": str(n_lines),
    } | dict(headers or {})
    sent = {name: value for name, value in told.items() if value is not None}
    return client.put(f"{path(dataset)}/batches/{batch}", content=body, headers=sent)


def path(dataset: Dataset) -> str:
    """Where a dataset is read."""
    return f"/v1/exports/{dataset.system}/{dataset.name}"


def delete(key: str) -> bytes:
    """The delete of a row."""
    return batches.delete_line(key)


def lines_of(client: httpx.Client, dataset: Dataset = PRODUCTS, limit: int = batches.MAX_ROWS) -> list[dict[str, Any]]:
    """Every line of a dataset, as an app reads them, page by page."""
    lines: list[dict[str, Any]] = []
    page: dict[str, Any] = {"has_more": True, "cursor": ""}
    while page["has_more"]:
        params = {"limit": str(limit)} | ({"cursor": page["cursor"]} if page["cursor"] else {})
        answer = client.get(path(dataset), params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        lines += page["lines"]
    return lines


def living(client: httpx.Client, dataset: Dataset = PRODUCTS) -> set[str]:
    """The keys that are there."""
    return {one["key"] for one in lines_of(client, dataset) if one["op"] == "upsert"}
