"""The engine, against cases computed by hand and figures of its first version."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from quant_team_backtest.engine import Assumptions, Bars, EngineError, Simulation, simulate

DAY = 86_400_000
FREE = Assumptions(
    initial_capital=1000.0,
    commission=0.0,
    slippage=0.0,
    participation=None,
    borrow_rate=0.0,
)


def make(
    opens: list[float],
    closes: list[float] | None = None,
    volume: float | list[float] = 1e9,
    fractional: bool = False,
) -> Bars:
    """Return daily bars that follow one another without a gap."""
    count = len(opens)
    opened = np.arange(count, dtype=np.int64) * DAY
    volumes = [volume] * count if isinstance(volume, float) else volume
    return Bars(
        opened=opened,
        closed=opened + DAY,
        open=np.array(opens, dtype=float),
        close=np.array(closes or opens, dtype=float),
        volume=np.array(volumes, dtype=float),
        fractional=fractional,
    )


def run(bars: Bars, weights: list[float], **changes: Any) -> Simulation:
    """Simulate one symbol without costs, but for the changes."""
    assumptions = replace(FREE, **changes)
    return simulate({"X": bars}, {"X": np.array(weights)}, assumptions)


def quantities(done: Simulation) -> list[float]:
    return [fill.quantity for fill in done.fills]


def test_a_round_trip_by_hand() -> None:
    """Decide at the close of bars 0 and 2, fill at the opens of bars 1 and 3. [decide] [costs]"""
    bars = make([100, 100, 110, 120, 130], [100, 105, 110, 120, 130])
    done = run(bars, [1, 1, 0, 0, 0], commission=0.01, slippage=0.02)
    # 1000 / (100 * 1.02 * 1.01) = 9.7 -> 9 shares; paid 9 * 102 = 918, commission 9.18, cash 72.82
    # sold at 120 * 0.98 = 117.6: 1058.4, commission 10.584; cash 1120.636
    assert [(fill.time, fill.quantity, fill.price) for fill in done.fills] == [
        (DAY, 9, 102),
        (3 * DAY, -9, pytest.approx(117.6)),
    ]
    equity = [1000, 72.82 + 9 * 105, 72.82 + 9 * 110, 1120.636, 1120.636]
    assert done.equity == pytest.approx(equity)
    assert [trade.pnl for trade in done.trades] == [pytest.approx(120.636)]


def test_next_close_fills_at_the_close_of_the_bar_after() -> None:
    """A decision on bar 0 fills at the close of bar 1, which its equity shows already. [fill]"""
    bars = make([100, 90, 80], [100, 125, 100])
    done = run(bars, [1, 1, 1], fill="next_close", slippage=0.25)
    assert [(fill.time, fill.quantity, fill.price) for fill in done.fills] == [(2 * DAY, 6, 156.25)]
    assert done.equity == pytest.approx([1000, 1000 - 6 * 31.25, 1000 - 6 * 56.25])


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_the_deciding_bar_never_fills(fill: str) -> None:
    """A decision on the last bar waits, is counted, and a warning says so. [fill] [wait]"""
    done = run(make([100, 100], [100, 200]), [0, 1], fill=fill)
    assert not done.fills
    assert done.counts["waiting"] == 1
    assert "waiting at the end" in done.warnings[0]


def test_a_held_target_is_left_to_drift() -> None:
    """The same target again is no order, nor is NaN: one fill, however the price moves. [decide]"""
    done = run(make([100, 100, 50, 200, 70]), [0.5, 0.5, math.nan, 0.5, 0.5])
    assert len(done.fills) == done.counts["orders"] == 1


def test_a_changed_target_trades_the_difference() -> None:
    """From 0.5 to 1.0 buys the other half; to 0 sells all, and the whole is one trade. [trade]"""
    done = run(make([100.0] * 4), [0.5, 1, 0, 0])
    assert quantities(done) == [5, 5, -10]
    (trade,) = done.trades
    assert (trade.quantity, trade.entry, trade.exit, trade.pnl) == (10, 100, 100, 0)


def test_crossing_zero_ends_one_trade_and_begins_the_next() -> None:
    """From long to short is one fill and two trades, the second open and only marked. [trade]"""
    done = run(make([100, 100, 120, 120], [100, 100, 120, 90]), [1, -1, -1, -1])
    # 10 shares at 100; decided at the close of bar 1 on equity 1000; at 120 to -8 shares
    assert quantities(done) == [10, -18]
    assert [(trade.quantity, trade.pnl) for trade in done.trades] == [(10, 200)]
    assert done.positions == {"X": -8}
    assert done.equity[-1] == pytest.approx(1200 + 8 * 30)


def test_shorts_pay_to_borrow_by_calendar_time() -> None:
    """Ten short at 100 for 73 days at 50 percent a year pay 100: a fifth of a year. [costs]"""
    opened = np.array([0, 1, 74], dtype=np.int64) * DAY
    flat = np.full(3, 100.0)
    closed = np.append(opened[1:], 75 * DAY)
    done = run(Bars(opened, closed, flat, flat, np.full(3, 1e9)), [-1, 0, 0], borrow_rate=0.5)
    assert done.equity == pytest.approx([1000, 900, 900])
    assert [trade.pnl for trade in done.trades] == [pytest.approx(-100)]


def test_volume_caps_a_fill_and_the_rest_waits() -> None:
    """At 10 percent of a volume of 40, ten shares take three bars. [cap]"""
    done = run(make([100.0] * 6, volume=[40.0] * 6), [1] * 6, participation=0.1)
    assert quantities(done) == [4, 4, 2]
    assert done.counts["delayed"] == 1


def test_the_default_cap_is_five_percent() -> None:
    """Without a word about it, 5 percent of a bar's volume is filled. [cap]"""
    rates = Assumptions(initial_capital=1000.0, commission=0, slippage=0)
    bars = make([100.0] * 3, volume=[40.0] * 3)
    done = simulate({"X": bars}, {"X": np.ones(3)}, rates)
    assert quantities(done) == [2, 2]


def test_no_volume_no_fill_and_the_order_expires() -> None:
    """An order waits two bars without volume, expires, and is counted. [wait]"""
    bars = make([100.0] * 6, volume=[1e6, 1e6, 0, 0, 1e6, 1e6])
    done = run(bars, [1, 0, 0, 0, 0, 0], expire_after=2)
    assert quantities(done) == [10]
    assert done.counts["expired"] == 1
    assert "expired" in done.warnings[0]


def test_a_new_target_replaces_a_waiting_order() -> None:
    """An order that waits for volume is dropped for the next decision, which is filled. [wait]"""
    bars = make([100.0] * 5, volume=[1.0e6, 0, 0, 1e6, 1e6])
    done = run(bars, [1, 0.5, 0.5, 0.5, 0.5])
    assert quantities(done) == [5]
    assert done.counts["replaced"] == 1


def test_fractions_trade_where_the_market_has_them() -> None:
    """Whole shares round toward zero, fractions do not; less than a share is counted. [lots]"""
    assert run(make([300.0] * 3), [1, 1, 1]).positions == {"X": 3}
    fractional = run(make([300.0] * 3, fractional=True), [1, 1, 1])
    assert fractional.positions == {"X": pytest.approx(1000 / 300)}
    assert run(make([3000.0] * 3), [1, 1, 1]).counts["too_small"] == 1


def test_ruin_stops_the_run() -> None:
    """A short that triples takes equity to zero or below: the run ends at that close. [ruin]"""
    done = run(make([100, 100, 300, 10]), [-1, -1, -1, 0])
    assert done.ruined
    assert done.equity == pytest.approx([1000, 1000, -1000])
    assert done.warnings[0].startswith("Ruin")


def test_calendars_may_differ() -> None:
    """A symbol that trades every day and one that does not share an account. [account]"""
    sparse = Bars(
        opened=np.array([0, 3], dtype=np.int64) * DAY,
        closed=np.array([1, 4], dtype=np.int64) * DAY,
        open=np.array([50.0, 60.0]),
        close=np.array([50.0, 70.0]),
        volume=np.full(2, 1e9),
    )
    weights = {"D": np.array([0.5, 0.5, 0.5, 0.5]), "S": np.array([0.5, 0.5])}
    done = simulate({"D": make([100.0] * 4), "S": sparse}, weights, FREE)
    assert [(fill.symbol, fill.time // DAY, fill.quantity) for fill in done.fills] == [
        ("D", 1, 5),
        ("S", 3, 8),
    ]
    assert list(done.time // DAY) == [1, 2, 3, 4]
    assert done.equity == pytest.approx([1000, 1000, 1000, 1080])


def test_debit_is_reported() -> None:
    """More than the whole account in one symbol is allowed, and the debit is named. [account]"""
    done = run(make([100.0] * 3), [2, 2, 2])
    assert done.positions == {"X": 20}
    assert done.warnings == ["Cash fell to -1,000.00; this simulation charges no interest on it."]


def test_whole_capital_is_not_whole_money() -> None:
    """A capital of 10 gives to the cent what one of 10.0 does. [money]"""
    bars = make([3.0, 3.0, 2.9, 2.7, 1.9, 1.2], fractional=True)
    whole = run(bars, [1, 1, 1, 1, 1, 1], initial_capital=10)
    exact = run(bars, [1, 1, 1, 1, 1, 1], initial_capital=10.0)
    assert whole.equity.dtype == np.float64
    assert whole.equity.tolist() == exact.equity.tolist()
    assert whole.equity[-1] == pytest.approx(4.0)
    assert whole.equity[2] == pytest.approx(10 * 2.9 / 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": {"X": np.zeros(2)}}, "2 weights for the 3 bars"),
        ({"weights": {}}, "no weights for X"),
        ({"weights": {"X": np.array([0, math.inf, 0])}}, "infinite"),
        ({"bars": {}}, "no symbols"),
        ({"bars": {"X": make([100, -1, 100])}}, "invalid price"),
        ({"bars": {"X": make([100, math.nan, 100])}}, "invalid price"),
        ({"bars": {"X": make([100, 1, 1], volume=[1, math.nan, 1])}}, "invalid price or volume"),
        (
            {"bars": {"X": replace(make([1, 2, 3]), opened=np.array([0, 5, 2], dtype=np.int64))}},
            "time order",
        ),
    ],
)
def test_what_the_engine_refuses(change: dict[str, Any], sentence: str) -> None:
    """Bars and weights that cannot be right are refused in one sentence."""
    bars = change.get("bars", {"X": make([100.0] * 3)})
    weights = change.get("weights", {"X": np.zeros(3)})
    with pytest.raises(EngineError, match=sentence):
        simulate(bars, weights, FREE)


# Seed: last equity, fills, trades, profits. Taken from the engine of release 0.2.0.
FIGURES = {
    0: (61358.2075459208, 16, 7, -25499.14041353325),
    1: (102015.0468526971, 22, 5, 1196.0789229598186),
    2: (-1464.9096439884697, 7, 4, -23382.271150034052),
    3: (1713.8942340412948, 18, 10, 714.4022670302132),
    4: (214674.2345455199, 49, 24, 115751.38688312827),
    5: (705.3772509649061, 50, 20, -299.0690918634622),
    6: (-752.8186337765942, 16, 9, -42.85705914984004),
    7: (2231.5253108476923, 35, 17, 1232.406470859653),
    8: (701.6341181849914, 46, 23, -298.3658818150084),
    9: (37718.72474299488, 20, 4, -16120.497769305548),
    10: (-15316.543728882394, 5, 2, 4901.379483483801),
    11: (106997.86553216001, 57, 32, 52865.53416202104),
}


VOLUMES = [0.0, 7.0, 90.0, 1e6]
WEIGHTS = [0.0, 0.0, 0.2, 0.3, -0.2, -0.1, math.nan]


def drawn(seed: int) -> Simulation:
    """Simulate a market that depends on the seed alone."""
    random_ = random.Random(seed)
    bars = {}
    weights = {}
    for symbol in ("X", "Y", "Z")[: 1 + seed % 3]:
        count = random_.randrange(20, 60)
        days = sorted(random_.sample(range(80), count))
        opened = np.array(days, dtype=np.int64) * DAY
        prices = [20 + 180 * random_.random() for _ in range(2 * count)]
        volume = [random_.choice(VOLUMES) for _ in range(count)]
        bars[symbol] = Bars(
            opened=opened,
            closed=opened + DAY // 3,
            open=np.array(prices[:count]),
            close=np.array(prices[count:]),
            volume=np.array(volume),
            fractional=random_.random() < 0.4,
        )
        wishes = [random_.choice(WEIGHTS) for _ in range(count)]
        weights[symbol] = np.array(wishes)
    assumptions = Assumptions(
        initial_capital=random_.choice([1000.0, 54321.0]),
        fill=random_.choice(["next_open", "next_close"]),
        participation=random_.choice([None, 0.05, 1.0]),
        borrow_rate=0.2,
        expire_after=random_.randrange(1, 4),
    )
    return simulate(bars, weights, assumptions)


@pytest.mark.parametrize("seed", FIGURES)
def test_the_figures_of_the_first_engine(seed: int) -> None:
    """Moving the rules of a fill into functions of their own has changed no figure."""
    done = drawn(seed)
    profit = sum(trade.pnl for trade in done.trades)
    equity, fills, trades, profits = FIGURES[seed]
    assert len(done.fills) == fills
    assert len(done.trades) == trades
    assert done.equity[-1] == pytest.approx(equity, rel=1e-12)
    assert profit == pytest.approx(profits, rel=1e-9)
