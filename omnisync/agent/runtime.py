"""Time, randomness and the process, as arguments: built once by the command line, replaced by tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct


class Runtime(Struct, frozen=True, kw_only=True):
    """The clocks, the waiting, the jitter, unique names and this process's id.

    `clock` returns a moment with a zone; `monotonic` and `wait` are in seconds; `uniform` returns a number between two.
    """

    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    wait: Callable[[float], None]
    uniform: Callable[[float, float], float]
    new_id: Callable[[], str]
    pid: Callable[[], int]
