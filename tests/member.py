"""A member at work in a team repository, and what must be there after each thing they do.

`Member` runs git and `quant` as the member does, under the personal settings given, and keeps
books: the bytes of each file as last written, what is staged, what is committed. `check` compares
the books with what is really there, read under plain settings.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.personal_settings import write_settings

Done = subprocess.CompletedProcess[bytes]
Files = dict[str, bytes]
Entries = dict[str, str]  # path: mode and object, as git lists them
CACHES = {".git", "__pycache__", ".ruff_cache"}
EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
WRITTEN = re.compile(rb"~\d+~")  # a mark in each line that the member writes
# What git itself keeps in its folder; anything else is somebody's litter.
GIT_FOLDER = re.compile(
    r"(AUTO_MERGE|COMMIT_EDITMSG(\.refused)?|HEAD|MERGE_RR|ORIG_HEAD|config|description|hooks|index"
    r"|info|logs|objects|packed-refs|refs|rr-cache|sharedindex\.\w+|branches)"
)


@dataclass(frozen=True)
class Prepared:
    """What the repositories of all members are copied from.

    Attributes:
        team: a set-up clone on `feature/alice/x`, with one commit that `develop` lacks.
        environment: variables under which a clone's own `quant` and hooks run, by its folder.
        changed: the paths that the next release of the template changes.
        base: the commit from which all work starts.
    """

    team: Path
    environment: dict[str, str]
    changed: frozenset[str]
    base: str

    def variables(self, repository: Path) -> dict[str, str]:
        """Return the environment for one copy of the team repository."""
        old, new = str(self.team), str(repository)
        return {name: value.replace(old, new) for name, value in self.environment.items()}


@dataclass(frozen=True)
class Picture:
    """The work tree, the index and the last commit at one moment."""

    disk: Files
    index: Entries
    head: Entries


class Member:
    """One member, their clone and the books on it."""

    def __init__(self, prepared: Prepared, folder: Path, settings: Sequence[str]) -> None:
        self.prepared = prepared
        self.folder = folder / "team"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        shutil.copytree(prepared.team, self.folder, symlinks=True)
        plain = {
            **os.environ,
            **prepared.variables(self.folder),
            "GIT_AUTHOR_DATE": "2026-01-05T09:00:00Z",
            "GIT_COMMITTER_DATE": "2026-01-05T09:00:00Z",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.temporary),
        }
        personal = write_settings(folder / "settings", settings)
        self._plain = {**plain, "GIT_OPTIONAL_LOCKS": "0"}
        self._own = {**plain, "GIT_CONFIG_GLOBAL": str(personal), "GIT_EDITOR": "true"}
        self._run(plain, "git", "update-index", "-q", "--refresh")
        # A notebook as it was written: as git is to record it.
        self.stripped: dict[bytes, bytes] = {}
        self.config = (self.folder / ".git" / "config").read_bytes()
        self.look()

    # What the member does

    def write(self, path: str, content: bytes) -> None:
        """Write a file, as an editor does."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self.disk[path] = content
        self._stamps[path] = self._stamp(path)

    def remove(self, path: str) -> None:
        """Delete a file."""
        (self.folder / path).unlink()
        del self.disk[path]

    def run(self, *command: str, given: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
        """Run a program in the clone, under the personal settings."""
        return self._run({**self._own, **(env or {})}, *command, given=given)

    def git(self, *arguments: str, given: bytes = b"") -> Done:
        """Run git under the personal settings."""
        return self.run("git", *arguments, given=given)

    def commit_everything(self) -> None:
        """Commit whatever there is, past the hooks."""
        self._plainly("add", "--all")
        self._plainly("commit", "--quiet", "--no-verify", "--allow-empty", "-m", "docs: whatever")
        disk = self.disk
        self.look()
        _require_same("a commit changed files", disk, self.disk)

    def teammate_writes(self, branch: str, path: str, line: bytes) -> None:
        """Add a line to the end of a file on a branch that is not checked out, as fetching does."""
        content = self._plainly("cat-file", "blob", f"{branch}:{path}") + line
        digest = self._plainly("hash-object", "-w", "--stdin", given=content).decode().strip()
        index = {"GIT_INDEX_FILE": str(self.folder.parent / "index")}
        for arguments in (["read-tree", branch], ["update-index", "--cacheinfo", ""]):
            if arguments[-1] == "":
                arguments[-1] = f"100644,{digest},{path}"
            self._run({**self._plain, **index}, "git", *arguments)
        tree = self._run({**self._plain, **index}, "git", "write-tree").stdout.decode().strip()
        subject = "Merge branch 'feature/bob/x' into develop"
        commit = self._plainly("commit-tree", tree, "-p", branch, "-m", subject).decode().strip()
        self._plainly("update-ref", branch, commit)
        self.refs[branch] = commit

    # The books

    def look(self) -> None:
        """Take what is there as what must be there."""
        self.disk = self._files()
        self._stamps = {path: self._stamp(path) for path in self.disk}
        self.index = self._index()
        self.head = self._head()
        self.branch, self.refs = self._refs()
        shown = self._status()
        empty = [path for path, entry in self.index.items() if entry.endswith(EMPTY)]
        self.intended = {path for path in empty if shown.get(path) in (" A", " D")}

    def picture(self) -> Picture:
        """Return the books as they are."""
        return Picture(dict(self.disk), dict(self.index), dict(self.head))

    def cleaned(self, path: str) -> bytes:
        """Return a file of the work tree as git is to record it."""
        content = self.disk[path]
        if path.endswith(".ipynb"):
            return self.stripped.get(content, content)
        return content.replace(b"\r\n", b"\n")

    def recorded(self) -> Picture:
        """Return the books with each file as git would record it."""
        files = {path: self.cleaned(path) for path in self.disk}
        return Picture(files, self.staged(), dict(self.head))

    def entry(self, path: str) -> str | None:
        """Return the entry that staging a file makes; None if there is no such file."""
        if path not in self.disk:
            return None
        content = self.cleaned(path)
        digest = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        mode = self.index.get(path, self.head.get(path, "100644 ")).split()[0]
        return f"{mode} {digest.hexdigest()}"

    def stage(self, paths: Iterable[str]) -> None:
        """Note that these paths are staged as they are in the work tree."""
        for path in list(paths):
            self.note(path, self.entry(path))

    def note(self, path: str, entry: str | None) -> None:
        """Note one entry of the index."""
        self.intended.discard(path)
        if entry is None:
            self.index.pop(path, None)
        else:
            self.index[path] = entry

    def intend(self, path: str) -> None:
        """Note that a new file is to come."""
        self.index[path] = f"100644 {EMPTY}"
        self.intended.add(path)

    def moved(self, path: str, new: str) -> None:
        """Note that a file has another name."""
        self._stamps[new] = self._stamps.pop(path)

    def discarded(self, path: str) -> None:
        """Note that a file is as it is staged: what it held besides, the member gave up."""
        self.disk[path] = self.blob(self.index[path])
        self._stamps[path] = self._stamp(path)

    def unstaged(self) -> list[str]:
        """Return the paths in which the work tree and the index differ."""
        paths = [path for path in self.disk.keys() | self.index.keys() if not is_ignored(path)]
        return sorted(path for path in paths if self.disk_differs(path))

    def disk_differs(self, path: str) -> bool:
        """Tell whether staging a path would change the index."""
        return path in self.intended or self.entry(path) != self.index.get(path)

    def staged(self) -> Entries:
        """Return what a plain commit is to record."""
        return {path: entry for path, entry in self.index.items() if path not in self.intended}

    def committed(self, tree: Entries) -> None:
        """Note a commit on the branch that is checked out."""
        self.head = dict(tree)
        self.refs[self.branch] = self._plainly("rev-parse", "HEAD").decode().strip()

    def advanced(self) -> bool:
        """Tell whether the branch has another commit than the books say."""
        return self._plainly("rev-parse", "HEAD").decode().strip() != self.refs[self.branch]

    def blob(self, entry: str) -> bytes:
        """Return the content behind an entry."""
        return self._plainly("cat-file", "blob", entry.split()[1])

    def unmerged(self) -> list[str]:
        """Return the paths in conflict."""
        listed = self._plainly("diff", "--name-only", "--diff-filter=U", "-z")
        return sorted({os.fsdecode(path) for path in listed.split(b"\0") if path})

    # What must hold

    def check(self) -> None:
        """Compare the books with what is there."""
        files = self._files()
        _require_same("the work tree is not as it was written", self.disk, files)
        stamps = {path: self._stamp(path) for path in files}
        _require_same("a file was written again", self._stamps, stamps, self.disk)
        _require_same("the index is not as it was staged", self.index, self._index())
        _require_same("the commit is not what was staged", self.head, self._head())
        assert (self.branch, self.refs) == self._refs(), "references changed"
        shown, done = self._status(), self._done()
        _require_same("git status shows what nobody did", done, shown)
        self.require_tidy()

    def require_tidy(self) -> None:
        """Nothing is left over in the temporary folder or in git's."""
        left = sorted(path.name for path in self.temporary.iterdir())
        assert left == [], "left over in the temporary folder"
        listed = [path.name for path in (self.folder / ".git").iterdir()]
        assert [name for name in listed if not GIT_FOLDER.fullmatch(name)] == [], "left in .git"
        assert (self.folder / ".git" / "config").read_bytes() == self.config

    def marks(self) -> set[bytes]:
        """Return the marks of what the member wrote, in the work tree and in the index."""
        found = _marks(self.disk.values())
        odd = {entry for path, entry in self.index.items() if entry != self.entry(path)}
        return found | _marks(self.blob(entry) for entry in odd if not entry.startswith("unmerged"))

    def require_kept(self, marks: set[bytes]) -> None:
        """After git moved files: no mark is lost."""
        lost = marks - self.marks() - self._recorded()
        assert lost == set(), "lost: in no file, not staged, not committed, not stashed"

    def require_recorded(self, before: Picture) -> None:
        """What git records of each file and of the index is as it was.

        A file that was staged and then deleted may be there again.
        """
        now = self.recorded()
        _require_same("lost from the work tree", before.disk, now.disk, before.disk)
        _require_same("lost from the index", before.index, now.index)
        assert before.head == now.head

    def require_untouched(self, before: Picture) -> None:
        """After git moved files: what it had no reason to touch is as before."""
        for path, content in before.disk.items():
            if before.head.get(path) == self.head.get(path):
                assert self.disk.get(path) == content, f"{path} changed for no reason"
                assert self.index.get(path) == before.index.get(path), f"{path}: staging lost"

    def _done(self) -> dict[str, str]:
        """Return what git status has to show."""
        expected = {}
        for path in self.head.keys() | self.index.keys() | self.disk.keys():
            was, staged, now = self.head.get(path), self.index.get(path), self.entry(path)
            states = _letter(was, staged) + _letter(staged, now).replace("A", " ")
            if path in self.intended:
                states = " A" if now else " D"
            elif staged is None and now is not None and not is_ignored(path):
                states = states.strip() + "??"
            if states.strip():
                expected[path] = states
        return expected

    # What is there

    def _run(self, environment: dict[str, str], *command: str | Path, given: bytes = b"") -> Done:
        words = [os.fsencode(word) for word in command]
        return subprocess.run(
            words, cwd=self.folder, env=environment, input=given, capture_output=True, check=False
        )

    def _plainly(self, *arguments: str, given: bytes = b"") -> bytes:
        done = self._run(self._plain, "git", *arguments, given=given)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def _files(self) -> Files:
        found = {}
        for folder, folders, names in os.walk(self.folder):
            folders[:] = [name for name in folders if name not in CACHES]
            for name in names:
                path = Path(folder, name)
                found[path.relative_to(self.folder).as_posix()] = path.read_bytes()
        return found

    def _stamp(self, path: str) -> tuple[int, int]:
        facts = (self.folder / path).stat()
        return facts.st_mtime_ns, facts.st_ino

    def _index(self) -> Entries:
        entries = {}
        for facts, path in _listed(self._plainly("ls-files", "--stage", "-z")):
            mode, digest, stage = facts.split()
            entries[path] = f"{mode} {digest}" if stage == "0" else "unmerged"
        return entries

    def _head(self) -> Entries:
        entries = {}
        for facts, path in _listed(self._plainly("ls-tree", "-r", "-z", "HEAD")):
            mode, _, digest = facts.split()
            entries[path] = f"{mode} {digest}"
        return entries

    def _refs(self) -> tuple[str, Entries]:
        head = (self.folder / ".git" / "HEAD").read_text(encoding="utf-8")
        listed = self._plainly("for-each-ref", "--format=%(refname) %(objectname)").decode()
        refs = dict(line.split() for line in listed.splitlines())
        return head.removeprefix("ref: ").strip(), refs

    def _status(self) -> dict[str, str]:
        """Return what git status shows: `D??` where a file is staged for deletion, and there."""
        shown: dict[str, str] = {}
        listed = self._plainly("status", "--porcelain", "-z", "--no-renames", "-uall")
        for line in filter(None, os.fsdecode(listed).split("\0")):
            state, path = line[:2], line[3:]
            # Git takes a size that changed for a change, until the file is added again.
            if state[1] == "M" and self._is_recorded(path):
                state = state[0] + " "
            state = shown.get(path, "").strip() + state
            if state.strip():
                shown[path] = state
        return shown

    def _is_recorded(self, path: str) -> bool:
        """Tell whether git records nothing of what differs: outputs, carriage returns."""
        return path in self.disk and self.entry(path) == self.index.get(path)

    def _recorded(self) -> set[bytes]:
        """Return the marks in all commits that a reference reaches, the stash among them."""
        listed = self._plainly("rev-list", "--objects", "--all", "--not", self.prepared.base)
        names = b"".join(line.split(b" ")[0] + b"\n" for line in listed.splitlines())
        return _marks([self._plainly("cat-file", "--batch", given=names)])


def is_ignored(path: str) -> bool:
    """Tell whether the team's ignore list holds a path (of those that these tests make)."""
    return path in (".env", ".vscode/settings.json") or path.startswith("data/")


def _letter(was: str | None, staged: str | None) -> str:
    if was == staged:
        return " "
    if was is None:
        return "A"
    return "D" if staged is None else "M"


def _listed(output: bytes) -> list[tuple[str, str]]:
    """Split what git lists as FACTS, a tab, PATH."""
    pairs = []
    for line in os.fsdecode(output).split("\0"):
        facts, _, path = line.partition("\t")
        if path:
            pairs.append((facts, path))
    return pairs


def _marks(contents: Iterable[bytes]) -> set[bytes]:
    return {mark for content in contents for mark in WRITTEN.findall(content)}


def _require_same(
    fault: str,
    expected: Mapping[str, object],
    found: Mapping[str, object],
    paths: Iterable[str] | None = None,
) -> None:
    """Fail with what differs, by path."""
    names = expected.keys() | found.keys() if paths is None else paths
    for name in sorted(names):
        one, two = expected.get(name), found.get(name)
        assert one == two, f"{fault}: {name!r} is {two!r}, not {one!r}"
