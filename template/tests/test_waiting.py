"""Orders that wait: for a bar, for volume, below the cap; and until when."""

from __future__ import annotations

import numpy as np
import pytest

from quant_team_backtest.engine import Assumptions, simulate

from .accounts import DAY, make, on_days, quantities, run, run_all

BUSY = 1e6


def test_an_order_that_opens_expires() -> None:
    """Two bars without volume are all it waits: bar 3 does not fill it any more. [wait]"""
    bars = make([100.0] * 6, volume=[BUSY, 0, 0, BUSY, BUSY, BUSY])
    done = run(bars, [1] * 6, expire_after=2)
    assert not done.fills
    assert done.counts["expired"] == done.counts["delayed"] == 1
    assert "1 of 1 order expired" in done.warnings[0]


def test_the_last_bar_that_it_waits_for_fills_it() -> None:
    """With a third bar to wait for it is filled there. [wait]"""
    bars = make([100.0] * 6, volume=[BUSY, 0, 0, BUSY, BUSY, BUSY])
    done = run(bars, [1] * 6, expire_after=3)
    assert on_days(done) == [(3, 10)]
    assert done.counts["expired"] == 0
    assert done.counts["delayed"] == 1


def test_an_order_that_enlarges_expires() -> None:
    """From a half to the whole is dropped after two bars without volume. [wait]"""
    bars = make([100.0] * 7, volume=[BUSY, BUSY, 0, 0, BUSY, BUSY, BUSY])
    done = run(bars, [0.5] + [1] * 6, expire_after=2)
    assert done.positions == {"X": 5}
    assert done.counts["expired"] == 1


@pytest.mark.parametrize(("weight", "left"), [(0.0, 0), (0.5, 5)])
def test_an_order_that_reduces_never_expires(weight: float, left: int) -> None:
    """It waits for six bars though it may wait for one: to nothing, or to a half. [wait]"""
    volume = [BUSY, BUSY, 0, 0, 0, 0, 0, BUSY, BUSY]
    bars = make([100.0] * 9, volume=volume)
    done = run(bars, [1] + [weight] * 8, expire_after=1)
    assert on_days(done) == [(1, 10), (7, left - 10)]
    assert done.counts["expired"] == 0
    assert done.counts["delayed"] == 1


def test_a_cover_never_expires() -> None:
    """What is short is bought back at the first bar that trades. [wait]"""
    bars = make([100.0] * 6, volume=[BUSY, BUSY, 0, 0, BUSY, BUSY])
    done = run(bars, [-1] + [0] * 5, expire_after=1)
    assert on_days(done) == [(1, -10), (4, 10)]


def test_what_would_open_the_other_side_expires() -> None:
    """From ten long to ten short, two bars without volume: only the ten are sold. [wait]"""
    bars = make([100.0] * 6, volume=[BUSY, BUSY, 0, 0, BUSY, BUSY])
    done = run(bars, [1] + [-1] * 5, expire_after=2)
    assert on_days(done) == [(1, 10), (4, -10)]
    assert done.counts["expired"] == 1
    assert not done.positions


@pytest.mark.parametrize(
    ("expire_after", "filled", "position"),
    [(1, [-6, -4], {}), (2, [-6, -6], {"X": -2})],
)
def test_a_crossing_that_is_filled_in_part(
    expire_after: int,
    filled: list[float],
    position: dict[str, float],
) -> None:
    """Of -20 six are filled a bar. Once it has expired, it ends at zero. [wait] [cap]

    After one bar four of the ten are still to be sold, and are. After two it is short already, and
    the eight that would enlarge that expire. A tenth of the usual (100 + 20) / 2 is six.
    """
    volume = [100.0] + [20.0] * 7
    bars = make([100.0] * 8, volume=volume)
    weights = [1] + [-1] * 7
    done = run(bars, weights, participation=0.1, expire_after=expire_after)
    assert quantities(done) == [10, *filled]
    assert done.positions == position
    assert done.counts["expired"] == 1


@pytest.mark.parametrize(("duty", "equity"), [(0.0, 89_515.89), (0.0005, 89_471.12)])
def test_a_suspended_stock_is_sold_when_it_trades_again(duty: float, equity: float) -> None:
    """600519.SH, eight days without volume from the day at whose open it was to be sold. [wait]

    Prices fall by 0.20 a bar from 100.00. Bar 1 opens at 99.80: 1,000 shares cost 99,800 * 1.0005
    * 1.001 = 99,949.75, and 50.25 is left. The weight is 0 from bar 43 on, 2024-02-29. Bars 44 to
    51 have no volume; bar 52, 2024-03-13, opens at 89.60: 89,600 * 0.9995 * 0.999 = 89,465.64.
    Together 89,515.89, -10.48%; stamp duty of 0.05% takes another 44.78.
    """
    prices = 100 - 0.2 * np.arange(262)
    volume = np.full(262, 1e6)
    volume[44:52] = 0
    bars = make(prices.tolist(), volume=volume.tolist(), lot=100, sell_duty=duty)
    weights = np.append(np.ones(43), np.zeros(219))
    done = simulate({"X": bars}, {"X": weights}, Assumptions())
    assert on_days(done) == [(1, 1000), (52, -1000)]
    assert done.equity[-1] == pytest.approx(equity, abs=0.005)
    assert done.equity[-1] / 100_000 - 1 == pytest.approx(-0.105, abs=6e-4)


def test_a_new_target_replaces_a_waiting_order() -> None:
    """An order that waits for volume is dropped for the next decision, which is filled. [wait]"""
    bars = make([100.0] * 5, volume=[BUSY, 0, 0, BUSY, BUSY])
    done = run(bars, [1, 0.5, 0.5, 0.5, 0.5])
    assert on_days(done) == [(3, 5)]
    assert done.counts["replaced"] == 1


def test_the_order_that_replaces_waits_anew() -> None:
    """Decided at bar 1, it may wait for bars 2 and 3; the one of bar 0 could not. [wait]"""
    bars = make([100.0] * 5, volume=[BUSY, 0, 0, BUSY, BUSY])
    done = run(bars, [1, 0.5, 0.5, 0.5, 0.5], expire_after=2)
    assert on_days(done) == [(3, 5)]


def test_the_first_bar_that_trades_says_how_many() -> None:
    """1,000 decided at 100 buys 20 at the 50 of the first bar with volume. [wait] [fill]"""
    bars = make([100, 80, 50, 40], volume=[BUSY, 0, BUSY, BUSY])
    assert on_days(run(bars, [1] * 4)) == [(2, 20)]


def test_what_was_filled_before_it_expired_stays() -> None:
    """Four a bar for two bars: eight of ten are held. [wait] [cap]"""
    bars = make([100.0] * 6, volume=40.0)
    done = run(bars, [1] * 6, participation=0.1, expire_after=2)
    assert quantities(done) == [4, 4]
    assert done.counts["expired"] == 1


def test_the_usual_volume_caps_a_fill() -> None:
    """A tenth of a volume of 40 is four shares a bar: ten take three bars. [cap]"""
    done = run(make([100.0] * 6, volume=40.0), [1] * 6, participation=0.1)
    assert quantities(done) == [4, 4, 2]
    assert done.counts["delayed"] == 1
    assert done.counts["expired"] == 0


def test_the_default_cap_is_five_percent() -> None:
    """Without a word about it, 5% of 40 shares is filled. [cap]"""
    rates = Assumptions(initial_capital=1000.0, commission=0, slippage=0)
    bars = make([100.0] * 3, volume=40.0)
    done = simulate({"X": bars}, {"X": np.ones(3)}, rates)
    assert quantities(done) == [2, 2]


@pytest.mark.parametrize("volume", [[40, 1, 9e9, 40, 40], [40, 9e9, 1, 1, 1]])
def test_the_bar_that_fills_does_not_matter_to_the_cap(volume: list[float]) -> None:
    """What a bar will trade is not known when it is decided: 4, 4 and 2. [cap]"""
    done = run(make([100.0] * 5, volume=volume), [1] * 5, participation=0.1)
    assert quantities(done) == [4, 4, 2]


@pytest.mark.parametrize(("decided", "filled"), [(19, 10), (20, 4)])
def test_the_usual_volume_is_the_mean_of_twenty_bars(decided: int, filled: int) -> None:
    """The busy bar 0 is one of twenty up to bar 19, and not of those up to bar 20. [cap]"""
    volume = [BUSY] + [40.0] * 24
    weights = [0.0] * decided + [1.0] * (25 - decided)
    done = run(make([100.0] * 25, volume=volume), weights, participation=0.1)
    assert on_days(done)[0] == (decided + 1, filled)


def test_bars_without_volume_are_in_the_mean() -> None:
    """40 and 0 and 80 are 40 a bar. [cap]"""
    bars = make([100.0] * 6, volume=[40, 0, 80, 80, 80, 80])
    done = run(bars, [0, 0, 1, 1, 1, 1], participation=0.1)
    assert quantities(done) == [4, 4, 2]


@pytest.mark.parametrize(
    ("lot", "quantity"),
    [(1, [1, 1, 1]), (100, [100, 100, 100])],
)
def test_at_least_one_lot_is_filled(lot: int, quantity: list[float]) -> None:
    """A tenth of five shares is none: one lot is filled, so that nothing is stuck. [cap] [lots]"""
    bars = make([1.0] * 6, volume=5.0, lot=lot)
    weights = [0.3] * 6 if lot > 1 else [0.003] * 6
    done = run(bars, weights, participation=0.1)
    assert quantities(done) == quantity


def test_fractions_fill_the_cap_to_the_last_bit() -> None:
    """A tenth of 5 is half a coin a bar; of 1.2 coins, 0.2 are left for the third. [cap]"""
    bars = make([100.0] * 6, volume=5.0, fractional=True)
    done = run(bars, [0.12] * 6, participation=0.1)
    assert quantities(done) == pytest.approx([0.5, 0.5, 0.2])


def test_a_thin_stock_is_left_slowly_but_whole() -> None:
    """Two a bar of ten, though the order may wait for two bars: it reduces. [cap] [wait]

    A tenth of the mean volume (100 + 1 + 1 + 1) / 4 is 2.575.
    """
    bars = make([100.0] * 12, volume=[100] + [1] * 11)
    done = run(bars, [1, 1, 1] + [0] * 9, participation=0.1, expire_after=2)
    assert quantities(done) == [10] + [-2] * 5
    assert not done.positions


@pytest.mark.parametrize("others", [1, 9])
def test_a_cap_of_one_symbol_leaves_the_others_alone(others: int) -> None:
    """X fills four a bar, all others fill at once, few or many. [cap] [account]"""
    bars = {"X": make([100.0] * 5, volume=40.0)}
    weights = {"X": [0.5] * 5}
    for i in range(others):
        bars[f"S{i}"] = make([100.0] * 5)
        weights[f"S{i}"] = [0.5 / others] * 5
    done = run_all(bars, weights, participation=0.1, initial_capital=2000.0 * others)
    first = [fill for fill in done.fills if fill.time == DAY]
    assert [fill.quantity for fill in first] == [4] + [10] * others
    assert sum(fill.quantity for fill in done.fills if fill.symbol == "X") > 4
