"""A layout's queries of the datasets that go out: what each asks, and what its columns may be called.

A query's columns are named as the dataset's fields; a customer's telephones and addresses as `phone.mobile` and
`address.main.street`. Source: docs/layouts.md "What goes out".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo

import msgspec
from msgspec import Struct

from omnisync.agent.erp.layout.field_paths import nearest
from omnisync.agent.erp.layout.schema import Export
from omnisync.agent.erp.row_hash import seed_of
from omnisync.agent.errors import LayoutError
from omnisync.contract.datasets import DATASETS, Dataset
from omnisync.contract.records import Address

FORM = 4
"""Of the hashes and of what becomes of values: raised when either changes, so that every row is looked at anew."""

_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|::|:([a-z_][a-z_0-9]*)")


class ExportQuery(Struct, frozen=True, kw_only=True):
    """The compiled query of one dataset. `words` are what its `?` stand for, in order."""

    dataset: Dataset
    sql: str
    words: tuple[str, ...]
    changed_at: str
    zone: tzinfo

    @property
    def text_fingerprint(self) -> str:
        """Return a text that differs when the query, or how its rows become lines, was changed in the layout."""
        return f"{self.fingerprint(()):x}"

    def fingerprint(self, names: Sequence[str]) -> int:
        """Return 64 bits that differ when the same answer of the database, its columns named so, may become another
        line.

        Every hash depends on it.
        """
        told = (FORM, self.dataset.system, self.dataset.name, self.sql, self.changed_at, str(self.zone), names)
        return seed_of(msgspec.msgpack.encode(told))


def compile_queries(exports: Mapping[str, Export], zone: tzinfo) -> tuple[ExportQuery, ...]:
    """Return the layout's queries in the catalogue's order. Raises LayoutError naming the place of what cannot be."""
    named = {_dataset(name): (name, export) for name, export in exports.items()}
    if len(named) < len(exports):
        raise LayoutError(motivo="export: um conjunto de dados está duas vezes")
    found = ((dataset, *named[place]) for place, dataset in DATASETS.items() if place in named)
    return tuple(_query(dataset, name, export, zone) for dataset, name, export in found)


def _dataset(name: str) -> tuple[str, str]:
    """`products` or `omniforce.products`."""
    system, _, own = name.rpartition(".")
    place = next((place for place in DATASETS if place[1] == own and system in ("", place[0])), None)
    if place is None:
        known = [dataset for _, dataset in DATASETS]
        raise LayoutError(motivo=f"export.{name}: este conjunto de dados não existe{nearest(own, known)}")
    return place


def _query(dataset: Dataset, name: str, export: Export, zone: tzinfo) -> ExportQuery:
    words: list[str] = []

    def mark(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        if found[1] != "today":
            raise LayoutError(motivo=f"export.{name}.sql: :{found[1]} não existe; a única palavra é :today")
        words.append(found[1])
        return "?"

    sql = _WORD.sub(mark, export.sql.strip().rstrip(";"))
    return ExportQuery(dataset=dataset, sql=sql, words=tuple(words), changed_at=export.changed_at, zone=zone)


def known_names(dataset: Dataset) -> list[str]:
    """Return what the columns of a dataset's query may be called."""
    fields = [field.name for field in msgspec.structs.fields(dataset.kind)]
    return [*(name for name in fields if name not in ("phones", "addresses")), *_list_names(fields)]


def required_names(dataset: Dataset) -> list[str]:
    """Return the columns that a dataset's query must have."""
    return [field.name for field in msgspec.structs.fields(dataset.kind) if field.required]


def check_names(dataset: Dataset, names: Sequence[str]) -> None:
    """Raises LayoutError naming what is wrong with these columns of a dataset's query."""
    where = f"export.{dataset.name}.sql"
    known = known_names(dataset)
    for name in names:
        if name not in known:
            raise LayoutError(motivo=f"{where}: a coluna {name} não é um campo de {dataset.name}{nearest(name, known)}")
    if len(set(names)) < len(names):
        raise LayoutError(motivo=f"{where}: há duas colunas com o mesmo nome")
    missing = [name for name in required_names(dataset) if name not in names]
    if missing:
        raise LayoutError(motivo=f"{where}: falta a coluna {', '.join(missing)}")


def _list_names(fields: Sequence[str]) -> list[str]:
    """`phone.mobile`, `address.main.street` and the others, where the dataset has such lists."""
    if "phones" not in fields:
        return []
    parts = [field.name for field in msgspec.structs.fields(Address) if field.name != "kind"]
    phones = [f"phone.{kind}" for kind in ("mobile", "landline", "other")]
    return [*phones, *(f"address.{kind}.{part}" for kind in ("main", "billing", "delivery") for part in parts)]
