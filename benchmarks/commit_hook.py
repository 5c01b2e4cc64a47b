"""What a commit costs with the commit-message hook: directly, through runners, beside its peers,
and when refused.

    python benchmarks/commit_hook.py [ROUNDS]

Every row is one `git commit`, with the CPU of git and of all that it starts. The peers check
Conventional Commits, so `feat: ...` passes and `nonsense` fails everywhere; they run as installed
programs, which spares them their environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measure import interleave, report, run
from tests.conftest import ROOT, git, snapshot

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
PACKAGES = [
    "pre-commit==4.7.0",
    "prek==0.5.11",
    "conventional-pre-commit==4.4.0",
    "commitizen==4.19.3",
    "ruff",
]
GOOD = "feat: add replay engine"
LOCAL = (
    "  - repo: local\n    hooks:\n"
    "      - {{id: x, name: x, entry: '{}', language: system, stages: [commit-msg], "
    "always_run: true, pass_filenames: {}}}\n"
)


class Bench:
    """Repositories under one folder, and the programs to compare."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "gitconfig").write_text(
            "[user]\n\tname = Bench\n\temail = bench@users.noreply.invalid\n"
        )
        os.environ.update(
            GIT_CONFIG_GLOBAL=str(folder / "gitconfig"),
            GIT_CONFIG_NOSYSTEM="1",
            PRE_COMMIT_HOME=str(folder / "cache"),
            PREK_HOME=str(folder / "prek"),
        )
        self.bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        uv = [sys.executable, "-m", "uv"]
        run(*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
        install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python"]
        run(*install, self.bin / "python", *PACKAGES, cwd=folder)
        (folder / "template").mkdir()
        self.template = snapshot(folder / "template")
        os.environ["PATH"] = f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    def repository(self, name: str) -> Path:
        """Return a new repository with one commit, on a branch that takes commits."""
        repository = self.folder / name.replace(" ", "-").replace("+", "and")
        repository.mkdir()
        git(repository, "init", "--quiet", "--initial-branch", "feature/alice/topic")
        (repository / "README.md").write_text("x\n")
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "-m", GOOD)
        return repository

    def directly(self, name: str, *hooks: Path, command: str = "") -> Path:
        """Return a repository whose hooks are these files, or whose commit-msg hook is this
        command.
        """
        repository = self.repository(name)
        folder = repository / ".git" / "hooks"
        git(repository, "config", "core.hooksPath", folder.as_posix())
        git(repository, "config", "quant.python", (self.bin / "python").as_posix())
        for hook in hooks:
            shutil.copy2(hook, folder / hook.name)
        if command:
            (folder / "commit-msg").write_text(f'#!/bin/sh\nexec {command} "$1"\n')
            (folder / "commit-msg").chmod(0o755)
        return repository

    def through(self, runner: str, name: str, entry: str = "") -> Path:
        """Return a repository in which a runner calls a command, nothing at all (`true`), or our
        hook.
        """
        repository = self.repository(name)
        ours = f"  - repo: {self.template}\n    rev: {git(self.template, 'rev-parse', 'HEAD')}\n"
        hook = (
            LOCAL.format(entry, str(entry != "true").lower())
            if entry
            else f"{ours}    hooks: [{{id: commit-message}}]\n"
        )
        (repository / ".pre-commit-config.yaml").write_text(f"repos:\n{hook}")
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "-m", GOOD)
        run(self.bin / runner, "install", "--hook-type", "commit-msg", cwd=repository)
        return repository


def accepted(repository: Path, message: str = GOOD) -> Callable[[int], None]:
    """Return a variant that makes an empty commit."""
    return lambda _: run("git", "commit", "--quiet", "--allow-empty", "-m", message, cwd=repository)


def refused(repository: Path) -> Callable[[int], None]:
    """Return a variant whose commit is refused."""

    def variant(_: int) -> None:
        try:
            run("git", "commit", "--quiet", "--allow-empty", "-m", "nonsense", cwd=repository)
        except subprocess.CalledProcessError:
            return
        raise AssertionError(f"{repository.name} accepted nonsense")

    return variant


def with_a_file(repository: Path) -> Callable[[int], None]:
    """Return a variant that stages and commits a new Python file."""

    def variant(number: int) -> None:
        (repository / f"module_{number + 1}.py").write_text(f'"""A module."""\n\nX = {number}\n')
        run("git", "add", "--all", cwd=repository)
        run("git", "commit", "--quiet", "-m", GOOD, cwd=repository)

    return variant


PEERS = {
    "conventional-pre-commit": "conventional-pre-commit",
    "commitizen": "cz check --commit-msg-file",
}
RUNNERS = ("pre-commit", "prek")


def empty_commits(bench: Bench, bare: Path, whole: Path) -> bool:
    """Measure empty commits and refused ones; return whether the limits are kept."""
    alone = bench.directly("commit-msg", *sources())
    variants = {
        "no hooks": accepted(bare),
        "commit-msg": accepted(alone),
        "commit-msg, judged by Python": accepted(alone, "feat: prüfe"),
        "commit-msg and hooks/pre-commit": accepted(whole),
        "refused: commit-msg": refused(alone),
    }
    for runner in RUNNERS:
        floor = bench.through(runner, f"{runner}, nothing", "true")
        hook = bench.through(runner, f"{runner}, commit-msg")
        variants[f"{runner}, no hook but `true`"] = accepted(floor)
        variants[f"{runner}, commit-msg"] = accepted(hook)
        variants[f"refused: {runner}, commit-msg"] = refused(hook)
    for name, command in PEERS.items():
        direct = bench.directly(name, command=command)
        through = bench.through("pre-commit", f"r-{name}", command)
        variants[name] = accepted(direct)
        variants[f"pre-commit, {name}"] = accepted(through)
        variants[f"refused: {name}"] = refused(direct)
        variants[f"refused: pre-commit, {name}"] = refused(through)
    figures = interleave(variants, ROUNDS)
    kept = report("An empty commit", figures, "no hooks", {"commit-msg": 1.5})
    for runner in RUNNERS:
        floor_name = f"{runner}, no hook but `true`"
        hook_name = f"{runner}, commit-msg"
        rows = {
            floor_name: figures[floor_name],
            hook_name: figures[hook_name],
        }
        title = f"The same through {runner}"
        kept &= report(title, rows, floor_name, {hook_name: 1.1})
    return kept


def commits_of_a_file(bare: Path, whole: Path) -> None:
    """Measure a commit with a file, which is checked."""
    for repository in (whole, bare):
        shutil.copy2(ROOT / "template" / "pyproject.toml", repository)
        for folder in ("hooks", "src/utils"):
            shutil.copytree(ROOT / "template" / folder, repository / folder)
        for path in sources():
            shutil.copy2(path, repository / "hooks")
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--no-verify", "-m", GOOD)
    git(whole, "config", "core.hooksPath", "hooks")
    variants = {
        "no hooks": with_a_file(bare),
        "commit-msg and hooks/pre-commit": with_a_file(whole),
    }
    figures = interleave(variants, ROUNDS)
    report("A commit with one new Python file, `git add` included", figures, "no hooks", {})


def sources() -> list[Path]:
    """Return the files of the commit-message hook."""
    return [path for path in (ROOT / "hooks").iterdir() if path.is_file()]


def main() -> int:
    """Measure, print the tables, and return 1 if a limit is exceeded."""
    checks = [ROOT / "template" / "hooks" / name for name in ("pre-commit", "file_checks.py")]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        bare = bench.repository("no hooks")
        whole = bench.directly("commit-msg + pre-commit", *sources(), *checks)
        kept = empty_commits(bench, bare, whole)
        commits_of_a_file(bare, whole)
    return 0 if kept else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"{error}\n{error.stdout.decode(errors='replace')}{error.stderr.decode(errors='replace')}"
        )
