"""Sources on the network: passwords, redirects, lost connections. A server runs on the loopback."""

from __future__ import annotations

import socket
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from staa_widgets.errors import LiveSourceError, VideoError
from staa_widgets.live_video.sources import stream
from staa_widgets.live_video.sources.address import PROTOCOLS, Address, is_public, parse_address, resolve
from staa_widgets.live_video.sources.choose import open_source
from staa_widgets.live_video.sources.http import open_http
from tests.helpers.live_sink import FakeSink
from tests.helpers.video_server import PASSWORD, USER, VideoServer, run_video_server


@pytest.fixture
def server() -> Iterator[VideoServer]:
    with run_video_server() as server:
        yield server


@pytest.fixture(scope="module")
def transport_stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twelve frames, 12 a second, in a format that can be read from front to back."""
    path = tmp_path_factory.mktemp("stream") / "clip.ts"
    with av.open(str(path), "w") as container:
        track = container.add_stream("libx264", rate=12)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        for level in range(12):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * level, np.uint8), format="rgb24")
            container.mux(track.encode(picture))
        container.mux(track.encode())
    return path.read_bytes()


class ThreadSink(FakeSink):
    """A sink with a real clock."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._stop = threading.Event()
        self._began = time.monotonic()

    @property
    def is_stopped(self) -> bool:
        return self._stop.is_set() or super().is_stopped

    def now(self) -> float:
        return time.monotonic() - self._began

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(max(seconds, 0)) or self.is_stopped

    def stop(self) -> None:
        self._stop.set()

    def report_waiting(self, text: str) -> None:
        self.reports.append((self.now(), text))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:hunter2@10.0.0.7:554/live/ch0", "rtsp://10.0.0.7:554/live/ch0"),
        ("http://cam.example/video?user=admin&pwd=hunter2", "http://cam.example/video?…"),
        ("rtsp://cam.example/user=admin_password=hunter2_channel=1", "rtsp://cam.example/…"),
        ("HTTPS://u:hunter2@[2001:db8::1]:8443/a%20b", "https://[2001:db8::1]:8443/a%20b"),
        ("http://hunter2@cam.example", "http://cam.example"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str):
    address = parse_address(url)
    assert address.public_form == shown
    source = open_source(url, 8)
    for text in (repr(address), repr(source), str(source), source.name):
        assert "hunter2" not in text


@pytest.mark.parametrize(
    "url", ["concat:a|b", "crypto://x", "ftp://x/y", "gopher://x", "http://", "rtsp://a:b:c@/x", "http://h\r\nX: y/"]
)
def test_other_schemes_and_broken_addresses_are_refused(url: str):
    with pytest.raises(VideoError, match=r"scheme|not valid|There is no|No such|not found|does not exist"):
        open_source(url, 8)


def test_no_protocol_reads_files():
    for protocols in PROTOCOLS.values():
        assert not {"file", "concat", "crypto", "subfile", "data", "pipe", "cache", "http", "fd"} & {
            *protocols.split(",")
        }


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
    ],
)
def test_private_addresses_are_known(address: str, public: bool):
    assert is_public(address) == public


def test_a_redirect_into_a_private_network_is_refused_unless_it_was_named(server: VideoServer):
    named = parse_address(server.url + "/here")
    server.redirects["/here"] = "/file"
    server.files["/file"] = b"x"
    assert read_body(named) == b"x"
    port = server.url.rpartition(":")[2]
    server.redirects["/here"] = f"http://localhost:{port}/file"
    with pytest.raises(LiveSourceError, match="inside a private network"):
        open_http(named, 5)
    assert [path for path, _ in server.requests] == ["/here", "/file", "/here"]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "rtsp://127.0.0.1/x", "ftp://127.0.0.1/x"])
def test_a_redirect_to_another_scheme_is_refused(server: VideoServer, location: str):
    server.redirects["/here"] = location
    with pytest.raises(LiveSourceError):
        open_http(parse_address(server.url + "/here"), 5)
    assert len(server.requests) == 1


def test_redirects_in_a_circle_end(server: VideoServer):
    server.redirects["/here"] = "/here"
    with pytest.raises(LiveSourceError, match="more than 5 times"):
        open_http(parse_address(server.url + "/here"), 5)


def test_the_password_goes_to_the_named_host_only(server: VideoServer):
    server.files["/private"] = b"x"
    url = server.url.replace("//", f"//{USER}:{PASSWORD}@")
    assert read_body(parse_address(url + "/private")) == b"x"
    with pytest.raises(LiveSourceError, match="status 401") as caught:
        open_http(parse_address(server.url + "/private"), 5)
    assert "user:password@" in caught.value.hint


def test_an_unknown_host_is_an_error():
    with pytest.raises(LiveSourceError, match="is not known"):
        resolve("no-such-host.invalid", 80, allow_private=False)


def test_a_file_on_a_server_is_played_at_its_own_speed(server: VideoServer, transport_stream: bytes):
    server.files["/clip.ts"] = transport_stream
    sink = FakeSink()
    open_source(server.url + "/clip.ts", 8).run(sink)
    seconds = [seconds for seconds, _ in sink.frames]
    assert np.diff(seconds) == pytest.approx(1 / 12, abs=1e-3)
    assert [int(image.mean()) for _, image in sink.frames] == pytest.approx(20 * np.arange(12), abs=4)
    assert sink.reports == []


def test_a_playlist_names_no_other_file(server: VideoServer, transport_stream: bytes, tmp_path: Path):
    (tmp_path / "local.ts").write_bytes(transport_stream)
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path / 'local.ts'}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{tmp_path / 'local.ts'}'\n",
    ):
        server.files["/list"] = text.encode()
        sink = FakeSink()
        with pytest.raises(LiveSourceError):
            open_source(server.url + "/list", 8).run(sink)
        assert sink.frames == []


def test_a_lost_camera_is_reported_and_connected_again(server: VideoServer):
    sink = ThreadSink(limit=10**9)
    source = open_source(server.url.replace("//", f"//{USER}:{PASSWORD}@") + "/camera", 8)
    thread = threading.Thread(target=source.run, args=(sink,))
    thread.start()
    wait_for(lambda: len(sink.frames) > 5)
    server.plugged.clear()
    wait_for(lambda: len(sink.reports) > 1)
    count = len(sink.frames)
    server.plugged.set()
    wait_for(lambda: len(sink.frames) > count + 5)
    sink.stop()
    source.interrupt()
    thread.join(10)
    assert not thread.is_alive()
    assert sink.reports[0][1].endswith("connecting again in 0.5 s")
    assert sink.reports[1][1].endswith("connecting again in 1 s")
    assert PASSWORD not in str(sink.reports)


def test_a_camera_that_says_nothing_counts_as_lost(server: VideoServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "READ_TIMEOUT", 0.3)
    sink = ThreadSink(limit=10**9)
    source = open_source(server.url + "/camera", 8)
    thread = threading.Thread(target=source.run, args=(sink,))
    thread.start()
    wait_for(lambda: len(sink.frames) > 5)
    server.stalled.set()
    wait_for(lambda: sink.reports)
    sink.stop()
    source.interrupt()
    thread.join(10)
    assert not thread.is_alive()
    assert "No frame came from" in sink.reports[0][1]


def test_stopping_ends_a_blocked_read(server: VideoServer):
    sink = ThreadSink(limit=10**9)
    source = open_source(server.url + "/camera", 8)
    thread = threading.Thread(target=source.run, args=(sink,))
    thread.start()
    wait_for(lambda: len(sink.frames) > 2)
    server.stalled.set()
    sink.stop()
    source.interrupt()
    thread.join(4)  # less than the time-out of a read
    assert not thread.is_alive()


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_source_that_does_not_answer_is_an_error_without_the_password(scheme: str, server: VideoServer):
    port = int(server.url.rpartition(":")[2])
    url = f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{port}/none"
    with pytest.raises(LiveSourceError) as caught:
        open_source(url, 8).run(FakeSink())
    text = "".join(traceback.format_exception(caught.value))
    assert "127.0.0.1" in str(caught.value)
    assert PASSWORD not in text


@pytest.mark.parametrize(
    ("status", "hint"), [("401 Unauthorized", "user and password"), ("404 Not Found", "path"), ("500 Error", "running")]
)
def test_the_hint_of_a_camera_that_refuses_says_what_to_check(status: str, hint: str):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(f"RTSP/1.0 {status}\r\nCSeq: 1\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{server.getsockname()[1]}/stream"
        with pytest.raises(LiveSourceError) as caught:
            open_source(url, 8).run(FakeSink())
        thread.join()
    assert hint in caught.value.hint


def read_body(address: Address) -> bytes:
    body = open_http(address, 5)
    data = body.read(10)
    body.release()
    return data


def wait_for(condition) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
