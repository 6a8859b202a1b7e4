"""The layouts that are shipped, and the schemas of the databases they were made for."""

from __future__ import annotations

from importlib.resources import files


def schema(name: str) -> str:
    """Return the SQL that makes an empty database for a layout."""
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")
