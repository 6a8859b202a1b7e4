"""One export, step by step: of each dataset what changed since the hub last had it.

A dataset is read first, and what is to go is kept in the outbox; then it is sent. So the ERP's rows are streamed
without waiting for a network, and a kill anywhere loses nothing: what was kept is sent first the next time, under the
same name. Source: docs/architecture.md "The life of one export".
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime

import msgspec
from msgspec import Struct

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.layout.export_queries import ExportQuery
from omnisync.agent.errors import FeedError, OmnisyncError, OutboxLostError, StoppedError, TemporaryError
from omnisync.agent.hub_api.client import HubClient, HubUploads
from omnisync.agent.hub_api.transport import BatchConflictError, TooLargeError
from omnisync.agent.phase import Phase
from omnisync.agent.progress import Counts, ExpectedCounts, ExportCounts, Progress
from omnisync.agent.retry import retry_reporting_progress
from omnisync.agent.runtime import Runtime
from omnisync.agent.sync.change_detector import (
    BatchLimits,
    ChangeDetector,
    ExportOptions,
    confirm_deletes,
    enqueue_deletes,
    packed_batch,
)
from omnisync.agent.sync.outbox import Batch, DatasetState, Outbox, RowRefusal
from omnisync.agent.sync.put_back import batch_name, is_put_back, may_be_sent_by
from omnisync.contract.batches import BatchAnswer
from omnisync.contract.datasets import DATASETS, Dataset

USUAL_LIMITS = BatchLimits()
PRODUCTS = "omniforce.products"
AFTER_PRODUCTS = ("product_unknown",)
"""What an order may have been refused for that new products cure."""


class _UndeliverableError(OmnisyncError):
    """The hub takes a kept batch no more, or is not the one it was kept for: begin the dataset anew."""

    code = "hub_broken"


class ExportScope(Struct, frozen=True, kw_only=True):
    """The datasets one export sends, and to whom.

    `hub_name` says whose hub it is: for another one everything is sent anew. `sender` is the connection's name, which
    tells its batches from another's with the same token. `datasets` are names, with or without their system; none means
    all. `agreed` are the confirmed deletes, by dataset. With `is_full` every row is read.
    """

    hub_name: str
    systems: Collection[str]
    datasets: Collection[str] = ()
    agreed: Mapping[str, int] = {}
    is_full: bool = False
    sender: str = ""

    def includes(self, query: ExportQuery) -> bool:
        """Return whether the dataset of this query is among them."""
        return self.includes_dataset(query.dataset)

    def includes_dataset(self, dataset: Dataset) -> bool:
        """Return whether this dataset is among them."""
        return dataset.system in self.systems and (
            not self.datasets or not {*self.datasets}.isdisjoint((dataset.name, _name(dataset)))
        )


class Exporter:
    """One run of the export. `report` returns whether to stop.

    `hold` receives how many deletes of a dataset wait for a confirmation, and whether they are others than before.
    """

    def __init__(
        self,
        erp: Erp,
        hub: HubClient,
        outbox: Outbox,
        *,
        scope: ExportScope,
        hold: Callable[[str, int, bool], None] = lambda dataset, n, is_other: None,
        report: Callable[[Progress], bool],
        runtime: Runtime,
        limits: BatchLimits = USUAL_LIMITS,
    ) -> None:
        self._erp = erp
        self._hub = hub
        self._outbox = outbox
        self._scope = scope
        self._hold = hold
        self._report = report
        self._runtime = runtime
        self._limits = limits
        self._uploads = HubUploads(epoch="")
        self._phase = Phase()
        self._sent: dict[str, ExportCounts] = {}
        self.n_requeued = 0
        self._retrying = retry_reporting_progress(
            runtime, lambda trouble, retry_at: self._report_progress(self._phase, trouble, retry_at)
        )

    @property
    def counts(self) -> Counts:
        """Return what the run has counted so far."""
        return Counts(exports=dict(self._sent))

    def run(self) -> Counts:
        """Export what changed. Asks the hub once, for what it was sent last, when nothing did.

        Raises StoppedError when told to stop, TemporaryError when the retries are exhausted, SetupError when a person
        must act; what was kept before goes first the next time.
        """
        queries, left_out = self.queries(), self._left_out()
        if queries:
            self._retrying(self._erp.prepare)
        if queries or left_out:
            self._uploads = self._retrying(self._hub.uploads)
        for query in queries:
            try:
                self._forget_put_back(query.dataset)
                self._export(query)
            except (_UndeliverableError, OutboxLostError):
                self._outbox.forget(query.dataset.system, query.dataset.name)
                self._export_again(query)
        for dataset in left_out:
            try:
                self._forget_put_back(dataset)
                self._empty(dataset)
            except (_UndeliverableError, OutboxLostError):
                self._outbox.forget(dataset.system, dataset.name)
        return self.counts

    def queries(self) -> list[ExportQuery]:
        """Return what the layout sends out of what was chosen."""
        return [query for query in self._erp.exports() if self._scope.includes(query)]

    def _left_out(self) -> list[Dataset]:
        """Return the datasets that the hub has rows of and that the layout sends no more, of the systems chosen."""
        sent = {(query.dataset.system, query.dataset.name) for query in self._erp.exports()}
        known: list[tuple[str, str]] = []
        with suppress(OutboxLostError):  # it is begun anew, and knows of no rows
            known = self._outbox.datasets()
        left_out = [place for place in known if place not in sent and place in DATASETS]
        return [DATASETS[place] for place in left_out if self._scope.includes_dataset(DATASETS[place])]

    def _forget_put_back(self, dataset: Dataset) -> None:
        """Forget a dataset whose last batch is not the hub's: one of the two was put back, and all of it goes anew."""
        if self._uploads.states is None:
            return
        state = self._dataset_state(dataset)
        told = self._uploads.states.get((dataset.system, dataset.name))
        if told is not None and not may_be_sent_by(self._scope.sender, told.last_batch):
            return  # another connection with the same token: it says nothing of ours
        if is_put_back(state, self._outbox.pending_ids(state), told):
            self._outbox.forget(dataset.system, dataset.name)
        elif told is not None and told.last_batch and not state.last_batch:
            state.last_batch, state.living = told.last_batch, -1 if told.living is None else told.living
            self._outbox.save_state(state)

    def _empty(self, dataset: Dataset) -> None:
        """Delete all rows of a dataset at the hub once a person agreed to it; until then say how many they are."""
        name, options = _name(dataset), self._options(dataset)
        self._sent[name] = ExportCounts()
        state = self._dataset_state(dataset)
        if state.snapshot:
            self._empty_unknown(dataset, state, options)
            return
        self._send(dataset, state)
        n, seen, asked = state.n_rows, bytearray(state.next_n), state.held_keys
        if n and confirm_deletes(self._outbox, state, options, n, seen):
            enqueue_deletes(self._outbox, state, options, seen, is_confirmed=True)
            self._send(dataset, state)
            n = 0
            state.full_on = ""  # back in the layout, it is read whole the same day
        self._outbox.save_state(state)
        self._count(name, ExportCounts(held=n))
        self._hold(dataset.name, n, state.held_keys != asked)

    def _empty_unknown(self, dataset: Dataset, state: DatasetState, options: ExportOptions) -> None:
        """Do the same where only the hub knows its rows: a snapshot that names none has all of them deleted or held."""
        if state.n_rows:  # some were named in it
            self._outbox.forget(dataset.system, dataset.name)
            state = self._dataset_state(dataset)
        asked = state.held
        self._send(dataset, state)
        self._end_snapshot(dataset, state, options)
        self._count(_name(dataset), ExportCounts(held=state.held))
        self._hold(dataset.name, state.held, state.held != asked)

    def _options(self, dataset: Dataset) -> ExportOptions:
        return ExportOptions(
            clock=self._runtime.clock,
            new_id=lambda: batch_name(self._scope.sender, self._runtime.new_id()),
            agreed=self._scope.agreed.get(dataset.name, 0),
            withdraw=lambda: self._hold(dataset.name, 0, True),
            is_full=self._scope.is_full,
            limits=self._limits,
        )

    def _export_again(self, query: ExportQuery) -> None:
        """From the beginning, once: a hub that never takes what it is sent is not ours to persuade."""
        self._uploads = self._retrying(self._hub.uploads)
        try:
            self._export(query)
        except _UndeliverableError as error:
            raise FeedError("hub_said_no", motivo=f"{_name(query.dataset)}: o lote não foi aceito") from error

    def _export(self, query: ExportQuery) -> None:
        dataset = query.dataset
        name, options = _name(dataset), self._options(dataset)
        self._sent[name] = ExportCounts()
        before = self._dataset_state(dataset)
        asked = before.held_keys
        self._send(dataset, before)
        state, collector = self._retrying(lambda: self._collect(query, options))
        self._send(dataset, state)
        if state.snapshot:
            self._end_snapshot(dataset, state, options, collector.n_confirmed)
        self._count(name, ExportCounts(held=state.held))
        if collector.reads_all or state.held:
            self._hold(dataset.name, self._sent[name].held, state.held_keys != asked)

    def _end_snapshot(
        self, dataset: Dataset, state: DatasetState, options: ExportOptions, n_confirmed: int = 0
    ) -> None:
        """Say that all there is has been named: the hub deletes the rest, or holds them for a person's confirmation.

        What a person agreed to counts only for the snapshot whose deletes were shown; the hub's held ones only get
        fewer. `n_confirmed` of those agreed to were deletes by name.
        """
        if not state.held:  # before the answer: a run that ends in between must not find a yes to other deletes
            options.withdraw()
        has_agreed = state.held > 0 and options.has_agreed(n_confirmed + state.held)
        final = packed_batch(options, [], snapshot=state.snapshot, is_final=True, is_confirmed=has_agreed)
        self._outbox.enqueue(state, final, [])
        self._send(dataset, state)

    def _collect(self, query: ExportQuery, options: ExportOptions) -> tuple[DatasetState, ChangeDetector]:
        """Return the dataset as it is known when all that is to go was kept, and by what its rows were read."""
        name = _name(query.dataset)
        before = msgspec.structs.replace(self._sent[name], read=0)  # begun again it reads all of it again

        def report_read(read: ExportCounts) -> None:
            self._sent[name] = before + read
            self._report_progress(Phase(stage="read", dataset=name))

        state = self._dataset_state(query.dataset)
        collector = ChangeDetector(self._erp, self._outbox, query, state, options, report_read)
        self._sent[name] = before + collector.detect()
        return state, collector

    def _dataset_state(self, dataset: Dataset) -> DatasetState:
        hub = f"{self._scope.hub_name} {self._uploads.epoch}"
        return self._outbox.dataset_state(dataset.system, dataset.name, hub=hub, new_id=self._runtime.new_id)

    def _send(self, dataset: Dataset, state: DatasetState) -> None:
        """Send what is kept, batch by batch; each goes from the outbox when it is answered."""
        for batch in self._outbox.pending(state):
            self._report_progress(Phase(stage="send", dataset=_name(dataset)))
            answer = self._retrying(lambda b=batch: self._put(dataset, b))  # type: ignore[misc]  # a default binds the loop's value
            if answer.epoch != self._uploads.epoch:
                raise _UndeliverableError
            self._record_answer(dataset, state, batch, answer)

    def _put(self, dataset: Dataset, batch: Batch) -> BatchAnswer:
        try:
            return self._hub.send_batch(
                dataset.system,
                dataset.name,
                batch.id,
                batch.body,
                digest=batch.digest,
                lines=batch.lines,
                snapshot=batch.snapshot,
                final=batch.is_final,
                confirmed=batch.is_confirmed,
            )
        except (BatchConflictError, TooLargeError) as error:
            raise _UndeliverableError from error

    def _record_answer(self, dataset: Dataset, state: DatasetState, batch: Batch, answer: BatchAnswer) -> None:
        """Record the hub's answer in the outbox."""
        name, now = _name(dataset), self._runtime.clock()
        if name == PRODUCTS and answer.stored:
            # Before the batch goes from the outbox: after a kill it is sent again, and answered the same.
            self.n_requeued += self._retrying(lambda: self._erp.records.requeue_by_reason(AFTER_PRODUCTS))
        state.last_batch, state.living = batch.id, answer.living
        if batch.is_final:
            state.held, state.snapshot = answer.held, state.snapshot if answer.held else ""
        refused = [
            RowRefusal(key=line.key or "", code=line.code, pointer=line.pointer, detail=line.detail, at=now)
            for line in answer.refused
        ]
        kept_back = _deleted_in(batch) if answer.held and not batch.is_final else []
        self._outbox.acknowledge(state, batch, refused, kept_back)
        n_held = len(kept_back)
        self._count(
            name,
            ExportCounts(sent=answer.accepted - n_held, deleted=answer.deleted, refused=len(refused), held=n_held),
        )

    def _count(self, name: str, more: ExportCounts) -> None:
        self._sent[name] += more

    def _report_progress(
        self, phase: Phase, trouble: TemporaryError | None = None, retry_at: datetime | None = None
    ) -> None:
        self._phase = phase
        progress = Progress(
            phase=phase, counts=self.counts, totals=ExpectedCounts(), trouble=trouble, retry_at=retry_at
        )
        if self._report(progress):
            raise StoppedError


def _name(dataset: Dataset) -> str:
    return f"{dataset.system}.{dataset.name}"


def _deleted_in(batch: Batch) -> list[str]:
    """Return the keys a batch deletes."""
    lines = map(msgspec.json.decode, gzip.decompress(batch.body).splitlines())
    return [line["key"] for line in lines if line["op"] == "delete"]
