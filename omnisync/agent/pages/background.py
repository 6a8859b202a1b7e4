"""Work outside of a request's thread: a driver that waits for its server in C hears of no deadline."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import TypeVar

TaskResult = TypeVar("TaskResult")


class BackgroundTasks:
    """Does work in threads of its own, one at a time for each name, and waits for none longer than told.

    What takes longer is left to end by itself: the program does not wait for it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._going: set[str] = set()

    def submit(self, name: str, work: Callable[[], TaskResult]) -> Future[TaskResult] | None:
        """Start; None when work of this name has not ended yet."""
        with self._lock:
            if name in self._going:
                return None
            self._going.add(name)
        future: Future[TaskResult] = Future()
        Thread(target=self._run, args=(name, work, future), name=name, daemon=True).start()
        return future

    def _run(self, name: str, work: Callable[[], TaskResult], future: Future[TaskResult]) -> None:
        try:
            found = work()
        except Exception as error:  # noqa: BLE001  # it is raised again where the answer is asked for
            self._end(name)
            future.set_exception(error)
        else:
            self._end(name)
            future.set_result(found)

    def _end(self, name: str) -> None:
        with self._lock:
            self._going.discard(name)
