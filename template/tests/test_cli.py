"""The `quant` command: quick to list, plain when it refuses, completed by the shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from quant_team_cli.main import COMMANDS, load, versions

PLANNED = ["sweep", "results", "new", "stream", "secrets", "scale"]
HEAVY = "{'numpy', 'polars', 'pandas', 'httpx2', 'yaml', 'cryptography', 'msgspec'}"


def quant(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    code = "from quant_team_cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def completed(*words: str) -> list[str]:
    """Return what the shell offers for the last of the words."""
    variables = {
        "_QUANT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["quant", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = quant(**variables)
    assert done.returncode == 0, done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_loads_and_explains_itself(name: str) -> None:
    """Each target exists, is a command, and has help; the table's line begins with a verb."""
    target, line = COMMANDS[name]
    command = load(target)
    assert isinstance(command, click.Command)
    assert command.help
    assert line.endswith(".")


def test_help_lists_every_command_and_imports_none() -> None:
    """`quant --help` names every command and loads no heavy library."""
    code = (
        "import sys\n"
        "sys.argv = ['quant', '--help']\n"
        "from quant_team_cli import main\n"
        "try:\n"
        "    main.main()\n"
        "finally:\n"
        f"    heavy = {HEAVY} & set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert f"\n  {name}" in done.stdout


# --- versions


def test_the_version_names_package_template_and_python(root: Path) -> None:
    """One line, with the version of the template as it is recorded."""
    answers = yaml.safe_load((root / ".copier-answers.yml").read_text(encoding="utf-8"))
    done = quant("--version")
    assert done.returncode == 0
    assert done.stdout.strip() == versions()
    python = ".".join(str(part) for part in sys.version_info[:3])
    assert f"template {answers['_commit']}, Python {python}" in done.stdout


def test_the_version_is_shown_outside_a_project_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not known is called unknown."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    assert "template unknown" in quant("--version").stdout


# --- mistakes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["docter"], "There is no command 'docter': did you mean `quant doctor`?"),
        (["xyzzy"], "There is no command 'xyzzy': `quant --help` lists them."),
        (["run", "momentun"], "momentum"),
        (["setup", "--as", "nobody"], "nobody"),
        (["setup", "--bogus"], "--bogus"),
        (["--bogus"], "--bogus"),
        (["run"], "STRATEGY"),
        (["team", "lsit"], "lsit"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str) -> None:
    """Exit code not 0, one line on standard error behind the one prefix, no traceback."""
    done = quant(*arguments)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert done.stderr.startswith("quant: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", PLANNED)
def test_a_command_that_is_only_planned_suggests_no_other(name: str) -> None:
    """`quant sweep` is not a slip for `quant setup`."""
    if name in COMMANDS:
        return
    done = quant(name)
    assert done.returncode == 2
    assert f"There is no command {name!r}: `quant --help` lists them." in done.stderr


@pytest.mark.parametrize("arguments", [["--lookback", "10"], ["--unlock"], ["--unlockd"]])
def test_no_suggestion_switches_a_guard_off(arguments: list[str]) -> None:
    """Whatever was mistyped, `--unlocked` is never the answer."""
    done = quant("run", "momentum", *arguments)
    assert done.returncode == 2
    assert "--unlocked" not in done.stderr


def test_without_a_command_the_help_is_shown() -> None:
    """`quant` alone explains itself."""
    done = quant()
    assert "Usage: quant" in done.stderr
    assert "quant: " not in done.stderr.splitlines()[0]


def test_outside_a_project_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a root that is not there, the sentence names it."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path / "gone"))
    done = quant("doctor")
    assert done.returncode == 1
    assert done.stderr.startswith("quant: QUANT_ROOT names")


def test_a_missing_package_is_one_sentence(tmp_path: Path) -> None:
    """In an environment without one of the pins, the line that installs it."""
    (tmp_path / "msgspec.py").write_text("raise ModuleNotFoundError(name='msgspec')\n", "utf-8")
    roots = [str(tmp_path), *filter(None, sys.path)]
    done = quant("team", "list", PYTHONPATH=os.pathsep.join(roots))
    assert done.returncode == 1
    assert done.stderr.startswith("quant: msgspec is not installed in ")
    assert "pip install -r requirements.txt" in done.stderr


# --- completion


def test_commands_options_and_handles_complete(root: Path) -> None:
    """Names of commands, of options, and of active members."""
    assert completed("") == list(COMMANDS)
    assert completed("do") == ["doctor"]
    assert "--defaults" in completed("setup", "--de")
    from quant_team_utils import roster

    handles = [member.handle for member in roster.active(root)]
    assert completed("setup", "--as", "") == handles
    assert completed("setup", "--as", handles[0]) == [handles[0]]


def test_strategies_complete() -> None:
    """`quant run mom` finds the strategy."""
    assert completed("run", "mom") == ["momentum"]


def test_completion_outside_a_project_offers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell must not print a traceback because of a key that was pressed."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    assert completed("setup", "--as", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_documented(root: Path, shell: str) -> None:
    """The onboarding page has the line for it, and the line's script is printed."""
    page = (root / "docs" / "onboarding.md").read_text(encoding="utf-8")
    assert f"_QUANT_COMPLETE={shell}_source quant" in page
    done = quant(_QUANT_COMPLETE=f"{shell}_source")
    assert "_quant_completion" in done.stdout
