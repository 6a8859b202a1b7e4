"""A sentence of the program: what happened, and what to do about it."""

from __future__ import annotations

from msgspec import Struct


class Message(Struct, frozen=True):
    """A text with words in braces. `remedy` is what the reader can do; empty where nothing is to be done."""

    sentence: str
    remedy: str = ""

    @property
    def text(self) -> str:
        """Return both as one text, still to be filled."""
        return f"{self.sentence} {self.remedy}".rstrip()
