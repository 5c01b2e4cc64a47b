"""What a strategy says of prepared bars, and whether it could have known it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from quant_team_backtest import adjusting, lookahead, weights
from quant_team_backtest.result import LookAhead
from quant_team_backtest.weights import Targets

if TYPE_CHECKING:
    import polars as pl

    from quant_team_backtest.prepare import Prepared


class Signals:
    """A strategy with its parameters, and the bars that it sees."""

    def __init__(self, prepared: Prepared, parameters: Mapping[str, Any]) -> None:
        """Read the bars; see `adjusting` for their prices."""
        self._strategy = prepared.strategy
        self._parameters = dict(parameters)
        self._frames = {}
        for symbol, (bars, _) in prepared.slices.items():
            flows = prepared.adjustments[symbol].flows
            self._frames[symbol] = adjusting.signals(bars, flows)
        self._is_dated = prepared.interval in adjusting.DATED
        self.targets = self._compute(self._frames)

    def look_ahead(self) -> LookAhead:
        """Return whether what the strategy says of a bar depends on the bars after it."""
        found = lookahead.check(self._compute, self._frames, self.targets)
        return LookAhead(
            found=found.found,
            histories=found.histories,
            symbol=found.symbol,
            bar=self._text(found.bar),
            end=self._text(found.end),
        )

    # Details

    def _compute(self, frames: Mapping[str, pl.DataFrame]) -> Targets:
        returned = self._strategy.target_weights(dict(frames), dict(self._parameters))
        counts = {symbol: len(frame) for symbol, frame in frames.items()}
        return weights.read(returned, self._strategy.name, counts)

    def _text(self, time: int | None) -> str | None:
        if time is None:
            return None
        moment = datetime.fromtimestamp(time / 1000, UTC)
        if self._is_dated:
            return moment.date().isoformat()
        return moment.isoformat().replace("+00:00", "Z")


def warnings_of(verdict: LookAhead) -> list[str]:
    """Return what to know of a verdict, in a sentence; nothing if the strategy is clean."""
    where = f"{verdict.symbol} at {verdict.bar}"
    sentences = {
        lookahead.PEEKS: (
            f"The strategy looks ahead: what it says of {where} changes when the bars after "
            f"{verdict.end} are taken away."
        ),
        lookahead.RANDOM: (
            f"The strategy is not deterministic: from {where} on it says something else of the "
            "same bars, so its result cannot be reproduced."
        ),
        lookahead.UNKNOWN: (
            "Whether the strategy looks ahead was not checked: it fails on every shorter history."
        ),
    }
    sentence = sentences.get(verdict.found)
    return [sentence] if sentence else []
