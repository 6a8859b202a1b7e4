"""A database that takes no answer and gives none ends the run, which the next one finishes."""

from __future__ import annotations

from pathlib import Path

from tests.support.hub_server import running_hub
from tests.support.import_runs import send
from tests.support.installed_program import installed
from tests.support.record_samples import change, customer, order


def test_case_d2_a_driver_that_never_comes_back_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        send(hub, change(customer()), *(change(order(f"ord_{n:02}")) for n in range(20)))
        program = installed(tmp_path / "a", hub)
        hung = program.run("import", step_limit_s=3, timeout_s=60)
        assert hung.status == 1
        assert "não respondeu por" in hung.err
        assert "Nada se perdeu" in hung.err
        assert "Traceback" not in hung.err
        assert program.run("status", "--json").json()["state"] == "failed"
        after = program.run("import", "--json")
        assert (after.status, program.keeper.query("SELECT COUNT(*) FROM pedidos")) == (0, [(20,)])
