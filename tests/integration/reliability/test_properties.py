"""For any history of edits, runs, kills and restores, one clean run leaves the ERP equal to the hub.

Histories that once failed stand below as plain tests. `make test HYPOTHESIS=deep` tells 2,000 of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from omnisync.agent.sync.importer import RetryRequest
from omnisync.hub import receipts
from tests.support.hub_server import COMPANY
from tests.support.import_runs import ALL
from tests.support.simulation.company import templates
from tests.support.simulation.faults import FaultInjector
from tests.support.simulation.history import Event
from tests.support.simulation.import_checks import ELSEWHERE
from tests.support.simulation.imports import CUSTOMER_IDS, ORDER_IDS, ImportSimulation

_customers = some.sampled_from(CUSTOMER_IDS)
_orders = some.sampled_from(ORDER_IDS)
_good = some.sampled_from((True, True, True, False))
_edits: some.SearchStrategy[Event] = some.one_of(
    some.tuples(some.just("customer"), _customers, _good, some.one_of(some.none(), some.none(), _customers)),
    some.tuples(
        some.just("order"),
        _orders,
        _customers,
        some.sampled_from((*ALL, *ALL, ELSEWHERE)),
        _good,
        some.sampled_from(("confirmed", "confirmed", "cancelled")),
        some.integers(1, 3),
    ),
    some.tuples(some.just("erase"), some.just("order"), _orders),
    some.tuples(some.just("erase"), some.just("customer"), _customers),
)
_events = some.one_of(
    _edits,
    _edits,
    some.tuples(some.sampled_from(("invoice", "remove")), some.integers(0, 3)),
    some.tuples(some.just("restore_hub")),
)
_wanted = some.one_of(
    some.tuples(some.just("order"), _orders, some.booleans()),
    some.tuples(some.just("customer"), _customers, some.booleans()),
)
_establishments = some.sampled_from((ALL, ("0001",), ("0002",)))
_limits = some.sampled_from((1, 2, 3, 1000))
_sizes = some.integers(1, 3)


_FIRST_DAY: tuple[Event, ...] = (
    ("customer", "cus_1", True, None),
    ("customer", "cus_2", True, None),
    ("order", "ord_1", "cus_1", "0001", True, "confirmed", 2),
    ("order", "ord_2", "cus_2", "0002", True, "confirmed", 2),
    ("order", "ord_3", "cus_3", "0001", True, "confirmed", 1),
)


class Histories(RuleBasedStateMachine):
    """What may happen to one company, in any order."""

    template: Path
    is_kept_here = False

    @initialize(is_young=some.sampled_from((False, False, True)), is_ahead=some.booleans())
    def begin(self, is_young: bool, is_ahead: bool) -> None:
        self._folder = TemporaryDirectory(prefix="omnisync-")
        folder = Path(self._folder.name)
        self._life = ImportSimulation(self.template, folder, is_kept_here=self.is_kept_here, is_ahead=is_ahead)
        if not is_young:
            for edit in _FIRST_DAY:
                self._life.happen(edit)
            self._life.run()

    @rule(edits=some.lists(_edits, min_size=1, max_size=4))
    def salespeople_sell(self, edits: list[Event]) -> None:
        for edit in edits:
            self._life.happen(edit)

    @rule(establishments=_establishments, limit=_limits, size=_sizes, meanwhile=some.lists(_events, max_size=3))
    def a_run_ends(self, establishments: tuple[str, ...], limit: int, size: int, meanwhile: list[Event]) -> None:
        self._life.run(establishments=establishments, limit=limit, slice_size=size, meanwhile=meanwhile)

    @rule(
        n=some.integers(1, 24), kind=some.sampled_from(("kill", "error")), establishments=_establishments, limit=_limits
    )
    def a_run_meets_a_fault(self, n: int, kind: str, establishments: tuple[str, ...], limit: int) -> None:
        self._life.run(establishments=establishments, limit=limit, slice_size=1, faults=FaultInjector(n, kind))

    @rule(
        id_=_orders,
        establishment=some.sampled_from((*ALL, ELSEWHERE)),
        customer_id=_customers,
        n_items=some.integers(1, 3),
    )
    def a_sound_order_is_brought(self, id_: str, establishment: str, customer_id: str, n_items: int) -> None:
        self._life.happen(("customer", customer_id, True, None))
        self._life.happen(("order", id_, customer_id, establishment, True, "confirmed", n_items))
        self._life.run()

    @rule(edit=_edits, n=some.integers(1, 6), kind=some.sampled_from(("kill", "error")))
    def a_commit_is_not_answered(self, edit: Event, n: int, kind: str) -> None:
        self._life.happen(edit)
        self._life.run(faults=FaultInjector(n, kind), only_commits=True)

    @rule(wanted=_wanted, n=some.integers(0, 8))
    def a_record_is_tried_again(self, wanted: tuple[Any, str, bool], n: int) -> None:
        kind, id_, again = wanted
        self._life.run(wanted=RetryRequest(kind=kind, ids=(id_,), again=again), faults=FaultInjector(n, "kill"))

    @rule(n=some.integers(0, 3))
    def an_order_is_invoiced(self, n: int) -> None:
        self._life.invoice(n)

    @rule(n=some.integers(0, 3))
    def an_order_is_deleted_in_the_erp(self, n: int) -> None:
        self._life.remove(n)

    @rule(edits=some.lists(_edits, min_size=1, max_size=3))
    def the_hub_loses_what_the_agent_has_read(self, edits: list[Event]) -> None:
        self._life.back_up_hub()
        for edit in edits:
            self._life.happen(edit)
        self._life.run()
        self._life.restore_hub()

    @precondition(lambda self: not self.is_kept_here)
    @rule(edits=some.lists(_edits, min_size=1, max_size=3))
    def the_erp_loses_what_the_agent_has_written(self, edits: list[Event]) -> None:
        self._life.back_up_erp()
        for edit in edits:
            self._life.happen(edit)
        self._life.run()
        self._life.restore_erp()

    @rule()
    def the_hub_is_backed_up(self) -> None:
        self._life.back_up_hub()

    @rule()
    def the_hub_is_restored(self) -> None:
        self._life.restore_hub()

    @precondition(lambda self: not self.is_kept_here)
    @rule()
    def the_erp_is_backed_up(self) -> None:
        self._life.back_up_erp()

    @precondition(lambda self: not self.is_kept_here)
    @rule()
    def the_erp_is_restored(self) -> None:
        self._life.restore_erp()

    @precondition(lambda self: self.is_kept_here)
    @rule()
    def the_memory_is_lost(self) -> None:
        self._life.lose_memory()

    @precondition(lambda self: self.is_kept_here)
    @rule()
    def the_memory_is_backed_up(self) -> None:
        self._life.back_up_memory()

    @precondition(lambda self: self.is_kept_here)
    @rule()
    def the_memory_is_restored(self) -> None:
        self._life.restore_memory()

    @rule()
    def one_clean_run_leaves_the_erp_equal_to_the_hub(self) -> None:
        self._life.run()
        self._life.check()

    def teardown(self) -> None:
        if not hasattr(self, "_life"):
            return
        try:
            self._life.run()
            self._life.check()
        finally:
            self._life.close()
            self._folder.cleanup()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return templates(tmp_path_factory.mktemp("template"))


@pytest.fixture
def life(template: Path, tmp_path: Path) -> Iterator[ImportSimulation]:
    lived = ImportSimulation(template, tmp_path)
    yield lived
    lived.close()


@pytest.mark.parametrize("is_kept_here", [False, True], ids=["erp", "agent"])
def test_one_clean_run_heals_any_history(template: Path, is_kept_here: bool) -> None:
    machine: Any = type("Histories", (Histories,), {"template": template, "is_kept_here": is_kept_here})
    run_state_machine_as_test(
        machine,
        settings=settings(stateful_step_count=15, suppress_health_check=list(HealthCheck), print_blob=True),
    )


# Histories that failed once.


def test_a_commit_that_fails_before_the_first_page_leaves_no_open_transaction(life: ImportSimulation) -> None:
    life.happen(("customer", "cus_1", True, None))
    life.run(faults=FaultInjector(1, "kill"))
    life.run(faults=FaultInjector(1, "error"))
    life.run()
    life.check()


def test_an_order_asked_for_again_while_its_row_stands_is_still_cancelled_there(life: ImportSimulation) -> None:
    life.happen(("customer", "cus_1", True, None))
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 1))
    life.run()
    life.happen(("order", "ord_1", "cus_1", "0001", True, "cancelled", 1))
    life.run(wanted=RetryRequest(kind="order", ids=("ord_1",), again=True))
    life.run()
    life.check()


def test_an_order_that_moved_twice_between_two_runs_and_left_this_computer_is_cancelled_here(
    life: ImportSimulation,
) -> None:
    life.happen(("customer", "cus_1", True, None))
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 1))
    life.run()
    for establishment in ("0002", ELSEWHERE):
        life.happen(("order", "ord_1", "cus_1", establishment, True, "confirmed", 1))
    life.run()
    assert life.keeper.query("SELECT situacao FROM pedidos") == [("cancelado",)]


def test_an_order_erased_before_a_restore_of_the_hub_and_moved_after_it_is_cancelled_here(
    life: ImportSimulation,
) -> None:
    life.happen(("customer", "cus_1", True, None))
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 1))
    life.back_up_hub()
    life.run()
    life.happen(("erase", "order", "ord_1"))
    life.run()
    life.restore_hub()
    life.happen(("order", "ord_1", "cus_1", ELSEWHERE, True, "confirmed", 1))
    life.run()
    assert life.keeper.query("SELECT situacao FROM pedidos") == [("cancelado",)]


def test_what_is_announced_after_a_restore_is_what_is_still_to_come(life: ImportSimulation) -> None:
    for n in (1, 2):
        life.happen(("customer", f"cus_{n}", True, None))
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 1))
    life.run()
    life.back_up_hub()
    life.happen(("customer", "cus_3", True, None))
    life.run()
    life.restore_hub()  # which forgot a customer that the agent has read: everything is read again
    killed = FaultInjector(15, "kill")
    life.run(limit=1, faults=killed)
    assert killed.has_sprung
    life.run()  # it compares what it counted with what was announced
    life.check()


def test_a_customer_released_by_a_run_that_was_killed_is_tried_by_the_next(life: ImportSimulation) -> None:
    life.happen(("customer", "cus_1", False, None))
    life.run()
    life.run(wanted=RetryRequest(kind="customer", ids=("cus_1",)), faults=FaultInjector(5, "kill"))
    assert life.keeper.query("SELECT outcome FROM omnisync_binding") == [("waiting",)]
    life.run()
    life.check()


def test_an_order_that_waits_again_after_a_restore_of_the_erp_is_told_anew_when_it_enters(
    life: ImportSimulation,
) -> None:
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 1))
    life.run()
    life.back_up_erp()
    life.happen(("customer", "cus_1", True, None))
    life.run()
    life.restore_erp()
    life.happen(("customer", "cus_1", False, None))
    life.run()
    life.check()  # the order waits, and the hub still says what it was told before the restore
    life.happen(("customer", "cus_1", True, None))
    life.run()
    [told] = receipts.receipts_of(life.store, COMPANY, "order", "ord_1")
    [(number,)] = life.keeper.query("SELECT numero FROM pedidos")
    assert msgspec.json.decode(told)["erp_number"] == str(number)
    life.check()


def test_an_order_that_came_here_after_the_backup_of_the_hub_is_as_it_is_there_once_it_is_sent_again(
    life: ImportSimulation,
) -> None:
    life.happen(("customer", "cus_1", True, None))
    life.happen(("order", "ord_1", "cus_1", ELSEWHERE, True, "confirmed", 1))
    life.run()
    life.back_up_hub()
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 1))
    life.run()
    life.restore_hub()
    life.run()
    life.check()  # it stands here and, for the hub, elsewhere: nothing of ours tells
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 2))
    life.run()
    life.check()
    assert life.keeper.query("SELECT situacao FROM pedidos") == [("aberto",)]
    life.happen(("order", "ord_1", "cus_1", ELSEWHERE, True, "confirmed", 2))
    life.run()
    assert life.keeper.query("SELECT situacao FROM pedidos") == [("cancelado",)]


def test_an_order_asked_for_again_that_is_another_computers_by_now_waits_no_more(life: ImportSimulation) -> None:
    life.happen(("customer", "cus_1", True, None))
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 1))
    life.run()
    life.happen(("order", "ord_1", "cus_1", ELSEWHERE, True, "confirmed", 1))
    life.run()
    life.remove(0)
    life.run(wanted=RetryRequest(kind="order", ids=("ord_1",), again=True))
    life.run()
    life.check()
    assert life.keeper.query("SELECT outcome FROM omnisync_binding WHERE kind = 'order'") == [("cancelled",)]
    assert life.keeper.query("SELECT count(*) FROM pedidos") == [(0,)]


def test_an_order_cancelled_then_refused_is_opened_again_once_it_is_good(life: ImportSimulation) -> None:
    life.happen(("customer", "cus_1", True, None))
    for is_good, status in ((True, "confirmed"), (True, "cancelled"), (False, "confirmed"), (True, "confirmed")):
        life.happen(("order", "ord_1", "cus_1", "0001", is_good, status, 2))
        life.run()
        life.check()
    assert life.keeper.query("SELECT situacao FROM pedidos") == [("aberto",)]


def test_an_order_cancelled_then_erased_is_opened_again_when_it_is_made_again(life: ImportSimulation) -> None:
    life.happen(("customer", "cus_1", True, None))
    for status in ("confirmed", "cancelled"):
        life.happen(("order", "ord_1", "cus_1", "0001", True, status, 2))
        life.run()
    life.happen(("erase", "order", "ord_1"))
    life.run()
    life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 1))
    life.run()
    life.check()
    assert life.keeper.query("SELECT situacao FROM pedidos") == [("aberto",)]


@pytest.mark.parametrize("n", range(1, 9))
def test_a_cancellation_whose_commit_was_not_answered_is_still_known_as_ours(
    template: Path, tmp_path: Path, n: int
) -> None:
    with closing(ImportSimulation(template, tmp_path, is_kept_here=True)) as life:
        life.happen(("customer", "cus_1", True, None))
        life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 2))
        life.run()
        life.happen(("order", "ord_1", "cus_1", "0001", True, "cancelled", 2))
        life.run(faults=FaultInjector(n, "kill"), only_commits=True)
        life.happen(("order", "ord_1", "cus_1", "0001", True, "confirmed", 2))
        life.run()
        life.check()
        assert life.keeper.query("SELECT situacao FROM pedidos") == [("aberto",)]
