"""Case F1: a saved secret is never sent to another host, port, user or driver, whatever asks for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from omnisync.agent.config.settings import Home
from tests.support.command_line import run

CANARY = "segredo-de-canario"
ASK_PASSWORD = b"R\x00\x00\x00\x08\x00\x00\x00\x03"
"""PostgreSQL's question for the password, as it is."""


class Stranger:
    """A server that notes all that is said to it, and asks as PostgreSQL does for the password."""

    def __init__(self) -> None:
        self.heard = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]

    def listen(self) -> None:
        with suppress(OSError):
            while True:
                with self._listening.accept()[0] as wire:
                    wire.settimeout(2)
                    with suppress(OSError):
                        self._hear(wire)

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _hear(self, wire: socket.socket) -> None:
        while said := wire.recv(65536):
            self.heard += said
            if said.startswith((b"GET", b"POST")):
                return
            wire.sendall(b"N" if said[4:8] == b"\x04\xd2\x16\x2f" else ASK_PASSWORD)


@contextmanager
def stranger() -> Iterator[Stranger]:
    made = Stranger()
    thread = threading.Thread(target=made.listen, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(5)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path))
    return Home(tmp_path)


def test_case_f1_the_hubs_key_does_not_go_to_another_hub(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with stranger() as known, stranger() as other:
        address = f"http://127.0.0.1:{known.port}"
        arguments = ("connection", "set", "--hub", address, "--erp-database", "erp.db", "--token-stdin")
        assert run(capsys, *arguments, stdin=f"{CANARY}\n")[0] == 0
        assert run(capsys, "doctor")[0] == 1
        assert CANARY.encode() in known.heard
        assert run(capsys, "connection", "set", "--hub", f"http://127.0.0.1:{other.port}")[0] == 0
        for command in (("doctor",), ("connection", "test"), ("import",)):
            run(capsys, *command)
        assert CANARY.encode() not in other.heard
        known.heard = b""
        assert run(capsys, "connection", "set", "--hub", address)[0] == 0
        assert run(capsys, "doctor")[0] == 1
        assert CANARY.encode() not in known.heard  # going back does not revive it


def test_case_f1_the_databases_password_does_not_go_to_another_server(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with stranger() as known, stranger() as other:
        where = ("connection", "set", "--erp-kind", "postgresql", "--erp-server", "127.0.0.1", "--erp-database", "erp")
        first = (*where, "--erp-port", str(known.port), "--erp-user", "erp", "--erp-password-stdin")
        assert run(capsys, *first, stdin=f"{CANARY}\n")[0] == 0
        assert run(capsys, "doctor")[0] == 1
        assert CANARY.encode() in known.heard
        assert run(capsys, *where, "--erp-port", str(other.port))[0] == 0
        for command in (("doctor",), ("erp", "check"), ("layout", "check")):
            run(capsys, *command)
        assert b"erp" in other.heard
        assert CANARY.encode() not in other.heard
