"""Exits: stop, target, trailing stop and the longest time, to the bar and to the price."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from quant_team_backtest.engine import Bars, Exits, Flow, Simulation

from .accounts import DAY, make, on_days, quantities, run, run_all


def bars_of(*rows: tuple[float, float, float], **changes: Any) -> Bars:
    """Return bars of open, high and low; each closes at its open. Two of 100 come first."""
    quiet = (100.0, 100.0, 100.0)
    opens, highs, lows = np.array([quiet, quiet, *rows], dtype=float).T
    return make(opens.tolist(), high=highs, low=lows, **changes)


def exits(count: int, **levels: float) -> Exits:
    """Return exits that are the same on every bar."""
    columns = {}
    for name, level in levels.items():
        columns[name] = np.full(count, level)
    return Exits(**columns)


def held(bars: Bars, weight: float = 1.0, **levels: float) -> Simulation:
    """Simulate a target that never changes, decided at bar 0 and filled at the open of bar 1."""
    count = len(bars.open)
    return run(bars, [weight] * count, exits(count, **levels))


def fall_on_entry(bars: Bars) -> None:
    """Let the low of bar 1, which fills, be 85."""
    assert bars.low is not None
    bars.low[1] = 85


def left(done: Simulation) -> list[tuple[int, float, float]]:
    """Return day, quantity and price of each fill after the first."""
    found = []
    for fill in list(done.fills)[1:]:
        found.append((fill.time // DAY, fill.quantity, round(fill.price, 9)))
    return found


AFTER = (100.0, 100.0, 100.0)


@pytest.mark.parametrize(
    ("bar", "price"),
    [
        ((95, 99, 85), 90),  # reached within the bar: at the level
        ((95, 99, 90), 90),  # touched
        ((80, 99, 75), 80),  # opens below it: at the open
    ],
)
def test_a_stop(bar: tuple[float, float, float], price: float) -> None:
    """Bought at 100 with a stop of 10%: ten are sold at 90, or at a lower open. [exits]"""
    done = held(bars_of(bar, AFTER), stop=0.1)
    assert left(done) == [(2, -10, price)]
    assert done.fills[1].time == 3 * DAY - 1  # within the bar
    assert done.counts["stop"] == 1
    assert [trade.pnl for trade in done.trades] == [10 * (price - 100)]
    assert done.equity.tolist() == [1000, 1000, 10 * price, 10 * price]


def test_a_stop_that_is_not_reached() -> None:
    """A low of 90.01 leaves ten shares where they are. [exits]"""
    done = held(bars_of((95, 99, 90.01), AFTER), stop=0.1)
    assert done.positions == {"X": 10}
    assert done.counts["stop"] == 0


@pytest.mark.parametrize(
    ("bar", "price"),
    [((110, 125, 100), 120), ((110, 120, 100), 120), ((130, 140, 125), 130)],
)
def test_a_target(bar: tuple[float, float, float], price: float) -> None:
    """Bought at 100 with a target of 20%: ten are sold at 120, or at a higher open. [exits]"""
    done = held(bars_of(bar, AFTER), target=0.2)
    assert left(done) == [(2, -10, price)]
    assert done.counts["target"] == 1
    assert done.equity[-1] == 10 * price


@pytest.mark.parametrize(
    ("bar", "price"),
    [((100, 130, 85), 90), ((130, 130, 85), 90), ((85, 130, 85), 85)],
)
def test_of_stop_and_target_in_one_bar_the_stop_is_first(
    bar: tuple[float, float, float],
    price: float,
) -> None:
    """What came first is unknown: the worse, even where the open is beyond the target. [exits]"""
    done = held(bars_of(bar, AFTER), stop=0.1, target=0.2)
    assert left(done) == [(2, -10, price)]
    assert (done.counts["stop"], done.counts["target"]) == (1, 0)


@pytest.mark.parametrize(
    ("bar", "levels", "price"),
    [
        ((105, 115, 100), {"stop": 0.1}, 110),
        ((112, 115, 100), {"stop": 0.1}, 112),
        ((95, 100, 75), {"target": 0.2}, 80),
        ((70, 100, 65), {"target": 0.2}, 70),
        ((100, 111, 79), {"stop": 0.1, "target": 0.2}, 110),
    ],
)
def test_a_short_position_is_left_on_the_other_side(
    bar: tuple[float, float, float],
    levels: dict[str, float],
    price: float,
) -> None:
    """Sold short at 100: the stop is 110, the target 80, and opens beyond them count. [exits]"""
    done = held(bars_of(bar, AFTER), weight=-1.0, **levels)
    assert left(done) == [(2, 10, price)]
    assert done.equity[-1] == 2000 - 10 * price


def test_the_bar_of_the_entry_may_reach_it() -> None:
    """Bought at the open of bar 1, sold within it: its low is 85. [exits]"""
    bars = bars_of(AFTER)
    fall_on_entry(bars)
    done = held(bars, stop=0.1)
    assert left(done) == [(1, -10, 90)]
    assert done.equity.tolist() == [1000, 900, 900]


def test_a_fill_at_a_close_is_looked_after_from_the_next_bar() -> None:
    """Bought at the close of bar 1: its own low of 85 was before that; bar 2's is 89. [exits]"""
    bars = bars_of((95, 99, 89), AFTER)
    fall_on_entry(bars)
    done = run(bars, [1.0] * 4, exits(4, stop=0.1), fill="next_close")
    assert left(done) == [(2, -10, 90)]


def test_what_a_bar_reaches_comes_before_a_fill_at_its_close() -> None:
    """Decided out at bar 2, to be sold at the close of bar 3; its low of 85 is before. [exits]"""
    bars = bars_of(AFTER, (95, 99, 85), AFTER)
    done = run(bars, [1, 1, 0, 0, 0], exits(5, stop=0.1), fill="next_close")
    assert left(done) == [(3, -10, 90)]


def test_the_entry_price_has_its_slippage() -> None:
    """100 and 2% are 102; 10% below is 91.80, which a sale gets less 2%: 89.964. [exits] [costs]

    1000 / (102 * 1.01) is 9 shares: 918 and 9.18 paid; 809.676 less 1% got.
    """
    bars = bars_of((95, 99, 85), AFTER)
    done = run(bars, [1.0] * 4, exits(4, stop=0.1), slippage=0.02, commission=0.01)
    assert left(done) == [(2, -9, 89.964)]
    assert done.equity[-1] == pytest.approx(1000 - 918 * 1.01 + 809.676 * 0.99)


def test_a_trailing_stop_follows_the_best_price_of_earlier_bars() -> None:
    """Up to 150 in bar 2: from bar 3 on it is 135; 120 in bar 2 itself is above 90. [exits]"""
    rows = [(100, 150, 120), (140, 145, 136), (140, 141, 130), AFTER]
    done = held(bars_of(*rows), trail=0.1)
    assert left(done) == [(4, -10, 135)]
    assert done.counts["stop"] == 1


def test_a_trailing_stop_begins_at_the_entry_price() -> None:
    """Without any rise 10% below 100 is 90. [exits]"""
    assert left(held(bars_of((95, 99, 85), AFTER), trail=0.1)) == [(2, -10, 90)]


def test_a_trailing_stop_of_a_short_position() -> None:
    """Down to 50 in bar 2: from bar 3 on it is 55, and an open of 60 is beyond it. [exits]"""
    rows = [(90, 95, 50), (60, 61, 58), AFTER]
    done = held(bars_of(*rows), weight=-1.0, trail=0.1)
    assert left(done) == [(3, 10, 60)]


def test_a_trailing_stop_remembers_over_decisions() -> None:
    """The 150 of bar 2 count in bar 6, though each of bars 2 to 4 sells a share. [exits]"""
    high = (145, 150, 140)
    lower = (145, 146, 140)
    rows = [high, lower, lower, lower, (140, 141, 130), AFTER]
    bars = bars_of(*rows)
    weights = [1, 1, 0.9, 0.8, 0.7, 0.7, 0.7, 0.7]
    done = run(bars, weights, exits(8, trail=0.1))
    assert left(done)[-1][0] == 6
    assert left(done)[-1][2] == 135


def test_the_nearer_of_two_stops_is_reached_first() -> None:
    """A stop at 80, and 10% below the best price: at first 90, then 108. [exits]"""
    rows = [(100, 120, 95), (110, 112, 105), AFTER]
    done = held(bars_of(*rows), stop=0.2, trail=0.1)
    assert left(done) == [(3, -10, 108)]


def test_a_trailing_stop_over_many_bars() -> None:
    """The best of 300 bars before counts, however they are looked through. [exits]"""
    rows = [(100.0 + i, 100.0 + i, 100.0 + i) for i in range(300)]
    done = held(bars_of(*rows, (398, 398, 340), AFTER), trail=0.1)
    assert left(done) == [(302, -10, round(399 * 0.9, 9))]


@pytest.mark.parametrize(("bars", "day"), [(1, 2), (2, 3), (3, 4)])
def test_the_longest_time(bars: int, day: int) -> None:
    """Bought at the open of bar 1, held for its bars, sold at the next open. [exits]"""
    done = held(bars_of(*[AFTER] * 4), max_bars=bars)
    assert on_days(done) == [(1, 10), (day, -10)]
    assert done.counts["max_bars"] == 1


def test_the_longest_time_from_close_to_close() -> None:
    """Bought at the close of bar 1 for two bars: 2 and 3, and sold at the close of 4. [exits]"""
    bars = bars_of(*[AFTER] * 4)
    done = run(bars, [1.0] * 6, exits(6, max_bars=2), fill="next_close")
    assert [fill.time // DAY for fill in done.fills] == [2, 5]


def test_a_stop_on_the_last_of_its_bars_comes_first() -> None:
    """Within the bar at whose close the time is over, the stop is reached. [exits]"""
    done = held(bars_of((95, 99, 85), AFTER), stop=0.1, max_bars=2)
    assert left(done) == [(2, -10, 90)]
    assert (done.counts["stop"], done.counts["max_bars"]) == (1, 0)


def test_it_is_entered_again_only_on_a_new_target() -> None:
    """Stopped in bar 2; the same target does nothing, a new one buys at bar 5. [exits]

    900 are left: half of it is four shares at 100. Their own stop is again 90.
    """
    rows = [(95, 99, 85), AFTER, AFTER, AFTER, (95, 99, 85), AFTER]
    bars = bars_of(*rows)
    done = run(bars, [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5], exits(8, stop=0.1))
    assert on_days(done) == [(1, 10), (2, -10), (5, 4), (6, -4)]
    assert done.counts["stop"] == 2


def test_the_bar_that_decided_fixes_the_levels() -> None:
    """Bar 0 says 10%; what later bars say, 50% or 1%, is for later entries. [exits]"""
    stop = np.array([0.1, 0.5, 0.01, 0.01])
    done = run(bars_of((95, 99, 85), AFTER), [1.0] * 4, Exits(stop=stop))
    assert left(done) == [(2, -10, 90)]
    stop = np.array([0.5, 0.1, 0.1, 0.1])
    done = run(bars_of((95, 99, 85), AFTER), [1.0] * 4, Exits(stop=stop))
    assert not left(done)


def test_nan_is_no_exit() -> None:
    """A column may say nothing of a bar. [exits]"""
    done = held(bars_of((50, 200, 20), AFTER), stop=math.nan, target=math.nan, max_bars=math.nan)
    assert done.positions == {"X": 10}


def test_more_of_it_keeps_the_levels() -> None:
    """Five at 100, then five at 120: the stop is 90 of the first, for all ten. [exits]"""
    rows = [(120, 120, 120), (95, 99, 85), AFTER]
    bars = bars_of(*rows)
    done = run(bars, [0.5, 1, 1, 1, 1], exits(5, stop=0.1), max_gross=2.0)
    # 5 shares at 100; then money of 1,000 at 120 is 8 shares, three more
    assert left(done) == [(2, 3, 120), (3, -8, 90)]


def test_a_new_side_has_levels_of_its_own() -> None:
    """Long at 100 with a stop at 90; short at 95 with a stop at 104.50. [exits]"""
    rows = [(95, 96, 94), (100, 105, 80), AFTER]
    done = run(bars_of(*rows), [1, -1, -1, -1, -1], exits(5, stop=0.1))
    assert on_days(done) == [(1, 10), (2, -20), (3, 10)]
    assert done.fills[2].price == pytest.approx(104.5)


def test_a_target_of_the_close_comes_after_what_its_bar_reached() -> None:
    """Stopped within bar 2, and told to leave at its close: sold once, at 90. [exits]"""
    done = run(bars_of((95, 99, 85), AFTER), [1, 1, 0, 0], exits(4, stop=0.1))
    assert left(done) == [(2, -10, 90)]


def test_a_sale_at_the_open_comes_before_what_its_bar_reaches() -> None:
    """Decided at bar 1, sold at the open of bar 2 at 95: its low is another's. [exits]"""
    done = run(bars_of((95, 99, 85), AFTER), [1, 0, 0, 0], exits(4, stop=0.1))
    assert left(done) == [(2, -10, 95)]
    assert done.counts["stop"] == 0


@pytest.mark.parametrize("reason", ["volume", "limit"])
def test_a_bar_that_does_not_trade_reaches_nothing(reason: str) -> None:
    """Bar 2 falls to 85 without volume, or at its limit: left at the open of bar 3. [exits]"""
    changes: dict[str, Any] = {"volume": [1e9, 1e9, 0, 1e9, 1e9]}
    if reason == "limit":
        changes = {"can_sell": np.array([True, True, False, True, True])}
    bars = bars_of((85, 85, 85), (80, 82, 79), AFTER, **changes)
    assert left(held(bars, stop=0.1)) == [(3, -10, 80)]


def test_what_was_bought_today_is_not_stopped_today() -> None:
    """Bar 1's low of 85 cannot be sold to; bar 2 opens at 88, below the stop. [exits] [settle]"""
    bars = bars_of((88, 89, 87), AFTER, same_day_sale=False)
    fall_on_entry(bars)
    assert left(held(bars, stop=0.1)) == [(2, -10, 88)]


def test_a_bar_fills_as_much_as_its_cap() -> None:
    """Six of ten at the stop, the rest at the next open, later than it may wait. [exits] [cap]

    The cap is that of the bar before the exit: a tenth of (100 + 20) / 2 is six.
    """
    volume = [100, 20, 1, 1, 1, 1]
    bars = bars_of((95, 99, 85), (80, 80, 80), AFTER, AFTER, volume=volume)
    done = run(bars, [1.0] * 6, exits(6, stop=0.1), participation=0.1, expire_after=1)
    assert left(done) == [(2, -6, 90), (3, -4, 80)]


def test_what_an_entry_had_still_to_buy_is_dropped() -> None:
    """Four of ten are bought, and sold at the stop: the other six are not bought. [exits] [wait]"""
    bars = bars_of((95, 99, 85), AFTER, AFTER, volume=40.0)
    fall_on_entry(bars)
    done = run(bars, [1.0] * 5, exits(5, stop=0.1), participation=0.1)
    assert on_days(done) == [(1, 4), (1, -4)]
    assert not done.positions


def test_levels_are_split_too() -> None:
    """Bought at 100, split 4:1: the stop is 22.50, for forty shares. [exits] [actions]"""
    rows = [(25, 25, 23), (24, 24, 22), (24, 24, 24)]
    done = held(bars_of(*rows, flows=(Flow(2, 4.0),)), stop=0.1)
    assert left(done) == [(3, -40, 22.5)]
    assert done.equity[-1] == 900


def test_the_money_is_there_for_the_next_decision() -> None:
    """X is stopped at 90 in bar 2; at its close Y is decided with the 900. [exits] [account]"""
    bars = {"X": bars_of((95, 99, 85), AFTER, AFTER), "Y": make([100.0] * 5)}
    weights = {"X": [1.0] * 5, "Y": [0.0, 0, 1, 1, 1]}
    done = run_all(bars, weights, {"X": exits(5, stop=0.1)})
    assert quantities(done) == [10, -10, 9]


def test_without_high_and_low_open_and_close_are_all_that_is_known() -> None:
    """From 95 to 85 a bar has been at 90. [exits]"""
    bars = make([100, 100, 95, 85], [100, 100, 85, 85])
    assert left(held(bars, stop=0.1)) == [(2, -10, 90)]
