"""The engine: target weights in, fills, trades and equity out.

It knows numbers only, no files and no network. `simulate` is the way in. Everything that does not
depend on the account is computed for whole arrays: decisions before the run, the curve and the
trades from the fills after it. Between them is one loop over the closes at which something is
decided, since the money of an order is a fraction of the equity at that close.

The rules, in the order in which they apply:

- A weight that a strategy gives on a bar is known at that bar's close. It makes an order only if
  it differs from the weight before it (the first is compared with 0; NaN means "as before"). A
  held position is left to drift: the same target again makes no order, so nothing is traded to
  make up for small moves.
- An order is an amount of money: weight times the equity at the close that decided, scaled so that
  all positions together are worth at most `max_gross` of it. It is filled on the symbol's next bar,
  at its open (`next_open`) or close (`next_close`), never on the bar that decided. The first bar
  that trades turns the amount into a quantity, costs included, rounded toward zero to whole lots.
- With `max_gross` at most 1, purchases at one time are cut to what the cash pays for.
- A bar without volume, or at its price limit, fills nothing, and no fill exceeds the participation
  cap. What is left waits for the next bars. An order that opens or enlarges a position expires
  after `expire_after` of them; one that reduces it never does. A new target replaces what waits.
- Equity at or below zero at a close ends the run as ruin: what is open is closed at the mark. What
  is held of a delisted symbol leaves at its last close.
- Splits and dividends change a position at the open of their bar.
"""

from __future__ import annotations

from collections.abc import Mapping

from quant_team_backtest.assumptions import Assumptions, EngineError
from quant_team_backtest.decisions import decisions_of
from quant_team_backtest.loop import Loop
from quant_team_backtest.outcome import simulation_of
from quant_team_backtest.prepared import Prepared
from quant_team_backtest.simulation import Bars, Exits, Fill, Floats, Flow, Simulation, Trade
from quant_team_backtest.venue import venues_of

__all__ = [
    "Assumptions",
    "Bars",
    "EngineError",
    "Exits",
    "Fill",
    "Flow",
    "Prepared",
    "Simulation",
    "Trade",
    "simulate",
]


def simulate(
    bars: Prepared | Mapping[str, Bars],
    weights: Mapping[str, Floats],
    assumptions: Assumptions,
    exits: Mapping[str, Exits] | None = None,
) -> Simulation:
    """Simulate one account over all symbols; the module's docstring has the rules.

    Args:
        bars: the bars of each symbol; `Prepared` ones for a sweep.
        weights: for each symbol one target weight per bar, a fraction of equity; NaN means "as
            before".
        assumptions: capital, costs and how orders fill.
        exits: for some symbols how their positions are left beside their targets.

    Raises:
        EngineError: bars or weights are missing, of different lengths, out of order or not numbers.
    """
    prepared = bars if isinstance(bars, Prepared) else Prepared(bars)
    venues = venues_of(prepared, assumptions)
    decisions = decisions_of(prepared, venues, weights)
    loop = Loop(prepared, venues, decisions, assumptions, exits or {})
    loop.run()
    return simulation_of(prepared, loop, assumptions)
