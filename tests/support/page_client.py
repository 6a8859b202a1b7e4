"""The pages over a real journal and stand-ins that keep the promises of carrier, ERP and hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, cast

import msgspec
from argon2 import PasswordHasher
from litestar import Litestar
from litestar.testing import TestClient
from msgspec import Struct

from omnisync.agent.config.connection import Connection, ConnectionEstablishment, ErpAddress, HubAddress
from omnisync.agent.config.first_code import FirstCode
from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home, Settings
from omnisync.agent.erp.base import DryRun, Erp, ErpScope, OpenIssue
from omnisync.agent.erp.databases import KINDS
from omnisync.agent.erp.databases import open_erp as open_real_erp
from omnisync.agent.erp.layout.schema import shipped_names
from omnisync.agent.errors import BadTokenError, HubUnreachableError, OmnisyncError
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.run import Origin, Run, RunKind, RunScope, RunState
from omnisync.agent.messages import sentences
from omnisync.agent.pages.app import create_app
from omnisync.agent.pages.rendering import PageServices
from omnisync.agent.phase import decode_phase
from omnisync.agent.progress import Counts, ExpectedCounts, RowCounts
from omnisync.agent.schedule import System
from omnisync.agent.scheduler.scheduler import Offline
from omnisync.contract.feed import Company, Identity, Lease, Limits, Reason, StreamHead, Streams
from omnisync.contract.feed import Establishment as HubEstablishment

NOW = datetime(2026, 11, 24, 15, 3, tzinfo=UTC)
"""Tuesday, 12:03 in São Paulo."""
HOST = "127.0.0.1:8787"
TOKEN = "chave-secreta-que-nunca-volta"  # noqa: S105  # a made-up one, looked for in every page
PASSWORD = "pão de queijo às 6h"  # noqa: S105  # a made-up one
VEVO = (ConnectionEstablishment("0001", "FABRICA VEVO"), ConnectionEstablishment("0002", "FÁBIO VEVO"))
HOSTILE = "<script>alert(1)</script>\"' onmouseover=alert(1) {{1234*5678}} & <b>"
Client = TestClient[Litestar]

PAGES = (
    "/",
    "/agendamento",
    "/agendamento?ativar=sim",
    "/conexao",
    "/historico",
    "/busca?q=OF",
    "/de-para",
    "/pendencias",
    "/pendencias/avisos",
)
PARTS = ("/situacao", "/detalhes", "/proxima", "/agendamento/opcoes?ativar=sim")
SAVE = {
    "ativar": "sim",
    "inicio_hora": "8",
    "inicio_minuto": "0",
    "repetir_hora": "0",
    "repetir_minuto": "15",
    "dias": "todos",
    "estabelecimentos": "todos",
    "estabelecimento": "0001",
    "sistemas": "todos",
}
HTMX = {"HX-Request": "true"}


QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes as the real one does, a thousand times as fast."""


class FakeRuns:
    """Asks for runs as the real one does, and starts no process."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def start(self, connection_name: str, scope: RunScope, origin: Origin) -> Run:
        return self._journal.enqueue_run(connection_name, scope, origin, NOW)

    def stop(self, run_id: str) -> None:
        self._journal.request_stop(run_id)


class FakeErp:
    """An ERP that only shows what it was given."""

    def __init__(self, issues: Sequence[OpenIssue] = (), error: OmnisyncError | None = None) -> None:
        self.issues = list(issues)
        self.error = error
        self.n_opened = 0
        self.chosen: list[tuple[str, str]] = []
        self.hangs: Callable[[], object] = lambda: None

    @property
    def records(self) -> FakeErp:
        """Return what answers the questions of the pages: itself."""
        return self

    def prepare(self) -> None:
        self.hangs()
        if self.error is not None:
            raise self.error

    def open_issues(self, outcomes: Sequence[str], limit: int) -> list[OpenIssue]:
        self.prepare()
        return [issue for issue in self.issues if issue.outcome in outcomes][:limit]

    def n_open_issues(self) -> dict[str, int]:
        self.prepare()
        self.n_opened += 1
        return {outcome: len(self.open_issues((outcome,), 10**6)) for outcome in ("refused", "waiting")}

    def waiting_since(self) -> datetime | None:
        return min((issue.since for issue in self.issues if issue.outcome == "waiting"), default=None)

    def with_warnings(self, limit: int) -> list[OpenIssue]:
        self.prepare()
        return [issue for issue in self.issues if issue.warnings][:limit]

    def choose(self, customer_id: str, erp_key: str) -> None:
        self.prepare()
        self.chosen.append((customer_id, erp_key))

    def find(self, text: str, limit: int) -> list[OpenIssue]:
        self.prepare()
        return [issue for issue in self.issues if text.lower() in issue.label.lower()][:limit]

    def rows(self) -> dict[str, int]:
        return {"customers": 2, "orders": 7, "items": 20, "payments": 9}

    def close(self) -> None:
        """Nothing is open."""


class FakeHub:
    """A hub that knows the two establishments of the seed, or refuses the key."""

    def __init__(self, error: OmnisyncError | None = None) -> None:
        self.error = error
        self.rehearsal: DryRun | None = None
        self.taken_over: list[str] = []

    def health(self) -> None:
        if isinstance(self.error, HubUnreachableError):
            raise self.error

    def identity(self) -> Identity:
        if self.error is not None:
            raise self.error
        return Identity(
            company=Company(id="aurora", name="Padaria Aurora"),
            establishments=tuple(HubEstablishment(code=one.code, name=one.name) for one in VEVO),
            scopes=(),
            contract="1",
            min_agent_version="26.1.0",
            server_time=NOW,
            limits=Limits(page=1000, receipts=1000, records=100, intake_records=500, intake_bytes=10**6),
        )

    def preview(self) -> DryRun | None:
        if self.error is not None:
            raise self.error
        return self.rehearsal

    def take_over(self, establishment: str) -> Lease:
        if self.error is not None:
            raise self.error
        self.taken_over.append(establishment)
        return Lease(establishment=establishment, holder="matriz", since=NOW, until=NOW, taken_from="loja")

    def streams(self, after: Sequence[tuple[str, str]]) -> Streams:
        head = StreamHead(stream="order:0001", is_new=True, orders=12, items=40, payments=15)
        return Streams(contract="1", epoch="e1", streams=(head,))

    def close(self) -> None:
        """Nothing is open."""


class PageSetup(Struct, kw_only=True):
    """The pages with everything they stand on, to be set as a test needs it."""

    parts: PageServices
    erp: FakeErp
    hub: FakeHub
    app: Litestar
    offline: dict[str, Offline]
    de_para: dict[str, dict[str, str]]
    exported: list[System]

    @property
    def journal(self) -> Journal:
        return self.parts.journal

    def client(self) -> TestClient[Litestar]:
        """A browser without JavaScript at the right address, which follows no redirect by itself."""
        client = TestClient(self.app, base_url=f"http://{HOST}")
        client.follow_redirects = False
        return client

    def signed_in(self) -> TestClient[Litestar]:
        """The same, with a session; the password is set where there is none yet."""
        if self.parts.password.stored_hash() is None:
            self.parts.password.set(PASSWORD)
        client = self.client()
        token = token_in(client.get("/entrar").text)
        assert client.post("/entrar", data={"_token": token, "senha": PASSWORD}).status_code == 303
        return client

    def run(
        self,
        state: RunState,
        *,
        kind: RunKind = "import",
        origin: Origin = "button",
        minutes_ago: float = 3,
        seconds: float = 10,
        counts: Counts | None = None,
        totals: ExpectedCounts | None = None,
        phase: str = "customer",
        code: str | None = None,
        **words: str,
    ) -> str:
        """Put a run into the journal, as one that ended so or still goes."""
        at = NOW - timedelta(minutes=minutes_ago)
        asked = self.journal.enqueue_run("producao", RunScope(kind=kind), origin, at)
        if state == "waiting":
            return asked.id
        self.journal.start_run(asked.id, at, 1)
        ended_at = at + timedelta(seconds=seconds)
        self.journal.heartbeat(asked.id, ended_at, counts or Counts(), totals or ExpectedCounts(), decode_phase(phase))
        if state == "cancelling":
            self.journal.request_stop(asked.id)
        elif state != "running":
            self.journal.end_run(asked.id, state, ended_at, code=code, words=words)
        return asked.id


def connection(**fields: Any) -> Connection:
    """The connection of the seed's figures, complete."""
    known = Connection(
        name="producao",
        company="aurora",
        hub=HubAddress("https://central.omniforce.example"),
        erp=ErpAddress(kind="sqlite", database="/dados/ERP_VEVO.db", server="erp-01.vevo.local"),
        establishments=VEVO,
        zone="America/Sao_Paulo",
    )
    return msgspec.structs.replace(known, **fields)


@contextmanager
def page_client(
    folder: Path,
    *,
    known: Connection | None = None,
    is_new: bool = False,
    host: str = HOST,
    opening: Any = None,
    zone: str | None = "America/Sao_Paulo",
    **more: Any,
) -> Iterator[PageSetup]:
    """The pages over a fresh journal, with the connection `producao` and its key unless it is a new computer."""
    home = Home(folder).prepare()
    journal, secrets, erp, hub = Journal(home.journal), Secrets(home.secrets), FakeErp(), FakeHub()
    offline: dict[str, Offline] = {}
    de_para: dict[str, dict[str, str]] = {}
    exported: list[System] = ["dash", "omniforce"]
    if not is_new:
        known = known or connection()
        journal.connections.save(known)
        secrets.put(known, "hub_token", Secret(TOKEN))

    def open_hub(asked: Connection) -> HubClient:
        if secrets.get(asked, "hub_token") is None:
            raise BadTokenError("no_token", nome=asked.name)
        return cast(HubClient, hub)

    def checked(asked: Connection) -> None:
        open_real_erp(
            asked.erp,
            scope=ErpScope(company="aurora", connection=asked.name, establishments=()),
            zone=UTC,
            clock=lambda: NOW,
            describe=sentences.of_words,
            memories=home.memories,
        )

    parts = PageServices(
        journal=journal,
        secrets=secrets,
        password=PagePassword(home.page_password, QUICK),
        first_code=FirstCode(home.first_code),
        runs=FakeRuns(journal),
        settings=Settings(home=home, zone=zone),
        clock=lambda: NOW,
        open_erp=lambda asked: cast(Erp, erp),
        hub=open_hub,
        offline=offline.get,
        erp_kinds={kind: one.label for kind, one in KINDS.items()},
        layouts=shipped_names(),
        check_erp=checked,
        de_para=lambda asked: de_para,
        exports=lambda asked: tuple(exported),
        convert=lambda asked: hub.preview(),
        version="v 20.07 R",
        computer="FATURAMENTO-03",
        **more,
    )
    app = create_app(parts, [host, host.replace("127.0.0.1", "localhost")], **(opening or {}))
    yield PageSetup(parts=parts, erp=erp, hub=hub, app=app, offline=offline, de_para=de_para, exported=exported)
    journal.close()


def unsettled(
    outcome: str = "refused",
    *,
    kind: Any = "order",
    id: str = "ord_1",
    label: str = "OF-004821",
    code: str = "product_unknown",
    minutes_ago: float = 3,
    erp_number: str | None = None,
    value: str | None = None,
    warnings: tuple[Reason, ...] = (),
    **words: str,
) -> OpenIssue:
    """A record as the ERP shows it."""
    return OpenIssue(
        kind=kind,
        id=id,
        version=1,
        outcome=outcome,
        label=label,
        code=code,
        message=sentences.of_code(code, numero=label, **words) if code else "",
        establishment="0001",
        since=NOW - timedelta(minutes=minutes_ago),
        erp_number=erp_number,
        value=value,
        warnings=warnings,
    )


def whole(*, customers: int = 24_800, orders: int = 96_398, items: int = 289_200, payments: int = 5_000) -> Counts:
    """Counts of a run that wrote all it received, but two orders."""
    return Counts(
        customers=RowCounts(written=customers),
        orders=RowCounts(written=orders, refused=2),
        items=RowCounts(written=items, refused=4),
        payments=RowCounts(written=payments, refused=2),
    )


ALL = ExpectedCounts(customers=24_800, orders=96_400, items=289_204, payments=5_002)


def text(html: str) -> str:
    """What a person reads: without tags, each run of spaces one space."""
    body = re.sub(r"<(script|style|title)[\s\S]*?</\1>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def token_in(html: str) -> str:
    """The token a page's forms carry."""
    found = re.search(r'name="_token" value="([0-9a-f]+)"', html)
    assert found is not None
    return found[1]


def post(client: Client, path: str, fields: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    """Send a form with the token of the page it stands on."""
    token = token_in(client.get("/agendamento").text)
    return client.post(path, data={"_token": token, **(fields or {})}, **kwargs)
