"""A company's imports: OmniForce edits, the ERP's people work, backups are restored, runs are killed.

`ImportSimulation` holds both databases and does one thing at a time; `check` says what must be true after one clean
run. The hub is the real one without its sockets, the ERP a real SQLite file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, cast

import msgspec

from omnisync.agent.erp.base import Erp
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.progress import ExpectedCounts, Progress
from omnisync.agent.sync.importer import Importer, ImportOptions, RetryRequest
from omnisync.contract.feed import Change, RecordKind
from omnisync.hub import intake
from omnisync.hub.store import Store
from tests.support.erp_databases import SampleErp
from tests.support.hub_server import COMPANY
from tests.support.import_runs import ALL, Clock, runtime_at, sent
from tests.support.record_samples import NOW, change, customer, deletion, item, order
from tests.support.simulation import import_checks
from tests.support.simulation.company import Company, Seen
from tests.support.simulation.direct_hub import DirectHub
from tests.support.simulation.faults import FaultInjector, KillError, no_fault
from tests.support.simulation.faulty_erp import FaultyHub, open_faulty_erp
from tests.support.simulation.history import Event, replay

CUSTOMER_IDS = ("cus_1", "cus_2", "cus_3")
ORDER_IDS = ("ord_1", "ord_2", "ord_3", "ord_4")


class ImportSimulation:
    """One company and everything that happens to it."""

    def __init__(self, template: Path, folder: Path, *, is_kept_here: bool = False, is_ahead: bool = False) -> None:
        """With `is_ahead` every page is made ready before its turn, as another process would.

        With `is_kept_here` the agent keeps what is remembered of the ERP's records, and may lose it.
        """
        self._company = Company(template, folder, is_kept_here=is_kept_here)
        self._is_ahead = is_ahead
        self._seen_in_backup: Seen | None = None
        self._is_hub_backed_up = self._is_memory_backed_up = False
        self._memory_is = "whole"
        """Or "old" or "lost", until a run has read everything."""
        self._is_proven = True
        """Whether the cursors in the ERP tell all that was written there: a run that ended half-way wrote more."""
        self._words = count()

    @property
    def store(self) -> Store:
        """The hub's database; another one after a restore."""
        return self._company.store

    @property
    def keeper(self) -> SampleErp:
        """The ERP's database, read past our own code."""
        return self._company.keeper

    def close(self) -> None:
        self.store.close()

    def happen(self, *events: Event) -> None:
        """What comes to pass beside a run: edits, the ERP's people, restores."""
        replay(self, events)

    def customer(self, id_: str, is_good: bool, merged_into: str | None) -> None:
        """A salesperson saves a customer."""
        document = "12ABC34501DE35" if is_good else "12ABC34501DE36"
        named = customer(id_, document=document, merged_into=merged_into, notes=f"palavra {next(self._words)}")
        self._send(change(named, self._next_version("customer", id_)))

    def order(self, id_: str, customer_id: str, establishment: str, is_good: bool, status: str, n: int) -> None:
        """A salesperson saves an order of n items."""
        made = order(
            id_,
            customer_id=customer_id,
            establishment_code=establishment,
            status=status,
            items=tuple(item(line) for line in range(1, n + 1)),
            paid="" if is_good else "0.01",
            notes=f"palavra {next(self._words)}",
        )
        self._send(change(made, self._next_version("order", id_)))

    def erase(self, kind: RecordKind, id_: str) -> None:
        """A record is erased in OmniForce."""
        self._send(deletion(kind, id_, self._next_version(kind, id_)))

    def _next_version(self, kind: RecordKind, id_: str) -> int:
        return self._company.version(kind, id_) + 1

    def _send(self, made: Change) -> None:
        [result] = intake.ingest(self.store, COMPANY, [msgspec.json.encode(sent(made))], NOW)
        assert result.status == "stored", result

    def invoice(self, n: int) -> None:
        """An order of the ERP is invoiced."""
        if open_ := self.keeper.query("SELECT id_externo FROM pedidos WHERE situacao = 'aberto' ORDER BY numero"):
            [id_] = open_[n % len(open_)]
            self.keeper.run("UPDATE pedidos SET situacao = 'faturado' WHERE id_externo = ?", id_)
            self._company.seen.invoiced.add(id_)

    def remove(self, n: int) -> None:
        """An order of the ERP is deleted there."""
        if there := self.keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY numero"):
            id_, number = there[n % len(there)]
            for table in ("itens_pedido", "formas_pagamento"):
                self.keeper.run(f"DELETE FROM {table} WHERE pedido = ?", number)
            self.keeper.run("DELETE FROM pedidos WHERE numero = ?", number)
            seen = self._company.seen
            seen.removed.add(id_)
            if self._memory_is == "whole":
                seen.invited.discard(id_)
            else:
                seen.invited.add(id_)  # nothing remembers that it was there
            seen.numbers.pop(id_, None)

    def back_up_hub(self) -> None:
        self._company.back_up("hub")
        self._is_hub_backed_up = True

    def restore_hub(self) -> None:
        # Of what an old memory and a hub that forgot it both do not know, nothing tells.
        if self._is_hub_backed_up and self._memory_is != "old":
            self._company.restore("hub")
            if not self._is_proven:
                self.store.new_epoch(COMPANY)
            self._is_memory_backed_up = False
            self._company.has_hub_forgotten = True
            self._company.find_mistold()

    def back_up_erp(self) -> None:
        self._company.back_up("erp")
        self._seen_in_backup = self._company.seen.copy()

    def restore_erp(self) -> None:
        if self._seen_in_backup is not None:
            self._company.restore("erp")
            self._is_proven = False
            self._company.seen = self._seen_in_backup.copy()
            self._company.find_mistold()

    def back_up_memory(self) -> None:
        self._company.back_up("memory")
        self._is_memory_backed_up = True

    def restore_memory(self) -> None:
        """The agent's file is an older one, or none: what the ERP took away since nothing remembers."""
        if self._is_memory_backed_up:
            self._company.restore("memory")
            self._memory_is = "old"
            self._remember_less()

    def lose_memory(self) -> None:
        for path in (self.keeper.memories or Path()).glob("*.db*"):
            path.unlink()
        self._company.mistold = {}
        self._memory_is = "lost"
        self._remember_less()

    def _remember_less(self) -> None:
        self._is_proven = False
        seen = self._company.seen
        seen.invited |= seen.removed
        cancelled = self.keeper.query("SELECT id_externo FROM pedidos WHERE situacao = 'cancelado'")
        seen.forgotten |= {id_ for (id_,) in cancelled}
        self._company.find_mistold()

    def run(
        self,
        *,
        establishments: Sequence[str] = ALL,
        limit: int = 1000,
        slice_size: int = 50,
        faults: FaultInjector | None = None,
        only_commits: bool = False,
        meanwhile: Sequence[Event] = (),
        wanted: RetryRequest | None = None,
    ) -> None:
        """One import by a new process; `meanwhile` is what happens before each page is answered.

        With `only_commits`, nothing but the transactions' ends are points where a fault may spring.
        """
        company, faults = self._company, faults or no_fault()
        waiting = company.n_waiting("order", establishments)
        waiting_customers = company.n_waiting("customer", ("",))
        coming = iter(meanwhile)
        hub = DirectHub(lambda: self.store, lambda: self._happen_next(coming))
        erp = open_faulty_erp(self.keeper, faults, only_commits=only_commits, makes_ready=self._is_ahead)
        totals: list[ExpectedCounts] = []

        def report(progress: Progress) -> bool:
            totals.append(progress.totals)
            return False

        answering = hub if only_commits else FaultyHub(hub, faults)
        # Fetched ahead in its own thread, so that a history is the same each time.
        options = ImportOptions(
            page_limit=limit, prefetch_from=0, first_slice=slice_size, start_thread=lambda fetch: fetch()
        )
        importer = _importer(erp, answering, establishments, options, report)
        self._is_proven = False
        try:
            if wanted is not None:
                company.seen.invited |= set(wanted.ids) if wanted.again else set()
                importer.retry([wanted])
                return
            counts = importer.run()
        except KillError:
            return
        finally:
            erp.close()
            import_checks.look(company)
        if not faults.is_set and establishments == ALL:
            self._memory_is, self._is_proven = "whole", True
        if not meanwhile:
            assert counts.orders.received == totals[-1].orders + waiting
            # A customer that waited may have been brought by its stream, which is read before.
            assert 0 <= counts.customers.received - totals[-1].customers <= waiting_customers

    def check(self) -> None:
        """After one clean run every live record stands in the ERP as it is, or has a reason not to."""
        import_checks.check(self._company)

    def _happen_next(self, coming: Any) -> None:
        event = next(coming, None)
        if event is not None:
            self.happen(event)


def _importer(
    erp: Erp,
    hub: DirectHub | FaultyHub,
    establishments: Sequence[str],
    options: ImportOptions,
    report: Callable[[Progress], bool],
) -> Importer:
    return Importer(
        erp,
        cast(HubClient, hub),
        run_id="run_test",
        establishments=establishments,
        report=report,
        runtime=runtime_at(lambda: NOW, Clock()),
        options=options,
    )
