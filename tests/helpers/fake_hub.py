"""A Hugging Face Hub on the loopback: repositories are folders; downloads go to a cache of the test's own."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from huggingface_hub import constants

BOT, CONVERSION_TITLE = "SFconvertbot", "Adding `safetensors` variant of this model"


@dataclass
class FakeRepository:
    """Folders by revision, and who opened pull request 7, on which commit."""

    name: str
    folders: dict[str, Path]
    gated: bool = False
    request_author: str = ""
    request_base: str = ""

    def commit(self, revision: str) -> str:
        return hashlib.sha1(f"{self.name} {revision}".encode()).hexdigest()

    def revision_of(self, name: str) -> str | None:
        return next((known for known in self.folders if name in (known, self.commit(known))), None)


@dataclass
class FakeHub:
    """A running hub; `requested` lists the paths asked for."""

    address: str
    repositories: dict[str, FakeRepository] = field(default_factory=dict)
    requested: list[str] = field(default_factory=list)

    def add(self, name: str, folder: Path, revisions: dict[str, Path] | None = None, **rest: Any) -> FakeRepository:
        self.repositories[name] = FakeRepository(name, {"main": folder, **(revisions or {})}, **rest)
        return self.repositories[name]

    def add_request(self, name: str, folder: Path, *, author: str = BOT, base: str | None = None) -> None:
        """Open pull request 7 with a folder, based on the newest commit of the main branch or on another one."""
        repository = self.repositories[name]
        repository.folders["refs/pr/7"] = folder
        repository.request_author, repository.request_base = author, base or repository.commit("main")


@contextmanager
def run_fake_hub(cache: Path) -> Iterator[FakeHub]:
    """Run a hub on a free port of the loopback; huggingface_hub asks it, and downloads to a folder."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(hub, self)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *_: object) -> None: ...  # noqa: A002

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub = FakeHub(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    settings = {
        "ENDPOINT": hub.address,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.address + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setattr(constants, name, value)
            yield hub
    finally:
        server.shutdown()
        server.server_close()


def _answer(hub: FakeHub, request: BaseHTTPRequestHandler) -> None:
    url = urlsplit(request.path)
    hub.requested.append(unquote(url.path))
    parts = url.path.strip("/").split("/")
    is_api = parts[:2] == ["api", "models"]
    owner, name, *rest = [*map(unquote, parts[2:] if is_api else parts), ""]
    repository = hub.repositories.get(f"{owner}/{name}")
    rest = [part for part in rest if part]
    if repository is None:
        _send(request, 401, b"Invalid username or password.", {"X-Error-Code": "RepoNotFound"})
    elif is_api:
        _answer_api(request, repository, rest, parse_qs(url.query))
    else:
        _answer_file(request, repository, rest)


def _answer_api(
    request: BaseHTTPRequestHandler, repository: FakeRepository, rest: list[str], query: dict[str, list[str]]
) -> None:
    kind, revision = [*rest, ""][:2] if rest else ("revision", "main")
    if kind == "discussions":
        is_wanted = query.get("author", [repository.request_author]) == [repository.request_author]
        found = [_discussion(repository)] if "refs/pr/7" in repository.folders and is_wanted else []
        _send_json(request, {"discussions": found, "count": len(found), "start": 0})
        return
    known = repository.revision_of(revision)
    if known is None:
        _send(request, 404, b"Invalid rev id", {"X-Error-Code": "RevisionNotFound"})
    elif kind == "commits":
        ids = [repository.commit(known)] + ([repository.request_base] if known == "refs/pr/7" else [])
        _send_json(request, [_commit(commit_id) for commit_id in ids])
    else:
        folder = repository.folders[known]
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
        info = {"id": repository.name, "sha": repository.commit(known), "gated": "auto" if repository.gated else False}
        sizes = {name: {"size": (folder / name).stat().st_size} if query.get("blobs") else {} for name in names}
        _send_json(request, {**info, "siblings": [{"rfilename": name, **size} for name, size in sizes.items()]})


def _answer_file(request: BaseHTTPRequestHandler, repository: FakeRepository, rest: list[str]) -> None:
    _, revision, *names = rest
    known = repository.revision_of(revision)
    if repository.gated and request.headers.get("Authorization") != "Bearer hf_member":
        _send(request, 403, b"Access to this model is restricted.", {"X-Error-Code": "GatedRepo"})
    elif known is None:
        _send(request, 404, b"Invalid rev id", {"X-Error-Code": "RevisionNotFound"})
    else:
        path = repository.folders[known].joinpath(*names)
        commit = {"X-Repo-Commit": repository.commit(known)}
        if path.is_file():
            data = path.read_bytes()
            _send(request, 200, data, {**commit, "ETag": f'"{hashlib.sha256(data).hexdigest()}"'})
        else:
            _send(request, 404, b"Entry not found", {**commit, "X-Error-Code": "EntryNotFound"})


def _discussion(repository: FakeRepository) -> dict[str, Any]:
    return {
        "title": CONVERSION_TITLE,
        "num": 7,
        "author": {"name": repository.request_author},
        "createdAt": "2023-04-01T12:00:00.000Z",
        "status": "open",
        "repo": {"name": repository.name, "type": "model"},
        "isPullRequest": True,
    }


def _commit(commit_id: str) -> dict[str, Any]:
    return {"id": commit_id, "authors": [], "date": "2023-04-01T12:00:00.000Z", "title": "", "message": ""}


def _send_json(request: BaseHTTPRequestHandler, content: Any) -> None:
    _send(request, 200, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _send(request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str]) -> None:
    partial = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    if partial and status == 200:
        status, data = 206, data[int(partial[1]) :]
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(data))}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(data)
