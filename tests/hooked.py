"""Repositories with hooks, for the tests of the hooks."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, git

HOOKS = ROOT / "template" / "hooks"
Done = subprocess.CompletedProcess[str]
BRANCH = "feature/alice/topic"
# As `quant setup` configures it, on the attributes of a team repository.
FILTER = {
    "filter.quant-notebook.clean": "hooks/strip-notebook",
    "filter.quant-notebook.smudge": "cat",
    "filter.quant-notebook.required": "true",
}
ATTRIBUTES = "* text=auto eol=lf\n*.ipynb text eol=lf filter=quant-notebook\n"


class Repository:
    """A repository with one good commit and the hook."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        git(folder, "init", "-q")
        git(folder, "config", "core.hooksPath", (ROOT / "hooks").as_posix())
        self.write("first\n")
        git(folder, "commit", "-q", "-m", "feat: first")

    def write(self, text: str, name: str = "file") -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        git(self.folder, "add", name)

    def __call__(
        self,
        *arguments: str,
        writes: str | None = None,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> Done:
        """Run git there; `writes` is typed into the editor, else the draft stays as it is."""
        environment = dict(env or {})
        if writes is not None:
            (self.folder.parent / "typed").write_bytes(writes.encode())
            script = self.folder.parent / "editor.sh"
            script.write_text(
                'cat "${0%/*}/typed" "$1" >"$1.new" && mv "$1.new" "$1"\n', encoding="utf-8"
            )
            environment["GIT_EDITOR"] = f"sh {shlex.quote(script.as_posix())}"
        else:
            environment.setdefault("GIT_EDITOR", "true")
        return subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )

    def subject(self, commit: str = "HEAD") -> str:
        return git(self.folder, "log", "-1", "--format=%s", commit)

    def git(self, *arguments: str) -> str:
        """Run git with its own editor, and return what it prints."""
        return git(self.folder, *arguments)

    def commit(self, message: str, *options: str) -> None:
        """Commit what is staged."""
        self.git("commit", "-q", *options, "-m", message)

    def switch(self, branch: str, *options: str) -> None:
        """Switch to a branch, or with `-b` to a new one."""
        self.git("checkout", "-q", *options, branch)

    @property
    def kept(self) -> Path:
        return self.folder / ".git" / "COMMIT_EDITMSG.refused"


def again(done: Done) -> list[str]:
    """Return the command that a refusal prints, as arguments of git."""
    line = next(line for line in done.stderr.splitlines() if line.strip().startswith("again:"))
    return shlex.split(line.partition("again:")[2].partition("   (")[0])[1:]


def start(
    cwd: Path, *command: str | Path, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command there and return what it said."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        input=given,
        capture_output=True,
        encoding="utf-8",
    )


def make_team(folder: Path) -> Path:
    """Return a repository on `main` with one commit and the hooks of a team of alice and bob.

    It is alice's. `runs` says how often the file checks have run.
    """
    team = folder / "team"
    (team / "hooks").mkdir(parents=True)
    for source in (ROOT / "hooks", HOOKS):
        for path in source.iterdir():
            if path.is_file() and path.suffix != ".jinja":
                shutil.copy2(path, team / "hooks" / path.name)
    shutil.copy2(ROOT / "template" / "pyproject.toml", team)
    utils = Path("src", "utils", "quant_team_utils")
    (team / utils).mkdir(parents=True)
    for name in ("__init__.py", "secret_patterns.py"):
        shutil.copy2(ROOT / "template" / utils / name, team / utils)
    (team / "hooks" / "handles").write_text("alice\nbob\n", encoding="utf-8")
    environment = folder / "environment"
    environment.mkdir()
    # Not a link: a log of what it runs. The programs of the checks lie beside the real one.
    (environment / "python").write_text(
        f'#!/bin/sh\necho "$@" >>"$0.log"\nexec {shlex.quote(sys.executable)} "$@"\n',
        encoding="utf-8",
    )
    (environment / "python").chmod(0o755)
    git(team, "init", "-q")
    for name, value in (
        ("core.hooksPath", "hooks"),
        ("quant.member", "alice"),
        ("quant.python", ""),
    ):
        git(team, "config", name, value or (environment / "python").as_posix())
    git(team, "add", "--all")
    git(team, "commit", "-q", "--no-verify", "-m", "feat: first")
    git(team, "branch", "develop")
    return team


def runs(team: Path) -> int:
    """Return how often the file checks have run in a team of `make_team`."""
    log = team.parent / "environment" / "python.log"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return len([line for line in lines if "file_checks.py" in line])


def stage(team: Path, name: str = "file", content: str = "x\n") -> None:
    (team / name).parent.mkdir(parents=True, exist_ok=True)
    (team / name).write_text(content, encoding="utf-8")
    git(team, "add", "-f", name)


def make_filtered_team(folder: Path) -> Path:
    """Return such a repository with the filters of a team, on a branch of alice's."""
    team = make_team(folder)
    git(team, "switch", "-q", "-c", BRANCH)
    for name, value in FILTER.items():
        git(team, "config", name, value)
    stage(team, ".gitattributes", ATTRIBUTES)
    git(team, "commit", "-q", "-m", "feat: attributes")
    return team


def commit(team: Path, *options: str, **environment: str) -> Done:
    """Commit what is staged with a good message, unless the options bring another one."""
    if not options:
        options = ("-m", "feat: x")
    return start(team, "git", "commit", *options, **environment)


def refused(done: Done, *words: str) -> None:
    """Assert that a commit was refused, with these words."""
    assert done.returncode == 1, done.stderr
    for word in words:
        assert word in done.stderr


def taken(done: Done) -> None:
    """Assert that a commit was made."""
    assert done.returncode == 0, done.stderr
