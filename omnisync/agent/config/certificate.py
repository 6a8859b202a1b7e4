"""The certificate of the pages: read once before they open, with what it says of itself."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from omnisync.agent.errors import SettingsError

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL: an old certificate is read as well, so that it can be said that it is old."""


class Certificate(Struct, frozen=True):
    """The certificate shown to browsers. `names` are those it is valid for; the pages answer to these and no others."""

    context: ssl.SSLContext
    names: tuple[str, ...]
    expires_at: datetime


def read_certificate(certificate: Path, key: Path | None) -> Certificate:
    """Return the certificate (PEM, its chain after it) with its key. Raises SettingsError (pages_certificate) with the
    reason.

    Python tells what stands in a certificate only of one it has verified: so it is shown to ourselves, in memory.
    """
    where = {"certificado": certificate, "chave": key or certificate}
    try:
        context = _serving(certificate, key)
        told = _presented(context, certificate)
    except FileNotFoundError as error:
        raise SettingsError("pages_certificate", motivo="falta um dos arquivos", **where) from error
    except ssl.SSLError as error:
        raise SettingsError("pages_certificate", motivo=_motive(error), **where) from error
    except (OSError, ValueError) as error:
        raise SettingsError("pages_certificate", motivo="um dos arquivos não pode ser lido", **where) from error
    names = tuple(name for kind, name in told.get("subjectAltName", ()) if kind in ("DNS", "IP Address"))
    if not names:
        raise SettingsError("pages_certificate", motivo="não diz para que nomes vale (subjectAltName)", **where)
    ends = ssl.cert_time_to_seconds(told["notAfter"])
    return Certificate(context, names, datetime.fromtimestamp(ends, UTC))


def read_optional(certificate: Path | None, key: Path | None) -> Certificate | None:
    """Return the certificate of these files, None where there is none. Raises SettingsError (pages_certificate)."""
    return read_certificate(certificate, key) if certificate is not None else None


def _serving(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, password=lambda: "")  # a key with a password would be asked for here
    return context


def _presented(server: ssl.SSLContext, certificate: Path) -> dict[str, Any]:
    """Return the certificate as a client that trusts it decodes it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    client.load_verify_locations(certificate)
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(here, there)
    answering = server.wrap_bio(there, here, server_side=True)
    for _ in range(4):
        for side in (asking, answering):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return asking.getpeercert() or {}


def _motive(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "a chave não é a deste certificado"
    return "não é um certificado em PEM com sua chave, sem senha na chave"
