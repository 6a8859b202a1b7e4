"""The gate of CNPJ and CPF, with python-stdnum as its oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cnpj as oracle_cnpj
from stdnum.br import cpf as oracle_cpf

from omnisync.contract.documents import is_cnpj, is_cpf, mask, redact, tax_id

CPF = "11144477735"
CNPJ = "12ABC34501DE35"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("12.ABC.345/01DE-35", ("cnpj", CNPJ)),
        ("12abc34501de35", ("cnpj", CNPJ)),
        ("11.222.333/0001-81", ("cnpj", "11222333000181")),
        ("111.444.777-35", ("cpf", CPF)),
    ],
)
def test_what_a_person_writes_is_made_canonical(written: str, read: tuple[str, str]) -> None:
    assert tax_id(written) == read


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "12ABC34501DE36",
        "11144477734",
        "00000000000000",
        "11111111111",
        "１1144477735",
        "12ABC34501DEXX",
        "1114447773",
    ],
)
def test_what_is_no_document_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(ValueError, match="neither a CNPJ nor a CPF"):
        tax_id(wrong)


@given(st.text("0123456789ABZ", min_size=14, max_size=14))
def test_the_gate_takes_no_cnpj_that_its_oracle_refuses(text: str) -> None:
    assert not is_cnpj(text) or oracle_cnpj.is_valid(text)


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=12, max_size=12).filter(lambda t: len(set(t)) > 1))
def test_every_cnpj_with_right_digits_is_taken(body: str) -> None:
    full = body + oracle_cnpj.calc_check_digits(body)
    assert is_cnpj(full)
    wrong = full[:-1] + ("0" if full[-1] != "0" else "1")
    assert not is_cnpj(wrong)


@given(st.text("0123456789", min_size=11, max_size=11).filter(lambda t: len(set(t)) > 1))
def test_the_gate_agrees_with_its_oracle_on_cpf(text: str) -> None:
    assert is_cpf(text) == oracle_cpf.is_valid(text)


def test_masks_are_for_the_owners_eyes() -> None:
    assert (mask(CNPJ), mask(CPF), mask("X1")) == ("12.ABC.345/01DE-35", "111.444.777-35", "X1")


@pytest.mark.parametrize(
    "text", [f"JOAO DA SILVA {CPF}", "Maria 111.444.777-35 ME", f"Aurora {CNPJ}", "12.ABC.345/01DE-35"]
)
def test_a_document_inside_a_text_is_made_unreadable(text: str) -> None:
    hidden = redact(text)
    assert CPF not in hidden
    assert "111.444.777-35" not in hidden
    assert CNPJ not in hidden
    assert "12.ABC" not in hidden
