"""`layout check` looks at what goes out, too: every fault planted in an export query is found, on every database."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from msgspec import Struct

from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.layout.schema import read_layout, shipped_text
from omnisync.agent.erp.layout_check.check import check
from omnisync.agent.erp.layout_check.findings import Finding
from omnisync.agent.messages import sentences
from tests.support.erp_catalogue_data import stocked
from tests.support.erp_databases import KEEPERS
from tests.support.erp_reader import ErpReader


class Fault(Struct, frozen=True):
    """One thing wrong: what is put in place of what in padrao, or done to its tables, and what must be said."""

    code: str
    where: str
    old: str = ""
    new: str = ""
    run: str = ""
    says: str = ""
    level: str = "error"


NAME = "descricao AS name, unidade"
STOCK = "[export.stock]"
FAULTS = {
    "a table that is not there": Fault(
        "check_query", "export.products.sql", "\nFROM produtos\n", "\nFROM mercadorias\n", says="mercadorias"
    ),
    "no SQL": Fault("check_query", "export.products.sql", "\nFROM produtos\n", "\nFRON produtos\n"),
    "a column nobody knows": Fault(
        "check_export_unknown",
        "export.products.sql",
        "marca AS brand",
        "marca AS brande",
        says="brande, que não é um campo de products (seria brand?)",
    ),
    "no name": Fault(
        "check_export_missing", "export.products.sql", NAME, "unidade", says="não tem name, que products exige"
    ),
    "no key": Fault(
        "check_export_missing", "export.prices.sql", "tabela AS table_code, ", "", says="não tem table_code, que prices"
    ),
    "two of one name": Fault(
        "check_export_twice", "export.products.sql", NAME, f"unidade AS name, {NAME}", says="duas colunas chamadas name"
    ),
    "a changed-at column that is not there": Fault(
        "check_export_changed_at", "export.stock.changed_at", STOCK, f'{STOCK}\nchanged_at = "alterado_em"'
    ),
    "a changed-at column that does not grow": Fault(
        "check_export_changed_at_type",
        "export.stock.changed_at",
        f"{STOCK}                  # apurado_em: quando o saldo mudou, nunca quando foi lido\nsql = '''\nSELECT",
        f"{STOCK}\nchanged_at = \"alterado\"\nsql = '''\nSELECT 1.5 AS alterado,",
    ),
    "a text for a yes or no": Fault(
        "check_export_value",
        "export.products.sql",
        "ativo AS is_active\nFROM produtos",
        "descricao AS is_active\nFROM produtos",
        says="coluna is_active serão recusados, como em 3 das 3 primeiras linhas",
        level="warning",
    ),
    "a number that is rounded": Fault(
        "check_export_value", "export.prices.sql", "preco AS price", "0.1e-12 AS price", says="price", level="warning"
    ),
    "a text that is too long": Fault(
        "check_export_value",
        "export.products.sql",
        run="UPDATE produtos SET ncm = '123456789' WHERE codigo = '000101'",
        says="coluna ncm serão recusados, como em 1 das 3",
        level="warning",
    ),
    "a row without a key": Fault(
        "check_export_value",
        "export.products.sql",
        "SELECT codigo AS code, descricao AS name, unidade AS unit, ncm",
        "SELECT nullif(codigo, '000104') AS code, descricao AS name, unidade AS unit, ncm",
        says="coluna code",
        level="warning",
    ),
    "a document among the facts": Fault(
        "check_export_value",
        "export.sales-facts.sql",
        "n.cliente AS customer_code",
        "'12ABC34501DE35' AS customer_code",
        says="não levam CPF nem CNPJ",
        level="warning",
    ),
}


def findings(book: ErpReader, old: str = "", new: str = "") -> list[Finding]:
    text = shipped_text(book.layout)
    assert old in text
    with closing(open_database(book.keeper.address, book.keeper.password)) as database:
        return check(read_layout(text.replace(old, new, 1)), database, book.keeper.address)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    fault, book = FAULTS[name], stocked("sqlite", "padrao", request, tmp_path)
    if fault.run:
        book.run(fault.run)
    [found] = findings(book, fault.old, fault.new)
    assert (found.code, found.where, found.level) == (fault.code, fault.where, fault.level)
    assert fault.says in sentences.of_message(found.message)
    assert sentences.of_message(found.message).endswith(".")


@pytest.mark.parametrize("layout", ["padrao", "direto", "staging"])
@pytest.mark.parametrize("kind", KEEPERS)
def test_on_every_database_what_is_well_says_nothing_and_what_is_not_is_found(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, layout: str
) -> None:
    book = stocked(kind, layout, request, tmp_path)
    assert [found for found in findings(book) if found.where.startswith("export.")] == []
    table = {"padrao": "FROM estoque", "direto": 'FROM "ESTOQUE"', "staging": "FROM estoque"}[layout]
    [missing] = [found for found in findings(book, table, "FROM nada") if found.where.startswith("export.")]
    assert (missing.code, missing.where, "nada" in sentences.of_message(missing.message).lower()) == (
        "check_query",
        "export.stock.sql",
        True,
    )
    odd = [found for found in findings(book, "AS on_hand", "AS saldo") if found.where.startswith("export.")]
    assert [found.code for found in odd] == ["check_export_unknown", "check_export_missing"]
