"""Seeds of hidden tests, from the student's id and the term's salt; the salt is in no repository."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

PUBLIC_SALT = "public"
"""Salt of the tests that everybody may run."""

SALT_VARIABLE = "STAA_COURSE_SALT_FILE"
"""Environment variable with the path of the file that holds the salt."""


def read_salt(path: str | os.PathLike[str] | None = None) -> str:
    """Return the salt of a term, from a file or from the file that `SALT_VARIABLE` names.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or it is empty.
    """
    name = path or os.environ.get(SALT_VARIABLE)
    if not name:
        raise FileNotFoundError(
            f"No salt: write a line of random text into a file outside the repository and set {SALT_VARIABLE}."
        )
    salt = Path(name).read_text("utf-8").strip()
    if len(salt) < 16:
        raise FileNotFoundError(f"The salt in {name} is shorter than 16 characters.")
    return salt


def hidden_seed(salt: str, student: str, task: str) -> int:
    """Return the seed of a student's hidden tests of a task, from 0 to 2^31 - 1."""
    digest = hmac.new(salt.encode(), f"{student}\n{task}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:4], "little") >> 1
