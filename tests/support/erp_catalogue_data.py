"""The shipped layouts' ERPs with something to send out, and what it is on the wire: codes padded, cut, by acronym."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.support import export_setup
from tests.support.erp_databases import make_erp, make_on, make_sqlite
from tests.support.erp_reader import ErpReader
from tests.support.export_setup import ROWS, Row

EARLY = "2026-11-01 08:00:00"
KEY = "35261112ABC34501DE3555001000004821100000001X"
Shelf = Mapping[str, tuple[str, Sequence[Row]]]
"""Rows by table, with the names of their columns."""
Wire = Mapping[tuple[str, str], Mapping[str, dict[str, Any]]]


class Edits(Struct, frozen=True, kw_only=True):
    """What the ERP's people do in a day, in the words of one layout's tables."""

    rename: str
    """Of three products."""
    delete: str
    """Of a product."""
    pay: str
    """Of a receivable: paid off."""
    invoice: str
    """Of an order."""


_DIRETO: Shelf = {
    "CIDADE": ("CID_CODIGO CID_NOME CID_UF CID_IBGE", [(7, "SÃO PAULO", "SP", "3550308")]),
    "GRUPO": ("GRU_CODIGO GRU_NOME", [("010", "TINTAS")]),
    "PRODUTO": (
        "PRO_CODIGO PRO_NOME PRO_UNIDADE PRO_NCM PRO_EAN PRO_MARCA GRU_CODIGO PRO_EMBALAGEM PRO_ATIVO PRO_ALTERACAO",
        [
            ("000101", "TINTA ACRÍLICA FOSCA", "LT", "32091010", "7898357410015", "VEVO", "010", "18.0000", "S", EARLY),
            *((f"00020{n}", f"PINCEL N.º {n}", "UN", *[None] * 5, "S", EARLY) for n in range(5)),
            ("000300", "ROLO DE LÃ", "UN", *[None] * 5, "N", EARLY),
        ],
    ),
    "VENDEDOR": (
        "VEN_CODIGO VEN_SIGLA VEN_NOME VEN_EMAIL VEN_GERENTE",
        [("001", "V001", "ÍRIS BRANDÃO", None, None), ("012", "V012", "SEBASTIÃO LEÃO", "leao@vevo.example", "001")],
    ),
    "TABELA_PRECO": (
        "TAB_CODIGO TAB_NOME TAB_INICIO TAB_FIM FIL_CODIGO",
        [("01", "ATACADO", "2026-01-01", None, None), ("02", "VAREJO", None, "2026-12-31", "02")],
    ),
    "PRECO": (
        "TAB_CODIGO PRO_CODIGO PRE_VALOR PRE_MINIMO PRE_DESCMAX",
        [("01", "000101", "289.9000", "260.0000", "10.5000"), ("02", "000300", "4.3333", None, None)],
    ),
    "ESTOQUE": (
        "FIL_CODIGO PRO_CODIGO EST_SALDO EST_RESERVADO EST_MOVIMENTO",
        [("01", "000101", "-3.0000", "2.0000", "2026-11-24 11:52:07"), ("02", "000300", "12.5000", None, None)],
    ),
    "CLIENTE": (
        "CLI_CODIGO CLI_IDAPP CLI_TIPO CLI_CGC CLI_RAZAO CLI_FANTASIA CLI_ENDERECO CLI_NUMERO CID_CODIGO CLI_CEP"
        " CLI_DDD CLI_FONE CLI_EMAIL CLI_LIMITE CLI_BLOQUEIO CLI_MOTIVO",
        [
            ("00042", "cus_1", "J", "12.ABC.345/01DE-35", "PADARIA SÃO JOÃO LTDA", "SÃO JOÃO PÃES")
            + ("AVENIDA PAULISTA", "S/N", 7, "01310-200", "11", "987654321", "compras@saojoao.example")
            + ("10000.00", "S", "TÍTULO VENCIDO"),
            ("00043", None, "F", None, "JOSÉ", *[None] * 7, None, None, "N", None),
        ],
    ),
    "TITULO": (
        "TIT_NUMERO TIT_ORDEM CLI_CODIGO TIT_EMISSAO TIT_VENCTO TIT_VALOR TIT_PAGO TIT_ESPECIE TIT_BAIXA",
        [
            ("00000881", 1, "00042", "2026-10-01", "2026-11-01", "688.63", "0.00", "boleto", None),
            ("00000881", 2, "00042", "2026-10-01", "2026-12-01", "688.62", "588.62", "boleto", None),
            ("00000880", 1, "00042", None, "2026-09-01", "10.00", "10.00", None, "2026-09-02"),
        ],
    ),
    "PEDIDO": (
        "PED_FILIAL PED_NUMERO PED_IDAPP CLI_CODIGO PED_SITUACAO PED_TIPO PED_DATA PED_FRETE PED_VLRPROD PED_VLRDESC"
        " PED_VLRACRES PED_VLRFRETE PED_VLRSEG PED_VLROUTRAS PED_VLRTOTAL",
        [
            ("01", 1001, "ord_1", "00042", "F", "V", "2026-11-20 10:00:00", "9", *["0.00"] * 7),
            ("02", 5001, "ord_2", "00042", "A", "V", "2026-11-21 10:00:00", "9", *["0.00"] * 7),
            ("01", 1002, None, "00042", "A", "V", "2026-11-21 10:00:00", "9", *["0.00"] * 7),
        ],
    ),
    "NOTA": (
        "NOT_ID NOT_NUMERO NOT_FILIAL PED_NUMERO CLI_CODIGO VEN_CODIGO NOT_TIPO NOT_EMISSAO NOT_CHAVE",
        [
            (1, "000004820", "01", 1001, "00042", "012", "V", "2026-11-23 11:00:00", None),
            (2, "000004821", "01", 1001, "00042", "012", "V", "2026-11-24 11:52:07", KEY),
            (3, "000000007", "02", None, None, None, "D", "2026-11-24 12:00:00", None),
        ],
    ),
    "NOTA_ITEM": (
        "NOT_ID NIT_SEQ PRO_CODIGO NIT_QTDE NIT_VLRBRUTO NIT_VLRDESC NIT_CUSTO",
        [(2, 1, "000101", "6.0000", "1739.40", "86.97", "1100.00"), (3, 1, "000300", "1.0000", "289.90", "0.00", None)],
    ),
}
_STAGING: Shelf = {
    "filial": (
        "fil_codigo fil_nome fil_cnpj fil_inativa",
        [(1, "FABRICA VEVO", "12ABC34501DE35", 0), (2, "FÁBIO VEVO", None, 1)],
    ),
    "produto": (
        "pro_codigo pro_nome pro_unidade pro_ncm pro_gtin pro_grupo pro_inativo pro_excluido",
        [("000101", "Tinta acrílica fosca", "LT", "32091010", "7898357410015", "Tintas", 0, 0)]
        + [(f"00020{n}", f"Pincel n.º {n}", "UN", None, None, None, 0, 0) for n in range(5)]
        + [("000300", "Rolo de lã", "UN", "", "", "", 1, 0), ("000400", "Já excluído", "UN", None, None, None, 0, 1)],
    ),
    "tabela_preco": (
        "tab_codigo tab_nome tab_inicio tab_fim",
        [(1, "Atacado", "2026-01-01", None), (2, "Varejo", None, "2026-12-31")],
    ),
    "preco": (
        "tab_codigo pro_codigo pre_valor pre_desconto",
        [(1, "000101", "289.9000", "10.50"), (2, "000300", "4.3333", None)],
    ),
    "estoque": (
        "fil_codigo pro_codigo est_saldo est_reservado est_movimento",
        [
            (1, "000101", "-3.0000", "2.0000", "2026-11-24 11:52:07"),
            (2, "000300", "12.5000", "0", "2026-11-20 08:00:00"),
        ],
    ),
    "forma": ("for_codigo for_nome for_tpag", [("BOLETO", "Boleto bancário", "15"), ("PIX", "PIX", None)]),
    "condicao": (
        "con_codigo con_nome con_dias con_inativa",
        [("306090", "30/60/90", "30/60/90", 0), ("0", "À vista", "0", 1)],
    ),
    "vendedor": (
        "ven_codigo ven_nome ven_email ven_gerente",
        [("V001", "Íris Brandão", None, None), ("V012", "Sebastião Leão", "leao@vevo.example", "V001")],
    ),
    "cliente": (
        "cli_codigo cli_documento cli_nome cli_idapp cli_cidade_ibge cli_limite cli_bloqueado cli_excluido",
        [
            (42, "12.ABC.345/01DE-35", "PADARIA SÃO JOÃO LTDA", "cus_1", "3550308", "10000.00", 1, 0),
            (43, None, "JOSÉ", None, None, None, 0, 0),
            (44, None, "JÁ EXCLUÍDO", None, None, None, 0, 1),
        ],
    ),
    "titulo": (
        "tit_documento tit_parcela cli_codigo tit_emissao tit_vencimento tit_valor tit_saldo tit_especie",
        [
            ("881", "1/3", 42, "2026-10-01", "2026-11-01", "688.63", "688.63", "BO"),
            ("881", "2/3", 42, "2026-10-01", "2026-12-01", "688.62", "100.00", "BO"),
            ("880", "1", 42, None, "2026-09-01", "10.00", "0.00", None),
        ],
    ),
    "pedido": (
        "ped_numero ped_idapp ped_filial cli_codigo ped_data ped_total ped_fase",
        [
            (9001, "ord_1", 1, 42, "2026-11-20 10:00:00", "0.00", "F"),
            (9002, "ord_2", 2, 42, "2026-11-21 10:00:00", "0.00", "A"),
            (9003, None, 1, 42, "2026-11-21 10:00:00", "0.00", "A"),
        ],
    ),
    "nota": (
        "nta_numero ped_numero fil_codigo cli_codigo ven_codigo nta_operacao nta_emissao nta_chave",
        [
            (4820, 9001, 1, 42, "V012", "VENDA", "2026-11-23 11:00:00", None),
            (4821, 9001, 1, 42, "V012", "VENDA", "2026-11-24 11:52:07", KEY),
            (4822, None, 2, None, None, "DEVOLUCAO", "2026-11-24 12:00:00", None),
        ],
    ),
    "nota_item": (
        "nta_numero nti_seq pro_codigo nti_qtde nti_bruto nti_desconto nti_liquido nti_custo",
        [
            (4821, 1, "000101", "6.0000", "1739.40", "86.97", "1652.43", "1100.00"),
            (4822, 1, "000300", "1.0000", "289.90", "0.00", "289.90", None),
        ],
    ),
}
SHELVES: Mapping[str, Shelf] = {"direto": _DIRETO, "staging": _STAGING}


def _facts(numbers: tuple[str, str], customer: str) -> dict[str, dict[str, Any]]:
    sold, back = numbers
    return {
        f"{sold}/1": {
            "invoice": sold,
            "item": "1",
            "establishment": "0001",
            "day": "2026-11-24",
            "customer_code": customer,
            "city_code": "3550308",
            "product": "000101",
            "seller": "V012",
            "quantity": "6",
            "gross": "1739.4",
            "discount": "86.97",
            "net": "1652.43",
            "cost": "1100",
        },
        f"{back}/1": {
            "invoice": back,
            "item": "1",
            "kind": "return",
            "establishment": "0002",
            "day": "2026-11-24",
            "product": "000300",
            "quantity": "1",
            "gross": "289.9",
            "discount": "0",
            "net": "289.9",
        },
    }


def _statuses(numbers: tuple[str, str, str], early: str) -> dict[str, dict[str, Any]]:
    first, second, invoice = numbers
    return {
        "ord_1": {
            "order_id": "ord_1",
            "erp_number": first,
            "status": "invoiced",
            "invoice_number": invoice,
            "access_key": KEY,
            "at": "2026-11-24T11:52:07-03:00",
        },
        "ord_2": {"order_id": "ord_2", "erp_number": second, "status": early, "at": "2026-11-21T10:00:00-03:00"},
    }


def _receivables(document: str, parts: tuple[str, str], customer: str) -> dict[str, dict[str, Any]]:
    usual = {"document": document, "customer_erp_code": customer, "issued_on": "2026-10-01", "kind": "boleto"}
    first, second = ({"installment": part} | usual for part in parts)
    return {
        f"{document}/{parts[0].replace('/', '~1')}": first
        | {"due_on": "2026-11-01", "amount": "688.63", "balance": "688.63", "is_overdue": True},
        f"{document}/{parts[1].replace('/', '~1')}": second
        | {"due_on": "2026-12-01", "amount": "688.62", "balance": "100"},
    }


def _products(*names: str, **first: str) -> dict[str, dict[str, Any]]:
    tin, brush, roll = names
    found: dict[str, dict[str, Any]] = {
        "000101": {"code": "000101", "name": tin, "unit": "LT", "ncm": "32091010", "gtin": "7898357410015"} | first
    }
    found |= {f"00020{n}": {"code": f"00020{n}", "name": f"{brush} {n}", "unit": "UN"} for n in range(5)}
    return found | {"000300": {"code": "000300", "name": roll, "unit": "UN", "is_active": False}}


def _tables(first: str, second: str, names: tuple[str, str], **of_second: str) -> dict[str, dict[str, Any]]:
    return {
        first: {"code": first, "name": names[0], "valid_from": "2026-01-01"},
        second: {"code": second, "name": names[1], "valid_until": "2026-12-31"} | of_second,
    }


def _prices(first: str, second: str, **of_first: str) -> dict[str, dict[str, Any]]:
    rows = (
        {"table_code": first, "product_code": "000101", "price": "289.9", "max_discount_percent": "10.5"} | of_first,
        {"table_code": second, "product_code": "000300", "price": "4.3333"},
    )
    return {f"{row['table_code']}/{row['product_code']}": row for row in rows}


_ON_HAND = {
    "establishment_code": "0001",
    "product_code": "000101",
    "on_hand": "-3",
    "reserved": "2",
    "measured_at": "2026-11-24T11:52:07-03:00",
}
_ROLLS = {"establishment_code": "0002", "product_code": "000300", "on_hand": "12.5"}
_CUSTOMER = {
    "hub_id": "cus_1",
    "name": "PADARIA SÃO JOÃO LTDA",
    "document": "12ABC34501DE35",
    "credit_limit": "10000",
    "is_blocked": True,
}
_PLACE = {
    "kind": "main",
    "street": "AVENIDA PAULISTA",
    "number": "S/N",
    "city_code": "3550308",
    "city": "SÃO PAULO",
    "state": "SP",
    "postal_code": "01310200",
}
_SELLER = {"code": "V012", "email": "leao@vevo.example", "supervisor_code": "V001"}

WIRES: Mapping[str, Wire] = {
    "direto": {
        ("omniforce", "establishments"): {
            "0001": {"code": "0001", "name": "MATRIZ"},
            "0002": {"code": "0002", "name": "FILIAL"},
        },
        ("omniforce", "products"): _products(
            *("TINTA ACRÍLICA FOSCA", "PINCEL N.º", "ROLO DE LÃ"), brand="VEVO", group="TINTAS", package_quantity="18"
        ),
        ("omniforce", "price-tables"): _tables("01", "02", ("ATACADO", "VAREJO"), establishment_code="0002"),
        ("omniforce", "prices"): _prices("01", "02", min_price="260"),
        ("omniforce", "stock"): {
            "0001/000101": _ON_HAND | {"available": "-5"},
            "0002/000300": _ROLLS | {"available": "12.5"},
        },
        ("omniforce", "payment-methods"): {
            code: {"code": code, "name": name}
            for code, name in (("DINHEIRO", "DINHEIRO"), ("BOLETO", "BOLETO BANCARIO"), ("PIX", "PIX"))
        },
        ("omniforce", "payment-terms"): {"AVISTA": {"code": "AVISTA", "name": "A VISTA"}},
        ("omniforce", "customers"): {
            "00042": _CUSTOMER
            | {"erp_code": "00042", "trade_name": "SÃO JOÃO PÃES", "person_kind": "company", "document_kind": "cnpj"}
            | {"email": "compras@saojoao.example", "block_reason": "TÍTULO VENCIDO", "addresses": [_PLACE]}
            | {"phones": [{"kind": "other", "number": "11987654321"}]},
            "00043": {"erp_code": "00043", "name": "JOSÉ", "person_kind": "person", "document_kind": "none"},
        },
        ("omniforce", "sellers"): {
            "V001": {"code": "V001", "name": "ÍRIS BRANDÃO"},
            "V012": _SELLER | {"name": "SEBASTIÃO LEÃO"},
        },
        ("omniforce", "receivables"): _receivables("00000881", ("1", "2"), "00042"),
        ("omniforce", "order-status"): _statuses(("01/1001", "02/5001", "000004821"), "received"),
        ("dash", "sales-facts"): _facts(("2", "3"), "00042"),
    },
    "staging": {
        ("omniforce", "establishments"): {
            "0001": {"code": "0001", "name": "FABRICA VEVO", "document": "12ABC34501DE35"},
            "0002": {"code": "0002", "name": "FÁBIO VEVO", "is_active": False},
        },
        ("omniforce", "products"): _products("Tinta acrílica fosca", "Pincel n.º", "Rolo de lã", group="Tintas"),
        ("omniforce", "price-tables"): _tables("1", "2", ("Atacado", "Varejo")),
        ("omniforce", "prices"): _prices("1", "2"),
        ("omniforce", "stock"): {
            "0001/000101": _ON_HAND,
            "0002/000300": _ROLLS | {"reserved": "0", "measured_at": "2026-11-20T08:00:00-03:00"},
        },
        ("omniforce", "payment-methods"): {
            "BOLETO": {"code": "BOLETO", "name": "Boleto bancário", "kind": "15"},
            "PIX": {"code": "PIX", "name": "PIX"},
        },
        ("omniforce", "payment-terms"): {
            "306090": {"code": "306090", "name": "30/60/90", "days": [30, 60, 90]},
            "0": {"code": "0", "name": "À vista", "days": [0], "is_active": False},
        },
        ("omniforce", "customers"): {
            "42": _CUSTOMER | {"erp_code": "42"},
            "43": {"erp_code": "43", "name": "JOSÉ"},
        },
        ("omniforce", "sellers"): {
            "V001": {"code": "V001", "name": "Íris Brandão"},
            "V012": _SELLER | {"name": "Sebastião Leão"},
        },
        ("omniforce", "receivables"): _receivables("881", ("1/3", "2/3"), "42"),
        ("omniforce", "order-status"): _statuses(("9001", "9002", "4821"), "approved"),
        ("dash", "sales-facts"): _facts(("4821", "4822"), "42"),
    },
    "padrao": export_setup.WIRE,
}
"""What each ERP's rows are on the wire."""

EDITS = {
    "padrao": Edits(
        rename="UPDATE produtos SET descricao = 'OUTRO' WHERE codigo IN ('P1', 'P2', 'P3')",
        delete="DELETE FROM produtos WHERE codigo = 'P4'",
        pay="UPDATE titulos_receber SET situacao = 'pago' WHERE documento = '000881' AND parcela = '1/3'",
        invoice="UPDATE pedidos SET situacao = 'faturado' WHERE id_externo = 'ord_2'",
    ),
    "direto": Edits(
        rename="UPDATE PRODUTO SET PRO_NOME = 'OUTRO', PRO_ALTERACAO = '2026-11-24 10:00:00' "
        "WHERE PRO_CODIGO IN ('000201', '000202', '000203')",
        delete="DELETE FROM PRODUTO WHERE PRO_CODIGO = '000204'",
        pay="UPDATE TITULO SET TIT_BAIXA = '2026-11-24' WHERE TIT_ORDEM = 1",
        invoice="UPDATE PEDIDO SET PED_SITUACAO = 'F' WHERE PED_IDAPP = 'ord_2'",
    ),
    "staging": Edits(
        rename="UPDATE produto SET pro_nome = 'OUTRO' WHERE pro_codigo IN ('000201', '000202', '000203')",
        delete="UPDATE produto SET pro_excluido = 1 WHERE pro_codigo = '000204'",
        pay="UPDATE titulo SET tit_saldo = 0 WHERE tit_parcela = '1/3'",
        invoice="UPDATE pedido SET ped_fase = 'F' WHERE ped_idapp = 'ord_2'",
    ),
}


def stocked(kind: str, layout: str, request: pytest.FixtureRequest, folder: Path) -> ErpReader:
    """The ERP of a layout on this brand of database, with something to send out of every dataset."""
    if layout == "padrao":
        book = ErpReader(make_erp(kind, request, folder), layout)
        export_setup.fill(book.keeper, ROWS)
        return book
    if kind == "sqlite":
        book = ErpReader(make_sqlite(folder, schema=layout), layout)
    else:
        book = ErpReader(make_on(request.getfixturevalue(f"{kind}_running"), schema=layout), layout)
    for table, (columns, rows) in SHELVES[layout].items():
        book.fill(table, columns, rows)
    return book
