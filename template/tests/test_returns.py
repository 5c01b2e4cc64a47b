"""Growth, volatility, Sortino and Calmar, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quant_team_backtest import returns
from quant_team_backtest.metrics import RUINED, Undefined

DAILY = np.array([0.03, -0.01, 0.01])


def test_by_hand() -> None:
    """Mean 1%, deviation 2%, downside root(0.0001 / 3); 21% in two years is 10% a year. [growth]"""
    assert returns.cagr(0.21, 2.0) == pytest.approx(0.1)
    assert returns.volatility(DAILY, 252) == pytest.approx(0.02 * math.sqrt(252))
    downside = math.sqrt(0.0001 / 3)
    assert returns.sortino_ratio(DAILY, 252) == pytest.approx(0.01 / downside * math.sqrt(252))
    assert returns.calmar_ratio(0.1, -0.2) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (returns.cagr(0.1, 0.5), "the run is shorter than a year"),
        (returns.cagr(-1.2, 2.0), RUINED.reason),
        (returns.volatility(np.zeros(0), 252), "0 daily returns are too few"),
        (returns.sortino_ratio(DAILY[:2], 252), "2 daily returns are too few"),
        (returns.sortino_ratio(np.abs(DAILY), 252), "no daily return was below zero"),
        (returns.calmar_ratio(0.1, 0.0), "the equity never fell"),
        (returns.calmar_ratio(RUINED, -0.1), RUINED.reason),
    ],
)
def test_no_number_without_meaning(found: float | Undefined, reason: str) -> None:
    """Short, empty and degenerate curves have a reason instead of a number. [empty] [growth]"""
    assert found == Undefined(reason)
