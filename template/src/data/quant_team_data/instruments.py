"""Whether the name of an instrument in a file is that of a symbol: AAPL, AAPL.US, NASDAQ:AAPL."""

from __future__ import annotations

import re

from quant_team_data.markets import canonical

SUFFIXES = {"US": "US", "HK": "HK", "SS": "SH", "SH": "SH", "SZ": "SZ", "BJ": "BJ"}
# Indices whose usual names are not TickDB's.
INDICES = {
    "^GSPC": "SPX",
    "^SPX": "SPX",
    "^NDX": "NDX",
    "^DJI": "DJI",
    "^RUT": "RUT",
    "^VIX": "VIX",
    "^HSI": "HSI",
}


def is_same(named: str, symbol: str) -> bool:
    """Tell whether a vendor's name can be that of a symbol.

    Venues in front (NASDAQ:), zeros in Hong Kong, marks within a pair (BTC/USDT) and a missing
    suffix (.US) make no difference; another suffix does.

    Args:
        named: the name in a file.
        symbol: TickDB's spelling.
    """
    root, suffix = _parts(named)
    wanted, market = _parts(canonical(symbol))
    if suffix and market and suffix != market:
        return False
    if market == "HK" and root.isdecimal():
        root = root.lstrip("0")
    return root == wanted


def _parts(name: str) -> tuple[str, str]:
    """Return letters and digits of a name, and its market, if it has one."""
    text = name.strip().upper()
    text = INDICES.get(text, text)
    text = re.sub(r"^[A-Z_]+:", "", text)
    text = text.removesuffix("=X")
    market = ""
    root, _, end = text.rpartition(".")
    if root and end in SUFFIXES:
        text = root
        market = SUFFIXES[end]
    prefixed = re.fullmatch(r"(SH|SZ|BJ)\.?(\d{6})", text)
    if prefixed:
        market = prefixed[1]
        text = prefixed[2]
    return re.sub(r"[-/_. ]", "", text), market
