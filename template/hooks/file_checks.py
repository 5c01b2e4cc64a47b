"""What must not enter the repository, judged on what git records, not on the files in the folder.

    file_checks.py                 what is staged
    file_checks.py --range A..B    in CI: what commit B holds of what has changed since A

`hooks/pre-commit` and `hooks/commit-msg` call the first. The exit code is 1 for a refusal, and 3 if
nothing was found but a program is missing. Standard library only: it runs in any Python.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator

# Isolated (-I), Python does not look beside this file by itself.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

import file_names
import notebook_filter
import secret_shapes
import tree_checks
from file_names import pathspec, quoted, shown
from recorded import FILES, LINK, Blobs, Entry, GitError, Recorded, in_range, staged
from recorded_tree import Tree, ignored

LARGEST = 1_000_000  # bytes
BEGINNING = 8000  # bytes in which a file that is not text has a zero
# As in quant_team_utils/git.py; a test holds them equal.
CONFLICT_MARKER = r"^(<{7}|\|{7}|>{7}) "
CONFLICT = "is a conflict marker"
NEXT = "In CI, types and tests are checked too: mypy && pytest tests/"


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    is_range = len(arguments) == 2 and arguments[0] == "--range"
    if arguments and not is_range:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        state = in_range(arguments[1]) if is_range else staged()
        return check(state, is_range)
    except (GitError, OSError) as error:
        print(f"The files were not checked: {error}")
        return 1


def check(state: Recorded, is_range: bool) -> int:
    """Print all that is wrong with what changed, and return the exit code."""
    found = []
    missing = []
    python = tree_checks.linted(state)
    with Blobs() as blobs, Tree(state, blobs) as tree:
        tree.fill(reader(state, python), set(python))
        for faults in (faults_of_files(tree, python), faults_of_access(tree)):
            try:
                for fault in faults:
                    found.append(fault)
            except tree_checks.ProgramMissingError as error:
                missing.append(str(error))
    for line in found + missing:
        print(line)
    if found:
        return 1
    if missing:
        return 3
    if python and not is_range:
        print(NEXT, file=sys.stderr)
    return 0


def reader(state: Recorded, python: list[bytes]) -> Callable[[bytes], bool]:
    """Return what tells whether a check reads the content of a path."""
    if tree_checks.touches_access(state):
        return lambda path: True
    wanted = set(python)
    return lambda path: path in wanted or path.endswith(tree_checks.READ)


def faults_of_files(tree: Tree, python: list[bytes]) -> Iterator[str]:
    """Yield what is wrong with each changed file, a line each, then what ruff says.

    Raises:
        ProgramMissingError: there is no ruff, and files for it.
    """
    # Ruff runs while the files are read here.
    ruff = tree_checks.Ruff(tree, python) if python else None
    state = tree.state
    forced = ignored(tree, [entry.path for entry in state.changed])
    names = dict(name_faults(state))
    conflicts = []
    for entry in state.changed:
        name = shown(entry.path)
        if entry.path in names:
            yield f"{name}: {names[entry.path]}"
        if entry.mode not in (*FILES, LINK):
            continue
        for fault in faults_of(entry, tree.blobs, entry.path in forced):
            yield f"{name}: {fault}"
            if CONFLICT in fault:
                conflicts.append(entry.path)
    if ruff:
        yield from ruff.faults(conflicts)


def faults_of_access(tree: Tree) -> Iterator[str]:
    """Yield what is wrong with the access files, if they have changed.

    Raises:
        ProgramMissingError: the packages that tell it are not installed.
    """
    if tree_checks.touches_access(tree.state):
        yield from tree_checks.access_faults(tree)


def name_faults(state: Recorded) -> Iterator[tuple[bytes, str]]:
    """Yield new paths that not every system can hold, each with a sentence."""
    new = [entry.path for entry in state.changed if entry.is_new]
    for path, other in file_names.twins(new, state.entries):
        unstage = f"git rm --cached {pathspec(path)}"
        yield (
            path,
            f"Windows and macOS cannot hold it beside {shown(other)}. Unstage it and give it "
            f"another name: {unstage}",
        )
    for path in new:
        fault = file_names.fault_of(path)
        if fault:
            better = quoted(file_names.better(path))
            yield path, f"{fault}. Rename it: git mv {quoted(path)} {better}"


def faults_of(entry: Entry, blobs: Blobs, is_ignored: bool) -> Iterator[str]:
    """Yield what is wrong with one file, a sentence each; never the secret itself."""
    path = pathspec(entry.path)
    unstage = f"git rm --cached {path}" if entry.is_new else f"git restore --staged {path}"
    if entry.path.endswith((b".rej", b".orig")):
        yield (
            "left over from an update or a merge. Apply it by hand, then delete it: "
            f"git rm -f {path}"
        )
    elif is_ignored:
        yield f"this path is ignored (.gitignore). Unstage it: git rm --cached {path}"
    size, blob = blobs.read(entry.blob, LARGEST)
    if size > LARGEST:
        sizes = f"{size / 1e6:.1f} MB is too large for git; the limit is {LARGEST / 1e6:.0f} MB"
        yield f"{sizes}. Unstage it: {unstage}"
        return
    is_script = entry.path.startswith(b"hooks/") and blob.startswith(b"#!")
    if is_script and entry.mode == b"100644":
        yield f"not recorded as executable: git update-index --chmod=+x {path}"
    name = shown(entry.path)
    yield from secret_shapes.faults(name, blob)
    if b"\0" in blob[:BEGINNING]:
        return
    conflict = re.search(CONFLICT_MARKER.encode(), blob, re.MULTILINE)
    if conflict:
        line = blob.count(b"\n", 0, conflict.start()) + 1
        yield f"line {line} {CONFLICT}. Resolve the conflict, then: git add {path}"
    elif entry.path.endswith(b".ipynb") and entry.is_file:
        yield from notebook_filter.faults(name, blob)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
