"""The command `quant run`."""

from __future__ import annotations

import sys
import threading

import click

from quant_team_utils.errors import QuantError


@click.command()
@click.argument("strategy")
@click.option("--symbols", metavar="A,B", help="What to trade; the strategy's own unless given.")
@click.option("--start", metavar="DAY", help="First day; DEFAULT_BACKTEST_START unless given.")
@click.option("--end", metavar="DAY", help="Last day, included; DEFAULT_BACKTEST_END unless given.")
@click.option("--interval", help="Bar length such as 1h; the strategy's own unless given.")
@click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated."
)
@click.option(
    "--environment", default="research", show_default=True, help="A file of config/environments."
)
@click.option(
    "--name", help="Middle part of the result's name; first symbol and strategy unless given."
)
@click.option("--note", help="What was learned: the result's conclusion.")
@click.option(
    "--source", metavar="import:NAME", help="Bars of another vendor, from `quant data import`."
)
@click.option("--unlocked", is_flag=True, help="Run even if the bars differ from data.lock.")
@click.option("--no-log", is_flag=True, help="Write no result file.")
def run(
    strategy: str,
    symbols: str | None,
    start: str | None,
    end: str | None,
    interval: str | None,
    values: tuple[str, ...],
    environment: str,
    name: str | None,
    note: str | None,
    source: str | None,
    unlocked: bool,
    no_log: bool,
) -> None:
    """Backtest STRATEGY (a file of src/strategies) and log the result."""
    from quant_team_backtest.runner import run_backtest
    from quant_team_data import data_client
    from quant_team_utils.paths import project_root

    if notice := data_client.notice():
        click.echo(notice, err=True)
    waiting = threading.Timer(2, click.echo, ["Fetching bars and computing ..."], {"err": True})
    waiting.daemon = True
    if sys.stderr.isatty():
        waiting.start()
    try:
        done = run_backtest(
            strategy,
            symbols=None
            if symbols is None
            else [part.strip() for part in symbols.split(",") if part.strip()],
            start=start,
            end=end,
            parameters=dict(_parameter(text) for text in values),
            interval=interval,
            environment=environment,
            name=name,
            conclusion=note,
            log=not no_log,
            source=source,
            allow_unlocked=unlocked,
        )
    finally:
        waiting.cancel()
    click.echo(repr(done))
    if done.path:
        root = project_root()
        path = done.path.relative_to(root) if done.path.is_relative_to(root) else done.path
        click.echo(f"\nlogged: {path.as_posix()}")
        click.echo(
            "next:   write what you learned into its `conclusion`; then, on your feature branch:"
        )
        click.echo(f"        git add {path.as_posix()}")
        click.echo(f'        git commit -m "data: log a run of {strategy}"')


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise QuantError(f"--set {text!r} is no parameter: write it as --set name=value.")
    return name.strip(), value.strip()
