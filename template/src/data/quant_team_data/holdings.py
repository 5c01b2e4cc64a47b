"""What the cache holds of a symbol, as a terminal and a notebook show it.

`show("AAPL.US")` returns a `Holding`: in a notebook a table and a chart, else text.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from quant_team_data import actions, cache, gaps, lock
from quant_team_data.actions import Known
from quant_team_data.coverage import Coverage
from quant_team_data.markets import INTERVALS, canonical
from quant_team_data.price_chart import svg
from quant_team_data.series import Series
from quant_team_data.tables import counted, ends
from quant_team_utils.console import SYNTHETIC, table
from quant_team_utils.errors import QuantError

SHOWN = 5  # bars, the last ones
HEADER = ("time (UTC)", "open", "high", "low", "close", "volume")


class Locked(NamedTuple):
    """Months of a series against data.lock.

    Attributes:
        months: with bars in the cache.
        same: that are locked, with these bars.
        differing: that are locked with other bars, as in "2024-02".
    """

    months: int
    same: int
    differing: list[str]

    def __str__(self) -> str:
        if self.differing:
            return f"DIFFERS in {', '.join(self.differing)}"
        if not self.same:
            return "not locked"
        return f"{self.same:,} of {counted(self.months, 'month')} locked"


@dataclass(frozen=True, repr=False)
class Holding:
    """What the cache holds of one series.

    Attributes:
        series: what it is of.
        bars: all of them, a frame of `frames.SCHEMA`; `time` is the open, UTC.
        prices: what they are: "raw", "adjusted", or "unknown" for an import that did not say.
        coverage: against the market's calendar, from the first bar to the last; None if unknown.
        locked: against data.lock.
        actions: what is known of the splits and dividends of the symbol.
    """

    series: Series
    bars: pl.DataFrame
    prices: str
    coverage: Coverage | None
    locked: Locked
    actions: Known

    def rows(self) -> list[tuple[str, str]]:
        """Return the facts, each as a name and a value."""
        return [
            ("bars", f"{len(self.bars):,}"),
            ("range", " to ".join(ends(self.bars)) or "-"),
            ("coverage", self._covered()),
            ("prices", self.prices),
            ("actions", self._actions()),
            ("data.lock", str(self.locked)),
        ]

    def last(self) -> list[list[str]]:
        """Return the last bars as rows of text below `HEADER`."""
        rows = []
        for opened, *values in self.bars.tail(SHOWN).iter_rows():
            numbers = [f"{value:.15g}" for value in values]
            rows.append([f"{opened:%Y-%m-%d %H:%M}", *numbers])
        return rows

    def _covered(self) -> str:
        found = self.coverage
        if found is None:
            return "unknown: the calendar does not know it"
        expected = counted(found.expected, "bar")
        text = f"{found}, {found.present:,} of {expected} that the calendar expects"
        missing = counted(len(found.gaps), "gap")
        marks = [text, missing if found.gaps else "", gaps.mark(found)]
        return "; ".join(part for part in marks if part)

    def _actions(self) -> str:
        known = self.actions
        if not known.is_known:
            return "unknown"
        if not known.actions:
            return f"none until {known.until}"
        last = known.actions[-1]
        count = counted(len(known.actions), "action")
        return f"{count} until {known.until}, the last one on {last.date}: {last}"

    def _stamp(self) -> list[str]:
        return [SYNTHETIC] if self.series.source == "sandbox" else []

    def __repr__(self) -> str:
        """Return title, facts and the last bars as text."""
        facts = []
        for name, value in self.rows():
            facts.append((f"  {name}", value))
        title = [str(self.series), *self._stamp()]
        last = table(HEADER, self.last())
        return "\n".join([*title, "", table((), facts), "", last])

    def _repr_html_(self) -> str:
        title = html.escape(str(self.series))
        stamp = "".join(f"<p><strong>{text}</strong></p>" for text in self._stamp())
        facts = "".join(_html_row(row, "th") for row in self.rows())
        head = _html_row(HEADER, "th", "th")
        last = "".join(_html_row(row) for row in self.last())
        chart = svg(self.bars, " ".join([str(self.series), *self._stamp()]))
        return f"<p>{title}</p>{stamp}<table>{facts}</table>{chart}<table>{head}{last}</table>"


def show(
    symbol: str,
    interval: str | None = None,
    source: str | None = None,
) -> Holding:
    """Return what the cache holds of a symbol; nothing is fetched.

    Args:
        symbol: TickDB's spelling.
        interval: one of `markets.INTERVALS`; default: the one that the cache has.
        source: "sandbox", "tickdb" or "import:NAME"; default: the one that the cache has.

    Raises:
        QuantError: the cache has no such series, or several.
        LockError: data.lock cannot be read.
    """
    found = find_bars(symbol, interval, source)
    if len(found) > 1:
        several = ", ".join(f"{one.interval} of {one.source}" for one in found)
        raise QuantError(f"The cache has {several} for {symbol}: pass the interval and the source.")
    return holding(found[0])


def find_bars(
    symbol: str,
    interval: str | None = None,
    source: str | None = None,
) -> list[Series]:
    """Return the series of bars, at least one, that the cache holds of a symbol, in order.

    Raises:
        QuantError: there are none.
    """
    found = find([symbol], interval, source)
    bars = [one for one in found if one.interval in INTERVALS]
    if not bars:
        raise QuantError(_lacking([symbol], interval, source))
    return bars


def find(
    symbols: Sequence[str],
    interval: str | None = None,
    source: str | None = None,
) -> list[Series]:
    """Return what the cache holds of symbols (of all, if there are none), in order.

    Without an interval, the factors of the symbols are among them.

    Raises:
        QuantError: it holds nothing of one of them.
    """
    names = {canonical(symbol) for symbol in symbols}
    wanted = []
    for one in cache.stored_series():
        is_named = not names or one.symbol in names
        if is_named and source in (None, one.source) and interval in (None, one.interval):
            wanted.append(one)
    lacking = sorted(names - {one.symbol for one in wanted})
    if not wanted and not lacking:
        lacking = ["any symbol"]
    if lacking:
        raise QuantError(_lacking(lacking, interval, source))
    return wanted


def holding(series: Series) -> Holding:
    """Return what the cache holds of a series.

    Raises:
        QuantError: its file is damaged or cannot be read.
    """
    stored = cache.load(series)
    if stored.is_damaged:
        raise QuantError(f"The file of {series} is damaged: fetch or import it again.")
    return Holding(
        series=series,
        bars=stored.bars,
        prices=stored.prices if series.is_imported else "raw",
        coverage=gaps.covered(series),
        locked=_locked(series, stored),
        actions=actions.load(series.source, series.symbol),
    )


# Details


def _lacking(
    symbols: list[str],
    interval: str | None,
    source: str | None,
) -> str:
    bars = f"{interval} bars" if interval else "bars"
    origin = f" from {source}" if source else ""
    return (
        f"The cache has no {bars} of {', '.join(symbols)}{origin}: "
        "get them with `quant data fetch` or `quant data import`."
    )


def _locked(series: Series, stored: cache.Stored) -> Locked:
    months = stored.bars["time"].dt.strftime("%Y-%m").n_unique()
    lines = [line for line in lock.read().values() if line.series == series]
    states = [(line.state(stored), line.month) for line in lines]
    counts = Counter(state for state, _ in states)
    differing = sorted(month for state, month in states if state == "differs")
    return Locked(months, counts["same"], differing)


def _html_row(cells: Sequence[str], first: str = "td", others: str = "td") -> str:
    """Return a row of a table; the tag of its first cell may be another than that of the others."""
    tags = [first, *[others] * (len(cells) - 1)]
    row = ""
    for tag, cell in zip(tags, cells, strict=True):
        row += f"<{tag} style='text-align:left'>{html.escape(cell)}</{tag}>"
    return f"<tr>{row}</tr>"
