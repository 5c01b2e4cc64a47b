"""The engine, against an independent ledger in plain Python and against cases computed by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_backtest.engine import Assumptions, Backtest, Bars, EngineError, backtest

DAY = 86_400_000
FREE = Assumptions(
    initial_capital=1000.0, commission=0.0, slippage=0.0, participation=None, borrow_rate=0.0
)


def make(
    opens: list[float],
    closes: list[float] | None = None,
    volume: float | list[float] = 1e9,
    start: int = 0,
    fractional: bool = False,
) -> Bars:
    """Return daily bars that follow one another without a gap."""
    count = len(opens)
    opened = (start + np.arange(count, dtype=np.int64)) * DAY
    volumes = np.full(count, volume) if isinstance(volume, float) else np.array(volume, dtype=float)
    prices = np.array(opens, dtype=float)
    return Bars(
        opened,
        opened + DAY,
        prices,
        prices if closes is None else np.array(closes),
        volumes,
        fractional,
    )


def run(bars: Bars, weights: list[float], rules: Assumptions = FREE) -> Backtest:
    return backtest({"X": bars}, {"X": np.array(weights)}, rules)


def ledger(
    bars: dict[str, Bars], weights: dict[str, list[float]], rules: Assumptions
) -> list[float]:
    """Return the equity at each close: the same rules, moment by moment, with nothing clever in it."""
    moments = sorted({int(m) for b in bars.values() for m in [*b.opened, *b.closed]})
    cash, before = rules.initial_capital, moments[0]
    equity: list[float] = []
    held, mark, target = (
        dict.fromkeys(bars, 0.0),
        dict.fromkeys(bars, 0.0),
        dict.fromkeys(bars, 0.0),
    )
    orders: dict[str, dict[str, Any]] = {}

    def fill(symbol: str, index: int, price: float) -> None:
        nonlocal cash
        bar, order = bars[symbol], orders[symbol]
        if bar.volume[index] > 0:
            if order["left"] is None:
                worst = 1 + rules.slippage if order["money"] >= 0 else 1 - rules.slippage
                wanted = order["money"] / (price * worst * (1 + rules.commission))
                if not bar.fractional:
                    wanted = math.floor(abs(wanted) + 1e-9) * (1 if wanted > 0 else -1)
                order["left"] = wanted - held[symbol]
            cap = (
                math.inf if rules.participation is None else rules.participation * bar.volume[index]
            )
            cap = cap if bar.fractional or cap == math.inf else math.floor(cap + 1e-9)
            size = min(abs(order["left"]), cap)
            if size > 0:
                sign = 1 if order["left"] > 0 else -1
                paid = price * (1 + sign * rules.slippage)
                cash -= sign * size * paid + size * paid * rules.commission
                held[symbol] += sign * size
                order["left"] -= sign * size
            if order["left"] == 0:
                del orders[symbol]
                return
        if index - order["bar"] >= rules.expire_after:
            del orders[symbol]

    for now in moments:
        for symbol in bars:
            cash -= (
                max(-held[symbol], 0)
                * mark[symbol]
                * rules.borrow_rate
                * (now - before)
                / (365 * DAY)
            )
        before = now
        closing = [(s, int(i)) for s, b in bars.items() for i in np.flatnonzero(b.closed == now)]
        for symbol, index in closing:
            mark[symbol] = bars[symbol].close[index]
        if closing and cash + sum(held[s] * mark[s] for s in bars) <= 0:
            return [*equity, cash + sum(held[s] * mark[s] for s in bars)]
        for symbol, index in closing:
            if rules.fill == "next_close" and symbol in orders:
                fill(symbol, index, bars[symbol].close[index])
        total = cash + sum(held[s] * mark[s] for s in bars)
        if closing:
            equity.append(total)
        for symbol, index in closing:
            wish = weights[symbol][index]
            if not math.isnan(wish) and wish != target[symbol]:
                target[symbol] = wish
                orders[symbol] = {"money": wish * total, "left": None, "bar": index}
        for symbol, bar in bars.items():
            for index in map(int, np.flatnonzero(bar.opened == now)):
                if rules.fill == "next_open" and symbol in orders:
                    fill(symbol, index, bar.open[index])
    return equity


@st.composite
def markets(draw: st.DrawFn) -> tuple[dict[str, Bars], dict[str, list[float]], Assumptions]:
    """Draw up to three symbols with calendars of their own, weights of every kind, and assumptions."""
    bars, weights = {}, {}
    price = st.floats(20, 200).map(lambda value: round(value, 2))
    for symbol in ("X", "Y", "Z")[: draw(st.integers(1, 3))]:
        days = sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=10)))
        opened = np.array(days, dtype=np.int64) * DAY + draw(st.sampled_from([0, 0, DAY // 4]))
        lengths = draw(st.sampled_from([DAY, DAY // 3]))
        values = [draw(st.lists(price, min_size=len(days), max_size=len(days))) for _ in range(2)]
        volume = draw(
            st.lists(st.sampled_from([0.0, 7.0, 90.0, 1e6]), min_size=len(days), max_size=len(days))
        )
        bars[symbol] = Bars(
            opened,
            opened + lengths,
            np.array(values[0]),
            np.array(values[1]),
            np.array(volume),
            draw(st.booleans()),
        )
        wish = st.sampled_from([0.0, 0.0, 0.5, 1.0, -0.5, -1.0, 3.0, math.nan])
        weights[symbol] = draw(st.lists(wish, min_size=len(days), max_size=len(days)))
    rules = Assumptions(
        initial_capital=draw(st.sampled_from([1000.0, 54321.0])),
        commission=draw(st.sampled_from([0.0, 0.001])),
        slippage=draw(st.sampled_from([0.0, 0.0005])),
        fill=draw(st.sampled_from(["next_open", "next_close"])),
        participation=draw(st.sampled_from([None, 0.05, 1.0])),
        borrow_rate=draw(st.sampled_from([0.0, 0.2])),
        expire_after=draw(st.integers(1, 3)),
    )
    return bars, weights, rules


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(markets())
def test_equity_equals_the_plain_ledger(
    drawn: tuple[dict[str, Bars], dict[str, list[float]], Assumptions],
) -> None:
    """Whatever the calendars, weights, volumes and costs, the engine's equity is the plain ledger's."""
    bars, weights, rules = drawn
    done = backtest(bars, {symbol: np.array(wish) for symbol, wish in weights.items()}, rules)
    assert done.equity == pytest.approx(ledger(bars, weights, rules), rel=1e-9, abs=1e-6)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(markets())
def test_profits_add_up(drawn: tuple[dict[str, Bars], dict[str, list[float]], Assumptions]) -> None:
    """Without a position left open, the profits of the trades are the change of the equity."""
    bars, weights, rules = drawn
    done = backtest(bars, {symbol: np.array(wish) for symbol, wish in weights.items()}, rules)
    if not done.positions and not done.ruined:
        assert sum(trade.pnl for trade in done.trades) == pytest.approx(
            done.equity[-1] - rules.initial_capital
        )


def test_a_round_trip_by_hand() -> None:
    """Decide at the close of bar 0, buy 9 shares at the open of bar 1, decide at bar 2, sell at the open of bar 3."""
    rules = replace(FREE, commission=0.01, slippage=0.02)
    done = run(make([100, 100, 110, 120, 130], [100, 105, 110, 120, 130]), [1, 1, 0, 0, 0], rules)
    # 1000 / (100 * 1.02 * 1.01) = 9.7 -> 9 shares; paid 9 * 102 = 918, commission 9.18, cash 72.82
    # sold at 120 * 0.98 = 117.6: 1058.4, commission 10.584; cash 1120.636
    assert [(fill.time, fill.quantity, fill.price) for fill in done.fills] == [
        (DAY, 9, 102),
        (3 * DAY, -9, pytest.approx(117.6)),
    ]
    assert done.equity == pytest.approx(
        [1000, 72.82 + 9 * 105, 72.82 + 9 * 110, 1120.636, 1120.636]
    )
    assert [trade.pnl for trade in done.trades] == [pytest.approx(120.636)]


def test_next_close_fills_at_the_close_of_the_bar_after() -> None:
    """With `next_close` a decision on bar 0 is filled at the close of bar 1, which its equity shows already."""
    done = run(
        make([100, 90, 80], [100, 125, 100]),
        [1, 1, 1],
        replace(FREE, fill="next_close", slippage=0.25),
    )
    assert [(fill.time, fill.quantity, fill.price) for fill in done.fills] == [(2 * DAY, 6, 156.25)]
    assert done.equity == pytest.approx([1000, 1000 - 6 * 31.25, 1000 - 6 * 56.25])


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_the_deciding_bar_never_fills(fill: str) -> None:
    """A decision on the last bar finds no bar to be filled on: it waits, is counted, and a warning says so."""
    done = run(make([100, 100], [100, 200]), [0, 1], replace(FREE, fill=fill))
    assert not done.fills
    assert done.counts["waiting"] == 1
    assert "waiting at the end" in done.warnings[0]


def test_a_held_target_is_left_to_drift() -> None:
    """The same target again is no order, and neither is NaN: one fill, however the price moves."""
    done = run(make([100, 100, 50, 200, 70]), [0.5, 0.5, math.nan, 0.5, 0.5])
    assert len(done.fills) == done.counts["orders"] == 1


def test_a_changed_target_trades_the_difference() -> None:
    """From 0.5 to 1.0 at the same price buys the other half; to 0 sells all, and the whole is one trade."""
    done = run(make([100.0] * 4), [0.5, 1, 0, 0])
    assert [fill.quantity for fill in done.fills] == [5, 5, -10]
    assert [(trade.quantity, trade.entry, trade.exit, trade.pnl) for trade in done.trades] == [
        (10, 100, 100, 0)
    ]


def test_crossing_zero_ends_one_trade_and_begins_the_next() -> None:
    """From long to short is one fill and two trades, the second still open and only marked."""
    done = run(make([100, 100, 120, 120], [100, 100, 120, 90]), [1, -1, -1, -1])
    # 10 shares at 100; decided at the close of bar 1 on equity 1000; at 120 to -8 shares
    assert [fill.quantity for fill in done.fills] == [10, -18]
    assert [(trade.quantity, trade.pnl) for trade in done.trades] == [(10, 200)]
    assert done.positions == {"X": -8}
    assert done.equity[-1] == pytest.approx(1200 + 8 * 30)


def test_shorts_pay_to_borrow_by_calendar_time() -> None:
    """Ten shares short at 100, 73 days apart at 50 percent a year: a fifth of a year, 100 of money."""
    opened = np.array([0, 1, 74], dtype=np.int64) * DAY
    flat = np.full(3, 100.0)
    bars = Bars(opened, np.append(opened[1:], 75 * DAY), flat, flat, np.full(3, 1e9))
    done = run(bars, [-1, 0, 0], replace(FREE, borrow_rate=0.5))
    assert done.equity == pytest.approx([1000, 900, 900])
    assert [trade.pnl for trade in done.trades] == [pytest.approx(-100)]


def test_volume_caps_a_fill_and_the_rest_waits() -> None:
    """At 10 percent of a volume of 40, ten shares take three bars."""
    bars = make([100.0] * 6, volume=[40.0] * 6)
    done = run(bars, [1] * 6, replace(FREE, participation=0.1))
    assert [fill.quantity for fill in done.fills] == [4, 4, 2]
    assert done.counts["delayed"] == 1


def test_no_volume_no_fill_and_the_order_expires() -> None:
    """An order waits two bars without volume, expires, and is counted; the position stays until the target moves."""
    bars = make([100.0] * 6, volume=[1e6, 1e6, 0, 0, 1e6, 1e6])
    done = run(bars, [1, 0, 0, 0, 0, 0], replace(FREE, expire_after=2))
    assert [fill.quantity for fill in done.fills] == [10]
    assert done.counts["expired"] == 1
    assert "expired" in done.warnings[0]


def test_a_new_target_replaces_a_waiting_order() -> None:
    """An order that waits for volume is dropped for the next decision, and only that one is filled."""
    done = run(make([100.0] * 5, volume=[1.0e6, 0, 0, 1e6, 1e6]), [1, 0.5, 0.5, 0.5, 0.5])
    assert [fill.quantity for fill in done.fills] == [5]
    assert done.counts["replaced"] == 1


def test_fractions_trade_where_the_market_has_them() -> None:
    """Whole shares round toward zero, fractions do not; less than a share is counted as too small."""
    assert run(make([300.0] * 3), [1, 1, 1]).positions == {"X": 3}
    assert run(make([300.0] * 3, fractional=True), [1, 1, 1]).positions == {
        "X": pytest.approx(1000 / 300)
    }
    assert run(make([3000.0] * 3), [1, 1, 1]).counts["too_small"] == 1


def test_ruin_stops_the_run() -> None:
    """A short that triples takes the equity to zero or below: the run ends at that close and says so."""
    done = run(make([100, 100, 300, 10]), [-1, -1, -1, 0])
    assert done.ruined
    assert done.equity == pytest.approx([1000, 1000, -1000])
    assert done.warnings[0].startswith("Ruin")


def test_calendars_may_differ() -> None:
    """A symbol that trades every day and one that does not share one account and one time axis."""
    daily = make([100.0, 100, 100, 100])
    sparse = Bars(
        np.array([0, 3], dtype=np.int64) * DAY,
        np.array([1, 4], dtype=np.int64) * DAY,
        np.array([50.0, 60.0]),
        np.array([50.0, 70.0]),
        np.full(2, 1e9),
    )
    weights = {"D": np.array([0.5, 0.5, 0.5, 0.5]), "S": np.array([0.5, 0.5])}
    done = backtest({"D": daily, "S": sparse}, weights, FREE)
    assert [(fill.symbol, fill.time // DAY, fill.quantity) for fill in done.fills] == [
        ("D", 1, 5),
        ("S", 3, 8),
    ]
    assert list(done.time // DAY) == [1, 2, 3, 4]
    assert done.equity == pytest.approx([1000, 1000, 1000, 1080])


def test_debit_is_reported() -> None:
    """More than the whole account in one symbol is allowed, and the debit is named."""
    done = run(make([100.0] * 3), [2, 2, 2])
    assert done.positions == {"X": 20}
    assert "debit" in done.warnings[0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": {"X": np.zeros(2)}}, "2 weights for the 3 bars"),
        ({"weights": {}}, "no weights for X"),
        ({"weights": {"X": np.array([0, math.inf, 0])}}, "infinite"),
        ({"bars": {}}, "no symbols"),
        ({"bars": {"X": make([100, -1, 100])}}, "hold a price"),
        ({"bars": {"X": make([100, math.nan, 100])}}, "hold a price"),
        ({"bars": {"X": make([100, 1, 1], volume=[1, math.nan, 1])}}, "hold a price"),
        (
            {"bars": {"X": replace(make([1, 2, 3]), opened=np.array([0, 5, 2], dtype=np.int64))}},
            "time order",
        ),
    ],
)
def test_what_the_engine_refuses(change: dict[str, Any], sentence: str) -> None:
    """Bars and weights that cannot be right are refused in one sentence."""
    given: dict[str, Any] = {
        "bars": {"X": make([100.0] * 3)},
        "weights": {"X": np.zeros(3)},
    } | change
    with pytest.raises(EngineError, match=sentence):
        backtest(given["bars"], given["weights"], FREE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("initial_capital", 0),
        ("initial_capital", "100"),
        ("commission", 10),
        ("commission", math.nan),
        ("slippage", -0.1),
        ("participation", 0),
        ("participation", 5),
        ("borrow_rate", -1),
        ("borrow_rate", True),
        ("expire_after", 1.5),
        ("fill", "same_close"),
    ],
)
def test_assumptions_out_of_range_are_refused(name: str, value: Any) -> None:
    """A cost in percent or basis points, a negative rate, or text is refused by the name of the value."""
    with pytest.raises(EngineError, match=name):
        Assumptions(**{name: value})
