"""Customers the ERP has already: what a person may choose from."""

from __future__ import annotations

from omnisync.agent.erp.upsert.customer_match import candidate_keys


def test_as_many_whole_keys_are_offered_as_a_reason_holds() -> None:
    assert candidate_keys([("12",), ("13",)]) == "12,13"
    many = candidate_keys([(str(n),) for n in range(10_000, 10_100)])
    assert len(many) <= 120
    assert many.split(",") == [str(n) for n in range(10_000, 10_020)]
