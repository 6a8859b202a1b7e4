"""One request to the hub, and every HTTP trouble turned into our errors. The only module that knows httpx.

Every request has a total deadline, a cap on its decoded size and on its compression ratio; redirects are never
followed, so that the token goes to no other host. Source: docs/contract.md.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from omnisync import __version__
from omnisync.agent.errors import (
    BadTokenError,
    ContractVersionError,
    EstablishmentBusyError,
    FeedError,
    HubBusyError,
    HubUnreachableError,
    OmnisyncError,
)
from omnisync.agent.hub_api.address import check_peer
from omnisync.contract import CONTRACT
from omnisync.contract.feed import UNDECODABLE
from omnisync.web.gzip_stream import GzipError, OversizedError, unpacked

DEADLINE = timedelta(seconds=60)
"""For one whole request: a slow drip never trips a read timeout."""
SILENCE_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 10.0
MAX_BODY_BYTES = 32 * 2**20
MAX_PAUSE = timedelta(minutes=15)
SENT_BYTES = 2**16
MAX_PROBLEM_BYTES = 2**16
"""Of the body of a refusal: it only explains."""


class UnreadableResponseError(OmnisyncError):
    """The answer is larger than we read, or a record in it spoils the rest: ask for less.

    `next_cursor` passes a page that is a single record; empty when the hub named none.
    """

    code = "hub_broken"

    def __init__(self, next_cursor: str = "") -> None:
        super().__init__(motivo="resposta grande demais ou ilegível")
        self.next_cursor = next_cursor


class ExpiredError(OmnisyncError):
    """The cursor is of another epoch, or too old: begin again without one."""

    code = "hub_broken"


class BatchConflictError(OmnisyncError):
    """The hub knows a batch of this name with other content: send it under another name."""

    code = "hub_broken"

    def __init__(self) -> None:
        super().__init__(motivo="o nome do lote já foi usado")


class TooLargeError(OmnisyncError):
    """The hub takes less at once: send fewer lines."""

    code = "hub_broken"

    def __init__(self) -> None:
        super().__init__(motivo="lote grande demais")


class RawResponse(Struct, frozen=True):
    """An answer as it came, not yet decoded. `next_cursor` is the header's: it passes a body that cannot be read."""

    body: bytes
    next_cursor: str


class NotFoundError(FeedError):
    """The hub knows nothing of that name."""

    code = "hub_said_no"


class _Problem(Struct):
    code: str = ""
    detail: str = ""
    holder: str = ""
    since: str = ""


_ABOUT_BATCHES: Mapping[str, Callable[[], OmnisyncError]] = {
    "batch_conflict": BatchConflictError,
    "batch_too_large": TooLargeError,
    "batch_damaged": lambda: HubUnreachableError("batch_damaged"),
}


class Transport:
    """The way to one hub. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        verify: ssl.SSLContext | bool = True,
        max_body_bytes: int = MAX_BODY_BYTES,
        silence_timeout_s: float = SILENCE_TIMEOUT_S,
    ) -> None:
        """An answer larger than `max_body_bytes`, or silent for `silence_timeout_s`, is not read to its end."""
        self._clock = clock
        self._monotonic = monotonic
        self._max_body_bytes = max_body_bytes
        self._host = httpx.URL(url).host
        headers = {
            "Authorization": f"Bearer {token}",
            "User-Agent": f"omnisync/{__version__}",
            "Omnisync-Contract": CONTRACT,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        timeout = httpx.Timeout(silence_timeout_s, connect=min(CONNECT_TIMEOUT_S, silence_timeout_s))
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers=headers,
            timeout=timeout,
            follow_redirects=False,
            verify=verify,
            # Without TLS the hub is this computer's: a proxy of the environment would read the token, and not find it.
            trust_env=httpx.URL(url).scheme != "http",
        )

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawResponse:
        """Return the answer to one request, whole and gunzipped. Raises ours for whatever is no success."""
        told = dict(headers or ({} if content is None else {"Content-Type": "application/json"}))
        query = "&".join(f"{name}={quote(value, safe=':')}" for name, value in params)
        deadline = self._monotonic() + DEADLINE.total_seconds()
        address = f"{path}?{query}" if query else path
        try:
            body = None if content is None else self._sent(content, deadline)
            told |= {} if content is None else {"Content-Length": str(len(content))}
            request = self._http.build_request(
                method, address, content=body, headers=told, extensions={"trace": self._check_peer}
            )
            response = self._http.send(request, stream=True)
            try:
                return RawResponse(self._body(response, deadline), response.headers.get("Omnisync-Next", ""))
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._network_error(error) from error
        except ssl.SSLError as error:
            raise HubUnreachableError("hub_certificate", motivo=_certificate_fault(str(error))) from error

    def _check_peer(self, event: str, words: Mapping[str, Any]) -> None:
        """Let a connection that was just made be used, TLS included, only with a number that may be a hub's."""
        if event != "connection.connect_tcp.complete":
            return
        stream = words["return_value"]
        try:
            check_peer(str(stream.get_extra_info("server_addr")[0]), is_plain=self._http.base_url.scheme == "http")
        except BaseException:
            stream.close()
            raise

    def _sent(self, content: bytes, deadline: float) -> Iterator[bytes]:
        """Yield the content in pieces, as long as there is time: who reads slowly trips no timeout of a single
        write.
        """
        for start in range(0, len(content), SENT_BYTES):
            if self._monotonic() > deadline:
                raise HubUnreachableError
            yield content[start : start + SENT_BYTES]

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        """Return the body of a success. What is no answer of a hub is refused before a byte of it is read."""
        kind = response.headers.get("Content-Type", "").split(";")[0].strip()
        if response.status_code >= 300:
            problem = self._problem(response, deadline) if kind.endswith("json") else _Problem()
            raise self._refusal(response, problem)
        if kind != "application/json":
            raise HubUnreachableError("hub_other_page", host=self._host)
        return b"".join(self._decoded(response, deadline, self._max_body_bytes))

    def _problem(self, response: httpx.Response, deadline: float) -> _Problem:
        try:
            body = b"".join(self._decoded(response, deadline, MAX_PROBLEM_BYTES))
            return msgspec.json.decode(body, type=_Problem)
        except (UnreadableResponseError, HubUnreachableError, *UNDECODABLE):  # the status says enough
            return _Problem()

    def _decoded(self, response: httpx.Response, deadline: float, limit: int) -> Iterator[bytes]:
        """Yield the body in pieces, gunzipped by ourselves: httpx gives a cut gzip as whole, and inflates without a
        cap.
        """
        is_gzip = response.headers.get("Content-Encoding", "").lower() == "gzip"
        chunks = response.iter_raw()  # as it comes: asked for in chunks, a slow drip would not return to the clock
        try:
            for piece in unpacked(chunks, is_gzip=is_gzip, limit=limit):
                if self._monotonic() > deadline:
                    raise HubUnreachableError
                yield piece
        except OversizedError as error:
            raise UnreadableResponseError(response.headers.get("Omnisync-Next", "")) from error
        except GzipError as error:
            if response.num_bytes_downloaded:  # an answer without a body has no gzip either
                raise HubUnreachableError("hub_corrupt") from error

    def _network_error(self, error: httpx.HTTPError) -> HubUnreachableError:
        text = str(error)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return HubUnreachableError("hub_certificate", motivo=_certificate_fault(text))
        if isinstance(error, httpx.ProxyError):
            return HubUnreachableError("hub_other_page", host=self._host)
        return HubUnreachableError()

    def _refusal(self, response: httpx.Response, problem: _Problem) -> OmnisyncError:
        """Return what an answer that is no success means."""
        status = response.status_code
        if status < 400:
            return FeedError("hub_redirect", host=self._target(response))
        code = problem.code
        if status == 410:
            return ExpiredError()
        if status == 401 or code in ("unauthorized", "token_revoked"):
            return BadTokenError()
        if code == "company_suspended":
            return BadTokenError("company_suspended")
        if status == 426 or code == "agent_too_old":
            return ContractVersionError(versao=__version__)
        if code == "establishment_busy":
            establishment = response.request.url.params.get("establishment", "")
            return EstablishmentBusyError(nome=problem.holder[:60], codigo=establishment, desde=problem.since[:40])
        if code == "establishment_unknown":
            establishment = response.request.url.path.rpartition("/")[2]
            return FeedError("establishment_not_at_hub", codigo=establishment[:10])
        if code == "scope_missing":
            return BadTokenError("scope_missing")
        if code in _ABOUT_BATCHES:
            return _ABOUT_BATCHES[code]()
        if status in (429, 503):
            retry_at = self._retry_at(response)
            busy = "maintenance" if status == 503 else "rate_limited"
            return HubBusyError(busy, retry_at=retry_at, n=_seconds_until(retry_at, self._clock()))
        if status in (408, 425, 500, 502, 504):
            return HubUnreachableError()
        if status == 407:
            return HubUnreachableError("hub_other_page", host=self._host)
        said = (problem.detail or f"resposta {status}")[:300]
        return NotFoundError(motivo=said) if code == "not_found" else FeedError("hub_said_no", motivo=said)

    def _target(self, response: httpx.Response) -> str:
        """Return the host a redirect names; our own when it names only a path."""
        try:
            return httpx.URL(response.headers.get("Location", "")).host or self._host
        except httpx.InvalidURL:
            return "–"

    def _retry_at(self, response: httpx.Response) -> datetime | None:
        """Return the moment Retry-After names, in seconds or as a date; capped, and None for what is past or garbage.

        A date is measured against the hub's own Date: this computer's clock may be an hour off.
        """
        value = response.headers.get("Retry-After", "").strip()
        now = self._clock()
        if value.isascii() and value.isdigit():
            pause = timedelta(seconds=min(int(value[:9]), 10**6))
        else:
            moment = _http_date(value)
            if moment is None:
                return None
            pause = moment - (_http_date(response.headers.get("Date", "")) or now)
        return now + min(pause, MAX_PAUSE) if pause > timedelta(0) else None


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds_until(moment: datetime | None, now: datetime) -> int:
    return 1 if moment is None else max(1, round((moment - now).total_seconds()))


def _certificate_fault(text: str) -> str:
    for words, fault in (
        ("expired", "vencido"),
        ("self-signed", "assinado por ele mesmo"),
        ("self signed", "assinado por ele mesmo"),
        ("Hostname mismatch", "é de outro endereço"),
        ("IP address mismatch", "é de outro endereço"),
    ):
        if words in text:
            return fault
    return "emissor desconhecido"
