"""De/Para: which code of the app is which of the ERP. What the company says stands over what its layout says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from omnisync.agent.erp.layout.schema import DeParaKind, LayoutFile, Lookup, Mapped, column_form, columns_of

KINDS: tuple[DeParaKind, ...] = tuple(kind for kind in get_args(DeParaKind) if kind != "product")
"""A product the ERP does not know is registered there, not mapped by hand."""
UNMAPPED: Mapping[str, DeParaKind] = {f"{kind}_unmapped": kind for kind in KINDS}
"""The reason of a refused record → the group its code is missing in."""


def of_layout(layout: LayoutFile) -> dict[str, dict[str, str]]:
    """Return the groups a layout asks for, each with the codes it knows itself."""
    found: dict[str, dict[str, str]] = {}
    for where, columns in columns_of(layout):
        for name, written in columns.items():
            form = column_form(written, f"{where}.{name}")
            if isinstance(form, Mapped | Lookup) and form.de_para is not None:
                known = form.map if isinstance(form, Mapped) else {}
                found.setdefault(form.de_para, {}).update({code: str(value) for code, value in known.items()})
    return found
