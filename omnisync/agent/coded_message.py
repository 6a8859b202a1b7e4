"""A sentence for people, as the layers below the pages and the commands know it: a code and its words."""

from __future__ import annotations

from msgspec import Struct

DUPLICATE_CUSTOMER = "customer_duplicate"
OTHER_DOCUMENT = "customer_other_document"
ASKED_OF_A_PERSON = (DUPLICATE_CUSTOMER, OTHER_DOCUMENT)
"""What a customer is refused for until a person says which of the ERP's rows is its own."""


class CodedMessage(Struct, frozen=True):
    """The code of a sentence of `messages/pt.py`, and the words that fill it, each with its name."""

    code: str
    words: tuple[tuple[str, object], ...] = ()


def coded(code: str, **words: object) -> CodedMessage:
    """Return the message of a code and its words. A word may itself be such a message."""
    return CodedMessage(code, tuple(words.items()))
