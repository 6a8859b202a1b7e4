"""The results of staged orders in the ERP, read back by the layout's `outcome` query."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.driver import UNREADABLE_VALUE
from omnisync.agent.erp.layout.schema import OutcomeQuery
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.erp.upsert.keys import as_text, decode_key, is_same
from omnisync.agent.erp.upsert.record_reason import RecordReason
from omnisync.agent.errors import ErpSetupError
from omnisync.contract.documents import redact

JOB_REFUSED = "erp_job_refused"


class StagingResult(Struct, frozen=True):
    """The result of a staged order: its number in the ERP, or why the ERP refused it."""

    number: str | None
    reason: RecordReason | None


class StagingResults(Struct, frozen=True):
    """The results of staged orders, by the order's id.

    `unreadable` says where the answer about an order cannot be read: it goes on being staged.
    """

    ends: Mapping[str, StagingResult] = {}
    unreadable: Mapping[str, RecordReason] = {}


_ANSWERED = ("código", "número", "situação")
_AMONG = re.compile(r"\bIN\s*\(\s*:(ids|keys)\s*\)", re.IGNORECASE)


def read_outcomes(database: Database, outcome: OutcomeQuery, staged: Mapping[str, str]) -> StagingResults:
    """Return those of the staged orders (id → ERP key) that have an end by now, or an answer that cannot be read.

    The others go on being staged. A state the layout does not know, or none, is no end: the job may be half-way.
    """
    found = _AMONG.search(outcome.sql)
    if found is None:
        raise ErpSetupError("layout", motivo="order.outcome.sql: termine com IN (:ids) ou IN (:keys)")
    by_key = {decode_key(key)[-1]: id_ for id_, key in staged.items()}
    asked = {id_: id_ for id_ in staged} if found[1].lower() == "ids" else by_key
    rows = database.select_among(_AMONG.sub("IN {ids}", outcome.sql), sorted(asked))
    results: dict[str, StagingResult] = {}
    unreadable: dict[str, RecordReason] = {}
    for row in rows:
        id_ = asked.get(as_text(row[0])) if row[0] is not UNREADABLE else None
        if id_ is None:
            continue
        if UNREADABLE in row[:3]:
            where = f"order.outcome, {_ANSWERED[row.index(UNREADABLE)]}"
            unreadable[id_] = RecordReason(code=UNREADABLE_VALUE, words={"onde": where})
            continue
        state = next((end for text, end in outcome.states.items() if is_same(row[2], text)), None)
        if state in (None, "staged"):
            continue
        if state == "refused":
            results[id_] = StagingResult(None, _refusal(id_, row[3]))
        elif row[1] is not None:  # without its number it is not in the ERP yet
            results[id_] = StagingResult(as_text(row[1]), None)
    return StagingResults(results, unreadable)


def _refusal(id_: str, text: object) -> RecordReason:
    told = str(text).strip() if text is not None and text is not UNREADABLE else ""
    motive = redact(told) if told else "sem explicação"
    return RecordReason(code=JOB_REFUSED, words={"motivo": motive, "codigo": id_})
