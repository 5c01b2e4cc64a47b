"""What a series of bars is, and where its file lies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from quant_team_data.markets import canonical, market_of
from quant_team_utils.paths import project_root

FOLDER = "data"
IMPORT = "import:"  # how the source of another vendor's bars begins
# The type under which splits and dividends are kept, and what stands there as the interval: an
# action is a row at 00:00 UTC of its ex-date, with its ratio as the open and its cash as the close.
FACTORS = "factors"
ACTIONS = "actions"
MOVE = "move"  # the type of a line of data.lock that names no bars, see `real_moves`

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)  # by Windows


@dataclass(frozen=True, order=True)
class Series:
    """What a file of the cache holds, and what a line of data.lock speaks of.

    Attributes:
        source: "sandbox", "tickdb", or "import:" and the name of another vendor.
        type: asset class: "stock", "crypto", "forex", "indices" or "futures".
        symbol: TickDB's spelling; 00700.HK becomes 700.HK.
        interval: one of `quant_team_data.markets.INTERVALS`.
    """

    source: str
    type: str
    symbol: str
    interval: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbol", canonical(self.symbol))

    @classmethod
    def of(cls, source: str, symbol: str, interval: str) -> Series:
        """Return the series of a symbol whose spelling tells its type.

        Raises:
            SymbolNotFoundError: the spelling fits no market.
            AmbiguousSymbolError: it fits two.
        """
        return cls(source, market_of(symbol).type, symbol, interval)

    @property
    def is_imported(self) -> bool:
        """Whether the bars are another vendor's, from a file."""
        return self.source.startswith(IMPORT)

    @property
    def path(self) -> Path:
        """The file; its name is legal everywhere, and no two differ in case only (1m and 1M)."""
        return project_root().joinpath(
            FOLDER,
            _escaped(self.source, "a-z0-9-"),
            _escaped(self.type, "a-z0-9-"),
            _escaped(self.interval, "a-z0-9-"),
            _escaped(self.symbol, "A-Z0-9.-") + ".parquet",
        )

    def __str__(self) -> str:
        return f"{self.symbol} {self.interval} of {self.source}"


def _escaped(text: str, kept: str) -> str:
    """Return a text as a file name: other characters as % and their code."""
    name = re.sub(f"[^{kept}]", _code, text)
    if _RESERVED.match(name):
        return f"%{ord(name[0]):x}{name[1:]}"
    return name


def _code(found: re.Match[str]) -> str:
    return f"%{found[0].encode().hex()}"
