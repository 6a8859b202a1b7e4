"""Check that a column can hold the values a layout gives it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from omnisync.agent.erp.layout_check.findings import Finding, error, warning
from omnisync.agent.erp.layout_check.value_bounds import ValueBounds
from omnisync.agent.erp.schema import Conversions, DatabaseColumn

FitFindings = Iterator[Finding]

_FEW_DIGITS = 7
"""Digits before the point below which a column of amounts is narrow: R$ 9.999.999,99."""
_NUMBERS = frozenset({"integer", "decimal", "float"})
_ALL = Conversions()
_YES_OR_NO = frozenset({"true", "false", "t", "f", "yes", "no", "1", "0"})


def check_fit(where: str, column: DatabaseColumn, bounds: ValueBounds, conversions: Conversions = _ALL) -> FitFindings:
    """Yield what speaks against writing this into the column, by what its database converts of itself."""
    if bounds.is_optional and not column.is_nullable:
        yield warning("check_may_be_empty", where, campo=bounds.path or "o valor")
    wrong = _of_values(where, column, bounds) if bounds.values else _of_kind(where, column, bounds, conversions)
    if wrong is not None:
        yield wrong
    elif column.kind == "text":
        yield from _of_length(where, column, bounds)
    elif column.kind == "decimal" and bounds.kind in ("integer", "decimal"):
        yield from _of_digits(where, column, bounds)


def is_short_for_code(column: DatabaseColumn, bounds: ValueBounds) -> bool:
    """Return whether the column holds only the shorter ones of the codes it gets."""
    if column.kind != "text" or bounds.values or bounds.path == "id" or bounds.is_document or not bounds.is_code:
        return False
    return bounds.kind == "text" and column.length is not None and (bounds.length or 0) > column.length


def _of_values(where: str, column: DatabaseColumn, bounds: ValueBounds) -> Finding | None:
    """Return the layout's own values, each looked at."""
    if column.values:
        strange = [value for value in bounds.values if value not in column.values]
        if strange:
            return error("check_value_unknown", where, valor=strange[0], valores=", ".join(column.values))
    if column.kind in _NUMBERS:
        strange = [value for value in bounds.values if not _is_number(value)]
        return error("check_value_type", where, valor=strange[0], tipo=column.type) if strange else None
    if column.kind == "bool":
        strange = [value for value in bounds.values if value.lower() not in _YES_OR_NO]
        return error("check_boolean", where, tipo=column.type) if strange else None
    if column.kind == "text" and column.length is not None:
        strange = [value for value in bounds.values if len(value) > (column.length or 0)]
        return error("check_value_long", where, valor=strange[0], n=column.length) if strange else None
    return None


def _of_kind(where: str, column: DatabaseColumn, bounds: ValueBounds, conversions: Conversions) -> Finding | None:
    if column.kind in _NUMBERS:
        return _into_number(where, column, bounds)
    if column.kind == "bool":
        fits = bounds.kind in ("bool", "integer") and conversions.number_to_bool
        return None if fits else error("check_boolean", where, tipo=column.type)
    if column.kind in ("date", "datetime", "time"):
        return _into_time(where, column, bounds, conversions)
    return None


def _into_number(where: str, column: DatabaseColumn, bounds: ValueBounds) -> Finding | None:
    if bounds.kind == "text":
        if bounds.is_document:
            return error("cnpj_column_numeric", where, coluna=where)
        if bounds.is_code and bounds.path != "id":
            return warning("check_code_into_number", where, campo=bounds.path, tipo=column.type)
        return error("check_type", where, campo=bounds.path or "o valor", tipo=column.type)
    if bounds.kind in ("date", "datetime"):
        return error("check_type", where, campo=bounds.path, tipo=column.type)
    if bounds.kind == "decimal" and column.kind == "integer":
        return error("check_whole_only", where, campo=bounds.path, tipo=column.type)
    if bounds.kind == "decimal" and column.kind == "float":
        return warning("check_float", where, tipo=column.type)
    return None


def _into_time(where: str, column: DatabaseColumn, bounds: ValueBounds, conversions: Conversions) -> Finding | None:
    if bounds.kind == "text" and bounds.path.endswith(("_on", "_at")):
        return None  # the layout's own form of a date, for a column that reads it
    if column.kind in ("date", "time") and bounds.kind == "datetime":
        form = "date" if column.kind == "date" else 'local_datetime("%H:%M:%S")'
        if conversions.datetime_to_date:
            return None
        return error("check_datetime", where, tipo=column.type, conversor=form)
    if column.kind != "time" and bounds.kind in ("date", "datetime"):
        return None
    return error("check_type", where, campo=bounds.path or "o valor", tipo=column.type)


def _of_length(where: str, column: DatabaseColumn, bounds: ValueBounds) -> FitFindings:
    room, wanted = column.length, bounds.length
    if room is None or wanted is None or wanted <= room:
        return
    words = {"campo": bounds.path or "o valor", "n": wanted, "max": room}
    if bounds.path == "id":
        yield error("check_id_short", where, **words)
    elif bounds.is_document:
        yield error("check_document_short", where, **words)
    elif bounds.kind in ("date", "datetime"):
        yield error("check_date_short", where, **words)
    elif bounds.kind != "text":
        yield warning("check_number_short", where, **words)
    elif not bounds.is_code:
        yield error("check_short", where, **words)


def _of_digits(where: str, column: DatabaseColumn, bounds: ValueBounds) -> FitFindings:
    if column.precision is None or column.scale is None:
        return
    whole = column.precision - column.scale
    if whole < min(bounds.whole or 0, _FEW_DIGITS):
        yield warning("check_digits", where, campo=bounds.path, n=whole)
    if (bounds.scale or 0) > column.scale:
        yield warning("check_rounded", where, campo=bounds.path, n=bounds.scale, max=column.scale)


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
