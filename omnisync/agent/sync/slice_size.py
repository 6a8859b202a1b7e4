"""The size of the next transaction, by the time the last one took."""

from __future__ import annotations

from collections.abc import Callable, Iterator

FIRST_SLICE = 1
"""Before it is known how long the ERP takes for a record: its triggers may take seconds."""
MAX_REMEMBERED = 50
"""Of the last run's size: an ERP that became slow meanwhile still gets them in within the time of one step."""
MAX_SLICE_S = 1.0
"""Other people work in that database: a transaction there stays under this."""


class AdaptiveSliceSize:
    """The size of the next transaction, in records: by the time the last one took."""

    def __init__(self, monotonic: Callable[[], float], first: int = FIRST_SLICE) -> None:
        self._monotonic = monotonic
        self._size = first

    @property
    def size(self) -> int:
        """Return the size of the next transaction."""
        return self._size

    def slices(self, n: int) -> Iterator[tuple[int, int]]:
        """Yield the slices of a page of n records, each timed between two steps of the iteration."""
        start = 0
        while start < n or start == 0:
            end = min(n, start + self._size)
            began = self._monotonic()
            yield start, end
            self._adapt(end - start, self._monotonic() - began)
            start = max(end, 1)

    def _adapt(self, n: int, took_s: float) -> None:
        if took_s > MAX_SLICE_S:
            self._size = max(1, int(n * MAX_SLICE_S / took_s))
        elif n == self._size and took_s < MAX_SLICE_S / 20:
            self._size *= 8
        elif n == self._size and took_s < MAX_SLICE_S / 2:
            self._size *= 2
