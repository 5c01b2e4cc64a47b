"""Checks by other programs, in a temporary folder with what git records: ruff, and access."""

# ruff: noqa: PTH113, PTH118, PTH120, PTH208
# pathlib would double the start.
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from os.path import dirname, isfile, join

from file_names import is_portable, quoted
from recorded import Entry, Recorded
from recorded_tree import LARGEST, PYTHON, Tree

PROJECT = b"pyproject.toml"
SETTINGS = (PROJECT, b"ruff.toml", b".ruff.toml")
READ = (b".toml", b".gitignore")  # also where they have not changed
MANY = 200  # files; Windows takes 32,767 characters of a command

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
        if not has_settings(tree):
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


def has_settings(tree: Tree) -> bool:
    """Tell whether the repository says how ruff is to judge it."""
    for path, entry in tree.state.entries.items():
        if name_of(path) not in SETTINGS:
            continue
        _, content = tree.blobs.read(entry.blob, LARGEST)
        if name_of(path) != PROJECT or b"tool.ruff" in content:
            return True
    return False


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
    return " ".join(quoted(path.encode()) for path in paths_in(lines))


def name_of(path: bytes) -> bytes:
    """Return the last part of a path."""
    return path.rpartition(b"/")[2]


def beside_python(name: str) -> str | None:
    """Return a program of this Python's environment, or else of PATH, or None."""
    here = dirname(sys.executable)
    folders = [here, join(here, "Scripts")]  # the second is conda's on Windows
    folders += os.environ.get("PATH", "").split(os.pathsep)
    for folder in folders:
        program = join(folder, name)
        for candidate in (program, f"{program}.exe"):
            if isfile(candidate) and os.access(candidate, os.X_OK):
                return candidate
    return None


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
