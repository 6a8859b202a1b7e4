"""Small layouts as texts, compiled without a database: good ones, to be spoiled or asked for rows."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.schema import read_layout

ZONE = ZoneInfo("America/Sao_Paulo")
HEAD = 'name = "x"\ndescription = "x"\ndatabases = ["sqlite"]\n'
CUSTOMER = """
[customer]
table = "cli"
key = "cod"
external_id = "id_app"
[customer.columns]
id_app = "id"
nome = "name"
"""
ORDER = """
[order]
table = "ped"
key = "num"
external_id = "id_app"
[order.columns]
id_app = "id"
total = "totals.total_amount"
"""
ITEM = """
[item]
table = "ite"
parent = "num"
identity = "line"
line = "seq"
[item.columns]
seq = "line"
produto = "product_code"
"""
GOOD = HEAD + CUSTOMER + ORDER + ITEM


def compiled(text: str = GOOD, mappings: Mapping[str, Mapping[str, str]] | None = None) -> Layout:
    """The layout of this text."""
    return compile_layout(read_layout(text), ZONE, mappings or {})


def with_changes(*changes: tuple[str, str], text: str = GOOD) -> str:
    """The layout's text with these words replaced, each once."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
