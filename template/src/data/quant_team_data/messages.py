"""What the market-data service says, as typed messages, and the one definition of a bar."""

from __future__ import annotations

# The columns of a frame of bars: `time` is the open in ms UTC, prices in the market's currency.
VALUES = ("open", "high", "low", "close", "volume")
COLUMNS = ("time", *VALUES)
