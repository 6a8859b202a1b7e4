"""The cursor: a place in one stream of one company, opaque on purpose, so that no reader relies on what is inside.

It holds the sequence, the company's epoch, what was being read, and the proof of it: the newest mark of the company
when it was read, signed by a secret of the hub's database. So a cursor that the hub gave tells a database put back from
a copy, and one that was made up tells nothing. A check value tells a cut or mistyped one. Cursors of before the marks
have no proof and no signature; they are read as they were then.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest

from msgspec import Struct

from omnisync.hub.errors import ProblemError

_KEY = b"omnisync cursor 1"
_PART = 6
_CHECK = 8
_MARK = 8
_SIGNATURE = 16
_PLACE = 8 + _PART + _PART
_PROVEN = _PLACE + 8 + _MARK


class Proof(Struct, frozen=True):
    """The newest mark of the company in the moment of a reading, and the sequence that it stands at."""

    sequence: int
    mark: str


class CursorPosition(Struct, frozen=True, kw_only=True):
    """After which sequence to go on, in which stream, under which epoch of the company, by which proof."""

    company: str
    stream: str
    epoch: str
    sequence: int = 0
    proof: Proof | None = None


class Cursor(Struct, frozen=True):
    """A decoded cursor. `proof` is only there where this hub's own signature is."""

    epoch: str
    """As `short` writes it."""
    sequence: int
    proof: Proof | None = None
    is_foreign: bool = False
    """Signed, and not by this hub's database."""


def encode(place: CursorPosition, secret: bytes) -> str:
    """Return the place as URL-safe text, signed; unsigned without a proof. The same place is always the same text."""
    plain = place.sequence.to_bytes(8, "big") + _filter(place) + bytes.fromhex(short(place.epoch))
    if place.proof is not None:
        plain += place.proof.sequence.to_bytes(8, "big") + bytes.fromhex(place.proof.mark)
        plain += _signature(plain, secret)
    check = _check(plain)
    return urlsafe_b64encode(check + _masked(plain, check)).rstrip(b"=").decode()


def decode(cursor: str, start: CursorPosition, secret: bytes) -> Cursor:
    """Return what a cursor says to a reader of `start`'s stream; whether it stands is for the database to say.

    Raises ProblemError: `cursor_invalid` or `cursor_filter_mismatch` (another stream's).
    """
    plain = _plain(cursor)
    if plain[8 : 8 + _PART] != _filter(start):
        raise ProblemError("cursor_filter_mismatch")
    epoch, sequence = plain[8 + _PART : _PLACE].hex(), int.from_bytes(plain[:8], "big")
    if len(plain) == _PLACE:
        return Cursor(epoch, sequence)
    if not compare_digest(_signature(plain[:_PROVEN], secret), plain[_PROVEN:]):
        return Cursor(epoch, sequence, is_foreign=True)
    proven = int.from_bytes(plain[_PLACE : _PLACE + 8], "big")
    return Cursor(epoch, sequence, Proof(proven, plain[_PLACE + 8 : _PROVEN].hex()))


def short(epoch: str) -> str:
    """Return the epoch as a cursor holds it."""
    return _digest(epoch).hex()


def _plain(cursor: str) -> bytes:
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raise ProblemError("cursor_invalid") from None
    check = packed[:_CHECK]
    plain = _masked(packed[_CHECK:], check)
    is_whole = len(packed) - _CHECK in (_PLACE, _PROVEN + _SIGNATURE)
    if not is_whole or not compare_digest(_check(plain), check):
        raise ProblemError("cursor_invalid")
    return plain


def _filter(place: CursorPosition) -> bytes:
    return _digest(f"{place.company}\0{place.stream}")


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=_PART).digest()


def _check(plain: bytes) -> bytes:
    return blake2b(plain, key=_KEY, digest_size=_CHECK).digest()


def _signature(plain: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, plain, "sha256")[:_SIGNATURE]


def _masked(text: bytes, check: bytes) -> bytes:
    """XOR with a stream made from the check value: the same call masks and unmasks. Raises nothing at any length."""
    stream = blake2b(check, key=_KEY, digest_size=64).digest()
    return bytes(a ^ b for a, b in zip(text, stream, strict=False))
