"""Name and open the hub's database for its commands; its file is closed to others, a trouble is one sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import platformdirs
import rich_click as click
from click.core import ParameterSource

from omnisync.agent.errors import SettingsError
from omnisync.agent.messages import sentences
from omnisync.agent.sqlite_file import make_private_database

if TYPE_CHECKING:
    from omnisync.hub.store import Store


def default_database() -> str:
    """Return the hub's own SQLite file: under OMNISYNC_HOME, else in the user's data folder."""
    home = os.environ.get("OMNISYNC_HOME")  # noqa: TID251  # a command may read the environment
    folder = Path(home) if home else platformdirs.user_data_path("omnisync", appauthor=False)
    return f"sqlite:///{folder / 'hub.db'}"


def database_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the hub's database is; the function receives its address as `database`."""

    @click.option(
        "--database",
        envvar="OMNISYNC_HUB_DATABASE",
        metavar="URL",
        help="Banco de dados da central, SQLite ou PostgreSQL, sem senha (padrão: hub.db na pasta de dados). Com "
        "senha, use OMNISYNC_HUB_DATABASE ou --database-file.",
    )
    @click.option(
        "--database-file", metavar="ARQUIVO", help="Arquivo com o endereço do banco na primeira linha; - lê da entrada."
    )
    @wraps(function)
    def with_address(*args: Any, database: str | None, database_file: str | None, **more: Any) -> Any:
        return function(*args, database=_address(database, database_file), **more)

    return with_address


def _address(database: str | None, file: str | None) -> str:
    """Return the address of the hub's database. A password in an argument is refused: every account reads those."""
    if file is not None:
        try:
            with click.open_file(file, encoding="utf-8") as opened:
                return str(opened.readline()).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise click.ClickException(f"O arquivo {file} com o endereço do banco não pode ser lido.") from error
    if database is not None and _is_argument("database") and _has_password(database):
        raise click.ClickException(
            "A senha do banco não pode estar na linha de comando, que todo usuário deste computador lê. Use "
            "OMNISYNC_HUB_DATABASE ou --database-file."
        )
    return database or default_database()


def _is_argument(name: str) -> bool:
    """Return whether the option stands on the command line, and not in the environment."""
    called = click.get_current_context()
    return called is not None and called.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _has_password(database: str) -> bool:
    try:
        parts = urlsplit(database)
    except ValueError:
        return ":" in database.rpartition("@")[0].rpartition("/")[2]
    return parts.password is not None or any(name.endswith("password") for name, _ in parse_qsl(parts.query))


_TROUBLES = {
    "address": "O endereço do banco da central não serve ({onde}). Informe em --database, "
    "OMNISYNC_HUB_DATABASE ou --database-file algo como "
    "sqlite:///pasta/hub.db ou postgresql+psycopg://usuario@servidor/banco.",
    "driver": "Falta neste computador o driver do banco da central ({onde}). Instale o Omnisync com o extra "
    "postgresql.",
    "login": "O banco da central recusou o usuário ou a senha ({onde}). Confira-os no endereço.",
    "unreachable": "O banco da central não respondeu ({onde}). Confira o endereço em --database e se o servidor está "
    "ligado.",
    "file": "O arquivo da central não pode ser aberto nem gravado ({onde}). Confira a pasta, as permissões e o disco.",
    "corrupt": "O arquivo da central não é um banco SQLite, ou se estragou ({onde}). Volte uma cópia dele, ou informe "
    "outro em --database.",
    "newer": "O banco da central é de uma versão mais nova do Omnisync ({onde}). Atualize o Omnisync neste computador.",
    "encoding": "O banco da central não guarda textos em UTF-8 ({onde}). Crie outro com ENCODING 'UTF8' e TEMPLATE "
    "template0, e informe-o em --database.",
    "other": "O banco da central não pôde ser usado ({onde}). Confira o endereço, o usuário e as permissões em "
    "--database.",
}


def open_store(database: str) -> Store:
    from omnisync.hub.store import Store

    with naming_the_trouble(database):
        make_private(database)
        store = Store(database)
        if (context := click.get_current_context()) is not None:
            context.call_on_close(store.close)
        store.migrate()
    return store


@contextmanager
def naming_the_trouble(database: str) -> Iterator[None]:
    """Let a database that cannot be opened end the command with one sentence, and what to do."""
    from omnisync.hub.database_trouble import DatabaseTroubleError, translating_trouble

    try:
        with translating_trouble(database):
            yield
    except DatabaseTroubleError as error:
        raise click.ClickException(_TROUBLES[error.trouble].format(onde=error.where)) from error


def make_private(database: str) -> None:
    """Make the folder and the file of a SQLite database, closed to other accounts."""
    prefix = "sqlite:///"
    if not database.startswith(prefix):
        return
    file = Path(database.removeprefix(prefix).partition("?")[0])
    if file.name in ("", ":memory:"):
        return
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private_database(file)
    except OSError as error:
        raise click.ClickException(_TROUBLES["file"].format(onde=file.parent)) from error
    except SettingsError as error:
        raise click.ClickException(sentences.of_error(error)) from error
