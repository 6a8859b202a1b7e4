"""Settings, read once and refused loudly: where state lives, the connections' addresses, and their secrets.

The only module of the agent that looks at the environment and the file of secrets.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Literal

import msgspec
import platformdirs
from msgspec import Struct
from msgspec.structs import force_setattr

from omnisync.agent.errors import SettingsError, TemporaryError
from omnisync.agent.hub_api.address import checked_url
from omnisync.agent.zones import DEFAULT, ConnectionZone, machine_zone, zone_named, zone_of

SecretKind = Literal["hub_token", "erp_password"]

NAME = re.compile(r"[a-z0-9_-]{1,40}")
"""A connection's name is an identifier: it stands in file names, addresses and command lines."""
LOCK_TRIES = 101
LOCK_PAUSE_S = 0.05
pause: Callable[[float], object] = Event().wait
"""So many seconds."""
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
        """Make the folders, closed to other accounts, and try to write. Raises SettingsError naming the folder."""
        try:
            for folder in (self.path, self.locks, self.logs, self.exports, self.memories, self.layouts):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
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


class HubAddress(Struct, frozen=True):
    """The hub's address: https, or http on this same computer. Raises SettingsError (hub_address) with the reason."""

    url: str

    def __post_init__(self) -> None:
        force_setattr(self, "url", checked_url(self.url))


class ErpAddress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The address of the ERP's database, without its password.

    Raises SettingsError saying what is wrong, with the name of that field in its word `campo`.
    """

    kind: str = "sqlite"
    database: str
    server: str = ""
    port: int | None = None
    user: str = ""
    charset: str = ""
    layout: str = "padrao"

    def __post_init__(self) -> None:
        if not self.database.strip():
            raise SettingsError(motivo="falta o nome do banco do ERP", campo="database")
        # A list of servers would send the password to each of them; what follows a slash is the driver's to read.
        if re.search(r"[\s,;/@]", self.server):
            raise SettingsError(motivo="o servidor é um nome ou número só, sem espaço nem sinais", campo="server")
        if self.port is not None and not 1 <= self.port <= 65535:
            raise SettingsError(motivo=f"a porta {self.port} não existe; use de 1 a 65535", campo="port")
        if self.kind == "firebird" and self.charset.upper() in ("", "NONE"):
            raise SettingsError(motivo="o Firebird precisa do conjunto de caracteres, como WIN1252", campo="charset")


class ConnectionEstablishment(Struct, frozen=True):
    """A unit of the company. The code is text: zeros stay, letters may come."""

    code: str
    name: str = ""


class Connection(Struct, frozen=True, kw_only=True):
    """A hub, an ERP's database and the establishments between them. Raises SettingsError when its name is no name.

    The ERP's database is configured first: without a hub there is nothing to import from yet. `adjusts_centavo` lets
    an order enter whose total is one centavo off the sum of its items, by changing the largest of them.

    `keeps_machine_zone` is of a connection made before there were zones: without one of its own it goes on writing the
    machine's hour, wherever the machine is. A new one is made without it.
    """

    name: str
    company: str = ""
    hub: HubAddress | None = None
    erp: ErpAddress
    establishments: tuple[ConnectionEstablishment, ...] = ()
    zone: str | None = None
    adjusts_centavo: bool = False
    keeps_machine_zone: bool = True

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise SettingsError(motivo="o nome da conexão usa só letras minúsculas sem acento, números, - e _, até 40")
        if self.zone is not None:
            zone_named(self.zone)


class Secret:
    """A token or a password. Only `reveal` returns it: it never stands in a log, a repr or a sentence."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the wire."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)


class _Saved(Struct, frozen=True):
    """A secret as the file holds it: with the address it was saved for."""

    goes_to: str
    text: str


_File = dict[str, dict[SecretKind, _Saved]]


class Secrets:
    """The file of secrets, 0600 of the account. Old file or new file, never half of one.

    Each secret is kept with the address it was saved for and is given for no other: a changed address finds none.
    Raises SettingsError when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, connection: Connection, kind: SecretKind) -> Secret | None:
        """Return the secret saved for this connection at its present address, if there is one."""
        saved = self._read().get(connection.name, {}).get(kind)
        if saved is None or saved.goes_to != _goes_to(connection, kind):
            return None
        return Secret(saved.text)

    def put(self, connection: Connection, kind: SecretKind, secret: Secret) -> None:
        """Save the secret for this connection's present address. An empty one is forgotten."""
        with self._changing() as file:
            if secret:
                saved = _Saved(_goes_to(connection, kind), secret.reveal())
                file.setdefault(connection.name, {})[kind] = saved
            else:
                file.get(connection.name, {}).pop(kind, None)

    def keep_only_for(self, connection: Connection) -> None:
        """Empty what was saved for other addresses of this connection: going back to one does not revive it."""
        with self._changing() as file:
            saved = file.get(connection.name, {})
            for kind in [kind for kind in saved if saved[kind].goes_to != _goes_to(connection, kind)]:
                del saved[kind]

    def forget(self, connection_name: str) -> None:
        """Empty every secret of this connection."""
        with self._changing() as file:
            file.pop(connection_name, None)

    @contextmanager
    def _changing(self) -> Iterator[_File]:
        with waited_lock(self._path.with_suffix(".lock")):
            before = self._read_or_begin()
            file: _File = {name: dict(kinds) for name, kinds in before.items()}
            yield file
            if file != before:
                replace_file(self._path, msgspec.json.encode(file))

    def _read_or_begin(self) -> _File:
        """Read the file, or begin a new one; a garbled file is set aside, so that secrets can be saved again."""
        try:
            return self._read()
        except SettingsError as error:
            if isinstance(error.__cause__, OSError):
                raise
            self._path.replace(self._path.with_name(f"{self._path.name}.corrompido"))
            return {}

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SettingsError(motivo=f"o arquivo {self._path.name} não pode ser lido") from error


class LockedError(Exception):
    """Another process holds the file's lock."""


@contextmanager
def file_lock(path: Path, *, tries: int = 1, wait: Callable[[float], object] = pause) -> Iterator[None]:
    """Hold the operating system's lock on this file, which death frees too.

    Raises LockedError when another holds it, however often it was tried, `LOCK_PAUSE_S` apart; SettingsError when there
    can be no file.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    try:
        for n_left in reversed(range(tries)):
            try:
                _lock(handle)
                break
            except LockedError:
                if not n_left:
                    raise
                wait(LOCK_PAUSE_S)
        yield
    finally:
        os.close(handle)


@contextmanager
def waited_lock(path: Path) -> Iterator[None]:
    """`file_lock` for a moment's work. Raises TemporaryError when another keeps it for 5 s."""
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(path, tries=LOCK_TRIES))
        except LockedError as error:
            raise TemporaryError from error
        yield


def cannot_write(folder: Path, error: OSError) -> SettingsError:
    """Return what to raise when a file of this folder cannot be written: the disk is full, or the folder is not
    ours.
    """
    return SettingsError("disk_full" if error.errno == errno.ENOSPC else "folder_read_only", pasta=folder)


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


def connection_zone(connection: Connection | None, environment: str | None) -> ConnectionZone:
    """Return the zone of the connection's hours on this machine; without a connection, of one that is yet to be made.

    `environment` is the program's own, of OMNISYNC_ZONE.
    """
    if connection is None:
        return zone_of(None, environment, machine_zone(), keeps_machine_zone=False)
    machine = machine_zone() if connection.zone is None and environment is None else None
    return zone_of(connection.zone, environment, machine, keeps_machine_zone=connection.keeps_machine_zone)


def with_zone(connection: Connection, zone: str | None) -> Connection:
    """Return the connection with a zone of its own, or with none. Another one than before is an answer of a person."""
    if zone == connection.zone:
        return connection
    return msgspec.structs.replace(connection, zone=zone, keeps_machine_zone=False)


def changed_connection(old: Connection, new: Connection) -> frozenset[SecretKind]:
    """Return the secrets that saving `new` over `old` empties: a saved secret is never sent to another host."""
    kinds: tuple[SecretKind, ...] = ("hub_token", "erp_password")
    return frozenset(kind for kind in kinds if _goes_to(old, kind) != _goes_to(new, kind))


def _goes_to(connection: Connection, kind: SecretKind) -> str:
    """Return who receives this secret, as one text to compare."""
    if kind == "hub_token":
        return connection.hub.url if connection.hub is not None else ""
    erp = connection.erp
    return msgspec.json.encode((erp.kind, erp.server, erp.port, erp.user, erp.database)).decode()


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    path = environ.get(name)
    return Path(path).expanduser().absolute() if path else None


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("OMNISYNC_PORT") or str(PORT)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise SettingsError(motivo=f"OMNISYNC_PORT={text} não é uma porta; use de 1 a 65535")
    return int(text)


def replace_file(path: Path, content: bytes) -> None:
    """The whole new file in the place of the old one, or the old one still."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # 0600 from its first byte
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _settle_folder(path.parent)
    except OSError as error:
        raise cannot_write(path.parent, error) from error


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        """Lock the first byte."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise LockedError from error

    def _settle_folder(folder: Path) -> None:
        """Windows keeps a rename without being asked."""
else:
    import fcntl

    def _lock(handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError from error

    def _settle_folder(folder: Path) -> None:
        """A rename is kept over a power cut once its folder is on the disk."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
