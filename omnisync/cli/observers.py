"""The observers of a run: its display, its row, its last sentence. A failing display never ends a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TypeVar

from omnisync.agent.errors import SettingsError, TemporaryError
from omnisync.agent.messages import texts
from omnisync.agent.progress import Progress
from omnisync.cli.exit import print_status, show

Answer = TypeVar("Answer")
Show = Callable[[Progress], None]

log = logging.getLogger(__name__)


class Guard:
    """Calls one observer of a run. When it fails, that is said once and the run goes on.

    A failing observer is not called again, unless `gives_up` is false; one that cannot be reached for the moment (the
    journal in use, the disk full) is.
    """

    def __init__(self, *, gives_up: bool = True) -> None:
        self._gives_up = gives_up
        self._has_failed = False

    def __call__(self, observe: Callable[[], Answer], otherwise: Answer) -> Answer:
        """Return what `observe` answers, or `otherwise` where it failed, now or before."""
        if self._has_failed and self._gives_up:
            return otherwise
        try:
            return observe()
        except (TemporaryError, SettingsError):
            return otherwise
        except Exception as error:  # noqa: BLE001  # whatever it is, it is of what is shown and not of the run
            if not self._has_failed:
                self._has_failed = True
                with suppress(Exception):  # the screen it is said on may be what failed
                    log.debug("an observer of the run failed", exc_info=error)
                    print_status(texts.sentence("display_failed", motivo=type(error).__name__))
            return otherwise


@contextmanager
def guarded(display: AbstractContextManager[Show]) -> Iterator[Show]:
    """Open the display, call it and close it, each so that its failure ends nothing but the display."""
    guard, opened = Guard(), ExitStack()
    nothing: Show = _ignore
    call = guard(lambda: opened.enter_context(display), nothing)
    try:
        yield lambda progress: guard(lambda: call(progress), None)
    finally:
        guard(opened.close, None)


def show_result(result: object, sentence: Callable[[], str], *, as_json: bool) -> None:
    """Show what a run has done. Its status is the run's, whatever becomes of the sentence; JSON is a result itself."""
    if as_json:
        show(result, "", as_json=True)
    else:
        Guard()(lambda: print_status(sentence()), None)


def _ignore(progress: Progress) -> None:
    """Show nothing."""
