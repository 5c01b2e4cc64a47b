"""What must not enter the repository, judged on what git records, not on the files in the folder.

    file_checks.py PATH...           the staged files; in CI those of the newer of two commits
    file_checks.py --strip-notebook  a notebook, standard input to output, without its outputs

The first is the hook `files` of `.pre-commit-config.yaml`, the second the clean filter of
`*.ipynb`. Standard library only: it runs in any Python.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

# Isolated (-I), Python does not look beside this file by itself.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

import notebook_filter
import secret_shapes

LARGEST = 1_000_000  # bytes
BEGINNING = 8000  # bytes in which a file that is not text has a zero
# As in quant_team_utils/git.py; a test holds them equal.
CONFLICT_MARKER = r"^(<{7}|\|{7}|>{7}) "


def main(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    if arguments == ["--strip-notebook"]:
        sys.stdout.buffer.write(notebook_filter.stripped(sys.stdin.buffer.read()))
        return 0
    ignored = set(ignored_paths(arguments))
    found = False
    for path, blob in blobs(arguments):
        for fault in faults_of(path, blob, path in ignored):
            print(f"{path}: {fault}")
            found = True
    return int(found)


def faults_of(path: str, blob: bytes, ignored: bool) -> Iterator[str]:
    """Yield what is wrong with one file, a sentence each; never the secret itself."""
    if path.endswith((".rej", ".orig")):
        yield "left over from an update or a merge. Apply it by hand, then delete it."
    elif ignored:
        yield f"this path is ignored (.gitignore). Unstage it: git rm --cached '{path}'"
    if len(blob) > LARGEST:
        size = len(blob) / 1e6
        yield f"{size:.1f} MB is too large for git; the limit is {LARGEST / 1e6:.0f} MB."
        return
    yield from secret_shapes.faults(path, blob)
    if b"\0" in blob[:BEGINNING]:
        return
    conflict = re.search(CONFLICT_MARKER.encode(), blob, re.MULTILINE)
    if conflict:
        line = blob.count(b"\n", 0, conflict.start()) + 1
        yield f"line {line} is a conflict marker. Resolve the conflict."
    elif path.endswith(".ipynb"):
        yield from notebook_filter.faults(path, blob)


def blobs(paths: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each path that holds a file, with what git records of it.

    That is the index, or the commit that a runner's `--to-ref` names.
    """
    commit = os.environ.get("PRE_COMMIT_TO_REF", ":0")
    names = "".join(f"{commit}:{path}\n" for path in paths)
    output = git("cat-file", "--batch", given=names.encode("utf-8", "surrogateescape"))
    start = 0
    for path in paths:
        # NAME blob SIZE, or that there is nothing of this name.
        end = output.index(b"\n", start)
        header = output[start:end].split(b" ")
        start = end + 1
        kind, size = header[-2:]
        if size.isdigit() and kind in (b"blob", b"tree", b"commit"):
            end = start + int(size)
            if kind == b"blob":
                yield path, output[start:end]
            start = end + 1


def ignored_paths(paths: list[str]) -> list[str]:
    """Return the paths that the repository's .gitignore excludes: somebody forced them in."""
    names = "\0".join(paths).encode("utf-8", "surrogateescape")
    # Only the team's list counts, not what one member ignores everywhere.
    output = git(
        "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin", given=names
    )
    return [name.decode("utf-8", "surrogateescape") for name in output.split(b"\0") if name]


def git(*arguments: str, given: bytes) -> bytes:
    """Run git on some input and return its output."""
    return subprocess.run(
        ["git", *arguments], input=given, stdout=subprocess.PIPE, check=False
    ).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
