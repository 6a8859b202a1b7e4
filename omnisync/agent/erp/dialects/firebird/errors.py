"""The numbers of Firebird's errors, and their words without documents and names."""

from __future__ import annotations

from firebird.driver.core import CHARSET_MAP  # type: ignore[import-untyped]  # the driver has no types
from firebird.driver.interfaces import iUtil_v2  # type: ignore[import-untyped]

_BYTES = "latin-1"
"""Each byte a letter: what was decoded so gives its bytes back."""

LOST = frozenset({335544324, 335544506, 335544528, 335544721, 335544726, 335544727, 335544741, 335544856, 335544971})
BUSY = LOST | {335544336, 335544345, 335544451, 335544453, 335544476, 335544510, 335544744, 335544794, 335545096}
LOCK_TIMEOUT = frozenset({335544451, 335544510})  # a wait that ended is told as an update conflict, too
DUPLICATE = frozenset({335544349, 335544665})
LOGIN = frozenset({335544472, 335544753, 335545106})
PERMISSION = frozenset({335544352, 335544360, 335544361, 335544765})
CHARSET = frozenset({335544509, 335544854})
TRANSLITERATION = frozenset({335544565})
EXCEPTION = frozenset({335544517, 335544848})
REFUSED = (
    DUPLICATE
    | EXCEPTION
    | {335544321, 335544334, 335544342, 335544347, 335544466, 335544558, 335544565, 335544778, 335544810, 335544838}
    | {335544839, 335544849, 335544879, 335544880, 335544912, 335544913, 335544914, 335544916}
    | {335545012, 335545013, 335545014}
)
MISSING_TABLE = frozenset({335544395, 335544580})
MISSING_COLUMN = frozenset({335544396, 335544578})
UNREACHABLE = frozenset({335544323, 335544344, 335544375, 335544421, 335544722, 335544734})


def codes_of(error: BaseException) -> frozenset[int]:
    """Return the server's numbers of an error; none where the driver alone speaks."""
    return frozenset(getattr(error, "gds_codes", ()))


def keep_bytes_of_messages() -> None:
    """Let the driver keep a message's bytes: in the letters of this computer's language those of the ERP's are lost.

    It takes no setting for it but this default of its own, of the whole process.
    """
    iUtil_v2.format_status.__defaults__ = (_BYTES,)


def text_of(error: BaseException, charset: str) -> str:
    """Return what an error says, in the letters it was written with: UTF-8's, or those of the connection's charset."""
    text = str(error)
    if not codes_of(error):
        return text
    try:
        raw = text.encode(_BYTES)
    except UnicodeEncodeError:  # the driver's own words
        return text
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(CHARSET_MAP.get(charset.upper()) or _BYTES, "replace")


def lines_of(text: str) -> list[str]:
    """Return what the database says, without where in its code it says so."""
    lines = (line.lstrip("-").strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("At ")]


def motive_of(codes: frozenset[int], text: str) -> str:
    """Return the sentence to show: the trigger's own where there is one, never a document or a name of the record."""
    lines = [line for line in lines_of(text) if not line.startswith("Problematic key value")]
    if codes & EXCEPTION and len(lines) > 2:
        lines = lines[2:]  # the exception's number and name stand before it
    return " ".join(lines).partition(", value ")[0]
