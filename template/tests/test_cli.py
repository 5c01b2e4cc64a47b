"""The `quant` command: quick to list, plain when it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from quant_team_cli.main import COMMANDS, load

LISTED = "import sys; sys.argv = ['quant', '--help']; from quant_team_utils import cli\n"


def quant(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from quant_team_cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_loads_and_explains_itself(name: str) -> None:
    """Each target exists, is a command, and has help."""
    command = load(COMMANDS[name][0])
    assert isinstance(command, click.Command)
    assert command.help


def test_help_lists_every_command_and_imports_none() -> None:
    """`quant --help` names every command and loads no heavy library."""
    code = LISTED + (
        "try:\n    cli.main()\nfinally:\n"
        "    heavy = {'numpy', 'polars', 'pandas', 'httpx2', 'yaml', 'cryptography'} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert f"\n  {name}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["docter"], "There is no command 'docter': did you mean `quant doctor`?"),
        (["xyzzy"], "There is no command 'xyzzy': `quant --help` lists them."),
        (["run", "momentun"], "momentum"),
        (["setup", "--as", "nobody"], "nobody"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str) -> None:
    """Exit code not 0, the sentence on standard error, no traceback."""
    done = quant(*arguments)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_a_project_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a root that is not there, the sentence names it."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path / "gone"))
    done = quant("doctor")
    assert done.returncode == 1
    assert done.stderr.startswith("quant: QUANT_ROOT names")
