"""`omnisync demo`: the sample company in one command, and what became of it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path

import msgspec
import rich_click as click

from omnisync.agent.config.connection import Connection, ConnectionEstablishment, ErpAddress, HubAddress
from omnisync.agent.config.secrets import Secret
from omnisync.agent.config.settings import HOST, Home, Settings, read_settings
from omnisync.agent.errors import SetupError
from omnisync.agent.journal.run import RunScope
from omnisync.agent.messages import labels
from omnisync.agent.messages.format import format_count, format_integer
from omnisync.agent.progress import NOUNS, Counts
from omnisync.agent.sqlite_file import make_private_database
from omnisync.agent.sync.run import RunRequest
from omnisync.cli import composition
from omnisync.cli.agent import serve
from omnisync.cli.command import command
from omnisync.cli.exit import print_status
from omnisync.cli.progress import execute_with_progress, export_summary, summary
from omnisync.cli.simulate import exported_products, free_number, retry_when_silent, simulated_sellers
from omnisync.cli.status import open_issue_line
from omnisync.demo import company, erp
from omnisync.demo.company import DemoFolder
from omnisync.demo.sample_data import ZONE, buyers
from omnisync.demo.seed_data import ESTABLISHMENTS, SampleProduct
from omnisync.demo.simulated_sellers import Start
from omnisync.hub.server import hub_server
from omnisync.hub.store import Store
from omnisync.web.server import WebServer, listening_socket

HUB_PORT = 8788
N_NEW_ORDERS = 300
SECONDS_BETWEEN_SALES = 4.0
SECONDS_BETWEEN_INVOICES = 20.0
N_INVOICED = 2
N_PORTS = 20
"""A busy port is no reason to fail a demo: the next free one of these is taken."""
UNTOUCHED = timedelta(days=7)
"""Orders this young are still open in the ERP when the demo begins."""
LEFT_ALONE = timedelta(days=1)
"""Orders this young are left to the salespeople, who may still change or cancel them."""
STORY_DAY = "demo_story_day"
STORY_SENT = "demo_story_sent"


@command("demo")
@click.option("--once", is_flag=True, help="Sai depois do resumo, sem vendedores nem telas.")
@click.option("--fresh", is_flag=True, help="Começa de novo: apaga a empresa de exemplo.")
def demo(once: bool, fresh: bool) -> None:
    """A empresa de exemplo: uma central, um ERP em SQLite, uma importação e o resumo."""
    settings = read_settings(composition.environ)
    folder = DemoFolder(settings.home.path / "demo")
    if fresh:
        folder.clear()
    folder.make(composition.clock())
    context = demo_context(settings, folder.path)
    with open_hub(folder) as hub:
        tokens = company.create_company(hub.store, composition.clock())
        send_sample(context, hub.store)
        connection = connect(context, hub.url, folder, tokens[0])
        came = execute_with_progress(context, connection, RunRequest(scope=RunScope(kind="import")))
        invoice(context, folder)
        went = execute_with_progress(context, connection, RunRequest(scope=RunScope(kind="export")))
        show_summary(context, connection, folder, came + went)
        if not once:
            keep_running(context, hub, folder, tokens[1])


def demo_context(settings: Settings, path: Path) -> composition.AgentContext:
    """Return the agent's parts, with the demo's folder as their home."""
    return composition.context_in(msgspec.structs.replace(settings, home=Home(path)), zone=None)


class OpenHub(msgspec.Struct, frozen=True):
    """The demo's hub, answering."""

    url: str
    store: Store


@contextmanager
def open_hub(folder: DemoFolder) -> Iterator[OpenHub]:
    """Provide the hub on its port or the next free one, served by a thread; ended when the block ends."""
    make_private_database(folder.path / "central.db")
    store = Store(folder.hub_url)
    store.migrate()
    server = _server(store)
    is_ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(lambda url: is_ready.set(),), name="hub", daemon=True)
    thread.start()
    is_ready.wait(30)
    try:
        yield OpenHub(server.url, store)
    finally:
        server.stop()
        thread.join(10)
        store.close()


def _server(store: Store) -> WebServer:
    for port in range(HUB_PORT, HUB_PORT + N_PORTS):
        try:
            return hub_server(store, "127.0.0.1", port)
        except OSError:
            continue
    raise SetupError("ports_busy", de=HUB_PORT, ate=HUB_PORT + N_PORTS - 1)


def send_sample(context: composition.AgentContext, store: Store) -> None:
    """Put the sample sales into the hub, once."""
    journal = context.journal
    if journal.get_meta(STORY_SENT):
        return
    day = journal.get_meta(STORY_DAY) or composition.clock().date().isoformat()
    journal.set_meta(STORY_DAY, day)
    print_status("Preparando a empresa de exemplo: os vendedores enviam suas vendas à central…")
    company.send_sample_data(store, today=date.fromisoformat(day), now=composition.clock(), report=lambda n: None)
    journal.set_meta(STORY_SENT, "1")


def invoice(context: composition.AgentContext, folder: DemoFolder) -> None:
    """Invoice all orders but those of the last days, as the ERP's people would."""
    told_on = date.fromisoformat(context.journal.get_meta(STORY_DAY) or composition.clock().date().isoformat())
    n = erp.invoice(folder.erp, told_on - UNTOUCHED, composition.clock())
    if n:
        print_status(f"No ERP, o faturamento emitiu {format_count(n, 'nota', 'notas')}.")


def connect(context: composition.AgentContext, hub_url: str, folder: DemoFolder, token: str) -> Connection:
    """Return the connection `producao`, between the demo's hub and its ERP."""
    connection = Connection(
        name=company.AGENT,
        company=company.COMPANY,
        hub=HubAddress(hub_url),
        erp=ErpAddress(kind="sqlite", database=str(folder.erp), layout=str(folder.layout)),
        establishments=tuple(ConnectionEstablishment(code, name) for code, name in ESTABLISHMENTS.items()),
        zone="America/Sao_Paulo",
    )
    context.journal.connections.save(connection)
    context.secrets.put(connection, "hub_token", Secret(token))
    return connection


def show_summary(context: composition.AgentContext, connection: Connection, folder: DemoFolder, counts: Counts) -> None:
    """Print rows imported and exported, the ERP's rows, open issues, and where to look."""
    with context.records(connection) as records:
        rows, unsettled = records.rows(), records.open_issues(("refused", "waiting"), 1000)
    click.echo("")
    click.echo(summary(counts))
    click.echo("")
    click.echo(f"{'No banco do ERP':<24}{'Linhas':>10}{'Gravadas agora':>16}")
    for noun in NOUNS:
        written = getattr(counts, noun).written
        click.echo(f"{labels.NOUNS[noun]:<24}{format_integer(rows[noun]):>10}{format_integer(written):>16}")
    click.echo("")
    n_refused = sum(record.outcome == "refused" for record in unsettled)
    click.echo(f"Recusados: {n_refused}. Aguardando: {len(unsettled) - n_refused}.")
    for record in sorted(unsettled, key=lambda record: (record.outcome, record.kind, record.id)):
        click.echo(f"  {open_issue_line(record, composition.clock())}")
    click.echo("")
    click.echo(export_summary(counts))
    click.echo("")
    click.echo(f"{'Do ERP para fora':<24}{'Linhas':>10}{'Enviadas agora':>16}")
    for name, sent in counts.exports.items():
        click.echo(f"{labels.dataset_name(name):<24}{format_integer(sent.read):>10}{format_integer(sent.sent):>16}")
    click.echo("")
    click.echo(f"Banco do ERP (SQLite): {folder.erp}")
    click.echo(f"Central (SQLite):      {folder.path / 'central.db'}")


def keep_running(context: composition.AgentContext, hub: OpenHub, folder: DemoFolder, token: str) -> None:
    """The pages, salespeople who go on selling, and an ERP whose people go on invoicing, until Ctrl-C."""
    stop = threading.Event()

    def begin(url: str) -> None:
        print_status("")
        print_status(
            f"Abra {url} e clique em IMPORTAR: os vendedores acabam de enviar {N_NEW_ORDERS} pedidos. Ctrl-C encerra."
        )
        threading.Thread(target=sell, args=(hub.url, token, stop), name="salespeople", daemon=True).start()
        threading.Thread(target=keep_invoicing, args=(folder.erp, stop), name="invoicing", daemon=True).start()

    try:
        command = f"OMNISYNC_HOME={folder.path} omnisync password set"
        serve(context, HOST, free_port(context.settings.port), begin, password_command=command)
    finally:
        stop.set()


def keep_invoicing(path: Path, stop: threading.Event) -> None:
    """A few of the older orders every few seconds, so that an export has something to tell."""
    while not stop.wait(SECONDS_BETWEEN_INVOICES):
        now = composition.clock()
        with suppress(sqlite3.OperationalError):  # an import holds the file: the next turn will do
            erp.invoice(path, now.astimezone(ZONE).date() - LEFT_ALONE, now, N_INVOICED)


def free_port(first: int) -> int:
    """Return the first free port of this computer from here on."""
    for port in range(first, first + N_PORTS):
        with suppress(OSError), listening_socket(HOST, port):
            return port
    raise SetupError("ports_busy", de=first, ate=first + N_PORTS - 1)


def sell(hub_url: str, token: str, stop: threading.Event) -> None:
    """New orders at once, then a few things every few seconds, of what the ERP sent out to the hub and nothing else.

    Numbered by the clock, so a later demo is new too.
    """
    client = composition.hub_client_at(hub_url, token, composition.runtime())
    first = free_number(composition.clock())
    known = exported_products(client)
    products: tuple[SampleProduct, ...] = ()
    people = simulated_sellers(
        client,
        seed=first,
        start=Start(next_customer=first, next_order=first, customers=buyers(), version=first),
        products=lambda: products,
    )

    def look() -> None:
        nonlocal products
        products = known.read_available()

    retry_when_silent(look, stop.wait)
    if products:
        retry_when_silent(lambda: people.burst(N_NEW_ORDERS), stop.wait)
    while not stop.wait(SECONDS_BETWEEN_SALES):
        retry_when_silent(look, stop.wait)
        if products:
            retry_when_silent(people.step, stop.wait)
    client.close()
