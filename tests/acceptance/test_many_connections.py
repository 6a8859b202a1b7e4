"""A hub with few handles and very many half requests goes on answering, and says so in few lines."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx

from omnisync.hub.store import Store
from tests.support.hub_server import bearer, found_company
from tests.support.installed_program import ROOT

HANDLES = 160
N_HALF = 600


def test_case_f4_half_requests_do_not_stop_a_hub_with_few_handles(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'hub.db'}"
    store = Store(database)
    store.migrate()
    token = found_company(store)
    store.close()
    served = subprocess.Popen(
        [sys.executable, "-m", "omnisync", "hub", "serve", "--port", "0", "--database", database],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},  # noqa: TID251  # a child inherits it
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (HANDLES, HANDLES)),
    )
    try:
        assert served.stdout is not None
        url = served.stdout.readline().split()[-1]
        host, port = url.removeprefix("http://").split(":")
        with ExitStack() as open_ones:
            for _ in range(N_HALF):
                half = open_ones.enter_context(socket.create_connection((host, int(port)), timeout=10))
                half.sendall(b"GET /v1 HTTP/1.1\r\nX-Slow: ")
            answers = [
                httpx.get(f"{url}{path}", headers=bearer(token), timeout=10, trust_env=False).status_code
                for path in ("/health", "/v1", "/v1/streams")
            ]
    finally:
        served.terminate()
        _, errors = served.communicate(timeout=30)
    assert answers == [200] * 3
    assert len(errors.splitlines()) <= 5, errors
