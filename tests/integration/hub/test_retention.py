"""Every table of the hub has a bound, in the code and in the documentation, and keeps it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import func, select

from omnisync.contract import batches
from omnisync.contract.feed import Receipt
from omnisync.hub import export_feed, feed, intake, receipts, tables, uploads
from omnisync.hub.access import Caller
from omnisync.hub.errors import ProblemError
from omnisync.hub.leases import Leases
from omnisync.hub.retention import RULES, RetentionLimits, prune
from omnisync.hub.server import pruning
from omnisync.hub.store import AGENT_SCOPES, Store
from tests.support.command_line import run
from tests.support.dataset_rows import PRODUCTS, delete, products
from tests.support.hub_server import NOW, customer, erased, order, raw
from tests.support.hub_uploads import rows, upload

LATER = NOW + timedelta(days=401)
DOCS = Path(__file__).parents[3] / "docs" / "hub.md"


def take(store: Store, company: str, *changes: dict[str, Any]) -> None:
    intake.ingest(store, company, raw(*changes), NOW)


def send(store: Store, company: str, batch: str, *lines: bytes, **more: Any) -> None:
    uploads.ingest_batch(store, company, "producao", upload(batch, *lines, **more), NOW)


def count(store: Store, table: str, company: str) -> int:
    one = tables.metadata.tables[table]
    with store.reading() as db:
        return int(db.execute(select(func.count()).select_from(one).where(one.c.company == company)).scalar_one())


def test_case_f5_every_table_has_its_rule() -> None:
    assert set(RULES) == set(tables.metadata.tables)


def test_case_f5_the_documentation_says_each_table_s_bound() -> None:
    written = DOCS.read_text(encoding="utf-8")
    assert [table for table, rule in RULES.items() if f"| `{table}` | {rule.bound} |" not in written] == []


def test_case_f5_what_was_erased_long_ago_is_forgotten_and_nothing_else(store: Store, company: str) -> None:
    take(store, company, customer("c"), customer("d"), order("a"), order("b"), order("moved"), order("told"))
    take(store, company, erased("customer", "d", 2), erased("order", "b", 2), order("moved", 2, "0002"))
    told = [Receipt(kind="order", id=id_, version=1, outcome="imported", at=NOW) for id_ in ("a", "b")]
    receipts.save_receipts(store, company, "producao", told)
    prune(store, NOW + timedelta(days=399))
    assert (count(store, "feed", company), count(store, "record", company)) == (7, 6)
    prune(store, LATER)
    assert (count(store, "feed", company), count(store, "record", company), count(store, "receipt", company)) == (
        4,
        4,
        1,
    )
    found = feed.changes_of(store, company, "order", ["a", "b", "moved", "told"])
    assert [op for op, _ in found] == ["upsert"] * 3


def test_case_f5_a_stream_that_holds_nothing_is_forgotten_unless_registered(store: Store, company: str) -> None:
    take(store, company, order("a", establishment="X1"), order("b", establishment="X2"))
    take(store, company, order("a", 2, "0001"))
    prune(store, NOW)
    prune(store, LATER)
    prune(store, LATER)
    with store.reading() as db:
        mine = select(tables.stream.c.name).where(tables.stream.c.company == company)
        names = set(db.execute(mine).scalars())
    assert names == {"customer", "order:0001", "order:0002", "order:X2"}
    take(store, company, order("c", establishment="X1"))
    assert feed.changes_of(store, company, "order", ["c"])[0][0] == "upsert"


def test_case_f5_leases_take_overs_and_revoked_tokens_end(store: Store, company: str) -> None:
    take(store, company, order("a"))
    tokens = [store.create_token(company, name, AGENT_SCOPES, NOW).split("_")[1] for name in ("um", "dois")]
    callers = [Caller(company=company, token=one, destination=one, scopes=AGENT_SCOPES) for one in tokens]
    leases = Leases(store)
    for caller in callers:
        leases.take_over(caller, "0001", NOW)
    store.revoke_token(company, tokens[0], NOW)
    n_tokens = count(store, "token", company)
    prune(store, NOW + timedelta(days=29))
    assert [count(store, table, company) for table in ("lease", "take_over", "token")] == [1, 1, n_tokens]
    prune(store, LATER)
    assert [count(store, table, company) for table in ("lease", "take_over", "token")] == [0, 0, n_tokens - 1]


def test_case_f5_a_running_hub_prunes_by_itself(store: Store, company: str) -> None:
    store.revoke_token(company, store.tokens(company)[0].prefix, NOW - timedelta(days=4000))
    with pruning(store, first_s=0.01, every_s=0.05):
        end = monotonic() + 10
        while count(store, "token", company) and monotonic() < end:
            Event().wait(0.05)
    assert count(store, "token", company) == 0


def test_case_f5_a_hub_is_pruned_by_hand(capsys: pytest.CaptureFixture[str], store: Store, company: str) -> None:
    store.revoke_token(company, store.tokens(company)[0].prefix, NOW - timedelta(days=4000))
    address = store.engine.url.render_as_string(hide_password=False)
    assert run(capsys, "hub", "prune", "--database-file", "-", stdin=address + "\n")[0] == 0
    assert count(store, "token", company) == 0


def test_case_f5_the_last_marks_are_kept(store: Store, company: str) -> None:
    for n in range(1, 9):
        take(store, company, order("a", n))
    cursor = feed.page(store, company, feed.PageRequest(stream="order:0001")).cursor
    prune(store, NOW, RetentionLimits(n_marks=3))
    assert count(store, "mark", company) == 3
    take(store, company, order("b"))
    assert b'"b"' in (feed.page(store, company, feed.PageRequest(stream="order:0001", cursor=cursor)).body or b"")


def test_case_f5_the_last_snapshots_are_kept(store: Store, company: str) -> None:
    for n in range(6):
        send(store, company, f"b{n}", *products("a"), snapshot=f"s{n}")
    assert prune(store, NOW, RetentionLimits(n_snapshots=2))["export_snapshot"] >= 4
    send(store, company, "last", snapshot="s5", is_final=True)


def test_case_f5_old_deletes_of_rows_go_and_their_readers_begin_again(store: Store, company: str) -> None:
    codes = [f"{n}" for n in range(12)]
    send(store, company, "b1", *products(*codes))
    _, early = rows(store, company)
    for n in range(1, 11):
        send(store, company, f"d{n}", delete(f"{n}"))
    _, late = rows(store, company)
    limits = RetentionLimits(n_deleted_rows=3)
    assert prune(store, NOW, limits)["export_row"] >= 5
    lines, _ = rows(store, company, limit=2)  # from the beginning, page by page
    assert [one["op"] for one in lines] == ["upsert"] * 2 + ["delete"] * 5
    assert rows(store, company, cursor=late)[0] == []
    with pytest.raises(ProblemError) as caught:
        export_feed.page(store, company, PRODUCTS, early)
    assert caught.value.code == "cursor_expired"
    assert prune(store, NOW, limits)["export_row"] == 0
    send(store, company, "back", *products("1"))
    assert [one["key"] for one in rows(store, company, cursor=late)[0]] == ["1"]


def test_case_f5_an_answer_about_lines_without_a_key_is_bounded(store: Store, company: str) -> None:
    one = upload("bad", *[b"{}"] * 10_000)
    answer, _ = uploads.ingest_batch(store, company, "producao", one, NOW)
    read = batches.read_answer(answer)
    assert (len(read.refused), read.unlisted, read.accepted, read.lines) == (100, 9_900, 0, 10_000)
    assert len(answer) < 20_000
    with store.reading() as db:
        kept = db.exec_driver_sql("SELECT max(length(answer)) FROM export_batch").scalar()
    assert kept is not None
    assert kept < 4_000
    assert uploads.answer_of(store, company, PRODUCTS, "bad") == answer
    assert uploads.ingest_batch(store, company, "producao", one, NOW) == (answer, False)


def test_case_f5_every_refused_line_with_a_key_is_named(store: Store, company: str) -> None:
    lines = [b'{"op":"upsert","key":"k%d","version":"v","data":{}}' % n for n in range(3000)]
    answer, _ = uploads.ingest_batch(store, company, "producao", upload("bad", *lines), NOW)
    read = batches.read_answer(answer)
    assert ([one.key for one in read.refused], read.unlisted) == ([f"k{n}" for n in range(3000)], 0)
