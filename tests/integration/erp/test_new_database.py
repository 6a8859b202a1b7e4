"""A database nobody knew: a module with its dialect, and one line in the list, bring records in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import Erp, ErpScope
from omnisync.agent.erp.databases import KINDS, DatabaseKind, open_database, open_erp
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.errors import ErpSetupError
from omnisync.agent.messages import sentences
from omnisync.agent.progress import RowCounts
from omnisync.contract.streams import CUSTOMERS, orders_of
from tests.support.erp_databases import SampleErp, make_sqlite, write
from tests.support.record_samples import NOW, change, customer, item, order

KINDS_AND_ONE_MORE = {**KINDS, "miudo": DatabaseKind("Miúdo", "tests.support.small_dialect", is_server=False)}


@pytest.fixture
def keeper(tmp_path: Path) -> SampleErp:
    return make_sqlite(tmp_path)


@pytest.fixture
def address(keeper: SampleErp, tmp_path: Path) -> ErpAddress:
    layout = tmp_path / "miudo.toml"
    layout.write_text(shipped_text("padrao").replace('databases = ["sqlite"', 'databases = ["miudo"'), encoding="utf-8")
    return msgspec.structs.replace(keeper.address, kind="miudo", layout=str(layout))


@pytest.fixture
def erp(address: ErpAddress, tmp_path: Path) -> Iterator[Erp]:
    erp = open_erp(
        address,
        scope=ErpScope(company="aurora", connection="producao", establishments=["0001"]),
        describe=sentences.of_words,
        zone=ZoneInfo("America/Sao_Paulo"),
        clock=lambda: NOW,
        memories=tmp_path,
        kinds=KINDS_AND_ONE_MORE,
    )
    with closing(erp):
        erp.prepare()
        yield erp


def test_records_come_in_and_are_known_when_they_come_again(keeper: SampleErp, erp: Erp) -> None:
    orders = [change(order(f"ord_{n}")) for n in range(1, 8)]
    assert write(erp, change(customer()), moves_to="c1").counts.customers == RowCounts(written=1)
    assert write(erp, *orders, moves_to="c2").counts.orders == RowCounts(written=7)
    assert (erp.position(CUSTOMERS).cursor, erp.position(orders_of("0001")).cursor) == ("c1", "c2")
    before = keeper.contents()
    assert (len(before["pedidos"]), len(before["itens_pedido"])) == (7, 14)

    assert write(erp, *orders).counts.orders == RowCounts(unchanged=7)
    assert keeper.contents() == before

    newer = order("ord_2", items=(item(2, price="5.00"), item(3)))
    assert write(erp, change(newer, 2)).counts.orders == RowCounts(written=1)
    assert erp.records.rows() == {"customers": 1, "orders": 7, "items": 14, "payments": 7}


def test_a_refused_record_leaves_the_others_of_its_slice(keeper: SampleErp, erp: Erp) -> None:
    keeper.forbid("proibido")
    write(erp, change(customer()))
    written = write(erp, *(change(order(f"ord_{n}", notes="proibido" if n == 3 else None)) for n in range(1, 6)))
    assert written.counts.orders == RowCounts(written=4, refused=1)
    [refused] = erp.records.open_issues(["refused"], 10)
    assert "pedido proibido pelo ERP" in refused.message


def test_without_its_line_it_is_not_known(address: ErpAddress) -> None:
    with pytest.raises(ErpSetupError):
        open_database(address)
    assert open_database(address, kinds=KINDS_AND_ONE_MORE).dialect.label == "Miúdo"
