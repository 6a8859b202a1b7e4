"""Stretches of rows that nothing changed in are passed, and nothing is lost or doubled by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.errors import StoppedError
from omnisync.agent.phase import encode_phase
from omnisync.agent.progress import ExportCounts
from omnisync.agent.sync.change_detector import BatchLimits
from omnisync.agent.sync.outbox import DatasetState, Outbox
from tests.support.erp_databases import make_sqlite
from tests.support.export_setup import ExportSetup, as_before, fill
from tests.support.hub_server import running_hub

NAME = "omniforce.products"
PRODUCTS = ("omniforce", "products")
N = 60


class WatchedOutbox(Outbox):
    """Counts the rows that it is asked for."""

    n_asked = 0

    def known_rows(self, known: DatasetState, runs: Iterable[Sequence[str]]) -> dict[str, tuple[int, bytes]]:
        asked = list(runs)
        self.n_asked += sum(map(len, asked))
        return super().known_rows(known, asked)


def products(*codes: str, name: str = "Produto") -> dict[str, list[tuple[Any, ...]]]:
    return {"produtos": [(code, f"{name} {code}", "UN", *[None] * 5, 1) for code in codes]}


CODES = [f"P{i:04}" for i in range(N)]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[WatchedOutbox]:
    made = WatchedOutbox(tmp_path / "exports" / "producao.db")
    yield made
    made.close()


@pytest.fixture
def office(tmp_path: Path, outbox: WatchedOutbox) -> Iterator[ExportSetup]:
    with running_hub(tmp_path) as hub:
        made = ExportSetup(make_sqlite(tmp_path), hub, outbox, rows_per_chunk=6)
        fill(made.keeper, products(*CODES))
        yield made


def export(office: ExportSetup, **more: Any) -> ExportCounts:
    return office.export(datasets=("products",), **more).exports[NAME]


def is_equal(office: ExportSetup) -> bool:
    return office.at_hub()[PRODUCTS] == office.in_erp()[PRODUCTS]


def rename(office: ExportSetup, code: str, name: str) -> None:
    office.keeper.run("UPDATE produtos SET descricao = ? WHERE codigo = ?", name, code)


def test_rows_in_their_keys_order_are_not_looked_up_the_first_time(office: ExportSetup, outbox: WatchedOutbox) -> None:
    assert (export(office), outbox.n_asked) == (ExportCounts(read=N, prepared=N, sent=N), 0)


def test_where_nothing_changed_no_row_is_looked_up(office: ExportSetup, outbox: WatchedOutbox) -> None:
    export(office)
    for _ in range(2):
        assert (export(office), outbox.n_asked) == (ExportCounts(read=N), 0)


def test_where_a_row_changed_its_stretch_alone_is_looked_up(office: ExportSetup, outbox: WatchedOutbox) -> None:
    export(office)
    rename(office, CODES[30], "Outro")
    assert export(office) == ExportCounts(read=N, prepared=1, sent=1)
    assert 0 < outbox.n_asked < N / 2
    outbox.n_asked = 0
    assert (export(office), outbox.n_asked) == (ExportCounts(read=N), 0)


def test_each_row_may_go_and_come_back(office: ExportSetup) -> None:
    export(office)
    for code in CODES[20:40]:
        office.keeper.run("DELETE FROM produtos WHERE codigo = ?", code)
        assert export(office) == ExportCounts(read=N - 1, prepared=1, sent=1, deleted=1)
        fill(office.keeper, products(code))
        assert export(office) == ExportCounts(read=N, prepared=1, sent=1)
    assert is_equal(office)


def test_rows_in_another_order_are_the_same_rows(office: ExportSetup) -> None:
    export(office)
    for seed in range(3):
        office.keeper.run("DELETE FROM produtos")
        fill(office.keeper, products(*Random(seed).sample(CODES, N)))
        assert export(office) == ExportCounts(read=N)
    office.keeper.run("DELETE FROM produtos WHERE codigo = ?", CODES[7])
    assert export(office) == ExportCounts(read=N - 1, prepared=1, sent=1, deleted=1)
    assert is_equal(office)


def test_many_deletes_wait_while_the_rest_is_passed(office: ExportSetup) -> None:
    export(office)
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0030'")
    for _ in range(2):
        assert export(office) == ExportCounts(read=30, held=30)
    fill(office.keeper, products(*CODES[:30]))
    assert export(office) == ExportCounts(read=N)
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0030'")
    assert export(office) == ExportCounts(read=30, held=30)
    office.agreed = {"products": 30}
    assert export(office) == ExportCounts(read=30, prepared=30, sent=30, deleted=30)
    assert is_equal(office)


@pytest.mark.parametrize("spoil", ["ncm = '123456789'", "ativo = 7"], ids=["by the hub", "here"])
def test_a_refused_row_stays_told_where_nothing_changes_and_can_be_tried_again(office: ExportSetup, spoil: str) -> None:
    office.keeper.run(f"UPDATE produtos SET {spoil} WHERE codigo = 'P0030'")  # noqa: S608  # the test's own
    export(office)
    for _ in range(2):
        assert export(office) == ExportCounts(read=N)
        assert [one.key for one in office.outbox.refused(10)] == ["P0030"]
    assert office.outbox.try_again() == 1
    assert export(office).refused == 1
    assert [one.key for one in office.outbox.refused(10)] == ["P0030"]


def test_a_key_that_comes_twice_is_told_each_time(office: ExportSetup, tmp_path: Path) -> None:
    layout = tmp_path / "erp.toml"
    before, _, _ = shipped_text("padrao").partition("# O que sai")
    layout.write_text(
        f'{before}\n[export.products]\nsql = "SELECT codigo AS code, descricao AS name, unidade AS unit FROM produtos'
        " UNION ALL SELECT codigo, 'outro', 'UN' FROM produtos WHERE codigo = 'P0030'\""
    )
    office.layout = str(layout)
    for _ in range(3):
        assert export(office).refused == 1
        assert [(one.key, one.code) for one in office.outbox.refused(10)] == [("P0030", "repeated")]
        assert office.at_hub()[PRODUCTS]["P0030"]["name"] == "Produto P0030"


def test_rows_that_changed_back_after_a_run_that_ended_half_read_are_sent(office: ExportSetup) -> None:
    office.limits = BatchLimits(lines=1)
    export(office)
    for code in CODES[30:33]:
        rename(office, code, "Outro")
    with pytest.raises(StoppedError):
        export(office, report=lambda progress: encode_phase(progress.phase) == f"read:{NAME}")
    for code in CODES[30:33]:
        rename(office, code, f"Produto {code}")
    counts = export(office)
    assert counts.prepared == counts.sent / 2 > 0  # what was kept goes first
    assert is_equal(office)
    assert export(office) == ExportCounts(read=N)


def test_a_row_that_changed_back_after_only_what_changed_was_read_is_sent(office: ExportSetup, tmp_path: Path) -> None:
    layout = tmp_path / "erp.toml"
    layout.write_text(shipped_text("padrao").replace("[export.stock]", '[export.stock]\nchanged_at = "measured_at"'))
    office.layout = str(layout)
    old = [("0001", f"P{n}", "1.0000", None, None, "2026-11-20 10:00:00") for n in range(N)]
    fill(office.keeper, {"estoque": old})

    def stock(**more: Any) -> ExportCounts:
        return office.export(datasets=("stock",), **more).exports["omniforce.stock"]

    assert stock().sent == N
    office.keeper.run("UPDATE estoque SET saldo = '2.0000', apurado_em = '2026-11-24 12:00:00' WHERE produto = 'P9'")
    assert stock().sent == 1
    office.keeper.run("UPDATE estoque SET saldo = '1.0000', apurado_em = '2026-11-20 10:00:00' WHERE produto = 'P9'")
    assert stock(is_full=True).sent == 1
    assert office.at_hub()["omniforce", "stock"] == office.in_erp()["omniforce", "stock"]


def test_another_hub_is_sent_the_rows_of_all_stretches(office: ExportSetup) -> None:
    export(office)
    assert export(office, hub_name="outra").sent == N


def test_a_file_of_the_version_before_is_gone_on_with(
    office: ExportSetup, outbox: WatchedOutbox, tmp_path: Path
) -> None:
    export(office)
    with closing(sqlite3.connect(tmp_path / "exports" / "producao.db", isolation_level=None)) as db:
        db.execute("DROP TABLE stretches")
        as_before(db, 1)
    assert (export(office), outbox.n_asked) == (ExportCounts(read=N), N)
    outbox.n_asked = 0
    assert (export(office), outbox.n_asked) == (ExportCounts(read=N), 0)
