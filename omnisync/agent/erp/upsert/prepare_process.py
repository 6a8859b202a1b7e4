"""Records made ready by a process of their own, while this one writes: decoding and checking need no database.

The process reads layout and pages from its standard input and answers on its standard output, each message with its
length before it; at the end of its input it ends, so that it never outlives who started it. It is a help and no more:
without it, or with half an answer, everything is read where it is written.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock, Thread, Timer
from typing import IO
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from omnisync.agent.erp.base import PreparedRecord
from omnisync.agent.erp.layout.plan import Layout, RoundedColumns
from omnisync.agent.erp.layout.plan_compiler import compile_layout, with_rounding
from omnisync.agent.erp.layout.schema import read_layout
from omnisync.agent.erp.upsert.prepare import prepare_records
from omnisync.agent.gc_tuning import rare_collections
from omnisync.contract.feed import TruncatedError, UndecodableError, read_page
from omnisync.contract.streams import Stream

COMMAND = (sys.executable, "-P", "-m", "omnisync.agent.erp.upsert.prepare_process")
ANSWER_TIMEOUT_S = 30.0
"""A page takes a tenth of a second; a process that was stopped, or swapped out, holds nobody up for longer."""

_LENGTH = struct.Struct(">I")
_LOST = (OSError, EOFError, ValueError, RuntimeError)
"""The process was ended, what came is no answer of it, or the system has no thread left to wait with."""
_answer = msgspec.msgpack.Decoder(dict[str, PreparedRecord])


class PrepareConfig(Struct, frozen=True, kw_only=True):
    """By what records are made ready: the layout's text, De/Para, the time zone's name, and the company's rules."""

    layout: str
    mappings: dict[str, dict[str, str]]
    zone: str
    adjusts_centavo: bool
    rounded: dict[str, dict[str, int]] = {}


class _PrepareRequest(Struct, frozen=True, array_like=True):
    stream: Stream
    page: bytes


class PrepareProcess:
    """The process, as seen by who writes. It begins with the first page asked of it, and answers once it is up."""

    def __init__(
        self, config: PrepareConfig, *, command: Sequence[str] = COMMAND, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> None:
        """An answer that takes longer than `timeout_s` is the last one: the process is ended."""
        self._config = config
        self._command, self._timeout_s = command, timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._is_up = False
        self._is_over = False
        self._starting, self._sending, self._receiving = Lock(), Lock(), Lock()

    def start(self) -> None:
        """Start the process, so that it is up when the first page is asked of it. Idempotent; never raises."""
        with self._starting:
            if self._process is None and not self._is_over:
                self._start()

    def prepare(self, stream: Stream, page: bytes) -> Mapping[str, PreparedRecord]:
        """Return records of the page made ready, by id; none while the process is not up, or when it is no more.

        Never raises. A second caller's page is on its way while the first one's is worked on.
        """
        self.start()
        with self._sending:
            if self._is_over or not self._is_up:
                return {}
            try:
                self._send(msgspec.msgpack.encode(_PrepareRequest(stream, page)))
            except _LOST:
                self._is_over = True
                return {}
            self._receiving.acquire()  # before the next page is sent: answers come in the order of the pages
        try:
            return _answer.decode(self._receive())
        except _LOST:
            self._is_over = True
            return {}
        finally:
            self._receiving.release()

    def learn_rounding(self, rounded: RoundedColumns) -> None:
        """Leave out what these columns would round. Before the first page."""
        plain = {where: dict(columns) for where, columns in rounded.items()}
        self._config = msgspec.structs.replace(self._config, rounded=plain)

    def close(self) -> None:
        """End the process. Idempotent."""
        self._is_over = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # it may hold what was never read
                        pipe.close()

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
            # Half a second on another core: meanwhile pages are read where they are written.
            Thread(target=self._wait_until_up, name="ahead-up", daemon=True).start()
        except _LOST:
            self._is_over = True

    def _wait_until_up(self) -> None:
        try:
            self._send(msgspec.msgpack.encode(self._config))
            self._receive()
        except _LOST:
            self._is_over = True
        else:
            self._is_up = True

    def _send(self, message: bytes) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        with self._killing_if_late(process):
            _send(process.stdin, message)

    def _receive(self) -> bytes:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        with self._killing_if_late(process):
            return _receive(process.stdout)

    @contextmanager
    def _killing_if_late(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        timer = Timer(self._timeout_s, process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """Return the next message. Raises EOFError when there is none, or not a whole one."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    [length] = _LENGTH.unpack(head)
    message = pipe.read(length)
    if len(message) < length:
        raise EOFError
    return message


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Answer page after page until there is no more to read."""
    with suppress(EOFError, BrokenPipeError):
        terms = msgspec.msgpack.decode(_receive(asked), type=PrepareConfig)
        layout = compile_layout(read_layout(terms.layout), ZoneInfo(terms.zone), terms.mappings)
        layout = with_rounding(layout, terms.rounded)
        _send(answers, b"")
        while True:
            one = msgspec.msgpack.decode(_receive(asked), type=_PrepareRequest)
            made = _prepared(layout, one, adjusts_centavo=terms.adjusts_centavo)
            _send(answers, msgspec.msgpack.encode(made))


def _prepared(layout: Layout, asked: _PrepareRequest, *, adjusts_centavo: bool) -> Mapping[str, PreparedRecord]:
    try:
        page, _ = read_page(asked.page, asked.stream.kind)
    except (TruncatedError, UndecodableError):  # who asked will meet it, too, and say so
        return {}
    return prepare_records(layout, asked.stream, page.changes, adjusts_centavo=adjusts_centavo)


def main() -> None:
    """Serve the parent process. Ctrl-C at the terminal is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(5)  # the pages, the hub and the ERP come first
    try:
        with rare_collections():
            serve(sys.stdin.buffer, sys.stdout.buffer)
    except Exception as error:  # noqa: BLE001  # its text might quote a record
        sys.exit(f"ahead: {type(error).__name__}")


if __name__ == "__main__":
    main()
