"""Connections that are slow or too many: they end, and the hub goes on answering."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import httpx
import pytest

from omnisync.hub.server import hub_server
from omnisync.hub.store import Store
from omnisync.web.connection_guard import ConnectionLimits, OncePerMinute
from tests.support.hub_server import NOW, found_company, order

LIMITS = ConnectionLimits(head_s=1.0, body_s=2.0, answer_s=1.0, n_max=20)
HALF_HEAD = b"GET /v1 HTTP/1.1\r\nHost: hub\r\nX-Slow: "
HALF_BODY = b"POST /v1/records HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 900\r\n"


class Hub:
    """A hub with small limits."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    def connect(self) -> socket.socket:
        there = urlsplit(self.url)
        return socket.create_connection((there.hostname or "", there.port or 0), timeout=20)

    def health(self) -> int:
        return httpx.get(f"{self.url}/health", timeout=10, trust_env=False).status_code


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('hub') / 'hub.db'}")
    store.migrate()
    token = found_company(store)
    server = hub_server(store, "127.0.0.1", 0, clock=lambda: NOW, limits=LIMITS)
    is_ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(lambda _url: is_ready.set(),), daemon=True)
    thread.start()
    assert is_ready.wait(20)
    yield Hub(server.url, token)
    server.stop()
    thread.join(20)
    store.close()


def ends_within(connection: socket.socket, seconds: float, drip: bytes = b"") -> bool:
    """Whether the other side ends the connection, however it is dripped on."""
    end = monotonic() + seconds
    connection.settimeout(0.2)
    while monotonic() < end:
        try:
            connection.sendall(drip)
            if not connection.recv(4096):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_case_f4_a_head_that_does_not_end_ends_the_connection(hub: Hub) -> None:
    for begins in (b"", b"G", HALF_HEAD):
        with hub.connect() as half:
            half.sendall(begins)
            assert ends_within(half, 6)


def test_case_f4_a_head_that_drips_ends_the_connection(hub: Hub) -> None:
    with hub.connect() as half:
        half.sendall(HALF_HEAD)
        assert ends_within(half, 6, drip=b"x")


def test_case_f4_a_body_that_drips_ends_the_connection(hub: Hub) -> None:
    with hub.connect() as half:
        half.sendall(HALF_BODY + f"Authorization: Bearer {hub.token}\r\n\r\n".encode())
        assert ends_within(half, 8, drip=b" ")


def test_case_f4_an_answer_that_is_not_read_ends_the_connection(hub: Hub) -> None:
    with httpx.Client(base_url=hub.url, headers={"Authorization": f"Bearer {hub.token}"}, trust_env=False) as client:
        wide = [order(f"o{n}", notes=f"{n}" + "á" * 1900) for n in range(900)]
        assert client.post("/v1/records", json={"records": wide}, timeout=30).status_code == 200
    asked = "GET /v1/changes?kinds=order&establishment=0001 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        there = urlsplit(hub.url)
        deaf.connect((there.hostname, there.port))
        deaf.sendall((asked + f"{hub.token}\r\n\r\n").encode() * 10)  # 20 MB: more than the system holds
        threading.Event().wait(4)
        deaf.settimeout(5)
        n = 0
        try:
            while more := deaf.recv(65536):
                n += len(more)
        except OSError:
            pass
    assert n < 15_000_000


def test_case_f4_connections_beyond_the_cap_leave_room_for_those_that_ask(hub: Hub) -> None:
    half = [hub.connect() for _ in range(60)]
    for one in half:
        one.sendall(HALF_HEAD)
    assert hub.health() == 200
    for one in half:
        one.close()


def test_case_f4_the_same_line_is_written_once_a_minute(tmp_path: Path) -> None:
    now = [0.0]
    seldom = OncePerMinute(lambda: now[0])
    lines = [logging.makeLogRecord({"msg": "no handle left"}) for _ in range(1000)]
    assert sum(map(seldom.filter, lines)) == 1
    now[0] = 61
    assert seldom.filter(lines[0])
