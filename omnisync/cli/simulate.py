"""`omnisync hub simulate`: plays OmniForce's salespeople over a hub's intake."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import rich_click as click

from omnisync.agent.config.connection import HubAddress
from omnisync.agent.errors import BadTokenError, SetupError, TemporaryError
from omnisync.agent.hub_api.client import HubClient
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import print_status
from omnisync.contract.feed import MAX_INTAKE, IntakeAnswer
from omnisync.demo.exported_products import ExportedProducts
from omnisync.demo.seed_data import SOLD_WHOLE, SampleProduct
from omnisync.demo.simulated_sellers import SimulatedSellers, Start

PAUSE_AFTER_TROUBLE_S = 5.0


@command("simulate")
@click.option("--hub", "url", default="http://127.0.0.1:8788", show_default=True, metavar="ENDEREÇO", help="A central.")
@click.option("--token-stdin", is_flag=True, required=True, help="Lê da entrada padrão a chave (records:write).")
@click.option("--rate", default=1.0, show_default=True, type=click.FloatRange(0.01, 50), help="Lotes por segundo.")
@click.option("--burst", default=0, show_default=True, type=click.IntRange(0, 100_000), help="Pedidos no começo.")
@click.option("--steps", default=0, type=click.IntRange(0), help="Quantos lotes; 0 = até ser interrompido.")
@click.option("--seed", default=0, show_default=True, help="O mesmo número, as mesmas vendas.")
@click.option("--first-number", type=click.IntRange(1), help="Números daqui em diante; sem ela, pela hora de agora.")
def simulate(
    url: str, token_stdin: bool, rate: float, burst: int, steps: int, seed: int, first_number: int | None
) -> None:
    """Faz de conta que é o OmniForce: clientes e pedidos novos, alterados, cancelados, movidos, apagados e errados."""
    client = composition.hub_client_at(HubAddress(url).url, sys.stdin.readline().strip(), composition.runtime())
    first = first_number or free_number(composition.clock())
    goods = products_at(client)
    people = simulated_sellers(
        client, seed=seed, start=Start(next_customer=first, next_order=first), products=lambda: goods
    )
    print_status(f"{people.burst(burst)} registros enviados." if burst else "Enviando vendas; Ctrl-C encerra.")
    n_done = 0
    while not steps or n_done < steps:
        retry_when_silent(people.step, composition.wait)
        n_done += 1
        if not steps or n_done < steps:
            composition.wait(1 / rate)
    client.close()


def free_number(now: datetime) -> int:
    """Return an unused number: the seconds since 2026 began."""
    return 1_000_000 + int(now.timestamp()) - 1_767_225_600


def simulated_sellers(
    client: HubClient,
    *,
    seed: int,
    start: Start,
    products: Callable[[], Sequence[SampleProduct]] = lambda: SOLD_WHOLE,
) -> SimulatedSellers:
    """Salespeople who send what they do to this hub."""
    return SimulatedSellers(
        lambda records: send(client, records),
        random.Random(seed),  # noqa: S311  # sales, not secrets
        composition.clock,
        start=start,
        products=products,
    )


def exported_products(client: HubClient) -> ExportedProducts:
    """Return what the ERP sent out to this hub, as the salespeople's app keeps it."""
    return ExportedProducts(lambda dataset, cursor: client.exported("omniforce", dataset, cursor))


def products_at(client: HubClient) -> tuple[SampleProduct, ...]:
    """Return what may be sold at this hub; where no ERP sent anything, or the key may not read it, the sample's own
    goods.
    """
    try:
        found = exported_products(client).read_available()
    except BadTokenError:
        found = ()
    if not found:
        print_status("A central ainda não recebeu produtos do ERP: vendem-se os da empresa de exemplo.")
    return found or SOLD_WHOLE


def send(client: HubClient, records: Sequence[bytes]) -> None:
    """Put the records into the intake. Raises SetupError when it refuses the shape of one."""
    for start in range(0, len(records), MAX_INTAKE):
        answer = msgspec.json.decode(client.send_records(records[start : start + MAX_INTAKE]), type=IntakeAnswer)
        refused = [result for result in answer.results if result.status == "refused"]
        if refused:
            raise SetupError("hub_said_no", motivo=f"{refused[0].id} {refused[0].pointer} {refused[0].code}")


def retry_when_silent(step: Callable[[], object], wait: Callable[[float], object]) -> None:
    """One step; a hub that does not answer is tried again later."""
    try:
        step()
    except TemporaryError:
        wait(PAUSE_AFTER_TROUBLE_S)
