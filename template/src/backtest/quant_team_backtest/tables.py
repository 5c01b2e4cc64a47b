"""A curve by year and by month."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from quant_team_backtest.metrics import max_drawdown, total_return, utc_dates
from quant_team_backtest.simulation import Simulation, Times


class Period(NamedTuple):
    """A year or a month of a run.

    Attributes:
        label: "2024" or "2024-03".
        total_return: from the last equity before it to its last, a fraction.
        max_drawdown: deepest fall within it, a fraction <= 0; it begins anew with each.
    """

    label: str
    total_return: float
    max_drawdown: float


def dates_of(run: Simulation) -> Times:
    """Return the day to which each close belongs, 00:00 UTC of it in milliseconds."""
    return utc_dates(run.time) if run.dates is None else run.dates


def by_year(run: Simulation) -> list[Period]:
    """Return the calendar years of a run; the first and last may be parts of one."""
    return _by(run, "Y")


def by_month(run: Simulation) -> list[Period]:
    """Return the calendar months of a run; the first and last may be parts of one."""
    return _by(run, "M")


# Details


def _by(
    run: Simulation,
    unit: Literal["Y", "M"],
) -> list[Period]:
    if not len(run.time):
        return []
    days = dates_of(run).astype("datetime64[ms]")
    names = days.astype(f"datetime64[{unit}]")
    changes = names[1:] != names[:-1]
    is_first = np.append(True, changes)
    begins = np.flatnonzero(is_first)
    ends = np.append(begins[1:], len(names))
    periods = []
    before = run.initial_capital
    pairs = zip(begins.tolist(), ends.tolist(), strict=True)
    for begin, end in pairs:
        equity = run.equity[begin:end]
        period = Period(
            label=str(names[begin]),
            total_return=total_return(equity, before),
            max_drawdown=max_drawdown(equity, before),
        )
        periods.append(period)
        before = float(equity[-1])
    return periods
