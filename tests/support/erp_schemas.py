"""The SQL of the layouts' databases: each with the tables an ERP of that layout would have."""

from __future__ import annotations

from pathlib import Path

from omnisync.demo.erp import tables

_FOLDER = Path(__file__).parent / "schemas"


def schema(layout: str, brand: str) -> str:
    """Return the SQL that makes an empty database of this brand for a shipped layout."""
    if (layout, brand) == ("padrao", "sqlite"):
        return tables()
    return (_FOLDER / f"{layout}_{brand}.sql").read_text(encoding="utf-8")
