"""Moves of a stock that look like a split: refused or marked, where the splits do not explain them.

A move is the open of a bar over the close before it, however many days lie between; for weeks and
months the close counts as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from quant_team_backtest import adjusting
from quant_team_backtest.adjusting import ADJUSTED, FLOWS, Adjustment, AdjustmentError

if TYPE_CHECKING:
    import polars as pl

    from quant_team_backtest.prepare import Prepared
    from quant_team_backtest.simulation import Floats, Flow
    from quant_team_data.lock import Lines

NEAR = 0.03  # how far a move may be from that of a split
LIKELY = (*range(2, 21), 25, 30, 40, 50, 100)  # to 1
POSSIBLE = (3 / 2, 4 / 3)  # to 1: real moves look like that, too
SMALL = 1.25  # a ratio below it moves a price no more than news does


class Jump(NamedTuple):
    """A move that looks like a split.

    Attributes:
        bar: the first bar after it.
        before: the close before it, after the actions that are known.
        after: the price it moved to.
        ratio: of the split it looks like: new shares for an old one.
        is_likely: real moves seldom look like that.
    """

    bar: int
    before: float
    after: float
    ratio: float
    is_likely: bool


def find(
    bars: pl.DataFrame,
    flows: tuple[Flow, ...],
    interval: str,
) -> list[Jump]:
    """Return the moves that look like a split and are not explained by one, in order.

    Args:
        bars: raw, a frame of `frames.SCHEMA`.
        flows: the splits and dividends that are known.
        interval: of the bars.
    """
    opens = bars["open"].to_numpy()
    closes = bars["close"].to_numpy()
    before = _explained(closes, flows)
    prices = [opens[1:]]
    if interval in adjusting.LONG:
        prices.append(closes[1:])
    found: dict[int, Jump] = {}
    for after in prices:
        moves = np.abs(np.log(after / before))
        for place in np.flatnonzero(moves > math.log(1.2)).tolist():
            looks = _looks_like(after[place] / before[place])
            if looks is not None:
                ratio, is_likely = looks
                jump = Jump(place + 1, before[place], after[place], ratio, is_likely)
                found.setdefault(place + 1, jump)
    return [found[bar] for bar in sorted(found)]


def check(prepared: Prepared, lines: Lines) -> list[str]:
    """Return what to know of the splits and dividends of a run, one sentence each.

    Args:
        prepared: what will run.
        lines: of data.lock, which say what moves are real.

    Raises:
        AdjustmentError: a move looks like a split that is not known; or prices do not move at one
            that is.
    """
    warnings = []
    for symbol, adjustment in prepared.adjustments.items():
        if adjustment.known is None or adjustment.how == ADJUSTED:
            continue
        bars, _ = prepared.slices[symbol]
        _require_raw(symbol, bars, adjustment)
        real = _real(prepared, symbol, lines)
        for jump in find(bars, adjustment.flows, prepared.interval):
            if jump.bar in real or not _is_overnight(adjustment, jump):
                continue
            warnings += _judge(prepared, symbol, adjustment, jump)
    return warnings


# Details


def _explained(closes: Floats, flows: tuple[Flow, ...]) -> Floats:
    """Return what each bar but the first would open at if nothing moved it but what is known."""
    before = closes[:-1].copy()
    for flow in flows:
        before[flow.bar - 1] = (before[flow.bar - 1] - flow.cash) / flow.ratio
    return before


def _looks_like(move: float) -> tuple[float, bool] | None:
    """Return the ratio of the split that a move looks like, and whether it is likely one."""
    nearest = None
    least = NEAR
    for part in (*POSSIBLE, *LIKELY):
        for ratio in (part, 1 / part):
            distance = abs(move * ratio - 1)
            if distance <= least:
                nearest = (ratio, part in LIKELY)
                least = distance
    return nearest


def _is_overnight(adjustment: Adjustment, jump: Jump) -> bool:
    """Tell whether a jump is from one trading date to the next."""
    before, after = adjustment.dates[jump.bar - 1 : jump.bar + 1]
    return bool(before < after)


def _real(prepared: Prepared, symbol: str, lines: Lines) -> set[int]:
    """Return the bars whose move is said to be real."""
    from quant_team_data import real_moves

    found = set()
    for day in real_moves.dates(symbol, lines):
        dates = prepared.adjustments[symbol].dates
        market = prepared.markets[symbol]
        found.add(adjusting.bar_at(day, dates, market, prepared.interval))
    return found


def _judge(
    prepared: Prepared,
    symbol: str,
    adjustment: Adjustment,
    jump: Jump,
) -> list[str]:
    """Return a warning about a jump, or refuse it.

    A list from a file may be of dividends only; the vendor's own, or one that is empty on purpose,
    is believed.
    """
    from quant_team_data.actions import ratio_text

    known = adjustment.known
    is_file = known is not None and known.series.is_imported and bool(known.actions)
    is_believed = adjustment.how == FLOWS and not is_file and _is_covered(adjustment, jump)
    day = adjusting.day_of(adjustment.dates[jump.bar])
    sentence = (
        f"{symbol} moved from {jump.before:g} to {jump.after:g} on {day}, which looks like a "
        f"{ratio_text(jump.ratio)} split"
    )
    real = f'`quant data lock --real-move {symbol} {day} --reason "..."`'
    if is_believed or not jump.is_likely:
        return [f"{sentence}; if it is real, {real} says so."]
    raise AdjustmentError(f"{sentence}: {_fix(prepared, symbol)}; if the move is real, {real}.")


def _is_covered(adjustment: Adjustment, jump: Jump) -> bool:
    day = adjusting.day_of(adjustment.dates[jump.bar])
    return adjustment.known is not None and adjustment.known.covers(day)


def _fix(prepared: Prepared, symbol: str) -> str:
    """Return what to do where a split is not known."""
    vendor = prepared.source.removeprefix("import:")
    if vendor == prepared.source:
        return (
            "TickDB's list of splits and dividends is not at hand; get a plan that has it, or "
            "import bars and splits of another vendor"
        )
    options = f"--symbol {symbol} --source {vendor}"
    return (
        f"import it with `quant data import --actions FILE {options}` (columns date, ratio, "
        "cash), or import prices that are adjusted with --adjusted"
    )


def _require_raw(symbol: str, bars: pl.DataFrame, adjustment: Adjustment) -> None:
    """Refuse prices that do not move at a split: they are adjusted, or its date is wrong.

    Raises:
        AdjustmentError: the price is nearer to the close before than to what the split makes of it.
    """
    from quant_team_data.actions import ratio_text

    for flow in adjustment.flows:
        before = bars["close"][flow.bar - 1]
        after = bars["open"][flow.bar]
        expected = (before - flow.cash) / flow.ratio
        is_small = abs(math.log(flow.ratio)) < math.log(SMALL)
        fits = abs(math.log(after / expected)) <= abs(math.log(after / before))
        if not is_small and not fits:
            day = adjusting.day_of(adjustment.dates[flow.bar])
            raise AdjustmentError(
                f"{symbol} moved from {before:g} to {after:g} on {day}, where a "
                f"{ratio_text(flow.ratio)} split makes it {expected:g}: correct its date or ratio; "
                "if the prices are adjusted for splits only, leave splits out of the list, and if "
                "for dividends too, import the prices with --adjusted --replace."
            )
