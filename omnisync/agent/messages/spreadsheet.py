"""Lists for a spreadsheet: `;` between cells and a BOM, as Excel in Brazil reads them; no cell can be a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from io import StringIO
from typing import Protocol

from omnisync.agent.messages import labels
from omnisync.agent.messages.row_refusals import RefusedRow, reason_of_row, remedy_of_row

BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the full-width signs, which a spreadsheet in Japanese reads as the plain ones."""


class CsvRecord(Protocol):
    """A record that did not enter; the ERP's `OpenIssue` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def establishment(self) -> str: ...
    @property
    def since(self) -> datetime: ...


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the table as CSV, every cell quoted. A cell that a spreadsheet would calculate gets an apostrophe in
    front.
    """
    out = StringIO()
    writer = csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return BOM + out.getvalue()


def safe(cell: str) -> str:
    """Return the cell as text that no spreadsheet runs."""
    return "'" + cell if cell.startswith(_FORMULA) else cell


class CsvRow(RefusedRow, Protocol):
    """A row of the ERP that did not go out, and whose it is; the outbox's `RowRefusal` is one."""

    @property
    def system(self) -> str: ...
    @property
    def dataset(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def at(self) -> datetime: ...


def open_issues_csv(records: Iterable[CsvRecord], zone: tzinfo, not_sent: Iterable[CsvRow] = ()) -> str:
    """Refused and waiting records, then the rows that did not go out, one a line."""
    header = ("Situação", "Tipo", "Registro", "Estabelecimento", "Desde", "Motivo", "Código", "Identificação")
    came = (
        (
            labels.OUTCOMES[record.outcome],
            labels.KINDS[record.kind],
            record.label or record.id,
            record.establishment,
            record.since.astimezone(zone).strftime("%d/%m/%Y %H:%M"),
            record.message,
            record.code,
            record.id,
        )
        for record in records
    )
    went = (
        (
            labels.UNSENT,
            labels.dataset_name(row.dataset),
            labels.row_key(row.key),
            "",
            row.at.astimezone(zone).strftime("%d/%m/%Y %H:%M"),
            f"{reason_of_row(row)} {remedy_of_row(row)}",
            row.code,
            f"{row.system}.{row.dataset}",
        )
        for row in not_sent
    )
    return csv_text(header, (*came, *went))
