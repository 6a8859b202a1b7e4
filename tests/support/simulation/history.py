"""A history: events in their order, each a method of the simulation and what it is called with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Event = tuple[Any, ...]
"""The name of a method, and its arguments."""


def replay(simulation: object, events: Iterable[Event], is_possible: Callable[[str], bool] = lambda what: True) -> None:
    """Let everything happen in its order; what is not possible when its turn comes is left out."""
    for what, *words in events:
        if is_possible(what):
            getattr(simulation, what)(*words)
