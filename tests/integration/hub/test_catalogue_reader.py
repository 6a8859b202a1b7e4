"""An app keeps its own copy by the contract alone: after each reading it holds what the hub holds."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from omnisync.agent.sync.outbox import Outbox
from omnisync.contract.datasets import DATASETS as EVERY
from tests.support.dataset_rows import PRODUCTS, STOCK, delete, line, product, put, stock
from tests.support.erp_databases import make_sqlite, write
from tests.support.export_setup import ExportSetup, fill, plain
from tests.support.hub_server import COMPANY, NOW, RunningHub
from tests.support.record_samples import change, customer, order

READER = Path(__file__).parents[3] / "examples" / "catalogue_reader.py"
DATASETS = ("omniforce/products", "omniforce/stock")


@pytest.fixture
def agent(hub: RunningHub) -> Iterator[httpx.Client]:
    with hub.client() as one:
        yield one


def copy_of(hub: RunningHub, copy: Path, datasets: Sequence[str] = DATASETS) -> dict[str, dict[str, Any]]:
    """Run the example; what the app then holds, by dataset and key."""
    subprocess.run(
        [sys.executable, str(READER), hub.url, str(copy), *datasets],
        capture_output=True,
        check=True,
        timeout=60,
        env=os.environ | {"OMNISYNC_TOKEN": hub.store.create_token(COMPANY, "app", ("exports:read",), NOW)},  # noqa: TID251  # a child inherits it
    )
    held: dict[str, dict[str, Any]] = {name: {} for name in datasets}
    with closing(sqlite3.connect(copy)) as rows:
        for dataset, key, data in rows.execute("SELECT dataset, key, data FROM row"):
            held[dataset][key] = json.loads(data)
    return held


def names(held: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {key: row["name"] for key, row in held["omniforce/products"].items()}


def test_an_app_s_copy_follows_the_hub(hub: RunningHub, agent: httpx.Client, tmp_path: Path) -> None:
    codes = [f"{n:05}" for n in range(6000)]  # more than a page
    for start in range(0, 6000, 3000):
        lines = [line(PRODUCTS, product(code)) for code in codes[start : start + 3000]]
        put(agent, f"b{start}", *lines)
    put(agent, "s1", line(STOCK, stock("00001", "7.0000")), dataset=STOCK)
    held = copy_of(hub, tmp_path / "copy.db")
    assert set(names(held)) == set(codes)
    assert held["omniforce/stock"] == {"0001/00001": stock("00001", "7.0000")}
    put(agent, "b7", line(PRODUCTS, product("00001", name="Rolo")), delete("00002"))
    held = copy_of(hub, tmp_path / "copy.db")
    assert (names(held)["00001"], "00002" in names(held), len(names(held))) == ("Rolo", False, 5999)


def test_after_a_restore_the_copy_begins_again(hub: RunningHub, agent: httpx.Client, tmp_path: Path) -> None:
    put(agent, "b1", line(PRODUCTS, product("a")), line(PRODUCTS, product("b")))
    copy_of(hub, tmp_path / "copy.db")
    with hub.store.writing() as db:  # a backup from before "b"
        db.exec_driver_sql("DELETE FROM export_row WHERE key = 'b'")
    hub.store.new_epoch(COMPANY)
    assert set(names(copy_of(hub, tmp_path / "copy.db"))) == {"a"}


def test_after_an_export_the_copy_holds_the_erps_rows_deletes_included(hub: RunningHub, tmp_path: Path) -> None:
    office = ExportSetup(make_sqlite(tmp_path), hub, Outbox(tmp_path / "out.db"))
    fill(office.keeper)
    erp = office.keeper.open()
    write(erp, change(customer()))
    write(erp, change(order()))
    erp.close()
    names = [f"{system}/{name}" for system, name in EVERY]

    def held() -> dict[tuple[str, str], dict[str, Any]]:
        copy = copy_of(hub, tmp_path / "copy.db", names)
        return {
            (system, name): {key: plain(row) for key, row in copy[f"{system}/{name}"].items()} for system, name in EVERY
        }

    office.export()
    assert held() == office.in_erp()
    office.keeper.run("DELETE FROM produtos WHERE codigo = '000104'")
    office.keeper.run("UPDATE produtos SET descricao = 'Pão de açúcar' WHERE codigo = '000101'")
    office.keeper.run("UPDATE titulos_receber SET situacao = 'pago'")
    office.export()
    assert "000104" not in office.in_erp()["omniforce", "products"]
    assert held() == office.in_erp()


def test_an_app_that_has_everything_is_answered_304(hub: RunningHub, agent: httpx.Client, tmp_path: Path) -> None:
    put(agent, "b1", line(PRODUCTS, product("a")))
    for _ in range(2):
        copy_of(hub, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as rows:
        where = "SELECT cursor, etag FROM place WHERE dataset = 'omniforce/products'"
        [(cursor, etag)] = rows.execute(where)
    again = agent.get("/v1/exports/omniforce/products", params={"cursor": cursor}, headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert set(names(copy_of(hub, tmp_path / "copy.db"))) == {"a"}
    put(agent, "b2", line(PRODUCTS, product("b")))
    assert set(names(copy_of(hub, tmp_path / "copy.db"))) == {"a", "b"}
