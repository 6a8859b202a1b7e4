"""Build the agent and join its parts: the one place that reads the clock, randomness and the environment."""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING
from uuid import uuid4

from msgspec import Struct

from omnisync import __version__
from omnisync.agent.config import accounts
from omnisync.agent.config.connection import Connection, connection_zone
from omnisync.agent.config.first_code import FirstCode
from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.config.secrets import Secrets
from omnisync.agent.config.settings import Home, Settings, read_settings
from omnisync.agent.erp.base import Erp, ErpOptions, ErpScope, RecordStore
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import KINDS, layout_named, open_database, open_erp
from omnisync.agent.erp.layout.code_map import of_layout
from omnisync.agent.erp.layout.export_queries import compile_queries
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.schema import LayoutFile, shipped_names
from omnisync.agent.errors import BadTokenError, ErpSetupError, NotConfiguredError, OmnisyncError, SetupError
from omnisync.agent.journal.connection_lock import is_running
from omnisync.agent.journal.journal import Journal
from omnisync.agent.layout_folder import chosen, names_in
from omnisync.agent.messages import sentences
from omnisync.agent.runtime import Runtime
from omnisync.agent.schedule import SYSTEMS, System
from omnisync.agent.zones import ConnectionZone
from omnisync.cli.exit import FAILED, print_status
from omnisync.cli.signals import stop_on_signals

if TYPE_CHECKING:  # what only some commands use is imported where it is built: it is half of what a poll would import
    import ssl

    from omnisync.agent.config.certificate import Certificate
    from omnisync.agent.hub_api.client import HubClient
    from omnisync.agent.pages.rendering import PageServices
    from omnisync.agent.pages.server import PageServer
    from omnisync.agent.scheduler.processes import ProcessSupervisor
    from omnisync.agent.scheduler.scheduler import Scheduler
    from omnisync.agent.sync.run import RunServices

environ = os.environ  # noqa: TID251  # the environment enters here and nowhere else


def clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  # the clock enters here


monotonic = time.monotonic
wait = time.sleep  # noqa: TID251  # waiting enters here
pid = os.getpid
n_other_people = accounts.n_other_people
uniform = random.uniform  # the jitter between two tries needs no secrecy


def new_id() -> str:
    """Return a unique name, of a batch or a snapshot."""
    return uuid4().hex


class AgentContext(Struct, frozen=True):
    """The services of every command of the agent."""

    settings: Settings
    home: Home
    journal: Journal
    secrets: Secrets
    password: PagePassword
    first_code: FirstCode
    runtime: Runtime

    def connection(self, name: str | None) -> Connection:
        """Return the connection of this name, or the only one. Raises NotConfiguredError."""
        if name is not None:
            return self.journal.connections.get(name)
        known = self.journal.connections.all()
        if len(known) == 1:
            return known[0]
        if not known:
            raise NotConfiguredError("no_connection")
        raise SetupError("which_connection", nomes=", ".join(connection.name for connection in known))

    def close_orphaned_run(self, connection: Connection) -> None:
        """Close a run that is marked as going and has no process: without an agent nothing else does."""
        now = self.runtime.clock()
        self.journal.close_orphaned_run(connection.name, now, lambda run: is_running(self.home, run, now))

    def zone(self, connection: Connection) -> tzinfo:
        """Return the zone of the connection's wall clock."""
        return self.zone_found(connection).zone

    def zone_found(self, connection: Connection) -> ConnectionZone:
        """Return the same, with where it comes from."""
        return connection_zone(connection, self.settings.zone)

    def database(self, connection: Connection) -> Database:
        """Return the database of the connection's ERP, not yet opened."""
        return open_database(connection.erp, self._erp_password(connection), zone=self.zone(connection))

    def _erp_password(self, connection: Connection) -> str:
        password = self.secrets.get(connection, "erp_password")
        return password.reveal() if password is not None else ""

    @contextmanager
    def records(self, connection: Connection) -> Iterator[RecordStore]:
        """Provide the records of the connection's ERP, opened and closed at the end."""
        with closing(self.erp(connection)) as erp:
            erp.prepare()
            yield erp.records

    def erp(self, connection: Connection) -> Erp:
        """Return the connection's ERP, not yet opened."""
        return open_erp(
            connection.erp,
            self._erp_password(connection),
            scope=ErpScope(
                company=connection.company,
                connection=connection.name,
                establishments=[establishment.code for establishment in connection.establishments],
            ),
            options=ErpOptions(adjusts_centavo=connection.adjusts_centavo, n_cores=os.cpu_count() or 1),
            zone=self.zone(connection),
            clock=self.runtime.clock,
            describe=sentences.of_words,
            mappings=self.journal.decisions.mappings(connection.name),
            memories=self.home.memories,
        )


def check_erp(context: AgentContext, connection: Connection) -> None:
    """Refuse an unknown kind or layout before it is saved; a missing driver may be installed later.

    Raises ErpSetupError or LayoutError.
    """
    try:
        context.erp(connection)
    except ErpSetupError as error:
        if error.code != "driver_missing":
            raise


def de_para(connection: Connection) -> dict[str, dict[str, str]]:
    """Return the groups of codes that the connection's layout asks for, with those it knows. Raises LayoutError."""
    return of_layout(layout_named(connection.erp.layout))


def layout_file(context: AgentContext, connection: Connection, name: str) -> LayoutFile:
    """Return the layout of this name or file, right in itself. Raises LayoutError."""
    file = layout_named(
        chosen(name, context.home.layouts, shipped_names()) if name in names_in(context.home.layouts) else name
    )
    compile_layout(file, context.zone(connection), {})
    return file


def exported_systems(connection: Connection) -> tuple[System, ...]:
    """Return the systems that the connection's layout has something to send to. Raises LayoutError."""
    named = {query.dataset.system for query in compile_queries(layout_named(connection.erp.layout).export, UTC)}
    return tuple(system for system in SYSTEMS if system in named)


def open_context(given: Runtime | None = None) -> AgentContext:
    """Open what the agent remembers on this computer. Without a runtime it is the machine's."""
    settings = read_settings(environ)
    return context_in(settings, zone=settings.zone, given=given)


def context_in(settings: Settings, *, zone: str | None, given: Runtime | None = None) -> AgentContext:
    """Open what the agent remembers in the settings' home. `zone` is the journal's, for connections without one."""
    home = settings.home.prepare()
    return AgentContext(
        settings,
        home,
        Journal(home.journal, zone=zone),
        Secrets(home.secrets),
        PagePassword(home.page_password),
        FirstCode(home.first_code),
        given or runtime(),
    )


def runtime() -> Runtime:
    """Return the machine's clocks, waiting, randomness and process id."""
    return Runtime(clock=clock, monotonic=monotonic, wait=wait, uniform=uniform, new_id=new_id, pid=pid)


def run_services(context: AgentContext) -> RunServices:
    """Return the services of a run of this process."""
    from omnisync.agent.sync.run import RunServices

    return RunServices(
        home=context.home,
        journal=context.journal,
        zone=context.zone,
        open_erp=context.erp,
        open_hub=lambda connection: hub_client(context, connection),
        runtime=context.runtime,
        listen_for_stop=stop_on_signals,
        report_broken_display=report_broken_display,
        abandon=abandon,
    )


def abandon(error: OmnisyncError) -> None:
    """Print an error's sentence and end the process at once, whatever its other threads wait for."""
    print_status(sentences.of_error(error))
    sys.stderr.flush()
    os._exit(FAILED)


def report_broken_display(error: Exception) -> None:
    """Print that the display of a run failed, and that the run goes on."""
    print_status(sentences.of_code("display_failed", motivo=type(error).__name__))


def hub_client(context: AgentContext, connection: Connection) -> HubClient:
    """Return the connection's hub. Raises SetupError when its address or its token was not given yet."""
    if connection.hub is None:
        raise SetupError("no_hub", nome=connection.name)
    token = context.secrets.get(connection, "hub_token")
    if token is None:
        raise SetupError("no_token", nome=connection.name)
    if not re.fullmatch(r"[!-~]+", token.reveal()):  # no header takes it, and an error about it would show it
        raise BadTokenError
    return hub_client_at(connection.hub.url, token.reveal(), context.runtime)


def hub_client_at(url: str, token: str, used: Runtime) -> HubClient:
    """Return the hub at this address."""
    from omnisync.agent.hub_api.client import HubClient
    from omnisync.agent.hub_api.transport import Transport

    return HubClient(Transport(url, token, clock=used.clock, monotonic=used.monotonic, verify=trusted(url)))


def trusted(url: str) -> ssl.SSLContext | bool:
    """Return the machine's own certificate authorities, loaded only where there is something to verify."""
    if not url.startswith("https:"):
        return False
    import ssl

    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def supervisor(context: AgentContext) -> ProcessSupervisor:
    """Return the runner of this computer; the runs find the same home."""
    from omnisync.agent.scheduler.processes import ProcessSupervisor

    return ProcessSupervisor(context.journal, context.home, clock=context.runtime.clock, environ=environ)


def scheduler(context: AgentContext, supervisor: ProcessSupervisor) -> Scheduler:
    """Return the scheduler of this computer, not yet started."""
    from omnisync.agent.scheduler.scheduler import Scheduler

    return Scheduler(
        context.journal,
        supervisor,
        clock=context.runtime.clock,
        zone_of=context.zone,
        probe=lambda connection: is_hub_there(context, connection),
    )


def page_server(
    context: AgentContext,
    supervisor: ProcessSupervisor,
    scheduler: Scheduler,
    host: str,
    port: int,
    certificate: Certificate | None,
) -> PageServer:
    """Return the server of the pages, its port taken. Raises SettingsError.

    The pages are imported here and in `page_services` alone: no other command waits for their libraries.
    """
    from omnisync.agent.pages.server import PageServer

    return PageServer(page_services(context, supervisor, scheduler), host, port, certificate)


def page_services(context: AgentContext, supervisor: ProcessSupervisor, scheduler: Scheduler) -> PageServices:
    """Return the services of the pages."""
    import socket

    from omnisync.agent.pages.rendering import PageServices
    from omnisync.agent.sync.run import preview

    return PageServices(
        journal=context.journal,
        secrets=context.secrets,
        password=context.password,
        first_code=context.first_code,
        runs=supervisor,
        settings=context.settings,
        clock=context.runtime.clock,
        open_erp=context.erp,
        hub=lambda connection: hub_client(context, connection),
        offline=scheduler.offline,
        erp_kinds={kind: one.label for kind, one in KINDS.items()},
        layouts=shipped_names(),
        check_erp=lambda connection: check_erp(context, connection),
        de_para=de_para,
        exports=exported_systems,
        convert=lambda connection: preview(run_services(context), connection),
        version=version_text(),
        computer=socket.gethostname(),
    )


def version_text() -> str:
    """Return the version as the seed writes it: v AA.MM R."""
    year, month, *_ = __version__.split(".")
    return f"v {year}.{int(month):02} R"


def is_hub_there(context: AgentContext, connection: Connection) -> bool:
    """Return whether the connection's hub answers."""
    try:
        hub = hub_client(context, connection)
        try:
            hub.health()
        finally:
            hub.close()
    except OmnisyncError:
        return False
    return True
