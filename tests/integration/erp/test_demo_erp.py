"""The sample company's ERP: filled once, and its orders invoiced once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from omnisync.agent.sync.outbox import Outbox
from omnisync.cli.simulate import exported_products, products_at
from omnisync.demo import erp, seed_data
from omnisync.demo.company import DemoFolder
from tests.support.erp_databases import SampleErp, make_sqlite, write
from tests.support.export_setup import ExportSetup
from tests.support.hub_server import running_hub
from tests.support.import_runs import client
from tests.support.record_samples import change, customer, item, order

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
DAY = date(2026, 11, 24)


def filled(folder: Path) -> SampleErp:
    keeper = make_sqlite(folder)
    erp.fill(Path(keeper.database), NOW)
    return keeper


def query(keeper: SampleErp, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(keeper.database)) as database:
        return list(database.execute(sql))


def test_it_is_filled_once_and_what_its_people_changed_stays(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path / "demo")
    folder.make(NOW)
    with closing(sqlite3.connect(folder.erp)) as database, database:
        assert database.execute("SELECT count(*) FROM produtos").fetchone() == (len(seed_data.PRODUCTS),)
        database.execute("DELETE FROM produtos WHERE codigo = '000101'")
    folder.make(NOW)
    with closing(sqlite3.connect(folder.erp)) as database:
        assert database.execute("SELECT count(*) FROM produtos").fetchone() == (len(seed_data.PRODUCTS) - 1,)


def test_what_went_out_is_what_the_salespeople_find_on_their_shelf(tmp_path: Path) -> None:
    keeper = filled(tmp_path)
    with running_hub(tmp_path) as hub, client(hub) as app:
        assert products_at(app) == seed_data.SOLD_WHOLE  # nothing went out yet: the sample's own
        office = ExportSetup(keeper, hub, Outbox(tmp_path / "exports.db"))
        office.export()
        known = exported_products(app)
        assert prices(known.read_available()) == prices(seed_data.PRODUCTS)
        with closing(sqlite3.connect(keeper.database)) as database, database:
            database.execute("UPDATE produtos SET ativo = 0 WHERE codigo = '000101'")
            database.execute("DELETE FROM produtos WHERE codigo = '000104'")
        office.export()
        assert set(prices(seed_data.PRODUCTS)) - set(prices(known.read_available())) == {"000101", "000104"}


def prices(goods: Sequence[seed_data.SampleProduct]) -> dict[str, tuple[Decimal, Decimal]]:
    return {one.code: (one.price, one.retail_price) for one in goods}


def test_an_invoice_makes_facts_takes_from_stock_and_closes_the_order_once(tmp_path: Path) -> None:
    keeper = filled(tmp_path)
    with closing(keeper.open()) as opened:
        [sold] = [item(1, quantity="3.0000", product_code="000101")]
        write(opened, change(customer()))
        write(opened, change(order(items=(sold,))))
    stock = "SELECT saldo FROM estoque WHERE estabelecimento = '0001' AND produto = '000101'"
    [(before,)] = query(keeper, stock)
    assert erp.invoice(Path(keeper.database), date(2026, 11, 23), NOW) == 0
    assert erp.invoice(Path(keeper.database), DAY, NOW) == 1
    [(after,)] = query(keeper, stock)
    assert float(before) - float(after) == 3.0
    assert query(keeper, "SELECT situacao FROM pedidos") == [("faturado",)]
    assert query(keeper, "SELECT produto, quantidade, valor_liquido FROM itens_nota") == [("000101", "3.0000", "30.00")]
    assert query(keeper, "SELECT count(*) FROM titulos_receber") == [(0,)]  # paid at once: no debt
    assert erp.invoice(Path(keeper.database), DAY, NOW) == 0
    assert query(keeper, stock) == [(after,)]


def test_invoicing_goes_on_a_few_orders_at_a_time_the_oldest_first(tmp_path: Path) -> None:
    keeper = filled(tmp_path)
    with closing(keeper.open()) as opened:
        write(opened, change(customer()))
        for n in (3, 1, 2):
            sold = item(n, quantity="1.0000", product_code="000101")
            write(opened, change(order(f"ord_{n}", issued_at=NOW - timedelta(hours=9 - n), items=(sold,))))
    done = "SELECT id_externo FROM pedidos WHERE situacao = 'faturado' ORDER BY emitido_em"
    assert erp.invoice(Path(keeper.database), DAY, NOW, 2) == 2
    assert query(keeper, done) == [("ord_1",), ("ord_2",)]
    assert (
        query(keeper, "SELECT count(*) FROM notas_fiscais")
        == query(keeper, "SELECT count(*) FROM itens_nota")
        == [(2,)]
    )
    assert erp.invoice(Path(keeper.database), DAY, NOW, 2) == 1
    assert erp.invoice(Path(keeper.database), DAY, NOW, 2) == 0
    assert query(keeper, "SELECT count(*) FROM notas_fiscais") == [(3,)]
