"""Every ERP the promise is kept over: how to make an empty one, open it, and look into its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec import Struct

from devtools import live_database
from devtools.live_database import LiveDatabase
from devtools.server import Server
from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import Erp, ErpOptions, ErpScope, Slice, WriteResult
from omnisync.agent.erp.databases import memory_of, open_erp
from omnisync.agent.erp.driver import Timeouts
from omnisync.agent.erp.export.chunking import ROWS_PER_CHUNK
from omnisync.agent.erp.layout import shipped
from omnisync.agent.messages import sentences
from omnisync.contract.feed import Change, Unreadable
from omnisync.contract.streams import CUSTOMERS, orders_of, stream_named
from tests.support.record_samples import NOW

TABLES = ("clientes", "pedidos", "itens_pedido", "formas_pagamento")


class SampleErp(Struct, frozen=True):
    """One database with an empty ERP in it. With `memories` our two tables stand there, and not in the ERP."""

    address: ErpAddress
    password: str = ""
    memories: Path | None = None

    @property
    def name(self) -> str:
        """The brand."""
        return self.address.kind

    @property
    def database(self) -> str:
        """What a connection calls the database: a file's path, or its name on the server."""
        return self.address.database

    def open(
        self,
        *,
        connection: str = "producao",
        establishments: Sequence[str] = ("0001", "0002"),
        layout: str = "padrao",
        mappings: Mapping[str, Mapping[str, str]] | None = None,
        adjusts_centavo: bool = False,
        n_cores: int = 1,
        rows_per_chunk: int = ROWS_PER_CHUNK,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
        clock: Callable[[], datetime] = lambda: NOW,
    ) -> Erp:
        """The ERP, prepared."""
        erp = open_erp(
            msgspec.structs.replace(self.address, layout=self.layout(layout)),
            self.password,
            scope=ErpScope(company="aurora", connection=connection, establishments=establishments),
            options=ErpOptions(
                adjusts_centavo=adjusts_centavo, n_cores=n_cores, rows_per_chunk=rows_per_chunk, timeouts=timeouts
            ),
            zone=ZoneInfo("America/Sao_Paulo"),
            clock=clock,
            describe=sentences.of_words,
            mappings=mappings,
            memories=self.memories or Path(),
        )
        try:
            erp.prepare()
        except BaseException:
            erp.close()
            raise
        return erp

    def layout(self, name: str) -> str:
        """What a connection calls this shipped layout: its name, or a file like it that says `state = "agent"`."""
        if self.memories is None:
            return name
        written = self.memories.parent / f"{name}.toml"
        shipped_text = files(shipped).joinpath(f"{name}.toml").read_text(encoding="utf-8")
        written.write_text(f'state = "agent"\n{shipped_text}', encoding="utf-8")
        return str(written)

    @property
    def memory(self) -> Path | None:
        """The file of our two tables, where they are not in the ERP."""
        return memory_of(self.address, self.memories) if self.memories is not None else None

    def _at(self, sql: str) -> LiveDatabase:
        """The database where the statement's tables are."""
        if self.memory is not None and "omnisync_" in sql:
            return LiveDatabase(ErpAddress(kind="sqlite", database=str(self.memory)))
        return LiveDatabase(self.address, self.password)

    def plain(self, sql: str = "") -> Any:
        """A connection of the driver itself, past our own code: to where the statement's tables are."""
        return self._at(sql).connect()

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows, read past our own code: amounts and times as the text every database would write."""
        return self._at(sql).query(sql, *values)

    def records(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Rows with their columns' names, in small letters."""
        return self._at(sql).records(sql, *values)

    def run(self, sql: str, *values: Any) -> None:
        """What the ERP's own people do in their database."""
        self._at(sql).run(sql, *values)

    def marked(self, sql: str) -> str:
        """The statement with the marks of this database's driver."""
        return self._at(sql).marked(sql)

    def forbid(self, notes: str) -> None:
        """A trigger of the ERP that takes no order with these notes."""
        body = {
            "sqlite": f"WHEN NEW.observacoes = '{notes}' BEGIN SELECT RAISE(ABORT, 'pedido proibido pelo ERP'); END",
            "mariadb": f"FOR EACH ROW IF NEW.observacoes = '{notes}' THEN "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'pedido proibido pelo ERP'; END IF",
        }
        if self.name == "postgresql":
            self.run(
                "CREATE FUNCTION proibe() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.observacoes = "
                f"'{notes}' THEN RAISE EXCEPTION 'pedido proibido pelo ERP'; END IF; RETURN NEW; END $$"
            )
            self.run("CREATE TRIGGER proibe BEFORE INSERT ON pedidos FOR EACH ROW EXECUTE FUNCTION proibe()")
        elif self.name == "firebird":
            self.run("CREATE EXCEPTION proibido 'pedido proibido pelo ERP'")
            self.run(
                "CREATE TRIGGER proibe FOR pedidos BEFORE INSERT AS BEGIN "
                f"IF (NEW.observacoes = '{notes}') THEN EXCEPTION proibido; END"
            )
        else:
            self.run(f"CREATE TRIGGER proibe BEFORE INSERT ON pedidos {body[self.name]}")

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the ERP's tables by content: its own keys and numbers left out."""
        order = "(SELECT p.id_externo FROM pedidos p WHERE p.numero = t.pedido)"
        buyer = "(SELECT c.id_externo FROM clientes c WHERE c.codigo = t.cliente)"
        return {
            "clientes": self._without("codigo", "SELECT t.* FROM clientes t ORDER BY t.id_externo"),
            "pedidos": self._without(
                "numero cliente", f"SELECT {buyer} AS o, t.* FROM pedidos t ORDER BY t.id_externo"
            ),
            "itens_pedido": self._without(
                "pedido", f"SELECT {order} AS o, t.* FROM itens_pedido t ORDER BY 1, t.id_externo"
            ),
            "formas_pagamento": self._without(
                "pedido", f"SELECT {order} AS o, t.* FROM formas_pagamento t ORDER BY 1, t.id_externo"
            ),
        }

    def _without(self, names: str, sql: str) -> list[tuple[Any, ...]]:
        left_out = set(names.split())
        return [tuple(value for name, value in row.items() if name not in left_out) for row in self.records(sql)]


def make_sqlite(folder: Path, *, schema: str = "padrao") -> SampleErp:
    """A SQLite file with the tables of a layout."""
    return SampleErp(live_database.make_sqlite(folder, schema=schema).address)


def make_on(server: Server, *, charset: str = "UTF8", schema: str = "padrao") -> SampleErp:
    """A database on a server that runs, with the tables of a layout."""
    made = live_database.make_on(server, charset=charset, schema=schema)
    return SampleErp(made.address, made.password)


KEEPERS = ("sqlite", "postgresql", "mariadb", "firebird")
KEPT_HERE = ("sqlite-agent", "postgresql-agent")
"""ERPs of whose records the agent keeps what is remembered."""


def make_erp(kind: str, request: pytest.FixtureRequest, folder: Path, *, schema: str = "padrao") -> SampleErp:
    """An empty ERP of this brand; its server is the session's own."""
    brand, _, is_kept_here = kind.partition("-")
    made = (
        make_sqlite(folder, schema=schema)
        if brand == "sqlite"
        else make_on(request.getfixturevalue(f"{brand}_running"), schema=schema)
    )
    if not is_kept_here:
        return made
    memories = folder / "memories"
    memories.mkdir()
    return msgspec.structs.replace(made, memories=memories)


def part(
    *changes: Change,
    stream: str = "",
    epoch: str = "e1",
    expected: str | None = "",
    moves_to: str | None = None,
    related: Sequence[Change] = (),
    unreadable: Sequence[Unreadable] = (),
) -> Slice:
    """A slice of these changes; the stream is guessed from the first."""
    guessed = orders_of("0001") if changes and changes[0].kind == "order" else CUSTOMERS
    return Slice(
        stream=stream_named(stream) if stream else guessed,
        epoch=epoch,
        changes=changes,
        related=related,
        unreadable=unreadable,
        expected=expected,
        moves_to=moves_to,
    )


def write(erp: Erp, *changes: Change, **how: Any) -> WriteResult:
    """Write one slice wherever its stream stands."""
    what = part(*changes, **({"expected": ""} | how))
    if "expected" not in how:
        what = part(*changes, **(how | {"expected": erp.position(what.stream).cursor}))
    return erp.write(what)
