"""The sample company's ERP: what its people keep in it, and what they do with the orders that came in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from random import Random

from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.demo import seed_data
from omnisync.demo.sample_data import SEED, ZONE

_ROWS = Sequence[Sequence[object]]
_PRODUCT = 'produto = "product_code"'
_KNOWN_PRODUCT = 'produto = { lookup = "produtos", by = "codigo", field = "product_code", take = "codigo" }'
_DUE = """numero IN (
    SELECT numero FROM pedidos
    WHERE situacao = 'aberto' AND tipo IN ('sale', 'bonus', 'sample') AND date(emitido_em) <= :until
    ORDER BY emitido_em, numero LIMIT :most
)"""
_INVOICE = (
    """
INSERT INTO notas_fiscais (numero, pedido, cliente, estabelecimento, vendedor, tipo, emitida_em)
SELECT printf('%06d', numero), numero, cliente, estabelecimento, vendedor,
       CASE tipo WHEN 'sale' THEN 'venda' ELSE 'bonificacao' END, emitido_em FROM pedidos WHERE DUE
""",
    """
INSERT INTO itens_nota (nota, item, produto, quantidade, valor_bruto, desconto, valor_liquido, custo)
SELECT printf('%06d', pedido), linha, produto, quantidade, valor_bruto, desconto, total,
       printf('%.2f', valor_bruto * 0.6) FROM itens_pedido WHERE pedido IN DUE_ORDERS
""",
    # What is paid at once is no debt; of the slips that are due, one in twenty was not paid.
    """
INSERT INTO titulos_receber (documento, parcela, cliente, emissao, vencimento, valor, saldo, tipo, situacao)
SELECT printf('%06d', f.pedido), f.parcela || '/' || f.parcelas, p.cliente, date(p.emitido_em), f.vencimento, f.valor,
       f.valor, 'boleto', CASE WHEN f.vencimento > :until OR f.pedido % 20 = 0 THEN 'aberto' ELSE 'pago' END
FROM formas_pagamento f JOIN pedidos p ON p.numero = f.pedido WHERE f.meio = 'BOLETO' AND f.pedido IN DUE_ORDERS
""",
    """
UPDATE estoque SET saldo = printf('%.4f', saldo - n), disponivel = printf('%.4f', disponivel - n), apurado_em = :now
FROM (SELECT p.estabelecimento AS e, i.produto AS code, sum(i.quantidade) AS n
      FROM itens_pedido i JOIN pedidos p ON p.numero = i.pedido WHERE i.pedido IN DUE_ORDERS GROUP BY 1, 2)
WHERE estabelecimento = e AND produto = code
""",
    "UPDATE pedidos SET situacao = 'faturado' WHERE DUE",
)
"""DUE and DUE_ORDERS stand for what is to be invoiced."""


def layout() -> str:
    """Return the layout `padrao`, for an ERP that takes no product it does not know."""
    padrao = shipped_text("padrao")
    if _PRODUCT not in padrao:
        raise ValueError("the layout padrao names the product in another way")
    return padrao.replace(_PRODUCT, _KNOWN_PRODUCT)


def tables() -> str:
    """Return the SQL that makes the ERP's empty SQLite database: the tables of the layout `padrao`."""
    return (files(__package__) / "erp.sql").read_text(encoding="utf-8")


def fill(path: Path, now: datetime) -> None:
    """Fill in what the company has before it sells: once, in an ERP that has no products yet."""
    with _changing(path) as database:
        if database.execute("SELECT 1 FROM produtos LIMIT 1").fetchone():
            return
        for table, rows in _rows(_text(now)).items():
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  # our own names


def invoice(path: Path, until: date, now: datetime, most: int = -1) -> int:
    """Invoice the open orders issued until that day, the oldest first, at most so many: invoices, receivables, stock.

    Answers how many orders they were.
    """
    with _changing(path) as database:
        named = {"until": until.isoformat(), "now": _text(now), "most": most}
        texts = (sql.replace("DUE_ORDERS", "(SELECT numero FROM pedidos WHERE DUE)") for sql in _INVOICE)
        return [database.execute(sql.replace("DUE", _DUE), named).rowcount for sql in texts][-1]


def _rows(now: str) -> dict[str, _ROWS]:
    rng = Random(f"{SEED}/stock")
    products = seed_data.PRODUCTS
    balances = [
        (code, product.code, f"{rng.randrange(4000, 20_000)}.0000")
        for code in seed_data.ESTABLISHMENTS
        for product in products
    ]
    prices = {"ATACADO": "price", "VAREJO": "retail_price"}
    return {
        "estabelecimentos": [(code, name, None, 1) for code, name in seed_data.ESTABLISHMENTS.items()],
        "produtos": [(p.code, p.name, p.unit, p.ncm, p.gtin, "Vevo", None, "1.0000", 1) for p in products],
        "tabelas_preco": [(code, name, None, None, None) for code, name in seed_data.PRICE_TABLES.items()],
        "precos": [
            (table, product.code, str(getattr(product, field)), None, "12.34")
            for table, field in prices.items()
            for product in products
        ],
        "estoque": [(code, product, n, "0.0000", n, now) for code, product, n in balances],
        "meios_pagamento": [(method.code, method.name, method.kind, 1) for method in seed_data.METHODS.values()],
        "condicoes_pagamento": [
            (plan.code, plan.description, "/".join(map(str, plan.days)), None, str(plan.down_payment_percent), 1)
            for plan in seed_data.PLANS
        ],
        "vendedores": [(code, name, None, None, 1) for code, name in seed_data.SELLERS.items()],
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


@contextmanager
def _changing(path: Path) -> Iterator[sqlite3.Connection]:
    """Provide one transaction, begun at once: an import may be writing."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield database
        database.execute("COMMIT")
