"""The words ERPs use in Portuguese and English, and the field each of them usually means. Only guesses are made of it.

Source: the tables and columns of ERPs that integrators have published.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from unicodedata import combining, normalize

from msgspec import Struct

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_GLUED = "(?:dt|dta|data|vl|vlr|valor|val|cod|codigo|cd|nr|nro|num|numero|ds|nm|id|tp|fl|tot)?"
_BEHIND = "(?:ent|cli|ped)?"
_PREFIX_LETTERS = 4
_PREFIX_SHARE = 0.6


class Rule(Struct, frozen=True):
    """A field, and the names of columns that usually hold it. `kinds` are the columns' kinds it can be in."""

    field: str
    pattern: re.Pattern[str]
    kinds: frozenset[str] = frozenset()


def words_of(name: str) -> tuple[str, ...]:
    """`CLI_RAZAO`, `dtEmissao` and `Razão` as words in small letters without accents."""
    plain = "".join(sign for sign in normalize("NFD", name) if not combining(sign))
    return tuple(word.lower() for part in re.split(r"[^0-9A-Za-z]+", plain) for word in _WORD.findall(part))


def column_words(names: Iterable[str]) -> dict[str, str]:
    """Return columns as words joined by `_`, without what most of a table's columns begin with (`CLI_`): it says
    nothing.
    """
    words = {name: words_of(name) for name in names}
    firsts = [one[0] for one in words.values() if len(one) > 1 and len(one[0]) <= _PREFIX_LETTERS]
    common = max(set(firsts), key=firsts.count, default="")
    if not words or firsts.count(common) < _PREFIX_SHARE * len(words):
        common = ""
    return {name: "_".join(one[1:] if len(one) > 1 and one[0] == common else one) for name, one in words.items()}


def _rule(field: str, names: str, *kinds: str) -> Rule:
    """Return the names stand as a word of their own, or glued behind a usual beginning: `DTEMISSAO`, `VLRTOTAL`."""
    return Rule(field, re.compile(rf"(?:^|.*_){_GLUED}(?:{names}){_BEHIND}(?:_.*|\d*$)"), frozenset(kinds))


_TEXT, _NUMBER, _TIME = ("text",), ("integer", "decimal", "float"), ("date", "datetime")
_CODE = ("text", "integer", "decimal")
_FLAG = ("text", "integer", "bool", "decimal")

EXTERNAL_ID = _rule(
    "id",
    "(?:id|cod|codigo)_(?:externo|externa|integracao|omniforce|app|web|mobile|origem)|external_id|integration_id|"
    "omniforce_id|id_?externo|idexterno|id_?app|id_?web|codapp|codintegracao|externalid",
    *_TEXT,
)
_SELLER = _rule("seller_code", "vendedor|vend|ven|codvend|codusur|representante|seller|salesman", *_CODE)
_PRICE_TABLE = _rule("price_table_code", "tabpreco|tab_preco|tabela_preco|tabpre|price_table|price_list", *_CODE)
_TERMS = "condpag|condpgto|cond_pag|cond_pagto|cond_pgto|condicao|plpag|codplpag|plano_pag|prazo|payment_terms?|terms"
_NOTES = "obs|observ|observacao|observacoes|notes?|comments?|mensagem"

CUSTOMER: Sequence[Rule] = (
    _rule("document", "cnpj|cgc|cpf|cgccpf|cnpjcpf|cpfcnpj|cgcent|documento|document|tax_id|taxid", *_CODE),
    _rule("state_registration", "ie|insc|inscest|inscricao|iest|state_registration", *_TEXT),
    _rule("suframa", "suframa", *_TEXT),
    _rule("trade_name", "fantasia|trade_name|apelido|nomefantasia", *_TEXT),
    _rule("address.main.city_code", "ibge|codibge|cod_municipio|codmun|cidade_ibge", *_CODE),
    _rule("address.main.city", "cidade|municipio|munic|city|cid", *_CODE),
    _rule("document_kind", "tipo_documento|tipo_doc|tpdoc|document_kind", *_TEXT),
    _rule("icms_kind", "contribuinte|contrib|indie|ind_ie|icms_kind", "text", "integer"),
    _rule("person_kind", "pessoa|tppessoa|tipopessoa|tipopess|fisjur|fj|person_kind", *_TEXT),
    Rule("person_kind", re.compile(r"^tipo$"), frozenset(_TEXT)),
    _rule("name", "razao|razaosocial|nome|name|nomerazao|xnome", *_TEXT),
    Rule("name", re.compile(r"^(?:cliente|customer|client)$"), frozenset(_TEXT)),
    _rule("email", "email|mail|e_mail", *_TEXT),
    _rule("phone.mobile.number", "celular|cel|whatsapp|mobile", *_TEXT),
    _rule("phone.first.ddd", "ddd", *_TEXT),
    _rule("phone.first.number", "fone|telefone|tel|phone", *_TEXT),
    _rule("address.main.number", "numero|num|nro|nr|number|numend", *_TEXT),
    _rule("address.main.complement", "complemento|compl|complement", *_TEXT),
    _rule("address.main.district", "bairro|district", *_TEXT),
    _rule("address.main.state", "uf|estado|est|state", *_TEXT),
    _rule("address.main.postal_code", "cep|zip|postal_code|zipcode", *_TEXT),
    _rule("address.main.street", "endereco|ender|logradouro|rua|street|address|end", *_TEXT),
    _SELLER,
    _PRICE_TABLE,
    _rule("payment_terms_code", _TERMS, *_CODE),
    _rule("is_active", "ativo|active|inativo|bloqueado|blocked", *_FLAG),
    _rule("notes", _NOTES, *_TEXT),
)
ORDER: Sequence[Rule] = (
    Rule("type", re.compile(r"^(?:tipo|tipo_pedido|tipo_venda|order_type|type)$"), frozenset(_TEXT)),
    _rule("number", "omniforce|numpedrca|pedrca|num_?app|numero_app|pedido_app|num_externo|numero_externo", *_TEXT),
    _rule("customer_order_number", "oc|ordem_compra|pedido_cliente|ped_cli|pedcli|num_ped_cli|customer_order", *_TEXT),
    _rule("customer.document", "cnpj|cgc|cpf|cgccli|cnpjcpf", *_TEXT),
    _rule("delivery_on", "entrega|previsao|prev|dtprev|dtentrega|delivery|prevista", *_TIME),
    _rule(
        "issued_at",
        "emissao|emitido|dtneg|data|dt|dtpedido|dtvenda|date|abertura|issued|cadastro|inclusao|criacao|created",
        *_TIME,
    ),
    _rule(
        "establishment_code", "filial|empresa|emp|loja|estab|estabelecimento|codemp|codfilial|branch|unidade", *_CODE
    ),
    _SELLER,
    _PRICE_TABLE,
    _rule("payment_terms.code", _TERMS, *_CODE),
    _rule(
        "freight.mode",
        "tipo_frete|tpfrete|tipofrete|modfrete|frete_modo|modalidade|cif|ciffob|cif_fob",
        "text",
        "integer",
    ),
    _rule("freight.mode", "frete", *_TEXT),
    _rule("freight.carrier_name", "transportadora|transp|carrier", *_TEXT),
    _rule("totals.freight_amount", "frete|vlfrete|freight", *_NUMBER),
    _rule("totals.discount_amount", "desconto|desc|vldesc|discount", "decimal", "float"),
    _rule("totals.surcharge_amount", "acrescimo|acresc|acres|surcharge", "decimal", "float"),
    _rule("totals.insurance_amount", "seguro|seg|insurance", "decimal", "float"),
    _rule("totals.other_amount", "outras|outros|despesas|desp", "decimal", "float"),
    _rule("totals.items_amount", "subtotal|bruto|itens|produtos|prods?|vlprod|mercadoria", "decimal", "float"),
    _rule("totals.total_amount", "total|vltotal|vlrtotal|valor|vlr|vl|liquido|amount", "decimal", "float"),
    _rule("customer.name", "nome|razao|cliente_nome|customer_name", *_TEXT),
    _rule("notes", _NOTES, *_TEXT),
)
ITEM: Sequence[Rule] = (
    _rule("product_name", "descricao|descr|desc_prod|nome|nome_produto|description", *_TEXT),
    _rule("gtin", "ean|gtin|barras|codbarras|codauxiliar", *_TEXT),
    _rule("ncm", "ncm", *_TEXT),
    _rule("quantity", "quantidade|qtde|qtd|quant|qt|quantity|qty|qtdneg", *_NUMBER),
    _rule("list_price", "tabela|preco_tabela|prtab|preco_lista|list_price|ptabela", "decimal", "float"),
    _rule("discount_percent", "perc|percentual|pdesc|percdesc|aliq_desc|discount_percent", "decimal", "float"),
    _rule("discount_amount", "desconto|desc|vldesc|discount", "decimal", "float"),
    _rule("surcharge_amount", "acrescimo|acresc|acres|surcharge", "decimal", "float"),
    _rule("ipi_amount", "ipi|vlipi", "decimal", "float"),
    _rule("st_amount", "st|icmsst|vlst", "decimal", "float"),
    _rule("gross_amount", "bruto|gross", "decimal", "float"),
    _rule("total_amount", "total|vltotal|vlrtotal|valor_total|subtotal|total_amount", "decimal", "float"),
    _rule("net_price", "preco|punit|vlunit|vlrunit|unitario|unit|price|pvenda|prcven|valor|vlr", "decimal", "float"),
    _rule("unit", "un|und|unid|unidade|um|unit", *_TEXT),
    _rule("is_bonus", "bonificacao|bonif|brinde|bonus", *_FLAG),
    _rule("product_code", "produto|prod|pro|prd|codprod|codigo_produto|referencia|ref|sku|product|mercadoria", *_CODE),
    _rule("line", "seq|sequencia|item|linha|nritem|numseq|nr_item|num_item|line|ordem", "integer", "decimal"),
    _rule("notes", _NOTES, *_TEXT),
)
PAYMENT: Sequence[Rule] = (
    _rule("due_on", "venc|vencto|vencimento|dtvenc|due|due_date", *_TIME),
    _rule(
        "installments", "parcelas|qtdparc|qtd_parcelas|num_parcelas|total_parcelas|installments", "integer", "decimal"
    ),
    _rule("method_kind", "tipo_nfe|tpag|tipo_pag_nfe|method_kind", *_TEXT),
    _rule("method_code", "forma|formapag|especie|meio|cobranca|codcob|tipo_doc|tipopag|pagto|pgto|method|tipo", *_CODE),
    _rule("amount", "valor|vlr|vl|vlparcela|amount|total", "decimal", "float"),
    _rule("card_brand", "bandeira|brand", *_TEXT),
    _rule("authorization", "nsu|autorizacao|authorization", *_TEXT),
    _rule("installment", "parcela|parc|numparcela|nrparc|installment", "integer", "decimal"),
    _rule("line", "seq|sequencia|linha|line|item|ordem", "integer", "decimal"),
)
RULES: Mapping[str, Sequence[Rule]] = {"customer": CUSTOMER, "order": ORDER, "item": ITEM, "payment": PAYMENT}

STATE = _rule("state", "status|situacao|sit|state|posicao|stat")
CUSTOMER_KEY = _rule("customer", "cliente|cli|codcli|codparc|parceiro|customer|pessoa|client|sacado")
ORDER_KEY = _rule("order", "pedido|ped|numped|nunota|order|venda|orcamento|registro")
IS_CODE = _rule("code", "codigo|cod|code|referencia|ref|sigla|sku")
IS_IBGE = _rule("city_code", "ibge|codibge|cod_ibge|codmun")
IS_INVERTED = re.compile(r"inativo|bloquead|blocked")

COUNTER = re.compile(r"contador|numera|sequenc|ultim")
LAST = _rule(
    "last", "ultimo|ult|ultcod|valor|atual|proximo|prox|proxnum|sequencia|numero|last|value", "integer", "decimal"
)

# Beginnings of the words in a table's name.
TABLES: Mapping[str, re.Pattern[str]] = {
    "customer": re.compile(r"client|cli$|clie|customer|parceir|pessoa|participante|partner|sacado|clifor|cadcli"),
    "order": re.compile(r"pedid|ped$|peds$|vendas?$|orders?$|orcament|sales?$|pedvend|.*pedc"),
    "item": re.compile(r"ite[mn]|lines?$|linhas?$|detalhe|det$|produtos?$|ite$|.*pedi(?!d)"),
    "payment": re.compile(
        r"parcel|pagament|pagto|pgto|formas?$|financ|duplicat|titul|receb|installment|payment|vencim"
    ),
}
STRANGE = re.compile(
    r"log$|hist|bkp|backup|tmp|temp$|old$|aux$|audit|config|param|compra|fornec|devol|status|omnisync|cotac|"
    r"contat|tipo|grupo|comiss|meta|rota|usuar|perm|nfe?$|nota|estoque|caixa|produc"
)
