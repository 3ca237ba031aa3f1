"""The secret with which entries of the cache are signed: 32 random bytes in the folder of the cache.

A checksum alone shows only that an entry was not damaged: whoever can write to the folder can compute it anew for other
content. The keyed checksum (HMAC) can be computed only with the secret. The file of the secret has the mode 0600, and a
file that belongs to another user is not accepted, so that nobody else can sign an entry. A copy of the folder contains
the secret, and its entries stay valid.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from staa_widgets.storage.folder import folder, make_folder

SIZE = 32


def secret_path() -> Path:
    """Return the path of the secret."""
    return folder() / "signing.key"


def read_secret() -> bytes | None:
    """Return the secret; ``None`` if there is none, or if somebody else could have written it."""
    try:
        descriptor = os.open(secret_path(), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != SIZE:
            return None
        if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
            return None
        return file.read()


def make_secret() -> bytes:
    """Return the secret, and make it if there is none that can be used.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    secret = read_secret()
    if secret is not None:
        return secret
    make_folder(folder())
    path = secret_path()
    temporary_path = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary_path.touch(0o600, exist_ok=False)
        temporary_path.write_bytes(secrets.token_bytes(SIZE))
        try:
            os.link(temporary_path, path)  # Fails if another process was faster.
        except OSError:
            # The file that is there cannot be used, or the file system has no links.
            if read_secret() is None:
                temporary_path.replace(path)
    finally:
        temporary_path.unlink(missing_ok=True)
    secret = read_secret()
    if secret is None:
        raise PermissionError(f"{path.name} cannot be read")
    return secret
