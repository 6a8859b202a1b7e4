"""Which rows of a dataset go out: those that are new, changed or gone since what the hub is known to have."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.erp.export.chunking import ROWS_PER_CHUNK
from omnisync.agent.progress import ExportCounts
from omnisync.agent.sync.change_detector import BatchLimits, ChangeDetector, ExportOptions, packed_batch
from omnisync.agent.sync.outbox import WITHOUT_KEY, Batch, ChunkHashes, DatasetState, KnownRow, Outbox, RowRefusal
from omnisync.contract import batches
from omnisync.contract.batches import FEW_DELETES, MAX_SHARE_DELETED
from tests.support.simulation.export_fakes import MemoryErp, Row

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


class MemoryOutbox:
    """What the outbox's file keeps of one dataset, in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, bytes]] = {}
        self.batches: list[Batch] = []
        self.refusals: dict[str, RowRefusal] = {}
        self.chunks: ChunkHashes = {}
        self.state = DatasetState(id=1, hub="h", snapshot="", held=0, since=None, full_on="", n_rows=0, next_n=0)

    def last_key(self, state: DatasetState) -> str:
        return max(self.rows, default="")

    def chunk_hashes(self, state: DatasetState) -> ChunkHashes:
        return dict(self.chunks)

    def forget_repeated(self, state: DatasetState) -> None:
        self.refusals = {key: one for key, one in self.refusals.items() if one.code != "repeated"}

    def known_rows(self, state: DatasetState, runs: Iterable[Sequence[str]]) -> dict[str, tuple[int, bytes]]:
        return {key: self.rows[key] for run in runs for key in run if key in self.rows}

    def missing_keys(self, state: DatasetState, seen: bytearray) -> Iterator[str]:
        yield from sorted(key for key, (n, _) in self.rows.items() if n >= len(seen) or not seen[n])

    def enqueue(
        self,
        state: DatasetState,
        batch: Batch | None,
        entries: Sequence[KnownRow],
        *,
        refused: Sequence[RowRefusal] = (),
        gone: Sequence[str] = (),
    ) -> None:
        self.rows |= {key: (n, hash_) for key, n, hash_ in entries}
        self.refusals |= {one.key: one for one in refused}
        self.batches += [batch] if batch is not None else []
        for key in gone:
            del self.rows[key]
        if entries or gone:
            self.chunks = {}

    def save_state(self, state: DatasetState, chunk_hashes: ChunkHashes | None = None) -> None:
        self.chunks = self.chunks if chunk_hashes is None else chunk_hashes


class Shop:
    """An ERP's products, and what of them is known to have gone out."""

    def __init__(self, n: int = 0) -> None:
        self.erp = MemoryErp("products", has_changed_at=False, rows_per_chunk=ROWS_PER_CHUNK)
        self.outbox = MemoryOutbox()
        self.limits = BatchLimits()
        self.erp.rows = [product(i) for i in range(n)]
        if n:
            self.detect()

    def detect(self, *, agreed: int = 0, is_full: bool = False) -> tuple[ExportCounts, list[tuple[str, str]]]:
        """The counts, and the lines that were enqueued: what is done, and the key."""
        n_before = len(self.outbox.batches)
        ids = iter(range(n_before, n_before + 1000))
        options = ExportOptions(
            clock=lambda: NOW, new_id=lambda: f"b{next(ids)}", agreed=agreed, is_full=is_full, limits=self.limits
        )
        detector = ChangeDetector(
            cast("Any", self.erp), cast("Outbox", self.outbox), self.erp.query(), self.outbox.state, options, _ignore
        )
        return detector.detect(), [line for batch in self.outbox.batches[n_before:] for line in lines_of(batch)]


def _ignore(counts: ExportCounts) -> None:
    pass


def product(i: int, name: str = "Pão", code: str | None = None, ncm: str = "19059090") -> Row:
    return (code if code is not None else f"P{i:04}", name, "KG", ncm, True, 0)


def lines_of(batch: Batch) -> list[tuple[str, str]]:
    lines = [msgspec.json.decode(line) for line in gzip.decompress(batch.body).split(b"\n")]
    return [(line["op"], line["key"]) for line in lines]


def test_everything_is_new_at_first_and_nothing_the_second_time() -> None:
    shop = Shop()
    shop.erp.rows = [product(i) for i in range(5)]
    assert shop.detect() == (ExportCounts(read=5, prepared=5), [("upsert", f"P{i:04}") for i in range(5)])
    assert shop.detect() == (ExportCounts(read=5), [])


def test_a_changed_row_goes_out_alone() -> None:
    shop = Shop(5)
    shop.erp.rows[3] = product(3, "Broa")
    assert shop.detect() == (ExportCounts(read=5, prepared=1), [("upsert", "P0003")])


def test_rows_in_another_order_are_the_same_rows() -> None:
    shop = Shop(40)
    shop.erp.rows.reverse()
    assert shop.detect() == (ExportCounts(read=40), [])


def test_a_row_that_is_gone_is_deleted_by_its_key_and_may_come_again() -> None:
    shop = Shop(5)
    row = shop.erp.rows.pop(2)
    assert shop.detect() == (ExportCounts(read=4, prepared=1), [("delete", "P0002")])
    shop.erp.rows.append(row)
    assert shop.detect() == (ExportCounts(read=5, prepared=1), [("upsert", "P0002")])


@pytest.mark.parametrize(
    ("n", "n_gone", "is_held"),
    [
        (20, FEW_DELETES, False),
        (20, FEW_DELETES + 1, True),
        (100, 100 // MAX_SHARE_DELETED, False),
        (100, 100 // MAX_SHARE_DELETED + 1, True),
        (10, 10, False),
    ],
)
def test_many_deletes_at_once_are_held_until_they_are_confirmed(n: int, n_gone: int, is_held: bool) -> None:
    shop = Shop(n)
    del shop.erp.rows[n - n_gone :]
    counts, lines = shop.detect()
    assert (counts.held, len(lines)) == ((n_gone, 0) if is_held else (0, n_gone))
    if is_held:
        counts, lines = shop.detect(agreed=n_gone)
        assert (counts.held, len(lines)) == (0, n_gone)
        assert shop.outbox.batches[-1].is_confirmed


@pytest.mark.parametrize(
    ("agreed", "n", "answer"), [(0, 1, False), (5, 5, True), (5, 6, False), (5, 4, False), (0, 0, False)]
)
def test_a_confirmation_is_for_just_so_many_deletes(agreed: int, n: int, answer: bool) -> None:
    assert ExportOptions(clock=lambda: NOW, new_id=str, agreed=agreed).has_agreed(n) is answer


def test_a_key_that_comes_twice_goes_out_once_and_is_refused_each_time() -> None:
    shop = Shop()
    shop.erp.rows = [product(1), product(2), product(1, "Broa")]
    counts, lines = shop.detect()
    assert (counts.read, counts.refused, lines) == (3, 1, [("upsert", "P0001"), ("upsert", "P0002")])
    assert [(one.key, one.code) for one in shop.outbox.refusals.values()] == [("P0001", "repeated")]
    counts, lines = shop.detect()
    assert (counts.read, counts.refused, lines) == (3, 1, [])
    shop.erp.rows.pop()
    assert shop.detect() == (ExportCounts(read=2), [])
    assert shop.outbox.refusals == {}


def test_a_row_without_a_key_is_refused_and_never_deleted_at_the_hub() -> None:
    shop = Shop()
    shop.erp.rows = [product(1, code=""), product(2)]
    counts, lines = shop.detect()
    assert (counts.refused, lines) == (1, [("upsert", "P0002")])
    [key] = shop.outbox.refusals
    assert key.startswith(WITHOUT_KEY)
    shop.erp.rows = [product(2)]
    assert shop.detect() == (ExportCounts(read=1), [])


def test_a_row_that_does_not_fit_the_contract_is_set_aside_until_it_changes() -> None:
    shop = Shop()
    shop.erp.rows = [product(1, name=""), product(2)]
    counts, lines = shop.detect()
    assert (counts.refused, counts.prepared, lines) == (1, 1, [("upsert", "P0002")])
    assert shop.detect() == (ExportCounts(read=2), [])
    shop.erp.rows[0] = product(1)
    assert shop.detect()[1] == [("upsert", "P0001")]


rows_of_a_day = st.dictionaries(st.integers(0, 30), st.sampled_from(["Pão", "Broa", "Bolo"]), max_size=9)


@given(st.lists(rows_of_a_day, max_size=6), st.integers(1, 7))
def test_what_went_out_makes_of_the_hub_what_the_erp_is(days: list[dict[int, str]], lot: int) -> None:
    shop, hub = Shop(), dict[str, str]()
    shop.erp.lot = lot
    for day in days:
        shop.erp.rows = [product(i, name) for i, name in day.items()]
        n_before = len(shop.outbox.batches)
        counts, _ = shop.detect()
        if counts.held:
            shop.detect(agreed=counts.held)
        for batch in shop.outbox.batches[n_before:]:
            for line in map(msgspec.json.decode, gzip.decompress(batch.body).split(b"\n")):
                if line["op"] == "delete":
                    del hub[line["key"]]
                else:
                    assert hub.get(line["key"]) != line["data"]["name"]
                    hub[line["key"]] = line["data"]["name"]
        assert hub == {f"P{i:04}": name for i, name in day.items()}


def test_a_batch_is_packed_under_a_name_and_digest_of_its_own() -> None:
    options = ExportOptions(clock=lambda: NOW, new_id=lambda: "b1")
    lines = [b'{"a":%d}' % n for n in range(9)]
    batch = packed_batch(options, lines, snapshot="s", is_final=True)
    assert gzip.decompress(batch.body).split(b"\n") == lines
    assert (batch.id, batch.lines, batch.digest) == ("b1", 9, batches.content_digest(batch.body))
    assert (batch.snapshot, batch.is_final, batch.is_confirmed) == ("s", True, False)


def test_a_batch_that_packs_as_well_as_a_bomb_goes_unpacked() -> None:
    lines = [b" " * 5000]
    packed, plain = (
        packed_batch(ExportOptions(clock=lambda: NOW, new_id=str, limits=BatchLimits(ratio=ratio)), lines)
        for ratio in (1000, 10)
    )
    assert gzip.decompress(packed.body) == gzip.decompress(plain.body) == lines[0]
    assert len(packed.body) < 100 < len(lines[0]) <= len(plain.body)


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        (BatchLimits(lines=4), 4),
        (BatchLimits(lines=2), 2),
        (BatchLimits(lines=1), 1),
        (BatchLimits(raw_bytes=1), 1),
        (BatchLimits(), 9),
    ],
)
def test_a_batch_has_no_more_lines_or_bytes_than_its_limits(limits: BatchLimits, most: int) -> None:
    shop = Shop()
    shop.limits = limits
    shop.erp.rows = [product(i) for i in range(9)]
    shop.detect()
    assert max(batch.lines for batch in shop.outbox.batches) == most
    assert sorted(key for batch in shop.outbox.batches for _, key in lines_of(batch)) == [f"P{i:04}" for i in range(9)]
