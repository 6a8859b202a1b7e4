"""A command's end: its exit status, and one sentence in pt-BR instead of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import rich_click as click

from omnisync.agent.errors import OmnisyncError, StoppedError
from omnisync.agent.messages import sentences
from omnisync.agent.runtime import Runtime

DONE = 0
FAILED = 1
WRONG_USE = 2
DONE_WITH_REFUSALS = 3
STOPPED = 4

_COMPLAINTS = {
    "NoSuchOption": "A opção {name} não existe. Veja as opções com --help.",
    "NoSuchCommand": "O comando {name} não existe. Veja os comandos com omnisync --help.",
    "MissingParameter": "Falta informar {name}. Veja como com --help.",
    "BadOptionUsage": "A opção {name} precisa de um valor. Veja como com --help.",
    "BadParameter": "O valor de {name} não é aceito. Veja os valores com --help.",
    "UsageError": "O comando não foi entendido. Veja como com --help.",
}


def print_status(text: str) -> None:
    """A line for the person in front, on the error output: the standard output is for results."""
    with suppress(OSError):  # the error output is closed: no one reads it any more
        click.echo(text, err=True)


def show(result: object, sentence: str, *, as_json: bool) -> None:
    """A command's result: its sentence for the person in front, or as JSON on the standard output."""
    if as_json:
        click.echo(msgspec.json.encode(result).decode())
    else:
        print_status(sentence)


def status_of(error: OmnisyncError) -> int:
    """Return the exit status an error ends with."""
    return STOPPED if isinstance(error, StoppedError) else FAILED


def usage_message(error: click.UsageError) -> str:
    """Return a wrong use, in pt-BR. The value typed is not repeated: it may be a secret."""
    kind = type(error).__name__
    parameter = getattr(error, "param", None)
    hint = parameter.get_error_hint(error.ctx) if parameter is not None and error.ctx is not None else ""
    name = getattr(error, "option_name", None) or getattr(error, "command_name", None) or hint
    return _COMPLAINTS.get(kind, _COMPLAINTS["UsageError"]).format(name=name or "um parâmetro")


@contextmanager
def exit_cleanly(*, verbose: bool = False) -> Iterator[None]:
    """Turn an error of ours into its sentence and its status. With `verbose`, anything unforeseen shows itself."""
    try:
        yield
    except OmnisyncError as error:
        if verbose:
            print_status(f"[{error.code}] {error.__cause__ or ''}".rstrip())
        print_status(sentences.of_error(error))
        sys.exit(status_of(error))
    except KeyboardInterrupt:
        print_status(sentences.of_code("interrupted"))
        sys.exit(STOPPED)
    except BrokenPipeError:  # the reader of our output closed it, as `head` does: there is no one to report to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is written out at exit
        sys.exit(FAILED)
    except Exception as error:  # noqa: BLE001  # the one top of a command: a person gets a sentence, never a traceback
        if verbose:
            raise
        print_status(sentences.of_code("internal", motivo=type(error).__name__))
        sys.exit(FAILED)


def run(command: click.Command, arguments: list[str] | None, runtime: Runtime | None = None) -> int:
    """Run a click command, its wrong uses told in pt-BR. Without a runtime the commands use the machine's."""
    try:
        answer: Any = command.main(args=arguments, standalone_mode=False, prog_name="omnisync", obj=runtime)
    except click.UsageError as error:
        print_status(usage_message(error))
        return WRONG_USE
    except click.Abort:
        print_status(sentences.of_code("interrupted"))
        return STOPPED
    except click.ClickException as error:
        print_status(error.format_message())
        return FAILED
    return answer if isinstance(answer, int) else DONE
