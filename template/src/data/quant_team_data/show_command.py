"""The command `quant data show`."""

from __future__ import annotations

import click

from quant_team_data.tables import SERIES_COLUMNS, ends, print_table


@click.command()
@click.argument("symbol")
@click.option("--interval", help="Show bars of this length  [default: the one that is there].")
@click.option(
    "--source",
    help="Show bars of sandbox, tickdb or import:NAME  [default: the one that is there].",
)
def show(symbol: str, interval: str | None, source: str | None) -> None:
    """Show what the cache holds of SYMBOL.

    Where it holds several series, they are listed. Nothing is fetched.
    """
    from quant_team_data import cache, holdings

    found = holdings.find_bars(symbol, interval, source)
    if len(found) == 1:
        click.echo(repr(holdings.holding(found[0])))
        return
    rows = []
    for series in found:
        bars = cache.load(series).bars
        name = (series.symbol, series.interval, series.source)
        rows.append([*name, f"{len(bars):,}", *ends(bars)])
    print_table((*SERIES_COLUMNS, "bars", "first (UTC)", "last"), rows)
    one = found[0]
    wanted = f"--interval {one.interval} --source {one.source}"
    click.echo(f"next:   quant data show {one.symbol} {wanted}")
