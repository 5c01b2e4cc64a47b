"""The hooks through pre-commit and prek, in any repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import git

pytestmark = pytest.mark.full
RUNNERS = ["pre-commit", "prek"]
CONFIG = """\
default_install_hook_types: [pre-commit, commit-msg]
repos:
  - repo: {template}
    rev: {revision}
    hooks:
      - id: commit-message
        args: [{arguments}]
"""


def program(name: str) -> str:
    """Return a program beside this Python, or on PATH; requirements.txt pins it."""
    found = shutil.which(
        name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    assert found, f"{name} is not installed: pip install -r requirements.txt"
    return found


def start(cwd: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command there, without a network: git may only read from this machine."""
    offline = {
        "GIT_ALLOW_PROTOCOL": "file",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    homes = {"PRE_COMMIT_HOME": str(cwd.parent / "cache"), "PREK_HOME": str(cwd.parent / "cache")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **offline, **homes, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("runner", RUNNERS)
def test_any_repository_can_use_the_hook_through_a_runner(
    template: Path, tmp_path: Path, runner: str
) -> None:
    """Plain `install` is enough; messages are judged as git records them, in six lines."""
    stranger = tmp_path / "a stranger"
    stranger.mkdir()
    git(stranger, "init", "-q")
    config = CONFIG.format(
        template=template.as_posix(), revision=git(template, "rev-parse", "HEAD"), arguments=""
    )
    (stranger / ".pre-commit-config.yaml").write_text(config, encoding="utf-8")
    git(stranger, "add", ".pre-commit-config.yaml")
    assert start(stranger, program(runner), "install").returncode == 0
    assert (stranger / ".git" / "hooks" / "commit-msg").exists()

    done = start(stranger, "git", "commit", "-m", "feat: first")
    assert done.returncode == 0, done.stderr
    for message in ("# hash line\nfeat: looks fine", "feature: x", "feat(loader): x"):
        refused = start(stranger, "git", "commit", "--allow-empty", "-m", message)
        assert refused.returncode == 1, refused.stdout + refused.stderr
        said = (refused.stdout + refused.stderr).splitlines()
        first = next(number for number, line in enumerate(said) if "commit-msg: " in line)
        assert len([line for line in said[first:] if line.strip()]) <= 6
        assert (stranger / ".git" / "COMMIT_EDITMSG.refused").read_text(
            encoding="utf-8"
        ) == f"{message}\n"
    editor = tmp_path / "editor.sh"
    editor.write_text(
        'printf "fix: x\\n" | cat - "$1" >"$1.new" && mv "$1.new" "$1"\n', encoding="utf-8"
    )
    assert (
        start(stranger, "git", "commit", "--allow-empty", GIT_EDITOR=f"sh {editor}").returncode == 0
    )

    (stranger / ".pre-commit-config.yaml").write_text(
        config.replace("[]", "[--allow-scopes]"), encoding="utf-8"
    )
    git(stranger, "add", ".pre-commit-config.yaml")
    assert start(stranger, "git", "commit", "-m", "feat(loader)!: x").returncode == 0
    assert git(stranger, "log", "--format=%s").splitlines() == [
        "feat(loader)!: x",
        "fix: x",
        "feat: first",
    ]
