"""Kills and lost answers, each at a moment that a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class KillError(BaseException):
    """The process is killed here: nothing of ours may catch this."""


class FaultInjector:
    """Springs once, at the n-th point that is met; at none with n = 0.

    `how`: "kill", or "error" (the process lives, an answer is lost). Points stand `before`, `within` and `after` what
    is done; with `where` only those of one kind count.
    """

    def __init__(self, n: int, how: str, where: str = "") -> None:
        self._left, self._how, self._where = n, how, where
        self.is_set = n > 0

    @property
    def has_sprung(self) -> bool:
        """Return whether its point was met."""
        return self.is_set and self._left <= 0

    def meet(self, where: str, error: Callable[[], Exception] | None = None) -> None:
        """Come to a point; without an error it can only be a kill."""
        if self._where not in ("", where):
            return
        self._left -= 1
        if self._left == 0:
            if self._how == "kill":
                raise KillError
            if error is not None:
                raise error()

    def around(self, action: Callable[..., Any], error: Callable[[], Exception] | None = None) -> Callable[..., Any]:
        """Return the action with a point before it and one after it."""

        def injected(*given: Any, **named: Any) -> Any:
            self.meet("before", error)
            answer = action(*given, **named)
            self.meet("after", error)
            return answer

        return injected


def no_fault() -> FaultInjector:
    """Return one that never springs."""
    return FaultInjector(0, "kill")


def fault(n: int, words: str) -> FaultInjector:
    """Return the fault that `words` say: "kill before", "error after"; the n-th of them."""
    how, _, where = words.partition(" ")
    return FaultInjector(n, how, where)
