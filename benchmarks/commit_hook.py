"""What a commit costs with this project's hooks: directly, through runners, beside their peers,
when refused, and with a file to check.

    python benchmarks/commit_hook.py [ROUNDS]

Every row is one `git commit`, with the CPU of git and of all that it starts. The peers check
Conventional Commits, so `feat: ...` passes and `nonsense` fails everywhere; they run as installed
programs, which spares them their environment. The exit code is 1 above a limit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measure import Variant, environment, interleave, rendered, report, run
from release import BUNDLE
from tests.conftest import ROOT, git

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
PACKAGES = [
    "pre-commit==4.7.0",
    "prek==0.5.11",
    "conventional-pre-commit==4.4.0",
    "commitizen==4.19.3",
    "ruff",
]
PEERS = {
    "conventional-pre-commit": "conventional-pre-commit",
    "commitizen": "cz check --commit-msg-file",
}
RUNNERS = ("pre-commit", "prek")
BEFORE = "0.3.0"  # the last release whose file checks ran through prek
GOOD = "feat: add replay engine"
LOCAL = (
    "  - repo: local\n    hooks:\n"
    "      - {{id: x, name: x, entry: '{}', language: system, stages: [commit-msg], "
    "always_run: true, pass_filenames: {}}}\n"
)

# Times the CPU of a commit without hooks.
ALONE = "commit-msg"
BOTH = "commit-msg and hooks/pre-commit"
LIMITS = {ALONE: 1.5, BOTH: 2.0}
THROUGH_A_RUNNER = 1.1  # times the runner that starts `true`
FILE_CHECKS = 1.0  # times those of BEFORE


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
        self.python = environment(folder, *PACKAGES)
        self.bin = self.python.parent
        os.environ["PATH"] = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        self.team = rendered(folder)
        self.template = folder / "template"

    def repository(self, name: str) -> Path:
        """Return a new team repository without hooks, on a branch that takes commits."""
        repository = self.folder / name.replace(" ", "-").replace("/", "-")
        shutil.copytree(self.team, repository)
        git(repository, "init", "--quiet", "--initial-branch", "feature/alice/topic")
        git(repository, "config", "quant.python", self.python.as_posix())
        commit_all(repository)
        return repository

    def with_hooks(self, name: str, hooks: Path | str) -> Path:
        """Return a repository whose hooks are in a folder of its own or elsewhere."""
        repository = self.repository(name)
        git(repository, "config", "core.hooksPath", str(hooks))
        return repository

    def with_command(self, name: str, command: str) -> Path:
        """Return a repository whose commit-msg hook is a command."""
        hook = self.folder / f"hook-{name}" / "commit-msg"
        hook.parent.mkdir()
        hook.write_text(f'#!/bin/sh\nexec {command} "$1"\n')
        hook.chmod(0o755)
        return self.with_hooks(name, hook.parent)

    def through(self, runner: str, name: str, entry: str = "") -> Path:
        """Return a repository in which a runner calls a command, or this project's hook."""
        repository = self.repository(name)
        newest = git(self.template, "rev-parse", "HEAD")
        ours = f"  - repo: {self.template}\n    rev: {newest}\n"
        hook = f"{ours}    hooks: [{{id: commit-message}}]\n"
        if entry:
            takes_the_file = str(entry != "true").lower()
            hook = LOCAL.format(entry, takes_the_file)
        (repository / ".pre-commit-config.yaml").write_text(f"repos:\n{hook}")
        commit_all(repository)
        run(self.bin / runner, "install", "--hook-type", "commit-msg", cwd=repository)
        return repository

    def before(self) -> Path:
        """Return a repository with the hooks of the release before."""
        release = self.folder / "release"
        run("git", "clone", "--quiet", "--branch", BEFORE, BUNDLE, release, cwd=self.folder)
        repository = self.with_hooks(BEFORE, "hooks")
        shutil.rmtree(repository / "hooks")
        for source in (release / "template" / "hooks", release / "hooks"):
            shutil.copytree(source, repository / "hooks", dirs_exist_ok=True)
        shutil.copy2(release / "template" / ".pre-commit-config.yaml", repository)
        commit_all(repository)
        return repository


def commit_all(repository: Path) -> None:
    """Commit whatever has changed, past all hooks."""
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--no-verify", "-m", GOOD)


def accepted(repository: Path, message: str = GOOD) -> Variant:
    """Return a variant that makes an empty commit."""
    return lambda _: run("git", "commit", "--quiet", "--allow-empty", "-m", message, cwd=repository)


def refused(repository: Path) -> Variant:
    """Return a variant whose commit is refused."""

    def variant(_: int) -> None:
        try:
            run("git", "commit", "--quiet", "--allow-empty", "-m", "nonsense", cwd=repository)
        except subprocess.CalledProcessError:
            return
        raise AssertionError(f"{repository.name} accepted nonsense")

    return variant


def with_a_file(repository: Path) -> Variant:
    """Return a variant that stages and commits a new Python file."""

    def variant(number: int) -> None:
        (repository / f"module_{number + 1}.py").write_text(f'"""A module."""\n\nX = {number}\n')
        run("git", "add", "--all", cwd=repository)
        run("git", "commit", "--quiet", "-m", GOOD, cwd=repository)

    return variant


def empty_commits(bench: Bench, bare: Path, whole: Path) -> bool:
    """Measure empty commits and refused ones; return whether the limits are kept."""
    alone = bench.with_hooks("alone", ROOT / "hooks")
    variants = {
        "no hooks": accepted(bare),
        ALONE: accepted(alone),
        "commit-msg, judged by Python": accepted(alone, "feat: prüfe"),
        BOTH: accepted(whole),
        "refused: commit-msg": refused(alone),
        f"refused: {BOTH}": refused(whole),
    }
    for runner in RUNNERS:
        hook = bench.through(runner, f"{runner}, commit-msg")
        nothing = bench.through(runner, f"{runner}, nothing", "true")
        variants[floor_of(runner)] = accepted(nothing)
        variants[f"{runner}, commit-msg"] = accepted(hook)
        variants[f"refused: {runner}, commit-msg"] = refused(hook)
    for name, command in PEERS.items():
        direct = bench.with_command(name, command)
        through = bench.through("pre-commit", f"r-{name}", command)
        variants[name] = accepted(direct)
        variants[f"pre-commit, {name}"] = accepted(through)
        variants[f"refused: {name}"] = refused(direct)
        variants[f"refused: pre-commit, {name}"] = refused(through)
    figures = interleave(variants, ROUNDS)
    kept = report("An empty commit", figures, "no hooks", LIMITS)
    for runner in RUNNERS:
        rows = {name: figures[name] for name in (floor_of(runner), f"{runner}, commit-msg")}
        limits = {f"{runner}, commit-msg": THROUGH_A_RUNNER}
        kept &= report(f"The same through {runner}", rows, floor_of(runner), limits)
    return kept


def floor_of(runner: str) -> str:
    """Return the name of the row in which a runner starts next to nothing."""
    return f"{runner}, no hook but `true`"


def commits_of_a_file(bench: Bench, bare: Path, whole: Path) -> bool:
    """Measure a commit with a file, which is checked; return whether the limit is kept."""
    before = f"the hooks of {BEFORE}, through prek"
    variants = {
        before: with_a_file(bench.before()),
        BOTH: with_a_file(whole),
        "no hooks": with_a_file(bare),
    }
    figures = interleave(variants, ROUNDS)
    title = "A commit with one new Python file, `git add` included"
    return report(title, figures, before, {BOTH: FILE_CHECKS})


def main() -> int:
    """Measure, print the tables, and return 1 if a limit is exceeded."""
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        bare = bench.repository("no hooks")
        whole = bench.with_hooks("whole", "hooks")
        kept = empty_commits(bench, bare, whole)
        kept &= commits_of_a_file(bench, bare, whole)
    return 0 if kept else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        said = error.stdout + error.stderr
        sys.exit(f"{error}\n{said.decode(errors='replace')}")
