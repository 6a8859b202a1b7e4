"""`omnisync layout`: the layouts there are, and whether one fits the ERP's database; a first draft for a new one."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from omnisync.agent.config.connection import Connection
from omnisync.agent.erp.layout.schema import LayoutFile, shipped_layout, shipped_names, shipped_text
from omnisync.agent.erp.layout.sql_texts import sql_texts
from omnisync.agent.erp.layout_check.check import check as examine
from omnisync.agent.erp.layout_check.findings import Finding
from omnisync.agent.erp.layout_check.login_check import check_login
from omnisync.agent.erp.layout_draft.draft import draft
from omnisync.agent.erp.layout_draft.samples import sampler
from omnisync.agent.errors import SettingsError
from omnisync.agent.messages import sentences, zone_text
from omnisync.agent.messages.format import format_count
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import DONE, FAILED
from omnisync.cli.options import connection_option

_LEVELS = {"error": "ERRO ", "warning": "AVISO"}


@click.group("layout")
def layout() -> None:
    """Os layouts: listar, mostrar, conferir com o banco do ERP, rascunhar um novo."""


@command("list", group=layout)
def list_() -> None:
    """Lista os layouts prontos, com os bancos de cada um."""
    for name in shipped_names():
        one = shipped_layout(name)
        click.echo(f"{name:<16}{', '.join(one.databases)}: {one.description}")


@command("show", group=layout)
@click.argument("name", metavar="NOME")
def show(name: str) -> None:
    """Mostra o arquivo de um layout pronto, para copiar e mudar."""
    shipped_layout(name)
    click.echo(shipped_text(name), nl=False)


@command("check", group=layout)
@click.argument("which", metavar="[ARQUIVO|NOME]", required=False)
def check(context: composition.AgentContext, connection: Connection, which: str | None) -> int:
    """Confere um layout com o banco do ERP, sem gravar nada. Sem nome, o da conexão. Termina com 1 se há erro."""
    file = composition.layout_file(context, connection, which or connection.erp.layout)
    show_sql(file)
    database = context.database(connection)
    try:
        database.connect()
        findings = examine(file, database, connection.erp, zone=context.zone(connection))
        findings += check_login(database)
    finally:
        database.close()
    for finding in findings:
        click.echo(finding_line(finding))
    if moment := zone_text.moment_line(file, context.zone(connection), context.runtime.clock()):
        click.echo(moment)
    n_errors = sum(finding.level == "error" for finding in findings)
    click.echo(_summed(file.name, n_errors, len(findings) - n_errors))
    return FAILED if n_errors else DONE


@command("new", group=layout)
@click.option("--out", "path", metavar="ARQUIVO", required=True, help="Onde gravar o rascunho (.toml).")
@click.option("--force", is_flag=True, help="Grava por cima do arquivo que já existe.")
@connection_option
def new(context: composition.AgentContext, connection: Connection, path: str, force: bool) -> None:
    """Lê o banco do ERP e escreve um primeiro rascunho de layout, com os palpites marcados."""
    file = Path(path)
    if file.suffix != ".toml":
        raise SettingsError(motivo="o arquivo do layout termina em .toml")
    if file.exists() and not force:
        raise SettingsError(motivo=f"o arquivo {file} já existe; use --force para gravar por cima")
    database = context.database(connection)
    try:
        database.connect()
        schema = database.dialect.reflect(database)
        made = draft(schema, sampler(database), kind=connection.erp.kind, name=file.stem[:60])
    finally:
        database.close()
    try:
        file.write_text(made.text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(motivo=f"o arquivo {file} não pode ser gravado: {error.strerror}") from error
    tables = ", ".join(made.tables) or "nenhuma"
    click.echo(f"Rascunho gravado em {file}. Tabelas reconhecidas: {tables}.")
    click.echo(
        f"{format_count(made.n_guesses, 'palpite', 'palpites')} a conferir, "
        f"{format_count(made.n_missing, 'ponto', 'pontos')} a preencher. Depois: omnisync layout check {file}"
    )


def show_sql(file: LayoutFile) -> None:
    """Print every SQL text of the layout: all that it runs in the ERP's database beside its own tables."""
    for text in sql_texts(file):
        click.echo(f"SQL   {text.where}: {' '.join(text.sql.split())}")


def finding_line(finding: Finding) -> str:
    """Return a finding in one line."""
    return f"{_LEVELS[finding.level]} {finding.where}: {sentences.of_message(finding.message)}"


def _summed(name: str, n_errors: int, n_warnings: int) -> str:
    if not n_errors and not n_warnings:
        return f"O layout {name} serve para este banco."
    errors, warnings = format_count(n_errors, "erro", "erros"), format_count(n_warnings, "aviso", "avisos")
    return f"Layout {name}: {errors}, {warnings}."
