"""The rows of the way out on each database: the same answers everywhere, writers that overlap, and bounded memory."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from alembic import command
from alembic.migration import MigrationContext
from sqlalchemy import event

from omnisync.contract import batches
from omnisync.contract.batches import BatchAnswer, content_digest
from omnisync.hub import uploads
from omnisync.hub.errors import ProblemError
from omnisync.hub.migrations.upgrade import config
from omnisync.hub.store import VERSION, Store
from omnisync.hub.uploads import Upload
from tests.support.dataset_rows import PRODUCTS, STOCK, delete, line, products, stock
from tests.support.hub_server import NOW, found_company
from tests.support.hub_uploads import rows, upload


def take(store: Store, company: str, one: Upload, source: str = "producao") -> BatchAnswer:
    answer, _ = uploads.ingest_batch(store, company, source, one, NOW)
    return batches.read_answer(answer)


def names(lines: list[Any]) -> dict[str, str | None]:
    return {one["key"]: one.get("data", {}).get("name") for one in lines}


def test_rows_are_the_same_on_every_database(store: Store, company: str) -> None:
    odd = 'a"b\\c ção 🎨'
    first = take(store, company, upload("b1", *products("a", "b", "c", odd, "d")))
    assert (first.stored, first.living) == (5, 5)
    second = take(
        store, company, upload("b2", *products("a", "b"), *products("c", odd, "new", name="Rolo"), delete("d"))
    )
    assert (second.stored, second.unchanged, second.deleted, second.living) == (3, 2, 1, 5)
    lines, cursor = rows(store, company, limit=2)
    assert names(lines) == {
        "a": "Pincel chato",
        "b": "Pincel chato",
        "c": "Rolo",
        odd: "Rolo",
        "new": "Rolo",
        "d": None,
    }
    assert rows(store, company, cursor=cursor)[0] == []
    third = take(store, company, upload("b3", *products("d"), delete(odd)))
    assert (third.stored, third.deleted, third.living) == (1, 1, 5)
    assert names(rows(store, company, cursor=cursor)[0]) == {"d": "Pincel chato", odd: None}


def test_snapshots_are_the_same_on_every_database(store: Store, company: str) -> None:
    codes = [f"{n:04}" for n in range(2500)]
    take(store, company, upload("b1", *products(*codes)))
    answer = take(store, company, upload("b2", *products(*codes[:1500]), snapshot="s", is_final=True))
    assert (answer.held, answer.deleted, answer.living) == (1000, 0, 2500)
    answer = take(store, company, upload("b3", snapshot="s", is_final=True, is_confirmed=True))
    assert (answer.held, answer.deleted, answer.living) == (0, 1000, 1500)
    lines, _ = rows(store, company)
    assert {one["key"] for one in lines if one["op"] == "upsert"} == set(codes[:1500])


def test_two_writers_at_once_lose_nothing_and_a_reader_beside_them_misses_nothing(store: Store, company: str) -> None:
    def write(name: str) -> None:
        for n in range(12):
            mine = products(*(f"{name}-{n}-{k}" for k in range(3)))
            take(store, company, upload(f"{name}{n}", *mine, *products("both", name=f"{name}{n}")), source=name)

    writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    seen: dict[str, str | None] = {}
    cursor: str | None = None
    while any(writer.is_alive() for writer in writers):
        lines, cursor = rows(store, company, cursor=cursor)
        seen |= names(lines)
    lines, _ = rows(store, company, cursor=cursor)
    seen |= names(lines)
    assert seen == names(rows(store, company)[0])
    assert len(seen) == 2 * 12 * 3 + 1


def test_the_same_batch_twice_at_once_is_taken_once(store: Store, company: str) -> None:
    one = upload("b1", *products(*(f"{n}" for n in range(500))))
    found: list[bool] = []

    def send() -> None:
        found.append(uploads.ingest_batch(store, company, "producao", one, NOW)[1])

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(20)
    assert sorted(found) == [False, False, False, True]
    assert take(store, company, upload("b2")).living == 500


def test_a_batch_that_fails_half_way_leaves_nothing(store: Store, company: str) -> None:
    lines = products(*(f"{n}" for n in range(1500)))
    body = gzip.compress(b"\n".join(lines), mtime=0)[:-8]
    cut = Upload(dataset=PRODUCTS, batch="b1", digest=content_digest(body), n_lines=1500, body=body, is_gzip=True)
    with pytest.raises(ProblemError) as caught:
        take(store, company, cut)
    assert caught.value.code == "batch_damaged"
    assert rows(store, company)[0] == []
    assert take(store, company, upload("b1", *lines)).stored == 1500


def test_datasets_do_not_wait_for_each_other_s_numbers(store: Store, company: str) -> None:
    take(store, company, upload("b1", *products("a")))
    take(store, company, upload("b1", line(STOCK, stock("a")), dataset=STOCK))
    _, cursor = rows(store, company)
    take(store, company, upload("b2", line(STOCK, stock("b")), dataset=STOCK))
    take(store, company, upload("b2", *products("b")))
    assert list(names(rows(store, company, cursor=cursor)[0])) == ["b"]


def take_at(store: Store, company: str, batch: str, now: datetime, **more: int) -> None:
    one = upload(batch, *products("a", name=batch))
    uploads.ingest_batch(store, company, "producao", one, now, **more)


def names_known(store: Store, company: str, *batches: str) -> list[str]:
    return [one for one in batches if uploads.answer_of(store, company, PRODUCTS, one) is not None]


def test_an_old_batch_s_name_is_forgotten(store: Store, company: str) -> None:
    later = NOW + uploads.KEPT + timedelta(seconds=1)
    take_at(store, company, "b1", NOW, n_names=2)
    for n in (2, 3, 4):
        take_at(store, company, f"b{n}", later, n_names=2)
    assert names_known(store, company, "b1", "b2", "b3", "b4") == ["b2", "b3", "b4"]


def test_case_j10_a_clock_that_leaps_forgets_no_batch_that_may_be_sent_again(store: Store, company: str) -> None:
    leap = NOW + 2 * uploads.KEPT
    take_at(store, company, "b1", NOW)
    take_at(store, company, "b2", NOW)
    take_at(store, company, "b3", leap)
    take_at(store, company, "b4", leap)
    assert names_known(store, company, "b1", "b2", "b3", "b4") == ["b1", "b2", "b3", "b4"]
    again = upload("b1", *products("a", name="b1"))
    assert not uploads.ingest_batch(store, company, "producao", again, leap)[1]
    assert names(rows(store, company)[0]) == {"a": "b4"}


def test_case_j10_a_batch_kept_by_an_older_hub_is_numbered(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    with store.writing() as db:
        command.upgrade(config(db), "0006")
        db.exec_driver_sql("INSERT INTO company VALUES ('aurora', 'Aurora', 'e', 0)")
        db.exec_driver_sql("INSERT INTO export_set VALUES (1, 'aurora', 'omniforce', 'products', 0, 0, 0, '')")
        for n, at in enumerate(("2026-11-03", "2026-11-01", "2026-11-02")):
            db.exec_driver_sql(f"INSERT INTO export_batch VALUES (1, 'b{n}', 'd', '{{}}', '{at}T00:00:00+00:00')")
    store.migrate()
    with store.reading() as db:
        found = db.exec_driver_sql("SELECT id, number FROM export_batch ORDER BY number").all()
    store.close()
    assert found == [("b1", 1), ("b2", 2), ("b0", 3)]


def test_rows_are_looked_up_by_their_key_on_every_database(store: Store, company: str) -> None:
    take(store, company, upload("b1", *products(*(f"{n:05}" for n in range(5000)))))
    asked: list[tuple[str, Any]] = []

    def note(_db: Any, _cursor: Any, sql: str, values: Any, _context: Any, is_many: bool) -> None:
        if "export_row" in sql and not is_many:
            asked.append((sql, values))

    event.listen(store.engine, "before_cursor_execute", note)
    take(store, company, upload("b2", *products("00001", "00002"), *products("00003", name="Rolo"), delete("00004")))
    rows(store, company)
    event.remove(store.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if store.engine.dialect.name == "sqlite" else "EXPLAIN"
    with store.writing() as db:
        if store.engine.dialect.name == "postgresql":
            db.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plans = {sql: str(db.exec_driver_sql(f"{explain} {sql}", values).all()) for sql, values in asked}
    assert [sql for sql, plan in plans.items() if "Seq Scan" in plan or "SCAN export_row" in plan] == []
    by_key = {sql: plan for sql, plan in plans.items() if "key =" in sql or "key IN" in sql}
    assert [sql for sql, plan in by_key.items() if "export_row_key" not in plan and "(key=?" not in plan] == []
    assert len(by_key) >= 2


def living_counted(store: Store) -> tuple[set[tuple[int, str, int]], set[tuple[int, str, int]]]:
    """What the hub keeps of living rows by source, and what its rows say."""
    with store.reading() as db:
        kept = db.exec_driver_sql("SELECT set_id, source, living FROM export_source WHERE living <> 0").all()
        found = db.exec_driver_sql(
            "SELECT set_id, source, count(*) FROM export_row WHERE version <> '' GROUP BY set_id, source"
        ).all()
    return {tuple(row) for row in kept}, {tuple(row) for row in found}


@pytest.mark.parametrize("seed", range(4))
def test_case_j2_living_rows_are_counted_by_source_whatever_is_sent(store: Store, company: str, seed: int) -> None:
    random = Random(seed)
    for n in range(40):
        codes = [f"p{random.randrange(40)}" for _ in range(random.randrange(1, 30))]
        lines = [*products(*codes, name=random.choice("ab")), *map(delete, random.sample(codes, len(codes) // 4))]
        more: dict[str, Any] = {"is_confirmed": random.random() < 0.5}
        if random.random() < 0.4:
            lines = products(*codes)
            more |= {"snapshot": f"s{random.randrange(3)}{n // 9}", "is_final": random.random() < 0.5}
        take(store, company, upload(f"b{n}", *lines, **more), source=random.choice(["um", "dois", "três"]))
        kept, found = living_counted(store)
        assert kept == found


def test_case_j2_a_snapshot_costs_what_it_changes_on_sqlite(tmp_path: Path) -> None:
    steps = {n: _steps_of_a_snapshot(tmp_path / f"{n}.db", n) for n in (200, 8000)}
    assert steps[8000] < 2 * steps[200] + 50


def _steps_of_a_snapshot(path: Path, n: int) -> int:
    """Hundreds of instructions that SQLite runs for a snapshot's first and last batch over `n` rows."""
    store = Store(f"sqlite:///{path}")
    store.migrate()
    found_company(store)
    codes = [f"{one:06}" for one in range(n)]
    take(store, "aurora", upload("b1", *products(*codes)))
    counted = [0]

    def tick() -> int:
        counted[0] += 1
        return 0

    event.listen(store.engine, "begin", lambda db: db.connection.driver_connection.set_progress_handler(tick, 100))
    take(store, "aurora", upload("b2", snapshot="s"))
    first = counted[0]
    take(store, "aurora", upload("b3", *products(*codes[:-3]), snapshot="s"))
    counted[0] = 0
    answer = take(store, "aurora", upload("b4", snapshot="s", is_final=True))
    assert (answer.deleted, answer.living) == (3, n - 3)
    store.close()
    return first + counted[0]


def test_case_j2_rows_of_an_older_hub_are_counted_once(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    with store.writing() as db:
        command.upgrade(config(db), "0009")
        db.exec_driver_sql("INSERT INTO company VALUES ('aurora', 'Aurora', 'e', 0)")
        db.exec_driver_sql("INSERT INTO export_set VALUES (1, 'aurora', 'omniforce', 'products', 5, 5, 3, '', 0, 0)")
        for n, (source, version) in enumerate([("um", "v"), ("um", "v"), ("dois", "v"), ("dois", "")]):
            db.exec_driver_sql(f"INSERT INTO export_row VALUES (1, 'k{n}', {n}, 1, '{source}', '{version}', 2, '{{}}')")
    store.migrate()
    kept, found = living_counted(store)
    store.close()
    assert kept == found == {(1, "um", 2), (1, "dois", 1)}


def test_memory_does_not_grow_with_a_batch(tmp_path: Path) -> None:
    """Ten thousand lines of 3 kB, unpacked 30 MB: what stands at once is a slice of them."""
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.migrate()
    found_company(store)
    wide = [batches.upsert_line(f"{n}", "v", b'{"code":"%d","name":"%s"}' % (n, _noise(n))) for n in range(10_000)]
    one = upload("b1", *wide)
    assert sum(map(len, wide)) > 30_000_000
    del wide
    tracemalloc.start()
    answer = take(store, "aurora", one)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    store.close()
    assert (answer.lines, len(answer.refused)) == (10_000, 10_000)
    assert peak < 16_000_000


def _noise(seed: int) -> bytes:
    return Random(seed).randbytes(300).hex().encode() * 5


def test_a_hub_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    with store.writing() as db:
        command.upgrade(config(db), "0001")
    token = found_company(store)
    store.migrate()
    with store.reading() as db:
        assert MigrationContext.configure(db, opts={"version_table": "hub_version"}).get_current_revision() == VERSION
    assert store.token(token.split("_")[1]) is not None
    assert take(store, "aurora", upload("b1", *products("a"))).stored == 1
    store.close()
