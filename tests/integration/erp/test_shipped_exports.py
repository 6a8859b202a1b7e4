"""The shipped layouts on their way out, on every database: each dataset as the contract says, facts without names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnisync.agent.erp.base import Erp
from omnisync.contract.datasets import DATASETS
from tests.support.erp_catalogue_data import WIRES, stocked
from tests.support.erp_databases import KEEPERS
from tests.support.erp_reader import ErpReader
from tests.support.export_setup import outgoing

LAYOUTS = ("direto", "staging")
FACTS = ("dash", "sales-facts")


@pytest.fixture(params=[(kind, layout) for layout in LAYOUTS for kind in KEEPERS], ids=lambda pair: "-".join(pair))
def book(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    kind, layout = request.param
    return stocked(kind, layout, request, tmp_path)


@pytest.fixture
def erp(book: ErpReader) -> Iterator[Erp]:
    opened = book.open()
    yield opened
    opened.close()


def test_every_dataset_goes_out_as_the_contract_says(book: ErpReader, erp: Erp) -> None:
    found = outgoing(erp)
    assert list(found) == list(DATASETS)
    for place, rows in WIRES[book.layout].items():
        assert found[place] == rows, place


def test_no_name_and_no_document_leaves_with_the_sales_facts(book: ErpReader, erp: Erp) -> None:
    found = outgoing(erp)
    told = json.dumps(found[FACTS], ensure_ascii=False).lower()
    people = [*found["omniforce", "customers"].values(), *found["omniforce", "sellers"].values()]
    fields = ("name", "trade_name", "document", "email")
    words = {str(person[field]) for person in people for field in fields if field in person}
    assert (len(found[FACTS]), len(words) > 4) == (2, True)
    assert [word for word in words if word.lower() in told] == []
