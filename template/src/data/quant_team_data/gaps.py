"""What is missing in the cache, against the calendars: `quant data verify --gaps`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quant_team_data.tables import SERIES_COLUMNS, counted, print_table
from quant_team_utils import console
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from quant_team_data.coverage import Coverage, Gap
    from quant_team_data.series import Series

PERIODS = {"1w": "week", "1M": "month"}
GAP_COLUMNS = (*SERIES_COLUMNS, "missing", "first (UTC)", "last", "bars")
SHARE_COLUMNS = (*SERIES_COLUMNS, "coverage", "bars", "expected", "")


def print_all() -> None:
    """Print each gap of each series in the cache, then how much of each is there.

    A gap lies between the first bar and the last, wherever the hole is, fetched or imported.
    """
    from quant_team_data import cache, markets

    wanted = [one for one in cache.stored_series() if one.interval in markets.INTERVALS]
    gaps: list[list[str]] = []
    shares: list[list[str]] = []
    with console.progress("gaps", len(wanted)) as advance:
        for series in wanted:
            found = covered(series)
            name = [series.symbol, series.interval, series.source]
            shares.append(name + _share_cells(found))
            missing = found.gaps if found else []
            for gap in missing:
                gaps.append(name + _gap_cells(gap, series.interval))
            advance(1)
    print_table(GAP_COLUMNS, gaps)
    print_table(SHARE_COLUMNS, shares)
    click.echo(f"{counted(len(gaps), 'gap')} in {len(wanted)} series.")


def covered(series: Series) -> Coverage | None:
    """Return how much of its calendar a series in the cache covers; None where that is unknown."""
    from quant_team_data import cache, coverage, markets

    bars = cache.load(series).bars
    try:
        market = markets.market_of(series.symbol)
        return coverage.measure(bars, market, series.interval)
    except QuantError:  # an ambiguous symbol, or a year that the calendar lacks
        return None


def mark(found: Coverage) -> str:
    """Return what a share means for a run; nothing where it is good."""
    from quant_team_data import coverage

    if found.share < coverage.LEAST:
        return f"BELOW {coverage.LEAST:.0%}: runs are refused"
    if found.share < coverage.GOOD:
        return f"BELOW {coverage.GOOD:.0%}: runs are marked"
    return ""


# Details


def _gap_cells(gap: Gap, interval: str) -> list[str]:
    period = PERIODS.get(interval, "day")
    missing = "within a day"
    if gap.days:
        missing = counted(gap.days, f"whole {period}")
    first = f"{gap.first:%Y-%m-%d %H:%M}"
    last = f"{gap.last:%Y-%m-%d %H:%M}"
    return [missing, first, last, f"{gap.bars:,}"]


def _share_cells(found: Coverage | None) -> list[str]:
    if found is None:
        return ["unknown", "-", "-", "the calendar does not know it"]
    return [str(found), f"{found.present:,}", f"{found.expected:,}", mark(found)]
