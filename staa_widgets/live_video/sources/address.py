"""Network addresses: which protocols a scheme may use, and how an address is shown without its passwords."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from staa_widgets.errors import LiveSourceError

HTTP = ("http", "https")

PROTOCOLS: Mapping[str, str] = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsps,rtsp,rtp,udp,tls,tcp",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,rtmp,tls,tcp",
    "srt": "srt",
    "tcp": "tcp",
    "udp": "udp",
}
"""By scheme, the protocols that FFmpeg may use for it: never files, ``concat`` or ``crypto``.

Addresses with ``http`` and ``https`` are read by Python and give FFmpeg only bytes.
"""

_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_SECRET = re.compile(r"[=@]|pass|pwd|token|key|secret|auth", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """An address on the network.

    Parameters
    ----------
    url
        The whole address, which may hold a password: never shown.
    scheme, host, port
        Its parts.
    public_form
        The address without user, password and query, for messages.
    """

    url: str = field(repr=False)
    scheme: str
    host: str
    port: int | None
    public_form: str

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password; ``None`` if the address has none."""
        parts = urlsplit(self.url)
        return None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))


def is_address(source: object) -> bool:
    """Return whether a source is an address such as ``rtsp://…``; ``file://`` is a path."""
    match = _ADDRESS.match(source) if isinstance(source, str) else None
    return match is not None and match[1].lower() != "file"


def parse_address(url: str) -> Address:
    """Return the parts of an address.

    Raises
    ------
    LiveSourceError
        If the address is not valid, or of an unknown scheme. The message does not repeat the address.
    """
    scheme = url.partition("://")[0].lower()
    if scheme not in PROTOCOLS and scheme not in HTTP:
        known = ", ".join([*HTTP, *PROTOCOLS])
        raise LiveSourceError(f"Addresses of the scheme {scheme[:20]!r} are not read.", f"Use one of {known}.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = SplitResult(scheme, "", "", "", "")
    if not host or any(not letter.isprintable() or letter.isspace() for letter in url):
        raise LiveSourceError("The address of the source is not valid.", "Write it as scheme://host:port/path.")
    return Address(url, scheme, host, port, _without_secrets(parts, host, port))


def _without_secrets(parts: SplitResult, host: str, port: int | None) -> str:
    """Return an address without user, password and query, and without parts of the path that may be a secret."""
    place = f"[{host}]" if ":" in host else host
    path = "/".join("…" if _SECRET.search(unquote(part)) else part for part in parts.path.split("/"))
    return f"{parts.scheme.lower()}://{place}{f':{port}' if port else ''}{path}{'?…' if parts.query else ''}"


def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """Return an IP address of a host.

    Raises
    ------
    LiveSourceError
        If the host is unknown, or one of its addresses is private and `allow_private` is false.
    """
    try:
        addresses = [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise LiveSourceError(f"The host {host!r} is not known.", "Check the address and the network.") from None
    if not allow_private and any(not is_public(address) for address in addresses):
        raise LiveSourceError(
            f"The source redirects to {host!r}, which is an address inside a private network.",
            "Give that address itself if you mean it.",
        )
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return (mapped or ip).is_global and not ip.is_multicast
