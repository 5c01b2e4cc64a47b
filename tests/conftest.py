"""A snapshot of the working tree as a clean template repository, copies of it, and an environment
to run them in.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from release import BUNDLE, add_release, open_history

ROOT = Path(__file__).resolve().parent.parent
BIN = "Scripts" if os.name == "nt" else "bin"

Copy = Callable[..., Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a simulated year (test_year.py) be longer, or another one."""
    parser.addoption("--year-days", type=int, default=250, help="Working days [250].")
    parser.addoption("--year-seed", type=int, default=1, help="What decides the year [1].")


def plain_settings() -> None:
    """Hide the settings of the person or machine that runs the tests: git's, Copier's, the
    project's own.
    """
    folder = Path(tempfile.mkdtemp(prefix="settings-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "gitconfig").write_text(
        "[user]\n\tname = Tester\n\temail = tester@users.noreply.invalid\n"
        "[init]\n\tdefaultBranch = main\n",
        encoding="utf-8",
    )
    (folder / "copier.yml").write_text("{}\n", encoding="utf-8")
    os.environ.update(
        GIT_CONFIG_GLOBAL=str(folder / "gitconfig"),
        GIT_CONFIG_NOSYSTEM="1",
        COPIER_SETTINGS_PATH=str(folder / "copier.yml"),
    )
    for name in list(os.environ):
        if name.startswith(("TICKDB_", "QUANT_", "DEFAULT_BACKTEST_", "SECRETS_")) or name in (
            "GIT_DIR",
            "PYTHONPATH",
        ):
            del os.environ[name]


# At import: the library with which Copier calls git copies the environment once, when Copier is
# imported.
plain_settings()


def run(
    *command: str | Path, cwd: Path, check: bool = True, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with output captured as text; a failure shows all of it."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if check and done.returncode:
        pytest.fail(
            f"{command} in {cwd} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done


def git(cwd: Path, *arguments: str, check: bool = True) -> str:
    """Run git and return its standard output."""
    return run("git", *arguments, cwd=cwd, check=check).stdout.rstrip("\n")


def snapshot(target: Path) -> Path:
    """Copy the working tree, uncommitted changes included, into a new git repository with one
    commit.
    """
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    git(target, "init", "--quiet")
    git(target, "add", "--all")
    git(target, "commit", "--quiet", "-m", "feat: snapshot")
    return target


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a git repository that holds the working tree as its one commit."""
    return snapshot(tmp_path_factory.mktemp("template"))


def copy_template(template: Path, target: Path, data: Mapping[str, Any] | None = None) -> Path:
    """Copy the template as a stranger would: no trust, messages on, default answers but for
    `data`.
    """
    import copier

    copier.run_copy(
        str(template), target, data=dict(data or {}), defaults=True, unsafe=False, quiet=False
    )
    return target


@pytest.fixture
def copy(template: Path, tmp_path: Path) -> Copy:
    """Return a function that copies the template into a new folder: `copy(name="team",
    **answers)`.
    """

    def copy(name: str = "team", **answers: object) -> Path:
        return copy_template(template, tmp_path / name, answers)

    return copy


@pytest.fixture(scope="session")
def default_team(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one copy with the default answers; tests read it and never write to it."""
    return copy_template(template, tmp_path_factory.mktemp("default") / "team")


class TeamEnvironment:
    """A virtual environment with the pins of a rendered repository; `quant` comes from the
    repository asked for.

    One environment serves every repository of a run: the packages are the same, and PYTHONPATH
    puts the source roots of the repository in question before those of the one that was installed.
    """

    def __init__(self, folder: Path, repository: Path) -> None:
        self.bin = folder / BIN
        run(
            sys.executable,
            "-m",
            "uv",
            "venv",
            "--quiet",
            "--python",
            sys.executable,
            folder,
            cwd=repository,
        )
        pins: list[str | Path] = [
            "-r",
            "requirements.txt",
            "-e",
            ".[notebook]",
            "-c",
            ROOT / "requirements.txt",
        ]
        run(
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            "--python",
            folder,
            *pins,
            cwd=repository,
        )

    def environment(self, repository: Path) -> dict[str, str]:
        """Return the variables that make this environment the active one, for one repository."""
        roots = [
            str(repository / "src" / name)
            for name in ("data", "features", "strategies", "backtest", "utils", "cli")
        ]
        return {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.bin.parent),
            "PYTHONPATH": os.pathsep.join([*roots, str(repository)]),
        }

    def run(
        self,
        repository: Path,
        *command: str | Path,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of this environment in a repository."""
        program = shutil.which(str(command[0]), path=str(self.bin)) or str(command[0])
        variables = {**self.environment(repository), **(env or {})}
        return run(program, *command[1:], cwd=repository, check=check, env=variables)

    def test(self, repository: Path, env: Mapping[str, str] | None = None) -> None:
        """Run the tests of a repository, in two processes: one alone takes minutes."""
        modules = sorted((repository / "tests").glob("test_*.py"))
        halves = [modules[::2], modules[1::2]]

        def run_half(half: list[Path]) -> str:
            words: list[str | Path] = ["pytest", "-q", "-p", "no:cacheprovider", *half]
            return self.run(repository, *words, env=env).stdout

        with ThreadPoolExecutor(len(halves)) as pool:
            for output in pool.map(run_half, halves):
                assert re.search(r"\d+ passed", output)


@pytest.fixture(scope="session")
def team_environment(
    default_team: Path, tmp_path_factory: pytest.TempPathFactory
) -> TeamEnvironment:
    """Return an environment in which rendered repositories run."""
    return TeamEnvironment(tmp_path_factory.mktemp("environment") / "venv", default_team)


@pytest.fixture(scope="session")
def started(
    template: Path, team_environment: TeamEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a copy on which `quant setup --defaults` has run; tests take a copy of it through
    `repository`.
    """
    folder = copy_template(template, tmp_path_factory.mktemp("started") / "team")
    team_environment.run(folder, "quant", "setup", "--defaults")
    return folder


@pytest.fixture
def repository(started: Path, tmp_path: Path) -> Path:
    """Return a team repository of one's own, set up as alice, on develop."""
    folder = tmp_path / "team"
    shutil.copytree(started, folder, symlinks=True)
    return folder


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    """Return a fresh clone of a team repository whose origin has `main` and `develop`; nothing is
    set up in it.
    """
    origin = tmp_path / "origin.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(origin))
    git(origin, "symbolic-ref", "HEAD", "refs/heads/main")
    git(tmp_path, "clone", "--quiet", str(origin), str(tmp_path / "clone"))
    return tmp_path / "clone"


@pytest.fixture(scope="session")
def history(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return every release, the working tree as the next, and one more in which every file has
    changed.
    """
    folder = open_history(BUNDLE, tmp_path_factory.mktemp("releases") / "history")
    add_release(folder, template, "9999.0.0")
    changed = tmp_path_factory.mktemp("changed") / "template"
    shutil.copytree(template, changed, ignore=shutil.ignore_patterns(".git"))
    for path in (changed / "template").rglob("*"):
        if path.is_file():
            path.write_text(
                "# the template's new line\n" + path.read_text("utf-8"),
                encoding="utf-8",
                newline="\n",
            )
    add_release(folder, changed, "9999.1.0")
    return folder
