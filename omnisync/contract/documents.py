"""CNPJ (letters too, since July 2026) and CPF: a strict gate, with python-stdnum as its oracle in the tests.

Stricter than stdnum, which lets full-width digits, all-equal characters and masks within a canonical text through.
Source: IN RFB 2.229/2024 (CNPJ with letters).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from operator import mul
from typing import Literal

TaxIdKind = Literal["cnpj", "cpf"]

_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}", re.ASCII)
_CPF = re.compile(r"[0-9]{11}", re.ASCII)
_CNPJ_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_CPF_WEIGHTS = (11, 10, 9, 8, 7, 6, 5, 4, 3, 2)
"""Of the second check digit; the first one's are the same without the first."""
_MASK = re.compile(r"[./\-\s]", re.ASCII)
# A CPF inside running text: small companies' names often end with their owner's.
_CPF_IN_TEXT = re.compile(r"(?<![0-9])([0-9]{3})\.?([0-9]{3})\.?([0-9]{3})-?([0-9]{2})(?![0-9])")
_CNPJ_IN_TEXT = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Z]{2}\.?[0-9A-Z]{3}\.?[0-9A-Z]{3}/?[0-9A-Z]{4}-?[0-9]{2}(?![0-9A-Za-z])"
)
# A document in a code, whatever stands around or between its digits, and however many zeros before it.
_GAP = r"[\W_]{0,2}"
_CPF_IN_CODE = re.compile(rf"(?<![0-9])0*([0-9]{{3}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{2}})(?![0-9])")
_DIGITS_OF_CNPJ_IN_CODE = re.compile(
    rf"(?<![0-9])0*([0-9]{{2}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{2}})(?![0-9])"
)


def is_cnpj(text: str) -> bool:
    """Return whether `text` is a canonical CNPJ: 12 of [0-9A-Z], two right check digits, no mask."""
    return _CNPJ.fullmatch(text) is not None and len(set(text)) > 1 and _has_check_digits(text, _CNPJ_WEIGHTS)


def is_cpf(text: str) -> bool:
    """Return whether `text` is a canonical CPF: 11 digits, the last two right, not all equal."""
    return _CPF.fullmatch(text) is not None and len(set(text)) > 1 and _has_check_digits(text, _CPF_WEIGHTS)


def _has_check_digits(text: str, weights: Sequence[int]) -> bool:
    """Return whether the last two characters follow, modulo 11, from those before; a letter counts as its code less
    48.
    """
    values = [code - 48 for code in text.encode()]
    for at in (len(values) - 2, len(values) - 1):
        rest = sum(map(mul, values[:at], weights[-at:])) % 11
        if values[at] != (0 if rest < 2 else 11 - rest):
            return False
    return True


def tax_id(text: str) -> tuple[TaxIdKind, str]:
    """Return the kind and canonical form of a CNPJ or CPF written by a person: mask off, upper case.

    Raises ValueError (without the number in it) when it is neither.
    """
    canonical = _MASK.sub("", text).upper()
    if is_cnpj(canonical):
        return "cnpj", canonical
    if is_cpf(canonical):
        return "cpf", canonical
    raise ValueError("neither a CNPJ nor a CPF")


def has_tax_id(code: str) -> bool:
    """Return whether a CPF or CNPJ stands in the code: with its mask, letters around it, other scripts' digits."""
    plain = "".join(str(unicodedata.digit(c, c)) for c in unicodedata.normalize("NFKC", code)).upper()
    if is_cnpj(_MASK.sub("", plain)) or any(is_cnpj(_MASK.sub("", m[0])) for m in _CNPJ_IN_TEXT.finditer(plain)):
        return True
    return any(is_cpf(digits) for digits in _digits(_CPF_IN_CODE, plain)) or any(
        is_cnpj(digits) for digits in _digits(_DIGITS_OF_CNPJ_IN_CODE, plain)
    )


def _digits(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    return (re.sub(r"[^0-9]", "", found[1]) for found in pattern.finditer(text))


def mask(canonical: str) -> str:
    """For the owner's eyes: AA.AAA.AAA/AAAA-DD or 000.000.000-00; another text as it is."""
    if len(canonical) == 14:
        c = canonical
        return f"{c[:2]}.{c[2:5]}.{c[5:8]}/{c[8:12]}-{c[12:]}"
    if len(canonical) == 11:
        return f"{canonical[:3]}.{canonical[3:6]}.{canonical[6:9]}-{canonical[9:]}"
    return canonical


def redact(text: str) -> str:
    """`text` with every CPF and CNPJ in it made unreadable: for logs, pages and messages."""
    hidden = _CNPJ_IN_TEXT.sub("**.***.***/****-**", text)
    return _CPF_IN_TEXT.sub(lambda m: f"***.{m[2]}.{m[3]}-**", hidden)
