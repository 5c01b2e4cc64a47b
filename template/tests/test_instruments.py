"""Which names of an instrument mean a symbol."""

from __future__ import annotations

import pytest

from quant_team_data.instruments import is_same

SAME = [
    ("AAPL", "AAPL.US"),
    ("AAPL.US", "AAPL.US"),
    ("aapl", "AAPL.US"),
    (" AAPL ", "AAPL.US"),
    ("NASDAQ:AAPL", "AAPL.US"),
    ("BRK-B", "BRK.B.US"),
    ("BRK/B", "BRK.B.US"),
    ("700", "700.HK"),
    ("0700.HK", "700.HK"),
    ("00700.HK", "700.HK"),
    ("700.HK", "00700.HK"),
    ("HKEX:700", "700.HK"),
    ("600519.SS", "600519.SH"),
    ("600519", "600519.SH"),
    ("sh600519", "600519.SH"),
    ("sz.000001", "000001.SZ"),
    ("BTC/USDT", "BTCUSDT"),
    ("BTC-USDT", "BTCUSDT"),
    ("BINANCE:BTCUSDT", "BTCUSDT"),
    ("X:BTCUSD", "BTCUSD"),
    ("EURUSD=X", "EURUSD"),
    ("EUR/USD", "EURUSD"),
    ("^GSPC", "SPX"),
    ("^HSI", "HSI.HK"),
]
OTHER = [
    ("MSFT", "AAPL.US"),
    ("", "AAPL.US"),
    ("AAPL.HK", "AAPL.US"),
    ("000001.SS", "000001.SZ"),
    ("sh000001", "000001.SZ"),
    ("000700", "000001.SZ"),
    ("1", "000001.SZ"),
    ("BTCUSD", "BTCUSDT"),
    ("ETHUSDT", "BTCUSDT"),
    ("AAPLW", "AAPL.US"),
    ("7000", "700.HK"),
]


@pytest.mark.parametrize(("named", "symbol"), SAME)
def test_aliases_of_a_symbol(named: str, symbol: str) -> None:
    """Venues, zeros and marks make no difference."""
    assert is_same(named, symbol)


@pytest.mark.parametrize(("named", "symbol"), OTHER)
def test_names_of_other_instruments(named: str, symbol: str) -> None:
    """Another exchange is another instrument."""
    assert not is_same(named, symbol)
