"""The vendor's factors, turned into splits and dividends."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_team_data.actions import Action
from quant_team_data.errors import DecodeError
from quant_team_data.factors import actions_of
from quant_team_data.markets import milliseconds
from quant_team_data.messages import Factor

DAY = date(2024, 6, 10)


def factor(a: float, b: float, adjust: str | None = "forward", hour: int = 4) -> Factor:
    """Return the factor of an event on DAY; its midnight is New York's."""
    moment = datetime(DAY.year, DAY.month, DAY.day, hour, tzinfo=UTC)
    return Factor(milliseconds(moment), a, b, adjust)


@pytest.mark.parametrize(
    ("forward", "backward", "action"),
    [
        ((0.25, 0.0), (4.0, 0.0), Action(DAY, 4.0, 0.0)),
        ((10.0, 0.0), (0.1, 0.0), Action(DAY, 0.1, 0.0)),
        ((1.0, -0.5), (1.0, 0.5), Action(DAY, 1.0, 0.5)),
        ((0.5, -0.5), (2.0, 1.0), Action(DAY, 2.0, 1.0)),
    ],
)
def test_both_directions_say_the_same(
    forward: tuple[float, float],
    backward: tuple[float, float],
    action: Action,
) -> None:
    """Ratio and cash for an old share, whichever way prices are moved. [actions]"""
    there = factor(*forward)
    back = factor(*backward, "backward")
    assert actions_of([there], "X") == [action]
    assert actions_of([back], "X") == [action]
    assert actions_of([back, there, there], "X") == [action]
    assert actions_of([factor(*forward, None)], "X") == [action]


@given(
    st.floats(0.01, 100),
    st.floats(0, 50),
    st.floats(60, 1000),
)
def test_what_a_holder_has_is_what_the_factor_says(ratio: float, cash: float, old: float) -> None:
    """An old share is worth its new shares and the cash."""
    moved = factor(1 / ratio, -cash / ratio)
    found = actions_of([moved], "X")
    (action,) = found or [Action(DAY)]
    new = old / ratio - cash / ratio
    assert action.ratio * new + action.cash == pytest.approx(old, rel=1e-4)


@pytest.mark.parametrize(
    ("a", "ratio"),
    [
        (0.333333, 3.0),
        (0.142857, 7.0),
        (0.666667, 1.5),
        (0.909091, 1.1),
        (0.995, 1 / 0.995),
    ],
)
def test_a_rounded_ratio_is_what_it_stands_for(a: float, ratio: float) -> None:
    """Six digits of a third are 3:1; a dividend written as a factor stays as it is."""
    (action,) = actions_of([factor(a, 0.0)], "X")
    assert action.ratio == pytest.approx(ratio, rel=1e-12)


def test_nothing_is_no_action() -> None:
    """A factor of one, without an offset."""
    assert not actions_of([factor(1.0, 0.0)], "X")
    assert not actions_of([], "X")


@pytest.mark.parametrize("a", [0.0, -1.0, 1e-320, 1e300])
def test_a_factor_that_makes_no_sense_is_refused(a: float) -> None:
    """The error names the symbol."""
    with pytest.raises(DecodeError, match=r"adjustment factor of AAPL\.US"):
        actions_of([factor(a, 0.0)], "AAPL.US")
