"""kill -9 at every moment of an import, then an import: nothing lost, nothing doubled, no number changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.installed_program import Program, installed
from tests.support.record_samples import change, customer, order

SIGKILLED = -9
N_ORDERS = 1300
"""More than one page of orders; the first slice is small, so a page is several transactions."""
TIMES = {"in_the_transaction": (1, 3, 7), "before_commit": (2, 6, 9), "after_commit": (2, 6, 9)}
SWEEP = [
    *((moment, n) for moment in ("before_fetch", "after_fetch") for n in (1, 2, 3)),
    *((moment, n) for moment in TIMES for n in TIMES[moment]),
    ("before_the_receipts", 1),
    ("after_the_receipts", 1),
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        send(running, *(change(customer(f"cus_{n:03}", document=None, document_kind="none")) for n in range(60)))
        orders = [
            change(order(f"ord_{n:05}", customer_id=f"cus_{n % 60:03}", establishment_code="0001" if n % 7 else "0002"))
            for n in range(N_ORDERS)
        ]
        for start in range(0, N_ORDERS, 500):
            send(running, *orders[start : start + 500])
        send(running, change(order("ord_bad", customer_id="cus_000", paid="1.00")))
        yield running


@pytest.fixture(scope="module")
def whole(hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What an import that nobody kills leaves in the ERP."""
    program = installed(tmp_path_factory.mktemp("whole") / "a", hub)
    assert program.run("import").status == 3
    return program.keeper.contents()


def _numbers(program: Program) -> dict[str, int]:
    return dict(program.keeper.query("SELECT id_externo, numero FROM pedidos"))


@pytest.mark.parametrize(("moment", "n"), SWEEP, ids=[f"{moment}-{n}" for moment, n in SWEEP])
def test_a_killed_import_goes_on_where_it_stopped(
    hub: RunningHub, whole: dict[str, list[tuple[Any, ...]]], tmp_path: Path, moment: str, n: int
) -> None:
    program = installed(tmp_path / "a", hub)
    killed = program.run("import", killed_at=(moment, n))
    assert killed.status == SIGKILLED
    numbers = _numbers(program)
    after = program.run("import", "--json")
    assert after.status in (0, 3), after.err
    assert program.keeper.contents() == whole
    assert _numbers(program).items() >= numbers.items()
    assert program.run("import", "--json").json()["orders"]["written"] == 0
    assert [run["state"] for run in program.run("runs", "--json").json()][-1] == "interrupted"
    assert program.keeper.query("SELECT count(*) FROM omnisync_binding WHERE receipt_pending = 1") == [(0,)]
