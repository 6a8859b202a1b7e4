"""The peers' own Python environments, made by uv outside the repository: nothing of them is a dependency of ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from msgspec import Struct

PINNED = {
    "dlt": ("dlt[postgres,sqlalchemy]==1.31.0", "orjson==3.13.0", "requests==2.34.2", "sqlalchemy==2.1.9"),
    "naive": ("sqlalchemy==2.1.9", "psycopg[binary]==3.3.9", "requests==2.34.2", "orjson==3.13.0"),
    "sling": ("sling==1.4.11", "sling-linux-amd64==1.4.11", "orjson==3.13.0"),
}
"""What each peer needs, by the peer's name. Sling's later wheels download their program when they are first run."""


class Environment(Struct, frozen=True):
    """A folder with a Python and what was installed into it."""

    folder: Path

    @property
    def python(self) -> Path:
        """Return the environment's Python."""
        return self.folder / "bin" / "python"

    def program(self, pattern: str) -> Path:
        """Return the one file among its packages that fits a pattern."""
        (found,) = (self.folder / "lib").glob(f"python3*/site-packages/{pattern}")
        return found


def made(name: str, home: Path, uv: str) -> Environment:
    """Make a peer's environment, unless it is there with the same pinned packages. Takes a minute the first time."""
    made = Environment(home / name)
    wanted, kept = "\n".join(PINNED[name]), made.folder / "pinned.txt"
    if kept.exists() and kept.read_text(encoding="utf-8") == wanted:
        return made
    shutil.rmtree(made.folder, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(made.folder))
    _run(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(made.python), *PINNED[name])
    kept.write_text(wanted, encoding="utf-8")
    return made


def versions(environment: Environment, uv: str) -> dict[str, str]:
    """Return the version of every package in an environment."""
    lines = _run(uv, "pip", "freeze", "--quiet", "--python", str(environment.python)).split()
    return dict(line.split("==") for line in lines if "==" in line)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
