"""The store on each database: sequences without gaps for a reader, migrations, and the same feed everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, select, update

from omnisync.contract.feed import Page, Receipt, read_page
from omnisync.hub import feed, intake, receipts, tables
from omnisync.hub.migrations.upgrade import config
from omnisync.hub.store import VERSION, Store
from tests.support.hub_server import NOW, customer, erased, found_company, order, raw


def take(store: Store, company: str, *changes: dict[str, Any]) -> list[str]:
    return [result.status for result in intake.ingest(store, company, raw(*changes), NOW)]


def page(store: Store, company: str, **asked: Any) -> Page:
    answer = feed.page(store, company, feed.PageRequest(stream="order:0001", **asked))
    return read_page(answer.body or b"", "order")[0]


def ids(one: Page) -> list[str]:
    return [change.id for change in one.changes]


def test_a_late_commit_never_appears_behind_a_cursor_already_handed_out(store: Store, company: str) -> None:
    took, may_commit = threading.Event(), threading.Event()
    mine = update(tables.company).where(tables.company.c.id == company)

    def slow() -> None:
        with store.writing() as db:  # what the intake does first, then a pause in the middle
            db.execute(mine.values(sequence=tables.company.c.sequence + 2))
            took.set()
            assert may_commit.wait(20)

    def fast() -> None:
        take(store, company, order("fast"))

    first, second = threading.Thread(target=slow), threading.Thread(target=fast)
    first.start()
    assert took.wait(20)
    second.start()
    second.join(0.3)
    assert second.is_alive()  # waits for the one before it
    assert ids(page(store, company)) == []
    may_commit.set()
    first.join(20)
    second.join(20)
    assert ids(page(store, company)) == ["fast"]


def test_a_reader_beside_two_writers_misses_nothing(store: Store, company: str) -> None:
    def write(name: str) -> None:
        for n in range(15):
            take(store, company, *(order(f"{name}-{n}-{k}") for k in range(3)))

    writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    seen: set[str] = set()
    cursor: str | None = None
    while any(writer.is_alive() for writer in writers):
        one = page(store, company, cursor=cursor)
        seen, cursor = seen | set(ids(one)), one.cursor
    seen |= set(ids(page(store, company, cursor=cursor)))
    assert len(seen) == 2 * 15 * 3


def test_the_feed_is_the_same_on_every_database(store: Store, company: str) -> None:
    expected = ["stored", "stored", "stored", "stored", "same"]
    moved = order("a", version=2, establishment="0002")
    assert expected == take(store, company, customer("c"), order("a"), order("b", customer_id="c"), moved, moved)
    take(store, company, erased("order", "b", 2))
    one = page(store, company)
    assert [(c.id, c.op, c.reason) for c in one.changes] == [("a", "delete", "moved"), ("b", "delete", "erased")]
    answer = feed.streams(store, company, {"order:0001": one.cursor})
    assert b'{"stream":"order:0002","is_new":true,"orders":1,"items":2,"payments":1}' in (answer.body or b"")
    assert len(feed.changes_of(store, company, "order", ["a", "b", "nope"])) == 2
    assert receipts.receipts_of(store, company, "order", "a") == []


def test_related_customers_come_on_every_database(store: Store, company: str) -> None:
    take(store, company, customer("c"), order("a", customer_id="c"))
    assert [change.id for change in page(store, company).related.customers] == ["c"]


def test_no_part_of_a_page_walks_more_rows_than_it_sends(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.migrate()
    found_company(store)
    take(store, "aurora", customer("c"), order("a", customer_id="c"))
    asked: list[tuple[str, Any]] = []
    event.listen(store.engine, "before_cursor_execute", lambda _db, _cur, sql, values, *_: asked.append((sql, values)))
    page(store, "aurora")
    feed.streams(store, "aurora", {})
    reads = [one for one in asked if one[0].startswith("SELECT")]
    with store.reading() as db:
        plans = [str(db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()) for sql, values in reads]
    store.close()
    assert not any("SCAN" in plan for plan in plans)
    customers = next(plan for (sql, _), plan in zip(reads, plans, strict=True) if "feed.id IN" in sql)
    assert "(company=? AND id=?)" in customers


def test_migrating_twice_is_harmless(store: Store, company: str) -> None:
    take(store, company, order("a"))
    store.migrate()
    assert ids(page(store, company)) == ["a"]


def test_the_migrations_make_the_tables_the_code_knows(store: Store) -> None:
    with store.engine.connect() as db:
        context = MigrationContext.configure(db, opts={"version_table": "hub_version"})
        found = compare_metadata(context, tables.metadata)
    # Alembic does not look whether an index is for this database.
    assert [one for one in found if one[0] != "add_index" or one[1].name != "export_row_unseen"] == []


def test_the_store_knows_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == VERSION


def test_a_company_and_an_establishment_may_be_renamed(store: Store, company: str) -> None:
    store.add_company(company, "Padaria Aurora Ltda")
    store.add_establishment(company, "0001", "FÁBRICA")
    assert store.company_name(company) == "Padaria Aurora Ltda"
    assert [(one.code, one.name) for one in store.establishments(company)][0] == ("0001", "FÁBRICA")


def test_a_batch_for_nobody_is_a_lookup_error(store: Store) -> None:
    with pytest.raises(LookupError):
        take(store, "nobody", order("a"))


def test_alembic_stays_out_when_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    Store(url).migrate()
    look = (
        f"from omnisync.hub.store import Store; import sys; Store({url!r}).migrate(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True, env=os.environ)  # noqa: TID251  # a child sees what we see
    assert done.stdout.strip() == "False"


def test_case_j5_a_receipt_kept_of_a_version_that_never_was_gives_way_to_a_true_one(store: Store, company: str) -> None:
    take(store, company, order("a"))
    told = Receipt(kind="order", id="a", version=1, outcome="imported", at=NOW)
    receipts.save_receipts(store, company, "matriz", [told])
    r = tables.receipt
    with store.writing() as db:  # as a hub before 1.1 kept it
        db.execute(update(r).where(r.c.company == company).values(version=9))
    [result] = receipts.save_receipts(store, company, "matriz", [told])
    assert result.status == "stored"
    with store.reading() as db:
        assert db.execute(select(r.c.version).where(r.c.company == company)).scalars().all() == [1]


def test_case_j12_records_and_receipts_are_looked_up_by_their_key_without_statistics(
    store: Store, company: str
) -> None:
    bulk_rows = 20_000  # more than one look is worth, so that a planner that may would walk
    spread = f"WITH RECURSIVE one(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < {bulk_rows})"
    with store.writing() as db:
        for sql in (
            "INSERT INTO feed {} SELECT '{}', 'customer', 'c' || n, n, 'customer', 'upsert', 1, 0, 0, 2, NULL, "
            "CAST('{{}}' AS {}) FROM one",
            "INSERT INTO record {} SELECT '{}', 'customer', 'c' || n, 1, 'customer', '2026' FROM one",
            "INSERT INTO receipt {} SELECT '{}', 'producao', 'customer', 'c' || n, 1, CAST('{{}}' AS {}) FROM one",
        ):
            db.exec_driver_sql(sql.format(spread, company, "BYTEA" if store.is_shared else "BLOB"))
        db.exec_driver_sql(f"UPDATE company SET sequence = {bulk_rows} WHERE id = '{company}'")
    take(store, company, *(order(f"o{n}", customer_id=f"c{n}", n_items=1) for n in range(1, 200)))
    asked: list[tuple[str, Any]] = []
    note = lambda _db, _cur, sql, values, *_: asked.append((sql, values))  # noqa: E731
    event.listen(store.engine, "before_cursor_execute", note)
    read = feed.page(store, company, feed.PageRequest(stream="order:0001")).body or b""
    told = [Receipt(kind="customer", id=f"c{n}", version=1, outcome="imported", at=NOW) for n in range(1, 1000)]
    statuses = {one.status for one in receipts.save_receipts(store, company, "producao", told)}
    n_found = len(feed.changes_of(store, company, "customer", [f"c{n}" for n in range(1, 100)]))
    take(store, company, *(customer(f"c{n}", version=2) for n in range(1, 200)))
    event.remove(store.engine, "before_cursor_execute", note)
    assert (read.partition(b'"related"')[2].count(b"{}"), statuses, n_found) == (199, {"stored"}, 99)
    by_id = [one for one in asked if one[0].startswith("SELECT") and (" IN (" in one[0] or "unnest" in one[0])]
    by_id = [one for one in by_id if ".id" in one[0]]
    assert len(by_id) >= 5
    explain = "EXPLAIN QUERY PLAN" if store.engine.dialect.name == "sqlite" else "EXPLAIN"
    with store.reading() as db:
        plans = ["\n".join(map(str, db.exec_driver_sql(f"{explain} {sql}", values).all())) for sql, values in by_id]
    assert [plan for plan in plans if not _is_by_key(plan)] == []


def _is_by_key(plan: str) -> bool:
    """Whether each look at a table goes by an id, none by the company alone."""
    looks = [line for line in plan.splitlines() if "Index Cond" in line or "SEARCH" in line]
    return bool(looks) and "Seq Scan" not in plan and all("id" in line.replace("kind", "") for line in looks)
