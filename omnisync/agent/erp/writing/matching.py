"""Customers the ERP has already: found by CNPJ/CPF, taken as theirs, and only filled in.

The first of the hub's customers with a document owns the row it makes; the others with the same document share it.
"""

from __future__ import annotations

from collections.abc import Sequence

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.writing.keys import UNREADABLE, Key, as_asked, in_order, joined, parted, text_of
from omnisync.agent.erp.writing.lookups import comparable_rows
from omnisync.agent.erp.writing.tables import Rows
from omnisync.agent.erp.writing.verdicts import Verdict, keep, key_of
from omnisync.contract.documents import mask

_MAX_VALUE = 120
"""What the contract gives a reason's value."""


class Matching:
    """The layout's `match`. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout

    def sort(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Turn what is to be inserted to "match" where the ERP has it; answers what must wait for its twin's row.

        Those of before stay what they were: made by us, or matched.
        """
        self._refuse_without_document(verdicts)
        match = self._layout.match
        if match is None:
            return []
        for verdict in verdicts:
            if verdict.action == "update" and verdict.binding is not None and verdict.binding.origin == "matched":
                verdict.action = "match"
        new = [v for v in verdicts if v.action == "insert"]
        self._take_chosen(new)
        new = [v for v in new if v.action == "insert" and _document(v)]
        found = self._found([_document(v) for v in new])
        twins, seen = [], set()
        for verdict in new:
            document = _document(verdict)
            keys = found.get(document, [])
            if any(str(UNREADABLE) in key for key in keys):
                assert self._layout.customer is not None
                table = self._layout.customer.table
                verdict.refuse("erp_unreadable", "document", onde=f"{table.name}.{', '.join(table.keys)}")
            elif len(keys) > 1:
                verdict.refuse("customer_duplicate", "document", choices(keys), n=len(keys))
            elif keys:
                _take(verdict, keys[0])
            elif document in seen:
                verdict.action = "none"
                twins.append(verdict)
            seen.add(document)
        return twins

    def fill(self, lot: list[Verdict]) -> None:
        """Fill the empty columns of matched rows, and those the layout lists in `update`."""
        assert self._layout.customer is not None
        assert self._layout.match is not None
        table = self._layout.customer.table
        rows = Rows(self._database, table)
        names = table.names
        always = set(self._layout.match.update)
        fixed = {*table.keys} | table.only_on_create
        found = rows.present([key_of(v) for v in lot], names, held=True)
        updates: dict[tuple[int, ...], list[tuple[object, ...]]] = {}
        for verdict in sorted(lot, key=lambda v: in_order(key_of(v))):
            key = key_of(verdict)
            if key not in found:
                keep(verdict, "customer_removed")
                continue
            there = found[key]
            places = tuple(
                i
                for i, name in enumerate(names)
                if name not in fixed and verdict.row[i] not in (None, "") and (name in always or _is_empty(there[i]))
            )
            if places:
                updates.setdefault(places, []).append((*(verdict.row[i] for i in places), *key))
            verdict.erp_number = key[-1]
            verdict.end("updated" if verdict.was_written else "imported", "written")
        for places, lot_rows in updates.items():
            rows.update([names[i] for i in places], lot_rows)

    def _refuse_without_document(self, verdicts: Sequence[Verdict]) -> None:
        if self._layout.without_document == "refuse":
            for verdict in verdicts:
                if verdict.action == "insert" and not _document(verdict):
                    verdict.refuse("document_missing", "document")

    def _take_chosen(self, new: Sequence[Verdict]) -> None:
        """What a person chose among several rows of the ERP stands in the binding, without a written version."""
        for verdict in new:
            binding = verdict.binding
            if binding is not None and binding.origin == "matched" and binding.erp_key is not None:
                _take(verdict, parted(binding.erp_key))

    def _found(self, documents: Sequence[str]) -> dict[str, list[Key]]:
        """The keys of the ERP's customers by their document; one that cannot be read is UNREADABLE's text."""
        match, main = self._layout.match, self._layout.customer
        assert match is not None
        assert main is not None
        stored = {form: document for document in documents for form in _forms(document, match.stored_as)}
        quoted = self._database.quoted
        names = ", ".join(map(quoted, (match.column, *main.table.keys)))
        sql = f"SELECT {names} FROM {quoted(main.table.name)} WHERE {quoted(match.column)} IN {{ids}}"  # noqa: S608  # quoted names
        rows: dict[Key, list[Key]] = {}
        for row in comparable_rows(self._database, sql, sorted(stored)):
            rows.setdefault((text_of(row[0]),), []).append(tuple(map(text_of, row[1:])))
        found: dict[str, list[Key]] = {}
        for [form], keys in as_asked({(form,) for form in stored}, rows).items():
            found.setdefault(stored[form], []).extend(keys)
        return {document: sorted(keys, key=in_order) for document, keys in found.items()}


def choices(keys: Sequence[Key]) -> str:
    """The keys a person may choose from, as many whole ones as a reason's value holds."""
    shown = ""
    for key in keys:
        longer = f"{shown},{joined(key)}" if shown else joined(key)
        if len(longer) > _MAX_VALUE:
            break
        shown = longer
    return shown


def _take(verdict: Verdict, key: Key) -> None:
    verdict.action, verdict.is_matched = "match", True
    verdict.erp_key = joined(key)


def _document(verdict: Verdict) -> str:
    return (verdict.customer.document or "") if verdict.customer is not None else ""


def _forms(document: str, stored_as: str) -> set[str]:
    forms = {"plain": {document}, "masked": {mask(document)}, "both": {document, mask(document)}}
    return forms[stored_as]


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
