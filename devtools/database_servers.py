"""Private database servers, started from installed programs on free ports of 127.0.0.1, ended by their id."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from devtools.server import Server

USER, PASSWORD = "SYSDBA", "segredo"
"""Who may do everything, on every server."""


class NotInstalledError(Exception):
    """A program that the server needs is not installed."""


class PostgresqlServer(Server):
    """PostgreSQL. It refuses to run as root. SIGQUIT is its power cut: killed, it leaves shared memory behind."""

    name = "PostgreSQL"
    ends_by = signal.SIGQUIT

    def install(self) -> None:
        """Lay out the cluster."""
        (self.folder / "password").write_text(PASSWORD)
        if os.getuid() == 0:
            _give(self.folder, "postgres")
        _run(
            *_as("postgres"),
            _program("initdb"),
            *("-D", str(self.folder / "data"), "-U", self.user, "-N", "-E", "UTF8", "--locale=C.UTF-8"),
            *("-A", "scram-sha-256" if self.is_durable else "md5", f"--pwfile={self.folder / 'password'}"),
        )

    def command(self) -> list[str]:
        """What runs in the foreground."""
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder)}
        if not self.is_durable:
            options |= dict.fromkeys(("fsync", "full_page_writes", "autovacuum", "jit"), "off")
            options |= {"wal_level": "minimal", "max_wal_senders": "0"}
        set_ = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        data = str(self.folder / "data")
        return [*_as("postgres"), _program("postgres"), "-D", data, "-p", str(self.port), *set_]

    def create(self, name: str, charset: str) -> str:
        """Make an empty database."""
        return self.copy("template0", name, f"ENCODING '{charset}' LOCALE 'C'")

    def copy(self, template: str, name: str, options: str = "") -> str:
        """Make a database like one that has no session: by its files, in half the time of the log."""
        by_files = "STRATEGY file_copy" if self._version >= 15 else ""
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} {options} {by_files}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, and end its sessions."""
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    @property
    def _version(self) -> int:
        return int(Path(_program("postgres")).parts[4])

    def administrator(self) -> Any:
        """A session that may do everything, each statement by itself."""
        import psycopg

        return psycopg.connect(self.address("postgres"), autocommit=True)

    def address(self, database: str) -> str:
        """The address of a database for a client."""
        return f"postgresql://{self.user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it lets people in."""
        super().start()
        import psycopg

        _until(lambda: psycopg.connect(self.address("postgres")).close(), psycopg.OperationalError)


class MariadbServer(Server):
    """MariaDB. Its administrator has no password until it runs."""

    name = "MariaDB"

    def install(self) -> None:
        """Lay out the data."""
        if os.getuid() == 0:
            _give(self.folder, "mysql")
        _run(
            shutil.which("mariadb-install-db") or "",
            *("--no-defaults", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal"),
            *("--skip-test-db", *self._who),
        )
        self.start()
        self._let_in()

    @property
    def _who(self) -> list[str]:
        return ["--user=mysql"] if os.getuid() == 0 else []

    def command(self) -> list[str]:
        """What runs in the foreground."""
        return [
            shutil.which("mariadbd") or "",
            *("--no-defaults", f"--datadir={self.folder / 'data'}", f"--port={self.port}", *self._who),
            *("--bind-address=127.0.0.1", f"--socket={self.folder / 's'}", f"--pid-file={self.folder / 'pid'}"),
            *("--skip-name-resolve", f"--innodb-flush-log-at-trx-commit={1 if self.is_durable else 2}"),
            *(() if self.is_durable else ("--skip-innodb-doublewrite",)),
            "--character-set-server=latin1",
        ]

    def _let_in(self) -> None:
        with closing(self._connected(user="root", password="")) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE USER '{self.user}'@'%' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute(f"GRANT ALL ON *.* TO '{self.user}'@'%' WITH GRANT OPTION")

    def _connected(self, **who: str) -> Any:
        import pymysql  # type: ignore[import-untyped]  # the driver has no types

        return pymysql.connect(host="127.0.0.1", port=self.port, autocommit=True, ssl_disabled=True, **who)

    def administrator(self) -> Any:
        """A session that may do everything, each statement by itself."""
        return self._connected(user=self.user, password=PASSWORD)

    def create(self, name: str, charset: str) -> str:
        """Make an empty database."""
        self.run(f"CREATE DATABASE {name} CHARACTER SET {'utf8mb4' if charset == 'UTF8' else charset}")
        return name

    def copy(self, template: str, name: str) -> str:
        """MariaDB copies no database."""
        raise NotImplementedError

    def drop(self, database: str) -> None:
        """Remove a database."""
        self.run(f"DROP DATABASE IF EXISTS {database}")


class FirebirdServer(Server):
    """Firebird 3 with a root of its own, so that its configuration and its users are its own."""

    name = "Firebird"
    user = USER

    def install(self) -> None:
        """Lay out the root.

        The letters' library is looked for by the name in fbintl.conf, which has no `lib` and no `.so`; found by
        another name, or through a link, its charsets count as not installed.
        """
        root = self.folder / "root"
        (root / "intl").mkdir(parents=True)
        (self.folder / "lock").mkdir()
        home = _firebird_home()
        for name in ("plugins", "lib", "UDF", "firebird.msg", "plugins.conf"):
            (root / name).symlink_to(home / name)
        shutil.copy(home / "intl" / "libfbintl.so", root / "intl" / "fbintl")
        (root / "firebird.conf").write_text(
            f"RemoteServicePort = {self.port}\nRemoteBindAddress = 127.0.0.1\nServerMode = Super\nDeadlockTimeout = 1\n"
            f"AuthServer = Srp\nUserManager = Srp\nSecurityDatabase = {root / 'security3.fdb'}\n"
            + ("" if self.is_durable else "WireCrypt = Disabled\nDefaultDbCachePages = 128\n")
        )
        shutil.copy("/var/lib/firebird/3.0/system/security3.fdb", root / "security3.fdb")
        self._say(
            f"create or alter user SYSDBA password '{PASSWORD}' using plugin Srp; commit;", str(root / "security3.fdb")
        )

    @property
    def environment(self) -> dict[str, str]:
        """What the server's programs see around them: the root that is not the system's."""
        return super().environment | {
            "FIREBIRD": str(self.folder / "root"),
            "FIREBIRD_LOCK": str(self.folder / "lock"),
        }

    def _say(self, sql: str, *where: str) -> None:
        told = subprocess.run(
            [shutil.which("isql-fb") or "", "-q", "-bail", "-user", "SYSDBA", *where],
            input=sql,
            env=self.environment,
            cwd=self.folder,
            text=True,
            capture_output=True,
        )
        assert told.returncode == 0, told.stderr

    def command(self) -> list[str]:
        """What runs in the foreground."""
        return [shutil.which("firebird", path="/usr/sbin:/usr/bin") or ""]

    def create(self, name: str, charset: str) -> str:
        """Make an empty database: the first of its charset in a tenth of a second, the others as its copies."""
        empty = self.folder / f"empty_{charset}.fdb"
        return self.copy(str(empty) if empty.exists() else self._make(empty, charset), name)

    def _make(self, path: Path, charset: str) -> str:
        import firebird.driver  # type: ignore[import-untyped]  # the driver has no types

        made = firebird.driver.create_database(
            f"127.0.0.1/{self.port}:{path}", user=USER, password=PASSWORD, charset=charset
        )
        made.close()
        return str(path)

    def copy(self, template: str, name: str) -> str:
        """Copy a file that no session has open."""
        path = str(self.folder / f"{name}.fdb")
        shutil.copy(template, path)
        return path

    def drop(self, database: str) -> None:
        """Delete the file."""
        Path(database).unlink(missing_ok=True)

    def administrator(self) -> Any:
        """Firebird has no session over every database."""
        raise NotImplementedError


@contextmanager
def running(kind: type[Server], *needs: str, is_durable: bool = False) -> Iterator[Server]:
    """Run a server of its own; one that is durable waits for the disk at each commit, as a company's does.

    Raises NotInstalledError naming what is missing.
    """
    missing = [program for program in needs if not _program(program)]
    if missing:
        raise NotInstalledError(f"{kind.name} is not installed ({', '.join(missing)})")
    # Not a folder that only its owner enters: the server has a user of its own. Short: a socket's path has about a
    # hundred letters.
    folder = Path(tempfile.mkdtemp(prefix="omnisync-"))
    server = kind(folder, is_durable=is_durable)
    try:
        server.install()
        if not server.is_running:
            server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql_server(*, is_durable: bool = False) -> Iterator[PostgresqlServer]:
    """A PostgreSQL of its own."""
    with running(PostgresqlServer, "initdb", is_durable=is_durable) as server:
        assert isinstance(server, PostgresqlServer)
        yield server


@contextmanager
def mariadb_server(*, is_durable: bool = False) -> Iterator[MariadbServer]:
    """A MariaDB of its own."""
    with running(MariadbServer, "mariadbd", "mariadb-install-db", is_durable=is_durable) as server:
        assert isinstance(server, MariadbServer)
        yield server


@contextmanager
def firebird_server(*, is_durable: bool = False) -> Iterator[FirebirdServer]:
    """A Firebird of its own."""
    with running(FirebirdServer, "firebird", "isql-fb", is_durable=is_durable) as server:
        assert isinstance(server, FirebirdServer)
        yield server


def statements(script: str) -> list[str]:
    """The statements of a script; they end with `^` where they hold `;` themselves."""
    end = "^\n" if "^\n" in script else ";\n"
    return [statement for statement in script.split(end) if statement.strip()]


def _program(name: str) -> str:
    """Where an installed program is; empty where it is not. PostgreSQL's are outside the path."""
    inside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(inside[-1]) if inside else shutil.which(name, path=f"{os.defpath}:/usr/sbin:/usr/local/bin") or ""


def _firebird_home() -> Path:
    return next(Path("/usr/lib").glob("*/firebird/3.0"))


def _as(user: str) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if os.getuid() == 0 else []


def _give(folder: Path, user: str) -> None:
    shutil.chown(folder, user, user)
    for path in folder.iterdir():
        shutil.chown(path, user, user)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def _until(answers: Any, *errors: type[Exception]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            answers()
        except errors:
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)
        else:
            return
