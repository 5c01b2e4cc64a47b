"""A member of the simulated year's team: a clone of their own, personal git settings, and branches.

What they wrote and did not commit is remembered byte by byte, see `loose`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import metadata
from pathlib import Path

from tests import year_text
from tests.conftest import TeamEnvironment
from tests.year_ledger import LOCK, Change, LostError, ask, facts

NOTES = "docs/team-notes.md"  # where the team repeats edits of files that the template removed
RESULTS = "results/"
# No process to tidy up after each command: it takes as long as the command.
QUICK = {"gc.auto": "0", "maintenance.auto": "false"}
# Personal settings that change what git prints or does; each member has some of them.
SETTINGS = {
    "alice": {"apply.whitespace": "error", "diff.noprefix": "true"},
    "bob": {"color.ui": "always", "merge.conflictStyle": "diff3", "core.quotePath": "false"},
    "charlie": {"core.autocrlf": "input", "pull.rebase": "true", "diff.mnemonicPrefix": "true"},
    "dana": {"core.excludesFile": "~/ignored", "status.short": "true", "diff.external": "false"},
    "erin": {"status.showUntrackedFiles": "no", "core.safecrlf": "true", "log.showRoot": "false"},
}


@dataclass
class Office:
    """What all members share.

    Attributes:
        folder: of everything.
        origin: the bare repository.
        environment: in which `quant` runs.
        today: the simulated day.
        number: of that day, from 1.
        pushes: how often develop was pushed.
        owned: the paths that the template owns, or owned in the last full comparison.
    """

    folder: Path
    origin: Path
    environment: TeamEnvironment
    today: date = date(2024, 1, 1)
    number: int = 0
    pushes: int = 0
    owned: Sequence[str] = ()

    def install_copier(self) -> None:
        """Put Copier on PATH, with its version said at once: each command asks for it."""
        program = self.folder / "bin" / "copier"
        program.parent.mkdir()
        real = Path(sys.executable).with_name("copier")
        version = metadata.version("copier")
        script = f'[ "$1" = --version ] && exec echo "copier {version}"\nexec "{real}" "$@"\n'
        program.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        program.chmod(0o755)


@dataclass
class Member:
    """One person and their clone."""

    handle: str
    office: Office
    branch: str = ""
    age: int = 0
    pending: Change = field(default_factory=Change)
    loose: dict[str, bytes] = field(default_factory=dict)
    rerun: list[str] = field(default_factory=list)
    operation: str = ""
    written: int = 0
    fetched: int = 0  # of the pushes
    merged: int = 0  # of the pushes, into the clone's own develop
    elsewhere: Path | None = None

    @property
    def clone(self) -> Path:
        """Where the member works: the clone, or for a moment a worktree of it."""
        return self.elsewhere or self.office.folder / "clones" / self.handle

    @property
    def home(self) -> Path:
        return self.office.folder / "homes" / self.handle

    def variables(self) -> dict[str, str]:
        """Return the environment of this member's commands, the date of the day included."""
        found = self.office.environment.environment(self.clone)
        moment = f"{self.office.today.isoformat()}T12:00:00+0000"
        folder = self.office.folder / "bin"
        return {
            **os.environ,
            **found,
            "PATH": f"{folder}{os.pathsep}{found['PATH']}",
            "HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": str(self.home / "gitconfig"),
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_DATE": moment,
            "TERM": "dumb",
        }

    def start(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone."""
        words = [str(word) for word in command]
        if words[0] == "quant":
            words[0] = str(self.office.environment.bin / "quant")
        self.operation = f"{self.handle}: {' '.join(words[:6])}"
        return subprocess.run(
            words,
            cwd=self.clone,
            env=self.variables(),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def run(self, *command: str | Path) -> str:
        """Run a command that has to succeed, and return what it printed.

        Raises:
            LostError: it failed.
        """
        done = self.start(*command)
        if done.returncode:
            raise LostError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def git(self, *arguments: str | Path) -> str:
        return self.run("git", *arguments)

    def git_in_clone(self, *arguments: str | Path) -> None:
        """Run git in the clone, even while the member works in a worktree of it."""
        kept, self.elsewhere = self.elsewhere, None
        try:
            self.git(*arguments)
        finally:
            self.elsewhere = kept

    def quant(self, *arguments: str | Path) -> str:
        return self.run("quant", *arguments)

    # --- files

    def read(self, path: str) -> str:
        return (self.clone / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        target = self.clone / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")

    def mark(self, path: str) -> str:
        """Return a new mark, which is to be written into a file on this branch."""
        self.written += 1
        mark = f"year-{self.office.number:04d}-{self.handle}-{self.written}"
        self.pending.marks[mark] = path
        return mark

    def leave_loose(self, path: str, content: bytes) -> None:
        """Write a file that no commit is to take up or touch."""
        target = self.clone / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self.loose[path] = content

    def check_loose(self) -> None:
        """Compare what was never committed and, if there was work today, what git says of it.

        Raises:
            LostError: it is gone or changed, or git names a change that nobody made.
        """
        for path, content in self.loose.items():
            target = self.clone / path
            if not target.is_file():
                raise LostError(f"{self.handle} had {path}, uncommitted: it is gone")
            if target.read_bytes() != content:
                raise LostError(f"{self.handle} had edits in {path}, uncommitted: they are gone")
        if not self.operation:
            return
        self.operation = ""
        options = ("-z", "--no-renames", "--untracked-files=all", "--porcelain")
        for entry in ask(self.clone, "status", *options).decode().split("\0"):
            if entry and entry[3:] not in self.loose:
                raise LostError(f"git status of {self.handle} shows {entry}, which nobody did")

    # --- branches

    def head(self) -> str:
        return ask(self.clone, "rev-parse", "HEAD").decode().strip()

    def fetch(self) -> None:
        """Fetch develop, unless nobody has pushed since."""
        if self.fetched != self.office.pushes:
            self.fetched = self.office.pushes
            self.git("fetch", "--quiet", "origin", "develop")

    def begin(self, topic: str) -> None:
        """Switch to a new branch off the newest develop."""
        self.fetch()
        self.branch = f"feature/{self.handle}/{topic}-{self.office.number}"
        self.git("switch", "--quiet", "--no-track", "-c", self.branch, "origin/develop")
        self.pending = Change()
        self.age = 0

    def commit(self, subject: str, *paths: str) -> None:
        """Stage some files and commit what is staged."""
        if paths:
            self.git("add", "--force", "--", *paths)
        self.git("commit", "--quiet", "-m", subject)
        self.pending.commits.add(self.head())

    def sweep(self) -> None:
        """Commit what is modified and was left for later; results and notebooks stay."""
        edited = [path for path in self.loose if not path.endswith(".ipynb")]
        paths = [path for path in edited if not path.startswith(RESULTS)]
        if paths:
            self.commit("docs: commit what was left", *paths)
            for path in paths:
                self.loose.pop(path, None)

    def push_branch(self) -> None:
        self.git("push", "--quiet", "origin", self.branch)

    def merge_locally(self) -> None:
        """Merge the branch into develop, locally, with a merge commit."""
        self.sweep()
        # Git takes a notebook whose outputs it does not see for unchanged, and a switch to a
        # branch with another version of it writes that one.
        for path in self.pending.files:
            self.loose.pop(path, None)
        self.fetch()
        self.git("switch", "--quiet", "develop")
        if self.merged != self.fetched:
            self.git("merge", "--quiet", "--ff-only", "origin/develop")
        self._merge("merge", "--quiet", "--no-ff", "--no-edit", self.branch)

    def publish(self) -> Change:
        """Push develop, after a pull if somebody was faster, and return what it brought."""
        if self.start("git", "push", "--quiet", "origin", "develop").returncode:
            self._merge("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "develop")
            self.git("push", "--quiet", "origin", "develop")
        self.office.pushes += 1
        self.fetched = self.merged = self.office.pushes
        done, self.pending, self.branch = self.pending, Change(), ""
        return done

    def _merge(self, command: str, *arguments: str) -> None:
        style = ("-c", "merge.conflictStyle=diff3")
        done = self.start("git", *style, command, *arguments)
        if done.returncode:
            paths = ask(self.clone, "diff", "--name-only", "-z", "--diff-filter=U").decode()
            if not paths:
                raise LostError(f"no conflict, and yet:\n{done.stdout}\n{done.stderr}")
            for path in paths.rstrip("\0").split("\0"):
                self.settle(path)
            self.git("commit", "--quiet", "--no-edit")
        self.pending.commits.add(self.head())

    def settle(self, path: str) -> None:
        """Settle a conflict in one file by keeping what both wrote."""
        stages = ask(self.clone, "ls-files", "-u", "-z", path).decode().split("\0")
        sides = {entry.split("\t")[0][-1] for entry in stages if entry}
        if not {"2", "3"} <= sides:
            here = year_text.marks(self.read(path))
            self.git("rm", "--quiet", "--force", path)
            self.repeat_in_notes([mark for mark in here if mark in self.pending.marks])
            return
        self.write(path, year_text.settled(self.read(path), path))
        if path.endswith(".py"):
            self.run(self.office.environment.bin / "ruff", "format", "--quiet", path)
        self.git("add", path)

    def repeat_in_notes(self, marks: Sequence[str]) -> None:
        """Write marks of a file that is gone into the team's own notes."""
        there = (self.clone / NOTES).is_file()
        if not marks and not there:
            return
        if not there:
            self.pending.texts[NOTES] = "# Notes"
        text = self.read(NOTES) if there else "# Notes\n"
        for mark in self.pending.taken:  # by this branch, while an update moved it here
            text = year_text.without(text, mark)
        lines = [f"{year_text.comment(NOTES, mark)}\n" for mark in marks]
        self.write(NOTES, text + "".join(lines))
        self.pending.marks.update(dict.fromkeys(marks, NOTES))
        self.git("add", NOTES)

    def agreed(self) -> set[str]:
        """Return what data.lock of the clone agrees on."""
        path = self.clone / LOCK
        return facts(path.read_text(encoding="utf-8")) if path.is_file() else set()
