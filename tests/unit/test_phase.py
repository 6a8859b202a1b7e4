"""A phase is kept in a run's row as text, and read back as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from omnisync.agent.phase import Phase, decode_phase, encode_phase

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
