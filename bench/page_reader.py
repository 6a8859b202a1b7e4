"""What the scripts of `bench` share beside `limit.py`: their arguments, and the pages after their cursors."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from bench import limit
from bench.rows import Json


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the arguments that every script takes."""
    words = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--hub", required=True)
    words.add_argument("--database", required=True)
    words.add_argument("--cursors", type=Path, required=True)
    words.add_argument("--token", default="")
    return words


def load_cursors(file: Path) -> dict[str, str]:
    """Return the cursors of the last time by stream, none at the first."""
    return dict(orjson.loads(file.read_bytes())) if file.exists() else {}


def save_cursors(file: Path, cursors: dict[str, str]) -> None:
    """Keep the cursors for the next time."""
    file.write_bytes(orjson.dumps(cursors))


def pages(given: argparse.Namespace, cursors: dict[str, str]) -> Iterator[tuple[str, list[Json]]]:
    """Yield the stream and the records of each page after the cursors; they move on when the next page is taken."""
    http = HTTPConnection(urlsplit(given.hub).netloc)
    for stream, query in limit.STREAMS.items():
        for lot, cursor in limit.pages(http, given.token, query, cursors.get(stream, "")):
            yield stream, lot
            cursors[stream] = cursor
