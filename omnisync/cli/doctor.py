"""`omnisync doctor`: what could be wrong on this computer, each with what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import rich_click as click
from msgspec import Struct

from omnisync.agent.config.certificate import Certificate, read_optional
from omnisync.agent.config.connection import Connection
from omnisync.agent.config.exposure import check_exposure
from omnisync.agent.erp.layout_check.login_check import check_login
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.messages import sentences, zone_text
from omnisync.agent.messages.format import format_count, format_integer
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import DONE, FAILED
from omnisync.web.server import is_loopback

SKEW = timedelta(minutes=2)
FREE_BYTES = 200 * 2**20
"""Below it a database can be full before the day ends."""
RENEWAL_DAYS = 30
"""With less than this a certificate is to be renewed."""


Severity = Literal["ok", "warning", "failure"]
_MARKS: Mapping[Severity, str] = {"ok": "ok   ", "warning": "AVISO", "failure": "FALHA"}


class DoctorFinding(Struct, frozen=True):
    """One thing that was looked at. A failure stops a run or needs a person soon; a warning does not end with 1."""

    what: str
    severity: Severity
    words: str


@command("doctor")
def doctor(context: composition.AgentContext, connection: Connection) -> int:
    """Confere central, chave, relógio, banco do ERP, fuso, disco e telas. Termina com 1 se há uma FALHA."""
    findings = list(check_all(context, connection))
    for finding in findings:
        click.echo(f"{_MARKS[finding.severity]} {finding.what}: {finding.words}")
    return status_of(findings)


def status_of(findings: Iterable[DoctorFinding]) -> int:
    """Return the exit status: a warning is shown, and fails nothing."""
    return FAILED if any(finding.severity == "failure" for finding in findings) else DONE


def _failure_unless(is_good: bool) -> Severity:
    return "ok" if is_good else "failure"


def check_all(context: composition.AgentContext, connection: Connection) -> Iterator[DoctorFinding]:
    """Look at everything, one trouble not hiding the next."""
    yield from _checked("Central e chave", lambda: _hub(context, connection))
    yield from _checked("Banco do ERP", lambda: _erp(context, connection))
    yield _zone(context, connection)
    yield _disk(context)
    yield _secrets(context)
    yield from _checked("Telas", lambda: _pages(context))


def _checked(what: str, look: Callable[[], Iterator[DoctorFinding]]) -> Iterator[DoctorFinding]:
    try:
        yield from look()
    except OmnisyncError as error:
        yield DoctorFinding(what, "failure", sentences.of_error(error))


def _hub(context: composition.AgentContext, connection: Connection) -> Iterator[DoctorFinding]:
    hub = composition.hub_client(context, connection)
    try:
        identity = hub.identity()
    finally:
        hub.close()
    where = connection.hub.url if connection.hub is not None else ""
    yield DoctorFinding("Central e chave", "ok", f"{where} responde para {identity.company.name}.")
    yield clock_finding(context.runtime.clock(), identity.server_time)


def clock_finding(here: datetime, there: datetime) -> DoctorFinding:
    """Return how far this computer's clock is from the hub's."""
    skew = here - there
    if abs(skew) <= SKEW:
        return DoctorFinding("Relógio", "ok", "certo com o da central.")
    minutes = round(abs(skew).total_seconds() / 60)
    words = sentences.of_code("clock_skew", n=minutes, direcao="adiantado" if skew > timedelta() else "atrasado")
    return DoctorFinding("Relógio", "failure", words)


def _erp(context: composition.AgentContext, connection: Connection) -> Iterator[DoctorFinding]:
    with closing(context.database(connection)) as database:
        database.connect()
        excess = [sentences.of_message(finding.message) for finding in check_login(database)]
    yield from (DoctorFinding("Usuário do banco", "warning", words) for words in excess)
    with context.records(connection) as records:
        rows = records.rows()
    n_orders = format_count(rows["orders"], "pedido", "pedidos")
    yield DoctorFinding("Banco do ERP", "ok", f"{connection.erp.database} abre e tem as tabelas do layout; {n_orders}.")


def _zone(context: composition.AgentContext, connection: Connection) -> DoctorFinding:
    """Report the zone whose hours are written to the ERP; a fault while a person should confirm it."""
    found, now = context.zone_found(connection), context.runtime.clock()
    advice = zone_text.zone_advice(found, now, zone_text.zone_command(connection.name))
    return DoctorFinding(
        "Fuso horário", _failure_unless(not found.is_unanswered), advice or f"{zone_text.zone_line(found, now)}."
    )


def _disk(context: composition.AgentContext) -> DoctorFinding:
    free = shutil.disk_usage(context.home.path).free
    words = f"{format_integer(free // 2**20)} MB livres em {context.home.path}."
    if free < FREE_BYTES:
        return DoctorFinding("Disco", "failure", f"{words} Libere espaço.")
    return DoctorFinding("Disco", "ok", words)


def _secrets(context: composition.AgentContext) -> DoctorFinding:
    path = context.home.secrets
    if not path.exists():
        return DoctorFinding("Segredos", "failure", "nenhuma chave guardada. Informe a chave em Conexão.")
    is_closed = path.stat().st_mode & 0o077 == 0
    words = f"guardados em {path}, " + (
        "só este usuário lê." if is_closed else "que outros usuários podem ler. Feche-o."
    )
    return DoctorFinding("Segredos", _failure_unless(is_closed), words)


def _pages(context: composition.AgentContext) -> Iterator[DoctorFinding]:
    """Yield who can reach the pages, by the settings of this shell: what `omnisync agent` would open."""
    settings = context.settings
    certificate = read_optional(settings.certificate, settings.key)
    check_exposure(context.password, settings.host, certificate)
    where = f"{'https' if certificate else 'http'}://{settings.host}:{settings.port}"
    who = "só neste computador" if is_loopback(settings.host) else "também de outros computadores, por TLS"
    n_others = composition.n_other_people() if context.password.stored_hash() is None else 0
    yield DoctorFinding(
        "Telas", "warning" if n_others else "ok", f"abrem em {where}, {who}, {_guarded(context, n_others)}."
    )
    if certificate is not None:
        yield certificate_finding(certificate, context.runtime.clock())
        yield _key(settings.key or settings.certificate)


def _guarded(context: composition.AgentContext, n_others: int) -> str:
    """Return what the pages' password guards, or that there is none, and who else uses this computer."""
    if context.password.stored_hash() is not None:
        return "com senha para tudo" if context.password.guards_everything() else "com senha para as configurações"
    words = "sem senha; para pedir uma: omnisync password set"
    if not n_others:
        return words
    others = format_count(n_others, "outra conta deste computador abre", "outras contas deste computador abrem")
    return f"{words}. {others} as telas"


def certificate_finding(certificate: Certificate, now: datetime) -> DoctorFinding:
    """Return how long the pages' certificate still serves, and for which names."""
    names, days = ", ".join(certificate.names), (certificate.expires_at - now).days
    if days < 0:
        return DoctorFinding(
            "Certificado", "failure", f"de {names}, venceu. Renove-o: os navegadores avisam a quem abre as telas."
        )
    words = f"de {names}, vence em {format_count(days, 'dia', 'dias')}."
    is_good = days >= RENEWAL_DAYS
    return DoctorFinding("Certificado", _failure_unless(is_good), words if is_good else f"{words} Renove-o.")


def _key(path: Path | None) -> DoctorFinding:
    """Return whether the certificate's key is this account's alone."""
    is_closed = path is not None and path.stat().st_mode & 0o077 == 0
    words = "só este usuário lê." if is_closed else "que outros usuários podem ler. Feche-o."
    return DoctorFinding("Chave do certificado", _failure_unless(is_closed), f"em {path}, {words}")
