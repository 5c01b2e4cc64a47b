"""The command `quant run`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from quant_team_backtest.commands import run as command
from quant_team_backtest.runner import run_backtest
from quant_team_utils.errors import QuantError

from . import experiments
from .experiments import logged, read


@pytest.fixture(autouse=True)
def _project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiments.make_project(root, tmp_path, monkeypatch)
    experiments.serve("AAPL.US", "MSFT.US", "GOOGL.US")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_it_prints_a_table_and_the_file(tmp_path: Path) -> None:
    """Numbers, stamp, file and the next step, and one file is logged."""
    done = invoke("momentum", "--symbols", "AAPL.US, MSFT.US", "--note", "A first look.")
    assert done.exit_code == 0, done.output
    (path,) = logged(tmp_path)
    for part in (
        "total return",
        "SYNTHETIC",
        f"logged: {path.relative_to(tmp_path).as_posix()}",
        "git add results/",
        "data: log a run of momentum",
    ):
        assert part in done.output
    found = read(path)
    assert found["conclusion"] == "A first look."
    assert found["backtest_config"]["symbols"] == ["AAPL.US", "MSFT.US"]


def test_it_logs_nothing_with_no_log(tmp_path: Path) -> None:
    """`--no-log` prints the table and writes nothing."""
    done = invoke("momentum", "--no-log")
    assert "total return" in done.output
    assert not logged(tmp_path)


def test_the_logged_command_runs_the_same_again(tmp_path: Path) -> None:
    """`argv` of a result, given to `quant run`, gives the same numbers and the same data."""
    first = run_backtest(
        "momentum",
        symbols=["AAPL.US", "MSFT.US"],
        start="2021-01-01",
        parameters={"lookback": 40, "short": True},
        name="a_name",
    )
    before = read(first.path)
    again = invoke(*before["argv"][2:])
    assert again.exit_code == 0, again.output
    (path,) = [path for path in logged(tmp_path) if path != first.path]
    after = read(path)
    for part in ("results", "data", "argv", "parameters"):
        assert after[part] == before[part]


@pytest.mark.parametrize("text", ["lookback", "=3", " =3"])
def test_a_parameter_without_a_value_is_refused(text: str) -> None:
    """`--set` takes name=value and says so."""
    done = invoke("momentum", "--no-log", "--set", text)
    assert isinstance(done.exception, QuantError)
    assert "is not a parameter; use --set NAME=VALUE" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--lookback", "10"], "use --set lookback=10"),
        (["--lookback=10"], "use --set lookback=10"),
        (["--lookbak", "10"], "use --set lookback=10"),
        (["--threshold", "-0.1"], "use --set threshold=-0.1"),
        (["--short"], "use --set short=VALUE"),
        (["--symbol", "AAPL.US"], "--symbols"),
    ],
)
def test_an_unknown_option_gets_what_was_meant(arguments: list[str], expected: str) -> None:
    """A parameter of the strategy suggests `--set`, a misspelled option the right one."""
    for given in (["momentum", *arguments], [*arguments, "momentum"]):
        done = invoke(*given)
        assert done.exit_code == 2
        assert expected in done.output


@pytest.mark.parametrize(
    "option", ["--lookback", "--unlock", "--unlocke", "--locked", "--un-locked", "--unlockd", "--u"]
)
@pytest.mark.parametrize("strategy", ["momentum", "unknown"])
def test_no_suggestion_switches_a_guard_off(option: str, strategy: str) -> None:
    """`--unlocked` is never suggested, however near a spelling comes."""
    done = invoke(strategy, option, "10")
    assert done.exit_code == 2
    assert "unlocked" not in done.output.replace(option, "")


def test_every_option_has_help() -> None:
    """Each option of the command says what it does."""
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert getattr(parameter, "help", None), parameter.name
