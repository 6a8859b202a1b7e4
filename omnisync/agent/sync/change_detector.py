"""Detect what has changed in a dataset: the ERP's rows are compared with what the hub has, and kept in the outbox as
batches.

Nothing is sent here, and the hub is not asked. Memory holds two lots of rows, a batch of lines, and a few bytes a
row, ten times as many where a table was reordered since.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import accumulate, islice, pairwise
from operator import itemgetter, lt

from msgspec import Struct

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.export.changed_at import since_of
from omnisync.agent.erp.export.row_stream import RowGroup
from omnisync.agent.erp.export.serializer import SerializedLines
from omnisync.agent.erp.layout.export_queries import ExportQuery
from omnisync.agent.erp.row_hash import digest_of_keys
from omnisync.agent.progress import ExportCounts
from omnisync.agent.sync.outbox import WITHOUT_KEY, Batch, ChunkHashes, DatasetState, KnownRow, Outbox, RowRefusal
from omnisync.contract import batches
from omnisync.contract.batches import FEW_DELETES, MAX_LINES, MAX_SHARE_DELETED

LEVEL = 3
"""Of gzip: as quick as the levels below it, and smaller."""
AGAIN = -1
"""In the place of a number: the key came before."""
REPEATED = "A chave se repete na consulta do layout."

_SPAN = struct.Struct("<2I")


class BatchLimits(Struct, frozen=True, kw_only=True):
    """The size of a batch.

    `raw_bytes` are counted before it is packed: packed it is under what the hub takes, whatever is in it. A batch that
    packs better than `ratio` goes unpacked: the hub would take it for a bomb. Row numbers are made small again when
    more than `numbers` and four times the rows were given.
    """

    lines: int = MAX_LINES
    raw_bytes: int = 6_000_000
    ratio: int = 100
    numbers: int = 1_000_000


class ExportOptions(Struct, frozen=True, kw_only=True):
    """The options of an export: the clock, new batch names, and how many deletes were confirmed.

    `withdraw` ends what was confirmed: it was for other deletes than those a person is to be asked about from now on.
    With `is_full` every row is read, whatever the layout's changed-at column would spare.
    """

    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    agreed: int = 0
    withdraw: Callable[[], None] = lambda: None
    is_full: bool = False
    limits: BatchLimits = BatchLimits()

    def has_agreed(self, n: int) -> bool:
        """Return whether a person agreed to so many deletes."""
        return 0 < n == self.agreed


def packed_batch(
    options: ExportOptions,
    lines: list[bytes],
    *,
    snapshot: str = "",
    is_final: bool = False,
    is_confirmed: bool = False,
) -> Batch:
    """Return a new batch of these lines, under a name of its own."""
    raw = b"\n".join(lines)
    body = zlib.compress(raw, LEVEL, wbits=31)
    if len(raw) > options.limits.ratio * len(body):
        body = zlib.compress(raw, 0, wbits=31)
    return Batch(
        id=options.new_id(),
        lines=len(lines),
        digest=batches.content_digest(body),
        body=body,
        snapshot=snapshot,
        is_final=is_final,
        is_confirmed=is_confirmed,
    )


class ChangeDetector:
    """Reads one dataset to its end. `report` is called after each lot and may raise to stop.

    `reads_all` says whether it reads every row, and not only those that changed since.
    """

    def __init__(
        self,
        erp: Erp,
        outbox: Outbox,
        query: ExportQuery,
        state: DatasetState,
        options: ExportOptions,
        report: Callable[[ExportCounts], None],
    ) -> None:
        self._erp = erp
        self._outbox = outbox
        self._query = query
        self._state = state
        self._options = options
        self._report = report
        self._now = options.clock().astimezone(query.zone)
        self._today = self._now.date().isoformat()
        self._first_new = state.next_n
        self._last_key = outbox.last_key(state)
        self._seen = bytearray(state.next_n)
        self._lines: list[bytes] = []
        self._n_bytes = 0
        self._entries: list[KnownRow] = []
        self._by_key: dict[str, tuple[int, bytes]] = {}
        self._invalid: list[RowRefusal] = []
        self.reads_all = self._needs_all()
        self._stretches = outbox.chunk_hashes(state) if self.reads_all else {}
        self._met_chunks: ChunkHashes = {}
        self._n_read = self._n_prepared = self._n_refused = self._n_held = 0
        self.n_confirmed = 0

    def detect(self) -> ExportCounts:
        """Keep what has changed. Idempotent: what is kept already is known."""
        state = self._state
        if self.reads_all:
            self._outbox.forget_repeated(state)
        with self._erp.open_export(self._query, None if self.reads_all else state.since) as rows:
            for group in rows.groups(self._is_known, now=self._now):
                self._compare(group)
                self._report(self.counts)
        self._keep()
        if self.reads_all:
            self._drop_missing()
            state.full_on, state.query = self._today, self._query.text_fingerprint
        state.since = state.since if rows.latest is None else rows.latest
        self._outbox.save_state(state, self._met_chunks if self.reads_all else None)
        return self.counts

    @property
    def counts(self) -> ExportCounts:
        """Return what was counted so far."""
        return ExportCounts(read=self._n_read, prepared=self._n_prepared, refused=self._n_refused, held=self._n_held)

    def _needs_all(self) -> bool:
        """Return whether every row must be read: what was deleted shows only so, and a snapshot names everything."""
        state, options = self._state, self._options
        is_asked = options.is_full or options.agreed > 0
        is_in_snapshot = bool(state.snapshot) and not state.held
        is_due = state.full_on != self._today or state.query != self._query.text_fingerprint
        # What was remembered beyond the present would hide every change until then.
        is_sound = state.since is not None and since_of(state.since, self._now) is not None
        return not self._query.changed_at or is_asked or is_in_snapshot or is_due or not is_sound

    def _is_known(self, hash_: bytes) -> bool:
        """Return whether every row of the stretch with this hash stands as it stood, and none has come yet: it is
        passed.
        """
        packed_spans = self._stretches.get(hash_)
        if packed_spans is None:
            return False
        seen, spans = self._seen, list(_SPAN.iter_unpack(packed_spans))
        for start, end in spans:
            if seen.find(1, start, end) >= 0:
                return False
        for start, end in spans:
            seen[start:end] = b"\1" * (end - start)
            self._n_read += end - start
        self._met_chunks[hash_] = packed_spans
        return True

    def _compare(self, group: RowGroup) -> None:
        """Keep the rows that are new or have changed; mark all of them as seen."""
        if not group.keys:
            return
        keys = [key or WITHOUT_KEY + hash_.hex() for key, hash_ in zip(group.keys, group.hashes, strict=True)]
        are_new = self._are_new(keys)
        numbers, changed = self._numbered(keys) if are_new else self._changed_rows(keys, group)
        self._last_key = max(self._last_key, *keys)
        self._n_read += len(keys)
        entries = list(zip(keys, numbers, group.hashes, strict=True))
        if changed:
            self._gather(
                entries if len(changed) == len(entries) else [entries[n] for n in changed], group.serialize(changed)
            )
        if AGAIN in numbers:  # told after the row that has the key, which may be told for itself
            for key, number in zip(keys, numbers, strict=True):
                if number == AGAIN:
                    self._refuse(key, "repeated", "", REPEATED)
        self._save_chunks(group.chunks, numbers)
        if len(self._invalid) > self._options.limits.lines:
            self._keep()

    def _gather(self, entries: list[KnownRow], made: SerializedLines) -> None:
        """Gather the lines that were made of rows, and the rows that do not fit."""
        lines = made.lines
        if made.invalid:
            fit = [n for n, line in enumerate(lines) if line]
            self._add([entries[n] for n in fit], [lines[n] for n in fit])
        else:
            self._add(entries, lines)
        for n, why, field in made.invalid:
            self._entries.append(entries[n])
            self._refuse(entries[n][0], why.code, f"/data/{field}" if field else "", why.sentence)

    def _save_chunks(self, chunks: Sequence[tuple[int, bytes]], numbers: Sequence[int]) -> None:
        """Save the hashes of these chunks; not where a key came again, which is reported each time."""
        start = 0
        for n, hash_ in chunks:
            own = numbers[start : start + n]
            if AGAIN not in own:
                self._met_chunks[hash_] = _packed_spans(own)
            start += n

    def _are_new(self, keys: list[str]) -> bool:
        """Return whether the keys rise from beyond all that are known: no need to look one up. So it is in a first
        export of a table that is read in its key's order.
        """
        return keys[0] > self._last_key and all(map(lt, keys, keys[1:]))

    def _numbered(self, keys: list[str]) -> tuple[Sequence[int], Sequence[int]]:
        """Return the numbers of rows that are new, and the places of all of them."""
        first = len(self._seen)
        self._seen.extend(b"\1" * len(keys))
        return range(first, len(self._seen)), range(len(keys))

    def _changed_rows(self, keys: list[str], group: RowGroup) -> tuple[Sequence[int], Sequence[int]]:
        """Return the numbers of rows, and the places of those that are new or have changed."""
        bounds = pairwise(accumulate((n for n, _ in group.chunks), initial=0))
        found = self._outbox.known_rows(self._state, [keys[start:end] for start, end in bounds]) | self._waiting_rows(
            keys
        )
        seen, numbers, changed = self._seen, [], []
        for place, (key, hash_) in enumerate(zip(keys, group.hashes, strict=True)):
            entry = found.get(key)
            if entry is None:
                found[key] = entry = (len(seen), hash_)
                seen.append(1)
                changed.append(place)
            elif seen[entry[0]]:
                entry = (AGAIN, hash_)
            else:
                seen[entry[0]] = 1
                if entry[1] != hash_:
                    changed.append(place)
            numbers.append(entry[0])
        return numbers, changed

    def _waiting_rows(self, keys: list[str]) -> dict[str, tuple[int, bytes]]:
        """Return number and hash of those of these keys that have gathered."""
        by_key = self._by_key
        by_key.update((key, (n, hash_)) for key, n, hash_ in self._entries[len(by_key) :])
        return {key: by_key[key] for key in by_key.keys() & keys}

    def _add(self, entries: list[KnownRow], lines: list[bytes]) -> None:
        """Gather lines with their rows; a batch that would be too large is kept first."""
        n_bytes = sum(map(len, lines)) + len(lines)
        limits = self._options.limits
        if len(self._lines) + len(lines) > limits.lines or self._n_bytes + n_bytes > limits.raw_bytes:
            if len(lines) > 1:
                half = len(lines) // 2
                self._add(entries[:half], lines[:half])
                self._add(entries[half:], lines[half:])
                return
            self._keep()
        self._lines += lines
        self._n_bytes += n_bytes
        self._entries += entries

    def _refuse(self, key: str, code: str, pointer: str, detail: str) -> None:
        self._invalid.append(RowRefusal(key=key, code=code, pointer=pointer, detail=detail, at=self._options.clock()))

    def _keep(self) -> None:
        """Keep what has gathered, rows and lines together."""
        if not self._entries and not self._invalid:
            return
        state = self._state
        is_named = bool(state.snapshot) and not state.held
        batch = (
            packed_batch(self._options, self._lines, snapshot=state.snapshot if is_named else "")
            if self._lines
            else None
        )
        state.n_rows += sum(map(self._first_new.__le__, map(itemgetter(1), self._entries)))
        state.next_n = len(self._seen)
        self._outbox.enqueue(state, batch, self._entries, refused=self._invalid)
        self._n_prepared += len(self._lines)
        self._n_refused += len(self._invalid)
        self._lines, self._n_bytes, self._entries, self._by_key, self._invalid = [], 0, [], {}, []

    def _drop_missing(self) -> None:
        """Keep a delete for every row that the ERP has no more; many of them only with a person's confirmation."""
        state, options = self._state, self._options
        n = state.n_rows - self._seen.count(1)
        is_many = n > FEW_DELETES and n * MAX_SHARE_DELETED > state.n_rows
        # Also of a few: the hub may hold them, and then a person is asked about just these.
        has_agreed = confirm_deletes(self._outbox, state, options, n, self._seen)
        if is_many and not has_agreed:
            self._n_held = n
            return
        self.n_confirmed = n if has_agreed else 0
        if n:
            self._n_prepared += enqueue_deletes(self._outbox, state, options, self._seen, is_confirmed=has_agreed)
        if state.next_n > options.limits.numbers + 4 * state.n_rows:
            self._outbox.compact_numbers(state)
            self._met_chunks = {}


def confirm_deletes(outbox: Outbox, state: DatasetState, options: ExportOptions, n: int, seen: bytearray) -> bool:
    """Return whether a person agreed to the deletes of just these rows; else ask about them.

    What was agreed to were the keys as they were when it was asked: others need another answer, however many they are.
    A person is asked about them and about what the hub holds in a snapshot at once, by the sum.
    """
    keys = digest_of_keys(outbox.missing_keys(state, seen)) if n else ""
    has_agreed = options.has_agreed(n + state.held) and keys == state.held_keys
    if keys != state.held_keys:  # before the new ones are kept: a run that ends in between must not find the old yes
        options.withdraw()
    state.held_keys = "" if has_agreed else keys
    return has_agreed


def enqueue_deletes(
    outbox: Outbox, state: DatasetState, options: ExportOptions, seen: bytearray, *, is_confirmed: bool
) -> int:
    """Keep a delete for every row that is not marked in `seen`; answers how many lines they are."""
    missing, n = outbox.missing_keys(state, seen), 0
    while some := list(islice(missing, options.limits.lines)):
        lines = [batches.delete_line(key) for key in some if not key.startswith(WITHOUT_KEY)]
        state.n_rows -= len(some)
        batch = packed_batch(options, lines, is_confirmed=is_confirmed) if lines else None
        outbox.enqueue(state, batch, [], gone=some)
        n += len(lines)
    return n


def _packed_spans(numbers: Sequence[int]) -> bytes:
    """Numbers as `ChunkHashes` has them."""
    if isinstance(numbers, range):
        return _SPAN.pack(numbers.start, numbers.stop)
    breaks = [place for place, (one, after) in enumerate(pairwise(numbers), 1) if after != one + 1]
    spans = pairwise([0, *breaks, len(numbers)])
    return b"".join(_SPAN.pack(numbers[start], numbers[end - 1] + 1) for start, end in spans)
