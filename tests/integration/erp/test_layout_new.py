"""`layout new`: a draft out of a database nobody described, and an order that enters through it once it is"
" filled in."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devtools.database_servers import PASSWORD
from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.schema import (
    LayoutFile,
    column_form,
    columns_of,
    read_layout,
    shipped_layout,
    shipped_names,
)
from omnisync.agent.erp.layout_check.check import check
from omnisync.agent.erp.layout_check.findings import Finding
from omnisync.agent.erp.layout_draft.draft import Draft, draft
from omnisync.agent.erp.layout_draft.samples import sampler
from omnisync.agent.messages import sentences
from omnisync.agent.progress import RowCounts
from omnisync.contract.records import Address
from tests.support.erp_databases import KEEPERS, SampleErp, make_on, make_sqlite, write
from tests.support.record_samples import change, customer, item, order

# An ERP of the old Brazilian kind: short names with the table before them, codes filled up with zeros, constants.
KEYS = {
    "sqlite": "INTEGER PRIMARY KEY",
    "postgresql": "SERIAL PRIMARY KEY",
    "mariadb": "INTEGER AUTO_INCREMENT PRIMARY KEY",
    "firebird": "INTEGER NOT NULL PRIMARY KEY",
}
OLD = (
    "CREATE TABLE CIDADE (CID_CODIGO INTEGER NOT NULL PRIMARY KEY, CID_NOME VARCHAR(40), CID_IBGE CHAR(7) UNIQUE)",
    "CREATE TABLE VENDEDOR (VEN_CODIGO INTEGER NOT NULL PRIMARY KEY, VEN_NOME VARCHAR(40), VEN_SIGLA"
    " VARCHAR(20) UNIQUE)",
    "CREATE TABLE PRODUTO (PRO_CODIGO INTEGER NOT NULL PRIMARY KEY, PRO_REFERENCIA VARCHAR(60) UNIQUE,"
    " PRO_DESCRICAO VARCHAR(60))",
    "CREATE TABLE CLI0000 (CLI_CODIGO {key}, CLI_ID_EXTERNO VARCHAR(40) UNIQUE, CLI_CGC VARCHAR(18), CLI_RAZAO"
    " VARCHAR(55) NOT NULL,"
    " CLI_FANTASIA VARCHAR(40), CLI_ENDERECO VARCHAR(50), CLI_NUMERO VARCHAR(10), CLI_BAIRRO VARCHAR(30),"
    " CID_CODIGO INTEGER REFERENCES CIDADE (CID_CODIGO), CLI_UF CHAR(2), CLI_CEP CHAR(9), CLI_FONE VARCHAR(15),"
    " CLI_ATIVO CHAR(1) NOT NULL, CLI_PESSOA CHAR(1), PAI_CODIGO CHAR(4) NOT NULL, CLI_DTCADASTRO DATE NOT"
    " NULL{references})",
    "CREATE INDEX I_CGC ON CLI0000 (CLI_CGC)",
    "CREATE TABLE PEDIDO (PED_NUMERO {key}, PED_ID_EXTERNO VARCHAR(40) UNIQUE, FILIAL VARCHAR(10) NOT NULL,"
    " CLI_CODIGO INTEGER NOT NULL REFERENCES CLI0000 (CLI_CODIGO), PED_DATA DATE NOT NULL, PED_DTENTREGA DATE,"
    " VEN_CODIGO INTEGER REFERENCES VENDEDOR (VEN_CODIGO), PED_VLRTOTAL NUMERIC(15, 2) NOT NULL, PED_OBS"
    " VARCHAR(200),"
    " PED_STATUS CHAR(1) NOT NULL, PED_USUARIO VARCHAR(20) NOT NULL{order_references})",
    "CREATE TABLE PEDIDO_ITEM (PED_NUMERO INTEGER NOT NULL REFERENCES PEDIDO (PED_NUMERO), ITE_SEQ INTEGER NOT NULL,"
    " PRO_CODIGO INTEGER NOT NULL REFERENCES PRODUTO (PRO_CODIGO), ITE_QTDE NUMERIC(12, 3) NOT NULL,"
    " ITE_PRECO NUMERIC(12, 2) NOT NULL, ITE_TOTAL NUMERIC(15, 2), PRIMARY KEY (PED_NUMERO,"
    " ITE_SEQ){item_references})",
    "CREATE TABLE PEDIDO_PARCELA (PED_NUMERO INTEGER NOT NULL REFERENCES PEDIDO (PED_NUMERO), PAR_NUMERO"
    " INTEGER NOT NULL,"
    " PAR_VENCTO DATE NOT NULL, PAR_VALOR NUMERIC(15, 2) NOT NULL, FORMA VARCHAR(20), PRIMARY KEY (PED_NUMERO,"
    " PAR_NUMERO){child_references})",
    "CREATE TABLE LOG_PEDIDO (ID INTEGER NOT NULL PRIMARY KEY, PED_NUMERO INTEGER, DATA DATE)",
    "CREATE TABLE PEDIDO_COMPRA (ID INTEGER NOT NULL PRIMARY KEY, FORNECEDOR INTEGER, DATA DATE, TOTAL NUMERIC(15, 2))",
    "CREATE TABLE CONTAS_RECEBER (ID INTEGER NOT NULL PRIMARY KEY, CLI_CODIGO INTEGER, VENCIMENTO DATE, VALOR"
    " NUMERIC(15, 2))",
)
# MariaDB reads a reference beside its column and forgets it.
REFERENCES = {
    "references": ", FOREIGN KEY (CID_CODIGO) REFERENCES CIDADE (CID_CODIGO)",
    "order_references": ", FOREIGN KEY (CLI_CODIGO) REFERENCES CLI0000 (CLI_CODIGO), FOREIGN KEY (VEN_CODIGO)"
    " REFERENCES VENDEDOR (VEN_CODIGO)",
    "item_references": ", FOREIGN KEY (PED_NUMERO) REFERENCES PEDIDO (PED_NUMERO), FOREIGN KEY (PRO_CODIGO)"
    " REFERENCES PRODUTO (PRO_CODIGO)",
    "child_references": ", FOREIGN KEY (PED_NUMERO) REFERENCES PEDIDO (PED_NUMERO)",
}
ROWS = (
    "INSERT INTO CIDADE VALUES (7, 'São Paulo', '3550308')",
    "INSERT INTO VENDEDOR VALUES (3, 'Ana', 'ANA')",
    "INSERT INTO PRODUTO VALUES (11, '000001', 'Pincel')",
    "INSERT INTO PRODUTO VALUES (12, '000002', 'Tinta')",
)
NUMBERS = (
    "CREATE GENERATOR GEN_CLI0000_ID",
    "CREATE GENERATOR GEN_PEDIDO_ID",
    "CREATE TRIGGER PEDIDO_BI FOR PEDIDO BEFORE INSERT AS BEGIN IF (NEW.PED_NUMERO IS NULL) THEN NEW.PED_NUMERO"
    " = GEN_ID(GEN_PEDIDO_ID, 1); END",
)


def _opened(keeper: SampleErp) -> Database:
    return open_database(keeper.address, keeper.password)


def _made(kind: str, request: pytest.FixtureRequest, folder: Path) -> SampleErp:
    """An empty database of this brand."""
    if kind == "sqlite":
        (folder / "erp.db").touch()
        return SampleErp(ErpAddress(kind=kind, database=str(folder / "erp.db")))
    server = request.getfixturevalue(f"{kind}_running")
    charset = "UTF8" if kind == "firebird" else ""
    address = ErpAddress(
        kind=kind, database=server.database(), server="127.0.0.1", port=server.port, user=server.user, charset=charset
    )
    return SampleErp(address, PASSWORD)


def _laid(kind: str, request: pytest.FixtureRequest, folder: Path) -> SampleErp:
    """The old ERP in a database of this brand."""
    keeper = _made(kind, request, folder)
    parts = REFERENCES if kind == "mariadb" else dict.fromkeys(REFERENCES, "")
    database = _opened(keeper)
    for statement in (*OLD, *(NUMBERS if kind == "firebird" else ())):
        database.execute(statement.format(key=KEYS[kind], **parts) if "{" in statement else statement)
    for row in ROWS:
        database.execute(row)
    database.close()
    return keeper


def _drafted(keeper: SampleErp) -> Draft:
    database = _opened(keeper)
    try:
        return draft(database.dialect.reflect(database), sampler(database), kind=keeper.name, name="rascunho")
    finally:
        database.close()


def _checked(keeper: SampleErp, layout: LayoutFile) -> list[Finding]:
    database = _opened(keeper)
    try:
        return check(layout, database, keeper.address)
    finally:
        database.close()


def _line(made: Draft, name: str, after: str = "") -> str:
    """What stands beside a key or a column, whatever the case of its letters, after a section's head."""
    lines = made.text[made.text.index(after) :].splitlines()
    return next(line for line in lines if line.lower().startswith(f"{name.lower()} = ")).partition(" = ")[2]


def _filled(made: Draft) -> str:
    """What a person writes into the draft of the old ERP: the state, the constants, and the dates it suggests."""
    text = made.text
    for line in made.text.splitlines():
        small = line.lower()
        if small.startswith("# pai_codigo"):
            text = text.replace(line, line[2:].replace('""', '"1058"'))
        elif small.startswith("# cli_dtcadastro"):
            text = text.replace(line, line[2:])
        elif small.startswith("# ped_usuario"):
            text = text.replace(line, line[2:].replace('""', '"OMNISYNC"'))
        elif small.startswith("# state = "):
            text = text.replace(
                line, line[2:].replace('open = "…"', 'open = "A"').replace('cancelled = "…"', 'cancelled = "C"')
            )
    return text


@pytest.fixture(params=KEEPERS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> SampleErp:
    return _laid(request.param, request, tmp_path)


def test_an_old_erp_is_recognized_by_its_words_and_references(old: SampleErp) -> None:
    made = _drafted(old)
    assert [name.upper() for name in made.tables] == ["CLI0000", "PEDIDO", "PEDIDO_ITEM", "PEDIDO_PARCELA"]
    assert _line(made, "CLI_RAZAO").startswith('"name | cut(55)"')
    assert _line(made, "CLI_CGC").startswith('"document | document_masked"')
    assert _line(made, "CLI_CEP").startswith('"address.main.postal_code | cep_masked"')
    assert _line(made, "CLI_ATIVO").startswith('"is_active | yes_no(S, N)"')
    assert 'by = "CID_IBGE", field = "address.main.city_code"'.lower() in _line(made, "CID_CODIGO").lower()
    assert _line(made, "PED_DATA").startswith('"issued_at | date"')
    assert _line(made, "PED_VLRTOTAL").startswith('"totals.total_amount"')
    assert 'by = "VEN_SIGLA", field = "seller_code"'.lower() in _line(made, "VEN_CODIGO").lower()
    assert 'by = "PRO_REFERENCIA", field = "product_code"'.lower() in _line(made, "PRO_CODIGO").lower()
    assert _line(made, "ITE_QTDE").startswith('"quantity | decimal(3)"')
    assert _line(made, "PAR_VENCTO").startswith('"due_on"')
    assert _line(made, "customer", "[order]").upper().startswith('"CLI_CODIGO"')
    assert _line(made, "parent", "[item]").upper().startswith('"PED_NUMERO"')
    assert made.n_guesses > 30
    assert made.n_missing == 4


def test_what_must_be_filled_in_is_listed_and_todays_date_is_offered(old: SampleErp) -> None:
    text = _drafted(old).text.upper()
    for name, room in (("PAI_CODIGO", "4"), ("PED_USUARIO", "20"), ("CLI_DTCADASTRO", "DATE")):
        line = next(line for line in text.splitlines() if line.startswith(f"# PREENCHER: {name} ("))
        assert room in line
        assert "NÃO ACEITA VAZIO" in line
    today = "SELECT CURRENT_DATE FROM RDB$DATABASE" if old.name == "firebird" else "SELECT CURRENT_DATE"
    assert f'# CLI_DTCADASTRO = {{ SQL = "{today}" }}' in text


def test_numbers_come_from_where_the_database_makes_them(old: SampleErp) -> None:
    made = _drafted(old)
    if old.name == "firebird":
        assert _line(made, "number", "[customer]").startswith('{ from = "sequence", name = "GEN_CLI0000_ID" }')
        assert "# palpite: um gatilho preenche PED_NUMERO" in made.text
    else:
        assert "\nnumber = " not in made.text


def test_an_order_enters_through_the_draft_once_it_is_filled_in(old: SampleErp, tmp_path: Path) -> None:
    text = _filled(_drafted(old))
    path = tmp_path / "meu.toml"
    path.write_text(text, encoding="utf-8")
    layout = read_layout(text)
    compile_layout(layout, ZoneInfo("America/Sao_Paulo"), {})
    assert [
        (one.where, sentences.of_message(one.message)) for one in _checked(old, layout) if one.level == "error"
    ] == []
    erp = old.open(layout=str(path))
    main = Address(
        kind="main", street="Rua das Flores", number="10", city_code="3550308", state="SP", postal_code="01310200"
    )
    written = write(erp, change(customer(name="Padaria São João", addresses=(main,))))
    assert written.counts.customers.written == 1
    assert write(erp, change(order())).counts.orders.written == 1
    erp.close()
    [buyer] = old.records("SELECT * FROM CLI0000")
    assert (buyer["cli_razao"], buyer["cli_cgc"], buyer["cid_codigo"]) == ("Padaria São João", "12.ABC.345/01DE-35", 7)
    [sold] = old.records("SELECT * FROM PEDIDO")
    assert (sold["ped_status"], sold["cli_codigo"]) == ("A", buyer["cli_codigo"])
    assert Decimal(str(sold["ped_vlrtotal"])) == Decimal("29.10")
    lines = old.records("SELECT * FROM PEDIDO_ITEM ORDER BY ITE_SEQ")
    assert [(line["ite_seq"], line["pro_codigo"]) for line in lines] == [(1, 11), (2, 12)]
    [paid] = old.records("SELECT * FROM PEDIDO_PARCELA")
    assert (paid["par_vencto"], paid["forma"]) == ("2026-11-24", "PIX")
    assert Decimal(str(paid["par_valor"])) == Decimal("29.10")


@pytest.mark.parametrize("kind", KEEPERS[1:])
def test_the_draft_of_padraos_tables_fits_them(kind: str, request: pytest.FixtureRequest) -> None:
    keeper = make_on(request.getfixturevalue(f"{kind}_running"))
    made = _drafted(keeper)
    assert [name.lower() for name in made.tables] == ["clientes", "pedidos", "itens_pedido", "formas_pagamento"]
    layout = read_layout(made.text)
    compile_layout(layout, ZoneInfo("America/Sao_Paulo"), {})
    assert [one for one in _checked(keeper, layout) if one.level == "error"] == []


def _fields(layout: LayoutFile) -> dict[str, str]:
    """The field each column takes, by place and in small letters."""
    found: dict[str, str] = {}
    for where, columns in columns_of(layout):
        for name, source in columns.items():
            written = column_form(source, where)
            path = written if isinstance(written, str) else getattr(written, "field", "")
            found[f"{where}.{name}".lower()] = path.partition("|")[0].strip()
    return {place: path for place, path in found.items() if path}


@pytest.mark.parametrize("name", shipped_names())
@pytest.mark.parametrize("kind", KEEPERS)
def test_most_fields_of_the_shipped_layouts_are_guessed(
    kind: str, name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "sqlite":
        keeper = make_sqlite(tmp_path, schema=name)
    else:
        keeper = make_on(request.getfixturevalue(f"{kind}_running"), schema=name)
    wanted, found = _fields(shipped_layout(name)), _fields(read_layout(_drafted(keeper).text))
    guessed = [place for place, path in wanted.items() if found.get(place) == path]
    assert len(guessed) / len(wanted) > 0.85, sorted(wanted.items() - found.items())


ENGLISH = (
    "CREATE TABLE partner (id INTEGER PRIMARY KEY, tax_id VARCHAR(20), name VARCHAR(100) NOT NULL, street TEXT,"
    " city TEXT, zip TEXT,"
    " active BOOLEAN NOT NULL, created_at TIMESTAMP NOT NULL)",
    "CREATE TABLE product (id INTEGER PRIMARY KEY, sku VARCHAR(40) UNIQUE, name TEXT)",
    "CREATE TABLE sale_order (id INTEGER PRIMARY KEY, partner_id INTEGER NOT NULL REFERENCES partner (id),"
    " order_date TIMESTAMP NOT NULL,"
    " state VARCHAR(20) NOT NULL, amount_total NUMERIC(15, 2) NOT NULL, note TEXT, external_id VARCHAR(64) UNIQUE)",
    "CREATE TABLE sale_order_line (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES sale_order"
    " (id), product_id INTEGER NOT NULL"
    " REFERENCES product (id), quantity NUMERIC(15, 3) NOT NULL, price_unit NUMERIC(15, 4) NOT NULL, discount"
    " NUMERIC(15, 2))",
    "CREATE TABLE account_payment (id INTEGER PRIMARY KEY, partner_id INTEGER, amount NUMERIC(15, 2), date DATE)",
    "INSERT INTO partner VALUES (1, '52.998.224/7251-00', 'Açaí', NULL, NULL, NULL, true, '2026-01-01')",
    "INSERT INTO sale_order VALUES (1, 1, '2026-01-01', 'draft', 1, NULL, NULL)",
)
STAGED = (
    "CREATE TABLE PCCLIENTFV (CODCLI INTEGER PRIMARY KEY, CGCENT VARCHAR(18), CLIENTE VARCHAR(60), ENDERENT"
    " VARCHAR(40),"
    " MUNICENT VARCHAR(15), ESTENT VARCHAR(2), CEPENT VARCHAR(9), TELENT VARCHAR(13), IMPORTADO INTEGER)",
    "CREATE TABLE PCPEDCFV (NUMPED INTEGER PRIMARY KEY, CODUSUR INTEGER, CGCCLI VARCHAR(18), CODCLI INTEGER,"
    " DTABERTURA DATE,"
    " CODFILIAL VARCHAR(2), CODPLPAG INTEGER, VLTOTAL NUMERIC(15, 2), OBS1 VARCHAR(50), IMPORTADO INTEGER NOT NULL)",
    "CREATE TABLE PCPEDIFV (NUMPED INTEGER NOT NULL, CODPROD INTEGER NOT NULL, NUMSEQ INTEGER NOT NULL, QT"
    " NUMERIC(15, 3) NOT NULL,"
    " PVENDA NUMERIC(15, 4) NOT NULL, PRIMARY KEY (NUMPED, NUMSEQ))",
)


def _from(folder: Path, *statements: str) -> Draft:
    (folder / "erp.db").touch()
    keeper = SampleErp(ErpAddress(kind="sqlite", database=str(folder / "erp.db")))
    for statement in statements:
        keeper.run(statement)
    return _drafted(keeper)


def test_english_names_are_recognized_and_values_seen_are_shown(tmp_path: Path) -> None:
    made = _from(tmp_path, *ENGLISH)
    assert made.tables == ("partner", "sale_order", "sale_order_line")
    assert _line(made, "tax_id").startswith('"document | document_masked"')
    assert _line(made, "active").startswith('"is_active | yes_no(true, false)"')
    assert _line(made, "price_unit").startswith('"list_price | decimal(4)"')
    assert 'by = "sku", field = "product_code"' in _line(made, "product_id")
    assert "valores vistos em state: draft" in made.text
    assert 'identity = "replace"' in made.text
    assert "Parcelas do pedido: nenhuma tabela foi reconhecida" in made.text
    compile_layout(read_layout(made.text), ZoneInfo("America/Sao_Paulo"), {})


def test_names_glued_together_are_recognized(tmp_path: Path) -> None:
    made = _from(tmp_path, *STAGED)
    assert made.tables == ("PCCLIENTFV", "PCPEDCFV", "PCPEDIFV")
    assert _line(made, "CLIENTE").startswith('"name | cut(60)"')
    assert _line(made, "MUNICENT").startswith('"address.main.city | cut(15)"')
    assert _line(made, "DTABERTURA").startswith('"issued_at | date"')
    assert _line(made, "PVENDA").startswith('"net_price | decimal(4)"')
    assert "# external_id = " in made.text
    compile_layout(read_layout(made.text), ZoneInfo("America/Sao_Paulo"), {})


def test_a_database_without_anything_like_it_still_gives_a_draft_that_says_so(tmp_path: Path) -> None:
    made = _from(tmp_path, "CREATE TABLE estacao (id INTEGER PRIMARY KEY, temperatura NUMERIC(4, 1))")
    assert made.tables == ()
    layout = read_layout(made.text)
    assert (layout.order.table, layout.item.table, layout.customer, layout.payment) == (
        "PREENCHER",
        "PREENCHER",
        None,
        None,
    )


def test_codes_filled_up_with_zeros_are_filled_up(tmp_path: Path) -> None:
    statements = list(STAGED)
    statements[2] = statements[2].replace("CODPROD INTEGER", "CODPROD CHAR(6)")
    made = _from(tmp_path, *statements, "INSERT INTO PCPEDIFV VALUES (1, '000123', 1, 1, 1)")
    assert _line(made, "CODPROD").startswith('"product_code | zeros_left(6)"')


def test_names_that_toml_would_misread_are_quoted(tmp_path: Path) -> None:
    made = _from(
        tmp_path,
        'CREATE TABLE "Cliente Geral" (id INTEGER PRIMARY KEY, "CNPJ/CPF" VARCHAR(18),'
        ' "Nome do Cliente" VARCHAR(60), "Observação" TEXT)',
    )
    layout = read_layout(made.text)
    assert layout.customer is not None
    assert layout.customer.table == "Cliente Geral"
    assert layout.customer.columns["CNPJ/CPF"] == "document | document_masked"
    assert layout.customer.columns["Observação"] == "notes"


KEYED_NUMBERS = (
    "CREATE GENERATOR GEN_CLIENTE_ID",
    "CREATE GENERATOR GEN_PEDIDO_ID",
)
# Codes that are keys: what the app calls a product, the items refer to.
KEYED = (
    "CREATE TABLE PRODUTO (PRO_CODIGO CHAR(6) NOT NULL PRIMARY KEY, PRO_DESCRICAO VARCHAR(60))",
    "CREATE TABLE VENDEDOR (VEN_CODIGO CHAR(4) NOT NULL PRIMARY KEY, VEN_NOME VARCHAR(40))",
    "CREATE TABLE CONDPAG (CPG_CODIGO INTEGER NOT NULL PRIMARY KEY, CPG_DESCRICAO VARCHAR(40))",
    "CREATE TABLE CLIENTE (CLI_CODIGO {key}, CLI_ID_EXTERNO VARCHAR(40) UNIQUE, CLI_CNPJ VARCHAR(18),"
    " CLI_RAZAO VARCHAR(55) NOT NULL)",
    "CREATE TABLE PEDIDO (PED_NUMERO {key}, PED_ID_EXTERNO VARCHAR(40) UNIQUE, CLI_CODIGO INTEGER NOT NULL,"
    " PED_DATA DATE NOT NULL, VEN_CODIGO CHAR(4), CPG_CODIGO INTEGER, PED_VLRTOTAL NUMERIC(15, 2) NOT NULL,"
    " FOREIGN KEY (CLI_CODIGO) REFERENCES CLIENTE (CLI_CODIGO),"
    " FOREIGN KEY (VEN_CODIGO) REFERENCES VENDEDOR (VEN_CODIGO),"
    " FOREIGN KEY (CPG_CODIGO) REFERENCES CONDPAG (CPG_CODIGO))",
    "CREATE TABLE PEDIDO_ITEM (PED_NUMERO INTEGER NOT NULL, ITE_SEQ INTEGER NOT NULL, PRO_CODIGO CHAR(6) NOT NULL,"
    " ITE_QTDE NUMERIC(12, 3) NOT NULL, ITE_TOTAL NUMERIC(15, 2), PRIMARY KEY (PED_NUMERO, ITE_SEQ),"
    " FOREIGN KEY (PED_NUMERO) REFERENCES PEDIDO (PED_NUMERO),"
    " FOREIGN KEY (PRO_CODIGO) REFERENCES PRODUTO (PRO_CODIGO))",
    "INSERT INTO PRODUTO VALUES ('000001', 'Pincel')",
    "INSERT INTO PRODUTO VALUES ('000002', 'Tinta')",
    "INSERT INTO VENDEDOR VALUES ('0007', 'Ana')",
    "INSERT INTO CONDPAG VALUES (30, '30 dias')",
)


@pytest.mark.parametrize("kind", KEEPERS)
def test_codes_that_are_keys_are_looked_up_and_an_unknown_product_is_refused_by_name(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keeper = _made(kind, request, tmp_path)
    database = _opened(keeper)
    for statement in (*KEYED, *(KEYED_NUMBERS if kind == "firebird" else ())):
        database.execute(statement.format(key=KEYS[kind]))
    database.close()
    made = _drafted(keeper)
    product, seller, terms = (_line(made, name) for name in ("PRO_CODIGO", "VEN_CODIGO", "CPG_CODIGO"))
    assert product.lower().startswith(
        '{ lookup = "produto", by = "pro_codigo", field = "product_code | zeros_left(6)", take = "pro_codigo", '
        'missing = "refuse" }   # palpite'
    )
    assert 'field = "seller_code | zeros_left(4)"' in seller
    assert 'de_para = "seller", missing = "null" }' in seller
    assert 'field = "payment_terms.code"' in terms
    assert "se o código no OmniForce é a chave de" in product
    path = tmp_path / "meu.toml"
    path.write_text(made.text, encoding="utf-8")
    assert [one for one in _checked(keeper, read_layout(made.text)) if one.level == "error"] == []
    erp = keeper.open(layout=str(path))
    write(erp, change(customer(name="Padaria São João")))
    known = order("ord_1", seller_code="7", items=(item(1, product_code="1"), item(2, product_code="000002")))
    unknown = order("ord_2", items=(item(1, product_code="000009"),))
    assert write(erp, change(known), change(unknown)).counts.orders == RowCounts(written=1, refused=1)
    [refused] = erp.records.open_issues(["refused"], 10)
    erp.close()
    assert (refused.id, refused.code, refused.value) == ("ord_2", "product_unknown", "000009")
    [sold] = keeper.records("SELECT * FROM PEDIDO")
    assert (sold["ven_codigo"], sold["cpg_codigo"]) == ("0007", None)
    assert keeper.query("SELECT PRO_CODIGO FROM PEDIDO_ITEM ORDER BY ITE_SEQ") == [("000001",), ("000002",)]
