"""SQL Server's side of the wire, for tests: it takes a login and batches, and answers what a test says.

Not a database. It shows what our driver sends and how it tells of what comes back. Source: MS-TDS, the tokens of 7.4.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from msgspec import Struct

Script = Callable[[str], "list[bytes] | None"]
"""What a batch is answered with; None hangs up."""

_LAST, _BATCH, _LOGIN, _ATTENTION, _PRELOGIN, _ANSWER = 0x01, 0x01, 0x10, 0x06, 0x12, 0x04
_NUMBER, _LETTERS = b"\x26\x08", b"\xe7\x40\x1f\x09\x04\xd0\x00\x34"
_MORE, _IS_COUNT, _IS_CANCELLED = 0x01, 0x10, 0x20


class Wire(Struct):
    """A place to connect to, and the batches it was sent."""

    port: int
    batches: list[str]


@contextmanager
def answering(script: Script, login: Sequence[bytes] | None = None) -> Iterator[Wire]:
    """A listener that answers batches by `script`, and logins with `login` (let in by default)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(listener.getsockname()[1], [])
        threading.Thread(target=_listen, args=(listener, wire, script, login), daemon=True).start()
        yield wire


def error(number: int, message: str, severity: int = 16) -> bytes:
    """An error of the server."""
    words = _long(message) + _short("servidor") + _short("") + struct.pack("<I", 1)
    body = struct.pack("<IBB", number, 1, severity) + words
    return b"\xaa" + struct.pack("<H", len(body)) + body


def rows(names: str, *found: Sequence[int | str]) -> list[bytes]:
    """A set of rows, and its end. A column is of whole numbers where its first value is one, and of texts else."""
    columns = names.split() or [""]
    are_numbers = [bool(found) and isinstance(found[0][i], int) for i in range(len(columns))]
    described = b"".join(
        struct.pack("<IH", 0, 1) + (_NUMBER if is_number else _LETTERS) + _short(name)
        for name, is_number in zip(columns, are_numbers, strict=True)
    )
    return [
        b"\x81" + struct.pack("<H", len(columns)) + described,
        *(b"\xd1" + b"".join(map(_value, row)) for row in found),
        done(len(found)),
    ]


def _value(value: int | str) -> bytes:
    if isinstance(value, int):
        return struct.pack("<Bq", 8, value)
    return struct.pack("<H", 2 * len(value)) + value.encode("utf-16-le")


def done(n: int = 0) -> bytes:
    """The end of one statement of a batch."""
    return struct.pack("<BHHQ", 0xFD, _MORE | _IS_COUNT, 0xC1, n)


def _listen(listener: socket.socket, wire: Wire, script: Script, login: Sequence[bytes] | None) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError, struct.error):
                _serve(connection, wire, script, login)


def _serve(connection: socket.socket, wire: Wire, script: Script, login: Sequence[bytes] | None) -> None:
    while True:
        kind, body = _message(connection)
        if kind == _PRELOGIN:
            # Version and encryption, which is not to be had here.
            options = b"\x00\x00\x0b\x00\x06" + b"\x01\x00\x11\x00\x01" + b"\xff"
            _send(connection, options + b"\x0f\x00\x07\xd0\x00\x00" + b"\x02")
        elif kind == _LOGIN:
            _send(connection, b"".join(login if login is not None else [_let_in()]) + _end())
            if login is not None:
                return
        elif kind == _ATTENTION:
            _send(connection, struct.pack("<BHHQ", 0xFD, _IS_CANCELLED, 0, 0))
        else:
            headers = struct.unpack("<I", body[:4])[0]
            batch = body[headers:].decode("utf-16-le")
            wire.batches.append(batch)
            answer = script(batch)
            if answer is None:
                return
            _send(connection, b"".join(answer) + _end())


def _message(connection: socket.socket) -> tuple[int, bytes]:
    body, status = b"", 0
    while not status & _LAST:
        kind, status, size = struct.unpack(">BBH4x", _exactly(connection, 8))
        body += _exactly(connection, size - 8)
    return kind, body


def _exactly(connection: socket.socket, n: int) -> bytes:
    taken = b""
    while len(taken) < n:
        piece = connection.recv(n - len(taken))
        if not piece:
            raise ConnectionError
        taken += piece
    return taken


def _send(connection: socket.socket, body: bytes) -> None:
    pieces = [body[start : start + 4088] for start in range(0, len(body), 4088)]
    for n, piece in enumerate(pieces, 1):
        status = _LAST if n == len(pieces) else 0
        connection.sendall(struct.pack(">BBHHBB", _ANSWER, status, len(piece) + 8, 0, n % 256, 0) + piece)


def _let_in() -> bytes:
    body = b"\x01\x74\x00\x00\x04" + _short("SQL Server") + b"\x0f\x00\x07\xd0"
    return b"\xad" + struct.pack("<H", len(body)) + body


def _end() -> bytes:
    return struct.pack("<BHHQ", 0xFD, 0, 0, 0)


def _short(text: str) -> bytes:
    return struct.pack("<B", len(text)) + text.encode("utf-16-le")


def _long(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode("utf-16-le")
