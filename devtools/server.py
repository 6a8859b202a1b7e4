"""A private database server: how it starts and ends, and the databases made in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any


class Server(ABC):
    """A server that runs: where it listens, how to make a database in it, and how to kill it.

    One that is not durable keeps its data only as long as the machine runs, and does no work for later.
    """

    name: str
    user: str = "omnisync"
    ends_by = signal.SIGKILL
    """What ends it at once, as a power cut would."""

    def __init__(self, folder: Path, *, is_durable: bool = False) -> None:
        self.folder = folder
        self.is_durable = is_durable
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._administrator: Any = None
        self.n_databases = 0
        self._made: list[str] = []
        self._templates: dict[str, str] = {}

    @abstractmethod
    def install(self) -> None:
        """Lay out the server's own files, before its first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """What runs in the foreground until it is ended."""

    @abstractmethod
    def create(self, name: str, charset: str) -> str:
        """Make an empty database; answers what a connection calls it."""

    @abstractmethod
    def copy(self, template: str, name: str) -> str:
        """Make a database like one that has no session; answers what a connection calls it."""

    @abstractmethod
    def drop(self, database: str) -> None:
        """Remove a database, whatever still uses it."""

    @abstractmethod
    def administrator(self) -> Any:
        """A session that may do everything, each statement by itself."""

    def database(self, charset: str = "UTF8") -> str:
        """A new empty database."""
        self._made.append(self.create(self._new_name(), charset))
        return self._made[-1]

    def copied(self, key: str, make: Callable[[], str]) -> str:
        """A database like the one that `make` makes with `database`: made once, then copied."""
        if key not in self._templates:
            self._templates[key] = make()
            self._made.remove(self._templates[key])
        self._made.append(self.copy(self._templates[key], self._new_name()))
        return self._made[-1]

    def drop_made(self) -> None:
        """Remove every database made until now, but for those that others are copied from."""
        while self._made:
            self.drop(self._made.pop())

    def run(self, sql: str) -> None:
        """One statement of the administrator, over any database."""
        if self._administrator is None:
            self._administrator = self.administrator()
        with closing(self._administrator.cursor()) as cursor:
            cursor.execute(sql)

    def _new_name(self) -> str:
        self.n_databases += 1
        return f"erp{self.n_databases}"

    @property
    def pid(self) -> int:
        """The id of the process that runs the server, the parent of its others."""
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """What the server's programs see around them."""
        return dict(os.environ)  # noqa: TID251  # a child inherits it

    def start(self) -> None:
        """Start, and wait until the port answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, cwd="/", env=self.environment, start_new_session=True
            )
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, f"{self.name} did not start"
            threading.Event().wait(0.05)

    def end(self) -> None:
        """End the server by its id, at once: what was not committed is gone."""
        if self._administrator is not None:
            self._administrator.close()
            self._administrator = None
        if self._process is not None:
            os.killpg(self._process.pid, self.ends_by)
            self._process.wait(20)
            self._process = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended."""
        return self._process is not None

    def restart(self) -> None:
        """Die and come back."""
        self.end()
        self.start()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
