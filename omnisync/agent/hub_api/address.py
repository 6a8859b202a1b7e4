"""Validate the hub's address: https, or http on this same computer; never a cloud's metadata service."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from omnisync.agent.errors import SettingsError

METADATA_HOSTS = frozenset(
    {"metadata", "metadata.google.internal", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"}
)
"""Where clouds answer with a machine's own credentials, besides the link-local addresses."""

_WITH_IPV4_AT_THE_END = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"))
"""IPv4-compatible numbers, and those that a network translates (NAT64)."""

HostAddress = IPv4Address | IPv6Address


def checked_url(text: str) -> str:
    """Return the hub's address without a closing slash, or SettingsError saying what is wrong with it."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError("hub_address", motivo="não é um endereço") from None
    reason = "falta o nome do servidor" if not host else _refusal(url, parts, host)
    if reason is not None:
        raise SettingsError("hub_address", motivo=reason)
    return parts._replace(netloc=parts.netloc.lower()).geturl()


def _refusal(url: str, parts: SplitResult, host: str) -> str | None:
    """Return why this address is not accepted, None where it is. A password in it is never repeated in the reason."""
    address = _address(host)
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "há espaço, acento ou outro sinal estranho"
    if parts.username is not None or parts.password is not None:
        return "não ponha usuário nem senha no endereço"
    if parts.query or parts.fragment:
        return "tire o que vem depois de ? ou #"
    if address is None and re.search(r"(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$", host):
        return "o número do servidor está escrito de um modo que não aceitamos"
    if host.rstrip(".") in METADATA_HOSTS or (address is not None and not _is_host_address(address)):
        return "este servidor não pode ser uma central"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_computer(host)):
        return "precisa começar com https://"
    return None


def _address(host: str) -> HostAddress | None:
    """Return the number a host is written as; an IPv4 number inside an IPv6 one counts as itself."""
    with suppress(ValueError):
        address = ip_address(host)
        return _embedded(address) if isinstance(address, IPv6Address) else address
    return None


def _embedded(address: IPv6Address) -> HostAddress:
    """Return the IPv4 number that an IPv6 one stands for, else the number itself."""
    found = address.ipv4_mapped or address.sixtofour
    if found is None and address.teredo is not None:
        found = address.teredo[1]
    if found is None and int(address) > 1 and any(address in network for network in _WITH_IPV4_AT_THE_END):
        found = IPv4Address(int(address) & 0xFFFFFFFF)
    return found or address


def check_peer(number: str, *, is_plain: bool) -> None:
    """Check the number that a hub's name led to, before anything is said to it. Raises SettingsError (hub_address).

    `is_plain` is of an address without TLS, which is of this computer alone.
    """
    address = _address(number.partition("%")[0])
    if address is None or not _is_host_address(address) or (is_plain and not address.is_loopback):
        raise SettingsError("hub_address", motivo="o nome leva a um servidor que não pode ser uma central")


def _is_host_address(address: HostAddress) -> bool:
    never = address.is_link_local or address.is_multicast or address.is_unspecified
    return not never and str(address) not in METADATA_HOSTS


def is_this_computer(host: str) -> bool:
    """Return whether a host, in small letters, is this computer as it calls itself."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
