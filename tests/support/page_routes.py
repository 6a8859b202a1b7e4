"""The routes of the pages, out of the application's own table, and what a request to them may have changed."""

from __future__ import annotations

from litestar import Litestar

from omnisync.agent.journal.journal import Journal


def post_routes(app: Litestar) -> list[tuple[str, str]]:
    """Every unsafe route of the application's own table."""
    unsafe = {"POST", "PUT", "PATCH", "DELETE"}
    return [
        (route.path, method)
        for route in app.routes
        for method in sorted(getattr(route, "methods", ()))
        if method in unsafe
    ]


def get_paths(app: Litestar) -> list[str]:
    return [route.path for route in app.routes if "GET" in getattr(route, "methods", ()) and "{" not in route.path]


def contents(journal: Journal) -> str:
    """All the journal remembers, as one text."""
    return repr(
        (
            journal.connections.all(),
            journal.connections.schedule("producao"),
            journal.runs("producao", 100),
            journal.connections.events("producao", 100),
            journal.get_meta("shown_connection"),
        )
    )
