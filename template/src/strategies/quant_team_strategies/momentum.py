"""Time-series momentum: hold what has risen, leave what has fallen.

Each symbol has an equal share of the account. It is held while its look-back return is above the
threshold, and left (or sold short, with `short`) otherwise. Copy this file to start a strategy of
your own.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from quant_team_features.momentum import momentum
from quant_team_strategies import Parameter

FAMILY = "momentum"
SYMBOLS = ("AAPL.US", "MSFT.US", "GOOGL.US")
INTERVAL = "1d"
DEFAULTS: dict[str, Parameter] = {
    "lookback": 126,  # bars, about half a year of trading days
    "skip": 5,  # bars, the last week
    "threshold": 0.0,  # the return above which a symbol is held
    "short": False,  # sell short what has fallen below minus the threshold
}


def target_weights(
    bars: dict[str, pl.DataFrame],
    parameters: dict[str, Any],
) -> dict[str, pl.Series]:
    """Return a weight per bar for each symbol; a bar without a look-back behind it has weight 0."""
    share = 1 / len(bars)
    threshold = parameters["threshold"]
    fallen = -share if parameters["short"] else 0.0
    signal = momentum(parameters["lookback"], parameters["skip"])
    weight = (
        pl.when(signal > threshold)
        .then(share)
        .when(signal < -threshold)
        .then(fallen)
        .otherwise(0.0)
    )
    weights = {}
    for symbol, frame in bars.items():
        weights[symbol] = frame.select(weight.alias("weight"))["weight"]
    return weights
