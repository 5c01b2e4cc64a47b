"""The command `quant data fetch`, and what it says about the bars that came."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from quant_team_data.tables import SERIES_COLUMNS, counted, ends, print_table, split
from quant_team_utils import console, settings
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import polars as pl

    from quant_team_data.history import Span
    from quant_team_data.many import Result

COLUMNS = (*SERIES_COLUMNS, "bars", "first (UTC)", "last", "coverage", "")


class Asked(NamedTuple):
    """What was asked for: the same of every symbol.

    Attributes:
        interval: one of `markets.INTERVALS`.
        span: the range.
        source: "sandbox" or "tickdb".
        now: aware; what closes later is not there yet.
        since: the first time that the plan has bars of; None where it has all.
    """

    interval: str
    span: Span
    source: str
    now: datetime
    since: datetime | None


@click.command()
@click.argument("symbols", nargs=-1, required=True)
@click.option(
    "--interval",
    default="1d",
    show_default=True,
    help="Set the bar length, such as 1h; 1m is a minute, 1M a month.",
)
@click.option(
    "--start",
    metavar="DAY",
    help="Begin with this day  [default: DEFAULT_BACKTEST_START].",
)
@click.option(
    "--end",
    metavar="DAY",
    help="End with this day, included  [default: DEFAULT_BACKTEST_END].",
)
@click.option(
    "--factors",
    type=click.Choice(["forward", "backward"]),
    help="Fetch the splits and dividends, too.",
)
@click.option("--offline", is_flag=True, help="Use the cache only; fail if bars are missing.")
@click.option("--refresh", is_flag=True, help="Fetch cached bars again.")
def fetch(
    symbols: tuple[str, ...],
    interval: str,
    start: str | None,
    end: str | None,
    factors: str | None,
    offline: bool,
    refresh: bool,
) -> None:
    """Fetch bars of SYMBOLS into the cache.

    Cached bars are not fetched again.
    """
    from quant_team_data import clients, history
    from quant_team_data.markets import check_interval

    first = start or settings.get("DEFAULT_BACKTEST_START") or ""
    last = end or settings.get("DEFAULT_BACKTEST_END") or ""
    names = split(symbols)
    check_interval(interval)
    options: dict[str, Any] = {
        "adjust": factors or "none",
        "offline": offline,
        "refresh": refresh,
    }
    found = _fetched(names, interval, first, last, options)
    asked = Asked(
        interval=interval,
        span=history.span_of(first, last),
        source=clients.source(),
        now=clients.now(),
        since=_plan_since() if found.data and not offline else None,
    )
    rows = [row(symbol, bars, asked) for symbol, bars in found.data.items()]
    print_table(COLUMNS, rows)
    if not offline:
        _fetch_lists(found.data, interval)
    for error in found.errors.values():
        console.report_error(str(error))
    if found.errors:
        failed = f"{len(found.errors)} of {counted(len(names), 'symbol')}"
        raise QuantError(f"{failed} failed: fix what is named above, then run this again.")
    click.echo(f"next:   quant data lock {' '.join(names)}")


def row(symbol: str, bars: pl.DataFrame, asked: Asked) -> list[str]:
    """Return what came of a symbol, as a row of `COLUMNS`.

    Args:
        symbol: TickDB's spelling.
        bars: a frame of `frames.SCHEMA`.
        asked: what was asked for.
    """
    from quant_team_data import coverage, markets

    cells = [symbol, asked.interval, asked.source, f"{len(bars):,}"]
    first_and_last = ends(bars) or ["-", "-"]
    try:
        market = markets.market_of(symbol)
        found = coverage.measure(bars, market, asked.interval, today=asked.now.date())
        remarks = [*_holes(found), *_ends_missing(bars, market, asked)]
    except QuantError:  # an ambiguous symbol, or a year that the calendar lacks
        return [*cells, *first_and_last, "unknown", ""]
    share = "-" if bars.is_empty() else str(found)
    return [*cells, *first_and_last, share, "; ".join(remarks)]


# Details


def _fetch_lists(fetched: Mapping[str, pl.DataFrame], interval: str) -> None:
    """Fetch splits and dividends as well, so that bars and lists are locked together."""
    from quant_team_data import factors

    reasons = factors.fetch_lists(fetched, interval)
    for reason in dict.fromkeys(reasons.values()):
        symbols = [symbol for symbol, found in reasons.items() if found == reason]
        console.report_error(f"splits and dividends of {', '.join(symbols)}: {reason}")


def _fetched(
    names: list[str],
    interval: str,
    first: str,
    last: str,
    options: dict[str, Any],
) -> Result[pl.DataFrame]:
    """Fetch symbols in threads; a single one in this thread, where its pages show progress."""
    from quant_team_data import data_client, errors, many

    if len(names) > 1:
        return data_client.fetch_many(names, interval, first, last, **options)
    (name,) = names
    try:
        bars = data_client.fetch_bars(name, interval, first, last, **options)
    except errors.FATAL:
        raise
    except QuantError as error:
        return many.Result({}, {name: error})
    return many.Result({name: bars}, {})


def _plan_since() -> datetime | None:
    """Return since when the plan has bars; None where it has all, or nobody knows."""
    from quant_team_data import clients

    client = clients.client()
    if not client.is_limited:
        return None
    try:
        plan = client.known_plan()
    except QuantError:  # the bars are here; what the plan is may stay unknown
        return None
    if plan is None:
        return None
    return client.clock() - timedelta(days=plan.days - 1)


def _holes(found: Any) -> list[str]:
    """Return the mark of bars with holes, and where those are listed."""
    from quant_team_data import coverage

    if found.share >= coverage.GOOD:
        return []
    missing = counted(found.expected - found.present, "bar")
    return [f"BELOW {coverage.GOOD:.0%}: {missing} missing, see `quant data verify --gaps`"]


def _ends_missing(bars: pl.DataFrame, market: Any, asked: Asked) -> list[str]:
    """Return why there is nothing at the ends of the range, as far as that is known."""
    from quant_team_data import coverage, frames, markets, ranges

    low, stop = (markets.milliseconds(moment) for moment in asked.span)
    high = min(stop, ranges.first_open_bar(asked.interval, asked.now))
    opens = frames.times_of(bars)
    missing = coverage.gaps(market, asked.interval, opens, low, high, today=asked.now.date())
    remarks = []
    first = bars["time"][0] if len(bars) else asked.span.stop
    before = sum(gap.bars for gap in missing if gap.first < first)
    if before:
        remarks.append(_none_before(before, asked))
    last = bars["time"][-1] if len(bars) else asked.span.stop
    after = sum(gap.bars for gap in missing if gap.first > last)
    if after:
        remarks.append(f"ends early: {counted(after, 'bar')} missing, or delisted")
    if asked.span.stop > asked.now:
        remarks.append("later bars have not closed yet")
    return remarks


def _none_before(count: int, asked: Asked) -> str:
    since = asked.since
    if since is not None and since > asked.span.first:
        return f"the plan has bars from {since:%Y-%m-%d} on"
    return f"starts late: {counted(count, 'bar')} missing, or not listed yet"
