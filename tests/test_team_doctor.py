"""`quant doctor` in a rendered repository names each planted fault and its fix."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TeamEnvironment, git

pytestmark = pytest.mark.full


def break_mode(repository: Path) -> None:
    (repository / ".env").chmod(0o644)


def break_env_tracked(repository: Path) -> None:
    git(repository, "add", "--force", ".env")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no environment file": (lambda r: (r / ".env").unlink(), "quant setup"),
    "readable by others": (break_mode, "chmod 600 .env"),
    "environment file in git": (break_env_tracked, "git rm --cached .env"),
    "hooks path": (lambda r: git(r, "config", "core.hooksPath", ".husky"), "quant setup"),
    "interpreter gone": (lambda r: git(r, "config", "quant.python", "/gone/python"), "quant setup"),
    "filter unset": (
        lambda r: git(r, "config", "--unset", "filter.quant-notebook.clean"),
        "quant setup",
    ),
    "mode lost": (
        lambda r: git(r, "update-index", "--chmod=-x", "hooks/pre-push"),
        "git update-index --chmod=+x hooks/pre-push",
    ),
    "hook overwritten": (
        lambda r: (r / "hooks" / "commit-msg").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8"),
        "git checkout HEAD -- hooks && rm",
    ),
    "hooks taken over": (
        lambda r: (r / "hooks" / "pre-commit").rename(r / "hooks" / "pre-commit.legacy"),
        "git checkout HEAD -- hooks && rm",
    ),
    "data not ignored": (
        lambda r: (r / ".gitignore").write_text(".env\n", encoding="utf-8"),
        "git checkout HEAD -- .gitignore",
    ),
    "nobody": (lambda r: git(r, "config", "--unset", "quant.member"), "quant setup --as HANDLE"),
    "code owners edited": (
        lambda r: (r / "infrastructure" / "permissions.yaml").write_text(
            (r / "infrastructure" / "permissions.yaml")
            .read_text(encoding="utf-8")
            .replace("login: null", 'login: "someone"', 1),
            encoding="utf-8",
        ),
        "quant team edit",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_doctor_names_the_fault_and_the_command(
    repository: Path, team_environment: TeamEnvironment, fault: str
) -> None:
    """Each planted fault is a FAIL line that ends with the command that fixes it; exit code 1."""
    plant, command = FAULTS[fault]
    plant(repository)
    done = team_environment.run(repository, "quant", "doctor", check=False)
    assert done.returncode == 1, done.stdout
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert any(command in line for line in failed), done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_is_content_with_a_fresh_repository(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """No FAIL line; the local template source is a warning with its remedy."""
    done = team_environment.run(repository, "quant", "doctor")
    assert "FAIL" not in done.stdout
    assert re.search(
        r"^warn  template: .*quant template source ADDRESS$", done.stdout, re.MULTILINE
    )


def test_doctor_says_which_source_won(repository: Path, team_environment: TeamEnvironment) -> None:
    """The environment wins over `.env`; the value of a secret is not printed."""
    done = team_environment.run(
        repository, "quant", "doctor", env={"TICKDB_API_KEY": "tk_test_0123456789"}
    )
    assert "TICKDB_BASE_URL=sandbox from .env" in done.stdout
    assert "TICKDB_API_KEY(set) from environment" in done.stdout
    assert "tk_test_0123456789" not in done.stdout + done.stderr
