"""The capacity curve: more capital meets the participation cap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quant_team_backtest.capacity import capacity_curve

from . import accounts


def test_a_hundred_times_the_capital_is_filled_in_part() -> None:
    """A cap of 10% of 1,000 is 100 shares a bar, five bars long; the price doubles. [capacity]

    1,000 buys 10 and 10,000 buys 100 at 100, at once: the return is 100%. 100,000 wants 1,000 and
    gets 500, which earn 50,000, before the order expires: 50%.
    """
    prices = np.array([100.0] * 7 + [200.0])
    bars = accounts.make(prices.tolist(), volume=1000.0, fractional=True)
    rates = replace(accounts.FREE, participation=0.1, expire_after=5)
    points = capacity_curve({"X": bars}, {"X": np.ones(8)}, rates, 252)
    assert [point.initial_capital for point in points] == [1e3, 1e4, 1e5]
    assert [point.total_return for point in points] == pytest.approx([1.0, 1.0, 0.5])
    assert [point.expired for point in points] == [0, 0, 1]
