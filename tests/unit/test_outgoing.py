"""What a layout may say of its exports, and what it is told when it may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from omnisync.agent.erp.export.row_stream import RowGroup, RowStream
from omnisync.agent.erp.layout.export_queries import ExportQuery, compile_queries
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.schema import Export, shipped_layout
from omnisync.agent.erp.statements import RowList
from omnisync.agent.errors import LayoutError
from omnisync.agent.messages import sentences
from omnisync.contract.datasets import DATASETS

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
CUSTOMER = ("erp_code", "name", "phone.mobile", "address.main.street", "address.main.city_code", "address.main.state")


def query(name: str = "products", sql: str = "SELECT 1", changed_at: str = "") -> ExportQuery:
    [found] = compile_queries({name: Export(sql=sql, changed_at=changed_at)}, SAO_PAULO)
    return found


def lot(names: tuple[str, ...], *rows: tuple[object, ...], dataset: str = "products", changed_at: str = "") -> RowGroup:
    def once() -> Iterator[RowList]:
        yield list(rows)

    [found] = RowStream(query(dataset, changed_at=changed_at), names, once()).groups()
    return found


def told(work: Any) -> str:
    with pytest.raises(LayoutError) as error:
        work()
    return sentences.of_code(error.value.code, **error.value.words)


def test_datasets_are_named_alone_or_with_their_system_and_come_in_the_catalogues_order() -> None:
    exports = {name: Export(sql="SELECT 1") for name in ("dash.sales-facts", "stock", "omniforce.products")}
    assert [one.dataset.name for one in compile_queries(exports, SAO_PAULO)] == ["products", "stock", "sales-facts"]


def test_padrao_has_a_query_for_every_dataset() -> None:
    layout = compile_layout(shipped_layout("padrao"), SAO_PAULO, {})
    assert [(one.dataset.system, one.dataset.name) for one in layout.exports] == list(DATASETS)


def test_a_dataset_that_does_not_exist_is_told_with_the_nearest() -> None:
    motive = told(lambda: query("product"))
    assert "export.product: este conjunto de dados não existe" in motive
    assert "products" in motive
    assert "dash.products" in told(lambda: query("dash.products"))


def test_a_dataset_is_there_once() -> None:
    exports = {name: Export(sql="SELECT 1") for name in ("stock", "omniforce.stock")}
    assert "duas vezes" in told(lambda: compile_queries(exports, SAO_PAULO))


def test_the_one_word_of_a_query_is_today_and_quoted_texts_keep_theirs() -> None:
    found = query(sql="SELECT ':today', a::text FROM t WHERE d < :today OR e > :today;")
    assert (found.sql, found.words) == ("SELECT ':today', a::text FROM t WHERE d < ? OR e > ?", ("today", "today"))
    assert ":hoje não existe; a única palavra é :today" in told(lambda: query(sql="SELECT :hoje"))


@pytest.mark.parametrize(
    ("names", "motive"),
    [
        (("code", "name", "unit", "unidade"), "a coluna unidade não é um campo de products"),
        (("code", "name"), "falta a coluna unit"),
        (("code", "name", "unit", "unit"), "há duas colunas com o mesmo nome"),
        (("code", "name", "unit", "phone.mobile"), "a coluna phone.mobile não é um campo de products"),
    ],
)
def test_columns_are_the_datasets_fields(names: tuple[str, ...], motive: str) -> None:
    assert motive in told(lambda: lot(names))


def test_the_changed_at_column_must_be_one_of_the_querys() -> None:
    assert "a consulta não tem a coluna alterado" in told(lambda: lot(("code", "name", "unit"), changed_at="alterado"))


def test_the_fingerprint_changes_with_the_query_its_columns_and_the_zone() -> None:
    [elsewhere] = compile_queries({"products": Export(sql="SELECT 1")}, ZoneInfo("America/Manaus"))
    others = (query(sql="SELECT 2"), query(changed_at="x"), query("stock"), elsewhere)
    told = {one.fingerprint(["code"]) for one in (query(), *others)} | {query().fingerprint(["name"])}
    assert len(told) == 6
    assert query().fingerprint(["code"]) == query().fingerprint(["code"])


def test_telephones_and_addresses_are_gathered_from_their_columns() -> None:
    one = lot(
        CUSTOMER,
        ("1", "Aurora", "11987654321", "Rua A", "3550308", "SP"),
        ("2", "Boreal", None, "Rua B", None, "SP"),
        dataset="customers",
    )
    made = one.serialize((0, 1))
    assert made.invalid == []
    assert b'"phones":[{"kind":"mobile","number":"11987654321"}]' in made.lines[0]
    assert b'"addresses":[{"kind":"main","street":"Rua A","city_code":"3550308","state":"SP"}]' in made.lines[0]
    assert b"phones" not in made.lines[1]
    assert b"addresses" not in made.lines[1]


def test_rows_that_cannot_travel_are_told_apart_and_the_others_go() -> None:
    one = lot(
        ("code", "name", "unit", "is_active"),
        ("a", "bom", "UN", None),
        (None, "sem código", "UN", 1),
        ("b", None, "UN", 1),
        ("c", "x", "UN", "talvez"),
        ("d", "\ud800", "UN", 1),
        ("e" * 141, "x", "UN", 1),
        ("f\n", "fica sem a quebra", "UN", 1),
        ("g\tg", "x", "UN", 1),
        ("h", "x" * 70_000, "UN", 1),
    )
    made = one.serialize(range(9))
    assert [key for key, line in zip(one.keys, made.lines, strict=True) if line] == ["a", "f"]
    assert [(place, why.code, field) for place, why, field in made.invalid] == [
        (1, "required", "code"),
        (2, "required", "name"),
        (3, "pattern", "is_active"),
        (4, "text", ""),
        (5, "text", ""),
        (7, "text", ""),
        (8, "length", ""),
    ]
    assert [one.keys[place] for place in (1, 5, 7)] == [None, None, None]
