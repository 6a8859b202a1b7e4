"""A hub that misbehaves: raw sockets, one function per fault, so that every byte is ours."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from omnisync.contract.feed import Change, Page, StreamHead, Streams

Fault = Callable[[socket.socket], None]
"""Answers one request, in whatever way."""


class FaultServer:
    """Answers each path with its own faults, one request after another; the last one goes on for ever."""

    def __init__(self, routes: dict[str, Sequence[Fault]], tls: ssl.SSLContext | None = None) -> None:
        self._routes = {path: list(faults) for path, faults in routes.items()}
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._is_over = threading.Event()
        self.port = int(self._listening.getsockname()[1])
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self.asked: list[str] = []
        """The request lines, without method and version."""
        self.heads: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._is_over.set()
        self._listening.close()

    def _serve(self) -> None:
        while not self._is_over.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            talking = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with talking:
                self._fault(talking)

    def _fault(self, connection: socket.socket) -> None:
        head = _request(connection)
        address = head.split(b" ")[1].decode()
        self.heads.append(head)
        self.asked.append(address)
        faults = self._routes[address.partition("?")[0]]
        fault = faults.pop(0) if len(faults) > 1 else faults[0]
        fault(connection)


def _request(connection: socket.socket) -> bytes:
    """The head of one request; its body is read and forgotten."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head


@contextmanager
def faulty(routes: dict[str, Sequence[Fault]], tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    """A fault server for the length of a test."""
    server = FaultServer(routes, tls)
    try:
        yield server
    finally:
        server.stop()


def streams(*, orders: int = 2, contract: str = "1.0") -> Fault:
    """The heads: some orders in 0001."""
    head = StreamHead(stream="order:0001", is_new=True, orders=orders)
    return says(msgspec.json.encode(Streams(contract=contract, epoch="e1", streams=(head,))))


def page(*changes: Change, cursor: str = "c1", has_more: bool = False) -> bytes:
    """The bytes of a page."""
    return msgspec.json.encode(Page(contract="1.0", epoch="e1", changes=changes, cursor=cursor, has_more=has_more))


def says(body: bytes, *, status: str = "200 OK", kind: str = "application/json", **headers: str) -> Fault:
    """A whole answer. Underscores of the headers' names stand for hyphens."""
    named = {"Content-Type": kind, "Content-Length": str(len(body))}
    return raw(status, named | {name.replace("_", "-"): value for name, value in headers.items()}, body)


def problem(status: str, code: str = "", detail: str = "", **headers: str) -> Fault:
    """A refusal, as RFC 9457 has it."""
    body = msgspec.json.encode({"code": code, "detail": detail})
    return says(body, status=status, kind="application/problem+json", **headers)


def raw(status: str, headers: dict[str, str], body: bytes) -> Fault:
    """Exactly these bytes, then the end."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()), "Connection: close"]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def reset(connection: socket.socket) -> None:
    """TCP reset in the middle of the body."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def shorter_than_said(body: bytes) -> Fault:
    """A body that ends before its Content-Length."""
    return raw("200 OK", {"Content-Type": "application/json", "Content-Length": str(len(body))}, body[:-20])


def closed_early(body: bytes) -> Fault:
    """No Content-Length, and the end comes too soon."""
    return raw("200 OK", {"Content-Type": "application/json"}, body[:-20])


def gzip_cut(body: bytes) -> Fault:
    """A gzip whose end is missing."""
    packed = gzip.compress(body)[:-12]
    return says(packed, Content_Encoding="gzip")


def gzip_corrupt(body: bytes) -> Fault:
    """A gzip with one byte turned."""
    packed = bytearray(gzip.compress(body))
    packed[len(packed) // 2] ^= 0xFF
    return says(bytes(packed), Content_Encoding="gzip")


def gzip_bomb(n_bytes: int, **headers: str) -> Fault:
    """A small gzip of very many blanks."""
    return says(gzip.compress(b" " * n_bytes), Content_Encoding="gzip", **headers)


def flood(connection: socket.socket) -> None:
    """A hundred megabytes without an announced length."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    for _ in range(100):
        connection.sendall(b" " * 2**20)


def drip(connection: socket.socket) -> None:
    """A byte at a time, always in time for a read timeout."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b" ")
        threading.Event().wait(0.01)


def silent(connection: socket.socket) -> None:
    """Takes the request and says nothing."""
    threading.Event().wait(2)


def hangs_up(connection: socket.socket) -> None:
    """Closes without a word."""
    connection.close()


def garbage(connection: socket.socket) -> None:
    """Not HTTP at all."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def json_of(value: Any) -> bytes:
    """Any JSON."""
    return msgspec.json.encode(value)
