"""Where the contenders read from: pages rendered before, or a real hub."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol
from urllib.request import Request, urlopen

from bench.processes import HERE, WORK, ended, started


class Source(Protocol):
    """An address that serves the contract, and what it shows."""

    url: str
    token: str

    def begin(self, folder: Path) -> None:
        """Show only what was there first; `folder` is the round's own."""
        ...

    def show_later(self) -> None:
        """Show what came later, too."""
        ...

    def n_requests(self) -> int | None:
        """Return how many requests were answered so far, None where they are not counted."""
        ...

    def close(self) -> None:
        """End the server."""
        ...


class StaticPages:
    """Pages rendered before, handed out by a process of its own: the client alone is measured."""

    def __init__(self, scale: float) -> None:
        folder = WORK / f"feed-{scale:g}"
        subprocess.run([sys.executable, HERE / "feed.py", "make", folder, "--scale", str(scale)], check=True)
        self._process, self.url = started([sys.executable, str(HERE / "feed.py"), "serve", str(folder)])
        self.token = "bench"

    def begin(self, folder: Path) -> None:
        """Show only what was there first."""
        self._ask("/open/first", b"")

    def show_later(self) -> None:
        """Show what came later, too."""
        self._ask("/open/later", b"")

    def n_requests(self) -> int | None:
        """Return how many requests were answered so far."""
        return int(self._ask("/requests"))

    def close(self) -> None:
        """End the server."""
        ended(self._process)

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        with urlopen(Request(self.url + path, data=body)) as answer:
            return bytes(answer.read())


class RealHub:
    """The same records in a hub of its own; each round begins with a copy of its first database."""

    def __init__(self, scale: float) -> None:
        self._scale = ["--scale", str(scale)]
        self._made = WORK / f"hub-{scale:g}.db"
        self._process: subprocess.Popen[str] | None = None
        self._database = self._made
        self.url = self.token = ""
        if not self._made.exists():
            unfinished = self._made.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            self._do("fill", unfinished, *self._scale)
            unfinished.rename(self._made)

    def begin(self, folder: Path) -> None:
        """Serve a copy of the first database from this folder."""
        self.close()
        self._database = folder / "hub.db"
        shutil.copy(self._made, self._database)
        self.token = self._do("token", self._database).strip()
        serve = [sys.executable, "-m", "omnisync", "hub", "serve", "--port", "0"]
        self._process, said = started([*serve, "--database", f"sqlite:///{self._database}"])
        self.url = said.split()[-1]

    def show_later(self) -> None:
        """Take in what came later."""
        self._do("later", self._database, *self._scale)

    def n_requests(self) -> int | None:
        """Return None: a hub does not count."""
        return None

    def close(self) -> None:
        """End the hub."""
        if self._process is not None:
            ended(self._process)
            self._process = None

    def _do(self, what: str, database: Path, *words: str) -> str:
        command = [sys.executable, str(HERE / "hub.py"), what, str(database), *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
