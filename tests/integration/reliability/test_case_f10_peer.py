"""Case F10: a hub's address is checked once more when its name was resolved, before anything is said to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest

from omnisync.agent.errors import OmnisyncError, SettingsError
from omnisync.agent.hub_api import address
from omnisync.agent.hub_api.address import check_peer
from omnisync.agent.hub_api.transport import Transport

TOKEN = "osk_canario_0123456789"  # noqa: S105  # a made-up one
LISTENS_AT = "127.0.0.9"


class Listener:
    """A server that notes what it is told, and answers nothing."""

    def __init__(self, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self.n_connected = 0
        self.heard = b""
        self._listening = listening

    def listen(self) -> None:
        with suppress(OSError):
            while True:
                with closing(self._listening.accept()[0]) as wire:
                    self.n_connected += 1
                    wire.settimeout(2)
                    self.heard += wire.recv(65536)


@contextmanager
def listener() -> Iterator[Listener]:
    with socket.create_server((LISTENS_AT, 0)) as listening:
        made = Listener(listening)
        thread = threading.Thread(target=made.listen, daemon=True)
        thread.start()
        yield made
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is at the listener's number, as a name server of somebody else's may say."""
    real = socket.getaddrinfo

    def resolve(host: object, *rest: Any, **more: Any) -> object:
        return real(LISTENS_AT, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def asked(url: str) -> OmnisyncError:
    """The error a request to this hub ends with."""
    transport = Transport(url, TOKEN, clock=lambda: datetime.now(UTC), monotonic=monotonic, verify=True)  # noqa: TID251
    with closing(transport), pytest.raises(OmnisyncError) as told:
        transport.request("GET", "/health")
    return told.value


@pytest.mark.usefixtures("resolved")
def test_case_f10_a_name_that_leads_to_a_refused_number_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as there:
        url = f"https://central.example:{there.port}"
        assert not isinstance(asked(url), SettingsError)
        assert there.heard.startswith(b"\x16\x03")  # TLS was begun
        there.heard = b""
        # What a test can listen at is no link-local number: it is refused as one of a cloud's.
        monkeypatch.setattr(address, "METADATA_HOSTS", frozenset({LISTENS_AT}))
        told = asked(url)
    assert (told.code, told.words["motivo"]) == (
        "hub_address",
        "o nome leva a um servidor que não pode ser uma central",
    )
    assert (there.n_connected, there.heard) == (2, b"")


@pytest.mark.parametrize(
    "number",
    [
        *("169.254.169.254", "169.254.0.1", "fe80::1%eth0", "::ffff:169.254.169.254", "::169.254.169.254"),
        *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"),
        *("0.0.0.0", "::", "224.0.0.1", "ff02::1", "/run/central.sock", ""),  # noqa: S104  # refused
    ],
)
def test_case_f10_numbers_that_are_no_hubs(number: str) -> None:
    with pytest.raises(SettingsError):
        check_peer(number, is_plain=False)


@pytest.mark.parametrize("number", ["10.0.0.5", "192.168.1.2", "203.0.113.7", "2001:db8::1", "127.0.0.1", "::1"])
def test_case_f10_numbers_that_may_be_a_hubs(number: str) -> None:
    check_peer(number, is_plain=False)


@pytest.mark.parametrize(("number", "is_fine"), [("127.0.0.1", True), ("::1", True), ("192.168.1.2", False)])
def test_case_f10_without_tls_the_number_is_this_computers(number: str, is_fine: bool) -> None:
    if is_fine:
        check_peer(number, is_plain=True)
        return
    with pytest.raises(SettingsError):
        check_peer(number, is_plain=True)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_case_f10_a_hub_of_this_computer_is_never_reached_by_a_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for known in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(known, raising=False)
    with listener() as proxy, listener() as hub:
        monkeypatch.setenv(name, f"http://{LISTENS_AT}:{proxy.port}")
        asked(f"http://{LISTENS_AT}:{hub.port}")
    assert (proxy.heard, TOKEN.encode() in hub.heard) == (b"", True)
