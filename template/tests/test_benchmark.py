"""Buy and hold, alpha, beta, correlation and tracking error, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quant_team_backtest import benchmark
from quant_team_backtest.engine import EngineError, Prepared
from quant_team_backtest.metrics import Undefined

from . import accounts


def test_twice_the_benchmark_and_a_little_more() -> None:
    """Returns of 2b + 0.01: beta 2, correlation 1, alpha 0.01 * 252. [benchmark]

    What they differ by is b + 0.01, so the tracking error is the deviation of b, annualised:
    b of 1, -1, 3 percent has a deviation of 2 percent.
    """
    theirs = np.array([0.01, -0.01, 0.03])
    ours = 2 * theirs + 0.01
    assert benchmark.beta(ours, theirs) == pytest.approx(2)
    assert benchmark.correlation(ours, theirs) == pytest.approx(1)
    assert benchmark.alpha(ours, theirs, 252) == pytest.approx(2.52)
    assert benchmark.tracking_error(ours, theirs, 252) == pytest.approx(0.02 * math.sqrt(252))


def test_equal_money_in_each_symbol() -> None:
    """A doubles and B halves: (2 + 0.5) / 2 = 1.25; of A alone 2. [benchmark]"""
    bars = {"A": accounts.make([100.0, 200.0]), "B": accounts.make([50.0, 25.0])}
    prepared = Prepared(bars)
    assert benchmark.buy_and_hold(prepared).tolist() == [1.0, 1.25]
    assert benchmark.buy_and_hold(prepared, ["A"]).tolist() == [1.0, 2.0]
    with pytest.raises(EngineError, match="C is not among the bars: A, B"):
        benchmark.buy_and_hold(prepared, ["C"])


def test_a_benchmark_that_never_moved() -> None:
    """Without variance there is no beta, alpha or correlation. [empty]"""
    ours = np.array([0.01, 0.02, 0.0])
    still = np.zeros(3)
    for found in (
        benchmark.beta(ours, still),
        benchmark.alpha(ours, still, 252),
        benchmark.correlation(ours, still),
    ):
        assert found == Undefined("the benchmark never moved")
