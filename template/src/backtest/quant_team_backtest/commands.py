"""The command `quant run`."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quant_team_utils import options
from quant_team_utils.errors import QuantError, nearest

if TYPE_CHECKING:
    from quant_team_backtest.run import Run

PATIENCE = 2.0  # seconds until a terminal is told that something happens


class RunCommand(options.Command):
    """`quant run`: an unknown option that names a parameter of the strategy suggests `--set`."""

    def unknown(
        self,
        ctx: click.Context,
        error: click.NoSuchOption,
        args: list[str],
    ) -> click.UsageError:
        """Return the error that suggests the parameter or the option that is meant."""
        name = error.option_name.lstrip("-").partition("=")[0]
        strategy = _strategy_in(args)
        parameters = _parameters_of(strategy)
        guards = self.guards()
        others = []
        for parameter in self.params:
            others += [text.lstrip("-") for text in parameter.opts if text not in guards]
        meant = nearest(name.replace("-", "_"), [*parameters, *others])
        if meant not in parameters:
            return super().unknown(ctx, error, args)
        value = _value_after(error.option_name, args, strategy)
        return click.UsageError(
            f"No such option: {error.option_name}. {meant} is a parameter of {strategy}: "
            f"use --set {meant}={value}",
            ctx,
        )


def complete_strategy(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the strategies that begin with what is typed, for the shell."""
    from quant_team_strategies import names

    return [name for name in names() if name.startswith(incomplete)]


@click.command(cls=RunCommand)
@click.argument("strategy", shell_complete=complete_strategy)
@click.option("--symbols", metavar="A,B", help="Symbols to trade [default: the strategy's].")
@click.option("--start", metavar="DAY", help="First day [default: DEFAULT_BACKTEST_START].")
@click.option("--end", metavar="DAY", help="Last day, included [default: DEFAULT_BACKTEST_END].")
@click.option("--interval", help="Length of a bar such as 1h [default: the strategy's].")
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter of the strategy; repeatable.",
)
@click.option(
    "--environment",
    default="research",
    show_default=True,
    help="Account and costs: a file of config/environments.",
)
@click.option(
    "--name",
    help="Middle part of the result's name [default: first symbol and strategy].",
)
@click.option("--note", help="What you learned: the result's conclusion.")
@click.option("--source", metavar="import:NAME", help="Use imported bars (import:NAME).")
@click.option(
    "--unlocked",
    cls=options.Guard,
    is_flag=True,
    help="Run even if the bars differ from data.lock.",
)
@click.option(
    "--incomplete",
    cls=options.Guard,
    is_flag=True,
    help="Run even if more than a tenth of the bars are missing.",
)
@click.option("--no-log", is_flag=True, help="Write no result file.")
def run(
    strategy: str,
    symbols: str | None,
    values: tuple[str, ...],
    note: str | None,
    unlocked: bool,
    incomplete: bool,
    no_log: bool,
    **rest: Any,
) -> None:
    """Run one backtest of STRATEGY (a file of src/strategies) and log the result."""
    from quant_team_backtest.runner import run_backtest
    from quant_team_data import data_client

    notice = data_client.notice()
    if notice:
        click.echo(notice, err=True)
    with _patience():
        done = run_backtest(
            strategy,
            symbols=_listed(symbols),
            parameters=dict(_parameter(text) for text in values),
            conclusion=note,
            log=not no_log,
            allow_unlocked=unlocked,
            allow_incomplete=incomplete,
            **rest,
        )
    click.echo(repr(done))
    if done.path:
        _show_next(done, done.path)


# Details


@contextmanager
def _patience() -> Iterator[None]:
    """Say on a terminal that something happens, if it takes long."""
    text = "Fetching bars and computing ..."
    waiting = threading.Timer(PATIENCE, click.echo, [text], {"err": True})
    waiting.daemon = True
    if sys.stderr.isatty():
        waiting.start()
    try:
        yield
    finally:
        waiting.cancel()


def _show_next(done: Run, path: Path) -> None:
    from quant_team_utils.paths import project_root

    root = project_root()
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    click.echo(f"\nlogged: {shown.as_posix()}")
    click.echo(
        "next:   write what you learned into its `conclusion`; then, on your feature branch:"
    )
    click.echo(f"        git add {shown.as_posix()}")
    click.echo(f'        git commit -m "data: log a run of {done.strategy}"')


def _listed(symbols: str | None) -> list[str] | None:
    if symbols is None:
        return None
    parts = [part.strip() for part in symbols.split(",")]
    return [part for part in parts if part]


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise QuantError(f"--set {text!r} is not a parameter; use --set NAME=VALUE.")
    return name.strip(), value.strip()


def _strategy_in(args: list[str]) -> str:
    """Return the first argument that is the name of a strategy, or an empty text."""
    from quant_team_strategies import names

    known = names()
    for text in args:
        if text in known:
            return text
    return ""


def _parameters_of(strategy: str) -> list[str]:
    from quant_team_strategies import load

    try:
        return list(load(strategy).defaults) if strategy else []
    except (QuantError, ImportError):
        return []


def _value_after(option: str, args: list[str], strategy: str) -> str:
    """Return what stands behind an option or, if that is not a value, VALUE."""
    prefix = f"{option}="
    for text, following in itertools.pairwise([*args, "--"]):
        if text.startswith(prefix):
            return text.removeprefix(prefix)
        if text == option and following != strategy and not following.startswith("--"):
            return following
    return "VALUE"
