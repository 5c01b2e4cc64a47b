"""Every test runs on the sandbox, without a key, whatever the machine's own settings say."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from quant_team_data import data_client
from quant_team_data.tickdb import TickDBClient
from quant_team_utils import git, settings
from tests.service import Clock, Service

# The same examples in every run: what passes here passes for a colleague and in CI.
hypothesis.settings.register_profile("team", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("team")
ROOT = Path(__file__).resolve().parent.parent
# What the checks do not read, or what a clone does not have.
LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".env",
    ".*_cache",
    ".hypothesis",
    "data",
    "docs",
    "notebooks",
    "results",
    "src",
    "tests",
)


@pytest.fixture(autouse=True)
def _sandboxed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TICKDB_BASE_URL", "sandbox")
    monkeypatch.setenv("QUANT_ROOT", str(ROOT))


@pytest.fixture
def root() -> Path:
    """Return the root of this repository."""
    return ROOT


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Give a test an empty cache, and a sandbox whose clock stands still."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    with data_client.using(TickDBClient("sandbox", clock=Clock())):
        yield


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in an empty project, as the member bob, whatever the machine's git says."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "quant.member")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "bob")
    return tmp_path


@pytest.fixture
def service() -> Iterator[Service]:
    """Stand in for TickDB, as `Service` says."""
    fake = Service()
    with fake.using():
        yield fake


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository without a commit, untouched by the user's own configuration."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    root = tmp_path / "repository"
    root.mkdir()
    git.run(root, "init", "--quiet", "--initial-branch", "main")
    git.run(root, "config", "user.name", "Alice")
    git.run(root, "config", "user.email", "alice@users.noreply.invalid")
    return root


def make_clone(root: Path, folder: Path) -> Path:
    """Copy what `quant doctor` reads, commit it, and configure it as `quant setup` does.

    The copy is small, to be broken: it has no packages; those that run are this repository's own.
    """
    from infrastructure import access
    from quant_team_cli.checks_repository import PROGRAMS, hook_settings
    from quant_team_utils import roster

    shutil.copytree(root, folder, ignore=LEFT_OUT)
    answers = folder / ".copier-answers.yml"
    text = answers.read_text(encoding="utf-8")
    # A local path is not asked for newer versions, so no test needs the network.
    answers.write_text(re.sub(r"(?m)^_src_path: .*$", "_src_path: /gone", text), encoding="utf-8")
    access.compile(folder)
    configuration = {
        **hook_settings(),
        "core.hooksPath": "/dev/null",
        "quant.member": roster.active(root)[0].handle,
        "user.name": "Tester",
        "user.email": "tester@users.noreply.invalid",
    }
    git.run(folder, "init", "--quiet", "--initial-branch=main")
    for key, value in configuration.items():
        git.run(folder, "config", key, value)
    git.run(folder, "add", "--all")
    git.run(folder, "update-index", "--chmod=+x", *PROGRAMS)
    git.run(folder, "commit", "--quiet", "-m", "feat: start the team repository")
    git.run(folder, "config", "core.hooksPath", "hooks")
    shutil.copyfile(root / ".env.example", folder / ".env")
    (folder / ".env").chmod(0o600)
    return folder
