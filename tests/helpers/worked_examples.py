"""Worked examples of a page in Markdown: the files that they add, and the changes that they make to others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_PATH_LINE = {"python": re.compile(r"# (\S+\.py)"), "diff": re.compile(r"\+\+\+ (\S+)")}
"""The first line of a block that names its file, by language."""


@dataclass(frozen=True)
class Example:
    """A fenced block that names its file in the first line.

    Parameters
    ----------
    path
        File of the block, relative to the repository.
    text
        Content of a new file; or lines of a change: context after a space, added lines after a plus sign, removed
        lines after a minus sign.
    is_change
        Whether the block changes a file that exists.
    """

    path: str
    text: str
    is_change: bool

    @property
    def is_test(self) -> bool:
        """Whether the block is a new test file."""
        return not self.is_change and self.path.startswith("tests/")

    def apply(self, root: Path) -> None:
        """Write the new file under `root`, or change the one that is there."""
        file = root / self.path
        if not self.is_change:
            assert not file.exists(), f"{self.path} exists"
            file.write_text(self.text, "utf-8")
            return
        lines = self.text.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        content = file.read_text("utf-8")
        assert content.count(old) == 1, f"{self.path} has these lines {content.count(old)} times, not once:\n{old}"
        file.write_text(content.replace(old, new), "utf-8")


def worked_examples(page: str) -> list[Example]:
    """Return the examples of a page in their order; blocks that name no file are left out."""
    examples = []
    for block in BLOCK.finditer(page):
        text = re.sub(rf"^{block['indent']}", "", block["text"], flags=re.MULTILINE)
        first, _, rest = text.partition("\n")
        pattern = _PATH_LINE.get(block["language"])
        match = pattern.fullmatch(first) if pattern else None
        if match:
            examples.append(Example(match[1], rest, block["language"] == "diff"))
    return examples
