"""The hooks through pre-commit and prek, in a stranger's repository and in a team's."""

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


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_team_s_file_checks_run_through_either_runner(
    default_team: Path, tmp_path: Path, runner: str
) -> None:
    """`hooks/pre-commit` finds the runner beside the team's Python; what is staged counts."""
    team = Path(shutil.copytree(default_team, tmp_path / "team"))
    environment = tmp_path / "environment"
    environment.mkdir()
    for name, target in (
        ("python", sys.executable),
        ("ruff", program("ruff")),
        (runner, program(runner)),
    ):
        # Not a link: Python would take the folder of the link for its environment.
        (environment / name).write_text(f'#!/bin/sh\nexec "{target}" "$@"\n', encoding="utf-8")
        (environment / name).chmod(0o755)
    shutil.copy2(
        shutil.which("true") or "true", environment / "quant"
    )  # compiled access files have their own tests
    minimal = os.pathsep.join(
        [str(environment), str(Path(program("git")).parent), "/usr/bin", "/bin"]
    )
    git(team, "init", "-q")
    git(team, "config", "core.hooksPath", "hooks")
    git(team, "config", "quant.python", (environment / "python").as_posix())
    git(team, "add", "--all")
    first = start(team, "git", "commit", "-m", "feat: first", PATH=minimal)
    assert (first.returncode, first.stderr) == (0, "")
    git(team, "switch", "-q", "-c", "feature/alice/topic")

    for name, content, word in (
        ("src/utils/quant_team_utils/bad.py", "import os\n", "F401"),
        ("src/utils/quant_team_utils/bad.py", "x=1\n", "be reformatted"),
        ("notes.md", "<<<<<<< ours\n", "is a conflict marker"),
        ("prices.parquet", "x\n", "git rm --cached"),
    ):
        (team / name).write_text(content, encoding="utf-8")
        git(team, "add", "-f", name)
        done = start(team, "git", "commit", "-m", "feat: x", PATH=minimal)
        assert done.returncode == 1, name
        assert word in done.stderr
        (team / name).unlink()
        git(team, "rm", "-q", "--cached", name)

    (team / "src/utils/quant_team_utils/good.py").write_text("x = 1\n", encoding="utf-8")
    git(team, "add", "src")
    done = start(team, "git", "commit", "-m", "feat: x", PATH=minimal)
    assert (done.returncode, done.stderr) == (0, "")

    (team / "forced.csv").write_text("a,b\n", encoding="utf-8")
    git(team, "add", "-f", "forced.csv")
    git(team, "commit", "-q", "--no-verify", "-m", "data: forced")
    done = start(
        team, program(runner), "run", "--from-ref", "HEAD~1", "--to-ref", "HEAD", PATH=minimal
    )
    assert done.returncode == 1
    assert "forced.csv" in done.stdout
