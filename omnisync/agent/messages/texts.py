"""Sentences filled with their words, labels, numbers and ages, in pt-BR."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from omnisync.agent.messages.pt import OF_EXPORTS, SENTENCES, TIMELESS, WAITED_OUT
from omnisync.agent.phase import Phase

NAMELESS = "Sem nome"
"""Stands where a name may not be empty."""
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


class _Words(dict[str, str]):
    """The words of a sentence; a missing one reads as a dash, so that reporting an error never fails."""

    def __missing__(self, key: str) -> str:
        return "–"


def sentence(code: str, **words: object) -> str:
    """Return the sentence of `code`, filled. Never raises: an unknown code gives the general sentence."""
    return _filled(SENTENCES.get(code), code, words)


def of_run(code: str, words: Mapping[str, object], *, is_export: bool) -> str:
    """Return the sentence of what holds a run up or ended it, said of an import or of an export."""
    return _filled((OF_EXPORTS.get(code) if is_export else None) or SENTENCES.get(code), code, words)


def of_waiting(code: str, words: Mapping[str, object], *, is_export: bool) -> str:
    """Return the sentence of what a run waits out by itself."""
    template = WAITED_OUT.get(code)
    return of_run(code, words, is_export=is_export) if template is None else _filled(template, code, words)


def _filled(template: str | None, code: str, words: Mapping[str, object]) -> str:
    if template is None:
        return SENTENCES["internal"].format_map(_Words(motivo=code))
    filled = _Words({name: str(word) for name, word in words.items() if word is not None})
    if code in TIMELESS and "hora" not in filled:
        template = TIMELESS[code]
    return template.format_map(filled)


def integer(n: int) -> str:
    """1234567 as 1.234.567."""
    return f"{n:,}".replace(",", ".")


def money(text: str) -> str:
    """1234.5 as R$ 1.234,50, with the no-break space; a text that is no number as it is."""
    try:
        amount = Decimal(text).quantize(Decimal("0.01"))
    except InvalidOperation:
        return text
    whole, cents = f"{amount:,.2f}".rsplit(".", 1)
    return f"R$\u00a0{whole.replace(',', '.')},{cents}"


def hour(moment: datetime) -> str:
    """Return the hour on the wall: 08:00."""
    return moment.strftime("%H:%M")


def unread(orders: Mapping[str, int]) -> list[str]:
    """Return a sentence for each establishment that is not registered, whose orders no agent reads."""
    return [
        sentence("establishment_unknown", pedidos=counted(n, "pedido", "pedidos"), codigo=code)
        for code, n in orders.items()
    ]


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


def many_deleted(dataset: str, n: int) -> tuple[str, dict[str, object]]:
    """Return the sentence for `n` rows of a dataset that go only with a person's confirmation: its code and its
    words.
    """
    if dataset == "products":
        return "many_deleted", {"n": integer(n)}
    return "many_rows_deleted", {"n": integer(n), "dados": DATASETS.get(dataset, dataset)}


def exporting(phase: Phase) -> str:
    """Return what an export does: Enviando ao OmniForce: estoque. Empty for a phase of an import."""
    system, _, name = phase.dataset.partition(".")
    if not phase.is_export:
        return ""
    known = DATASETS.get(name, name)
    return f"Lendo no ERP: {known}" if phase.stage == "read" else f"Enviando ao {SYSTEMS.get(system, system)}: {known}"


def exported(sent: Mapping[str, int], *, deleted: int = 0, refused: int = 0) -> str:
    """Return what went out, by system: 1.204 linhas enviadas ao OmniForce e 30 linhas ao Dash; 2 apagadas, 1
    recusada.
    """
    parts = [f"{counted(n, 'linha', 'linhas')} ao {SYSTEMS[system]}" for system, n in sent.items() if n]
    if parts:
        n_first = next(n for n in sent.values() if n)
        first, *rest = parts
        verb = "enviada" if n_first == 1 else "enviadas"
        sentence = " e ".join([first.replace(" ao ", f" {verb} ao ", 1), *rest])
    else:
        sentence = "Nada mudou no ERP desde a última exportação"
    more = [
        *([f"{counted(deleted, 'apagada', 'apagadas')}"] if deleted else []),
        *([f"{counted(refused, 'recusada', 'recusadas')}"] if refused else []),
    ]
    return f"{sentence}; {', '.join(more)}." if more else f"{sentence}."


def counted(n: int, one: str, many: str) -> str:
    """1 pedido, 2 pedidos, 1.204 pedidos."""
    return f"{integer(n)} {one if n == 1 else many}"


def age(since: datetime, now: datetime) -> str:
    """há 3 dias: how long something has been waiting, in its largest unit."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 1:
        return "há menos de um minuto"
    if minutes < 60:
        return f"há {counted(minutes, 'minuto', 'minutos')}"
    if minutes < 24 * 60:
        return f"há {counted(minutes // 60, 'hora', 'horas')}"
    return f"há {counted(minutes // (24 * 60), 'dia', 'dias')}"
