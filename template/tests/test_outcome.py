"""What a simulation hands back: what is open, the trades, the counts, and what it says of them."""

from __future__ import annotations

import pytest

from quant_team_backtest import words
from quant_team_backtest.engine import Flow
from quant_team_backtest.simulation import Later

from .accounts import DAY, make, run, run_all

NOTHING = {
    "expired": 0,
    "waiting": 0,
    "too_small": 0,
    "scaled": 0,
    "orders": 9,
}


def test_what_is_open_is_listed_with_its_part_of_the_result() -> None:
    """9 at 102 and 9.18 of commission, worth 110 each at the end: 990 - 927.18. [open] [costs]"""
    done = run(make([100, 100, 105], [100, 105, 110]), [1] * 3, commission=0.01, slippage=0.02)
    (one,) = done.open
    assert (one.symbol, one.opened, one.quantity) == ("X", DAY, 9)
    assert (one.entry, one.mark) == (102, 110)
    assert one.pnl == pytest.approx(990 - 927.18)
    assert one.pnl == pytest.approx(done.equity[-1] - 1000)
    assert not done.trades
    assert done.positions == {"X": 9}


def test_what_is_open_after_a_partial_sale_has_what_was_sold_in_it() -> None:
    """Ten at 100, six sold at 150, four at a mark of 120: 300 and 80. [open] [trade]

    1,500 of equity at bar 1's close, of which 0.4 are 600: four shares at 150.
    """
    bars = make([100, 100, 150, 150], [100, 150, 150, 120])
    done = run(bars, [1, 0.4, 0.4, 0.4])
    (one,) = done.open
    assert (one.quantity, one.entry, one.mark) == (4, 100, 120)
    assert one.pnl == 6 * 50 + 4 * 20


def test_a_dividend_is_in_what_is_open_and_units_are_those_of_today() -> None:
    """Ten at 100, 4:1 with 3.00 a share, 26 at the end: 40 * 26 + 30 - 1000. [open] [actions]"""
    bars = make([100, 100, 25, 26], flows=(Flow(2, 4.0, 3.0),))
    done = run(bars, [1] * 4)
    (one,) = done.open
    assert (one.quantity, one.entry, one.mark) == (40, 25, 26)
    assert one.pnl == pytest.approx(70)


def test_what_a_short_position_owes_is_in_it() -> None:
    """Ten at 100 for two days at 36.5% a year: 2.00 of borrow. [open] [costs]"""
    done = run(make([100.0] * 3), [-1] * 3, borrow_rate=0.365)
    assert done.open[0].pnl == pytest.approx(-2)
    assert done.equity[-1] == pytest.approx(998)


def test_borrow_is_that_of_its_trade() -> None:
    """A trade of three days pays 3.00, the next one of a day pays its own. [trade] [costs]

    Ten short at 100 at 36.5% a year pay 1.00 a day; with 997 at bar 4 it is nine, 0.90.
    """
    done = run(make([100.0] * 7), [-1, -1, -1, 0, -1, 0, 0], borrow_rate=0.365)
    assert [trade.quantity for trade in done.trades] == [-10, -9]
    assert [trade.pnl for trade in done.trades] == pytest.approx([-3, -0.9])


def test_what_was_long_before_owes_nothing() -> None:
    """Two days long, then ten short at 100 for two days at 1.00 a day. [open] [costs]"""
    done = run(make([100.0] * 5), [1, 1, -1, -1, -1], borrow_rate=0.365)
    assert done.equity == pytest.approx([1000, 1000, 1000, 999, 998])
    assert [trade.pnl for trade in done.trades] == [0]
    assert done.open[0].pnl == pytest.approx(-2)


def test_trades_are_in_the_order_of_their_closing() -> None:
    """Y, opened with X, is closed a bar before it. [trade]"""
    bars = {"X": make([100.0] * 5), "Y": make([100.0] * 5)}
    done = run_all(bars, {"X": [0.5, 0.5, 0, 0, 0], "Y": [0.5, 0, 0, 0, 0]})
    assert [(trade.symbol, trade.closed // DAY) for trade in done.trades] == [("Y", 2), ("X", 3)]


def test_a_trade_has_mean_prices() -> None:
    """Five at 100 and three at 150 are 118.75; eight left, four at 110 and four at 90. [trade]

    Each bar closes at 100: 0.5, then 950 at 150 ... decided with the equity of that close.
    """
    bars = make([100, 100, 150, 110, 90], [100.0] * 5)
    done = run(bars, [0.5, 1.2, 0.5, 0, 0], max_gross=2.0)
    # 5 at 100; 1,200 / 150 is 8; equity 850 at 100: 425 / 110 is 3; then nothing
    (trade,) = done.trades
    assert trade.quantity == 8
    assert trade.entry == pytest.approx((500 + 450) / 8)
    assert trade.exit == pytest.approx((5 * 110 + 3 * 90) / 8)
    assert trade.pnl == pytest.approx(820 - 950)


def test_records_are_made_when_they_are_read() -> None:
    """Their number is known before; reading one makes all of them, once."""
    made = []

    def make_them() -> list[str]:
        made.append(True)
        return ["a", "b", "c"]

    later = Later(3, make_them)
    assert len(later) == 3
    assert not made
    assert later[-1] == "c"
    assert later[:2] == ["a", "b"]
    assert list(later) == ["a", "b", "c"]
    assert made == [True]


def test_everything_is_counted() -> None:
    """One order of each kind of end, and what is not there is 0. [wait] [lots]"""
    volume = [1e6, 1e6, 1e6, 0, 0, 0, 1e6]
    bars = make([100.0] * 7, volume=volume)
    done = run(bars, [1, 0, 1, 0.5, 0.5, 0.5, 0.505], expire_after=2)
    # bought, sold, bar 3: replaced, 0.5 expires after bars 4 and 5; 0.505 has no bar left
    assert done.counts == {
        "orders": 5,
        "fills": 2,
        "delayed": 2,
        "expired": 1,
        "replaced": 1,
        "too_small": 0,
        "stop": 0,
        "target": 0,
        "max_bars": 0,
        "delisted": 0,
        "waiting": 1,
        "cut": 0,
        "scaled": 0,
    }


def test_a_sound_run_says_nothing() -> None:
    """Without anything to know there is no warning."""
    assert run(make([100.0] * 4), [1, 1, 0, 0]).warnings == []
    assert words.warnings_of(NOTHING, 0.0, False) == []


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"waiting": 1}, "1 order was still waiting at the end: no bar was left."),
        ({"waiting": 2}, "2 orders were still waiting at the end: no bar was left."),
        ({"too_small": 1}, "1 order was for less than one lot and changed nothing."),
        ({"too_small": 1200}, "1,200 orders were for less than one lot and changed nothing."),
        (
            {"scaled": 3},
            "At 3 closes more was decided than `max_gross` allows, and was scaled down.",
        ),
    ],
)
def test_words_agree_with_their_number(counts: dict[str, int], sentence: str) -> None:
    """One order was, two orders were."""
    assert words.warnings_of({**NOTHING, **counts}, 0.0, False) == [sentence]


def test_expired_orders_are_named_beside_all() -> None:
    """How many of how many, and what that means for the numbers. [wait]"""
    (sentence,) = words.warnings_of({**NOTHING, "expired": 2}, 0.0, False)
    assert sentence.startswith("2 of 9 orders expired")
    assert "for lack of volume" in sentence


def test_a_cent_is_no_debit() -> None:
    """What rounding owes is not reported. [debit]"""
    assert words.warnings_of(NOTHING, 0.01, False) == []
    (sentence,) = words.warnings_of(NOTHING, 1234.5, False)
    assert sentence == "The account owed its broker up to 1,234.50, with interest."
