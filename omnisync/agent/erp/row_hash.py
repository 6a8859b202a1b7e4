"""Short hashes by which rows are recognized; they are no protection against forgery.

Source: docs/decisions/0012-hashes-of-xxh3.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from xxhash import xxh3_64_digest, xxh3_64_intdigest, xxh3_128_digest

HASH_BYTES = 8


def seed_of(text: bytes) -> int:
    """Return a seed of 64 bits for this text, to enter the hashes of rows."""
    return xxh3_64_intdigest(text)


def hash_rows(texts: Iterable[bytes], seed: int = 0) -> list[bytes]:
    """`HASH_BYTES` for each text; `seed`, 64 bits, enters all of them."""
    return list(map(xxh3_64_digest, texts, repeat(seed)))


def hash_of_hashes(concatenated: bytes) -> bytes:
    """Return one hash, of twice as many bytes, for hashes that came one after another."""
    return xxh3_128_digest(concatenated)


def digest_of_keys(keys: Iterable[str]) -> str:
    """Return one short text for a set of keys, whatever their order."""
    total = n = 0
    for key in keys:
        total, n = total + xxh3_64_intdigest(key.encode()), n + 1
    return f"{n}:{total % 2**64:016x}" if n else ""
