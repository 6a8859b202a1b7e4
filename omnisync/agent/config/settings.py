"""Settings, read once from the environment and refused loudly: the home, and where the pages open.

The only module of the agent that looks at the environment.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from msgspec import Struct

from omnisync.agent.config.files import cannot_write, make_private_folder, remove_leftovers
from omnisync.agent.errors import SettingsError
from omnisync.agent.zones import DEFAULT, zone_named

HOST = "127.0.0.1"
PORT = 8787


class Home(Struct, frozen=True):
    """The folder where the agent's state lives."""

    path: Path

    @property
    def journal(self) -> Path:
        """The journal's database."""
        return self.path / "journal.db"

    @property
    def secrets(self) -> Path:
        """The file of secrets, of the account alone."""
        return self.path / "secrets.json"

    @property
    def page_password(self) -> Path:
        """The password of the pages, hashed; of the account alone."""
        return self.path / "page_password"

    @property
    def first_code(self) -> Path:
        """The code that the pages ask for with their first password; of the account alone."""
        return self.path / "first_password_code"

    @property
    def locks(self) -> Path:
        """One lock file per connection."""
        return self.path / "locks"

    @property
    def logs(self) -> Path:
        """Return what the runs said."""
        return self.path / "logs"

    @property
    def exports(self) -> Path:
        """Return what was sent out: one file per connection, which may be lost."""
        return self.path / "exports"

    @property
    def layouts(self) -> Path:
        """Layouts of this company's, which the pages offer by name."""
        return self.path / "layouts"

    @property
    def memories(self) -> Path:
        """Return what is remembered of ERPs that may not hold our tables: one file for each of their databases."""
        return self.path / "memories"

    def prepare(self) -> Home:
        """Make the folders, closed to other accounts, try to write, and remove what a killed process left half written.
        Raises SettingsError naming the folder: also one of another account, or one that others may write in.
        """
        try:
            make_private_folder(self.path, may_be_link=True)
            for folder in (self.locks, self.logs, self.exports, self.memories, self.layouts):
                make_private_folder(folder)
            with tempfile.TemporaryFile(dir=self.path):
                remove_leftovers(self.path, self.secrets.name, self.page_password.name, self.first_code.name)
                return self
        except OSError as error:
            raise cannot_write(self.path, error) from error


class Settings(Struct, frozen=True, kw_only=True):
    """The settings the program was started with. `zone` is OMNISYNC_ZONE, for connections without one of their own.

    `host` is the address the pages open at; `certificate` and `key` are PEM files, the key in the certificate's where
    it has no file of its own.
    """

    home: Home
    host: str = HOST
    port: int = PORT
    certificate: Path | None = None
    key: Path | None = None
    zone: str | None = None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return what OMNISYNC_HOME, _HOST, _PORT, _CERTIFICATE, _KEY and _ZONE say. Raises SettingsError naming the
    culprit.
    """
    folder = environ.get("OMNISYNC_HOME") or platformdirs.user_data_path("omnisync", appauthor=False)
    zone = environ.get("OMNISYNC_ZONE") or None
    try:
        if zone is not None:
            zone_named(zone)
    except SettingsError as error:
        raise SettingsError(motivo=f"OMNISYNC_ZONE={zone} não é um fuso horário, como {DEFAULT}") from error
    return Settings(
        home=Home(Path(folder).expanduser().absolute()),
        host=environ.get("OMNISYNC_HOST") or HOST,
        port=_port(environ),
        certificate=_file(environ, "OMNISYNC_CERTIFICATE"),
        key=_file(environ, "OMNISYNC_KEY"),
        zone=zone,
    )


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    path = environ.get(name)
    return Path(path).expanduser().absolute() if path else None


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("OMNISYNC_PORT") or str(PORT)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise SettingsError(motivo=f"OMNISYNC_PORT={text} não é uma porta; use de 1 a 65535")
    return int(text)
