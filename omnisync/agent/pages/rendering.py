"""The base of every page: its services, the connection it shows, and the rendering of templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Protocol, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.datastructures import FormMultiDict
from msgspec import Struct

from omnisync.agent.config.connection import Connection, connection_zone
from omnisync.agent.config.first_code import FirstCode
from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.config.secrets import Secrets
from omnisync.agent.config.settings import Settings
from omnisync.agent.erp.base import DryRun, Erp, RecordStore
from omnisync.agent.errors import NotConfiguredError, OmnisyncError, SetupError
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.run import Origin, Run, RunScope
from omnisync.agent.messages import schedule_text, sentences
from omnisync.agent.messages.format import format_count, format_integer
from omnisync.agent.pages.auth.access import Access, access_of
from omnisync.agent.pages.auth.csrf import FIELD, csrf_token
from omnisync.agent.pages.auth.sessions import Sessions
from omnisync.agent.pages.background import BackgroundTasks
from omnisync.agent.schedule import System
from omnisync.agent.scheduler.scheduler import Offline
from omnisync.agent.sync.outbox import outbox_of
from omnisync.agent.zones import ConnectionZone

FOLDER = Path(__file__).parent
SHOWN_NOTE = "shown_connection"
CONNECTION = "conexao"
"""The connection in an address."""
WHICH = "_conexao"
"""The connection a form was made for."""
PLACES = {
    "sync": "/",
    "schedule": "/agendamento",
    "connection": "/conexao",
    "history": "/historico",
    "pending": "/pendencias",
    "mapping": "/de-para",
}
"""Where the switch between connections leads, from each tab."""
N_RECENT = 10
"""Runs read for the first page: enough to tell since when something fails."""
WARNED_FOR = timedelta(days=7)
TEST_FOR = timedelta(seconds=20)

Answer = TypeVar("Answer")
HtmlRequest = Request[Any, Any, Any]
Html = Response[str]


class RunStarter(Protocol):
    """Starts and stops runs, as the pages need it."""

    def start(self, connection_name: str, scope: RunScope, origin: Origin) -> Run:
        """Start a run. Raises RunInProgressError when one is going."""

    def stop(self, run_id: str) -> None:
        """Ask a run to stop."""


class PageServices(Struct, frozen=True, kw_only=True):
    """The services of the pages. `hub` and `open_erp` build what one request uses and closes.

    `check_erp` raises SetupError for a kind or a layout that cannot be; `de_para` are the groups of codes a layout asks
    for, with those it knows; `exports` says which systems a connection's layout has something for (or LayoutError);
    `convert` reads a page of the hub without touching the ERP; `test_for` is how long a test is waited for.
    """

    journal: Journal
    secrets: Secrets
    password: PagePassword
    first_code: FirstCode
    runs: RunStarter
    settings: Settings
    clock: Callable[[], datetime]
    open_erp: Callable[[Connection], Erp]
    hub: Callable[[Connection], HubClient]
    offline: Callable[[str], Offline | None]
    erp_kinds: Mapping[str, str]
    layouts: Sequence[str]
    check_erp: Callable[[Connection], None]
    de_para: Callable[[Connection], dict[str, dict[str, str]]]
    exports: Callable[[Connection], tuple[System, ...]]
    convert: Callable[[Connection], DryRun | None]
    test_for: timedelta = TEST_FOR
    version: str
    computer: str


class CurrentConnection(Struct, frozen=True, kw_only=True):
    """The connection a page shows, all there are, the moment it does, and what its reader may do."""

    connection: Connection | None
    names: tuple[str, ...]
    now: datetime
    zone: tzinfo
    zone_found: ConnectionZone
    access: Access

    def url(self, path: str) -> str:
        """Return a link that stays with this connection; a lone one needs no name in its addresses."""
        return self.polling_url(path) if len(self.names) > 1 else path

    def polling_url(self, path: str) -> str:
        """Return the same for what a page asks by itself: a connection made meanwhile must not take its place."""
        if self.connection is None:
            return path
        path, mark, anchor = path.partition("#")
        return f"{path}{'&' if '?' in path else '?'}{CONNECTION}={self.connection.name}{mark}{anchor}"


class PageContext:
    """Renders the pages. Safe to use from several threads."""

    def __init__(self, services: PageServices, sessions: Sessions) -> None:
        self.services = services
        self.sessions = sessions
        self.background = BackgroundTasks()
        self.token, self.entrance_token = csrf_token(services.journal), csrf_token(services.journal, "entrance")
        self._unsettled: dict[str, tuple[str, dict[str, int]]] = {}
        self._templates = Environment(
            loader=FileSystemLoader(sorted({path.parent for path in FOLDER.glob("*/*.html")})),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["integer"] = format_integer
        self._templates.globals["counted"] = format_count

    def current_connection(self, request: HtmlRequest) -> CurrentConnection:
        """Return the connection that the form or the address names, else the one to begin with.

        A form without a name comes from a page older than the second connection: it must not act on either. Raises
        SetupError then, and NotConfiguredError for a connection that is no more.
        """
        known = {connection.name: connection for connection in self.services.journal.connections.all()}
        is_form = "form" in request.state
        name = field(request.state["form"], WHICH) if is_form else request.query_params.get(CONNECTION)
        if name and name not in known:
            raise NotConfiguredError(nome=name)
        if is_form and not name and len(known) > 1:
            raise SetupError("which_connection", nomes=", ".join(known))
        return self._current(request, known.get(name or self.opens_in(tuple(known))), tuple(known))

    def opens_in(self, names: tuple[str, ...]) -> str:
        """Return the connection shown where the address names none: the default, or the first."""
        chosen = self.services.journal.get_meta(SHOWN_NOTE) if len(names) > 1 else None
        return chosen if chosen in names else next(iter(names), "")

    def for_connection(self, request: HtmlRequest, connection: Connection | None) -> CurrentConnection:
        """This connection, or none: what comes next makes a new one."""
        names = tuple(known.name for known in self.services.journal.connections.all())
        return self._current(request, connection, names)

    def access(self, request: HtmlRequest) -> Access:
        """Return what the request may do. Raises SettingsError when the password's file cannot be read."""
        return access_of(self.sessions, request)

    def _current(
        self, request: HtmlRequest, connection: Connection | None, names: tuple[str, ...]
    ) -> CurrentConnection:
        found = connection_zone(connection, self.services.settings.zone)
        return CurrentConnection(
            connection=connection,
            names=names,
            now=self.services.clock(),
            zone=found.zone,
            zone_found=found,
            access=self.access(request),
        )

    def recent(self, shown: CurrentConnection) -> tuple[Run, ...]:
        """Return the newest runs of the shown connection, newest first."""
        if shown.connection is None:
            return ()
        return self.services.journal.runs(shown.connection.name, N_RECENT)

    def next_line(self, shown: CurrentConnection, runs: Sequence[Run]) -> schedule_text.HintedLine:
        """Return the frame's line about the next run."""
        if shown.connection is None:
            return schedule_text.HintedLine(schedule_text.NONE_SCHEDULED)
        return schedule_text.next_line(
            self.services.journal.connections.schedule(shown.connection.name),
            shown.now,
            shown.zone,
            is_running=bool(runs) and runs[0].is_going,
            is_offline=self.services.offline(shown.connection.name) is not None,
        )

    def page(
        self,
        template: str,
        shown: CurrentConnection,
        runs: Sequence[Run],
        *,
        tab: str,
        title: str,
        status: int = 200,
        **more: Any,
    ) -> Html:
        """Show a whole page, within its frame."""
        connection, parts = shown.connection, self.services
        frame: dict[str, Any] = {
            "tab": tab,
            "place": PLACES[tab],
            "title": title,
            "connection": connection,
            "server": (connection.erp.server or "este computador") if connection else "",
            "database": _file_name(connection.erp.database) if connection else "",
            "computer": parts.computer,
            "version": parts.version,
            "next_line": self.next_line(shown, runs),
            "is_going": bool(runs) and runs[0].is_going,
            "warnings": self.warnings(shown),
            "n_pending": self.n_pending(shown),
        }
        return self.html(template, shown=shown, status=status, **frame, **more)

    def n_pending(self, shown: CurrentConnection) -> int:
        """Return what waits for a person, as far as it was counted: no page asks the ERP for this figure alone."""
        if shown.connection is None:
            return 0
        _, counts = self._unsettled.get(shown.connection.name, ("", {}))
        asked = self.services.journal.decisions.confirmations(shown.connection.name)
        return sum(counts.values()) + sum(1 for one in asked if one.confirmed_at is None)

    def warnings(self, shown: CurrentConnection) -> list[str]:
        """Return what every page says: what happened to the journal of late, and the orders that no agent reads."""
        journal = self.services.journal
        late = [one for one in journal.notices() if shown.now - one.at < WARNED_FOR]
        unread = journal.connections.unread_orders(shown.connection.name) if shown.connection is not None else {}
        return [*(sentences.of_code(one.code, **one.words) for one in late), *sentences.of_unread_orders(unread)]

    def html(
        self,
        template: str,
        *,
        shown: CurrentConnection | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Html:
        """Show a template as an answer. Its forms carry the token and the connection they are about."""
        if shown is not None:
            which = {WHICH: shown.connection.name} if shown.connection is not None else {}
            context |= {"shown": shown, "keys": {FIELD: self.token, **which}}
        text = self._templates.get_template(template).render(**context)
        return Response(text, media_type=MediaType.HTML, status_code=status, headers=dict(headers or {}))

    def n_open_issues(self, connection: Connection, ended: Run | None) -> dict[str, int]:
        """Return how many records are refused and wait, asked of the ERP once after each run and not in each poll."""
        known = self._unsettled.get(connection.name)
        run_id = ended.id if ended is not None else ""
        if known is None or known[0] != run_id:
            known = run_id, self._count_open_issues(connection) if ended is not None else {}
            self._unsettled[connection.name] = known
        return known[1]

    def cache_open_issues(self, connection: Connection, ended: Run | None, counts: dict[str, int]) -> None:
        """Cache the counts for the polls that follow."""
        self._unsettled[connection.name] = (ended.id if ended is not None else "", counts)

    def _count_open_issues(self, connection: Connection) -> dict[str, int]:
        def count(records: RecordStore) -> dict[str, int]:
            return records.n_open_issues() | {"unsent": self.n_not_sent(connection)}

        nothing: dict[str, int] = {}
        return self.look_up(connection, count, nothing)[0]  # the page's list of them says the trouble

    @contextmanager
    def records(self, connection: Connection) -> Iterator[RecordStore]:
        """Provide the records of the connection's ERP, closed at the end.

        Pages open the ERP here alone, but for the test of a connection.
        """
        with closing(self.services.open_erp(connection)) as erp:
            yield erp.records

    def look_up(
        self, connection: Connection | None, question: Callable[[RecordStore], Answer], otherwise: Answer
    ) -> tuple[Answer, str]:
        """Return the answer of the ERP's records and no trouble, or `otherwise` and why they could not be read.

        Without a connection the answer is `otherwise`, without a trouble.
        """
        if connection is None:
            return otherwise, ""
        with self.records(connection) as records:
            try:
                return question(records), ""
            except OmnisyncError as error:
                return otherwise, sentences.of_error(error)

    def connection_with_runs(self, shown: CurrentConnection) -> Connection | None:
        """Return the shown connection if it ever had a run: before, the ERP has no tables of ours to read."""
        return shown.connection if self.recent(shown) else None

    def n_not_sent(self, connection: Connection) -> int:
        """Return how many rows of the ERP the hub has not as the ERP has them."""
        with closing(outbox_of(self.services.settings.home, connection.name)) as outbox:
            return outbox.n_refused()


def form_of(request: HtmlRequest) -> FormMultiDict:
    """Return the form, read when the request passed the locks."""
    form: FormMultiDict = request.state["form"]
    return form


def field(form: FormMultiDict, name: str) -> str:
    """Return one field as typed, without the spaces around it."""
    given = form.get(name, "")
    return given.strip() if isinstance(given, str) else ""


def fields(form: FormMultiDict, name: str) -> tuple[str, ...]:
    """Return all values of a field that may come several times."""
    return tuple(value for value in form.getall(name, []) if isinstance(value, str))


def require_connection(shown: CurrentConnection) -> Connection:
    """Return the shown connection. Raises NotConfiguredError where there is none yet."""
    if shown.connection is None:
        raise NotConfiguredError("no_connection")
    return shown.connection


def is_htmx(request: HtmlRequest) -> bool:
    """Return whether the page's own script asks, for a part."""
    return request.headers.get("hx-request") == "true"


def redirect(path: str) -> Html:
    """Redirect after a form, so that reloading sends nothing again."""
    return Response("", status_code=303, headers={"Location": path}, media_type=MediaType.HTML)


def _file_name(database: str) -> str:
    return database.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
