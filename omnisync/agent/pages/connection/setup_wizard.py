"""The first steps of a connection made on the pages: each is ticked once its test has passed for what is saved now."""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import post
from litestar.di import NamedDependency

from omnisync.agent.config.connection import Connection
from omnisync.agent.journal.journal import Journal
from omnisync.agent.pages.rendering import Html, HtmlRequest, PageContext, redirect, require_connection

Half = Literal["erp", "hub"]


def begin(journal: Journal, name: str) -> None:
    """The connection was just made: its steps are to be taken."""
    journal.set_meta(f"first_steps:{name}", "open")


def end(journal: Journal, name: str) -> None:
    """The steps are over."""
    journal.set_meta(f"first_steps:{name}", "")


def is_open(journal: Journal, name: str) -> bool:
    """Return whether its steps are still being taken; those of a connection made by a command never were."""
    return journal.get_meta(f"first_steps:{name}") == "open"


def mark_done(journal: Journal, connection: Connection, half: Half) -> None:
    """The test of this half has passed, for the address it has now."""
    journal.set_meta(f"tested_{half}:{connection.name}", _address(connection, half))


def is_done(journal: Journal, connection: Connection, half: Half) -> bool:
    """Return whether the test of this half has passed for the address it has now."""
    return journal.get_meta(f"tested_{half}:{connection.name}") == _address(connection, half)


@post("/primeiros-passos/concluir", sync_to_thread=True, status_code=200)
def skip(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Go on without the rehearsal."""
    shown = pages.current_connection(request)
    end(pages.services.journal, require_connection(shown).name)
    return redirect(shown.url("/"))


def _address(connection: Connection, half: Half) -> str:
    if half == "hub":
        return connection.hub.url if connection.hub is not None else ""
    return msgspec.json.encode(connection.erp).decode()
