"""After any history of edits, kills and errors a whole export leaves the hub equal to the ERP, and the next is empty.

`make test HYPOTHESIS=deep` tells 2,000 of them.
"""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from omnisync.agent.erp.export.serializer import LineSerializer
from omnisync.agent.erp.row_hash import hash_rows
from omnisync.agent.sync.change_detector import BatchLimits
from omnisync.agent.sync.outbox import WITHOUT_KEY, Outbox
from omnisync.agent.sync.outbox_file import OutboxFile
from omnisync.contract import batches
from omnisync.contract.datasets import DATASETS
from tests.support.simulation.export_fakes import COLUMNS, ZONE, Row
from tests.support.simulation.exports import ExportSizes, world
from tests.support.simulation.history import Event

FAULTS = [f"{how} {where}" for how in ("error", "kill") for where in ("before", "within", "after")]

_plain = some.sampled_from(
    (
        *("A", "B", "a", "Z1", "10", "9", "É", "é", "e\u0301", "ß", "😀", "\ufffd", "\uabcd", "𐐀"),
        *("P'1", 'P"2', "P\\3", "A/7", "A~1", "A%b", "A B", "x" * 60),
    )
)
_odd = some.sampled_from(
    (
        *(None, "", " ", "A ", "\x07", "a\x00b", "\ud800", "x" * 61, "x" * 140, "x" * 141, "/" * 71),
        *(5, Decimal(5), 1.5, b"A", "\u2028", "\ue000", "l\nm"),
    )
)
_codes: some.SearchStrategy[Any] = some.one_of(_plain, _plain, _plain, some.integers(0, 30).map("P{:02}".format), _odd)
_names = some.one_of(
    some.sampled_from(("a", "b")),
    some.sampled_from(("a", "b", "c", 'q"\\', "%b%s", "ção 🧀", "x" * 150)),
    some.sampled_from(("x" * 151, "x" * 70000, "", None, 5.5, "\ud800", "c\x07")),
)
_amounts = some.sampled_from(("1", "1", "2", "2.0000", "3.5", "-1", "x", "1.23456", None))
_rows: dict[str, some.SearchStrategy[Row]] = {
    "products": some.tuples(
        _codes,
        _names,
        some.just("UN"),
        some.sampled_from((None, None, None, "12345678", "123456789")),
        some.sampled_from((1, 1, 1, 0, None, 7)),
    ),
    "stock": some.tuples(
        some.sampled_from(("0001", "0001", "0002", None, "A/B")),
        _codes,
        _amounts,
        some.none() | _amounts,
        some.sampled_from((None, "2026-11-24 11:52:07", "2026-11-20 08:00:00", "nunca")),
    ),
}
_sizes = some.builds(
    ExportSizes,
    rows_per_chunk=some.sampled_from((1, 2, 3, 8, 32, 300)),
    rows_per_statement=some.sampled_from((1, 2, 300)),
    limits=some.builds(
        BatchLimits,
        lines=some.sampled_from((1, 2, 3, 7, 1000)),
        raw_bytes=some.sampled_from((1, 300, 10**6)),
        numbers=some.sampled_from((-1000, -20, 10, 10**6)),
    ),
)


def _event(what: str, *words: some.SearchStrategy[Any]) -> some.SearchStrategy[Event]:
    return some.tuples(some.just(what), *words)


def _histories(name: str) -> some.SearchStrategy[list[Event]]:
    row, place, step = _rows[name], some.integers(0, 1000), some.integers(1, 12)
    inserted, deleted = _event("insert", place, row), _event("delete", place)
    edits = some.one_of(
        *(inserted, inserted, deleted, deleted),
        _event("append", some.lists(row, max_size=25)),
        _event("append_many", some.integers(0, 200), some.integers(1, 60)),
        _event("delete_many", place, some.integers(1, 40)),
        _event("bring_back", place),
        _event("update", place, row),
        _event("rekey", place, _codes),
        _event("copy", place, place),
        _event("swap", place, place),
        _event("shuffle", some.integers(0, 100)),
        *(_event("sort"), _event("reverse")),
    )
    export, stop = _event("export"), _event("stop", step)
    fault = _event("break_outbox", step, some.sampled_from(FAULTS))
    cut = _event("break_outbox", some.integers(3, 9), some.sampled_from(("kill before", "kill after", "error after")))
    others = some.one_of(
        *(export, export, stop, fault, fault),
        *map(_event, ("export_all", "check", "try_again", "change_layout", "restore_hub", "forget", "sleep")),
        *map(_event, ("copy_hub", "put_hub_back", "copy_outbox", "put_outbox_back")),
        _event("break_hub", some.integers(0, 4), some.sampled_from([how for how in FAULTS if "within" not in how])),
        _event("break_erp", some.integers(0, 20)),
        _event("agree", some.booleans()),
        _event("read_in_lots_of", some.integers(1, 50)),
    )
    run = some.one_of(cut, cut, fault, stop, export)
    back = _event("go_and_come_back", some.lists(edits, min_size=1, max_size=6), run, some.booleans())
    return some.lists(some.one_of(edits, others, back), min_size=1, max_size=40)


_cases = some.sampled_from(("products", "products", "stock")).flatmap(
    lambda name: some.tuples(some.just(name), _histories(name))
)


@given(case=_cases, sizes=_sizes, has_changed_at=some.sampled_from((False, False, True)))
@settings(suppress_health_check=list(HealthCheck), print_blob=True)
def test_a_whole_export_heals_any_history(
    case: tuple[str, list[Event]], sizes: ExportSizes, has_changed_at: bool
) -> None:
    name, history = case
    with world(name, has_changed_at=has_changed_at, sizes=sizes) as lived:
        lived.happen(*history, ("check",))


@pytest.mark.parametrize(("max_lines", "many_numbers"), [(1, -1000), (1000, 10**6)], ids=["small", "large"])
@pytest.mark.parametrize("how", FAULTS)
def test_rows_that_changed_back_after_a_run_that_ended_at_any_transaction_are_sent(
    max_lines: int, many_numbers: int, how: str
) -> None:
    new = ("NEW", "b", "UN", None, 1)
    edits: list[Event] = [("update", 5, new), ("delete", 9), ("insert", 20, new)]
    sizes = ExportSizes(rows_per_chunk=2, limits=BatchLimits(lines=max_lines, numbers=many_numbers))
    for at in range(1, 9):
        fault = ("break_outbox", at, how)
        with world("products", has_changed_at=False, sizes=sizes) as lived:
            lived.happen(
                ("append_many", 0, 30),
                ("go_and_come_back", edits, fault, True),
                ("go_and_come_back", [("delete", 3), ("delete", 12)], fault, True),
                ("go_and_come_back", edits, fault, False),
            )


@given(
    case=some.sampled_from(sorted(_rows)).flatmap(
        lambda name: some.tuples(some.just(name), some.lists(_rows[name], max_size=30))
    )
)
def test_a_row_is_the_same_line_whatever_stands_beside_it(case: tuple[str, list[Row]]) -> None:
    name, rows = case
    maker = LineSerializer(DATASETS["omniforce", name], COLUMNS[name], ZONE)
    keys = maker.keys(rows)
    assert keys == [key for row in rows for key in maker.keys([row])]
    made = maker.serialize(rows, keys)
    alone = [maker.serialize([row], [key]) for row, key in zip(rows, keys, strict=True)]
    assert made.lines == [line for one in alone for line in one.lines]
    assert made.invalid == [(n, why, name) for n, one in enumerate(alone) for _, why, name in one.invalid]
    for key, line in zip(keys, made.lines, strict=True):
        if line:
            data = bytes(msgspec.json.decode(line, type=batches.Upsert).data)
            assert line == batches.upsert_line(key or "", hash_rows([data])[0].hex(), data)


_keys = some.one_of(
    _plain,
    some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=3),
    some.integers(0, 99).map("{:02}".format),
    some.binary(min_size=1, max_size=2).map(lambda hash_: WITHOUT_KEY + hash_.hex()),
)
_runs = some.lists(_keys, min_size=1, max_size=12).flatmap(
    lambda run: some.sampled_from((run, sorted(run), sorted(set(run))))
)


@given(known=some.sets(_keys, max_size=60), runs=some.lists(_runs, max_size=8))
def test_the_rows_that_are_looked_up_are_those_a_plain_select_finds(known: set[str], runs: list[list[str]]) -> None:
    with TemporaryDirectory(prefix="omnisync-") as folder, closing(Outbox(Path(folder) / "out.db")) as outbox:
        datasets = [
            outbox.dataset_state("omniforce", name, hub="h", new_id=lambda: "s") for name in ("one", "mine", "two")
        ]
        for dataset in datasets:
            outbox.enqueue(dataset, None, [(key, n, bytes([dataset.id, n])) for n, key in enumerate(known)])
        mine = datasets[1]
        found = outbox.known_rows(mine, runs)
        with OutboxFile(Path(folder) / "out.db").reading() as db:
            rows = db.execute("SELECT key, n, hash FROM row WHERE dataset = ?", (mine.id,)).fetchall()
        whole = {key: (n, hash_) for key, n, hash_ in rows}
        assert found.items() <= whole.items()
        assert found.keys() >= whole.keys() & {key for run in runs for key in run}
        assert outbox.last_key(mine) == max(known, default="")
        assert list(outbox.missing_keys(mine, bytearray())) == sorted(known)
