"""The sample company's own things: its hub with its story, and its ERP. Made once, found again afterwards."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from omnisync.demo import erp
from omnisync.demo.sample_data import generate_changes
from omnisync.demo.seed_data import ESTABLISHMENTS
from omnisync.hub import intake
from omnisync.hub.store import AGENT_SCOPES, APP_SCOPES, Store

COMPANY = "vevo"
NAME = "Fábrica Vevo (demonstração)"
AGENT = "producao"
APP = "vendedores"


class DemoFolder(Struct, frozen=True):
    """The folder of the demo: nothing of it stands anywhere else."""

    path: Path

    @property
    def hub_url(self) -> str:
        """The address of the hub's database."""
        return f"sqlite:///{self.path / 'central.db'}"

    @property
    def erp(self) -> Path:
        """The ERP's database."""
        return self.path / "erp.db"

    @property
    def layout(self) -> Path:
        """The layout of that database."""
        return self.path / "vevo.toml"

    def clear(self) -> None:
        """Start over. Only a folder that the demo made is emptied."""
        if self.erp.exists() or (self.path / "central.db").exists():
            shutil.rmtree(self.path)

    def make(self, now: datetime) -> None:
        """The folder, its layout, and the ERP with what the company sells, where they are missing."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.layout.write_text(erp.layout(), encoding="utf-8")
        if self.erp.exists():
            erp.fill(self.erp, now)
            return
        # Made under another name first: a demo stopped half-way must not find half an ERP.
        unfinished = self.erp.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as database:
            database.executescript(erp.tables())
        erp.fill(unfinished, now)
        unfinished.rename(self.erp)


def create_company(store: Store, now: datetime) -> tuple[str, str]:
    """Return the company and its establishments in the hub, and two new tokens: the agent's, the salespeople's.

    Tokens are shown once, so each start of the demo makes new ones and closes the door to the old.
    """
    store.add_company(COMPANY, NAME)
    for code, name in ESTABLISHMENTS.items():
        store.add_establishment(COMPANY, code, name)
    for token in store.tokens(COMPANY):
        if token.revoked_at is None:
            store.revoke_token(COMPANY, token.prefix, now)
    agent = store.create_token(COMPANY, AGENT, AGENT_SCOPES, now)
    return agent, store.create_token(COMPANY, APP, APP_SCOPES, now)


def send_sample_data(store: Store, *, today: date, now: datetime, report: Callable[[int], None]) -> None:
    """Send the company's sample data to the hub. Idempotent: what the hub has already is the same version."""
    n = 0
    for batch in generate_changes(today=today):
        intake.ingest(store, COMPANY, [msgspec.json.encode(change) for change in batch], now)
        n += len(batch)
        report(n)
