"""A TickDB under test, and a clock that only moves when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import polars as pl

from quant_team_data import data_client
from quant_team_data.markets import milliseconds
from quant_team_data.tickdb import TickDBClient
from quant_team_data.transport import HttpTransport

URL = "https://api.tickdb.ai"
KEY = "tk_live_0123456789abcdef"
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2025, 3, 3, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)

Reply = Callable[[httpx2.Request], httpx2.Response]


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.waits: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)


class Service:
    """Stands in for https://api.tickdb.ai: answers with `reply`, remembers requests and waits."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.requests: list[httpx2.Request] = []
        self.jitters: list[tuple[float, float]] = []
        self.reply: Reply = lambda request: ok({"klines": []})

    @property
    def waits(self) -> list[float]:
        return self.clock.waits

    def client(self, **options: Any) -> TickDBClient:
        """Return a client that talks to this service; options are those of `TickDBClient`."""
        seams: dict[str, Any] = {
            "plan": "unlimited",
            "transport": HttpTransport(URL, wire=httpx2.MockTransport(self.handle)),
            "clock": self.clock,
            "sleep": self.clock.sleep,
            "jitter": self.jitter,
        }
        return TickDBClient(URL, KEY, **(seams | options))

    def using(self, **options: Any) -> Any:
        """Let everything in a block talk to this service."""
        return data_client.using(self.client(**options))

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self.reply(request)

    def jitter(self, low: float, high: float) -> float:
        self.jitters.append((low, high))
        return high / 2

    def replies(self, *replies: httpx2.Response | Exception) -> None:
        """Answer with these in turn, and with the last one from then on."""
        waiting = list(replies)

        def reply(request: httpx2.Request) -> httpx2.Response:
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(answer, Exception):
                raise answer
            status = answer.status_code
            return httpx2.Response(status, headers=answer.headers, content=answer.content)

        self.reply = reply

    def params(self, number: int = -1) -> dict[str, str]:
        """Return the query of a request."""
        return dict(self.requests[number].url.params)


class Ranged:
    """A service with many bars that cuts an overflowing range at one end."""

    def __init__(
        self,
        bars: list[dict[str, Any]],
        cut: str = "oldest",
        cap: int = 1000,
        end_included: bool = True,
        deaf: str = "",
    ) -> None:
        self.bars = bars
        self.cut = cut
        self.cap = cap
        self.end_included = end_included
        self.deaf = deaf

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        start = 0 if self.deaf == "start" else int(params["start_time"])
        end = 1 << 60 if self.deaf == "end" else int(params["end_time"]) + self.end_included
        inside = [bar for bar in self.bars if start <= bar["time"] < end]
        cap = min(self.cap, int(params["limit"]))
        return ok({"klines": inside[-cap:] if self.cut == "oldest" else inside[:cap]})


def ok(data: Any) -> httpx2.Response:
    """Return a success."""
    return httpx2.Response(200, json={"code": 0, "message": "success", "data": data})


def fault(status: int, code: int | str, **headers: str) -> httpx2.Response:
    """Return an error in one of the service's dialects."""
    return httpx2.Response(status, json={"code": code, "message": "m"}, headers=headers)


def kline(opened: datetime, **changes: Any) -> dict[str, Any]:
    """Return a bar as TickDB sends it."""
    prices = {"open": "10.5", "high": "11", "low": "10", "close": "10.75", "volume": "1200"}
    return {"time": milliseconds(opened), **prices, **changes}


def hourly(count: int) -> list[dict[str, Any]]:
    """Return bars of so many hours from START on."""
    return [kline(START + hour * HOUR) for hour in range(count)]


def times(frame: pl.DataFrame) -> list[int]:
    """Return the times of a frame in milliseconds UTC."""
    found: list[int] = frame["time"].dt.epoch("ms").to_list()
    return found
