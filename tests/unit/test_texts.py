"""The sentences: every error has one, each is one sentence or two, and none needs a word nobody gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnisync.agent import errors, texts
from omnisync.agent.errors import OmnisyncError

ROOT = Path(__file__).parents[2]


def _errors(parent: type[OmnisyncError]) -> Iterator[type[OmnisyncError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from _errors(child)


def test_every_error_has_its_sentence() -> None:
    missing = {error.code for error in _errors(OmnisyncError)} - texts.SENTENCES.keys()
    assert missing == set()


def test_every_code_the_program_names_has_its_sentence() -> None:
    named = set()
    for path in (ROOT / "omnisync" / "agent").rglob("*.py"):
        source = path.read_text()
        named |= set(
            re.findall(r'(?:(?<!Field)Error|\.refuse|_keep|reason_of)\((?:verdict, |lot\[0\], )?"([a-z_]+)"', source)
        )
        named |= set(re.findall(r'Fault\(\s*code="([a-z_]+)"', source))
    named |= set(re.findall(r'Fault\(\s*code="([a-z_]+)"', (ROOT / "omnisync/contract/rules.py").read_text()))
    assert len(named) > 25
    assert named - texts.SENTENCES.keys() == set()


@pytest.mark.parametrize("code", texts.SENTENCES)
def test_a_sentence_ends_in_a_full_stop_and_is_filled_without_words(code: str) -> None:
    said = texts.sentence(code)
    assert "{" not in said
    assert said.rstrip().endswith((".", "–"))


def test_an_unknown_code_still_says_something() -> None:
    assert texts.sentence("no_such_code").startswith("Algo inesperado aconteceu")


def test_the_error_tree_is_drawn_at_the_top_of_its_module() -> None:
    drawn = errors.__doc__ or ""
    assert [
        error.__name__
        for error in _errors(OmnisyncError)
        if error.__module__ == errors.__name__ and error.__name__ not in drawn
    ] == []


def test_money_is_written_as_in_brazil() -> None:
    assert texts.money("1234567.5") == "R$\u00a01.234.567,50"
    assert texts.integer(1204) == "1.204"
