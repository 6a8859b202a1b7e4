"""The demo, as a newcomer meets it."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import sleep  # noqa: TID251  # the real clock is what the programs go by
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import ErpScope
from omnisync.agent.erp.databases import open_erp
from omnisync.agent.messages import sentences
from omnisync.cli import composition
from omnisync.contract.datasets import DATASETS
from omnisync.demo import sample_data
from omnisync.demo.company import COMPANY
from omnisync.demo.seed_data import ESTABLISHMENTS
from omnisync.hub.store import Store
from tests.support.dataset_rows import lines_of
from tests.support.export_setup import outgoing, plain
from tests.support.hub_server import serving

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.fixture(autouse=True)
def _one_day() -> None:
    """No test begins in the last minutes of a day: what is owed would be overdue between two looks at it."""
    now = composition.clock().astimezone(ZONE)
    left = (timedelta(days=1) - timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)).total_seconds()
    if left < 180:
        sleep(left + 1)


def _demo(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "omnisync", "demo", "--once", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"OMNISYNC_HOME": str(home)},  # noqa: TID251  # a child inherits it
        timeout=120,
        check=False,
    )


def _count(database: Path, sql: str) -> int:
    with closing(sqlite3.connect(database)) as opened:
        return int(opened.execute(sql).fetchone()[0])


def _printed(out: str, noun: str) -> list[int]:
    line = next(line for line in out.splitlines() if line.startswith(noun))
    return [int(number.replace(".", "")) for number in re.findall(r"[0-9][0-9.]*", line)]


def at_hub(path: Path) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """What the demo's hub has of every dataset, as an app reads it."""
    store = Store(f"sqlite:///{path}")
    token = store.create_token(COMPANY, "leitor", ("exports:read",), composition.clock())
    with serving(store, token) as running, running.client() as app:
        lines = {place: lines_of(app, dataset) for place, dataset in DATASETS.items()}
    return {
        place: {one["key"]: plain(one["data"]) for one in some if one["op"] == "upsert"}
        for place, some in lines.items()
    }


def in_erp(path: Path) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """What the demo's ERP has of every dataset, read anew."""
    address = ErpAddress(kind="sqlite", database=str(path), layout=str(path.with_name("vevo.toml")))
    erp = open_erp(
        address,
        scope=ErpScope(company=COMPANY, connection="producao", establishments=tuple(ESTABLISHMENTS)),
        zone=ZONE,
        clock=composition.clock,
        describe=sentences.of_words,
        memories=path.parent,
    )
    with closing(erp):
        erp.prepare()
        return outgoing(erp)


def test_the_demo_sends_out_what_changed_and_no_more(tmp_path: Path) -> None:
    assert _demo(tmp_path).returncode == 0
    erp, hub = tmp_path / "demo" / "erp.db", tmp_path / "demo" / "central.db"
    with closing(sqlite3.connect(erp)) as opened, opened:
        changed = opened.execute("UPDATE produtos SET descricao = 'Nova' WHERE codigo <= '000107'")
        gone = opened.execute("DELETE FROM produtos WHERE codigo = '000110'")
        assert (changed.rowcount, gone.rowcount) == (3, 1)
    again = _demo(tmp_path)
    assert again.returncode == 0
    assert "4 linhas enviadas ao OmniForce; 1 apagada." in again.stdout
    assert [line.split()[-1] for line in again.stdout.splitlines() if line.startswith("Produtos")] == ["4"]
    assert at_hub(hub) == in_erp(erp)


def test_the_demo_imports_what_it_promises_and_a_second_time_nothing(tmp_path: Path) -> None:
    first = _demo(tmp_path)
    assert first.returncode == 0, first.stderr
    erp, hub = tmp_path / "demo" / "erp.db", tmp_path / "demo" / "central.db"
    expected = sample_data.expected()
    for noun, table in (
        ("Clientes", "clientes"),
        ("Pedidos de vendas", "pedidos"),
        ("Itens de vendas", "itens_pedido"),
        ("Formas de pagamentos", "formas_pagamento"),
    ):
        n = _count(erp, f"SELECT count(*) FROM {table}")
        assert _printed(first.stdout, noun) == [n, n]
    n_customers = _count(hub, "SELECT count(*) FROM feed WHERE kind = 'customer'")
    n_orders = _count(hub, "SELECT count(*) FROM feed WHERE kind = 'order' AND op = 'upsert'")
    n_refused_orders = sum(id_.startswith("ord_") for id_ in expected.refused)
    n_never_made = _count(erp, "SELECT count(*) FROM omnisync_binding WHERE outcome = 'cancelled' AND erp_key IS NULL")
    assert (n_customers, n_orders) == (2000, 6000)
    assert _printed(first.stdout, "Clientes")[0] == n_customers - (len(expected.refused) - n_refused_orders)
    assert _printed(first.stdout, "Pedidos de vendas")[0] == (
        n_orders - n_refused_orders - len(expected.waiting) - n_never_made
    )
    with closing(sqlite3.connect(erp)) as opened:
        refused = dict(
            opened.execute("SELECT id, json_extract(reason, '$.code') FROM omnisync_binding WHERE outcome = 'refused'")
        )
    assert refused == expected.refused
    assert at_hub(hub) == in_erp(erp)
    assert all(at_hub(hub).values())
    second = _demo(tmp_path)
    assert second.returncode == 0
    assert "Nada mudou no ERP desde a última exportação." in second.stdout
    assert [_printed(second.stdout, noun)[1] for noun in ("Clientes", "Pedidos", "Itens", "Formas")] == [0, 0, 0, 0]
