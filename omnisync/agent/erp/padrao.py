"""The layout `padrao`: an ERP's own tables in Portuguese, numbers made by the ERP, one row per hub customer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from operator import attrgetter
from typing import Any

from msgspec import Struct

from omnisync.contract.records import Address, Phone


class Column(Struct, frozen=True):
    """One column: its name, where its value comes from, and a converter of that value."""

    name: str
    path: str
    convert: Callable[[Any], object] | None = None


class Table(Struct, frozen=True, kw_only=True):
    """One table of the ERP. `key` is the ERP's own, made by it; `external_id` keeps the hub's id, unique."""

    name: str
    external_id: str
    columns: tuple[Column, ...]
    key: str = ""
    parent: str = ""

    @property
    def names(self) -> list[str]:
        """The names of its columns, in order."""
        return [column.name for column in self.columns]


class Layout(Struct, frozen=True, kw_only=True):
    """Where each field goes. `state` is the orders' column that tells how far the ERP is with one."""

    customer: Table
    order: Table
    item: Table
    payment: Table
    state: str
    state_open: str
    state_cancelled: str
    customer_column: str
    order_number: str
    customer_name: str


def rows_of(table: Table, records: list[Any]) -> list[tuple[object, ...]]:
    """A row for each record, a column at a time: C callables over the whole list beat a closure per cell."""
    if not records:
        return []
    columns = []
    for column in table.columns:
        values = map(attrgetter(column.path), records)
        columns.append(values if column.convert is None else map(column.convert, values))
    return list(zip(*columns, strict=True))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _main(addresses: tuple[Address, ...]) -> Address | None:
    return next((a for a in addresses if a.kind == "main"), addresses[0] if addresses else None)


def _of_main(name: str) -> Callable[[tuple[Address, ...]], object]:
    read = attrgetter(name)

    def field(addresses: tuple[Address, ...]) -> object:
        address = _main(addresses)
        return None if address is None else read(address)

    return field


def _first_number(phones: tuple[Phone, ...]) -> str | None:
    return phones[0].number if phones else None


def padrao(zone: tzinfo) -> Layout:
    """The layout, its times on the ERP's wall clock. Money and quantities are kept as exact decimal text."""

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    return Layout(
        customer=Table(name="clientes", key="codigo", external_id="id_externo", columns=_customer_columns()),
        order=Table(name="pedidos", key="numero", external_id="id_externo", columns=_order_columns(local)),
        item=Table(name="itens_pedido", parent="pedido", external_id="id_externo", columns=_item_columns()),
        payment=Table(name="formas_pagamento", parent="pedido", external_id="id_externo", columns=_payment_columns()),
        state="situacao",
        state_open="aberto",
        state_cancelled="cancelado",
        customer_column="cliente",
        order_number="numero_omniforce",
        customer_name="nome",
    )


def _customer_columns() -> tuple[Column, ...]:
    address = {
        "logradouro": "street",
        "numero_endereco": "number",
        "complemento": "complement",
        "bairro": "district",
        "cidade_ibge": "city_code",
        "cidade": "city",
        "uf": "state",
        "cep": "postal_code",
    }
    return (
        Column("id_externo", "id"),
        Column("tipo_pessoa", "person_kind"),
        Column("tipo_documento", "document_kind"),
        Column("documento", "document"),
        Column("nome", "name"),
        Column("nome_fantasia", "trade_name"),
        Column("contribuinte_icms", "icms_kind"),
        Column("inscricao_estadual", "state_registration"),
        Column("email", "email"),
        Column("telefone", "phones", _first_number),
        *(Column(name, "addresses", _of_main(path)) for name, path in address.items()),
        Column("vendedor", "seller_code"),
        Column("tabela_preco", "price_table_code"),
        Column("condicao_pagamento", "payment_terms_code"),
        Column("ativo", "is_active", int),
        Column("observacoes", "notes"),
    )


def _order_columns(local: Callable[[datetime], str]) -> tuple[Column, ...]:
    return (
        Column("id_externo", "id"),
        Column("numero_omniforce", "number"),
        Column("tipo", "type"),
        Column("estabelecimento", "establishment_code"),
        Column("vendedor", "seller_code"),
        Column("tabela_preco", "price_table_code"),
        Column("condicao_pagamento", "payment_terms.code"),
        Column("emitido_em", "issued_at", local),
        Column("entrega_em", "delivery_on", _iso),
        Column("pedido_cliente", "customer_order_number"),
        Column("frete_modo", "freight.mode"),
        Column("transportadora", "freight.carrier_name"),
        Column("valor_itens", "totals.items_amount", str),
        Column("desconto", "totals.discount_amount", str),
        Column("acrescimo", "totals.surcharge_amount", str),
        Column("frete", "totals.freight_amount", str),
        Column("seguro", "totals.insurance_amount", str),
        Column("outras_despesas", "totals.other_amount", str),
        Column("total", "totals.total_amount", str),
        Column("observacoes", "notes"),
    )


def _item_columns() -> tuple[Column, ...]:
    return (
        Column("id_externo", "id"),
        Column("linha", "line"),
        Column("produto", "product_code"),
        Column("descricao", "product_name"),
        Column("gtin", "gtin"),
        Column("ncm", "ncm"),
        Column("unidade", "unit"),
        Column("quantidade", "quantity", str),
        Column("preco", "list_price", str),
        Column("valor_bruto", "gross_amount", str),
        Column("desconto", "discount_amount", str),
        Column("acrescimo", "surcharge_amount", str),
        Column("ipi", "ipi_amount", str),
        Column("st", "st_amount", str),
        Column("total", "total_amount", str),
        Column("bonificacao", "is_bonus"),
        Column("observacoes", "notes"),
    )


def _payment_columns() -> tuple[Column, ...]:
    return (
        Column("id_externo", "id"),
        Column("linha", "line"),
        Column("meio", "method_code"),
        Column("tipo_nfe", "method_kind"),
        Column("valor", "amount", str),
        Column("vencimento", "due_on", date.isoformat),
        Column("parcela", "installment"),
        Column("parcelas", "installments"),
        Column("bandeira", "card_brand"),
        Column("autorizacao", "authorization"),
    )
