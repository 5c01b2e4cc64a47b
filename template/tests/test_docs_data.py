"""The commands that docs/data.md prints run, each after the one before it."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "data.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
DEAD = "http://127.0.0.1:9"  # no network: nobody listens there

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the page's shell is sh")


@pytest.fixture
def shell(project: Path) -> dict[str, str]:
    """Return the environment of a shell in an empty project, in which `quant` is this one."""
    programs = project / "bin"
    programs.mkdir()
    quant = programs / "quant"
    call = f'{shlex.quote(sys.executable)} -c "from quant_team_cli.main import main; main()"'
    quant.write_text(f'#!/bin/sh\nexec {call} "$@"\n', encoding="utf-8")
    quant.chmod(quant.stat().st_mode | stat.S_IXUSR)
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HTTP_PROXY": DEAD,
        "HTTPS_PROXY": DEAD,
    }


def test_the_commands_of_the_page_run_in_their_order(shell: dict[str, str], project: Path) -> None:
    """Each block works on what the blocks before it made; nothing needs the network."""
    assert len(BLOCKS) > 3
    for block in BLOCKS:
        done = subprocess.run(
            ["sh", "-e", "-c", block],
            cwd=project,
            env=shell,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr


def test_no_command_of_the_page_stands_in_another_kind_of_block() -> None:
    """A block without a language would not be run."""
    fences = re.findall(r"^```(\w*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences[::2]) <= {"sh", "python"}
    assert set(fences[1::2]) == {""}


def test_every_command_of_data_is_on_the_page() -> None:
    """A command that nobody finds is not there."""
    from quant_team_data.commands import data

    page = PAGE.read_text(encoding="utf-8")
    for name in data.commands:
        assert f"quant data {name}" in page, name
