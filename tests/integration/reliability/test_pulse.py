"""A run that works on one long step lives, one that gives no sign is ended; whatever becomes of the journal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from omnisync.agent.journal.pulse import Pulse, last_pulse, pulse_path, pulsing
from omnisync.agent.journal.run import EVERYTHING
from tests.support.agent_home import ENDS, HEAD, AgentHome, until

SILENCE = timedelta(milliseconds=400)
PULSES = (
    HEAD
    + "from omnisync.agent.journal.pulse import Pulse, pulse_path, pulsing\n"
    + ENDS
    + """
 with pulsing(Pulse(pulse_path(home, name), time.monotonic, step_limit_s={limit}), every_s=0.05):
  time.sleep({step})
 journal.end_run(run_id, 'done', now(), orders(1))
"""
)


HOLDS_JOURNAL = PULSES.replace(
    "  time.sleep({step})\n",
    "  other = sqlite3.connect(home.journal, isolation_level=None)\n  other.execute('BEGIN IMMEDIATE')\n"
    "  time.sleep({step})\n  other.execute('ROLLBACK')\n",
)


def _state_after(house: AgentHome, script: str) -> str:
    """How a run ends that is looked at each 20 ms and may be silent for 800."""
    carrier = house.supervisor(script, silence=SILENCE, grace=SILENCE)
    run = carrier.start("producao", EVERYTHING, "button")
    until(lambda: last_pulse(house.home, "producao") > 0)
    until(lambda: house.run(run.id).ended_at is not None, carrier.poll)
    return house.run(run.id).state


def test_case_h5_a_run_in_one_long_step_is_not_ended(house: AgentHome) -> None:
    assert _state_after(house, PULSES.format(limit=60, step=3)) == "done"


def test_case_h5_a_step_without_end_is_ended(house: AgentHome) -> None:
    assert _state_after(house, PULSES.format(limit=0.5, step=60)) == "interrupted"


def test_case_h20_a_journal_that_another_program_holds_ends_no_healthy_run(house: AgentHome) -> None:
    assert _state_after(house, "import sqlite3\n" + HOLDS_JOURNAL.format(limit=60, step=3)) == "done"


def test_a_pulse_stops_when_a_step_takes_too_long_and_goes_on_with_the_next(tmp_path: Path) -> None:
    clock = [0.0]
    pulse = Pulse(tmp_path / "x.pulse", lambda: clock[0], step_limit_s=10)
    assert pulse.beat()
    clock[0] = 11
    assert not pulse.beat()
    pulse.progress()
    assert pulse.beat()


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path / "gone" / "x.pulse", lambda: 0.0)
    with pulsing(pulse, every_s=0.01):
        assert pulse.beat()


def test_a_connection_that_never_ran_has_no_pulse(house: AgentHome) -> None:
    assert not pulse_path(house.home, "producao").exists()
    assert last_pulse(house.home, "producao") == 0
