"""Customers the ERP has already: found by CNPJ/CPF, taken as theirs, and only filled in.

The first of the hub's customers with a document owns the row it makes; the others with the same document share it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha1

from omnisync.agent.coded_message import DUPLICATE_CUSTOMER, OTHER_DOCUMENT
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.upsert.keys import (
    UNREADABLE,
    Claim,
    ErpKey,
    as_text,
    encode_key,
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
    leave_unchanged,
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

    def match_by_document(self, record_changes: Sequence[RecordChange]) -> list[RecordChange]:
        """Turn what is to be inserted to "match" where the ERP has it; answers what must wait for its twin's row.

        What we made stays ours. What was matched stays matched while the row has the customer's document.
        """
        self._refuse_without_document(record_changes)
        match = self._layout.match
        if match is None:
            return []
        matched = [
            v
            for v in record_changes
            if v.action == "update" and v.binding is not None and v.binding.origin == "matched"
        ]
        for record_change in matched:
            record_change.action = "match"
        new = [v for v in record_changes if v.action == "insert"]
        self._bind_chosen(new)
        for record_change in self._of_another_document([v for v in new if v.action == "match"]):
            _note_choice(record_change)
        new = [v for v in new if v.action == "insert" and _document(v)]
        for record_change in self._of_another_document(matched):
            if _was_chosen(record_change):
                _note_choice(record_change)
            else:
                new.append(record_change)
        found = self._keys_by_document([_document(v) for v in new])
        twins, seen = [], set()
        for record_change in new:
            document = _document(record_change)
            keys = found.get(document, [])
            if any(str(UNREADABLE) in key for key in keys):
                assert self._layout.customer is not None
                table = self._layout.customer.table
                record_change.refuse("erp_unreadable", "document", onde=f"{table.name}.{', '.join(table.keys)}")
            elif len(keys) > 1:
                record_change.refuse(DUPLICATE_CUSTOMER, "document", candidate_keys(keys), n=len(keys))
            elif keys:
                self.release([record_change.binding] if record_change.binding is not None else [])
                _bind(record_change, keys[0])
            elif record_change.was_written:
                known = key_of(record_change)
                record_change.refuse(OTHER_DOCUMENT, "document", candidate_keys([known]), chave=known[-1])
            elif document in seen:
                record_change.action = "none"
                twins.append(record_change)
            seen.add(document)
        return twins

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

    def update_matched(self, group: list[RecordChange]) -> None:
        """Fill the empty columns of matched rows, and those the layout lists in `update`."""
        assert self._layout.customer is not None
        assert self._layout.match is not None
        table = self._layout.customer.table
        rows = TableWriter(self._database, table)
        names = table.names
        always = set(self._layout.match.update)
        fixed = {*table.keys} | table.only_on_create
        found = rows.fetch_by_key([key_of(v) for v in group], names, held=True)
        updates: dict[tuple[int, ...], list[tuple[object, ...]]] = {}
        for record_change in sorted(group, key=lambda v: sort_key(key_of(v))):
            key = key_of(record_change)
            if key not in found:
                leave_unchanged(record_change, "customer_removed")
                continue
            there = found[key]
            places = tuple(
                i
                for i, name in enumerate(names)
                if name not in fixed
                and record_change.row[i] not in (None, "")
                and (name in always or _is_empty(there[i]))
            )
            if places:
                updates.setdefault(places, []).append((*(record_change.row[i] for i in places), *key))
            record_change.erp_number = key[-1]
            record_change.finish("updated" if record_change.was_written else "imported", "written")
        for places, lot_rows in updates.items():
            rows.update([names[i] for i in places], lot_rows)

    def _of_another_document(self, matched: Sequence[RecordChange]) -> list[RecordChange]:
        """Return those whose row has another document: theirs was typed wrong before, or the ERP changed its own."""
        assert self._layout.match is not None
        assert self._layout.customer is not None
        having = [v for v in matched if _document(v)]
        rows = TableWriter(self._database, self._layout.customer.table)
        found = rows.fetch_by_key([key_of(v) for v in having], [self._layout.match.column]) if having else {}
        return [v for v in having if _is_other(found.get(key_of(v)), _document(v))]

    def _refuse_without_document(self, record_changes: Sequence[RecordChange]) -> None:
        if self._layout.without_document == "refuse":
            for record_change in record_changes:
                if record_change.action == "insert" and not _document(record_change):
                    record_change.refuse("document_missing", "document")

    def _bind_chosen(self, new: Sequence[RecordChange]) -> None:
        """Bind the row a person chose among several; it stands in the binding without a written version.

        The row it was matched with before may still carry our mark, and the mark may be unique.
        """
        assert self._layout.customer is not None
        claims = [claim_of(v.binding) if v.binding is not None else None for v in new]
        chosen = {claim.id: claim.key for claim in claims if claim is not None and claim.is_matched}
        marked = TableWriter(self._database, self._layout.customer.table).keys_of(list(chosen))
        self._unmark([Claim(id_, key) for id_, key in marked.items() if not _is_same_key(key, chosen[id_])])
        for record_change in new:
            if record_change.change.id in chosen:
                _bind(record_change, chosen[record_change.change.id])

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


def _bind(record_change: RecordChange, key: ErpKey) -> None:
    record_change.action, record_change.is_matched = "match", True
    record_change.erp_key = encode_key(key)


def _note_choice(record_change: RecordChange) -> None:
    chosen = reason_of(CHOSEN, record_change, "document", _choice(record_change), chave=key_of(record_change)[-1])
    record_change.warnings += (chosen,)


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
    return value is None or (isinstance(value, str) and not value.strip())
