"""Answer monitors whether the hub can work, on a thread and a connection that no other request takes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store

PATIENCE_S = 5.0


class HealthCheck:
    """The health of one hub. Monitors that ask at once share one look at the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._going: asyncio.Future[bool] | None = None

    async def check(self) -> None:
        """Return when the database answers. Raises ProblemError `maintenance`, or what the driver raises."""
        if self._going is None or self._going.done():
            self._going = asyncio.get_running_loop().run_in_executor(self._thread, self._store.is_up)
        try:
            await asyncio.wait_for(asyncio.shield(self._going), PATIENCE_S)
        except TimeoutError:
            raise ProblemError("maintenance", headers={"Retry-After": "10"}) from None
