"""What the members of the simulated year wrote and did not take back, and whether it is there."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests import year_text

LOCK = "data.lock"
FACTS = 9  # fields of a line of data.lock that say which bars it is about; then who and when


class LostError(AssertionError):
    """Something that a member wrote is gone, or a command of the product failed."""


@dataclass
class Change:
    """What one branch brings.

    Attributes:
        marks: where each mark stands.
        taken: marks that were taken back.
        files: the blob of each file that must be there byte by byte.
        texts: files of the team in which marks can stand, without them.
        agreed: lines of data.lock, who and when left out.
        commits: all that were made.
    """

    marks: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    agreed: set[str] = field(default_factory=set)
    commits: set[str] = field(default_factory=set)


def ask(repository: Path, *arguments: str) -> bytes:
    """Run git for the ledger, which reads and never writes; no output where it fails."""
    command = ["git", "-c", "color.ui=false", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, check=False).stdout


def facts(lock: str) -> set[str]:
    """Return what the lines of data.lock agree on."""
    found = set()
    for row in lock.splitlines():
        if row and not row.startswith("#"):
            fields = row.split()
            found.add(" ".join(fields[:FACTS]))
    return found


def listing(repository: Path, commit: str) -> dict[str, tuple[str, str]]:
    """Return mode and blob of each file of a commit, by path."""
    found = {}
    output = ask(repository, "ls-tree", "-r", "-z", commit).decode()
    for entry in filter(None, output.split("\0")):
        described, path = entry.split("\t", 1)
        mode, _, blob = described.split()
        found[path] = (mode, blob)
    return found


def marked(repository: Path, commit: str) -> dict[str, list[str]]:
    """Return the paths in which each mark stands in a commit."""
    pattern = year_text.MARK.pattern.replace(r"\d", "[0-9]")
    output = ask(repository, "grep", "-z", "-I", "-o", "-E", pattern, commit).decode()
    found: dict[str, list[str]] = defaultdict(list)
    for path, mark in re.findall(r"([^\0\n]+)\0([^\n]+)\n", output):
        found[mark].append(path.partition(":")[2])
    return found


class Ledger(Change):
    """What stands in `develop`."""

    def merge(self, change: Change) -> None:
        """Take over what a branch brought."""
        for mark in change.taken:
            self.marks.pop(mark, None)
        self.taken |= change.taken
        self.marks.update(change.marks)
        self.files.update(change.files)
        self.texts.update(change.texts)
        self.agreed |= change.agreed
        self.commits |= change.commits

    def check(self, origin: Path) -> None:
        """Compare with `develop`: all but what needs a fresh copy.

        Raises:
            LostError: something is missing, doubled, or back.
        """
        tree = listing(origin, "develop")
        self._check_marks(marked(origin, "develop"), tree)
        for path, blob in self.files.items():
            if path not in tree:
                raise LostError(f"{path} is gone from develop")
            if tree[path][1] != blob:
                raise LostError(f"{path} is not what its author committed")
        found = contents(origin, "develop", {*self.texts, LOCK})
        self._check_texts(found)
        there = facts(found.get(LOCK, b"").decode())
        for missing in sorted(self.agreed - there):
            raise LostError(f"{LOCK} has lost the line {missing}")
        reachable = set(ask(origin, "rev-list", "--branches").decode().split())
        for commit in sorted(self.commits - reachable):
            raise LostError(f"the commit {commit} is on no branch of origin")

    def _check_marks(self, found: Mapping[str, list[str]], tree: Iterable[str]) -> None:
        there = set(tree)
        for mark, path in self.marks.items():
            now = found.get(mark, [])
            if not now:
                raise LostError(f"{mark} is gone from {path}")
            if len(now) > 1:
                raise LostError(f"{mark} stands in {', '.join(now)}")
            if now != [path] and path in there:
                raise LostError(f"{mark} is in {now[0]}, not in {path}")
            self.marks[mark] = now[0]
        for mark in found.keys() - self.marks.keys():
            why = "was taken back and is there again" if mark in self.taken else "is not known"
            raise LostError(f"{mark} in {found[mark][0]} {why}")

    def _check_texts(self, found: Mapping[str, bytes]) -> None:
        for path, text in self.texts.items():
            if path not in found:
                raise LostError(f"{path} is gone from develop")
            if year_text.template_text(found[path].decode()) != text:
                raise LostError(f"{path} is not what the team wrote")

    def compare(self, team: Mapping[str, bytes], fresh: Mapping[str, bytes]) -> None:
        """Compare `develop` with a fresh copy of the same release and roster.

        Args:
            team: the files of `develop`.
            fresh: the files of the copy, access files and notebook folders included.

        Raises:
            LostError: a file is missing or too many, or differs by more than the team's marks.
        """
        own = self.files.keys() | self.texts.keys() | {LOCK}
        wanted = {path: data for path, data in fresh.items() if path not in own}
        for path in sorted(wanted.keys() - team.keys()):
            raise LostError(f"{path} of the template is missing")
        for path in sorted(team.keys() - wanted.keys() - own):
            raise LostError(f"{path} is in develop, but neither the template's nor the team's")
        edited = set(self.marks.values())
        for path, data in wanted.items():
            same = team[path] == data
            if path in edited:
                bare = year_text.template_text(team[path].decode())
                same = bare == year_text.template_text(data.decode())
            if not same:
                raise LostError(f"{path} is not the template's, nor that with the team's edits")


def contents(
    repository: Path, commit: str, wanted: Container[str] | None = None
) -> dict[str, bytes]:
    """Return the files of a commit, or those of them that are wanted."""
    tree = listing(repository, commit)
    paths = [path for path in tree if wanted is None or path in wanted]
    names = "".join(f"{tree[path][1]}\n" for path in paths)
    command = ["git", "cat-file", "--batch"]
    output = subprocess.run(
        command, cwd=repository, input=names.encode(), capture_output=True, check=True
    ).stdout
    found = {}
    start = 0
    for path in paths:
        end = output.index(b"\n", start)
        size = int(output[start:end].split()[2])
        found[path] = output[end + 1 : end + 1 + size]
        start = end + 1 + size + 1
    return found
