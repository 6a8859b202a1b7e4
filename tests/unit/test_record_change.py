"""A change compared with its binding: what is new is read, the rest is passed by id and version alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from omnisync.agent.erp.upsert.keys import Claim, encode_key
from omnisync.agent.erp.upsert.record_change import (
    Binding,
    ChangeAction,
    OutcomeGroup,
    RecordChange,
    claim_for,
    claim_of,
    compare,
    count,
    hash_of,
    key_of,
    reason_of,
    stored_reason,
    stored_warnings,
    unreadable_change,
)
from omnisync.agent.erp.upsert.record_reason import RecordReason, described
from omnisync.agent.messages import sentences
from omnisync.agent.progress import Counts, RowCounts
from omnisync.contract.feed import Change, Outcome, Unreadable
from tests.support.record_samples import change, customer, deletion, order

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
EPOCH = "e1"


def bound(to: Change, **fields: Any) -> Binding:
    """The binding of a change that was written."""
    plain = Binding(
        id=to.id,
        epoch=EPOCH,
        version=to.version,
        hash=hash_of(to),
        written_version=to.version,
        erp_key="7",
        erp_number="7",
        establishment="0001",
        customer_id="cus_1",
        label="OF-1",
        merged_into=None,
        outcome="imported",
        reason=None,
        warnings=None,
    )
    return plain._replace(**fields)


def said(reason: RecordReason) -> str:
    """The sentence of a reason, as a binding keeps it."""
    return described(reason, sentences.of_words).message


def compared(one: Change, binding: Binding | None, epoch: str = EPOCH, *, retrying: bool = False) -> RecordChange:
    [found] = compare([one], {binding.id: binding} if binding is not None else {}, epoch, retrying=retrying)
    return found


@pytest.mark.parametrize(
    ("version", "known", "action"), [(1, None, "read"), (2, 1, "read"), (1, 1, "none"), (1, 2, "none"), (9, 10, "none")]
)
def test_a_newer_version_is_read_and_an_equal_or_older_one_is_not(
    version: int, known: int | None, action: ChangeAction
) -> None:
    one = change(order(), version)
    found = compared(one, bound(one, version=known) if known is not None else None)
    assert (found.action, found.outcome_group, found.needs_save) == (action, "unchanged", False)


@pytest.mark.parametrize(
    ("version", "outcome", "group"),
    [
        (2, "refused", "refused"),
        (2, "waiting", "waiting"),
        (2, "imported", "unchanged"),
        (2, "kept", "unchanged"),
        (1, "refused", "unchanged"),
        (1, "waiting", "unchanged"),
    ],
)
def test_what_came_again_counts_as_what_became_of_it_unless_it_is_older(
    version: int, outcome: Outcome, group: OutcomeGroup
) -> None:
    one = change(order(), version)
    assert compared(one, bound(one, version=2, outcome=outcome)).outcome_group == group


@pytest.mark.parametrize(
    ("outcome", "retrying", "action"),
    [("waiting", True, "read"), ("waiting", False, "none"), ("refused", True, "none"), ("imported", True, "none")],
)
def test_only_a_retry_reads_the_same_version_again_and_only_of_what_waits(
    outcome: Outcome, retrying: bool, action: ChangeAction
) -> None:
    one = change(order(), 3)
    assert compared(one, bound(one, outcome=outcome), retrying=retrying).action == action


@pytest.mark.parametrize("version", [1, 5, 9])
def test_of_another_epoch_the_content_decides_and_not_the_version(version: int) -> None:
    one = change(order(), version)
    assert compared(one, bound(one, version=5), "e2").action == "none"
    assert compared(one, bound(one, version=5, hash="other"), "e2").action == "read"


def test_what_is_the_same_in_another_epoch_is_saved_under_it_with_all_that_was_known() -> None:
    one = change(order(), 1)
    reason, warning = RecordReason(code="a", message="A"), RecordReason(code="b", message="B")
    binding = bound(
        one,
        version=5,
        outcome="refused",
        reason=msgspec.json.encode(reason).decode(),
        warnings=msgspec.json.encode([warning]).decode(),
    )
    found = compared(one, binding, "e2")
    assert (found.action, found.outcome, found.needs_save) == ("none", "refused", True)
    assert found.reason == reason
    assert found.warnings == (warning,)


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=6), st.integers(1, 3))
def test_every_change_gets_one_answer_in_the_order_it_came(ids: list[str], known: int) -> None:
    changes = [change(order(id_), n + 1) for n, id_ in enumerate(ids)]
    bindings = {"a": bound(change(order("a"), known))}
    found = compare(changes, bindings, EPOCH, retrying=False)
    assert [one.change for one in found] == changes
    assert all((one.action == "read") is (one.change.id != "a" or one.change.version > known) for one in found)


def test_the_hash_is_of_the_content_and_of_a_delete_what_became_of_it() -> None:
    one = change(order(), 1)
    assert hash_of(one) == hash_of(msgspec.structs.replace(one, version=2))
    assert hash_of(one) != hash_of(msgspec.structs.replace(one, data=Raw(bytes(one.data) + b" ")))
    gone, moved, elsewhere = (deletion("order", "ord_1", 2, to=to) for to in (None, "0001", "0002"))
    assert len({hash_of(gone), hash_of(moved), hash_of(elsewhere)}) == 3


def unreadable(version: int, id_: str = "ord_1") -> Unreadable:
    return Unreadable(kind="order", id=id_, version=version, why="formato")


@pytest.mark.parametrize(
    ("version", "known", "retrying", "outcome", "kept_version"),
    [
        (2, None, False, "refused", 2),
        (2, 1, False, "refused", 2),
        (2, 2, False, "refused", 2),
        (1, 2, False, None, 1),
        (1, 2, True, "refused", 2),
    ],
)
def test_a_change_that_cannot_be_read_is_refused_unless_a_newer_one_was_met(
    version: int, known: int | None, retrying: bool, outcome: Outcome | None, kept_version: int
) -> None:
    binding = bound(change(order(), known)) if known is not None else None
    found = unreadable_change(unreadable(version), binding, retrying=retrying, now=NOW)
    assert (found.outcome, found.change.version) == (outcome, kept_version)
    assert found.outcome is None or (found.reason is not None and found.reason.code == "record_unreadable")


def test_a_change_without_an_id_of_its_own_is_spoken_of_as_one() -> None:
    found = unreadable_change(unreadable(1, "?" + "0" * 40), None, retrying=False, now=NOW)
    assert found.reason is not None
    assert "sem identificação" in said(found.reason)


def test_an_outcome_ends_the_change_and_is_saved() -> None:
    going = RecordChange(change=change(order()), binding=None, action="update")
    found = going.left_unchanged("order_locked", situacao="FATURADO")
    assert (going.action, going.needs_save) == ("update", False)
    assert (found.action, found.outcome, found.outcome_group, found.needs_save) == ("none", "kept", "kept", True)
    assert found.reason is not None
    assert "FATURADO" in said(found.reason)


def test_a_reason_names_the_record_and_repeats_no_document() -> None:
    one = RecordChange(change=change(customer()), binding=None, record=customer(name="Ana 529.982.247-25"))
    reason = reason_of("record_unreadable", one, "name", None, campo="name")
    assert "529.982.247-25" not in said(reason)
    assert "cliente" in said(reason)
    assert len(said(reason_of("erp_job_refused", one, motivo="x" * 900))) <= 600


def test_the_row_of_a_record_is_the_one_it_was_given_now_before_the_one_it_had() -> None:
    one = change(order())
    known = RecordChange(change=one, binding=bound(one, erp_key=encode_key(("1", "7"))))
    assert key_of(known) == ("1", "7")
    assert key_of(msgspec.structs.replace(known, erp_key="8")) == ("8",)


@pytest.mark.parametrize(("origin", "is_matched"), [("made", False), ("matched", True), ("withdrawn", False)])
def test_a_claim_says_whether_the_row_was_the_erps_own(origin: Any, is_matched: bool) -> None:
    one = change(order())
    binding = bound(one, origin=origin)
    assert claim_for(RecordChange(change=one, binding=binding)) == Claim(one.id, ("7",), is_matched)
    assert claim_of(binding) == Claim(one.id, ("7",), is_matched)
    assert claim_of(bound(one, erp_key=None)) is None


def test_a_binding_without_reason_or_warnings_has_none() -> None:
    one = bound(change(order()))
    assert (stored_reason(one), stored_warnings(one)) == (None, ())


def test_rows_are_counted_by_noun_and_group_and_a_delete_as_one_order() -> None:
    def ended(one: Change, group: OutcomeGroup) -> RecordChange:
        return RecordChange(change=one, binding=None, outcome_group=group)

    found = count(
        [
            ended(change(customer()), "written"),
            ended(change(order("o1")), "written"),
            ended(change(order("o2")), "refused"),
            ended(msgspec.structs.replace(deletion("order", "o3", 2), n_items=3, n_payments=1), "kept"),
        ]
    )
    assert found == Counts(
        customers=RowCounts(written=1),
        orders=RowCounts(written=1, refused=1, kept=1),
        items=RowCounts(written=2, refused=2),
        payments=RowCounts(written=1, refused=1),
    )
