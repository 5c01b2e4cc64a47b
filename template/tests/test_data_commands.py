"""The commands `quant data`: their help, and how one leads to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from quant_team_data.commands import data, sandbox
from tests.cached import quant_data

pytestmark = pytest.mark.usefixtures("project")


def test_imported_bars_are_locked_and_verified_under_their_name(project: Path) -> None:
    """`quant data import` prints the next steps, and the lock carries the vendor's name."""
    path = project / "bars.csv"
    text = "time,open,high,low,close,volume\n2024-01-02T14:30Z,1,1,1,1,1\n"
    path.write_text(text, encoding="utf-8")
    options = ["--symbol", "AAPL.US", "--interval", "1h", "--source", "acme"]
    done = quant_data("import", str(path), *options)
    assert "imported: 1 bar of AAPL.US 1h of import:acme" in done.output
    assert "quant data lock AAPL.US --source import:acme" in done.output
    assert quant_data("lock", "AAPL.US").exit_code == 1  # the sandbox has none
    assert quant_data("lock", "AAPL.US", "--source", "import:acme").exit_code == 0
    assert "1 of 1 month is the same here" in quant_data("verify").output
    locked = (project / "data.lock").read_text(encoding="utf-8")
    assert "import:acme stock AAPL.US 1h 2024-01" in locked


def test_an_unknown_option_never_suggests_to_accept_a_revision() -> None:
    """`--accep` does not suggest `--accept`; `--reaso` suggests `--reason`."""
    assert "--accept" not in quant_data("lock", "--accep").output
    assert "--reason" in quant_data("lock", "--reaso").output


def test_the_sandbox_lists_its_symbols() -> None:
    """One a line; nothing is served."""
    done = CliRunner().invoke(sandbox, ["--symbols"])
    assert {"AAPL.US", "XAUUSD", "700.HK"} <= set(done.output.split())


def commands() -> Iterator[click.Command]:
    yield data
    yield sandbox
    yield from data.commands.values()


VERBS = {
    "Accept",
    "Begin",
    "Compare",
    "Do",
    "End",
    "Fetch",
    "Give",
    "Import",
    "Leave",
    "List",
    "Listen",
    "Lock",
    "Multiply",
    "Name",
    "Read",
    "Record",
    "Remove",
    "Say",
    "Serve",
    "Set",
    "Show",
    "Split",
    "Take",
    "Use",
    "Write",
}


def test_every_command_and_option_has_help() -> None:
    """Help begins with a verb and ends with a full stop."""
    for command in commands():
        helps = [command.help or ""]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                helps.append(parameter.help or "")
        for text in helps:
            assert text.partition(" ")[0].rstrip(",") in VERBS, (command.name, text)
            assert text.rstrip().endswith("."), (command.name, text)
