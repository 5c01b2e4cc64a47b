"""What git records as files: a temporary folder for programs that read files.

It holds blobs byte for byte, so nothing in the working copy is read or changed.
"""

# ruff: noqa: PTH102, PTH103, PTH106, PTH107, PTH112, PTH118, PTH123
# pathlib, shutil and tempfile would double the start.
from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable
from os.path import isdir, join, realpath

from file_names import is_portable
from recorded import Blobs, GitError, Recorded

PYTHON = (b".py", b".pyi", b".pyw", b".ipynb")
LARGEST = 100_000_000  # bytes
# What may change the result of a program that runs there.
PERSONAL = (
    "GIT_",
    "RUFF_",
    "FORCE_COLOR",
    "CLICOLOR",
)
CHECK_IGNORE = [
    "git",
    "-c",
    "core.excludesFile=",
    "-c",
    "core.ignoreCase=false",
    "check-ignore",
    "--no-index",
    "-z",
    "--stdin",
]


class Tree:
    """A temporary folder with what git records; a context."""

    def __init__(self, state: Recorded, blobs: Blobs) -> None:
        self.state = state
        self.blobs = blobs
        self.folder = ""
        self.seen: set[bytes] = set()
        self.made: set[bytes] = {b""}
        self.written: set[bytes] = set()

    def __enter__(self) -> Tree:
        # Ruff and Python print the real name.
        name = f"quant-{os.urandom(8).hex()}"
        self.folder = join(realpath(temporary()), name)
        os.mkdir(self.folder, 0o700)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the system clears the folder that this lies in
            for folder, _folders, names in os.walk(self.folder, topdown=False):
                for name in names:
                    os.remove(join(folder, name))
                os.rmdir(folder)

    def fill(self, is_read: Callable[[bytes], bool], python: set[bytes]) -> None:
        """Write the files that are read, and empty what the Python files among them may import."""
        words: set[bytes] = set()
        for path, entry in self.state.entries.items():
            if not entry.is_file or not is_read(path):
                continue
            _, content = self.blobs.read(entry.blob, LARGEST)
            self._write(path, content)
            if path in python:
                words |= words_of(content)
        for path in self.state.entries:
            folder, _, name = path.rpartition(b"/")
            self._place(folder, words)
            if not path.endswith(PYTHON):
                continue
            stem, _, _ = name.partition(b".")
            is_package = name == b"__init__.py" and folder in self.made
            if stem in words or is_package:
                self._write(path, b"")

    def _place(self, folder: bytes, words: set[bytes]) -> None:
        """Make a folder, and those that it lies in, whose name is one of these words."""
        while folder and folder not in self.seen:
            self.seen.add(folder)
            outer, _, name = folder.rpartition(b"/")
            if name in words:
                self._make(folder)
            folder = outer

    def _make(self, folder: bytes) -> None:
        if folder in self.made or not is_portable(folder):
            return
        name = join(self.folder, folder.decode())
        os.makedirs(name, exist_ok=True)
        while folder not in self.made:
            self.made.add(folder)
            folder, _, _ = folder.rpartition(b"/")

    def _write(self, path: bytes, content: bytes) -> None:
        if path in self.written or not is_portable(path):
            return
        self.written.add(path)
        folder, _, _ = path.rpartition(b"/")
        self._make(folder)
        name = join(self.folder, path.decode())
        with open(name, "wb") as file:
            file.write(content)

    def start(self, command: list[str], **variables: str) -> subprocess.Popen[bytes]:
        """Start a program there, without what the environment says about git, ruff and colours."""
        environment = {"NO_COLOR": "1"}
        for name, value in os.environ.items():
            if not name.startswith(PERSONAL):
                environment[name] = value
        environment.update(variables)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def said(self, output: bytes) -> list[str]:
        """Return the lines that a program printed, with the repository's own paths."""
        text = output.decode(errors="backslashreplace")
        here = self.folder + os.sep
        return text.replace(here, "").splitlines()


def words_of(content: bytes) -> set[bytes]:
    """Return every word of a text: the names of modules among them."""
    text = content.decode(errors="replace")
    return {word.encode() for word in re.findall(r"\w+", text)}


def temporary() -> str:
    """Return the folder for temporary files, as `tempfile` does, which would double the start."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        folder = os.environ.get(name, "")
        if isdir(folder):
            return folder
    return "/tmp"  # noqa: S108


def ignored(tree: Tree, paths: list[bytes]) -> set[bytes]:
    """Return which paths the recorded .gitignore files exclude: somebody forced them in.

    Only the team's lists count, so git is asked in the tree, which has no other.

    Raises:
        GitError: git failed.
    """
    marker = join(tree.folder, ".git")
    for name in ("objects", "refs"):
        os.makedirs(join(marker, name))
    head = join(marker, "HEAD")
    with open(head, "wb") as file:
        file.write(b"ref: refs/heads/main\n")
    process = tree.start(CHECK_IGNORE)
    # With ./ before it, no name is pathspec magic.
    names = [b"./" + path for path in paths]
    output, errors = process.communicate(b"\0".join(names))
    if process.returncode > 1:
        said = tree.said(errors)
        raise GitError(" ".join(said))
    found = set(output.split(b"\0"))
    return {path for path in paths if b"./" + path in found}
