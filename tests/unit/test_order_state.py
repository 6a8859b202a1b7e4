"""Which orders may still be changed in the ERP, by what their rows say."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from omnisync.agent.erp.upsert.keys import encode_key
from omnisync.agent.erp.upsert.order_state import OrderStateGuard
from omnisync.agent.erp.upsert.record_change import ADOPTED, Binding, ChangeAction, RecordChange, RecordRows
from omnisync.agent.erp.upsert.staging_results import JOB_REFUSED
from tests.support.layout_samples import compiled, with_changes
from tests.support.record_samples import change, order
from tests.support.scripted_database import ScriptedDatabase, as_database

COLUMNS = "[order.columns]\n"
STATE = "[order.state]\ncolumn = 'sit'\nopen = 'A'\nupdate_while = ['A', 'B']\n"
CANCELLED = STATE + "cancelled = 'C'\n"
QUEUE = ('key = "num"', 'key = "num"\nlanding = "staging"')
OUTCOME = (
    "[order.outcome]\nsql = 'SELECT id, num, sit, motivo FROM fila WHERE id IN (:ids)'\n"
    "states = { P = 'staged', I = 'imported', R = 'refused' }\n"
)


def an_order(action: ChangeAction = "update", **binding: Any) -> RecordChange:
    """An order with a row in the ERP, of which a newer version came."""
    plain = Binding(
        id="ord_1",
        epoch="e1",
        version=1,
        hash="h",
        written_version=1,
        erp_key="7",
        erp_number=None,
        establishment="0001",
        customer_id="cus_1",
        label="OF-1",
        merged_into=None,
        outcome="imported",
        reason=None,
        warnings=None,
    )
    one = order()
    return RecordChange(change=change(one, 2), binding=plain._replace(**binding), action=action, record=one)


def guard(database: ScriptedDatabase, *changes: tuple[str, str]) -> OrderStateGuard:
    return OrderStateGuard(as_database(database), compiled(with_changes(*changes)))


def checked(one: RecordChange, state: str, sit: object, id_app: object = "ord_1") -> tuple[str, str | None, str | None]:
    """Action, outcome and reason of an order whose row is in this state."""
    rows = [{"num": "7", "id_app": id_app, "sit": sit}]
    database = ScriptedDatabase({"ped": rows})
    [one] = guard(database, (COLUMNS, state + COLUMNS)).check_state([one])
    assert database.n_locked == 1
    return one.action, one.outcome, one.reason.code if one.reason is not None else None


@pytest.mark.parametrize(
    ("action", "state", "sit", "expected"),
    [
        ("update", STATE, "A", ("update", None, None)),
        ("update", STATE, "B  ", ("update", None, None)),
        ("update", STATE, "F", ("none", "kept", "order_locked")),
        ("update", STATE, None, ("none", "kept", "order_locked")),
        ("update", CANCELLED, "C", ("none", "kept", "order_locked")),
        ("cancel", CANCELLED, "A", ("cancel", None, None)),
        ("cancel", CANCELLED, "F", ("none", "kept", "order_locked")),
        ("cancel", CANCELLED, "C", ("none", "cancelled", None)),
        ("cancel", STATE, "A", ("none", "kept", "order_not_cancelled")),
    ],
)
def test_an_order_is_changed_only_while_its_row_is_open(
    action: ChangeAction, state: str, sit: object, expected: tuple[str, str | None, str | None]
) -> None:
    assert checked(an_order(action), state, sit) == expected


def test_an_order_that_we_withdrew_may_be_opened_again() -> None:
    assert checked(an_order(origin="withdrawn"), CANCELLED, "C") == ("update", None, None)
    assert checked(an_order(origin="withdrawn"), CANCELLED, "F") == ("none", "kept", "order_locked")


def test_of_a_row_that_was_found_it_is_said_that_it_was_found() -> None:
    assert checked(an_order(hash=ADOPTED), STATE, "F") == ("none", "kept", "order_found")


def test_a_row_that_carries_another_id_is_no_row_of_the_order() -> None:
    assert checked(an_order(), STATE, "A", id_app="ord_9") == ("none", "kept", "order_removed")


@pytest.mark.parametrize("action", ["none", "insert", "read"])
def test_an_order_that_changes_no_row_is_not_looked_for(action: ChangeAction) -> None:
    database = ScriptedDatabase()
    [one] = guard(database, (COLUMNS, STATE + COLUMNS)).check_state([an_order(action)])
    assert (one.action, database.asked) == (action, [])


def checked_without_row(one: RecordChange, *changes: tuple[str, str], answers: tuple[Any, ...] = ()) -> RecordChange:
    """An order whose row is no more, after the check."""
    [checked] = guard(ScriptedDatabase(answers=answers), *changes).check_state([one])
    return checked


def end_of(one: RecordChange) -> tuple[str, str | None]:
    """Action and reason."""
    return one.action, one.reason.code if one.reason is not None else None


def test_an_order_without_a_row_was_removed_and_from_a_queue_it_was_taken() -> None:
    assert end_of(checked_without_row(an_order())) == ("none", "order_removed")
    assert end_of(checked_without_row(an_order(), QUEUE)) == ("none", "order_taken")


@pytest.mark.parametrize(
    ("answer", "number", "expected"),
    [
        (("ord_1", 99, "I", None), "99", ("none", "order_taken")),
        (("ord_1", None, "R", "sem crédito"), None, ("insert", None)),
        (("ord_1", None, "P", None), None, ("none", "order_taken")),
    ],
)
def test_what_the_erps_job_made_of_a_staged_order_decides(
    answer: tuple[object, ...], number: str | None, expected: tuple[str, str | None]
) -> None:
    one = checked_without_row(an_order(), QUEUE, (COLUMNS, OUTCOME + COLUMNS), answers=(answer,))
    assert end_of(one) == expected
    assert one.erp_number == number


def test_an_order_that_the_job_refused_before_goes_in_again_or_is_cancelled() -> None:
    reason = f'{{"code":"{JOB_REFUSED}"}}'
    assert end_of(checked_without_row(an_order(reason=reason), QUEUE)) == ("insert", None)
    cancelled = checked_without_row(an_order("cancel", reason=reason), QUEUE)
    assert (*end_of(cancelled), cancelled.outcome) == ("none", None, "cancelled")


def test_an_order_that_has_a_number_in_the_erp_never_goes_in_again() -> None:
    refused = an_order(reason=f'{{"code":"{JOB_REFUSED}"}}', erp_number="99")
    assert end_of(checked_without_row(refused, QUEUE)) == ("none", "order_taken")


@pytest.mark.parametrize(
    ("total", "key", "code"),
    [
        ("1", ("1", "7"), None),
        ("01", ("1", "7"), None),
        ("2", ("1", "7"), "order_renumbered"),
        (None, ("1", "7"), "order_renumbered"),
    ],
)
def test_an_order_whose_key_would_be_another_is_kept(total: str | None, key: tuple[str, ...], code: str | None) -> None:
    made = replace(an_order(erp_key=encode_key(key)), rows=RecordRows(main=("ord_1", total)))
    changes = (('key = "num"', 'key = ["total", "num"]'), ('parent = "num"', 'parent = ["total", "num"]'))
    [one] = guard(ScriptedDatabase(), *changes).check_key([made])
    assert (one.reason.code if one.reason is not None else None) == code


CUSTOMERS_TAKEN = ('key = "num"', 'key = "num"\ncustomer = "cli"')


@pytest.mark.parametrize(
    ("rows", "changes", "code"),
    [
        ([{"cod": "3", "id_app": "cus_1"}], (CUSTOMERS_TAKEN,), None),
        ([{"cod": "3", "id_app": "cus_9"}], (CUSTOMERS_TAKEN,), "customer_gone"),
        ([], (CUSTOMERS_TAKEN,), "customer_gone"),
        ([], (), None),
    ],
)
def test_an_order_waits_for_a_customer_whose_row_is_not_its_own_any_more(
    rows: list[dict[str, object]], changes: tuple[tuple[str, str], ...], code: str | None
) -> None:
    one = an_order("insert")
    assert one.binding is not None
    buyer = one.binding._replace(id="cus_1", erp_key="3")
    [one] = guard(ScriptedDatabase({"cli": rows}), *changes).check_customers([one], {"cus_1": buyer})
    assert (one.reason.code if one.reason is not None else None) == code
    assert (one.outcome == "waiting") is (code is not None)


@pytest.mark.parametrize(("others_id", "code"), [("cus_9", "customer_gone"), (None, None)])
def test_a_queue_may_hold_a_customer_no_more_but_no_stranger_in_its_place(
    others_id: str | None, code: str | None
) -> None:
    one = an_order("insert")
    assert one.binding is not None
    buyer = one.binding._replace(id="cus_1", erp_key="3")
    rows: list[dict[str, object]] = [{"cod": "3", "id_app": others_id}] if others_id is not None else []
    landing = ('key = "num"', 'key = "num"\ncustomer = "cli"\nlanding = "staging"')
    [one] = guard(ScriptedDatabase({"cli": rows}), landing).check_customers([one], {"cus_1": buyer})
    assert (one.reason.code if one.reason is not None else None) == code
