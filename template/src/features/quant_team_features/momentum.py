"""Momentum: how far the price has come over a look-back."""

from __future__ import annotations

import polars as pl

from quant_team_features import FeatureError


def momentum(lookback: int, skip: int = 0) -> pl.Expr:
    """Return the look-back return as an expression over bars in time order.

    The value of a bar is known at that bar's close; the first `lookback + skip` bars have none
    (null).

    Args:
        lookback: bars over which the return is measured, at least 1.
        skip: the latest bars to leave out, since short-term moves tend to revert; default: none.

    Returns:
        An expression over the column `close`: a fraction, 0.1 for a rise of 10 percent.

    Raises:
        FeatureError: a count is out of range.
    """
    if lookback < 1 or skip < 0:
        raise FeatureError(
            f"Momentum over lookback={lookback} and skip={skip} bars has no meaning: "
            "give lookback 1 or more, skip 0 or more."
        )
    close = pl.col("close")
    return close.shift(skip) / close.shift(skip + lookback) - 1
