"""All numbers that stand in the result of a run, in their order.

The first are those of `metrics`; the rest need the bars, the fills or the costs as well. What takes
a simulation of its own, as `capacity` does, is not among them.
"""

from __future__ import annotations

from quant_team_backtest import activity, benchmark, metrics, returns, trade_metrics
from quant_team_backtest.metrics import Metrics, Undefined
from quant_team_backtest.simulation import Simulation

Number = float | Undefined
NO_LENGTH = Undefined("the run has no length")


def measure(run: Simulation, periods_per_year: int) -> Metrics:
    """Return all numbers of a run.

    Args:
        run: what the engine gave.
        periods_per_year: days to annualise with: 252 for exchanges, 260 for currencies, 365 around
            the clock.
    """
    if not len(run.equity):
        names = [*metrics.METRICS, *NAMES]
        return metrics.collected(dict.fromkeys(names, NO_LENGTH))
    first = metrics.measure(run, periods_per_year)
    others = metrics.collected(_others(run, periods_per_year))
    return Metrics(
        values={**first.values, **others.values},
        reasons={**first.reasons, **others.reasons},
    )


# Details


def _others(run: Simulation, periods_per_year: int) -> dict[str, Number]:
    numbers = {
        **_of_curve(run, periods_per_year),
        **_of_trades(run),
        **_of_activity(run),
        **_beside(run, periods_per_year),
    }
    return {name: numbers[name] for name in NAMES}


def _of_curve(run: Simulation, periods_per_year: int) -> dict[str, Number]:
    return {
        "cagr": returns.cagr_of(run),
        "volatility": returns.volatility_of(run, periods_per_year),
        "sortino_ratio": returns.sortino_of(run, periods_per_year),
        "calmar_ratio": returns.calmar_of(run),
    }


def _of_trades(run: Simulation) -> dict[str, Number]:
    moves = trade_metrics.excursions(run)
    return {
        "best_trade": trade_metrics.best_trade(run.trades),
        "worst_trade": trade_metrics.worst_trade(run.trades),
        "average_holding_days": trade_metrics.average_holding(run.trades),
        "mean_mae": trade_metrics.mean_adverse(moves),
        "mean_mfe": trade_metrics.mean_favourable(moves),
    }


def _of_activity(run: Simulation) -> dict[str, Number]:
    filled = activity.filled_of(run)
    exposure = activity.exposure_of(run, filled)
    return {
        "turnover": activity.turnover_of(run, filled),
        "time_in_market": exposure.time_in_market,
        "mean_gross": exposure.mean_gross,
        "break_even_cost": activity.break_even_of(run, filled),
    }


def _beside(run: Simulation, periods_per_year: int) -> dict[str, Number]:
    found = benchmark.compare(run, periods_per_year)
    return {
        "benchmark_return": found.total_return,
        "alpha": found.alpha,
        "beta": found.beta,
        "correlation": found.correlation,
        "tracking_error": found.tracking_error,
    }


NAMES = (
    "cagr",
    "volatility",
    "sortino_ratio",
    "calmar_ratio",
    "best_trade",
    "worst_trade",
    "average_holding_days",
    "mean_mae",
    "mean_mfe",
    "turnover",
    "time_in_market",
    "mean_gross",
    "break_even_cost",
    "benchmark_return",
    "alpha",
    "beta",
    "correlation",
    "tracking_error",
)
