"""Customers the ERP has already: found by CNPJ/CPF, taken as theirs, and only filled in.

The first of the hub's customers with a document owns the row it makes; the others with the same document share it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from hashlib import sha1

from msgspec.structs import replace

from omnisync.agent.coded_message import DUPLICATE_CUSTOMER, OTHER_DOCUMENT
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.unreadable import UNREADABLE, is_zero_date
from omnisync.agent.erp.upsert.keys import (
    Claim,
    ErpKey,
    as_text,
    encode_key,
    is_same,
    match_ignoring_padding,
    sort_key,
    without_zeros,
)
from omnisync.agent.erp.upsert.lookups import comparable_rows
from omnisync.agent.erp.upsert.record_change import (
    Binding,
    RecordChange,
    claim_of,
    key_of,
    reason_of,
    stored_warnings,
)
from omnisync.agent.erp.upsert.table import TableWriter
from omnisync.agent.errors import RefusedRecordError
from omnisync.contract.documents import mask

CHOSEN = "customer_chosen"
"""The warning that a person chose a row of another document; its value remembers for which document of ours."""
_MAX_VALUE = 120
"""What the contract gives a reason's value."""


class CustomerMatch:
    """The layout's `match`. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout

    def match_by_document(
        self, record_changes: Sequence[RecordChange]
    ) -> tuple[list[RecordChange], list[RecordChange]]:
        """Return the changes, to be matched where the ERP has the customer; and those that must wait for the row of
        another of the same document.

        What we made stays ours. What was matched stays matched while the row has the customer's document.
        """
        match = self._layout.match
        if self._layout.without_document == "refuse":
            record_changes = [_refused_without_document(v) for v in record_changes]
        if match is None:
            return list(record_changes), []
        current = {v.change.id: _with_content(v) for v in record_changes}
        matched = [replace(v, action="match") for v in current.values() if _was_matched(v)]
        current |= _by_id(matched)
        chosen = self._bound_to_chosen([v for v in current.values() if v.action == "insert"])
        current |= _by_id(chosen)
        current |= _by_id(_with_choice(v) for v in self._of_another_document(chosen))
        new = [v for v in current.values() if v.action == "insert" and _document(v)]
        for record_change in self._of_another_document(matched):
            if _was_chosen(record_change):
                current[record_change.change.id] = _with_choice(record_change)
            else:
                new.append(record_change)
        return self._matched_anew(current, new)

    def _matched_anew(
        self, current: dict[str, RecordChange], new: Sequence[RecordChange]
    ) -> tuple[list[RecordChange], list[RecordChange]]:
        """Look these up by their documents, among all the changes; the first of a document makes the row of all."""
        assert self._layout.customer is not None
        table = self._layout.customer.table
        found = self._keys_by_document([_document(v) for v in new])
        twins, seen = [], set()
        for record_change in new:
            id_, document = record_change.change.id, _document(record_change)
            keys = found.get(document, [])
            if any(str(UNREADABLE) in key for key in keys):
                where = f"{table.name}.{', '.join(table.keys)}"
                current[id_] = record_change.refused("erp_unreadable", "document", onde=where)
            elif len(keys) > 1:
                current[id_] = record_change.refused(DUPLICATE_CUSTOMER, "document", candidate_keys(keys), n=len(keys))
            elif keys:
                self.release([record_change.binding] if record_change.binding is not None else [])
                current[id_] = _bound(record_change, keys[0])
            elif record_change.was_written:
                known = key_of(record_change)
                candidates = candidate_keys([known])
                current[id_] = record_change.refused(OTHER_DOCUMENT, "document", candidates, chave=known[-1])
            elif document in seen:
                twins.append(current.pop(id_))
            seen.add(document)
        return list(current.values()), twins

    def release(self, bindings: Sequence[Binding]) -> None:
        """Take our mark from rows that were matched and are another company's; what was filled into them stays."""
        self._unmark([claim for claim in map(claim_of, bindings) if claim is not None])

    def _unmark(self, claims: Sequence[Claim]) -> None:
        assert self._layout.customer is not None
        table = self._layout.customer.table
        if not claims or not table.carries_ids:
            return
        marks = table.carried([claim.id for claim in claims])
        rows = [(None, *claim.key, mark) for claim, mark in zip(claims, marks, strict=True)]
        self._database.savepoint()
        try:
            self._database.update_rows(table.name, [table.external_id], [*table.keys, table.external_id], rows)
        except RefusedRecordError:  # the column takes no NULL: the row keeps the mark
            self._database.return_to_savepoint()
        else:
            self._database.release_savepoint()

    def update_matched(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        """Fill the empty columns of matched rows, and those the layout lists in `update`."""
        assert self._layout.customer is not None
        assert self._layout.match is not None
        table = self._layout.customer.table
        rows = TableWriter(self._database, table)
        names = table.names
        always = set(self._layout.match.update)
        fixed = {*table.keys} | table.only_on_create
        found = rows.fetch_by_key([key_of(v) for v in group], names, held=True)
        mark = names.index(table.external_id) if table.carries_ids else None
        updated: list[RecordChange] = []
        updates: dict[tuple[int, ...], list[tuple[object, ...]]] = {}
        owners: dict[ErpKey, object] = {}
        for record_change in sorted(group, key=lambda v: sort_key(key_of(v))):
            key, row = key_of(record_change), record_change.rows.main
            if key not in found:
                updated.append(record_change.left_unchanged("customer_removed"))
                continue
            there = found[key]
            # The first of the app's customers with a document keeps its row up to date; the others fill what is empty.
            own = str(row[mark]) if mark is not None else record_change.change.id
            marked = there[mark] if mark is not None and not _is_empty(there[mark]) else own
            is_owner = is_same(owners.setdefault(key, marked), own)
            places = tuple(
                i
                for i, name in enumerate(names)
                if name not in fixed
                and row[i] not in (None, "")
                and (_is_empty(there[i]) or (name in always and is_owner))
            )
            if not is_owner:
                record_change = _warned_of_sharing(record_change, key, always)
            for i in places:
                there[i] = row[i]  # as the next customer of this row will find it
            if places:
                updates.setdefault(places, []).append((*(row[i] for i in places), *key))
            numbered = replace(record_change, erp_number=key[-1])
            updated.append(numbered.ended("updated" if record_change.was_written else "imported", "written"))
        for places, lot_rows in updates.items():
            rows.update([names[i] for i in places], lot_rows)
        return updated

    def _of_another_document(self, matched: Sequence[RecordChange]) -> list[RecordChange]:
        """Return those whose row has another document: theirs was typed wrong before, or the ERP changed its own."""
        assert self._layout.match is not None
        assert self._layout.customer is not None
        having = [v for v in matched if _document(v)]
        rows = TableWriter(self._database, self._layout.customer.table)
        found = rows.fetch_by_key([key_of(v) for v in having], [self._layout.match.column]) if having else {}
        return [v for v in having if _is_other(found.get(key_of(v)), _document(v))]

    def _bound_to_chosen(self, new: Sequence[RecordChange]) -> list[RecordChange]:
        """Return those of the new ones whose row a person chose among several, bound to it; it stands in the binding
        without a written version.

        The row it was matched with before may still carry our mark, and the mark may be unique.
        """
        assert self._layout.customer is not None
        claims = [claim_of(v.binding) if v.binding is not None else None for v in new]
        chosen = {claim.id: claim.key for claim in claims if claim is not None and claim.is_matched}
        marked = TableWriter(self._database, self._layout.customer.table).keys_of(list(chosen))
        self._unmark([Claim(id_, key) for id_, key in marked.items() if not _is_same_key(key, chosen[id_])])
        return [_bound(v, chosen[v.change.id]) for v in new if v.change.id in chosen]

    def _keys_by_document(self, documents: Sequence[str]) -> dict[str, list[ErpKey]]:
        """Return the keys of the ERP's customers by their document; one that cannot be read is UNREADABLE's text."""
        match, main = self._layout.match, self._layout.customer
        assert match is not None
        assert main is not None
        stored = {form: document for document in documents for form in _forms(document, match.stored_as)}
        quoted = self._database.quoted
        names = ", ".join(map(quoted, (match.column, *main.table.keys)))
        sql = f"SELECT {names} FROM {quoted(main.table.name)} WHERE {quoted(match.column)} IN {{ids}}"  # noqa: S608  # quoted names
        rows: dict[ErpKey, list[ErpKey]] = {}
        for row in comparable_rows(self._database, sql, sorted(stored)):
            rows.setdefault((as_text(row[0]),), []).append(tuple(map(as_text, row[1:])))
        found: dict[str, list[ErpKey]] = {}
        for [form], keys in match_ignoring_padding({(form,) for form in stored}, rows).items():
            found.setdefault(stored[form], []).extend(keys)
        return {document: sorted(keys, key=sort_key) for document, keys in found.items()}


def candidate_keys(keys: Sequence[ErpKey]) -> str:
    """Return the keys a person may choose from, as many whole ones as a reason's value holds."""
    shown = ""
    for key in keys:
        longer = f"{shown},{encode_key(key)}" if shown else encode_key(key)
        if len(longer) > _MAX_VALUE:
            break
        shown = longer
    return shown


def _warned_of_sharing(record_change: RecordChange, key: ErpKey, columns: Collection[str]) -> RecordChange:
    if not columns:
        return record_change
    told = {"chave": key[-1], "colunas": ", ".join(sorted(columns))}
    return record_change.warned(reason_of("customer_shares_row", record_change, "document", None, **told))


def _by_id(record_changes: Iterable[RecordChange]) -> dict[str, RecordChange]:
    return {v.change.id: v for v in record_changes}


def _with_content(record_change: RecordChange) -> RecordChange:
    """Return the change with its record decoded once: its document is looked at again and again."""
    if record_change.prepared is None or record_change.record is not None:
        return record_change
    return replace(record_change, record=record_change.content)


def _refused_without_document(record_change: RecordChange) -> RecordChange:
    if record_change.action == "insert" and not _document(record_change):
        return record_change.refused("document_missing", "document")
    return record_change


def _was_matched(record_change: RecordChange) -> bool:
    binding = record_change.binding
    return record_change.action == "update" and binding is not None and binding.origin == "matched"


def _bound(record_change: RecordChange, key: ErpKey) -> RecordChange:
    return replace(record_change, action="match", is_matched=True, erp_key=encode_key(key))


def _with_choice(record_change: RecordChange) -> RecordChange:
    """Return the change with a warning that remembers for which document a person chose its row."""
    key = key_of(record_change)[-1]
    return record_change.warned(reason_of(CHOSEN, record_change, "document", _choice(record_change), chave=key))


def _was_chosen(record_change: RecordChange) -> bool:
    """Return whether a person chose the row for the document that the customer has now."""
    warnings = stored_warnings(record_change.binding) if record_change.binding is not None else ()
    return any((one.code, one.value) == (CHOSEN, _choice(record_change)) for one in warnings)


def _choice(record_change: RecordChange) -> str:
    return sha1(_document(record_change).encode(), usedforsecurity=False).hexdigest()


def _document(record_change: RecordChange) -> str:
    return (record_change.customer.document or "") if record_change.customer is not None else ""


def _forms(document: str, stored_as: str) -> set[str]:
    forms = {"plain": {document}, "masked": {mask(document)}, "both": {document, mask(document)}}
    return forms[stored_as]


def _is_other(row: Sequence[object] | None, document: str) -> bool:
    """Return whether a row has a document, and another one than this; one that cannot be read is taken for the same."""
    if row is None or _is_empty(row[0]) or row[0] is UNREADABLE:
        return False
    text = re.sub(r"[^0-9A-Z]", "", as_text(row[0]).upper())
    is_number = isinstance(row[0], (int, float, Decimal))  # such a column keeps no zeros
    return without_zeros((text,)) != without_zeros((document,)) if is_number else text != document


def _is_same_key(one: ErpKey, other: ErpKey) -> bool:
    return without_zeros(one) == without_zeros(other)


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or is_zero_date(value)
