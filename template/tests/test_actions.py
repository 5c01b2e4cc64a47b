"""Adjusted prices come from raw bars and factors, and the factors can be agreed on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from quant_team_data import cache, errors, lock
from quant_team_data.data_client import (
    fetch_bars,
)
from quant_team_data.markets import milliseconds
from quant_team_utils import git
from tests.service import (
    START,
    Service,
    fault,
    kline,
    ok,
)

pytestmark = pytest.mark.usefixtures("sandbox")


MIDNIGHT = {"UTC": 0, "New York": 5, "Hong Kong": -8}
EVENTS: list[dict[str, Any]] = [  # split 2:1 on the third, 1.00 dividend on the fifth
    {"day": 3, "forward": (0.5, 0.0), "backward": (2.0, 0.0)},
    {"day": 5, "forward": (1.0, -1.0), "backward": (1.0, 1.0)},
]


def corporate(zone: str, wrong: float = 0.0) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return a service with daily bars at 100, then 50, then 49, and the factors of both events."""
    prices = {1: 100.0, 2: 100.0, 3: 50.0, 4: 50.0, 5: 49.0, 6: 49.0}
    theirs = {"none": prices, "forward": {1: 49.0}, "backward": {6: 100.0}}

    def reply(request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        if request.url.path.endswith("ex-factors"):
            found = []
            for event in EVENTS:
                at = START + timedelta(event["day"] - 1, 3600 * MIDNIGHT[zone])
                for kind in ("backward", "forward"):
                    row = dict(zip(("factor_a", "factor_b"), event[kind], strict=True))
                    found.append({"timestamp": milliseconds(at), "adjust": kind, **row})
            return ok({"data": {"AAPL.US": found}})
        adjust = params.get("adjust", "none")
        days = theirs[adjust]
        bars = []
        for day, price in days.items():
            price += wrong if adjust != "none" else 0.0
            bars.append(
                kline(START + timedelta(day - 1), open=price, high=price, low=price, close=price)
            )
        return ok(
            {
                "klines": [
                    bar
                    for bar in bars
                    if int(params["start_time"]) <= bar["time"] <= int(params["end_time"])
                ]
            }
        )

    return reply


@pytest.mark.parametrize("zone", MIDNIGHT)
@pytest.mark.parametrize(
    ("adjust", "closes"),
    [("forward", [49.0, 49, 49, 49, 49, 49]), ("backward", [100.0, 100, 100, 100, 100, 100])],
)
def test_adjusted_prices_come_from_raw_bars_and_factors(
    service: Service, zone: str, adjust: Any, closes: Any
) -> None:
    """A split and a dividend leave no jump, wherever the event's midnight is; the volume stays."""
    service.reply = corporate(zone)
    bars = fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust=adjust)
    assert bars["close"].to_list() == pytest.approx(closes)
    assert bars["volume"].to_list() == [1200.0] * 6
    service.requests.clear()
    raw = fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06")
    assert raw["close"].to_list() == [100, 100, 50, 50, 49, 49]
    assert not service.requests  # the cache holds raw bars


def test_factors_that_do_not_give_the_services_own_prices_are_refused(service: Service) -> None:
    """Nobody computes with factors that are read differently from how they are meant."""
    service.reply = corporate("UTC", wrong=1.0)
    with pytest.raises(errors.DecodeError, match="adjustment factors"):
        fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust="forward")


def test_adjustment_factors_are_locked_too(
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Factors that were used can be agreed on; a revised one is named and warned about."""
    git.run(tmp_path, "init", "--quiet")
    git.run(tmp_path, "config", "quant.member", "alice")
    service.reply = corporate("UTC")
    fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust="forward")
    new = lock.lock(cache.stored_series())
    assert [(line.type, line.interval, line.month, line.number) for line in new] == [
        ("factors", "actions", "2024-01", "2"),
        ("stock", "1d", "2024-01", "6"),
    ]
    monkeypatch.setitem(EVENTS[1], "forward", (1.0, -1.01))
    fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust="forward")
    assert "differ from data.lock in" in caplog.text
    assert [line.type for line, state in lock.verify() if state == "differs"] == ["factors"]
    lock.accept("AAPL.US", "2024-01", "a corrected dividend")
    assert {state for _, state in lock.verify()} == {"same"}


def test_a_plan_without_factors_offers_raw_prices(service: Service) -> None:
    """The sentence says what to pass."""
    service.reply = lambda request: (
        fault(403, 3009) if "ex-factors" in str(request.url) else corporate("UTC")(request)
    )
    with pytest.raises(errors.PlanError, match="adjust='none'"):
        fetch_bars("AAPL.US", "1d", "2024-01-01", "2024-01-06", adjust="forward")


@pytest.mark.parametrize(
    ("interval", "options"), [("1w", {}), ("1M", {}), ("1d", {"offline": True})]
)
def test_what_cannot_be_adjusted_is_refused(interval: str, options: Any) -> None:
    """A week may hold an event in its middle, and offline there are no factors."""
    with pytest.raises(errors.BadRequestError, match="adjust='none'"):
        fetch_bars("AAPL.US", interval, "2024-01-01", "2024-01-31", adjust="forward", **options)
    assert (
        fetch_bars("BTCUSDT", "1d", "2024-01-01", "2024-01-31", adjust="forward").height == 31
    )  # nothing to adjust
