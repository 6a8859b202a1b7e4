"""A phase is kept in a run's row as text, and read back as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.phase import Phase, Stage, decode_phase, encode_phase

AT = datetime(2026, 11, 24, 15, 4, 10, tzinfo=UTC)
KEPT = {
    "": Phase(),
    "customer": Phase(stage="customer"),
    "order:0001": Phase(stage="order", establishment="0001"),
    "order:a:b": Phase(stage="order", establishment="a:b"),
    "waiting": Phase(stage="waiting"),
    "read:omniforce.price-tables": Phase(stage="read", dataset="omniforce.price-tables"),
    "customer!hub_unreachable!2026-11-24T15:04:10+00:00": Phase(stage="customer").waiting("hub_unreachable", AT),
}
"""As rows of every version hold them."""


@pytest.mark.parametrize("text", KEPT, ids=str)
def test_a_phase_is_kept_as_every_version_kept_it(text: str) -> None:
    assert decode_phase(text) == KEPT[text]
    assert encode_phase(KEPT[text]) == text


@pytest.mark.parametrize("text", ["new", "new:0001!code!x", "!", "customer!code!yesterday"])
def test_a_phase_of_another_version_is_no_trouble(text: str) -> None:
    assert decode_phase(text).waiting_for == ""


phases = st.builds(
    Phase,
    stage=st.just("order"),
    establishment=st.text(st.characters(exclude_characters="!"), max_size=10),
) | st.builds(Phase, stage=st.sampled_from(["read", "send"]), dataset=st.sampled_from(["dash.stock", "omniforce.a-b"]))


@given(phases, st.sampled_from(["hub_unreachable", "erp_busy"]), st.datetimes(timezones=st.just(UTC)))
def test_a_phase_is_read_back_as_it_was_with_and_without_what_it_waits_for(
    phase: Phase, code: str, retry_at: datetime
) -> None:
    waiting = phase.waiting(code, retry_at)
    assert decode_phase(encode_phase(phase)) == phase
    assert decode_phase(encode_phase(waiting)) == waiting
    assert waiting.without_wait() == phase


@pytest.mark.parametrize(
    ("stage", "is_export"), [("", False), ("customer", False), ("receipts", False), ("read", True), ("send", True)]
)
def test_reading_and_sending_are_of_the_export(stage: Stage, is_export: bool) -> None:
    assert Phase(stage=stage).is_export is is_export
