"""What a run came to: the curve up to its end or ruin, its trades, what is open, what to know."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quant_team_backtest import ledger, words
from quant_team_backtest.assumptions import NEXT_OPEN, Assumptions
from quant_team_backtest.ledger import Entries
from quant_team_backtest.loop import Loop
from quant_team_backtest.prepared import Prepared
from quant_team_backtest.simulation import Applied, Fill, Later, Open, Simulation, Trade
from quant_team_backtest.trades import Legs, Trades, trades_of


def simulation_of(
    prepared: Prepared,
    loop: Loop,
    assumptions: Assumptions,
) -> Simulation:
    """Return what a loop did as curve, fills and trades."""
    is_at_open = assumptions.fill == NEXT_OPEN
    entries = ledger.entries_of(prepared, loop.venues, loop.book)
    cash = ledger.cash_of(prepared, entries, assumptions)
    equity = ledger.equity_of(prepared, entries, cash, assumptions)
    fallen = np.flatnonzero(equity <= 0)
    is_ruin = len(fallen) > 0
    if is_ruin:
        equity = equity[: fallen[0] + 1]
        entries = [own.until(fallen[0]) for own in entries]
    parts = _parts(prepared, entries, assumptions, len(equity) - 1)
    counts = _counts(loop, entries)
    deepest = cash.debit.max(initial=0.0).item()
    left = [] if is_ruin else [part.open for part in parts if part.open]
    return Simulation(
        time=prepared.axis[: len(equity)],
        equity=equity,
        initial_capital=assumptions.initial_capital,
        fills=_fills(prepared, entries),
        trades=_trades(parts, is_ruin=is_ruin),
        applied=_applied(prepared, entries, len(equity) - 1, at_open=is_at_open),
        open=left,
        counts=counts,
        warnings=words.warnings_of(counts, deepest, is_ruin),
        ruined=is_ruin,
        bars=prepared,
        assumptions=assumptions,
    )


# Details: trades


class _Part(NamedTuple):
    """The trades of one symbol; the last is only marked if `open` tells of it."""

    symbol: str
    trades: Trades
    open: Open | None


def _parts(
    prepared: Prepared,
    entries: list[Entries],
    assumptions: Assumptions,
    end: int,
) -> list[_Part]:
    found = []
    for i, own in enumerate(entries):
        if not len(own.number):
            continue
        legs = _legs(prepared, i, own, assumptions, end)
        trades = trades_of(legs)
        left = None
        if own.held[-1]:
            left = _open(prepared, i, own, trades, end)
        part = _Part(prepared.symbols[i], trades, left)
        found.append(part)
    return found


def _legs(
    prepared: Prepared,
    i: int,
    own: Entries,
    assumptions: Assumptions,
    end: int,
) -> Legs:
    """Return the fills of a symbol, and a last one at the mark if a position is left."""
    series = prepared.series[i]
    due = np.zeros(len(own.number))
    rate = assumptions.borrow_rate
    last_due = 0.0
    if rate and own.held.min() < 0:
        before = ledger.borrow_before(series, own)
        short = np.minimum(own.held, 0.0)
        until = short * series.borrowed_until(own.time)
        due = rate * (before - until)
        since = short[-1] * series.borrowed[end]
        last_due = rate * (before[-1] - since)
    legs = Legs(
        time=own.time,
        quantity=own.quantity,
        price=own.price,
        costs=own.costs,
        paid=own.paid,
        scale=series.scale_at(own.bar),
        due=due,
        held=own.held,
    )
    if not own.held[-1]:
        return legs
    bar = series.bar_at(end)
    return legs.marked(
        time=prepared.axis[end],
        quantity=-own.held[-1],
        price=series.mark[end],
        paid=series.value[end] - series.mark[end],
        due=last_due,
        scale=series.scale_on(bar),
    )


def _open(
    prepared: Prepared,
    i: int,
    own: Entries,
    trades: Trades,
    end: int,
) -> Open:
    series = prepared.series[i]
    bar = series.bar_at(end)
    held = own.held[-1].item() * series.scale_on(bar)
    return Open(
        symbol=prepared.symbols[i],
        opened=trades.opened[-1].item(),
        quantity=round(held, 9),
        entry=trades.entry[-1].item(),
        mark=series.bars.close[bar].item(),
        pnl=trades.pnl[-1].item(),
    )


def _trades(parts: list[_Part], *, is_ruin: bool) -> Later[Trade]:
    """Return the closed trades of all symbols, in the order of closing; ruin closes all."""
    closed = []
    for part in parts:
        count = len(part.trades.pnl)
        if part.open and not is_ruin:
            count -= 1
        closed.append((part.symbol, part.trades.first(count)))

    def made() -> list[Trade]:
        found = []
        for symbol, trades in closed:
            columns = [column.tolist() for column in trades]
            rows = zip(*columns, strict=True)
            found += [Trade(symbol, *row) for row in rows]
        return sorted(found, key=lambda trade: trade.closed)

    counts = [len(trades.pnl) for _, trades in closed]
    return Later(sum(counts), made)


# Details: fills, splits and dividends, counts


def _applied(
    prepared: Prepared,
    entries: list[Entries],
    end: int,
    *,
    at_open: bool,
) -> list[Applied]:
    """Return what splits and dividends did to positions, up to a moment of the axis."""
    found = []
    for symbol, series, own in zip(prepared.symbols, prepared.series, entries, strict=True):
        for flow in series.bars.flows:
            time = series.bars.opened[flow.bar].item()
            count = np.searchsorted(own.time, time, side="left" if at_open else "right")
            held = own.held[count - 1].item() if count else 0.0
            before = round(held * series.scale_on(flow.bar - 1), 9)
            if not before or time >= prepared.axis[end]:
                continue
            applied = Applied(
                time=time,
                symbol=symbol,
                before=before,
                after=round(before * flow.ratio, 9),
                dividend=before * flow.cash,
            )
            found.append(applied)
    return sorted(found)


def _fills(prepared: Prepared, entries: list[Entries]) -> Later[Fill]:
    """Return all fills in time order, in the shares and at the prices of their day."""

    def made() -> list[Fill]:
        found = []
        for symbol, series, own in zip(prepared.symbols, prepared.series, entries, strict=True):
            scale = series.scale_at(own.bar)
            columns = (
                own.number.tolist(),
                own.time.tolist(),
                np.round(own.quantity * scale, 9).tolist(),
                (own.price / scale).tolist(),
                own.costs.tolist(),
            )
            for number, time, *rest in zip(*columns, strict=True):
                found.append((number, Fill(time, symbol, *rest)))
        return [fill for _, fill in sorted(found)]

    return Later(sum(len(own.number) for own in entries), made)


def _counts(loop: Loop, entries: list[Entries]) -> dict[str, int]:
    waiting = loop.waiting
    return {
        "orders": loop.orders,
        "fills": sum(len(own.number) for own in entries),
        **waiting.counts,
        "too_small": loop.too_small + waiting.counts["too_small"],
        "waiting": len(waiting.orders),
        "cut": loop.book.cut,
        "scaled": loop.scaled,
    }
