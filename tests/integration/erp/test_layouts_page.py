"""The example of docs/layouts.md, as it stands there: it fits its tables, and orders enter through it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.layout.schema import read_layout
from omnisync.agent.erp.layout_check.check import check
from omnisync.agent.progress import RowCounts
from tests.support.erp_databases import make_erp, write
from tests.support.record_samples import change, customer, item, order

PAGE = (Path(__file__).parents[3] / "docs/layouts.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.mark.parametrize("kind", ["sqlite", "firebird"])
def test_the_pages_example_is_checked_and_imports(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    keeper = make_erp(kind, request, tmp_path)
    for statement in filter(str.strip, _block("sql").split(";\n")):
        keeper.run(statement)
    file = tmp_path / "exemplo.toml"
    file.write_text(_block("toml"), encoding="utf-8")
    database = open_database(keeper.address, keeper.password)
    database.connect()
    assert check(read_layout(_block("toml")), database, keeper.address) == []
    database.close()
    erp = keeper.open(layout=str(file))
    write(erp, change(customer()))
    write(erp, change(order()), change(order("ord_2")))
    assert write(erp, change(order(items=(item(2), item(3))), 2)).counts.orders == RowCounts(written=1)
    erp.close()
    assert keeper.query("SELECT CODIGO, CNPJ, RAZAO FROM CLIENTE") == [
        ("00001", "12.ABC.345/01DE-35", "PADARIA AURORA LTDA")
    ]
    rows = "SELECT NUMERO, ID_APP, CLIENTE, SITUACAO, FILIAL FROM PEDIDO ORDER BY NUMERO"
    assert keeper.query(rows) == [(1001, "ord_1", "00001", "A", 1), (1002, "ord_2", "00001", "A", 1)]
    lines = "SELECT PEDIDO, LINHA, PRODUTO FROM ITEM ORDER BY 1, 2"
    assert keeper.query(lines) == [(1001, 2, "000002"), (1001, 3, "000003"), (1002, 1, "000001"), (1002, 2, "000002")]
    assert keeper.query("SELECT PEDIDO, FORMA, VENCIMENTO FROM PARCELA ORDER BY 1") == [
        (1001, 7, "2026-11-24"),
        (1002, 7, "2026-11-24"),
    ]
