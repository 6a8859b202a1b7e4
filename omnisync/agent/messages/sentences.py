"""Sentences filled with their words, by code, and the texts of an export.

A word may be a value that has a text of its own here: a `CodedMessage` its sentence, a `RecordLabel` its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from omnisync.agent.coded_message import CodedMessage
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.messages.format import format_count, format_integer, format_money
from omnisync.agent.messages.labels import DATASETS, KINDS, SYSTEMS
from omnisync.agent.messages.message import Message
from omnisync.agent.messages.pt import MESSAGES, OF_EXPORTS, TIMELESS, WAITED_OUT
from omnisync.agent.phase import Phase
from omnisync.agent.record_ref import RecordLabel


class _Words(dict[str, str]):
    """The words of a sentence; a missing one reads as a dash, so that reporting an error never fails."""

    def __missing__(self, key: str) -> str:
        return "–"


def of_code(code: str, **words: object) -> str:
    """Return the sentence of `code`, filled. Never raises: an unknown code gives the general sentence."""
    return _filled(MESSAGES.get(code), code, words)


def of_words(code: str, words: Mapping[str, object]) -> str:
    """Return the sentence of `code` as `of_code` does, its words in one mapping."""
    return _filled(MESSAGES.get(code), code, words)


def of_error(error: OmnisyncError) -> str:
    """Return the sentence of an error."""
    return of_words(error.code, error.words)


def of_message(message: CodedMessage) -> str:
    """Return the sentence of a coded message."""
    return of_words(message.code, dict(message.words))


def of_run(code: str, words: Mapping[str, object], *, is_export: bool) -> str:
    """Return the sentence of what holds a run up or ended it, said of an import or of an export."""
    return _filled((OF_EXPORTS.get(code) if is_export else None) or MESSAGES.get(code), code, words)


def of_waiting(code: str, words: Mapping[str, object], *, is_export: bool) -> str:
    """Return the sentence of what a run waits out by itself."""
    message = WAITED_OUT.get(code)
    return of_run(code, words, is_export=is_export) if message is None else _filled(message, code, words)


def of_unread_orders(orders: Mapping[str, int]) -> list[str]:
    """Return a sentence for each establishment that is not registered, whose orders no agent reads."""
    return [
        of_code("establishment_unknown", pedidos=format_count(n, "pedido", "pedidos"), codigo=code)
        for code, n in orders.items()
    ]


def _filled(message: Message | None, code: str, words: Mapping[str, object]) -> str:
    if message is None:
        return MESSAGES["internal"].text.format_map(_Words(motivo=code))
    formats = _FORMATS.get(code, {})
    texts = {name: _text_of(word) for name, word in words.items() if word is not None}
    filled = _Words({name: formats[name](text) if name in formats else text for name, text in texts.items()})
    if code in TIMELESS and "hora" not in filled:
        message = TIMELESS[code]
    return message.text.format_map(filled)


def _text_of(word: object) -> str:
    if isinstance(word, CodedMessage):
        return of_message(word)
    if isinstance(word, RecordLabel):
        return f"{KINDS[word.kind].lower()} {word.label or 'sem identificação'}"
    return str(word)


def _grouped(n: str) -> str:
    """Return a plain number with its points. One that an older version stored with them stays as it is."""
    return format_integer(int(n)) if n.isdecimal() else n


def _dataset(name: str) -> str:
    """Return a dataset in pt-BR. One that an older version stored so stays as it is."""
    return DATASETS.get(name, name)


_AMOUNTS: Mapping[str, Callable[[str], str]] = {"total": format_money, "soma": format_money}
_FORMATS: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "totals_mismatch": _AMOUNTS,
    "total_not_explained": _AMOUNTS,
    "payments_mismatch": _AMOUNTS,
    "centavo_adjusted": _AMOUNTS,
    "many_deleted": {"n": _grouped},
    "many_rows_deleted": {"n": _grouped, "dados": _dataset},
}
"""By code and word: how a value is written."""


def export_step(phase: Phase) -> str:
    """Return what an export does: Enviando ao OmniForce: estoque. Empty for a phase of an import."""
    system, _, name = phase.dataset.partition(".")
    if not phase.is_export:
        return ""
    known = DATASETS.get(name, name)
    return f"Lendo no ERP: {known}" if phase.stage == "read" else f"Enviando ao {SYSTEMS.get(system, system)}: {known}"


def export_summary(sent: Mapping[str, int], *, deleted: int = 0, refused: int = 0) -> str:
    """Return what went out, by system: 1.204 linhas enviadas ao OmniForce e 30 linhas ao Dash; 2 apagadas, 1
    recusada.
    """
    parts = [f"{format_count(n, 'linha', 'linhas')} ao {SYSTEMS[system]}" for system, n in sent.items() if n]
    if parts:
        n_first = next(n for n in sent.values() if n)
        first, *rest = parts
        verb = "enviada" if n_first == 1 else "enviadas"
        sentence = " e ".join([first.replace(" ao ", f" {verb} ao ", 1), *rest])
    else:
        sentence = "Nada mudou no ERP desde a última exportação"
    more = [
        *([f"{format_count(deleted, 'apagada', 'apagadas')}"] if deleted else []),
        *([f"{format_count(refused, 'recusada', 'recusadas')}"] if refused else []),
    ]
    return f"{sentence}; {', '.join(more)}." if more else f"{sentence}."
