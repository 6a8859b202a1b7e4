"""A record that a run is asked to import again, and the text that forms and the journal keep of it."""

from __future__ import annotations

import re

from msgspec import Struct

from omnisync.contract.feed import RecordKind

_TEXT = re.compile(r"(again:)?(customer|order|any):([!-~]{1,100})", re.ASCII)


class RecordRef(Struct, frozen=True):
    """A record by its id, of this kind or of any when it is None. `again`: also when the ERP removed its row."""

    kind: RecordKind | None
    id: str
    again: bool = False


class RecordLabel(Struct, frozen=True):
    """A record as a sentence names it. The label is empty where the record has no identification."""

    kind: RecordKind
    label: str


def encode_record_ref(ref: RecordRef) -> str:
    """Return the record as forms and rows keep it: `order:ID`, `again:any:ID`."""
    return f"{'again:' if ref.again else ''}{ref.kind or 'any'}:{ref.id}"


def decode_record_ref(text: str) -> RecordRef | None:
    """Return the record that a text means; None for a text that means none."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    kinds: dict[str, RecordKind] = {"customer": "customer", "order": "order"}
    return RecordRef(kinds.get(found[2]), found[3], again=found[1] is not None)
