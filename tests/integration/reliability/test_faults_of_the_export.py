"""What a batch survives on its way to the hub: sent again until answered, taken in once, each trouble named."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from omnisync.agent.errors import (
    BadTokenError,
    FeedError,
    HubBusyError,
    HubUnreachableError,
    OmnisyncError,
    TemporaryError,
)
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.hub_api.transport import BatchConflictError, TooLargeError, Transport
from omnisync.agent.messages import sentences
from omnisync.agent.retry import Retry
from omnisync.contract import batches
from omnisync.contract.batches import BatchAnswer, content_digest
from tests.support import faulty_hub
from tests.support.dataset_rows import PRODUCTS, delete, line, lines_of, product
from tests.support.faulty_hub import Fault, faulty, problem, says
from tests.support.hub_server import NOW, RunningHub, found_company, running_hub
from tests.support.import_runs import Clock

LINES = (line(PRODUCTS, product("a")), line(PRODUCTS, product("b")), b"no line")
BODY = gzip.compress(b"\n".join(LINES), mtime=0)
ANSWER = BatchAnswer(batch="b1", epoch="e1", lines=3, accepted=3, stored=3, living=3)
ADDRESS = "/v1/exports/omniforce/products/batches/b1"
_number = count()
TAKEN = says(faulty_hub.json_of(ANSWER), status="201 Created")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def token(hub: RunningHub) -> str:
    return found_company(hub.store, f"aurora-{next(_number)}")


@pytest.fixture
def client() -> Iterator[Callable[[str], HubClient]]:
    opened: list[HubClient] = []

    def open_client(url: str, token: str = "omni_secret", monotonic: Callable[[], float] = lambda: 0.0) -> HubClient:
        one = HubClient(Transport(url, token, clock=lambda: NOW, monotonic=monotonic, silence_timeout_s=1))
        opened.append(one)
        return one

    yield open_client
    for one in opened:
        one.close()


def send(client: HubClient, batch: str = "b1", body: bytes = BODY, lines: int = 3, **more: Any) -> BatchAnswer:
    told: dict[str, Any] = {"digest": content_digest(body), "lines": lines} | more
    return client.send_batch("omniforce", "products", batch, body, **told)


def patient(action: Callable[[], BatchAnswer]) -> BatchAnswer:
    clock = Clock()

    def wait(seconds: float, _error: TemporaryError) -> None:
        clock.wait(seconds)

    return Retry(clock=lambda: NOW, monotonic=clock.monotonic, wait=wait, uniform=lambda low, _high: low)(action)


Opener = Callable[..., HubClient]


def test_a_batch_is_sent_and_every_line_answered(hub: RunningHub, token: str, client: Opener) -> None:
    mine = client(hub.url, token)
    answer = send(mine, "first")
    assert (answer.batch, answer.lines, answer.accepted, answer.stored, answer.living) == ("first", 3, 2, 2, 2)
    assert [(one.line, one.code) for one in answer.refused] == [(3, "json")]
    assert send(mine, "first") == mine.batch("omniforce", "products", "first") == answer
    assert mine.batch("omniforce", "products", "never") is None


def test_a_snapshot_and_a_person_s_word_are_told(hub: RunningHub, token: str, client: Opener) -> None:
    mine = client(hub.url, token)
    whole = gzip.compress(b"\n".join(line(PRODUCTS, product(f"{n}")) for n in range(20)), mtime=0)
    send(mine, "s1", whole, 20)
    empty = gzip.compress(b"", mtime=0)
    assert send(mine, "s2", empty, 0, snapshot="s", final=True).held == 20
    assert send(mine, "s3", empty, 0, snapshot="s", final=True, confirmed=True).living == 0


def test_the_same_name_with_other_content_is_its_own_error(hub: RunningHub, token: str, client: Opener) -> None:
    mine = client(hub.url, token)
    send(mine, "conflict")
    with pytest.raises(BatchConflictError):
        send(mine, "conflict", gzip.compress(delete("a"), mtime=0), 1)


def test_more_than_the_hub_takes_is_its_own_error(hub: RunningHub, token: str, client: Opener) -> None:
    lines = b"\n".join([delete("a")] * (batches.MAX_LINES + 1))
    with pytest.raises(TooLargeError):
        send(client(hub.url, token), "large", gzip.compress(lines), batches.MAX_LINES)


def test_a_damaged_batch_is_worth_sending_again(hub: RunningHub, token: str, client: Opener) -> None:
    with pytest.raises(HubUnreachableError) as caught:
        send(client(hub.url, token), "damaged", digest=content_digest(b"other"))
    assert caught.value.code == "batch_damaged"


def test_a_key_that_may_not_export_is_said(hub: RunningHub, client: Opener) -> None:
    reader = hub.store.create_token("aurora", "so_leitura", ("orders:read",), NOW)
    with pytest.raises(BadTokenError) as caught:
        send(client(hub.url, reader), "forbidden")
    assert "não permite" in sentences.of_code(caught.value.code, **caught.value.words)


def test_an_unknown_dataset_is_said_in_the_hub_s_words(hub: RunningHub, token: str, client: Opener) -> None:
    with pytest.raises(FeedError) as caught:
        client(hub.url, token).send_batch("omniforce", "x/y", "b", BODY, digest=content_digest(BODY), lines=3)
    assert caught.value.code == "hub_said_no"


TROUBLES: dict[str, Fault] = {
    "reset": faulty_hub.reset,
    "hangs up": faulty_hub.hangs_up,
    "garbage": faulty_hub.garbage,
    "cut": faulty_hub.closed_early(faulty_hub.json_of(ANSWER)),
    "shorter than said": faulty_hub.shorter_than_said(faulty_hub.json_of(ANSWER)),
    "gzip cut": faulty_hub.gzip_cut(faulty_hub.json_of(ANSWER)),
    "server error": problem("500 Internal Server Error", "internal"),
    "bad gateway": says(b"<html>", status="502 Bad Gateway", kind="text/html"),
    "maintenance": problem("503 Service Unavailable", "maintenance", Retry_After="3"),
    "busy": problem("429 Too Many Requests", "rate_limited", Retry_After="7"),
    "damaged": problem("422 Unprocessable Content", "batch_damaged"),
    "a login page": says(b"<html>", kind="text/html"),
}


@pytest.mark.parametrize("fault", TROUBLES.values(), ids=TROUBLES)
def test_after_any_passing_trouble_the_same_batch_is_sent_again(fault: Fault, client: Opener) -> None:
    with faulty({ADDRESS: [fault, TAKEN]}) as server:
        mine = client(server.url)
        assert patient(lambda: send(mine)) == ANSWER
        heads = [head.split(b"\r\n") for head in server.heads]
    wanted = (f"content-digest: {content_digest(BODY)}", "omnisync-lines: 3", "content-encoding: gzip")
    for head in heads:
        lower = [one.lower() for one in head]
        assert [one.lower().encode() in lower for one in wanted] == [True] * 3
        assert f"content-length: {len(BODY)}".encode() in lower
        assert not any(one.startswith(b"transfer-encoding") for one in lower)
    assert len(heads) == 2


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (problem("401 Unauthorized", "token_revoked"), BadTokenError, "token_refused"),
        (problem("403 Forbidden", "scope_missing"), BadTokenError, "scope_missing"),
        (problem("400 Bad Request", "validation", "Veja os campos."), FeedError, "hub_said_no"),
        (problem("409 Conflict", "batch_conflict"), BatchConflictError, "hub_broken"),
        (problem("413 Content Too Large", "batch_too_large"), TooLargeError, "hub_broken"),
        (problem("415 Unsupported Media Type", "unsupported_media"), FeedError, "hub_said_no"),
        (says(b"", status="302 Found", Location="https://elsewhere.example/"), FeedError, "hub_redirect"),
        (says(b'{"batch":1}'), FeedError, "hub_broken"),
    ],
)
def test_what_will_not_pass_is_not_sent_again(
    fault: Fault, kind: type[OmnisyncError], code: str, client: Opener
) -> None:
    with faulty({ADDRESS: [fault]}) as server:
        mine = client(server.url)
        with pytest.raises(kind) as caught:
            patient(lambda: send(mine))
        assert len(server.asked) == 1
    assert caught.value.code == code
    assert "{" not in sentences.of_code(caught.value.code, **caught.value.words)


def test_a_batch_that_always_comes_damaged_is_given_up(client: Opener) -> None:
    with faulty({ADDRESS: [problem("422 Unprocessable Content", "batch_damaged")]}) as server:
        mine = client(server.url)
        with pytest.raises(HubUnreachableError):
            patient(lambda: send(mine))
        assert len(server.asked) == 3


def test_a_pause_the_hub_names_is_obeyed(client: Opener) -> None:
    busy = problem("429 Too Many Requests", "rate_limited", Retry_After="7")
    with faulty({ADDRESS: [busy]}) as server, pytest.raises(HubBusyError) as caught:
        send(client(server.url))
    assert caught.value.retry_at == NOW + timedelta(seconds=7)


def test_a_hub_that_reads_slowly_does_not_hold_a_batch_for_ever(client: Opener) -> None:
    """Each write goes through in time; only the deadline of the whole ends it."""
    over = threading.Event()

    def sips(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            while not over.is_set() and connection.recv(65536):
                over.wait(0.01)

    seconds = count(0, 5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=sips, args=(listening,), daemon=True).start()
        mine = client(f"http://127.0.0.1:{listening.getsockname()[1]}", monotonic=lambda: float(next(seconds)))
        body = bytes(8_000_000)
        with pytest.raises(HubUnreachableError):
            send(mine, body=body)
        over.set()


def test_a_lost_answer_is_settled_by_asking_again(hub: RunningHub, token: str, client: Opener) -> None:
    """The batch was taken in and the answer lost: the same batch sent again is answered as it was, and once only."""
    mine = client(hub.url, token)
    first = send(mine, "lost")
    with hub.client(token) as app:
        before = lines_of(app)
        assert send(mine, "lost") == first
        assert lines_of(app) == before
