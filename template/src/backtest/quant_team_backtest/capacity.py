"""How much money a strategy can take: the same weights with 1, 10 and 100 times the capital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from quant_team_backtest import metrics
from quant_team_backtest.assumptions import Assumptions
from quant_team_backtest.engine import simulate
from quant_team_backtest.prepared import Prepared
from quant_team_backtest.simulation import Bars, Exits, Floats

MULTIPLES = (1.0, 10.0, 100.0)


class Point(NamedTuple):
    """One capital of the curve.

    Attributes:
        initial_capital: in the account's currency.
        total_return: a fraction.
        sharpe_ratio: annualised; None where it has no meaning.
        orders: how many the strategy gave.
        expired: how many of them were not filled whole for lack of volume.
    """

    initial_capital: float
    total_return: float
    sharpe_ratio: float | None
    orders: int
    expired: int


def capacity_curve(
    bars: Prepared | Mapping[str, Bars],
    weights: Mapping[str, Floats],
    assumptions: Assumptions,
    periods_per_year: int,
    exits: Mapping[str, Exits] | None = None,
    multiples: Sequence[float] = MULTIPLES,
) -> list[Point]:
    """Simulate the same weights with more and more capital, under the participation cap.

    The return falls where the market cannot fill the orders. What a large order does to the price
    is not modelled beyond the constant slippage, so the curve is the best case. Each point is a
    simulation of its own.

    Args:
        bars: the bars of each symbol; prepared once for all points.
        weights: as in `engine.simulate`.
        assumptions: capital, costs and cap; the capital is multiplied.
        periods_per_year: days to annualise the Sharpe ratio with.
        exits: as in `engine.simulate`.
        multiples: of the capital, above 0.

    Raises:
        EngineError: bars, weights or a capital cannot be used.
    """
    shared = bars if isinstance(bars, Prepared) else Prepared(bars)
    points = []
    for multiple in multiples:
        capital = assumptions.initial_capital * multiple
        rates = replace(assumptions, initial_capital=capital)
        run = simulate(shared, weights, rates, exits)
        measured = metrics.measure(run, periods_per_year).values
        point = Point(
            initial_capital=capital,
            total_return=metrics.total_return(run.equity, capital),
            sharpe_ratio=measured["sharpe_ratio"],
            orders=run.counts["orders"],
            expired=run.counts["expired"],
        )
        points.append(point)
    return points
