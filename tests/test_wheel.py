"""An ordinary install of a rendered repository holds all of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import Copy, TeamEnvironment, run

pytestmark = pytest.mark.full


def test_the_wheel_holds_every_package(
    copy: Copy, team_environment: TeamEnvironment, tmp_path: Path
) -> None:
    """An ordinary, non-editable install works too: the wheel names its packages and `load_env`."""
    folder = copy()
    target = tmp_path / "installed"
    install: list[str | Path] = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        target,
        folder,
    ]
    run(*install, cwd=tmp_path)
    packages = ["data", "features", "strategies", "backtest", "utils", "cli"]
    code = (
        f"import load_env, infrastructure, {', '.join('quant_team_' + name for name in packages)}"
    )
    python = team_environment.bin / "python"
    run(
        python, "-c", code, cwd=tmp_path, env={"PYTHONPATH": str(target), "QUANT_ROOT": str(folder)}
    )
