"""The command `quant data`: fetch, import, lock, verify."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quant_team_data import SYNTHETIC
from quant_team_utils import settings
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    import polars as pl

    from quant_team_data.lock import Line

FIELDS = ("symbol", "interval", "source", "month", "bars")


@click.group()
def data() -> None:
    """The market data of the team: what is here, and what was agreed on."""
    from quant_team_data import data_client

    if notice := data_client.notice():
        click.echo(notice, err=True)


@data.command(
    help="Get bars of SYMBOLS into the cache; what it has already is not asked for again."
)
@click.argument("symbols", nargs=-1, required=True)
@click.option(
    "--interval",
    default="1d",
    show_default=True,
    help="Bar length such as 1h; 1m is a minute, 1M a month.",
)
@click.option("--start", metavar="DAY", help="First day; DEFAULT_BACKTEST_START unless given.")
@click.option("--end", metavar="DAY", help="Last day, included; DEFAULT_BACKTEST_END unless given.")
@click.option(
    "--factors", type=click.Choice(["forward", "backward"]), help="Get the adjustment factors, too."
)
@click.option(
    "--offline", is_flag=True, help="Ask nobody: show what is here, or say what is missing."
)
@click.option("--refresh", is_flag=True, help="Ask for all of it again.")
def fetch(
    symbols: tuple[str, ...],
    interval: str,
    start: str | None,
    end: str | None,
    factors: str | None,
    offline: bool,
    refresh: bool,
) -> None:
    from quant_team_data import data_client

    first, last = (
        start or settings.get("DEFAULT_BACKTEST_START"),
        end or settings.get("DEFAULT_BACKTEST_END"),
    )
    names, source = _split(symbols), data_client.source()
    options = {"adjust": factors or "none", "offline": offline, "refresh": refresh}
    found = data_client.fetch_many(names, interval, first or "", last or "", **options)
    rows = [(symbol, interval, source, *_extent(bars)) for symbol, bars in found.data.items()]
    _table(("symbol", "interval", "source", "bars", "first (UTC)", "last"), rows)
    for error in found.errors.values():
        click.echo(f"quant: {error}", err=True)
    if found.errors:
        raise QuantError(
            f"{len(found.errors)} of {len(names)} symbols failed: correct them, then run this again."
        )
    click.echo(f"next:   quant data lock {' '.join(names)}")


@data.command("import", help="Check the bars in FILE (CSV or Parquet) and add them to the cache.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--symbol", required=True, help="TickDB's spelling, such as AAPL.US.")
@click.option("--interval", required=True, help="Length of the bars, such as 1h.")
@click.option(
    "--source", required=True, help="Name of the vendor; the bars get the source import:NAME."
)
@click.option(
    "--tz", metavar="ZONE", help="Zone of times that name none, such as America/New_York."
)
def import_(file: Path, symbol: str, interval: str, source: str, tz: str | None) -> None:
    from quant_team_data.importing import import_file

    series, count = import_file(file, symbol, interval, source, tz)
    click.echo(f"imported: {count:,} bars of {series}")
    click.echo(f"next:     quant data lock {series.symbol} --source {series.source}")
    click.echo(
        f"          quant run STRATEGY --symbols {series.symbol} --interval {interval} --source {series.source}"
    )


@data.command(
    help="Write into data.lock what the cache holds (of SYMBOLS): the bars the team agrees on."
)
@click.argument("symbols", nargs=-1)
@click.option(
    "--source", help="sandbox, tickdb or import:NAME; what TICKDB_BASE_URL says unless given."
)
@click.option(
    "--accept", nargs=2, metavar="SYMBOL MONTH", help="Agree to what the vendor has revised."
)
@click.option("--reason", default="", help="Why, for --accept; it stands in the line.")
def lock(
    symbols: tuple[str, ...], source: str | None, accept: tuple[str, str] | None, reason: str
) -> None:
    from quant_team_data import cache, data_client
    from quant_team_data import lock as locking
    from quant_team_data.markets import canonical

    if accept:
        new = locking.accept(*accept, reason)
    else:
        source, names = (
            source or data_client.source(),
            {canonical(symbol) for symbol in _split(symbols)},
        )
        wanted = [
            one
            for one in cache.stored_series()
            if one.source == source and (not names or one.symbol in names)
        ]
        if lacking := sorted(names - {one.symbol for one in wanted}) or (
            [] if wanted else ["any symbol"]
        ):
            raise QuantError(
                f"The cache has no bars of {', '.join(lacking)} from {source}: see `quant data --help`."
            )
        new = locking.lock(wanted)
    _table(FIELDS, [_named(line) for line in new])
    click.echo(
        f"new in {locking.FILE}: {len(new)} months of {len({line.series for line in new})} series."
    )
    if new:
        click.echo(f'next:   git add {locking.FILE} && git commit -m "data: lock {new[0].symbol}"')


@data.command(help="Compare the cache with data.lock; exit 1 if a month differs.")
@click.option(
    "--gaps",
    is_flag=True,
    help="List what the market's calendar expects and the cache does not have.",
)
def verify(gaps: bool) -> None:
    from quant_team_data import lock as locking

    if gaps:
        _gaps()
    states = locking.verify()
    if not states:
        click.echo(f"There is no {locking.FILE} yet: `quant data lock` makes it.")
        return
    absent = Counter(line.series for line, state in states if state == "absent")
    differing = [line for line, state in states if state == "differs"]
    _table((*FIELDS, "here"), [(*_named(line), "DIFFERS") for line in differing])
    for series, count in absent.items():
        click.echo(f"not fetched here, so not compared: {count} months of {series}")
    same = len(states) - len(differing) - absent.total()
    click.echo(f"{locking.FILE}: {same} of {len(states)} months are the same here.")
    if differing:
        raise QuantError(locking.difference(differing))


def _gaps() -> None:
    """Print what is missing in the cache where it is proven, against the calendars."""
    from quant_team_data import cache, limits, markets

    rows, wanted = [], [series for series in cache.stored_series() if series.type != cache.FACTORS]
    with limits.progress("gaps", len(wanted)) as advance:
        for series in wanted:
            stored = cache.load(series)
            opens = stored.bars["time"].to_physical().to_list()
            for span in stored.proven:
                for gap in markets.gaps(
                    markets.market_of(series.symbol), series.interval, opens, *span
                ):
                    period = {"1w": "weeks", "1M": "months"}.get(series.interval, "days")
                    kind = f"{gap.days} whole {period}" if gap.days else "within a day"
                    ends = (f"{moment:%Y-%m-%d %H:%M}" for moment in (gap.first, gap.last))
                    rows.append(
                        (
                            series.symbol,
                            series.interval,
                            series.source,
                            kind,
                            *ends,
                            f"{gap.bars:,}",
                        )
                    )
            advance(1)
    _table(("symbol", "interval", "source", "missing", "first (UTC)", "last", "bars"), rows)
    click.echo(f"{len(rows)} gaps in {len(wanted)} series.")


def _split(symbols: tuple[str, ...]) -> list[str]:
    """Return symbols that are separated by blanks or commas."""
    return list(
        dict.fromkeys(part.strip() for text in symbols for part in text.split(",") if part.strip())
    )


def _extent(bars: pl.DataFrame) -> list[str]:
    """Return how many bars there are, and the first and last time."""
    return [
        f"{len(bars):,}",
        *(f"{bars['time'][at]:%Y-%m-%d %H:%M}" for at in ((0, -1) if len(bars) else ())),
    ]


def _named(line: Line) -> tuple[str, ...]:
    return (line.symbol, line.interval, line.source, line.month, line.number)


def _table(header: tuple[str, ...], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below a header, with a stamp if the third column, the source, is the sandbox."""
    rows = [header, *rows]
    if len(rows) == 1:
        return
    widths = [max(map(len, column)) for column in itertools.zip_longest(*rows, fillvalue="")]
    for row in rows:
        click.echo(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False)).rstrip()
        )
    if any(row[2] == "sandbox" for row in rows):
        click.echo(SYNTHETIC)
