"""Synthetic prices never change: the results and locks of every team rest on them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from quant_team_data import sandbox
from quant_team_data.markets import INTERVALS, market_of, milliseconds

# A Friday: New York is open, Hong Kong and Shanghai have closed.
NOW = milliseconds(datetime(2024, 7, 5, 15, 10, 30, tzinfo=UTC))
QUESTIONS = [
    *(("kline", {"interval": interval, "limit": "20"}) for interval in INTERVALS),
]
TRADED = [("depth", {}), ("trades", {"limit": "20"})]  # what currencies and indices do not have


@pytest.mark.parametrize(
    ("symbol", "digest"),
    [
        ("AAPL.US", "47bbb02900740744"),
        ("QQQ.US", "c189488fcb1c5d90"),
        ("700.HK", "d8eadc48bf432f50"),
        ("600519.SH", "4b6dac0dd2e7c2b5"),
        ("BTCUSDT", "5aaee3cea3015d2d"),
        ("SOLUSDT", "a9b161eeda7d527c"),
        ("EURUSD", "e90f19276c25de42"),
        ("USDJPY", "dbfa412430bc195d"),
        ("HSI.HK", "92c384a447a1d276"),
        ("BU2609", "81ca3324c2911d72"),
    ],
)
def test_the_bytes_of_every_interval_are_frozen(symbol: str, digest: str) -> None:
    """The answers for a symbol at a fixed time are, byte for byte, those of the release before."""
    found = hashlib.sha256()
    has_book = market_of(symbol).type not in ("forex", "indices")
    for path, more in QUESTIONS + (TRADED if has_book else []):
        params = {"symbol": symbol, **more}
        status, body = sandbox.answer(f"/v1/market/{path}", params, {}, now=NOW)
        assert status == 200
        found.update(json.dumps(body["data"], sort_keys=True).encode())
    assert found.hexdigest()[:16] == digest
