"""`omnisync schedule`: the schedule of a connection, as the page has it."""

from __future__ import annotations

import re

import msgspec
import rich_click as click

from omnisync.agent.config.connection import Connection
from omnisync.agent.config.establishments import chosen_codes
from omnisync.agent.errors import SettingsError, SetupError
from omnisync.agent.messages import schedule_text, zone_text
from omnisync.agent.schedule import Schedule, System
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import print_status

DAYS = ("seg", "ter", "qua", "qui", "sex", "sab", "dom")
SYSTEMS: dict[str, tuple[System, ...]] = {"dash": ("dash",), "omniforce": ("omniforce",)}


@click.group("schedule")
def schedule() -> None:
    """O agendamento: mostrar, salvar, desativar."""


@command("show", group=schedule)
def show(context: composition.AgentContext, connection: Connection, as_json: bool) -> None:
    """Mostra o agendamento e as próximas execuções."""
    saved = context.journal.connections.schedule(connection.name)
    if as_json:
        click.echo(msgspec.json.encode(saved).decode())
        return
    _print_schedule(context, connection, saved)


def _print_schedule(context: composition.AgentContext, connection: Connection, saved: Schedule | None) -> None:
    now, zone = context.runtime.clock(), context.zone(connection)
    if saved is None:
        click.echo("Agendamento: não definido.")
        return
    click.echo(f"Agendamento: {'ativo' if saved.is_active else 'inativo'}.")
    if not saved.is_active:
        return
    codes = "todos" if saved.establishments == "all" else ", ".join(saved.establishments)
    systems = "todos" if saved.systems == "all" else ", ".join(saved.systems)
    click.echo(schedule_text.in_words(saved))
    click.echo(f"Estabelecimentos: {codes}. Sistemas: {systems}. {zone_text.zone_in_words(zone, now)}")
    click.echo(f"{schedule_text.next_line(saved, now, zone, is_running=False).text}.")
    for row in schedule_text.upcoming_runs(saved, now, zone):
        click.echo(f"  {row.day:<20}{row.hour:>12}")


@command("set", group=schedule)
@click.option("--start", default="8:00", show_default=True, metavar="H:MM", help="A primeira execução do dia.")
@click.option("--every", default="0:15", show_default=True, metavar="H:MM", help="O intervalo; 0:00 é uma vez por dia.")
@click.option("--day", "days", type=click.Choice(DAYS), multiple=True, help="Só neste dia (repetível).")
@click.option("--establishment", "codes", metavar="CÓDIGO", multiple=True, help="Só este estabelecimento (repetível).")
@click.option("--system", type=click.Choice(["todos", *SYSTEMS]), default="todos", show_default=True, help="O sistema.")
def set_(
    context: composition.AgentContext,
    connection: Connection,
    start: str,
    every: str,
    days: tuple[str, ...],
    codes: tuple[str, ...],
    system: str,
) -> None:
    """Salva o agendamento e o deixa ativo. A primeira execução é a do próximo horário."""
    chosen_codes(connection, codes)
    start_hour, start_minute = _clock(start, "schedule_start_invalid")
    every_hours, every_minutes = _clock(every, "schedule_interval_invalid")
    wanted = Schedule(
        start_hour=start_hour,
        start_minute=start_minute,
        every_hours=every_hours,
        every_minutes=every_minutes,
        days=tuple(sorted({DAYS.index(day) for day in days})) or "all",
        establishments=codes or "all",
        systems="all" if system == "todos" else SYSTEMS[system],
    )
    context.journal.connections.save_schedule(connection.name, wanted, context.runtime.clock())
    _print_schedule(context, connection, wanted)


@command("off", group=schedule)
def off(context: composition.AgentContext, connection: Connection) -> None:
    """Desativa o agendamento e guarda os valores para a próxima vez."""
    saved = context.journal.connections.schedule(connection.name)
    if saved is None:
        raise SetupError("schedule_never_saved")
    stopped = msgspec.structs.replace(saved, is_active=False)
    context.journal.connections.save_schedule(connection.name, stopped, context.runtime.clock())
    print_status("Agendamento desativado.")


def _clock(text: str, code: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,2})[:h]([0-9]{1,2})m?", text.strip())
    if found is None:
        raise SettingsError(code)
    return int(found[1]), int(found[2])
