"""Work outside of a request's thread: a driver that waits for its server in C hears of no deadline."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import TypeVar

Answer = TypeVar("Answer")


class Apart:
    """Does work in threads of its own, one at a time for each name, and waits for none longer than told.

    What takes longer is left to end by itself: the program does not wait for it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._going: set[str] = set()

    def begin(self, name: str, work: Callable[[], Answer]) -> Future[Answer] | None:
        """Start; None when work of this name has not ended yet."""
        with self._lock:
            if name in self._going:
                return None
            self._going.add(name)
        answer: Future[Answer] = Future()
        Thread(target=self._do, args=(name, work, answer), name=name, daemon=True).start()
        return answer

    def _do(self, name: str, work: Callable[[], Answer], answer: Future[Answer]) -> None:
        try:
            found = work()
        except Exception as error:  # noqa: BLE001  # it is raised again where the answer is asked for
            self._end(name)
            answer.set_exception(error)
        else:
            self._end(name)
            answer.set_result(found)

    def _end(self, name: str) -> None:
        with self._lock:
            self._going.discard(name)
