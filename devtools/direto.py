"""The registers of an ERP of the layout `direto`: what its own people keep there before any order comes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from devtools.erp_schemas import description
from omnisync.demo import seed_data

PRODUCTS = {"000001": "PAO FRANCES", "000002": "SONHO", "000003": "BROA"}
"""What tests sell, beside the sample's own products."""


def products() -> list[tuple[str, str]]:
    """Every product: code and name."""
    known = PRODUCTS | {product.code: product.name.upper() for product in seed_data.PRODUCTS}
    return [(code, name[:60]) for code, name in known.items()]


def registers() -> Iterator[tuple[str, str, Sequence[tuple[Any, ...]]]]:
    """Yield each table, its columns and its rows: products, cities, sellers, methods of payment."""
    yield "PRODUTO", "PRO_CODIGO PRO_NOME", products()
    cities = {city.code: (n, city.name.upper(), city.state, city.code) for n, city in enumerate(seed_data.CITIES, 1)}
    yield "CIDADE", "CID_CODIGO CID_NOME CID_UF CID_IBGE", list(cities.values())
    sellers = [(f"{n:03}", code, name.upper()) for n, (code, name) in enumerate(seed_data.SELLERS.items(), 1)]
    yield "VENDEDOR", "VEN_CODIGO VEN_SIGLA VEN_NOME", sellers
    yield "FORMA_PAGTO", "FPG_CODIGO FPG_SIGLA FPG_NOME", [("03", "CARTAO_CREDITO", "CARTAO DE CREDITO")]


def named(sql: str, kind: str) -> str:
    """Return the statement for this brand: names in capitals want quotes in PostgreSQL."""
    if kind != "postgresql":
        return sql
    return re.sub(r"'[^']*'|\b[A-Z_]+\b", lambda word: f'"{word[0]}"' if word[0] in _capitals() else word[0], sql)


@cache
def _capitals() -> frozenset[str]:
    return frozenset(re.findall(r'"([A-Z_]+)"', description("direto")))
