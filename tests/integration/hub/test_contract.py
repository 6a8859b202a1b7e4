"""The hub keeps to its own OpenAPI: schemathesis, run as its own program against a running hub."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

from hypothesis import settings

from tests.support.hub_server import running_hub
from tests.support.import_runs import send
from tests.support.record_samples import change, customer, order

MOST_EXAMPLES = 60
CONFIG = """
hooks = "hooks.py"

[checks]
# Too many records in one batch are told as 413, with the code that says so.
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "413", "415", "422"]
# A record that was erased meanwhile is gone: 410.
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "410", "429"]

# What a schema cannot say, so that a request it allows may still be refused: a cursor must be one the hub gave,
# exactly one stream must be named, and 1.0 is no version although JSON Schema calls it whole.
[[operations]]
include-path = "/v1/changes"
[operations.checks]
positive_data_acceptance.enabled = false

[[operations]]
include-path = "/v1/streams"
[operations.checks]
positive_data_acceptance.enabled = false

[[operations]]
include-path = "/v1/receipts"
[operations.checks]
positive_data_acceptance.enabled = false

# Lines are weighed one by one: what is no line is refused in a batch that is taken in.
[[operations]]
include-path = "/v1/exports/{system}/{dataset}/batches/{batch_id}"
include-method = "PUT"
[operations.checks]
negative_data_rejection.enabled = false

# Not every system has every dataset.
[[operations]]
include-path = "/v1/exports/{system}/{dataset}"
[operations.checks]
positive_data_acceptance.enabled = false
"""
# What no schema can say: that a batch's headers tell of its body, and that a final batch ends some snapshot.
HOOKS = """
import schemathesis
from omnisync.contract.batches import MEDIA_TYPE, content_digest


def packed(body):
    return body if isinstance(body, bytes) else str(body).encode("utf-8", "surrogatepass")


@schemathesis.serializer(MEDIA_TYPE)
def lines(ctx, body):
    return packed(body)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    headers = case.headers or {}
    if case.method.upper() == "PUT" and str(headers.get("Content-Digest", "")).startswith("sha-256=:"):
        body = packed(case.body) if isinstance(case.body, (str, bytes)) else b""
        headers["Content-Digest"] = content_digest(body)
        if "Omnisync-Final" in headers:
            headers.setdefault("Omnisync-Snapshot", "s1")
        if str(headers.get("Omnisync-Lines", "")).isdigit():
            headers["Omnisync-Lines"] = str(body.count(b"\\n") + (not body.endswith(b"\\n") and body != b""))
"""


def test_schemathesis_finds_no_difference_between_the_hub_and_its_openapi(tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    (tmp_path / "hooks.py").write_text(HOOKS)
    # A minute passes in six requests: wrong tokens are many.
    with running_hub(tmp_path, monotonic=count(0, 10).__next__) as hub:
        send(hub, change(customer()), change(order()))
        program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "--no-color", "run"]
        done = subprocess.run(
            [
                *program,
                f"{hub.url}/v1/openapi.json",
                "--header",
                f"Authorization: Bearer {hub.token}",
                "--max-examples",
                str(min(settings().max_examples, MOST_EXAMPLES)),
                "--seed",
                "20261124",
                "--generation-database",
                "none",
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=300,
            check=False,
        )
    summary = done.stdout[done.stdout.rfind("= SUMMARY =") :]
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-1000:]
    assert "Tested: 14" in summary
