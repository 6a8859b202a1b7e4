"""What must be true of a company after its runs: nothing lost, nothing doubled, no cursor ahead of its data."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec

from omnisync.contract.records import Customer, Order
from tests.support.simulation.company import Company, Truth

ELSEWHERE = "0009"
"""An establishment of another computer."""


def look(company: Company) -> None:
    """After every run, killed or not: no number changed, nothing went away, no cursor is ahead of its data."""
    there = dict(company.keeper.query("SELECT id_externo, numero FROM pedidos"))
    for id_, number in company.seen.numbers.items():
        assert there.get(id_) == number, f"{id_} was {number}, is {there.get(id_)}"
    assert not there.keys() & (company.seen.removed - company.seen.invited), "made again"
    company.seen.numbers = there
    _look_at_cursors(company)


def _look_at_cursors(company: Company) -> None:
    epoch = company.epoch()
    met = {(kind, id_): (at, version) for kind, id_, at, version, *_ in company.bindings()}
    for stream, cursor, at in company.keeper.query("SELECT stream, cursor, epoch FROM omnisync_cursor"):
        if at != epoch or not cursor:
            continue
        for kind, id_, version, op in company.passed(stream, cursor):
            if op == "upsert":
                assert (kind, id_) in met, f"{stream} passed {id_}"
                assert met[kind, id_] >= (epoch, version) or met[kind, id_][0] != epoch, f"{stream} passed {id_}"
                assert met[kind, id_][0] == epoch, f"{id_} of another epoch"


def check(company: Company) -> None:
    """After one clean run every live record stands in the ERP as it is, or has a reason not to."""
    epoch, truths = company.epoch(), company.truths()
    bindings = {(kind, id_): rest for kind, id_, *rest in company.bindings()}
    customers = {truth.id: cast(Customer | None, truth.record) for truth in truths if truth.kind == "customer"}
    for truth in truths:
        if truth.stream == f"order:{ELSEWHERE}":
            # Of an order that came here after the backup the hub was restored from, no stream of ours speaks.
            # Nor of one that was forgotten here, too.
            nobody = [None if company.keeper.memories is not None and company.has_hub_forgotten else epoch]
            if bindings.get(("order", truth.id), nobody)[0] == epoch:
                _check_elsewhere(company, truth)
        elif truth.record is not None:
            at, version, outcome, reason = bindings[truth.kind, truth.id]
            assert (at, version) == (epoch, truth.version), (truth, at, version)
            assert (reason is None) == (outcome not in ("refused", "waiting", "kept")), (truth, outcome)
            code = msgspec.json.decode(reason)["code"] if reason else ""
            if truth.kind == "customer":
                _check_customer(company, cast(Customer, truth.record), outcome)
            else:
                _check_order(company, cast(Order, truth.record), outcome, code, customers)
    _check_receipts(company, truths, bindings)


def _check_customer(company: Company, record: Customer, outcome: str) -> None:
    rows = company.keeper.query("SELECT observacoes FROM clientes WHERE id_externo = ?", record.id)
    if record.document == "12ABC34501DE36":
        assert outcome == "refused", (record.id, outcome)
    elif outcome == "unchanged":
        assert record.merged_into, record.id
    else:
        assert outcome in ("imported", "updated"), (record.id, outcome)
        assert rows == [(record.notes,)]


def _check_order(
    company: Company, record: Order, outcome: str, code: str, customers: dict[str, Customer | None]
) -> None:
    id_ = record.id
    if record.status == "cancelled":
        _check_cancelled(company, id_, outcome)
    elif sum((p.amount for p in record.payments), Decimal(0)) != record.totals.total_amount:
        assert outcome == "refused", (id_, outcome)
    elif outcome == "kept":
        assert id_ in company.seen.settled, (id_, code)
    elif outcome == "refused":
        assert code == "customer_deleted", (id_, code)
    elif outcome == "waiting":
        assert not _is_importable(record.customer.id, customers), (id_, code)
    else:
        assert outcome in ("imported", "updated"), (id_, outcome)
        is_there = id_ in company.seen.numbers
        assert _row(company, id_) == _expected(record) if is_there else id_ in company.seen.removed, id_


def _check_cancelled(company: Company, id_: str, outcome: str) -> None:
    states = company.keeper.query("SELECT situacao FROM pedidos WHERE id_externo = ?", id_)
    if outcome == "kept":
        assert id_ in company.seen.settled, id_
    else:
        assert outcome == "cancelled", (id_, outcome)
        assert states in ([], [("cancelado",)]), (id_, states)


def _check_elsewhere(company: Company, truth: Truth) -> None:
    states = company.keeper.query("SELECT situacao FROM pedidos WHERE id_externo = ?", truth.id)
    assert states in ([], [("cancelado",)]) or truth.id in company.seen.invoiced or truth.record is None, truth


def _row(company: Company, id_: str) -> tuple[Any, ...]:
    [(number, *rest)] = company.keeper.query(
        "SELECT numero, observacoes, total, estabelecimento FROM pedidos WHERE id_externo = ?", id_
    )
    items = company.keeper.query("SELECT id_externo, total FROM itens_pedido WHERE pedido = ? ORDER BY 1", number)
    paid = company.keeper.query("SELECT id_externo, valor FROM formas_pagamento WHERE pedido = ? ORDER BY 1", number)
    [(state,)] = company.keeper.query("SELECT situacao FROM pedidos WHERE id_externo = ?", id_)
    assert state == "aberto" or id_ in company.seen.invoiced, (id_, state)
    return (*rest, items, paid)


def _check_receipts(company: Company, truths: Sequence[Truth], bindings: dict[tuple[str, str], list[Any]]) -> None:
    assert company.keeper.query("SELECT id FROM omnisync_binding WHERE receipt_pending = 1") == []
    for truth in truths:
        at, version, outcome, _ = bindings.get((truth.kind, truth.id), ("", 0, "", None))
        is_mistold = company.mistold.get((truth.kind, truth.id)) == (version, outcome)
        if (at, version) == (company.epoch(), truth.version) and not is_mistold:
            assert company.receipt(truth.kind, truth.id) == (version, outcome), truth


def _is_importable(customer_id: str, customers: dict[str, Customer | None]) -> bool:
    """Whether the customer, or the one it was merged into, is live and sound."""
    met = set()
    record = customers.get(customer_id)
    while record is not None and record.merged_into and record.id not in met:
        met.add(record.id)
        record = customers.get(record.merged_into)
    return record is not None and record.merged_into is None and record.document == "12ABC34501DE35"


def _expected(record: Order) -> tuple[Any, ...]:
    items = sorted((line.id, str(line.total_amount)) for line in record.items)
    paid = sorted((payment.id, str(payment.amount)) for payment in record.payments)
    return record.notes, str(record.totals.total_amount), record.establishment_code, items, paid
