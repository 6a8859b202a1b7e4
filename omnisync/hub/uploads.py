"""Ingest what agents export: a named batch of lines, in whole or not at all, line by line.

The writing transaction's first statement takes the dataset's next sequence. Its row lock makes the order of commits
the order of sequences, and lets two batches of one dataset never meet. The body is unpacked and read in slices, so
that memory does not grow with it.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any, TypeGuard, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from omnisync.contract import CONTRACT
from omnisync.contract import batches as contract
from omnisync.contract.batches import (
    FEW_DELETES,
    MAX_LINES,
    MAX_SHARE_DELETED,
    MAX_UNNAMED,
    BatchAnswer,
    CheckedLine,
    RefusedLine,
    UploadState,
    UploadStates,
    ValidRow,
)
from omnisync.contract.datasets import Dataset
from omnisync.hub import restore_marks
from omnisync.hub.errors import ProblemError
from omnisync.hub.export_rows import (
    AT_ONCE,
    ExportRow,
    ExportRows,
    Mark,
    StoredRow,
    add_living,
    living_of,
    rows_of,
)
from omnisync.hub.store import Store, bulk
from omnisync.hub.tables import company as companies
from omnisync.hub.tables import export_batch, export_last_batch, export_set, export_snapshot
from omnisync.hub.upload_body import damaged, lines_of

KEPT = timedelta(days=30)
"""How long a batch's answer can be asked for, and its name is known again; by the set's own moments."""
KEPT_NAMES = 1000
"""The last batches of a set, known whatever their age: a clock that leaps forgets none that may still be sent again."""
_LAST_BATCH = """
    INSERT INTO export_last_batch (set_id, source, batch, sequence) VALUES (?, ?, ?, ?)
    ON CONFLICT (set_id, source) DO UPDATE SET batch = excluded.batch, sequence = excluded.sequence
"""
_MIN_PACKED = 2000
_NO_ROW = StoredRow("", "")
_PACKED = "zlib:"
_Item = TypeVar("_Item")
_encode = msgspec.json.Encoder().encode


class Upload(Struct, frozen=True, kw_only=True):
    """One PUT of a batch: what its address and its headers say, and the body as it was sent."""

    dataset: Dataset
    batch: str
    digest: str
    n_lines: int
    body: bytes
    is_gzip: bool = False
    snapshot: str | None = None
    is_final: bool = False
    is_confirmed: bool = False


def ingest_batch(
    store: Store, company: str, source: str, upload: Upload, now: datetime, *, n_names: int = KEPT_NAMES
) -> tuple[bytes, bool]:
    """Take a batch in; the answer as JSON, and whether it is new: the same name and digest again change nothing.

    `source` is the token's name: a snapshot deletes only what its own source has named before. Of the set's last
    `n_names` batches no name is forgotten.
    Raises ProblemError: `batch_conflict`, `batch_damaged` (not what its headers say), `batch_too_large`.
    """
    if contract.content_digest(upload.body) != upload.digest:
        raise damaged("O conteúdo não confere com o resumo (Content-Digest).")
    with store.writing() as db:
        place = _lock(db, company, upload.dataset)
        known = _batch(db, place.set_id, upload.batch)
        if known is not None:
            if known[0] != upload.digest:
                raise ProblemError("batch_conflict")
            return known[1].encode(), False
        taking = _BatchIngest(db, place, source)
        taken = taking.ingest(upload, _epoch(db, company))
        answer = _encode(taken)
        _keep(db, place.set_id, upload, _packed_answer(answer.decode()), now, n_names)
        if taken.stored or taken.deleted:
            mark = restore_marks.leave_next(db, company)
            db.execute(update(export_set).where(export_set.c.id == place.set_id).values(mark=mark))
    return answer, True


def answer_of(store: Store, company: str, dataset: Dataset, batch: str) -> bytes | None:
    """Return what was answered to a batch, as JSON; None when no such batch was taken in."""
    with store.reading() as db:
        set_id = db.execute(select(export_set.c.id).where(_is(company, dataset))).scalar()
        known = None if set_id is None else _batch(db, set_id, batch)
    return known[1].encode() if known else None


def upload_states(store: Store, company: str, source: str) -> bytes:
    """Return what a source has sent, as JSON: what stands in one moment."""
    s, own = export_set.c, export_last_batch.c
    living = select(s.system, s.dataset, s.living, s.sequence, own.batch, own.sequence.label("at"))
    mine = (s.company == company) & (own.source == source)
    with store.reading() as db:
        rows = db.execute(
            living.join(export_last_batch, own.set_id == s.id).where(mine).order_by(s.system, s.dataset)
        ).all()
        epoch = _epoch(db, company)
    states = [
        UploadState(
            system=row.system,
            dataset=row.dataset,
            last_batch=row.batch,
            living=row.living if row.at == row.sequence else None,
        )
        for row in rows
    ]
    return _encode(UploadStates(contract=CONTRACT, epoch=epoch, datasets=tuple(states)))


class _DatasetLock(Struct, frozen=True):
    """A dataset of a company, its row locked: this batch's own number, and what is there."""

    set_id: int
    sequence: int
    head: int
    living: int


class _Snapshot(Struct):
    began: int
    owned: int
    is_doubtful: bool
    is_over: bool


def _is(company: str, dataset: Dataset) -> Any:
    s = export_set.c
    return (s.company == company) & (s.system == dataset.system) & (s.dataset == dataset.name)


def _lock(db: Connection, company: str, dataset: Dataset) -> _DatasetLock:
    s = export_set.c
    mine = update(export_set).where(_is(company, dataset)).values(sequence=s.sequence + 1)
    taken = mine.returning(s.id, s.sequence, s.head, s.living)
    row = db.execute(taken).first()
    if row is None:
        first = "INSERT INTO export_set (company, system, dataset, sequence, head, living) VALUES (?, ?, ?, 0, 0, 0)"
        bulk(db, f"{first} ON CONFLICT DO NOTHING", [(company, dataset.system, dataset.name)])
        row = db.execute(taken).one()
    return _DatasetLock(*row)


def _batch(db: Connection, set_id: int, batch: str) -> tuple[str, str] | None:
    b = export_batch.c
    row = db.execute(select(b.digest, b.answer).where(b.set_id == set_id, b.id == batch)).first()
    return (row.digest, _unpacked_answer(row.answer)) if row else None


def _packed_answer(answer: str) -> str:
    """Return an answer as it is kept: one that names many lines packed, for they repeat each other."""
    if len(answer) < _MIN_PACKED:
        return answer
    return _PACKED + b64encode(zlib.compress(answer.encode())).decode()


def _unpacked_answer(kept: str) -> str:
    if not kept.startswith(_PACKED):
        return kept
    return zlib.decompress(b64decode(kept.removeprefix(_PACKED))).decode()


def _keep(db: Connection, set_id: int, upload: Upload, answer: str, now: datetime, n_names: int) -> None:
    """Keep the batch's answer, and forget the names that are old by their number and by the set's own moments."""
    b = export_batch.c
    newest = select(b.number, b.received_at).where(b.set_id == set_id).order_by(b.number.desc()).limit(1)
    last = db.execute(newest).first()
    number = last.number + 1 if last else 1
    row = {"set_id": set_id, "id": upload.batch, "digest": upload.digest, "answer": answer, "number": number}
    db.execute(insert(export_batch).values(**row, received_at=now.isoformat()))
    if last:
        before = min(now, datetime.fromisoformat(last.received_at)) - KEPT
        is_old = (b.number <= number - n_names) & (b.received_at < before.isoformat())
        db.execute(delete(export_batch).where(b.set_id == set_id, is_old))


def _epoch(db: Connection, company: str) -> str:
    return str(db.execute(select(companies.c.epoch).where(companies.c.id == company)).scalar_one())


class _BatchIngest:
    """One batch on its way in: the lines slice by slice, then the deletes, which are weighed together."""

    def __init__(self, db: Connection, place: _DatasetLock, source: str) -> None:
        self._db = db
        self._place = place
        self._rows: ExportRows = rows_of(db, place.set_id)
        self._mark = Mark(place.sequence, source)
        self._next = count(place.sequence + 1)
        self._head = place.head
        self._living = place.living
        self._deletes: dict[str, None] = {}
        self._living_of: Counter[str] = Counter()
        self._stored = self._unchanged = self._n_lines = self._deleted = self._held = 0
        self._refused: list[RefusedLine] = []
        self._n_unnamed = 0

    def ingest(self, upload: Upload, epoch: str) -> BatchAnswer:
        """Everything the batch does."""
        snapshot = self._open_snapshot(upload.snapshot) if upload.snapshot else None
        read = contract.line_reader(upload.dataset)
        for lines in _slices(lines_of(upload.body, is_gzip=upload.is_gzip)):
            verdicts = read(lines, self._n_lines + 1)
            self._write(verdicts if snapshot is None else _without_deletes(verdicts, self._n_lines + 1))
            self._n_lines += len(lines)
            if self._n_lines > MAX_LINES:
                raise ProblemError("batch_too_large")
        if self._n_lines != upload.n_lines:
            raise damaged("O número de linhas não confere com Omnisync-Lines.")
        self._delete_named(is_confirmed=upload.is_confirmed)
        if snapshot is not None and upload.snapshot:
            self._end(upload.snapshot, snapshot, upload)
        unlisted = max(0, self._n_unnamed - MAX_UNNAMED)
        last = next(self._next) - 1
        mine = update(export_set).where(export_set.c.id == self._place.set_id)
        self._db.execute(mine.values(sequence=last, head=self._head, living=self._living))
        bulk(self._db, _LAST_BATCH, [(self._place.set_id, self._mark.source, upload.batch, last)])
        add_living(self._db, self._place.set_id, self._living_of)
        return BatchAnswer(
            batch=upload.batch,
            epoch=epoch,
            lines=self._n_lines,
            accepted=self._n_lines - len(self._refused) - unlisted,
            stored=self._stored,
            unchanged=self._unchanged,
            deleted=self._deleted,
            held=self._held,
            living=self._living,
            refused=tuple(self._refused),
            unlisted=unlisted,
        )

    def _write(self, verdicts: Sequence[CheckedLine]) -> None:
        before = self._rows.stored({verdict.key for verdict in verdicts if _is_name(verdict.key)})
        changed: dict[str, ValidRow] = {}
        named: list[str] = []
        for verdict in verdicts:
            if isinstance(verdict, RefusedLine):
                self._refuse(verdict)
                named += [verdict.key] if _is_name(verdict.key) else []
            elif not verdict.version:
                self._deletes[verdict.key] = None
            else:
                self._deletes.pop(verdict.key, None)
                known = changed.get(verdict.key)
                if verdict.version == (known or before.get(verdict.key, _NO_ROW)).version:
                    named.append(verdict.key)
                    self._unchanged += 1
                else:
                    changed[verdict.key] = verdict
                    self._stored += 1
        self._put(changed.values(), before)
        if named:
            self._rows.touch(named, self._mark)
            self._pass_over([before[key] for key in {*named} - changed.keys() if key in before])

    def _pass_over(self, rows: Iterable[StoredRow]) -> None:
        """Count living rows as this source's, which were another's."""
        for row in rows:
            if row.version:
                self._living_of[row.source] -= 1
                self._living_of[self._mark.source] += 1

    def _refuse(self, line: RefusedLine) -> None:
        self._n_unnamed += line.key is None
        if line.key is not None or self._n_unnamed <= MAX_UNNAMED:
            self._refused.append(line)

    def _put(self, changed: Iterable[ValidRow], before: dict[str, StoredRow]) -> None:
        new: list[ExportRow] = []
        old: list[ExportRow] = []
        for one in changed:
            self._head = next(self._next)
            rows = old if one.key in before else new
            rows.append(ExportRow(one.key, self._head, one.version, one.line.decode()))
        self._rows.write(new, old, self._mark)
        n_more = len(new) + sum(not before[row.key].version for row in old)
        self._living += n_more
        self._living_of[self._mark.source] += n_more
        self._pass_over(before[row.key] for row in old)

    def _delete_named(self, *, is_confirmed: bool) -> None:
        keys: dict[str, str] = {}
        for some in _slices(iter(self._deletes)):
            stored = self._rows.stored(some)
            keys |= {key: stored[key].source for key in some if key in stored and stored[key].version}
        self._unchanged += len(self._deletes) - len(keys)
        # Of those there were, or are: new keys of the same batch do not hide how many are dropped.
        there = min(self._living, self._place.living)
        is_many = len(keys) > FEW_DELETES and len(keys) * MAX_SHARE_DELETED > there
        if is_many and not is_confirmed:
            self._held += len(keys)
        else:
            self._delete(keys)

    def _delete(self, keys: Mapping[str, str]) -> None:
        """Delete the living rows of these keys, each with its source."""
        rows = [ExportRow(key, next(self._next), "", contract.delete_line(key).decode()) for key in keys]
        for some in _slices(iter(rows)):
            self._rows.write([], some, self._mark)
            self._head = some[-1].sequence
        self._living -= len(rows)
        self._living_of.subtract(keys.values())
        self._deleted += len(rows)

    def _open_snapshot(self, id_: str) -> _Snapshot:
        """Return the snapshot as it stands; with the first of its batches it begins."""
        n = export_snapshot.c
        known = select(n.began, n.owned, n.is_doubtful, n.is_over).where(*self._named(id_))
        row = self._db.execute(known).first()
        if row is not None:
            return _Snapshot(*row)
        source, began = self._mark.source, self._place.sequence - 1
        owned = living_of(self._db, self._place.set_id, source)
        first = _Snapshot(began=began, owned=owned, is_doubtful=False, is_over=False)
        values = {"set_id": self._place.set_id, "source": source, "id": id_, **msgspec.structs.asdict(first)}
        self._db.execute(insert(export_snapshot).values(**values))
        return first

    def _end(self, id_: str, snapshot: _Snapshot, upload: Upload) -> None:
        """Delete what the snapshot did not name, at its final batch and when those are few or a person agreed."""
        snapshot.is_doubtful |= self._n_unnamed > 0
        if upload.is_final and not snapshot.is_over:
            source = self._mark.source
            n = self._rows.n_unseen(source, snapshot.began)
            # Of those there were when it began, or are now: a snapshot that was left lying about has a stale number.
            now_owned = living_of(self._db, self._place.set_id, source) + self._living_of[source]
            owned = min(snapshot.owned, now_owned) if n else 0
            is_many = n * MAX_SHARE_DELETED > owned or snapshot.is_doubtful
            if n and is_many and not upload.is_confirmed:
                self._held += n
            else:
                for keys in self._rows.unseen(source, snapshot.began):
                    self._delete(dict.fromkeys(keys, source))
                snapshot.is_over = True
        now = update(export_snapshot).where(*self._named(id_))
        self._db.execute(now.values(is_doubtful=snapshot.is_doubtful, is_over=snapshot.is_over))

    def _named(self, id_: str) -> tuple[Any, ...]:
        n = export_snapshot.c
        return n.set_id == self._place.set_id, n.source == self._mark.source, n.id == id_


def _is_name(key: str | None) -> TypeGuard[str]:
    """Return whether a row may have this key: a refused line shows keys that none has (PostgreSQL takes no NUL, and
    would read a line break as two keys).
    """
    return key is not None and key.isprintable()


def _without_deletes(verdicts: Sequence[CheckedLine], first: int) -> list[CheckedLine]:
    """Refuse the deletes of a snapshot's batch: a snapshot names what is there."""
    return [
        contract.refused_line(number, one.key, "enum", "/op") if isinstance(one, ValidRow) and not one.version else one
        for number, one in enumerate(verdicts, first)
    ]


def _slices(items: Iterator[_Item]) -> Iterator[list[_Item]]:
    while some := list(islice(items, AT_ONCE)):
        yield some
