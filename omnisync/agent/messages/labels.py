"""Names of kinds, states, datasets, systems and records in pt-BR."""

from __future__ import annotations

from collections.abc import Mapping

NOUNS: Mapping[str, str] = {
    "customers": "Clientes",
    "orders": "Pedidos de vendas",
    "items": "Itens de vendas",
    "payments": "Formas de pagamentos",
}
DATASETS: Mapping[str, str] = {
    "establishments": "estabelecimentos",
    "products": "produtos",
    "price-tables": "tabelas de preços",
    "prices": "preços",
    "stock": "estoque",
    "payment-methods": "meios de pagamento",
    "payment-terms": "condições de pagamento",
    "customers": "clientes",
    "sellers": "vendedores",
    "receivables": "títulos a receber",
    "order-status": "situação dos pedidos",
    "sales-facts": "vendas",
}
SYSTEMS: Mapping[str, str] = {"omniforce": "OmniForce", "dash": "Dash"}
UNSENT = "Não enviado"
RUNS: Mapping[str, str] = {"import": "importação", "export": "exportação", "both": "sincronização"}
MAPPINGS: Mapping[str, str] = {
    "payment_method": "Meio de pagamento",
    "payment_terms": "Condição de pagamento",
    "seller": "Vendedor",
    "establishment": "Estabelecimento",
    "price_table": "Tabela de preços",
}
KINDS: Mapping[str, str] = {"customer": "Cliente", "order": "Pedido"}
STATES: Mapping[str, str] = {
    "waiting": "Aguardando",
    "running": "Em andamento",
    "cancelling": "Cancelando",
    "done": "Concluída",
    "done_with_refusals": "Concluída com recusas",
    "cancelled": "Cancelada",
    "failed": "Falhou",
    "interrupted": "Interrompida",
}
ORIGINS: Mapping[str, str] = {
    "button": "Manual",
    "slot": "Agendada",
    "catch_up": "Atrasada",
    "command": "Linha de comando",
    "retry": "Nova tentativa",
}
OUTCOMES: Mapping[str, str] = {
    "imported": "Importado",
    "updated": "Atualizado",
    "unchanged": "Sem alteração",
    "refused": "Recusado",
    "waiting": "Aguardando",
    "cancelled": "Cancelado",
    "kept": "Mantido no ERP",
    "staged": "Na fila do ERP",
}
WEEKDAYS = (
    "Segunda-feira",
    "Terça-feira",
    "Quarta-feira",
    "Quinta-feira",
    "Sexta-feira",
    "Sábado",
    "Domingo",
)


def dataset_name(name: str) -> str:
    """Return a dataset, "omniforce.price-tables" or without its system, as the head of a row: Tabelas de preços."""
    system, dot, dataset = name.rpartition(".")
    said = DATASETS.get(dataset, dataset)
    return f"{said[0].upper()}{said[1:]}" + (" (Dash)" if dot and system == "dash" else "")


def row_name(dataset: str, key: str) -> str:
    """Return a row of a dataset as a person reads it: Títulos a receber 000881 / 1/3. The key is as it goes on the
    wire.
    """
    return f"{dataset_name(dataset)} {row_key(key)}".rstrip()


def row_key(key: str) -> str:
    """Return a row's key as a person reads it: 000881 / 1/3."""
    return " / ".join(part.replace("~1", "/").replace("~0", "~") for part in key.split("/"))


def record_name(kind: str, id_: str, label: str) -> str:
    """Return a record's name: Pedido 1.234."""
    return f"{KINDS[kind]} {label or id_}"
