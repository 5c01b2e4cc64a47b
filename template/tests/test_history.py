"""A range is read through the cache, as far back as the plan reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
import pytest

from quant_team_data import errors, history
from quant_team_data.data_client import (
    fetch_bars,
)
from quant_team_data.limits import Limiter
from quant_team_data.markets import milliseconds
from tests.service import (
    KEY,
    NOW,
    Ranged,
    Service,
    fault,
    hourly,
    kline,
    ok,
    times,
)

pytestmark = pytest.mark.usefixtures("sandbox")


def test_an_ambiguous_symbol_can_be_settled() -> None:
    """The error names the types; one of them passed as `type` gives bars."""
    with pytest.raises(errors.AmbiguousSymbolError) as caught:
        fetch_bars("000001", "1d", "2024-01-01", "2024-01-31")
    kind = caught.value.available_types[0]
    assert fetch_bars("000001", "1d", "2024-01-01", "2024-01-31", type=kind).height == 22


def test_a_frame_has_utc_times_and_floats() -> None:
    """The columns are the same for every answer, an empty one included."""
    expected = {"time": pl.Datetime("ms", "UTC")} | dict.fromkeys(
        ("open", "high", "low", "close", "volume"), pl.Float64
    )
    for start, height in (("2024-07-01", 4), ("2009-07-01", 0)):
        frame = fetch_bars("AAPL.US", "1d", start, f"{start[:4]}-07-05")
        assert dict(frame.schema) == expected
        assert frame.height == height


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (date(2024, 7, 6), date(2024, 7, 7), "2024-07-06 00:00", "2024-07-07 23:00"),
        ("2024-07-06", "2024-07-06", "2024-07-06 00:00", "2024-07-06 23:00"),
        (
            datetime(2024, 7, 6, 1, tzinfo=UTC),
            datetime(2024, 7, 6, 3, tzinfo=UTC),
            "2024-07-06 01:00",
            "2024-07-06 02:00",
        ),
        ("2024-07-06T03:00+02:00", "2024-07-06T03:00Z", "2024-07-06 01:00", "2024-07-06 02:00"),
    ],
)
def test_the_ends_of_a_range(start: Any, end: Any, first: str, last: str) -> None:
    """The start is included; an end is a whole day as a date, and left out as a time."""
    found = fetch_bars("BTCUSDT", "1h", start, end)["time"].dt.strftime("%Y-%m-%d %H:%M")
    assert (found[0], found[-1]) == (first, last)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (datetime(2024, 7, 1), "2024-07-02", "no time zone"),
        ("2024-07-01", "2024-07-02T10:00", "no time zone"),
        ("yesterday", "2024-07-02", "not a date; use YYYY-MM-DD"),
        ("2024-07-03", "2024-07-02", "empty"),
    ],
)
def test_a_range_that_would_be_guessed_is_refused(start: Any, end: Any, words: str) -> None:
    """No time zone is assumed and no end is swapped."""
    with pytest.raises(errors.BadRequestError, match=words):
        fetch_bars("BTCUSDT", "1h", start, end)


def with_plan(
    plan: str, code: int, bars: list[dict[str, Any]], since: datetime
) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return a service whose plan has no ranges (3008), or none before a time (3007)."""

    def reply(request: httpx2.Request) -> httpx2.Response:
        params = request.url.params
        if "subscriptions" in str(request.url):
            return ok({"api_keys": [{"plan": plan}]})
        if "start_time" in params and (
            code == 3008 or int(params["start_time"]) < milliseconds(since)
        ):
            return fault(403, code)
        return (
            Ranged(bars, "oldest", 1000)(request)
            if "start_time" in params
            else ok({"klines": bars[-1000:]})
        )

    return reply


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Service]:
    """Stand in for TickDB, used through a client that keeps the plan of its key."""
    fake = Service()
    limiter = Limiter(KEY, clock=fake.clock, sleep=fake.clock.sleep, folder=tmp_path / "budget")
    with fake.using(plan=None, limiter=limiter):
        yield fake


def test_a_free_plan_gives_its_newest_bars_and_says_so(
    limited: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Without ranges, the newest bars fill what they can; a warning says what the rest takes."""
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    bars = [kline(hour - number * timedelta(hours=1)) for number in range(168, -1, -1)]
    limited.reply = with_plan("free", 3008, bars, hour)
    since = hour - 168 * timedelta(hours=1)
    frame = fetch_bars("BTCUSDT", "1h", since - timedelta(days=300), hour + timedelta(days=1))
    assert times(frame) == [bar["time"] for bar in bars[:-1]]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    for words in (
        "(Free)",
        f"you get those from {since:%Y-%m-%d %H:%M} UTC on",
        "needs the Starter plan and about 8 requests",
    ):
        assert words in warning
    with pytest.raises(errors.PlanError, match=r"you get none.*the Professional plan"):
        fetch_bars("BTCUSDT", "1h", since - timedelta(days=700), since - timedelta(days=600))
    caplog.clear()
    # All of it: nothing to say.
    assert fetch_bars("BTCUSDT", "1h", since, hour - timedelta(hours=2)).height == 166
    assert not caplog.records


def test_history_that_a_plan_has_not_is_left_out_and_said(
    limited: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A year is what Starter has: two years give the last one, with a warning."""
    today = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    bars = [kline(today - timedelta(days=number)) for number in range(700, 0, -1)]
    limited.reply = with_plan("Starter", 3007, bars, today - timedelta(days=365))
    frame = fetch_bars("BTCUSDT", "1d", today - timedelta(days=700), today)
    assert frame.height == 363
    assert "(Starter)" in caplog.text
    with pytest.raises(errors.PlanError, match=r"you get none.*Professional"):
        fetch_bars("BTCUSDT", "1d", today - timedelta(days=700), today - timedelta(days=500))


def test_what_the_plan_does_not_cover_is_never_requested(limited: Service) -> None:
    """The plan is asked for once, then only bars within it; a cached range needs no request."""
    today = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    bars = [kline(today - timedelta(days=number)) for number in range(700, 0, -1)]
    limited.reply = with_plan("Starter", 3007, bars, today - timedelta(days=365))
    for _ in range(2):
        fetch_bars("BTCUSDT", "1d", today - timedelta(days=305), today - timedelta(days=2))
    paths = [request.url.path for request in limited.requests]
    assert paths == ["/v1/apikeys/subscriptions", "/v1/market/kline"]
    with pytest.raises(errors.PlanError, match="you get none"):
        fetch_bars("BTCUSDT", "1d", today - timedelta(days=700), today - timedelta(days=500))
    assert len(limited.requests) == 2


@pytest.mark.parametrize("plan", ["Brand New", None])
def test_a_plan_that_nobody_knows_hides_nothing(limited: Service, plan: str | None) -> None:
    """Its rate is the slowest, but the whole range is requested: the service decides."""
    bars = [kline(NOW - timedelta(days=number)) for number in range(700, 0, -1)]
    replies = with_plan("x", 3007, bars, NOW - timedelta(days=2000))
    limited.reply = lambda request: (
        ok({"api_keys": [{"plan": plan}]}) if "apikeys" in str(request.url) else replies(request)
    )
    assert fetch_bars("BTCUSDT", "1d", NOW - timedelta(days=800), NOW).height == 700


def test_bars_that_the_plan_no_longer_has_stay_in_the_cache(
    limited: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A Free plan's newest bars extend what is cached, though the bars before them are gone."""
    hour = NOW.replace(minute=0, second=0)
    bars = [kline(hour - number * timedelta(hours=1)) for number in range(40, 0, -1)]
    limited.reply = with_plan("free", 3008, bars[:20], hour)
    begin = hour - timedelta(hours=40)
    fetch_bars("BTCUSDT", "1h", begin, hour - timedelta(hours=20))
    limited.reply = with_plan("free", 3008, bars[19:], hour)
    caplog.clear()
    frame = fetch_bars("BTCUSDT", "1h", begin, hour)
    assert times(frame) == [bar["time"] for bar in bars]
    assert "revised" not in caplog.text


def test_a_read_gives_the_range_and_all_that_is_stored(service: Service) -> None:
    """A run that also compares with data.lock needs no second reading."""
    service.reply = Ranged(hourly(48))
    series = history.series_of("BTCUSDT", "1h")
    asked = history.span_of("2024-01-01", "2024-01-02")
    whole = history.read(series, asked.first, asked.stop)
    half = history.read(series, asked.first, asked.first + timedelta(hours=3))
    assert (len(half.bars), len(half.stored.bars)) == (3, 48)
    assert half.stored.bars.equals(whole.bars)
    assert len(service.requests) == 1


def test_bars_still_forming_are_never_kept(service: Service) -> None:
    """As the clock moves on, each bar comes once, at its close and not before."""
    service.reply = Ranged(hourly(48))
    start = datetime(2024, 1, 1, tzinfo=UTC)
    found = []
    for minutes in (59, 60, 119, 121, 600):
        service.clock.now = start + timedelta(minutes=minutes)
        found.append(fetch_bars("BTCUSDT", "1h", "2024-01-01", "2024-01-02").height)
    assert found == [0, 1, 1, 2, 10]
