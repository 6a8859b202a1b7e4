"""Queries of the bindings for pages and commands: open issues, records with warnings, one record by its name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.erp.database import Database
from omnisync.contract.feed import Reason

_SHOWN = "kind, id, version, outcome, label, reason, establishment, outcome_at, erp_number, warnings"


class RecordQueries:
    """The bindings of one company, to be looked at. Nothing is changed; no more rows are fetched than asked for."""

    def __init__(self, database: Database, company: str) -> None:
        self._database = database
        self._company = company

    def open_issues(self, outcomes: Sequence[str], limit: int) -> list[OpenIssue]:
        """Return records with one of these outcomes, newest first. No more rows are fetched than `limit`."""
        if not outcomes:
            return []
        sql = (
            f"SELECT {_SHOWN} FROM omnisync_binding WHERE company = ? "  # noqa: S608  # constant text
            f"AND outcome IN ({', '.join('?' * len(outcomes))}) ORDER BY outcome_at DESC, id DESC"
        )
        return [
            _open_issue(row)
            for row in self._database.select(self._database.limited(sql, limit), (self._company, *outcomes))
        ]

    def with_warnings(self, limit: int) -> list[OpenIssue]:
        """Return records with warnings, newest first."""
        sql = (
            f"SELECT {_SHOWN} FROM omnisync_binding WHERE company = ? AND warnings IS NOT NULL ORDER BY outcome_at DESC"  # noqa: S608  # constant text
        )
        return [_open_issue(row) for row in self._database.select(self._database.limited(sql, limit), (self._company,))]

    def n_open_issues(self) -> dict[str, int]:
        """Return how many records are refused and how many wait."""
        rows: list[Any] = self._database.select(
            "SELECT outcome, count(*) FROM omnisync_binding WHERE company = ? AND outcome IN ('refused', 'waiting') "
            "GROUP BY outcome",
            (self._company,),
        )
        return {"refused": 0, "waiting": 0} | dict(rows)

    def waiting_since(self) -> datetime | None:
        """Return since when the record waits that waits the longest."""
        rows: list[Any] = self._database.select(
            "SELECT min(outcome_at) FROM omnisync_binding WHERE company = ? AND outcome = 'waiting'", (self._company,)
        )
        return datetime.fromisoformat(rows[0][0]) if rows[0][0] else None

    def find(self, text: str, limit: int) -> list[OpenIssue]:
        """Return orders by their number, or a part of it, or the ERP's; customers by a part of their name, and their
        orders.

        What is called exactly so comes first.
        """
        is_named, is_exact = self._database.contains("label"), "(erp_number = ? OR id = ? OR label = ?)"
        sql = (
            f"SELECT {_SHOWN} FROM omnisync_binding WHERE company = ? AND ({is_exact} OR {is_named} "  # noqa: S608  # constant text
            "OR (kind = 'order' AND customer_id <> '' AND customer_id IN (SELECT id FROM omnisync_binding "
            f"WHERE company = ? AND kind = 'customer' AND {is_named}))) "
            f"ORDER BY CASE WHEN {is_exact} THEN 0 ELSE 1 END, kind DESC, outcome_at DESC"
        )
        text = self._database.encodable(text)
        values = (self._company, text, text, text, text, self._company, text, text, text, text)
        return [_open_issue(row) for row in self._database.select(self._database.limited(sql, limit), values)]


def _open_issue(row: Any) -> OpenIssue:
    kind, id_, version, outcome, label, reason, establishment, at, number, warnings = row
    why = msgspec.json.decode(reason, type=Reason) if reason else None
    return OpenIssue(
        kind=kind,
        id=id_,
        version=version,
        outcome=outcome,
        label=label,
        code=why.code if why else "",
        message=why.message if why else "",
        establishment=establishment,
        since=datetime.fromisoformat(at),
        erp_number=number,
        value=why.value if why else None,
        warnings=msgspec.json.decode(warnings, type=tuple[Reason, ...]) if warnings else (),
    )
