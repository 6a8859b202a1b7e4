"""Lists for a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO

import pytest

from omnisync.agent.messages.spreadsheet import BOM, csv_text

FULL_WIDTH = ("\uff1d1+1", "\uff0b55", "\uff0d2", "\uff20soma")


@pytest.mark.parametrize("cell", ["=1+1", "+55", "-2", "@soma", "\tx", "\rx", "\0x", "\n=1+1", *FULL_WIDTH])
def test_case_f10_no_cell_is_a_formula(cell: str) -> None:
    text = csv_text(["a"], [[cell]])
    assert "\"'" + cell[0] in text


def test_what_was_written_is_read_back() -> None:
    text = csv_text(["Nome", "Motivo"], [["São João; filial", 'Pincel 2" preto']])
    assert text.startswith(BOM)
    rows = list(csv.reader(StringIO(text.removeprefix(BOM)), delimiter=";"))
    assert rows == [["Nome", "Motivo"], ["São João; filial", 'Pincel 2" preto']]
