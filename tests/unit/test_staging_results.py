"""What the ERP's own job made of staged orders, by the layout's query."""

from __future__ import annotations

from typing import Any

import pytest

from omnisync.agent.erp.layout.schema import OutcomeQuery
from omnisync.agent.erp.upsert.keys import encode_key
from omnisync.agent.erp.upsert.record_reason import described
from omnisync.agent.erp.upsert.staging_results import StagingResults, read_outcomes
from omnisync.agent.errors import ErpSetupError
from omnisync.agent.messages import sentences
from tests.support.scripted_database import ScriptedDatabase, as_database

STATES: Any = {"0": "staged", "1": "imported", "9": "refused"}
BY_ID = OutcomeQuery(sql="SELECT id, num, sit, msg FROM fila WHERE sit > 0 AND id IN ( :ids )", states=STATES)
BY_KEY = OutcomeQuery(sql="SELECT seq, num, sit, msg FROM fila WHERE seq in (:keys)", states=STATES)
STAGED = {"ord_1": "11", "ord_2": encode_key(("01", "12"))}


def read(outcome: OutcomeQuery, *rows: tuple[object, ...]) -> StagingResults:
    return read_outcomes(as_database(ScriptedDatabase(answers=rows)), outcome, STAGED)


@pytest.mark.parametrize(
    ("row", "number"),
    [(("ord_1", 99, 1, None), "99"), (("ord_1", "A-99 ", "1", None), "A-99"), (("ord_1", 99.0, 1.0, ""), "99")],
)
def test_an_imported_order_has_its_number(row: tuple[object, ...], number: str) -> None:
    result = read(BY_ID, row).ends["ord_1"]
    assert (result.number, result.reason) == (number, None)


@pytest.mark.parametrize(
    ("text", "said"), [("sem crédito", "sem crédito"), ("  ", "sem explicação"), (None, "sem explicação"), (7, "7")]
)
def test_a_refused_order_has_the_reason_that_the_erp_gave(text: object, said: str) -> None:
    result = read(BY_ID, ("ord_1", None, 9, text)).ends["ord_1"]
    assert result.number is None
    assert result.reason is not None
    assert (result.reason.code, result.reason.words["motivo"]) == ("erp_job_refused", said)


def test_a_reason_repeats_no_document_and_is_no_longer_than_the_contract_takes() -> None:
    result = read(BY_ID, ("ord_1", None, 9, "CPF 529.982.247-25 " + "x" * 900)).ends["ord_1"]
    assert result.reason is not None
    message = described(result.reason, sentences.of_words).message
    assert "529.982.247-25" not in message
    assert len(message) <= 600


@pytest.mark.parametrize(
    "row",
    [("ord_1", 99, 0, None), ("ord_1", None, 1, None), ("ord_1", 99, 5, None), ("ord_1", 99, None, None)],
)
def test_an_order_that_is_staged_or_half_way_has_no_result_yet(row: tuple[object, ...]) -> None:
    assert read(BY_ID, row) == StagingResults()


def test_an_order_of_another_is_none_of_ours() -> None:
    assert read(BY_ID, ("ord_9", 99, 1, None)) == StagingResults()


def test_rows_are_found_by_the_last_part_of_their_key() -> None:
    assert {id_: end.number for id_, end in read(BY_KEY, ("12", 99, 1, None), ("11", 98, 1, None)).ends.items()} == {
        "ord_1": "98",
        "ord_2": "99",
    }


@pytest.mark.parametrize(("outcome", "asked"), [(BY_ID, ("ord_1", "ord_2")), (BY_KEY, ("11", "12"))])
def test_only_what_is_staged_is_asked_for(outcome: OutcomeQuery, asked: tuple[str, ...]) -> None:
    database = ScriptedDatabase()
    read_outcomes(as_database(database), outcome, STAGED)
    [(sql, values)] = database.asked
    assert sql.endswith("IN {ids}")
    assert values == asked


def test_a_query_that_does_not_end_with_what_it_is_asked_among_is_a_mistake_of_the_layout() -> None:
    with pytest.raises(ErpSetupError) as raised:
        read(OutcomeQuery(sql="SELECT 1, ':ids'", states=STATES))
    assert raised.value.code == "layout"
