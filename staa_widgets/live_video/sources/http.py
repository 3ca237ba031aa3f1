"""Read a video over HTTP: redirects are checked, and FFmpeg gets only the bytes."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
from urllib.parse import urljoin, urlsplit

from staa_widgets._version import __version__
from staa_widgets.errors import LiveSourceError
from staa_widgets.live_video.sources.address import HTTP, Address, parse_address, resolve

MAX_REDIRECTS = 5


class HttpBody:
    """The body of an answer as a file that can be read once, from front to back.

    Parameters
    ----------
    connection
        The socket of the connection.
    response
        The answer.

    Attributes
    ----------
    is_file
        Whether the body has a stated length: it is a file, not a stream without end.
    """

    def __init__(self, connection: socket.socket, response: http.client.HTTPResponse) -> None:
        self._connection, self._response = connection, response
        self.status = response.status
        self.location = response.getheader("Location", "")
        self.is_file = response.length is not None

    def read(self, size: int) -> bytes:
        """Return the bytes that have arrived, at least one and at most `size`; none at the end."""
        return self._response.read1(size)

    def close(self) -> None:
        """End the connection; a read in another thread ends at once."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def release(self) -> None:
        """Close the connection and the answer; only for the thread that reads."""
        self.close()
        with contextlib.suppress(OSError):
            self._response.close()


def open_http(address: Address, timeout: float) -> HttpBody:
    """Open an address and follow its redirects.

    Parameters
    ----------
    address
        The address; it may lie in a private network, because it was given by name.
    timeout
        Seconds without an answer, or without bytes, after which an error is raised.

    Raises
    ------
    LiveSourceError
        If the server refuses, redirects to another scheme, or redirects into a private network.
    OSError
        If the connection fails.
    """
    named_host, credentials = address.host, address.credentials
    for _ in range(MAX_REDIRECTS + 1):
        same_host = address.host == named_host
        body = _request(address, credentials if same_host else None, same_host, timeout)
        if body.status not in (301, 302, 303, 307, 308):
            break
        body.release()
        address = parse_address(urljoin(address.url, body.location))
        if address.scheme not in HTTP:
            raise LiveSourceError(
                f"{named_host!r} redirects to an address of the scheme {address.scheme!r}.",
                "Give that address itself if you mean it.",
            )
    else:
        raise LiveSourceError(f"{named_host!r} redirects more than {MAX_REDIRECTS} times.", "Give the last address.")
    if body.status != 200:
        body.release()
        hint = "Check the path of the address."
        if body.status in (401, 403):
            hint = "Write user and password as http://user:password@host; only basic authentication is known."
        raise LiveSourceError(f"{address.public_form} answers with status {body.status}.", hint)
    return body


def _request(address: Address, credentials: tuple[str, str] | None, allow_private: bool, timeout: float) -> HttpBody:
    port = address.port or (443 if address.scheme == "https" else 80)
    # The connection goes to the address that was checked; the name is not looked up a second time.
    ip = resolve(address.host, port, allow_private=allow_private)
    raw = socket.create_connection((ip, port), timeout)
    connection = http.client.HTTPConnection(address.host, port, timeout=timeout)
    try:
        if address.scheme == "https":
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=address.host)
        connection.sock = raw
        headers = {"User-Agent": f"staa_widgets/{__version__}", "Accept": "*/*"}
        if credentials is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(credentials).encode()).decode()
        parts = urlsplit(address.url)
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers)
        return HttpBody(raw, connection.getresponse())
    except BaseException:
        raw.close()
        raise
