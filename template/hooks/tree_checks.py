"""Checks that need files: ruff, the ignore rules and the access files, in a temporary folder.

The folder holds the blobs that git records, byte for byte, so nothing in the working copy is read
or changed. Python files that a check does not read are there empty: by them ruff tells the team's
own modules from others.
"""

# ruff: noqa: PTH103, PTH118, PTH120, PTH123, PTH208
# pathlib would double the start.
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from os.path import dirname, join, realpath

from file_names import is_portable, quoted
from recorded import Blobs, Entry, GitError, Recorded

PYTHON = (b".py", b".pyi", b".pyw", b".ipynb")
PROJECT = b"pyproject.toml"
SETTINGS = (PROJECT, b"ruff.toml", b".ruff.toml")
READ = (b".toml", b".gitignore")  # also where they have not changed
LARGEST = 100_000_000  # bytes
MANY = 200  # files; Windows takes 32,767 characters of a command
LISTED = 8  # files that a command of ours names

# What may change the result of a program that a check starts.
PERSONAL = ("GIT_", "RUFF_", "FORCE_COLOR", "CLICOLOR")
PINNED = ("-c", "core.excludesFile=", "-c", "core.ignoreCase=false")
RUFF = (
    "--quiet",
    "--no-cache",
    "--force-exclude",
    "--output-format=concise",
)
UNFORMATTED = ": unformatted: "  # after path, line and column

OWNERS = b"CODEOWNERS"
COMPILED = (b"infrastructure/permissions.yaml", b"infrastructure/compiled/")
COMPILER = b"infrastructure/commands.py"
QUANT = "from quant_team_cli.main import main; main()"
COMPILE = ("access", "compile", "--check")
INSTALL = "pip install -r requirements.txt && quant setup"


class ProgramMissingError(Exception):
    """A program or a package that a check needs is not installed; the text is a sentence."""


class Tree:
    """A temporary folder with what git records; a context."""

    def __init__(self, state: Recorded, blobs: Blobs) -> None:
        self.state = state
        self.blobs = blobs
        self.folder = ""

    def __enter__(self) -> Tree:
        # Ruff and Python print the real name.
        folder = tempfile.mkdtemp(prefix="quant-")
        self.folder = realpath(folder)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self, is_read: Callable[[bytes], bool]) -> None:
        """Write the files that are read, all folders, and other Python files empty."""
        made = set()
        for path, entry in self.state.entries.items():
            if not entry.is_file or not is_portable(path):
                continue
            name = join(self.folder, path.decode())
            folder = dirname(name)
            if folder not in made:
                made.add(folder)
                os.makedirs(folder, exist_ok=True)
            if is_read(path):
                _, content = self.blobs.read(entry.blob, LARGEST)
            elif path.endswith(PYTHON):
                content = b""
            else:
                continue
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


def ignored(tree: Tree, paths: list[bytes]) -> set[bytes]:
    """Return which paths the recorded .gitignore files exclude: somebody forced them in.

    Only the team's lists count, so git is asked in the tree, which has no other.

    Raises:
        GitError: git failed.
    """
    marker = join(tree.folder, ".git")
    os.makedirs(join(marker, "objects"))
    os.makedirs(join(marker, "refs"))
    with open(join(marker, "HEAD"), "wb") as file:
        file.write(b"ref: refs/heads/main\n")
    command = ["git", *PINNED, "check-ignore", "--no-index", "-z", "--stdin"]
    process = tree.start(command)
    # With ./ before it, no name is pathspec magic.
    names = [b"./" + path for path in paths]
    output, errors = process.communicate(b"\0".join(names))
    if process.returncode > 1:
        said = tree.said(errors)
        raise GitError(" ".join(said))
    found = set(output.split(b"\0"))
    return {path for path in paths if b"./" + path in found}


# --- ruff


class Ruff:
    """`ruff check` and `ruff format --check` over a few paths of a tree, side by side."""

    def __init__(self, tree: Tree, paths: list[bytes]) -> None:
        """Start both, if there is a ruff."""
        self.tree = tree
        self.lint: subprocess.Popen[bytes] | None = None
        self.format: subprocess.Popen[bytes] | None = None
        program = beside_python("ruff")
        if program is None:
            return
        options = list(RUFF)
        if not any(name_of(path) in SETTINGS for path in tree.state.entries):
            options.append("--isolated")  # else a file above the folder, or a personal one, counts
        names = [f"./{path.decode()}" for path in paths]
        if len(names) > MANY:
            names = ["."]
        self.lint = tree.start([program, "check", *options, *names])
        self.format = tree.start([program, "format", "--check", *options, *names])

    def faults(self, conflicts: list[bytes]) -> Iterator[str]:
        """Yield what both found, with the command that fixes it; nothing of half merged files.

        Raises:
            ProgramMissingError: there is no ruff.
        """
        if self.lint is None or self.format is None:
            raise ProgramMissingError(
                f"ruff is not installed, so the Python files were not checked: {INSTALL}"
            )
        output, errors = self.lint.communicate()
        formatted, _ = self.format.communicate()
        found = self._lines(output, conflicts)
        if self.lint.returncode > 1 and not found:
            yield from self.tree.said(errors)
            yield "  Correct that, then: git add pyproject.toml"
            return
        yield from found
        if found:
            names = listed(found)
            yield f"  Fix it: ruff check --fix {names} && git add {names}"
        lines = self._lines(formatted, conflicts)
        differing = [line for line in lines if UNFORMATTED in line]
        for path in paths_in(differing):
            yield f"{path}: not formatted."
        if differing:
            names = listed(differing)
            yield f"  Fix it: ruff format {names} && git add {names}"

    def _lines(self, output: bytes, conflicts: list[bytes]) -> list[str]:
        """Return the lines of ruff's output that are about other files."""
        lines = []
        others = tuple(f"{path.decode()}:" for path in conflicts)
        for line in self.tree.said(output):
            if not line.startswith(others):
                lines.append(line)
        return lines


def linted(state: Recorded) -> list[bytes]:
    """Return the paths that ruff must judge: all if its settings have changed."""
    entries = state.changed
    if any(name_of(path) in SETTINGS for path in state.touched()):
        entries = list(state.entries.values())
    return [entry.path for entry in entries if is_linted(entry)]


def is_linted(entry: Entry) -> bool:
    """Tell whether ruff looks at a path: Python, notebooks, and what describes the project."""
    is_python = entry.path.endswith(PYTHON)
    is_project = name_of(entry.path) == PROJECT
    return entry.is_file and (is_python or is_project) and is_portable(entry.path)


def paths_in(lines: list[str]) -> list[str]:
    """Return the paths that ruff's lines begin with, each once; none of them holds a colon."""
    found = {}
    for line in lines:
        path, _, _ = line.partition(":")
        found[path] = True
    return list(found)


def listed(lines: list[str]) -> str:
    """Return the paths that ruff's lines begin with, as a shell takes them."""
    paths = paths_in(lines)
    if len(paths) > LISTED:
        return "."
    return " ".join(quoted(path.encode()) for path in paths)


def name_of(path: bytes) -> bytes:
    """Return the last part of a path."""
    return path.rpartition(b"/")[2]


def beside_python(name: str) -> str | None:
    """Return a program of this Python's environment, or else of PATH, or None."""
    folder = dirname(sys.executable)
    scripts = join(folder, "Scripts")  # conda's on Windows
    path = os.environ.get("PATH", "")
    folders = os.pathsep.join([folder, scripts, path])
    return shutil.which(name, path=folders)


# --- access files


def touches_access(state: Recorded) -> bool:
    """Tell whether access files have changed: the roster's, or what follows from it."""
    if COMPILER not in state.entries:
        return False
    return any(path.startswith(COMPILED) or name_of(path) == OWNERS for path in state.touched())


def access_faults(tree: Tree) -> Iterator[str]:
    """Yield what the recorded code says about the recorded access files.

    Raises:
        ProgramMissingError: the packages that it needs are not installed.
    """
    roots = [tree.folder]
    sources = join(tree.folder, "src")
    for name in os.listdir(sources):
        roots.append(join(sources, name))
    process = tree.start(
        [sys.executable, "-c", QUANT, *COMPILE],
        PYTHONPATH=os.pathsep.join(roots),
        QUANT_ROOT=tree.folder,
    )
    _, errors = process.communicate()
    if process.returncode == 0:
        return
    said = tree.said(errors)
    if any("is not installed in" in line for line in said):
        raise ProgramMissingError(
            f"the team's packages are not installed, so access was not checked: {INSTALL}"
        )
    yield from said
