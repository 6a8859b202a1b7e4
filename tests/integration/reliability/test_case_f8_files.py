"""Cases F2 and F8: files of the hub and the agent are this account's alone, and planted links are not followed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from omnisync.agent.config import files
from omnisync.agent.config.accounts import account_name, is_private_group
from omnisync.agent.config.first_code import FirstCode
from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home
from omnisync.agent.errors import SettingsError
from omnisync.agent.journal.journal import Journal
from omnisync.agent.messages import sentences
from omnisync.agent.sync.outbox import outbox_of
from tests.support.command_line import run
from tests.support.erp_databases import make_sqlite
from tests.support.installed_program import ROOT
from tests.support.page_client import QUICK, connection

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are POSIX")
CANARY = "s3nha-de-canario"
OTHER = 1


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The mode of every file and folder."""
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_case_f2_every_file_of_the_agent_is_of_this_account_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").prepare()
    journal = Journal(home.journal)
    journal.connections.save(connection())
    Secrets(home.secrets).put(connection(), "hub_token", Secret(CANARY))
    PagePassword(home.page_password, QUICK).set(CANARY)
    FirstCode(home.first_code).renew()
    assert outbox_of(home, "producao").n_refused() == 0
    with closing(msgspec.structs.replace(make_sqlite(tmp_path), memories=home.memories).open()) as erp:
        erp.prepare()
        found = modes(home.path)
    assert {name.partition("/")[0] for name in found if name.endswith(".db")} == {"journal.db", "exports", "memories"}
    assert any(name.endswith("-wal") for name in found)
    found.pop("padrao.toml")  # the test's own
    folders = {"locks", "logs", "exports", "memories", "layouts"}
    assert {name: mode for name, mode in found.items() if mode != (0o700 if name in folders else 0o600)} == {}
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_case_f2_files_that_an_older_version_left_open_are_closed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").prepare()
    journal = Journal(home.journal)
    journal.connections.all()
    journal.close()
    Secrets(home.secrets).put(connection(), "hub_token", Secret(CANARY))
    for path in (home.journal, home.secrets):
        path.chmod(0o644)
    assert Journal(home.journal).connections.all() == ()
    assert Secrets(home.secrets).get(connection(), "hub_token") == Secret(CANARY)
    assert {modes(home.path)[name] for name in ("journal.db", "secrets.json")} == {0o600}


def test_case_f8_a_home_of_another_account_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(0o700)
    if os.geteuid() != 0:
        pytest.skip("only root gives a folder away")
    os.chown(home, OTHER, OTHER)
    with pytest.raises(SettingsError) as told:
        Home(home).prepare()
    assert told.value.code == "folder_of_another"
    assert sentences.of_error(told.value).startswith(f"A pasta {home} é do usuário {account_name(OTHER)} deste")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
@pytest.mark.parametrize("which", ["", "exports", "locks"])
def test_case_f8_a_folder_that_others_may_write_in_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: int, which: str
) -> None:
    home = Home(tmp_path / "home").prepare()
    folder = home.path / which
    monkeypatch.setattr(files, "is_private_group", lambda gid: False)
    folder.chmod(mode)
    monkeypatch.setenv("OMNISYNC_HOME", str(home.path))
    status, said = run(capsys, "connection", "list")
    assert (status, said) == (
        1,
        f"Outros usuários deste computador podem gravar na pasta {folder}, ou ela é um atalho (link) deles. "
        f"Feche-a com chmod go-w {folder}, ou informe uma só deste usuário em OMNISYNC_HOME.\n",
    )


@pytest.mark.skipif(not is_private_group(os.getegid()), reason="the account that tests has no group of its own")
def test_case_f8_a_home_made_by_hand_in_the_accounts_own_group_opens(tmp_path: Path) -> None:
    os.umask(0o002)
    (tmp_path / "home").mkdir()
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o775
    assert Home(tmp_path / "home").prepare().locks.is_dir()
    if os.geteuid() == 0:  # only root gives a folder to another's group
        os.chown(tmp_path / "home", 0, OTHER)
        with pytest.raises(SettingsError):
            Home(tmp_path / "home").prepare()


def test_case_f8_a_home_behind_a_link_in_its_path_opens(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "tmp").symlink_to("data")
    assert Home(tmp_path / "tmp" / "home").prepare().locks.is_dir()


def test_case_f8_a_home_in_a_file_system_without_modes_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    home = Home(tmp_path / "home").prepare()
    Journal(home.journal).connections.all()
    Secrets(home.secrets).put(connection(), "hub_token", Secret(CANARY))
    for path in (home.journal, home.secrets):
        path.chmod(0o755)
    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "fchmod", refuse)
    assert Journal(home.journal).connections.all() == ()
    assert Secrets(home.secrets).get(connection(), "hub_token") == Secret(CANARY)


@pytest.mark.parametrize("name", ["journal.db", "secrets.json", "page_password", "first_password_code", "secrets.lock"])
def test_case_f8_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home").prepare()
    target = tmp_path / "alvo"
    target.write_bytes(b"$argon2id$nada")
    target.chmod(0o644)
    (home.path / name).symlink_to(target)
    uses: dict[str, Callable[[], object]] = {
        "journal.db": lambda: Journal(home.journal).connections.all(),
        "page_password": PagePassword(home.page_password, QUICK).stored_hash,
        "first_password_code": FirstCode(home.first_code).make,
    }
    with pytest.raises(SettingsError):
        uses.get(name, lambda: Secrets(home.secrets).put(connection(), "hub_token", Secret(CANARY)))()
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"$argon2id$nada", 0o644)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives a file away")
@pytest.mark.parametrize("name", ["journal.db", "secrets.json", "page_password"])
def test_case_f8_a_file_of_another_account_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / "home").prepare()
    planted = home.path / name
    planted.write_bytes(b"{}")
    os.chown(planted, OTHER, OTHER)
    uses: dict[str, Callable[[], object]] = {
        "journal.db": lambda: Journal(home.journal).connections.all(),
        "secrets.json": lambda: Secrets(home.secrets).put(connection(), "hub_token", Secret(CANARY)),
        "page_password": PagePassword(home.page_password, QUICK).stored_hash,
    }
    with pytest.raises(SettingsError) as told:
        uses[name]()
    assert (told.value.code, told.value.words["arquivo"]) == ("file_not_ours", planted)
    assert (planted.read_bytes(), planted.stat().st_uid) == (b"{}", OTHER)


def test_case_f8_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(0o700)
    (tmp_path / "alvo").mkdir(0o700)
    (home / "exports").symlink_to(tmp_path / "alvo")
    with pytest.raises(SettingsError) as told:
        Home(home).prepare()
    assert told.value.code == "folder_not_ours"
    assert list((tmp_path / "alvo").iterdir()) == []


def test_case_f8_a_home_by_a_link_of_our_own_is_a_home(tmp_path: Path) -> None:
    (tmp_path / "disco").mkdir(0o700)
    (tmp_path / "home").symlink_to(tmp_path / "disco")
    assert Home(tmp_path / "home").prepare().locks.is_dir()


def test_case_f2_the_hubs_file_and_folder_are_of_this_account_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = f"sqlite:///{tmp_path}/central/hub.db"
    assert run(capsys, "hub", "company", "add", "aurora", "Aurora", "--database", database)[0] == 0
    found = modes(tmp_path / "central")
    assert found.pop("hub.db") == 0o600
    assert set(found.values()) <= {0o600}
    assert stat.S_IMODE((tmp_path / "central").stat().st_mode) == 0o700
    (tmp_path / "central" / "hub.db").chmod(0o644)
    assert run(capsys, "hub", "company", "add", "boreal", "Boreal", "--database", database)[0] == 0
    assert modes(tmp_path / "central")["hub.db"] == 0o600


def test_case_f8_the_hubs_file_is_not_followed_by_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "alvo").write_text("texto")
    (tmp_path / "hub.db").symlink_to(tmp_path / "alvo")
    status, said = run(capsys, "hub", "token", "list", "aurora", "--database", f"sqlite:///{tmp_path}/hub.db")
    assert (status, "é um atalho (link)" in said) == (1, True)


@pytest.mark.parametrize(
    "database",
    [
        f"postgresql+psycopg://hub:{CANARY}@127.0.0.1:1/hub",
        f"postgresql+psycopg://127.0.0.1:1/hub?user=hub&password={CANARY}",
    ],
)
def test_case_f2_a_password_in_the_hubs_arguments_is_refused(capsys: pytest.CaptureFixture[str], database: str) -> None:
    for command in (("serve",), ("company", "add", "a", "A"), ("token", "list", "a")):
        status, said = run(capsys, "hub", *command, "--database", database)
        assert (status, CANARY in said) == (1, False)
        assert "não pode estar na linha de comando" in said


HELD: dict[str, tuple[str, ...]] = {
    "password set": ("password", "set"),
    "connection set": ("connection", "set", "--erp-database", "erp.db", "--token-stdin", "--erp-password-stdin"),
    "hub simulate": ("hub", "simulate", "--hub", "http://127.0.0.1:9", "--token-stdin"),
    "hub token list": ("hub", "token", "list", "aurora", "--database-file", "-"),
    "hub serve": ("hub", "serve", "--database-file", "-"),
    "hub company add": ("hub", "company", "add", "aurora", "Aurora", "--database-file", "-"),
}
"""Every command that takes a secret, waiting for it at its standard input."""


@pytest.mark.parametrize("command", HELD)
def test_case_f2_no_command_has_its_secret_where_every_account_reads_it(tmp_path: Path, command: str) -> None:
    words = HELD[command]
    program = subprocess.Popen(
        [sys.executable, "-m", "omnisync", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMNISYNC_HOME": str(tmp_path)},  # noqa: TID251  # a program's own
        cwd=ROOT,
    )
    assert program.stdin is not None
    try:
        program.stdin.write(f"{CANARY}\n".encode())
        program.stdin.flush()
        told = b""
        while not told and program.poll() is None:  # it is empty for a moment, as the program begins
            told = Path(f"/proc/{program.pid}/cmdline").read_bytes()
        assert b"omnisync" in told
        assert CANARY.encode() not in told
    finally:
        program.kill()
        program.wait()
        program.stdin.close()


def test_case_f2_the_address_with_its_password_comes_by_environment_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"postgresql+psycopg://hub:{CANARY}@127.0.0.1:1/hub"
    file = tmp_path / "endereco"
    file.write_text(f"{address}\n")
    said = [
        run(capsys, "hub", "token", "list", "aurora", "--database-file", str(file)),
        run(capsys, "hub", "token", "list", "aurora", "--database-file", "-", stdin=f"{address}\n"),
    ]
    monkeypatch.setenv("OMNISYNC_HUB_DATABASE", address)
    said.append(run(capsys, "hub", "token", "list", "aurora"))
    for status, text in said:
        assert (status, CANARY in text) == (1, False)
        assert "não respondeu" in text
    assert "não pode ser lido" in run(capsys, "hub", "serve", "--database-file", str(tmp_path / "nada"))[1]
