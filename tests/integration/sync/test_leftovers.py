"""A process killed while it saves a secret leaves no copy of it behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from omnisync.agent.config.files import file_lock, replace_file
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home
from tests.support.installed_program import ROOT
from tests.support.page_client import connection

TOKEN = "osk_canario_0123456789"
KILLED = """
import os, signal, sys
from pathlib import Path
from omnisync.agent.config import files
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home
from tests.support.page_client import connection
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)  # written, and not renamed yet
Secrets(Home(Path(sys.argv[1])).secrets).put(connection(), "hub_token", Secret(sys.argv[2]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").prepare()


def names(home: Home) -> list[str]:
    return sorted(one.name for one in home.path.iterdir() if one.is_file() and TOKEN in one.read_text("latin-1"))


def test_case_c4_a_save_that_was_killed_leaves_no_token_after_the_next_start(home: Home) -> None:
    command = [sys.executable, "-c", KILLED, str(home.path), TOKEN]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -9
    assert len(names(home)) == 1
    home.prepare()
    assert names(home) == []
    Secrets(home.secrets).put(connection(), "hub_token", Secret(TOKEN))
    home.prepare()
    assert names(home) == ["secrets.json"]


def test_case_c4_what_an_older_version_left_goes_too(home: Home) -> None:
    left = home.path / "secrets.jsonab12_xyz"
    left.write_text(TOKEN)
    kept = home.path / "secrets.json.antigo"
    kept.write_text(TOKEN)
    home.prepare()
    assert names(home) == ["secrets.json.antigo"]


def test_a_file_that_is_being_written_is_no_leftover(home: Home) -> None:
    writing = home.path / ".secrets.json.abcd.new"
    with file_lock(writing):
        home.prepare()
        assert writing.exists()
    home.prepare()
    assert not writing.exists()


def test_a_whole_file_is_replaced_and_closed_to_others(home: Home) -> None:
    replace_file(home.path / "x", b"um")
    replace_file(home.path / "x", b"dois")
    assert (home.path / "x").read_bytes() == b"dois"
    assert (home.path / "x").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in home.path.iterdir() if one.name.startswith((".x", "x"))] == ["x"]
