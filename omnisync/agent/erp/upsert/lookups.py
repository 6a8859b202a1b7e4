"""Look up values in the ERP's own tables, once for all records of a slice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.driver import UNREADABLE_VALUE
from omnisync.agent.erp.layout.row_builder import (
    AMBIGUOUS,
    UNANSWERED,
    ColumnPlan,
    ColumnQuery,
    ExactKey,
    LookupAnswers,
    UnreadableAnswer,
    lookup_key,
)
from omnisync.agent.erp.layout.schema import FromSql, Lookup
from omnisync.agent.erp.unreadable import UNREADABLE, is_zero_date
from omnisync.agent.erp.upsert.keys import ErpKey, match_ignoring_padding, without_zeros
from omnisync.agent.errors import RefusedRecordError


def answers_for(
    database: Database, columns: Sequence[ColumnPlan], records: list[Any], parents: Sequence[Any] = ()
) -> LookupAnswers:
    """Return the answers to every column that asks, inside the caller's transaction."""
    found: dict[str, Mapping[Any, object]] = {}
    for column in columns:
        if column.query is not None and records:
            keys = column.query.keys(records, list(parents))
            found[column.name] = _query_answers(database, column.query, keys)
    return LookupAnswers(found, [])


def _query_answers(database: Database, query: ColumnQuery, keys: Iterable[Any]) -> Mapping[Any, object]:
    if isinstance(query.form, FromSql):
        return _values_of(database, query, sorted({key for key in keys if None not in key}, key=repr))
    return _lookup_answers(database, query.form, sorted({str(key) for key in keys if key is not None}))


def _values_of(database: Database, query: ColumnQuery, keys: Sequence[tuple[object, ...]]) -> dict[Any, object]:
    """Return the query's value for each key; UNANSWERED for one that the database does not take, whatever its
    neighbours.
    """
    if not keys:
        return {}
    database.savepoint()
    try:
        rows = {key: database.select(query.sql, key) for key in keys}
    except RefusedRecordError:
        database.return_to_savepoint()
        if len(keys) == 1:
            return {keys[0]: UNANSWERED}
        middle = len(keys) // 2
        return _values_of(database, query, keys[:middle]) | _values_of(database, query, keys[middle:])
    database.release_savepoint()
    answers = {key: _answer(found[0][0], f"SQL de {query.column}") for key, found in rows.items() if found}
    return {key: answer for key, answer in answers.items() if answer is not None}


def _lookup_answers(database: Database, form: Lookup, keys: Sequence[str]) -> dict[Any, object]:
    """Return the values by key: the key as it was asked for where it stands so, else as lookups compare it."""
    quoted = database.quoted
    where = "".join(f"{quoted(name)} = ? AND " for name in form.where)
    by, take = quoted(form.by), quoted(form.take)
    sql = f"SELECT {by}, {take} FROM {quoted(form.lookup)} WHERE {where}{by} IN {{ids}}"  # noqa: S608  # quoted names
    exact: dict[str, object] = {}
    answers: dict[ErpKey, object] = {}
    for found, taken in comparable_rows(database, sql, keys, [_plain(value) for value in form.where.values()]):
        answer = _answer(taken, f"{form.lookup}.{form.take}")
        _add_answer(exact, str(found).rstrip(), answer)
        _add_answer(answers, (lookup_key(found),), answer)
    by_letters: dict[ErpKey, object] = {(lookup_key(key),): key for key in keys if key.rstrip() not in exact}
    found_by = match_ignoring_padding(by_letters, answers)
    there: dict[Any, object] = {key: taken for [key], taken in found_by.items() if taken is not None}
    there |= {ExactKey(key): exact[key.rstrip()] for key in keys if exact.get(key.rstrip()) is not None}
    # A row that came for a key beside it says nothing of a key in other letters or with other zeros: asked for alone.
    met = {_loose_key(key) for key in keys if key.rstrip() in exact}
    doubtful = [key for key in keys if key.rstrip() not in exact and _loose_key(key) in met]
    for key in doubtful:
        there.pop(lookup_key(key), None)
    return there | _lookup_answers(database, form, doubtful) if doubtful else there


def _answer(taken: object, where: str) -> object:
    if taken is UNREADABLE:
        return UnreadableAnswer(where)
    return None if is_zero_date(taken) else taken


def _loose_key(key: str) -> ErpKey:
    """Return a key as one column or another may compare it: whatever its letters' case, or its zeros."""
    return without_zeros((lookup_key(key),))


def _add_answer(answers: dict[Any, object], key: object, answer: object) -> None:
    answers[key] = answer if answers.get(key, answer) == answer else AMBIGUOUS


def comparable_rows(
    database: Database, sql: str, keys: Sequence[str], values: Sequence[object] = ()
) -> list[tuple[object, ...]]:
    """Return the rows of all keys of a query that ends with `IN {ids}`; the first column is the one compared.

    A key that cannot even be compared (letters against a number) is found nowhere. One whose row cannot be read has
    itself and UNREADABLE for a row.
    """
    if not keys:
        return []
    database.savepoint()
    try:
        rows = database.select_among(sql, keys, values)
    except RefusedRecordError as error:
        database.return_to_savepoint()
        if len(keys) == 1:
            return [(keys[0], UNREADABLE)] if error.code == UNREADABLE_VALUE else []
        middle = len(keys) // 2
        return comparable_rows(database, sql, keys[:middle], values) + comparable_rows(
            database, sql, keys[middle:], values
        )
    database.release_savepoint()
    return rows


def _plain(value: object) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)
