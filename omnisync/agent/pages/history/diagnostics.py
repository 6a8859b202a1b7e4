"""Pacote de diagnóstico: what support needs to know of a computer, as a zip its owner can open before sending it.

What goes in is named here, field by field: no name, document, address, user, path, key or password has a way in.
"""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec
from msgspec import Struct

from omnisync.agent.config.connection import Connection
from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.journal.run import Event, Run
from omnisync.agent.phase import encode_phase
from omnisync.agent.schedule import Schedule

N_RUNS = 500
N_EVENTS = 200
N_RECORDS = 5000
"""Of each that go in, the newest."""
_OF_RUN = (
    *("kind", "origin", "state", "code", "asked_at", "started_at", "ended_at", "beat_at"),
    *("counts", "totals", "rate"),
)
READ_ME = """Pacote de diagnóstico do Omnisync, para o suporte. Abra e confira antes de enviar.

sistema.json     versões do Omnisync, do Python e do sistema
conexao.json     tipo do banco, layout e quantos estabelecimentos
agendamento.json o agendamento salvo
execucoes.json   as últimas execuções: quando, situação, código e quantidades
mudancas.json    quando a conexão, o De/Para e o agendamento mudaram
recusas.json     quantos registros por situação e código

Não há aqui nomes, CPF/CNPJ, números de pedidos, endereços, usuários, caminhos, chaves nem senhas.
"""


class DiagnosticsInput(Struct, frozen=True, kw_only=True):
    """The contents of the package, of one connection. `unsettled` is None where the ERP could not be read."""

    version: str
    connection: Connection
    schedule: Schedule | None
    runs: Sequence[Run]
    events: Sequence[Event]
    unsettled: Iterable[OpenIssue] | None


def package(facts: DiagnosticsInput, now: datetime) -> bytes:
    """Return the package as a zip."""
    content: dict[str, object] = {
        "sistema.json": {
            "omnisync": facts.version,
            "python": sys.version.split()[0],
            "sistema": platform.platform(),
            "sqlite": sqlite3.sqlite_version,
            "feito_em": now,
        },
        "conexao.json": {
            "banco": facts.connection.erp.kind,
            "layout": _layout(facts.connection.erp.layout),
            "caracteres": facts.connection.erp.charset,
            "estabelecimentos": len(facts.connection.establishments),
            "tem_central": facts.connection.hub is not None,
            "fuso": facts.connection.zone,
            "ajusta_centavo": facts.connection.adjusts_centavo,
        },
        "agendamento.json": facts.schedule,
        "execucoes.json": [_run(run) for run in facts.runs],
        "mudancas.json": facts.events,
        "recusas.json": _reasons(facts.unsettled) if facts.unsettled is not None else None,
    }
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as file:
        file.writestr("leia-me.txt", READ_ME)
        for name, what in content.items():
            file.writestr(name, msgspec.json.format(msgspec.json.encode(what), indent=2))
    return out.getvalue()


def _layout(name: str) -> str:
    """Return a shipped layout's name; a file's path is left out."""
    return "arquivo" if name.endswith(".toml") else name


def _run(run: Run) -> dict[str, object]:
    """Without its words and ids, which name records; of what it does the kind alone."""
    content: dict[str, object] = {name: getattr(run, name) for name in _OF_RUN}
    scope = {"systems": run.scope.systems, "establishments": run.scope.establishments}
    return content | scope | {"phase": encode_phase(run.phase.without_wait())}


def _reasons(found: Iterable[OpenIssue]) -> Mapping[str, int]:
    """Return how many records by outcome and code."""
    n: dict[str, int] = {}
    for one in found:
        name = f"{one.outcome} {one.kind} {one.code}".strip()
        n[name] = n.get(name, 0) + 1
    return dict(sorted(n.items()))
