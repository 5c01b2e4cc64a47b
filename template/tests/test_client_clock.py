"""Whatever the clock says, the client and its cache give the closed bars, and a price."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quant_team_data import data_client
from quant_team_data.calendars import sessions
from quant_team_data.markets import bar_end, market_of
from quant_team_data.tickdb import TickDBClient
from quant_team_data.transport import SandboxTransport

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
# A half day, a holiday and a full day in New York; full days in Hong Kong.
FIRST = datetime(2024, 7, 3, tzinfo=UTC)
LAST = datetime(2024, 7, 6, tzinfo=UTC)
SYMBOLS = ["AAPL.US", "700.HK", "BTCUSDT", "EURUSD"]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = FIRST

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Use a client in a sandbox whose clock is ours, over an empty cache."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    clock = Clock()
    client = TickDBClient("sandbox", transport=SandboxTransport(clock), clock=clock)
    with data_client.using(client):
        yield clock


def moments(symbol: str) -> list[datetime]:
    """Return every hour, and a second around each open and close."""
    hours = (LAST - FIRST) // HOUR
    found = {FIRST + number * HOUR for number in range(hours + 1)}
    for session in sessions(market_of(symbol), FIRST.date(), LAST.date(), today=LAST.date()):
        for edge in (session.open, session.close):
            found |= {edge - SECOND, edge, edge + SECOND}
    return sorted(moment for moment in found if moment <= LAST)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_newest_bars_are_closed_and_there_is_a_price(clock: Clock, symbol: str) -> None:
    """At every hour, and at each open and close to the second."""
    for now in moments(symbol):
        clock.now = now
        for interval in ("1h", "1d"):
            bars = data_client.fetch_klines(symbol, interval, limit=3)
            assert 2 <= len(bars) <= 3
            newest = datetime.fromtimestamp(bars[-1]["time"] / 1000, UTC)
            assert bar_end(newest, interval) <= now
        quotes = data_client.client().ticker([symbol]).complete()
        assert data_client.fetch_latest_price(symbol) == quotes[symbol].last_price


@pytest.mark.parametrize("interval", ["1h", "1d"])
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_many_fetches_give_what_one_gives(
    clock: Clock,
    symbol: str,
    interval: str,
) -> None:
    """A cache that is filled hour by hour ends with the bars of a single fetch, all closed."""
    start = "2024-07-01"
    for now in moments(symbol):
        clock.now = now
        bars = data_client.fetch_bars(symbol, interval, start, "2024-07-08")
        assert bar_end(bars["time"][-1], interval) <= now
    again = data_client.fetch_bars(symbol, interval, start, "2024-07-08", refresh=True)
    assert again.equals(bars)
