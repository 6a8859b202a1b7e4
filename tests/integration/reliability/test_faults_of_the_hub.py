"""What the import survives on the network: each fault by a raw socket, and the outcome that was promised."""

from __future__ import annotations

import socket
import ssl
import tracemalloc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trustme

from omnisync.agent.errors import (
    BadTokenError,
    ContractVersionError,
    FeedError,
    HubBusyError,
    HubUnreachableError,
    OmnisyncError,
)
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.hub_api.transport import Transport, UnreadableResponseError
from omnisync.agent.messages import sentences
from omnisync.agent.progress import RowCounts
from omnisync.contract.streams import CUSTOMERS
from tests.support import faulty_hub
from tests.support.erp_databases import SampleErp, make_sqlite, write
from tests.support.faulty_hub import Fault, FaultServer, faulty, page, problem, says
from tests.support.import_runs import Clock, importer
from tests.support.record_samples import NOW, change, customer, order

GOOD = page(change(order("ord_1")), change(order("ord_2")))
HTML = b"<html><body>Entre com seu usu\xc3\xa1rio</body></html>"
LOGIN = says(HTML, kind="text/html")


@pytest.fixture
def keeper(tmp_path: Path) -> SampleErp:
    made = make_sqlite(tmp_path)
    erp = made.open()
    write(erp, change(customer()))
    erp.records.acknowledge(erp.records.pending_receipts(10))
    erp.close()
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


def client(url: str, **how: Any) -> HubClient:
    """A client that loses patience with one silent answer at once."""
    plain: dict[str, Any] = {"clock": lambda: NOW, "monotonic": lambda: 0.0, "silence_timeout_s": 0.5}
    return HubClient(Transport(url, "omni_secret", **(plain | how)))


@contextmanager
def hub_with(*pages: Fault, heads: Sequence[Fault] = (faulty_hub.streams(),)) -> Iterator[FaultServer]:
    routes = {"/v1/changes": pages, "/v1/streams": heads, "/v1/receipts": [says(b'{"results":[]}')]}
    with faulty(routes) as server:
        yield server


def run(keeper: SampleErp, url: str, clock: Clock, *, dice: int = 0, **options: Any) -> RowCounts:
    """An import of 0001; `dice` 0 falls low, 1 high."""
    erp, hub = keeper.open(), client(url)
    try:
        uniform = lambda *bounds: bounds[dice]  # noqa: E731
        made = importer(erp, hub, establishments=["0001"], clock=clock, uniform=uniform, **options)
        return made.run().orders
    finally:
        hub.close()
        erp.close()


# Rows 7-11, 13, 15, 24, 47: what passes by itself. The code is what a person reads when it does not pass.
PASSING: dict[str, tuple[Fault, str]] = {
    "a reset in the body": (faulty_hub.reset, "hub_unreachable"),
    "a body shorter than said": (faulty_hub.shorter_than_said(GOOD), "hub_unreachable"),
    "a body closed early without a length": (faulty_hub.closed_early(GOOD), "hub_corrupt"),
    "a gzip cut short": (faulty_hub.gzip_cut(GOOD), "hub_corrupt"),
    "a corrupt gzip": (faulty_hub.gzip_corrupt(GOOD), "hub_corrupt"),
    "silence after the request": (faulty_hub.silent, "hub_unreachable"),
    "a hang-up": (faulty_hub.hangs_up, "hub_unreachable"),
    "no HTTP at all": (faulty_hub.garbage, "hub_unreachable"),
    "a 500": (problem("500 Internal Server Error"), "hub_unreachable"),
    "a 502 of a proxy": (says(HTML, status="502 Bad Gateway", kind="text/html"), "hub_unreachable"),
    "a 503": (problem("503 Service Unavailable"), "maintenance"),
    "a 504": (problem("504 Gateway Timeout"), "hub_unreachable"),
    "a 408": (problem("408 Request Timeout"), "hub_unreachable"),
    "a 429": (problem("429 Too Many Requests"), "rate_limited"),
    "a login page with 200": (LOGIN, "hub_other_page"),
    "a proxy's 407": (says(HTML, status="407 Proxy Authentication Required", kind="text/html"), "hub_other_page"),
    "another content type": (says(GOOD, kind="text/plain"), "hub_other_page"),
    "an empty body": (says(b""), "hub_corrupt"),
    "a byte order mark": (says(b"\xef\xbb\xbf" + GOOD), "hub_corrupt"),
    "JSON that is no page": (says(b"[]"), "hub_corrupt"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_by_itself_is_waited_out(keeper: SampleErp, clock: Clock, name: str) -> None:
    fault, _ = PASSING[name]
    with hub_with(fault, fault, says(GOOD)) as server:
        assert run(keeper, server.url, clock) == RowCounts(written=2)
    assert 2 <= clock.seconds < 120


@pytest.mark.parametrize("name", PASSING)
def test_what_does_not_pass_ends_the_run_with_its_sentence(keeper: SampleErp, clock: Clock, name: str) -> None:
    fault, code = PASSING[name]
    with hub_with(fault) as server, pytest.raises(OmnisyncError) as raised:
        run(keeper, server.url, clock, dice=1)
    assert raised.value.code == code
    assert len(server.asked) <= 12
    assert clock.seconds < 300
    assert sentences.of_code(code, **raised.value.words).endswith(".")
    assert keeper.query("SELECT count(*) FROM pedidos") == [(0,)]


def test_a_corrupt_answer_is_asked_for_three_times(keeper: SampleErp, clock: Clock) -> None:
    with hub_with(faulty_hub.gzip_corrupt(GOOD)) as server, pytest.raises(HubUnreachableError):
        run(keeper, server.url, clock)
    assert len([asked for asked in server.asked if asked.startswith("/v1/changes")]) == 3


def test_what_was_written_before_a_fault_stays_and_the_next_run_goes_on(keeper: SampleErp, clock: Clock) -> None:
    first, second = page(change(order("ord_1")), has_more=True), page(change(order("ord_2")), cursor="c2")
    with hub_with(says(first), faulty_hub.reset) as server, pytest.raises(HubUnreachableError):
        run(keeper, server.url, clock, dice=1)
    assert keeper.query("SELECT id_externo FROM pedidos") == [("ord_1",)]
    with hub_with(says(second)) as server:
        run(keeper, server.url, clock)
    assert any("cursor=c1" in asked for asked in server.asked)
    assert keeper.query("SELECT id_externo FROM pedidos ORDER BY 1") == [("ord_1",), ("ord_2",)]


def test_a_slow_drip_ends_at_the_requests_deadline() -> None:  # row 12
    seconds = count(step=7)
    with faulty({"/v1/changes": [faulty_hub.drip]}) as server:
        hub = client(server.url, monotonic=lambda: float(next(seconds)))
        with pytest.raises(HubUnreachableError):
            hub.page(CUSTOMERS, "")
        hub.close()
    assert next(seconds) < 120


def test_a_closed_port_is_a_hub_that_cannot_be_reached(keeper: SampleErp, clock: Clock) -> None:  # row 14
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(HubUnreachableError) as raised:
        run(keeper, f"http://127.0.0.1:{port}", clock, dice=1)
    assert raised.value.code == "hub_unreachable"


def test_a_name_that_did_not_resolve_is_resolved_anew(
    keeper: SampleErp, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:  # row 23
    resolve, tries = socket.getaddrinfo, count()

    def late(*given: Any, **named: Any) -> Any:
        if next(tries) < 2:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return resolve(*given, **named)

    # No name fails and then resolves on demand: the system's resolver is the only place for it.
    monkeypatch.setattr(socket, "getaddrinfo", late)
    with hub_with(says(GOOD)) as server:
        assert run(keeper, server.url, clock) == RowCounts(written=2)


# Rows 16 and 17


def test_a_pause_the_hub_names_is_obeyed(keeper: SampleErp, clock: Clock) -> None:
    busy = problem("429 Too Many Requests", "rate_limited", Retry_After="7")
    with hub_with(busy, says(GOOD)) as server:
        run(keeper, server.url, clock)
    assert 7 <= clock.seconds < 9


DATE = "Tue, 24 Nov 2026 15:00:00 GMT"
AN_HOUR_AHEAD = "Tue, 24 Nov 2026 16:00:00 GMT"
PAUSES: dict[str, tuple[dict[str, str], float | None]] = {
    "seconds": ({"Retry_After": "7"}, 7),
    "a date": ({"Retry_After": "Tue, 24 Nov 2026 15:00:30 GMT"}, 30),
    "a date on a hub whose clock differs": (
        {"Retry_After": "Tue, 24 Nov 2026 16:00:30 GMT", "Date": AN_HOUR_AHEAD},
        30,
    ),
    "a date that is past": ({"Retry_After": "Tue, 24 Nov 2026 14:00:00 GMT", "Date": DATE}, None),
    "no time at all": ({"Retry_After": "0"}, None),
    "a year": ({"Retry_After": "31536000"}, 900),
    "a date in a year": ({"Retry_After": "Wed, 24 Nov 2027 15:00:00 GMT"}, 900),
    "more digits than a number has": ({"Retry_After": "9" * 4000}, 900),
    "a negative number": ({"Retry_After": "-5"}, None),
    "garbage": ({"Retry_After": "soon"}, None),
    "a date that does not exist": ({"Retry_After": "Tue, 99 Nov 2026 15:00:00 GMT"}, None),
    "full-width digits": ({"Retry_After": "７"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("name", PAUSES)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after_is_read_and_capped(name: str, status: str) -> None:
    headers, seconds = PAUSES[name]
    with faulty({"/v1/changes": [problem(status, **headers)]}) as server:
        hub = client(server.url)
        with pytest.raises(HubBusyError) as raised:
            hub.page(CUSTOMERS, "")
        hub.close()
    assert raised.value.retry_at == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_a_hub_that_asks_for_pauses_for_ever_ends_the_run(keeper: SampleErp, clock: Clock) -> None:
    with hub_with(problem("503 Service Unavailable", Retry_After="900")) as server, pytest.raises(HubBusyError):
        run(keeper, server.url, clock)
    assert 3600 <= clock.seconds < 5400


# Rows 18-20: what a person must mend


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (problem("401 Unauthorized", "token_revoked"), BadTokenError, "token_refused"),
        (problem("403 Forbidden", "company_suspended"), BadTokenError, "company_suspended"),
        (problem("403 Forbidden", "scope_missing", "Chave sem permissão."), BadTokenError, "scope_missing"),
        (problem("426 Upgrade Required", "agent_too_old"), ContractVersionError, "agent_too_old"),
        (problem("400 Bad Request", "validation", "x" * 900), FeedError, "hub_said_no"),
        (problem("404 Not Found", "not_found", "<script>"), FeedError, "hub_said_no"),
        (says(HTML, status="404 Not Found", kind="text/html"), FeedError, "hub_said_no"),
        (problem("422 Unprocessable Content"), FeedError, "hub_said_no"),
        (faulty_hub.raw("418 I'm a teapot", {"Content-Type": "application/json"}, b"\xff{"), FeedError, "hub_said_no"),
    ],
)
def test_a_refusal_in_mid_run_stops_it_at_once_and_keeps_what_was_written(
    keeper: SampleErp, clock: Clock, fault: Fault, kind: type[OmnisyncError], code: str
) -> None:
    answers = says(page(change(order("ord_1")), has_more=True)), fault
    with hub_with(*answers) as server, pytest.raises(kind) as raised:
        run(keeper, server.url, clock)
    assert raised.value.code == code
    assert clock.waits == []
    assert keeper.query("SELECT id_externo FROM pedidos") == [("ord_1",)]
    assert len(str(raised.value.words.get("motivo", ""))) <= 300


def test_a_refusal_of_any_size_is_read_to_a_limit_and_still_understood() -> None:
    with faulty({"/v1/changes": [problem("401 Unauthorized", "unauthorized", "x" * 10**6)]}) as server:
        hub = client(server.url)
        with pytest.raises(BadTokenError):
            hub.page(CUSTOMERS, "")
        hub.close()


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://elsewhere.example/v1", "elsewhere.example"),
        ("//elsewhere.example", "elsewhere.example"),
        ("/v2/streams", "localhost"),
        ("http://[broken", "%5Bbroken"),
        ("", "localhost"),
    ],
)
def test_no_redirect_is_followed_and_the_token_stays_here(location: str, host: str) -> None:
    moved = says(b"", status="302 Found", kind="text/html", Location=location)
    with faulty({"/v1/streams": [moved]}) as server:
        hub = client(server.url)
        with pytest.raises(FeedError) as raised:
            hub.streams(())
        hub.close()
    assert (raised.value.code, raised.value.words["host"]) == ("hub_redirect", host)
    assert len(server.asked) == 1


def test_a_redirect_to_another_server_never_reaches_it() -> None:
    with faulty({"/": [says(b"{}")]}) as other:
        moved = says(b"", status="307 Temporary Redirect", Location=other.url + "/")
        with faulty({"/v1/streams": [moved]}) as server:
            hub = client(server.url)
            with pytest.raises(FeedError):
                hub.streams(())
            hub.close()
        assert other.heads == []


def test_a_newer_major_contract_stops_before_anything_is_written(keeper: SampleErp, clock: Clock) -> None:  # row 50
    with (
        hub_with(says(GOOD), heads=[faulty_hub.streams(contract="2.0")]) as server,
        pytest.raises(ContractVersionError),
    ):
        run(keeper, server.url, clock)
    assert keeper.query("SELECT count(*) FROM pedidos") == [(0,)]


# Rows 21 and 22


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.configure_trust(context)
    return context


def certified(tls: ssl.SSLContext, authority: trustme.CA) -> str | None:
    """Whether the hub's certificate is believed: None, or the fault that is told."""
    with faulty({"/health": [says(b'{"status":"ok"}')]}, tls) as server:
        hub = client(server.url, verify=trusting(authority))
        try:
            hub.health()
        except HubUnreachableError as error:
            return str(error.words.get("motivo", error.code))
        finally:
            hub.close()
        return None


def test_a_good_certificate_is_believed(authority: trustme.CA) -> None:
    assert certified(serving(authority.issue_cert("localhost")), authority) is None


def test_an_expired_certificate_is_refused_and_named(authority: trustme.CA) -> None:
    old = authority.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    assert certified(serving(old), authority) == "vencido"


def test_a_self_signed_certificate_is_refused_and_named(authority: trustme.CA, tmp_path: Path) -> None:
    own = trustme.CA()
    path = tmp_path / "own.pem"
    path.write_bytes(own.private_key_pem.bytes() + own.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    assert certified(context, authority) == "assinado por ele mesmo"


def test_an_unknown_authority_is_refused_and_named(authority: trustme.CA) -> None:
    assert certified(serving(trustme.CA().issue_cert("localhost")), authority) == "emissor desconhecido"


def test_another_hosts_certificate_is_refused_and_named(authority: trustme.CA) -> None:
    assert certified(serving(authority.issue_cert("elsewhere.example")), authority) == "é de outro endereço"


def test_a_server_of_old_tls_is_refused(authority: trustme.CA) -> None:
    context = serving(authority.issue_cert("localhost"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert certified(context, authority) is not None


# Rows 44-46 and 49


def test_a_cycle_of_cursors_ends_the_run(keeper: SampleErp, clock: Clock) -> None:
    a = says(page(change(order("ord_1")), cursor="A", has_more=True))
    b = says(page(change(order("ord_2")), cursor="B", has_more=True))
    with hub_with(a, b, a) as server, pytest.raises(FeedError) as raised:
        run(keeper, server.url, clock)
    assert raised.value.code == "hub_repeats"
    assert keeper.query("SELECT count(*) FROM pedidos") == [(2,)]


def test_a_cursor_that_stands_still_ends_the_run(keeper: SampleErp, clock: Clock) -> None:
    with hub_with(says(page(change(order()), cursor="A", has_more=True))) as server, pytest.raises(FeedError):
        run(keeper, server.url, clock)
    assert len(server.asked) <= 4


def test_a_stream_without_an_end_ends_the_run(keeper: SampleErp, clock: Clock) -> None:
    cursors = count()

    def endless(connection: socket.socket) -> None:
        says(page(change(order()), cursor=f"c{next(cursors)}", has_more=True))(connection)

    with hub_with(endless) as server, pytest.raises(FeedError) as raised:
        run(keeper, server.url, clock, max_unannounced_pages=20)
    assert raised.value.code == "hub_repeats"


@pytest.mark.parametrize("fault", [faulty_hub.flood, faulty_hub.gzip_bomb(200 * 2**20)], ids=["a flood", "a bomb"])
def test_an_answer_without_measure_is_left_at_the_cap(fault: Fault) -> None:
    with faulty({"/v1/changes": [fault]}) as server:
        hub = client(server.url)
        tracemalloc.start()
        with pytest.raises(UnreadableResponseError):
            hub.page(CUSTOMERS, "")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        hub.close()
    assert peak < 80 * 2**20


def test_a_bomb_that_cannot_be_passed_ends_the_run_and_is_asked_for_in_halves(keeper: SampleErp, clock: Clock) -> None:
    with hub_with(faulty_hub.gzip_bomb(2**23)) as server, pytest.raises(FeedError):
        run(keeper, server.url, clock)
    limits = [asked.partition("limit=")[2].partition("&")[0] for asked in server.asked if "limit=" in asked]
    assert limits == ["1000", "500", "250", "125", "62", "31", "15", "7", "3", "1"]


def test_a_bomb_the_hub_names_the_way_past_is_refused_by_its_place(keeper: SampleErp, clock: Clock) -> None:
    bomb = faulty_hub.gzip_bomb(2**23, Omnisync_Next="past")
    with hub_with(*[bomb] * 10, says(page(change(order("ord_2")), cursor="c2"))) as server:
        assert run(keeper, server.url, clock) == RowCounts(written=1, refused=1)
    assert "cursor=past" in server.asked[-2]


STRANGE = {
    "NaN": b'{"total":NaN}',
    "Infinity": b'{"total":-Infinity}',
    "2,000 levels": b"[" * 2000 + b"]" * 2000,
    "a lone surrogate": rb'{"notes":"\ud800"}',
    "a raw control character": b'{"notes":"\x01"}',
    "1e999": b'{"total":1e999}',
    "5,000 digits": b'{"total":' + b"9" * 5000 + b"}",
    "invalid UTF-8": b'{"number":"\xff\xfe"}',
}


def _change_of(data: bytes) -> bytes:
    head = b'{"kind":"order","op":"upsert","id":"ord_bad","version":1,"changed_at":"2026-11-24T15:00:00Z","data":'
    return head + data + b"}"


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_record_is_refused_alone(keeper: SampleErp, clock: Clock, name: str) -> None:
    def answer(connection: socket.socket) -> None:
        asked = server.asked[-1]
        limit = int(asked.partition("limit=")[2].partition("&")[0])
        start = int(asked.partition("cursor=")[2] or 0)
        texts_ = [_body_of("ord_1"), _change_of(STRANGE[name]), _body_of("ord_2")]
        end = min(3, start + limit)
        more = b"true" if end < 3 else b"false"
        head, tail = b'{"contract":"1.0","epoch":"e1","changes":[', b'],"cursor":"%d","has_more":%s}' % (end, more)
        says(head + b",".join(texts_[start:end]) + tail, Omnisync_Next=str(end))(connection)

    with hub_with(answer) as server:
        assert run(keeper, server.url, clock) == RowCounts(written=2, refused=1)
    assert keeper.query("SELECT id_externo FROM pedidos ORDER BY 1") == [("ord_1",), ("ord_2",)]


def _body_of(id_: str) -> bytes:
    plain = page(change(order(id_)))
    return plain[plain.index(b"[") + 1 : plain.rindex(b'],"cursor"')]


def test_of_duplicated_keys_the_last_one_is_weighed(keeper: SampleErp, clock: Clock) -> None:
    body = GOOD.replace(b'"status":"confirmed"', b'"status":"confirmed","totals":{},"status":"confirmed"')
    with hub_with(says(body)) as server:
        assert run(keeper, server.url, clock).received == 2


@pytest.mark.parametrize("envelope", [{}, {"id": "a b", "version": 2**60}, {"id": "é", "version": -1}, 7, None])
def test_a_change_without_a_readable_envelope_never_stops_the_page_nor_the_receipts(
    keeper: SampleErp, clock: Clock, envelope: object
) -> None:
    body = GOOD.replace(b'"changes":[', b'"changes":[' + faulty_hub.json_of(envelope) + b",")
    with hub_with(says(body)) as server:
        assert run(keeper, server.url, clock) == RowCounts(written=2, refused=1)
    assert keeper.query("SELECT count(*) FROM omnisync_binding WHERE receipt_pending = 1") == [(0,)]


def test_a_related_customer_without_a_readable_envelope_does_not_stop_the_page(keeper: SampleErp, clock: Clock) -> None:
    body = GOOD[:-1] + b',"related":{"customers":[{"id":7}]}}'
    with hub_with(says(body)) as server:
        assert run(keeper, server.url, clock) == RowCounts(written=2)


def test_the_same_record_twice_in_a_page_is_taken_once_by_its_newest(keeper: SampleErp, clock: Clock) -> None:
    body = page(change(order(notes="nova"), 2), change(order(notes="velha"), 1))
    with hub_with(says(body)) as server:
        run(keeper, server.url, clock)
    assert keeper.query("SELECT observacoes FROM pedidos") == [("nova",)]
