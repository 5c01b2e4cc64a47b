"""One finished backtest, as a terminal and a notebook show it."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from quant_team_backtest import tables
from quant_team_backtest.adjusting import ADJUSTED, FLOWS, UNADJUSTED
from quant_team_backtest.result import Config, Conventions, Result
from quant_team_backtest.simulation import Simulation
from quant_team_utils.console import SYNTHETIC, table

if TYPE_CHECKING:
    import polars as pl


A_YEAR = 366 * 86_400_000  # in milliseconds


class Row(NamedTuple):
    """A line of the table: what, how much, and what to add to it."""

    label: str
    value: str
    remark: str


# Label, name in `metrics`, and format.
SHOWN = (
    ("total return", "total_return", "{:.2%}"),
    ("Sharpe ratio", "sharpe_ratio", "{:.2f}"),
    ("max drawdown", "max_drawdown", "{:.2%}"),
    ("win rate", "win_rate", "{:.1%}"),
    ("profit factor", "profit_factor", "{:.2f}"),
    ("trades", "num_trades", "{}"),
)


@dataclass(frozen=True, repr=False)
class Run:
    """One finished backtest; in a notebook it shows itself as a table.

    Attributes:
        result: the record, as it was logged or would be.
        simulation: equity, fills and trades.
        path: the result file, or None if it was not logged.
    """

    result: Result
    simulation: Simulation
    path: Path | None = None

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.result.strategy

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the strategy, by name."""
        return self.result.parameters

    @property
    def config(self) -> dict[str, Any]:
        """What was run: range, symbols, capital, costs; see `result.Config`."""
        return self.result.backtest_config

    @property
    def source(self) -> str | None:
        """Where the bars came from: "sandbox", "tickdb" or "import:NAME"."""
        return self.result.source

    @property
    def locked(self) -> bool:
        """All bars are those of data.lock."""
        return bool(self.result.locked)

    @property
    def metrics(self) -> dict[str, float | int | None]:
        """The numbers of `quant_team_backtest.metrics`, None where one has no meaning."""
        return self.result.results

    @property
    def reasons(self) -> dict[str, str]:
        """Why a metric is None."""
        return self.result.reasons

    @property
    def assumptions(self) -> dict[str, Any]:
        """What the numbers rest on: fills, costs, calendars, currency; see `result.Conventions`."""
        return self.result.assumptions or {}

    @property
    def warnings(self) -> list[str]:
        """What to know before the numbers are believed, one sentence each."""
        return self.result.warnings

    @property
    def experiment_id(self) -> str | None:
        """What the result is called, or None if it was not logged."""
        return self.result.experiment_id

    @property
    def equity(self) -> pl.DataFrame:
        """Equity at each bar's close.

        A frame of `time` (Datetime ms UTC, the close), `date` (Date, the trading date to which it
        belongs: a Friday's close is Friday) and `equity` (Float64, in the account's currency).
        """
        import polars as pl

        moments = pl.Series("time", self.simulation.time)
        equity = pl.Series("equity", self.simulation.equity)
        days = pl.Series("date", tables.dates_of(self.simulation))
        dates = days.cast(pl.Datetime("ms")).cast(pl.Date)
        return pl.DataFrame([moments.cast(pl.Datetime("ms", "UTC")), dates, equity])

    def title(self) -> str:
        """Return strategy, symbols, interval and range in one line."""
        config = msgspec.convert(self.config, Config)
        symbols = ", ".join(config.symbols)
        what = f"{self.strategy} on {symbols}, {config.interval} bars"
        return f"{what}, {config.start_date} to {config.end_date}"

    def rows(self) -> list[Row]:
        """Return the table."""
        rows = []
        for label, name, form in SHOWN:
            value = self.metrics[name]
            shown = "-" if value is None else form.format(value)
            remark = self.reasons.get(name, "")
            if name == "sharpe_ratio" and not remark:
                remark = self._trust()
            rows.append(Row(label, shown, remark))
        rows += self._open()
        rows.append(self._prices())
        return rows

    def years(self) -> list[Row]:
        """Return a row per calendar year, if the run is longer than one."""
        days = tables.dates_of(self.simulation)
        if not len(days) or days[-1] - days[0] <= A_YEAR:
            return []
        rows = []
        for period in tables.by_year(self.simulation):
            fall = f"max drawdown {period.max_drawdown:8.2%}"
            rows.append(Row(period.label, f"{period.total_return:.2%}", fall))
        return rows

    def notes(self) -> list[str]:
        """Return what stands below the table: assumptions in a line, then the warnings."""
        config = msgspec.convert(self.config, Config)
        known = msgspec.convert(self.assumptions, Conventions)
        where = "in" if self.locked else "not in"
        facts = [
            f"{config.initial_capital:,.0f} {known.currency}",
            f"fills at the {known.fill.replace('_', ' ')}",
            f"per side {config.commission:.3%} commission and {config.slippage:.3%} slippage",
            f"bars {where} data.lock",
            *self._covered(),
            *self._sight(),
            f"{known.periods_per_year} days a year",
        ]
        others = [text for text in self.warnings if text != SYNTHETIC]
        return ["; ".join(facts), *(f"warning: {text}" for text in others)]

    def _open(self) -> list[Row]:
        """Return what is still held, and its part of the result."""
        rows = []
        capital = self.simulation.initial_capital
        for one in self.result.open or []:
            part = one.pnl / capital
            what = f"{one.quantity:,.10g} {one.symbol} at {one.mark:,.10g}, {one.pnl:+,.2f}"
            rows.append(Row("still open", f"{part:+.2%}", what))
        return rows

    def _prices(self) -> Row:
        """Return what the run did about splits and dividends."""
        known = msgspec.convert(self.assumptions, Conventions)
        data = (self.result.data or {}).values()
        count = sum(facts.actions or 0 for facts in data)
        noun = "split or dividend" if count == 1 else "splits and dividends"
        remarks = {
            FLOWS: f"raw, {count} {noun} applied" if count else "raw, no splits or dividends",
            ADJUSTED: "by the vendor, as the import says",
            UNADJUSTED: "raw, splits and dividends unknown",
        }
        return Row("prices", known.adjustment, remarks.get(known.adjustment, ""))

    def _covered(self) -> list[str]:
        """Return how much of the calendars' bars is there, in words."""
        data = (self.result.data or {}).values()
        expected = sum(facts.expected or 0 for facts in data)
        present = sum(facts.present or 0 for facts in data)
        return [f"{present / expected:.1%} of the bars that calendars expect"] if expected else []

    def _sight(self) -> list[str]:
        """Return what was found about look-ahead, if it was checked."""
        verdict = self.result.lookahead
        if verdict is None:
            return []
        return [f"look-ahead: {verdict.found} in {verdict.histories} shorter histories"]

    def _trust(self) -> str:
        """Return how far to trust the Sharpe ratio."""
        trust = f"{self.metrics['sharpe_n']} daily returns"
        probability = self.metrics["probabilistic_sharpe"]
        if probability is None:
            return trust
        return f"{trust}; above zero with a probability of {probability:.0%}"

    def _stamp(self) -> list[str]:
        return [SYNTHETIC] if SYNTHETIC in self.warnings else []

    def __repr__(self) -> str:
        """Return title, table and notes as text."""
        years = self.years()
        below = ["", _text_table(years)] if years else []
        shown = _text_table(self.rows())
        lines = [self.title(), *self._stamp(), "", shown, *below, "", *self.notes()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        below = self.notes()
        below.append(f"logged: {self.path}" if self.path else "not logged")
        stamp = "".join(f"<p><strong>{text}</strong></p>" for text in self._stamp())
        rows = "".join(_html_row(row) for row in [*self.rows(), *self.years()])
        notes = "<br>".join(_escaped(below))
        title = html.escape(self.title())
        return f"<p>{title}</p>{stamp}<table>{rows}</table><p>{notes}</p>"


def _text_table(rows: list[Row]) -> str:
    """Return rows in columns: labels to the left, values to the right, remarks behind them."""
    width = max(len(row.value) for row in rows)
    cells = []
    for row in rows:
        cells.append([f"  {row.label}", row.value.rjust(width), f" {row.remark}"])
    return table((), cells)


def _html_row(row: Row) -> str:
    label, value, remark = _escaped(row)
    number = f"<td style='text-align:right'>{value}</td>"
    return f"<tr><th>{label}</th>{number}<td>{remark}</td></tr>"


def _escaped(texts: Iterable[str]) -> list[str]:
    return [html.escape(text) for text in texts]
