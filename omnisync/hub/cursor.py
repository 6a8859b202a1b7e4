"""The cursor: a place in one stream of one company, opaque on purpose so that nobody counts on what is inside.

It holds the sequence, the company's epoch and what was being read; a check value tells a cut or mistyped one. It
protects nothing: the token says who reads, and a forged cursor can only make its own reader skip its own records.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest

from msgspec import Struct

from omnisync.hub.errors import ProblemError

_KEY = b"omnisync cursor 1"
_PART = 6
_CHECK = 8
_SIZE = _CHECK + 8 + _PART + _PART


class Place(Struct, frozen=True, kw_only=True):
    """After which sequence to go on, in which stream, under which epoch of the company."""

    company: str
    stream: str
    epoch: str
    sequence: int = 0


def write(place: Place) -> str:
    """The place as URL-safe text; the same place is always the same text."""
    plain = place.sequence.to_bytes(8, "big") + _filter(place) + _short(place.epoch)
    check = _check(plain)
    return urlsafe_b64encode(check + _masked(plain, check)).rstrip(b"=").decode()


def read(cursor: str, start: Place) -> Place:
    """The place a cursor means, for a reader of `start`'s stream.

    Raises ProblemError: `cursor_invalid`, `cursor_filter_mismatch` (another stream's) or `cursor_expired` (epoch).
    """
    plain = _plain(cursor)
    if plain[8 : 8 + _PART] != _filter(start):
        raise ProblemError("cursor_filter_mismatch")
    if plain[8 + _PART :] != _short(start.epoch):
        raise ProblemError("cursor_expired")
    return Place(
        company=start.company, stream=start.stream, epoch=start.epoch, sequence=int.from_bytes(plain[:8], "big")
    )


def _plain(cursor: str) -> bytes:
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raise ProblemError("cursor_invalid") from None
    check = packed[:_CHECK]
    plain = _masked(packed[_CHECK:], check)
    if len(packed) != _SIZE or not compare_digest(_check(plain), check):
        raise ProblemError("cursor_invalid")
    return plain


def _filter(place: Place) -> bytes:
    return _short(f"{place.company}\0{place.stream}")


def _short(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=_PART).digest()


def _check(plain: bytes) -> bytes:
    return blake2b(plain, key=_KEY, digest_size=_CHECK).digest()


def _masked(text: bytes, check: bytes) -> bytes:
    """XOR with a stream made from the check value: the same call masks and unmasks. Raises nothing at any length."""
    stream = blake2b(check, key=_KEY, digest_size=64).digest()
    return bytes(a ^ b for a, b in zip(text, stream, strict=False))
