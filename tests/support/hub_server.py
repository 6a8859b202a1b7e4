"""A real hub for tests: uvicorn in a thread on a free port, and records to send to it."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import uvicorn
from sqlalchemy import update

from devtools.database_servers import PostgresqlServer
from omnisync.hub import tables
from omnisync.hub.app import create_app
from omnisync.hub.server import hub_server
from omnisync.hub.store import SCOPES, Store
from omnisync.web.server import WebServer, listening_socket

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
COMPANY = "aurora"


@dataclass(frozen=True)
class RunningHub:
    """A hub that answers: the company's address, token and store."""

    url: str
    token: str
    store: Store

    @property
    def headers(self) -> dict[str, str]:
        """What lets the company in."""
        return bearer(self.token)

    def client(self, token: str | None = None) -> httpx.Client:
        """A client of this hub, with the company's token or another one."""
        headers = bearer(token or self.token)
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False, verify=False)


@contextmanager
def running_hub(
    tmp_path: Path,
    url: str | None = None,
    before: Callable[[str], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[RunningHub]:
    """A migrated hub with *Padaria Aurora* (0001, 0002) and a token that may do everything."""
    store = new_store(tmp_path / "hub.db") if url is None else Store(url)
    store.migrate()
    with serving(store, found_company(store), before, monotonic) as running:
        yield running


@contextmanager
def serving(
    store: Store,
    token: str,
    before: Callable[[str], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    proxy: str | None = None,
) -> Iterator[RunningHub]:
    """This store, answering; closed at the end. `before` is called with the target of each request that comes."""
    usual = partial(hub_server, store, "127.0.0.1", 0, clock=lambda: NOW, monotonic=monotonic, proxy=proxy)
    server = usual() if before is None else _observed(store, before)
    is_ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(lambda _url: is_ready.set(),), daemon=True)
    thread.start()
    assert is_ready.wait(20)
    try:
        yield RunningHub(url=server.url, token=token, store=store)
    finally:
        server.stop()
        thread.join(20)
        store.close()


def _observed(store: Store, before: Callable[[str], None]) -> WebServer:
    """The hub behind something that sees each request first."""
    app = create_app(store, lambda: NOW)

    async def observed(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.to_thread(before, f"{scope['path']}?{scope['query_string'].decode()}")
        await app(scope, receive, send)

    listening = listening_socket("127.0.0.1", 0)
    config = uvicorn.Config(observed, access_log=False, log_level="warning")
    return WebServer(config, listening, f"http://127.0.0.1:{listening.getsockname()[1]}")


def new_store(path: Path) -> Store:
    """The store of a hub that is new, in SQLite: a copy of what the migrations make, with a secret of its own."""
    path.write_bytes(_migrated())
    store = Store(f"sqlite:///{path}")
    with store.writing() as db:
        db.execute(update(tables.secret).values(value=secrets.token_bytes(32)))
    return store


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "hub.db"
        with closing(Store(f"sqlite:///{path}")) as store:
            store.migrate()
        return path.read_bytes()


def postgresql_url(server: PostgresqlServer) -> str:
    """The address of a new database for a hub."""
    return server.address(server.database()).replace("postgresql://", "postgresql+psycopg://")


def found_company(store: Store, company: str = COMPANY, name: str = "Padaria Aurora") -> str:
    """Make a company with two establishments; its token."""
    store.add_company(company, name)
    store.add_establishment(company, "0001", "FABRICA VEVO")
    store.add_establishment(company, "0002", "FÁBIO VEVO")
    return store.create_token(company, "producao", SCOPES, NOW)


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def customer(id: str = "cus_1", version: int = 1, **fields: Any) -> dict[str, Any]:
    """A customer as an app sends it."""
    data = {"id": id, "person_kind": "company", "document_kind": "none", "name": "Padaria São João", "icms_kind": "9"}
    return _change("customer", id, version, data | fields)


def order(
    id: str = "ord_1",
    version: int = 1,
    establishment: str = "0001",
    customer_id: str = "cus_1",
    n_items: int = 2,
    **fields: Any,
) -> dict[str, Any]:
    """A sales order of `n_items` items at 10,00 and one payment, as an app sends it."""
    total = f"{n_items * 10}.00"
    data = {
        "id": id,
        "number": f"OF-{id}"[:20],
        "type": "sale",
        "status": "confirmed",
        "establishment_code": establishment,
        "customer": {"id": customer_id, "name": "Padaria São João"},
        "payment_terms": {"code": "30"},
        "issued_at": "2026-11-24T11:52:07-03:00",
        "freight": {"mode": "9"},
        "items": [item(line) for line in range(1, n_items + 1)],
        "totals": {"items_amount": total, "total_amount": total},
        "payments": [_payment(total)],
    }
    return _change("order", id, version, data | fields)


def item(line: int = 1, **fields: Any) -> dict[str, Any]:
    """One line at 10,00."""
    return {
        "line": line,
        "id": f"itm_{line}",
        "product_code": f"{line:06}",
        "product_name": "Pincel chato",
        "unit": "UN",
        "quantity": "1.0000",
        "list_price": "10.0000",
        "gross_amount": "10.00",
        "total_amount": "10.00",
    } | fields


def erased(kind: str, id: str, version: int) -> dict[str, Any]:
    """The delete of a record, as an app sends it."""
    change = _change(kind, id, version, None)
    return change | {"op": "delete", "reason": "erased"}


def raw(*changes: dict[str, Any]) -> Sequence[bytes]:
    """The changes as `take_in` takes them."""
    return [json.dumps(change).encode() for change in changes]


def _payment(amount: str) -> dict[str, Any]:
    return {
        "line": 1,
        "id": "pay_1",
        "method_code": "PIX",
        "method_kind": "17",
        "amount": amount,
        "due_on": "2026-11-24",
    }


def _change(kind: str, id: str, version: int, data: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "op": "upsert",
        "id": id,
        "version": version,
        "changed_at": "2026-11-24T14:52:09Z",
        "data": data,
    }
