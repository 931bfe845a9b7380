"""From which address a request came: as the proxies say that the operator trusts, and as nobody else can claim.

Limits, lockouts and the log all ask here. What a request says of itself beyond that is whatever its sender liked.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import structlog
from django.conf import settings
from django.http import HttpRequest

WRITTEN = re.compile(r"(?P<v4>[0-9.]+):\d+|\[(?P<v6>[0-9a-fA-F:.]+)\](:\d+)?")
"""Some proxies add the port, and then an IPv6 address stands in brackets."""


def address_of(request: HttpRequest) -> str:
    """Return the address that a request came from, or nothing when it has none, as through a socket of this machine."""
    address = _address_of(request)
    return str(address) if address else ""


def network_of(request: HttpRequest) -> str:
    """Return what is counted as one sender: an IPv4 address, or the network of 64 bits of an IPv6 one by its first.

    Whoever has an IPv6 address has the billions beside it as well. Nothing when the request has none.
    """
    address = _address_of(request)
    if isinstance(address, IPv6Address):
        address = ip_network((address, 64), strict=False).network_address
    return str(address) if address else ""


def locked_out_by(request: HttpRequest) -> str | None:
    """Return whom too many wrong passwords lock out, beside the name that they were for; called by axes."""
    return network_of(request) or None


def bind_address(request: HttpRequest, **_kwargs: object) -> None:
    """Let each line of the log about a request name its address; a receiver of django-structlog."""
    structlog.contextvars.bind_contextvars(ip=address_of(request))


def _address_of(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    sent_from = str(request.META.get("REMOTE_ADDR", ""))
    # Each proxy adds whom it heard the request from. A request with fewer came past one of them.
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    if 0 < settings.TRUSTED_PROXIES <= len(hops):
        sent_from = hops[-settings.TRUSTED_PROXIES]
    if match := WRITTEN.fullmatch(sent_from):
        sent_from = match["v4"] or match["v6"]
    try:
        address = ip_address(sent_from)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
