"""Make a command of a function: its options, what it works on, and its exit status."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import rich_click as click

from omnisync.agent.runtime import Runtime
from omnisync.cli import composition
from omnisync.cli.exit import exit_cleanly
from omnisync.cli.options import connection_option, json_option, verbose_option

CommandBody = Callable[..., int | None]


def command(name: str, *, group: click.RichGroup | None = None) -> Callable[[CommandBody], click.Command]:
    """Return a decorator that makes a command of a function, in `group` where one is named.

    The function's parameters say what it needs: `context` opens what the agent remembers, `connection` brings
    --connection and the connection it names, `as_json` brings --json. Every command has --verbose. The help shows
    --connection first, --json and --verbose last; where an option's place or text is another, the function declares it
    itself. An error of ours ends the command with its sentence and its status, whether the function or this raised it.
    """
    make = click.command if group is None else group.command

    def decorate(function: CommandBody) -> click.Command:
        wanted = frozenset(inspect.signature(function).parameters)

        @wraps(function)
        def execute(verbose: bool, **options: Any) -> int | None:
            return exit_cleanly(verbose=verbose)(_call)(function, wanted, options)

        _declare_options(execute, wanted)
        made: click.Command = make(name)(execute)
        return made

    return decorate


def _call(function: CommandBody, wanted: frozenset[str], options: dict[str, Any]) -> int | None:
    """Call the function with its options, and with the context and the connection where it wants them."""
    if wanted & {"context", "connection"}:
        context = open_context()
        if "connection" in wanted:
            options["connection"] = context.connection(options.pop("name"))
        if "context" in wanted:
            options["context"] = context
    return function(**options)


def open_context() -> composition.AgentContext:
    """Open what the agent remembers, with the runtime that the program was started with."""
    called = click.get_current_context()
    return composition.open_context(called.find_object(Runtime) if called is not None else None)


def _declare_options(execute: Callable[..., object], wanted: frozenset[str]) -> None:
    """Add the options that the function does not declare itself. click keeps them in reverse, the last first."""
    declared: list[click.Parameter] = getattr(execute, "__click_params__", [])
    names = {parameter.name for parameter in declared}
    execute.__click_params__ = []  # type: ignore[attr-defined]  # where click's own decorators keep them
    verbose_option(execute)
    if "as_json" in wanted - names:
        json_option(execute)
    execute.__click_params__ += declared  # type: ignore[attr-defined]
    if "connection" in wanted and "name" not in names:
        connection_option(execute)
