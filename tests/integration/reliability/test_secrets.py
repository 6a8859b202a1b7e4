"""The file of secrets: of the account alone, whole at any moment, and given for the address it was saved for."""

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from omnisync.agent.config.connection import Connection, ErpAddress, HubAddress
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home
from omnisync.agent.errors import SettingsError

if sys.platform != "win32":
    import resource

AURORA = Connection(
    name="producao",
    hub=HubAddress("https://hub.example"),
    erp=ErpAddress(kind="postgresql", database="aurora", server="erp.local"),
)
ELSEWHERE = msgspec.structs.replace(AURORA, hub=HubAddress("https://evil.example"))


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(Home(tmp_path / "home").prepare().secrets)


def test_what_was_put_is_got(secrets: Secrets) -> None:
    secrets.put(AURORA, "hub_token", Secret("t0k3n"))
    assert secrets.get(AURORA, "hub_token") == Secret("t0k3n")
    assert secrets.get(AURORA, "erp_password") is None


def test_a_secret_is_never_given_for_another_host(secrets: Secrets) -> None:
    secrets.put(AURORA, "hub_token", Secret("t0k3n"))
    assert secrets.get(ELSEWHERE, "hub_token") is None


def test_going_back_to_the_old_host_does_not_revive_its_secret(secrets: Secrets) -> None:
    secrets.put(AURORA, "hub_token", Secret("t0k3n"))
    secrets.put(AURORA, "erp_password", Secret("s3nha"))
    secrets.keep_only_for(ELSEWHERE)
    assert secrets.get(AURORA, "hub_token") is None
    assert secrets.get(AURORA, "erp_password") == Secret("s3nha")


def test_an_empty_secret_is_forgotten(secrets: Secrets) -> None:
    secrets.put(AURORA, "hub_token", Secret("t0k3n"))
    secrets.put(AURORA, "hub_token", Secret(""))
    assert secrets.get(AURORA, "hub_token") is None


def test_a_forgotten_connection_leaves_nothing(secrets: Secrets, tmp_path: Path) -> None:
    secrets.put(AURORA, "hub_token", Secret("t0k3n"))
    secrets.forget("producao")
    assert b"t0k3n" not in (tmp_path / "home" / "secrets.json").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_the_file_and_its_folder_are_of_the_account_alone(secrets: Secrets, tmp_path: Path) -> None:
    secrets.put(AURORA, "hub_token", Secret("t0k3n"))
    assert stat.S_IMODE((tmp_path / "home" / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


@contextmanager
def no_room() -> Iterator[None]:
    """Let every write of this process fail, as on a full disk: no file may grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_failed_save_leaves_the_old_file_and_no_other(secrets: Secrets, tmp_path: Path) -> None:
    secrets.put(AURORA, "hub_token", Secret("t0k3n"))
    with no_room(), pytest.raises(SettingsError) as caught:
        secrets.put(AURORA, "hub_token", Secret("outro"))
    assert caught.value.code == "folder_read_only"
    assert secrets.get(AURORA, "hub_token") == Secret("t0k3n")
    assert sorted(path.name for path in (tmp_path / "home").glob("secrets*")) == ["secrets.json", "secrets.lock"]


def test_secrets_saved_at_once_are_all_kept(secrets: Secrets) -> None:
    many = [msgspec.structs.replace(AURORA, name=f"c{n}") for n in range(8)]
    savers = [threading.Thread(target=secrets.put, args=(one, "hub_token", Secret(one.name))) for one in many]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    assert [secrets.get(one, "hub_token") for one in many] == [Secret(one.name) for one in many]


def test_a_garbled_file_is_said_not_shown(secrets: Secrets, tmp_path: Path) -> None:
    (tmp_path / "home" / "secrets.json").write_bytes(b'{"producao": {"hub_token": "t0k3n"')
    with pytest.raises(SettingsError) as caught:
        secrets.get(AURORA, "hub_token")
    assert "t0k3n" not in str(caught.value.words)


def test_a_home_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError) as caught:
        Home(tmp_path / "file" / "home").prepare()
    assert caught.value.words["pasta"] == tmp_path / "file" / "home"
