"""What git records: the files of the index, or of a commit, by object id and never by name.

    staged()          what the next commit will hold
    in_range("A..B")  what commit B holds
    Blobs()           the contents

No personal setting changes the answers: only plumbing commands are asked.
"""

from __future__ import annotations

import os
import subprocess

FILES = (b"100644", b"100755")
LINK = b"120000"
# Without -r a changed folder would be one entry; what was only announced (`add -N`) is not staged.
CHANGES = ("-r", "--raw", "-z", "--no-abbrev", "--no-renames", "--ita-invisible-in-index")


class GitError(Exception):
    """Git could not answer; the text is its own sentence."""


class Entry:
    """A path that git records, as bytes with `/`, and what it holds there."""

    def __init__(self, path: bytes, mode: bytes, blob: bytes, status: bytes = b"") -> None:
        self.path = path
        self.mode = mode
        self.blob = blob
        self.is_new = status == b"A"

    @property
    def is_file(self) -> bool:
        """Whether this is a file, not a link or a submodule."""
        return self.mode in FILES


class Recorded:
    """All entries by path, those that changed, and the paths of those that are gone."""

    def __init__(self, entries: dict[bytes, Entry], changed: list[Entry], gone: list[bytes]):
        self.entries = entries
        self.changed = changed
        self.gone = gone

    def touched(self) -> list[bytes]:
        """Return the paths that changed or are gone."""
        return [entry.path for entry in self.changed] + self.gone


class Blobs:
    """The contents of blobs, from one process; a context."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Blobs:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def read(self, blob: bytes, most: int) -> tuple[int, bytes]:
        """Return the size in bytes of a blob, and of its content at most `most` bytes.

        Raises:
            GitError: the repository does not hold it.
        """
        given = self.process.stdin
        output = self.process.stdout
        if given is None or output is None:
            raise GitError("git cat-file has no pipes")
        given.write(blob + b"\n")
        given.flush()
        header = output.readline().split()  # ID blob SIZE, or ID missing
        if len(header) != 3:
            raise GitError(f"git cannot read object {blob.decode()}: git fsck")
        size = int(header[2])
        content = output.read(min(size, most))
        rest = size - len(content) + 1  # and a line end
        while rest:
            rest -= len(output.read(min(rest, 1 << 20)))
        return size, content


def staged() -> Recorded:
    """Return what the next commit will hold, and how it differs from HEAD.

    Raises:
        GitError: git cannot read the index.
    """
    head = "HEAD"
    try:
        difference = git("diff-index", "--cached", *CHANGES, head)
    except GitError:
        if commit_id(head):
            raise
        head = empty_tree()  # there is no commit yet
        difference = git("diff-index", "--cached", *CHANGES, head)
    return recorded(head, difference)


def in_range(revisions: str) -> Recorded:
    """Return what commit B of `A..B` holds, and how it differs from A.

    Where A is not a commit that git knows (before the first one, say), all of B is new.

    Raises:
        GitError: git does not know B.
    """
    before, _, after = revisions.partition("..")
    newer = commit_id(after)
    if newer is None:
        raise GitError(f"git does not know the commit {after!r}: fetch it with its history")
    older = commit_id(before) or empty_tree()
    return recorded(older, git("diff-tree", *CHANGES, older, newer))


def recorded(base: str, difference: bytes) -> Recorded:
    """Return what a base and the raw difference to it make together."""
    entries = {}
    for line in git("ls-tree", "-r", "-z", "--full-tree", base).split(b"\0")[:-1]:
        about, _, path = line.partition(b"\t")
        mode, _, blob = about.split(b" ")
        entries[path] = Entry(path, mode, blob)
    changed = []
    gone = []
    fields = difference.split(b"\0")
    # :MODE MODE BLOB BLOB STATUS, then the path
    for about, path in zip(fields[:-1:2], fields[1::2], strict=True):
        _, mode, _, blob, status = about.split(b" ")
        if status in (b"D", b"U"):
            entries.pop(path, None)
            gone.append(path)
        else:
            entries[path] = Entry(path, mode, blob, status)
            changed.append(entries[path])
    return Recorded(entries, changed, gone)


def commit_id(name: str) -> str | None:
    """Return the id of a commit, or None if git knows none of this name."""
    if not name or name.startswith("-"):
        return None
    try:
        output = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except GitError as failure:
        if str(failure):
            raise
        return None
    return output.decode().strip()


def empty_tree() -> str:
    """Return the id of the tree without entries, in this repository's hash."""
    return git("hash-object", "-t", "tree", "--stdin").decode().strip()


def git(*arguments: str, given: bytes = b"", env: dict[str, str] | None = None) -> bytes:
    """Run git and return its output.

    Raises:
        GitError: it failed; the text is empty if git said nothing.
    """
    done = subprocess.run(
        ["git", *arguments],
        input=given,
        env=env or environment(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="backslashreplace").strip()
        raise GitError(said.removeprefix("fatal: "))
    return done.stdout


def environment() -> dict[str, str]:
    """Return the environment for git: no locks taken, names literal, objects as they are."""
    return {
        **os.environ,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
