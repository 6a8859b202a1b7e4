"""The export's promise, over every database and shipped layout: the hub has what the ERP has, and gets what changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omnisync.agent.sync.outbox import Outbox
from omnisync.contract.datasets import DATASETS
from tests.support.erp_catalogue_data import EDITS, WIRES, stocked
from tests.support.erp_databases import KEEPERS, write
from tests.support.erp_reader import ErpReader
from tests.support.export_setup import ExportSetup, fill, sent
from tests.support.hub_server import RunningHub, running_hub
from tests.support.record_samples import change, customer, order

LAYOUTS = ("padrao", "direto", "staging")
PRODUCTS = ("omniforce", "products")
RECEIVABLES = ("omniforce", "receivables")
STATUS = ("omniforce", "order-status")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


@pytest.fixture(params=[(kind, layout) for layout in LAYOUTS for kind in KEEPERS], ids=lambda pair: "-".join(pair))
def book(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    kind, layout = request.param
    return stocked(kind, layout, request, tmp_path)


@pytest.fixture
def office(book: ErpReader, tmp_path: Path, hub: RunningHub) -> Iterator[ExportSetup]:
    outbox = Outbox(tmp_path / "exports" / "producao.db")
    yield ExportSetup(book.keeper, hub, outbox, layout=book.layout)
    outbox.close()


def test_after_an_export_the_hub_has_the_tables_content_and_nothing_more_is_sent(office: ExportSetup) -> None:
    counts = office.export()
    found = office.at_hub()
    for place in DATASETS:
        assert found[place] == WIRES[office.layout][place], place
    n_rows = {f"{system}.{name}": len(rows) for (system, name), rows in found.items() if rows}
    assert (sent(counts), counts.has_refusals) == (n_rows, False)
    assert sent(office.export()) == {}


def test_a_day_at_the_erp_sends_just_what_changed(book: ErpReader, office: ExportSetup) -> None:
    """Three products renamed, one gone, a receivable paid off, an order invoiced."""
    if book.layout == "padrao":
        _more(office)
    office.export()
    before, edits = office.at_hub(), EDITS[book.layout]
    for edit in (edits.rename, edits.delete, edits.pay, edits.invoice):
        book.run(edit)
    # Where a changed-at column spares the others, what is gone shows once a day, or when all is asked for.
    counts = office.export(is_full=True)
    assert counts.exports["omniforce.products"].prepared == 4
    assert sent(counts) == {"omniforce.products": 4, "omniforce.receivables": 1, "omniforce.order-status": 1}
    found = office.at_hub()
    assert sum(row["name"] == "OUTRO" for row in found[PRODUCTS].values()) == 3
    assert len(before[PRODUCTS]) - len(found[PRODUCTS]) == len(before[RECEIVABLES]) - len(found[RECEIVABLES]) == 1
    assert found[STATUS]["ord_2"]["status"] == "invoiced"
    assert found == office.in_erp()
    assert sent(office.export()) == {}


def _more(office: ExportSetup) -> None:
    """What the other layouts' ERPs have from the beginning: five products more, an order that is open."""
    fill(office.keeper, {"produtos": [(f"P{n}", f"Produto {n}", "UN", *[None] * 5, 1) for n in range(5)]})
    erp = office.keeper.open()
    write(erp, change(customer()))
    write(erp, change(order("ord_2")))
    erp.close()


CHANGED_AT = {
    "direto": (
        "omniforce.products",
        "UPDATE PRODUTO SET PRO_NOME = 'NOVO', PRO_ALTERACAO = '2026-11-24 11:00:00' WHERE PRO_CODIGO = '000300'",
    ),
    "staging": (
        "omniforce.stock",
        "UPDATE estoque SET est_saldo = 9, est_movimento = '2026-11-24 13:00:00' WHERE fil_codigo = 1",
    ),
}


@pytest.mark.parametrize("book", [(kind, layout) for layout in CHANGED_AT for kind in KEEPERS], indirect=True)
def test_where_a_changed_at_column_is_given_only_what_changed_since_is_read(
    book: ErpReader, office: ExportSetup
) -> None:
    name, edit = CHANGED_AT[book.layout]
    office.export()
    n_all = len(office.at_hub()["omniforce", name.partition(".")[2]])
    book.run(edit)
    first, second = (office.export().exports[name] for _ in range(2))
    assert (first.sent, second.sent) == (1, 0)
    assert second.read < n_all
    assert office.at_hub() == office.in_erp()


SPOILED: dict[str, tuple[str, str]] = {
    "padrao": (
        "UPDATE produtos SET ativo = 7 WHERE codigo = '000104'",
        "UPDATE produtos SET ativo = 1 WHERE codigo = '000104'",
    ),
    "direto": (
        "UPDATE PRODUTO SET PRO_ATIVO = 'X' WHERE PRO_CODIGO = '000201'",
        "UPDATE PRODUTO SET PRO_ATIVO = 'S' WHERE PRO_CODIGO = '000201'",
    ),
    "staging": (
        "UPDATE produto SET pro_inativo = 7 WHERE pro_codigo = '000201'",
        "UPDATE produto SET pro_inativo = 0 WHERE pro_codigo = '000201'",
    ),
}


def test_a_line_that_is_refused_is_shown_and_goes_once_it_fits(book: ErpReader, office: ExportSetup) -> None:
    spoil, mend = SPOILED[book.layout]
    wire: Any = WIRES[book.layout][PRODUCTS]
    book.run(spoil)
    counts = office.export()
    assert counts.exports["omniforce.products"].refused == 1
    [refusal] = office.outbox.refused(10)
    assert (refusal.dataset, refusal.pointer, bool(refusal.detail)) == ("products", "/data/is_active", True)
    assert set(office.at_hub()[PRODUCTS]) == set(wire) - {refusal.key}
    assert office.outbox.try_again() == 1
    assert office.export(is_full=True).exports["omniforce.products"].refused == 1
    book.run(mend)
    office.export(is_full=True)
    assert (office.at_hub()[PRODUCTS], office.outbox.n_refused()) == (wire, 0)


MANY = {
    "padrao": ("produtos", "codigo descricao unidade ativo", "codigo", (1,)),
    "direto": ("PRODUTO", "PRO_CODIGO PRO_NOME PRO_UNIDADE", "PRO_CODIGO", ()),
    "staging": ("produto", "pro_codigo pro_nome pro_unidade", "pro_codigo", ()),
}


def test_many_deletes_wait_for_a_persons_word(book: ErpReader, office: ExportSetup) -> None:
    table, columns, key, more = MANY[book.layout]
    book.fill(table, columns, [(f"9{n:05}", f"Produto {n}", "UN", *more) for n in range(30)])
    office.export()
    n = len(office.at_hub()[PRODUCTS])
    book.run(f"DELETE FROM {table} WHERE {key} < '900020' AND {key} >= '900000'")  # noqa: S608  # the test's own names
    assert office.export(is_full=True).exports["omniforce.products"].held == 20
    assert len(office.at_hub()[PRODUCTS]) == n
    office.agreed = {"products": 20}
    assert office.export().exports["omniforce.products"].deleted == 20
    assert office.at_hub() == office.in_erp()
