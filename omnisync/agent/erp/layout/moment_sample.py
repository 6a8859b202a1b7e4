"""One moment as the app has it and as a layout writes it: for a person to see whose hour lands in the ERP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo

import msgspec
from msgspec import Struct

from omnisync.agent.erp.layout.compiler import Compiler
from omnisync.agent.erp.layout.row_builder import LookupAnswers, UnconvertibleError, rows_of
from omnisync.agent.erp.layout.schema import LayoutFile
from omnisync.contract.feed import Change

_PATH = "issued_at"


class _Issued(Struct, frozen=True):
    """The part of an order that its moment is read from."""

    issued_at: datetime


class WrittenMoment(Struct, frozen=True):
    """A column of the ERP, and the text it gets of a moment."""

    column: str
    text: str


def written_moments(layout: LayoutFile, zone: tzinfo, moment: datetime) -> tuple[WrittenMoment, ...]:
    """Return what the layout makes of the moment of an order, by column; empty where it writes none."""
    sources = {name: source for name, source in layout.order.columns.items() if _is_of_moment(source)}
    columns = Compiler(zone, {}).columns("order", sources, "order.columns")
    [row] = rows_of(columns, [_Issued(moment)], LookupAnswers(None, [])) if columns else [()]
    if isinstance(row, UnconvertibleError):
        return ()
    named = zip(columns, row, strict=True)
    return tuple(WrittenMoment(f"{layout.order.table}.{column.name}", str(value)) for column, value in named)


def first_moment(changes: Iterable[Change]) -> datetime | None:
    """Return the moment of the first of these orders, in the zone it came in."""
    for change in changes:
        try:
            return msgspec.json.decode(change.data, type=_Issued).issued_at
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
            continue
    return None


def _is_of_moment(source: str | Mapping[str, object]) -> bool:
    return isinstance(source, str) and source.partition("|")[0].strip() == _PATH
