"""The vendor's adjustment factors: prices adjusted by them, and the actions that they stand for.

TickDB says of an event that a price becomes price * a + b. With `ratio` new shares for an old one
and a dividend of `cash` for each old share, whoever held a share worth `old` has `ratio` shares of
`new` and the cash: old = ratio * new + cash. So

    forward (old prices are moved):  new = old / ratio - cash / ratio
                                     a = 1 / ratio, b = -cash / ratio
                                     ratio = 1 / a, cash = -b / a
    backward (new prices are moved): old = new * ratio + cash
                                     ratio = a, cash = b

A vendor may also write a dividend as a factor alone (a = 1 - cash / old, b = 0): that becomes a
ratio a little above 1, which is worth the same. How factors are meant to be chained is not
documented, so one bar is compared with TickDB's own adjusted one before any are used.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from operator import attrgetter
from typing import Literal

import polars as pl

from quant_team_data import actions, answers, clients, errors, history, lock, many
from quant_team_data.actions import Action, Known
from quant_team_data.addresses import SANDBOX
from quant_team_data.markets import milliseconds
from quant_team_data.messages import Factor
from quant_team_data.series import Series
from quant_team_data.tickdb import TickDBClient
from quant_team_utils.errors import QuantError

PRICES = ("open", "high", "low", "close")
HALF_DAY = timedelta(hours=12)
LARGEST_PART = 20  # of a ratio: 3:2, 11:10
LARGEST = 1e6  # new shares for an old one, or back
ROUNDED = 2e-5  # how far a ratio of 0.333333 may be from 1:3

logger = logging.getLogger(__name__)

Adjust = Literal["none", "forward", "backward"]


def check(
    series: Series,
    adjust: Adjust,
    offline: bool,
) -> None:
    """Raise unless the prices of a series can be adjusted.

    Raises:
        BadRequestError: its bars are longer than a day and may hold an event in their middle, or
            there are no factors offline.
    """
    if adjust == "none":
        return
    if offline or series.interval in ("1w", "1M"):
        raise errors.BadRequestError(
            "Adjusted prices need daily or shorter bars and a connection to TickDB: pass "
            "adjust='none'.",
            symbol=series.symbol,
        )


def adjusted(
    bars: pl.DataFrame,
    series: Series,
    adjust: Adjust,
    client: TickDBClient,
) -> pl.DataFrame:
    """Return bars of a stock with prices moved over splits and dividends.

    Args:
        bars: raw, as `history.read` returns them, at least one.
        series: whose bars they are.
        adjust: "forward" leaves today's prices as they are, "backward" the oldest.
        client: fetches the factors and the bar to compare with.

    Raises:
        PlanError: the plan has no factors.
        DecodeError: TickDB's own bar differs, or a factor makes no sense.
    """
    found = client.factors(series.symbol)
    moved = bars
    if found:
        moved = _compared(bars, series, adjust, found, client)
    _keep(series, found, client)
    return moved


def known(
    bars: pl.DataFrame,
    series: Series,
    client: TickDBClient,
) -> Known:
    """Fetch the splits and dividends of a stock, and keep them in the cache.

    Args:
        bars: raw, at least one.
        series: whose bars they are.
        client: fetches the factors and the bar to compare with.

    Raises:
        PlanError: the plan has no factors.
        DecodeError: TickDB's own bar differs, or a factor makes no sense.
    """
    found = client.factors(series.symbol)
    if found and series.interval not in ("1w", "1M"):
        _compared(bars, series, _direction(found), found, client)
    return _keep(series, found, client)


def current(
    bars: pl.DataFrame,
    series: Series,
    last: date,
) -> tuple[Known, str]:
    """Return what is known of the actions of a stock, and why it is not more; empty if it is all.

    TickDB's list is fetched if the cache has none that reaches far enough.

    Args:
        bars: raw, at least one.
        series: whose bars they are.
        last: the date up to which all actions are wanted.
    """
    found = actions.load(series.source, series.symbol)
    if series.is_imported or found.covers(last):
        return found, ""
    try:
        return known(bars, series, clients.client()), ""
    except errors.PlanError:
        return found, "your plan does not include them; another vendor's bars can be imported."
    except QuantError as error:
        return found, str(error)


def fetch_lists(fetched: Mapping[str, pl.DataFrame], interval: str) -> dict[str, str]:
    """Fetch the splits and dividends of stocks that the cache does not know yet.

    Args:
        fetched: raw bars of TickDB, by symbol.
        interval: of the bars.

    Returns:
        For each symbol whose list could not be had, why.
    """
    source = clients.source()

    def reason_of(symbol: str) -> str:
        series = history.series_of(symbol, interval)
        bars = fetched[symbol]
        if source == SANDBOX or series.type != "stock" or bars.is_empty():
            return ""
        _, reason = current(bars, series, bars["time"][-1].date())
        return reason

    if len(fetched) == 1:
        reasons = {symbol: reason_of(symbol) for symbol in fetched}
    else:
        reasons = many.each(fetched, reason_of).data
    return {symbol: reason for symbol, reason in reasons.items() if reason}


def apply(
    bars: pl.DataFrame,
    factors: Sequence[Factor],
    interval: str,
    adjust: Adjust,
) -> pl.DataFrame:
    """Return bars with each price as price * `factor_a` + `factor_b`, event by event.

    An event counts for the bars before it ("forward") or from it on ("backward"), the nearest
    first.

    Args:
        bars: raw, a frame of `frames.SCHEMA`.
        factors: of this direction, in any order.
        interval: of the bars.
        adjust: "forward" or "backward".
    """
    forward = adjust == "forward"
    prices = pl.col(PRICES)
    opened = pl.col("time")
    if interval == "1d":
        opened = (opened + HALF_DAY).dt.truncate("1d")
    for factor in sorted(factors, key=attrgetter("timestamp"), reverse=not forward):
        event = _midnight(factor)
        concerned = opened < event if forward else opened >= event
        moved = pl.when(concerned).then(prices * factor.factor_a + factor.factor_b)
        bars = bars.with_columns(moved.otherwise(prices))
    return bars


def actions_of(factors: Sequence[Factor], symbol: str) -> list[Action]:
    """Return the actions that factors stand for, in order; the module's docstring has the formula.

    Args:
        factors: of both directions or of one, in any order; those that are forward count, if there
            are any.
        symbol: whose factors they are, for the error.

    Raises:
        DecodeError: `factor_a` is not above 0, or beyond reason.
    """
    direction = _direction(factors)
    found: dict[Action, None] = {}
    for factor in _of(factors, direction):
        a = factor.factor_a
        b = factor.factor_b
        if not 1 / LARGEST < a < LARGEST:
            raise answers.invalid(f"an adjustment factor of {symbol} that is not usable", symbol)
        ratio = 1 / a if direction == "forward" else a
        cash = -b / a if direction == "forward" else b
        day = _midnight(factor).date()
        action = Action(day, _rounded(ratio), cash + 0.0)
        if not action.is_nothing:
            found[action] = None  # each once
    return actions.combined(found)


# Details


def _direction(factors: Sequence[Factor]) -> Adjust:
    """Return "backward" where no factor is for the bars before it, else "forward"."""
    backward = all(factor.adjust == "backward" for factor in factors)
    return "backward" if backward else "forward"


def _of(factors: Sequence[Factor], adjust: str) -> list[Factor]:
    return [factor for factor in factors if factor.adjust in (None, adjust)]


def _compared(
    bars: pl.DataFrame,
    series: Series,
    adjust: Adjust,
    found: Sequence[Factor],
    client: TickDBClient,
) -> pl.DataFrame:
    """Return adjusted bars, if one of them is like TickDB's own."""
    factors = _of(found, adjust)
    moved = apply(bars, factors, series.interval, adjust)
    bar = moved.row(0 if adjust == "forward" else -1, named=True)
    theirs = client.adjusted_bar(series.symbol, series.interval, adjust, milliseconds(bar["time"]))
    close = theirs.close if theirs else bar["close"]
    if not factors or not math.isclose(close, bar["close"], rel_tol=1e-3, abs_tol=0.01):
        what = (
            f"adjustment factors of {series.symbol} that do not give TickDB's own adjusted prices"
        )
        raise answers.invalid(what, series.symbol)
    return moved


def _rounded(ratio: float) -> float:
    """Return a ratio that a vendor has rounded as what it stands for: 3.000003 is 3."""
    exact = float(Fraction(ratio).limit_denominator(LARGEST_PART))
    if ratio < 1:
        exact = 1 / float(Fraction(1 / ratio).limit_denominator(LARGEST_PART))
    is_rounded = math.isclose(exact, ratio, rel_tol=ROUNDED)
    return exact if is_rounded else ratio


def _midnight(factor: Factor) -> datetime:
    """Return the midnight UTC nearest to an event, which carries midnight somewhere on earth."""
    noon = datetime.fromtimestamp(factor.timestamp / 1000, UTC) + HALF_DAY
    return noon.replace(hour=0, minute=0, second=0, microsecond=0)


def _keep(
    series: Series,
    factors: Sequence[Factor],
    client: TickDBClient,
) -> Known:
    """Put the actions of today's factors into the cache; warn where data.lock has others."""
    now = client.clock()
    found = actions_of(factors, series.symbol)
    kept = actions.series_of(series.source, series.symbol)
    new = actions.keep(kept, found, now)
    for line in lock.read().values():
        if line.series == kept and line.state(new.stored) == "differs":
            logger.warning(lock.difference([line]))
    return new
