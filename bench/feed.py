"""The contract's pages for the bench, rendered once, and a server that hands them out as the hub would.

All records are good ones of the sample; a second set is what came later, one record in a hundred changed. The server
only reads bytes from a file and answers receipts at once, so that the client alone is measured.

    python bench/feed.py make FOLDER --scale 1
    python bench/feed.py serve FOLDER            prints its address; POST /open/later shows what came later
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from random import Random
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from omnisync.contract import CONTRACT
from omnisync.contract.feed import (
    MAX_INTAKE,
    MAX_PAGE,
    MAX_RECEIPTS,
    MAX_RECORDS,
    Change,
    Company,
    Establishment,
    Identity,
    Limits,
    ReceiptResult,
    StreamHead,
    Streams,
)
from omnisync.contract.records import Customer, Order
from omnisync.demo import sample_data
from omnisync.demo.customers import revise_customer
from omnisync.demo.orders import cancel, revise
from omnisync.demo.seed_data import ESTABLISHMENTS

N_CUSTOMERS, N_ORDERS = 20_000, 60_000
ONE_IN = 100
"""One record in so many changes later; one in ten of those orders is cancelled, the others are edited."""
PAGE_BYTES = 2_000_000
"""Where the hub ends a page, too."""
TODAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
COMPANY, NAME = "vevo", "Fábrica Vevo"
EPOCH = "bench1"
CUSTOMERS = "customer"
STREAMS = (CUSTOMERS, *(f"order:{code}" for code in ESTABLISHMENTS))
NOUNS = ("customers", "orders", "items", "payments")


class PageAt(Struct, frozen=True):
    """A page without its end, where it stands in the file, and the rows in it by noun."""

    offset: int
    size: int
    rows: tuple[int, int, int, int]


class Index(Struct, frozen=True):
    """The pages of each stream, and how many of them are of the beginning."""

    pages: dict[str, list[PageAt]]
    n_first: dict[str, int]


def changes(scale: float) -> Iterator[tuple[bool, Change]]:
    """Every change in the order it was sent, and whether it came later."""
    rng = Random("bench")
    people = sample_data.customers(round(N_CUSTOMERS * scale))
    for customer in people:
        yield False, _change(customer)
    edited: list[Order] = []
    for n, order in enumerate(sample_data.orders(round(N_ORDERS * scale), sample_data.SEED, people, today=TODAY)):
        if order.status == "cancelled":  # never written, and the first load is to write every record
            order = replace(order, status="confirmed", cancelled_at=None, cancel_reason=None)
        yield False, _change(order)
        if n % ONE_IN == 0:
            edited.append(order)
    for customer in people[::ONE_IN]:
        yield True, _change(revise_customer(customer, rng), version=2)
    for n, order in enumerate(edited):
        yield True, _change(cancel(order, NOON, rng) if n % 10 == 0 else revise(order, 2, rng), version=2)


def _change(record: Customer | Order, version: int = 1) -> Change:
    change = sample_data.upsert(record, version, NOON + timedelta(hours=version - 1))
    if isinstance(record, Customer):
        return change
    # The stream is not part of a change: `to` carries it to the writer of pages, who takes it off.
    return replace(change, n_items=len(record.items), n_payments=len(record.payments), to=record.establishment_code)


def _stream_of(change: Change) -> str:
    return CUSTOMERS if change.kind == "customer" else f"order:{change.to}"


def make(folder: Path, scale: float) -> None:
    """Render every page into the folder, unless they stand there already."""
    if (folder / "index.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    index = Index({name: [] for name in STREAMS}, {})
    with (folder / "pages.bin").open("wb") as file:
        for is_later, lot in groupby(changes(scale), itemgetter(0)):
            _write_pages(file, index, (change for _, change in lot))
            if not is_later:
                index.n_first.update({name: len(pages) for name, pages in index.pages.items()})
    (folder / "index.json").write_bytes(msgspec.json.encode(index))


def _write_pages(file: BinaryIO, index: Index, lot: Iterable[Change]) -> None:
    filling: dict[str, list[Change]] = {name: [] for name in STREAMS}
    n_bytes = dict.fromkeys(STREAMS, 0)
    for change in lot:
        stream, size = _stream_of(change), len(bytes(change.data))
        if len(filling[stream]) == MAX_PAGE or (filling[stream] and n_bytes[stream] + size > PAGE_BYTES):
            _write_page(file, index.pages[stream], filling[stream])
            filling[stream], n_bytes[stream] = [], 0
        filling[stream].append(replace(change, to=None))
        n_bytes[stream] += size
    for stream, rest in filling.items():
        if rest:
            _write_page(file, index.pages[stream], rest)


def _write_page(file: BinaryIO, pages: list[PageAt], lot: list[Change]) -> None:
    head = f'{{"contract":"{CONTRACT}","epoch":"{EPOCH}","cursor":"{cursor(len(pages) + 1)}","changes":['
    body = head.encode() + b",".join(map(msgspec.json.encode, lot)) + b"]"
    n_customers = len(lot) if lot[0].kind == "customer" else 0
    n_items, n_payments = (sum(map(attrgetter(name), lot)) for name in ("n_items", "n_payments"))
    pages.append(PageAt(file.tell(), len(body), (n_customers, len(lot) - n_customers, n_items, n_payments)))
    file.write(body)


def cursor(n_pages: int) -> str:
    """Where a reader stands that has read so many pages."""
    return f"p{n_pages}"


_RESULT = msgspec.json.encode(ReceiptResult(kind="order", id="ord_000001", version=1, status="stored"))


class FeedServer(ThreadingHTTPServer):
    """The pages of a folder on a free port. It shows those of the beginning until it is told to open the others."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answerer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.n_requests = 0
        self.shows_later = False
        self._index = msgspec.json.decode((folder / "index.json").read_bytes(), type=Index)
        self._file = (folder / "pages.bin").open("rb")

    def page(self, stream: str, after: str) -> bytes:
        """The page after a cursor; an empty one at the end of the stream."""
        pages, n_read = self._shown(stream), int(after.removeprefix("p") or 0)
        if n_read >= len(pages):
            frame = f'{{"contract":"{CONTRACT}","epoch":"{EPOCH}","cursor":"{cursor(n_read)}","changes":[]'
            return frame.encode() + b',"has_more":false}'
        at = pages[n_read]
        self._file.seek(at.offset)
        tail = b',"has_more":true}' if n_read + 1 < len(pages) else b',"has_more":false}'
        return self._file.read(at.size) + tail

    def streams(self, after: Iterable[str]) -> bytes:
        """Every stream and the rows that wait in it after these `stream:cursor`."""
        read = dict.fromkeys(STREAMS, "")
        read.update((stream, at) for stream, _, at in (text.rpartition(":") for text in after))
        heads = tuple(self._head(stream, int(at.removeprefix("p") or 0)) for stream, at in read.items())
        return msgspec.json.encode(Streams(contract=CONTRACT, epoch=EPOCH, streams=heads))

    def _head(self, stream: str, n_read: int) -> StreamHead:
        waiting = [page.rows for page in self._shown(stream)[n_read:]]
        sums = map(sum, zip(*waiting, strict=True)) if waiting else (0, 0, 0, 0)
        return StreamHead(stream=stream, is_new=not n_read, **dict(zip(NOUNS, sums, strict=True)))

    def _shown(self, stream: str) -> list[PageAt]:
        pages = self._index.pages[stream]
        return pages if self.shows_later else pages[: self._index.n_first[stream]]


class _Answerer(BaseHTTPRequestHandler):
    server: FeedServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 2**16

    def do_GET(self) -> None:  # noqa: N802  # the name the standard library calls
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/requests":
            return self._answer(b"%d" % self.server.n_requests)
        self.server.n_requests += 1
        if path == "/v1/changes":
            kind, code = query["kinds"][0], query.get("establishment", [""])[0]
            stream = f"{kind}:{code}" if code else kind
            return self._answer(self.server.page(stream, query.get("cursor", [""])[0]))
        if path == "/v1/streams":
            return self._answer(self.server.streams(query.get("after", [])))
        return self._answer(identity())

    def do_POST(self) -> None:  # noqa: N802  # as above
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/open/"):
            self.server.shows_later = self.path.endswith("later")
            return self._answer(b"{}")
        self.server.n_requests += 1
        # As many results as receipts, which the client reads; whose they are it does not ask.
        results = b",".join([_RESULT] * body.count(b'"outcome":'))
        return self._answer(b'{"results":[' + results + b"]}")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a line per request would be measured too."""


def identity() -> bytes:
    """Answer of GET /v1."""
    limits = Limits(
        page=MAX_PAGE, receipts=MAX_RECEIPTS, records=MAX_RECORDS, intake_records=MAX_INTAKE, intake_bytes=8_000_000
    )
    who = Identity(
        company=Company(id=COMPANY, name=NAME),
        establishments=tuple(Establishment(code=code, name=name) for code, name in ESTABLISHMENTS.items()),
        scopes=("orders:read", "receipts:write"),
        contract=CONTRACT,
        min_agent_version="26.11",
        server_time=NOON,
        limits=limits,
    )
    return msgspec.json.encode(who)


def main() -> None:
    """Make the pages, or serve them until ended."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("what", choices=("make", "serve"))
    words.add_argument("folder", type=Path)
    words.add_argument("--scale", type=float, default=1.0)
    given = words.parse_args()
    if given.what == "make":
        make(given.folder, given.scale)
        return
    server = FeedServer(given.folder)
    print(server.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
