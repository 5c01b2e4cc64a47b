"""Messages are typed and checked, and one definition says what a valid bar is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_team_data import messages
from quant_team_data.markets import milliseconds
from quant_team_data.messages import Bar, Depth, Factor, KeyStatus, Klines, Level, Ticker, Trade

TIME = 1_704_067_200_000  # 2024-01-01
GOOD: dict[str, Any] = {
    "time": TIME,
    "open": 10.5,
    "high": 11.0,
    "low": 10.0,
    "close": 10.75,
    "volume": 0.0,
}


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def frame(*changes: dict[str, Any]) -> pl.DataFrame:
    """Return a frame of one bar a minute, each changed as told."""
    rows = []
    for number, change in enumerate(changes):
        row = GOOD | {"time": TIME + 60_000 * number} | change
        rows.append([row[name] for name in messages.COLUMNS])
    plain = {"time": pl.Int64} | dict.fromkeys(messages.VALUES, pl.Float64)
    return pl.DataFrame(rows, plain, orient="row").cast(pl.Schema(messages.SCHEMA))


# Decoding


@pytest.mark.parametrize("price", ["10.5", 10.5])
def test_numbers_come_as_text_or_as_numbers(price: object) -> None:
    """A price without quotes is the same price."""
    bar = {name: str(value) for name, value in GOOD.items()} | {"open": price, "time": TIME}
    content = json.dumps({"code": "0", "data": {"klines": [bar]}}).encode()
    answer = messages.decoder(Klines).decode(content)
    assert answer.data == Klines([Bar(**GOOD)])
    assert answer.code == "0"


def test_a_message_can_become_a_dict() -> None:
    """`to_dict` gives plain names and numbers, down to the last level."""
    assert Bar(**GOOD).to_dict() == GOOD
    book = messages.record(
        raw({"timestamp": TIME, "bids": [["1", "2"]], "asks": [["3", 4]]}), Depth
    )
    assert book.bids == [Level(1.0, 2.0)]
    assert book.to_dict() == {
        "timestamp": TIME,
        "bids": [(1.0, 2.0)],
        "asks": [(3.0, 4.0)],
        "symbol": None,
    }


@pytest.mark.parametrize("nothing", ["", "n/a", "NaN", "inf", None, []])
def test_a_number_that_may_be_missing_is_none(nothing: object) -> None:
    """An empty bid is no bid."""
    quote = {"symbol": "A.US", "timestamp": TIME, "last_price": "1.5", "bid_price": nothing}
    found = messages.record(raw(quote | {"ask_price": "1.6"}), Ticker)
    assert (found.last_price, found.bid_price, found.ask_price) == (1.5, None, 1.6)
    status = messages.record(raw({"plan": "pro", "remaining_seconds": nothing}), KeyStatus)
    assert (status.plan, status.remaining_seconds) == ("pro", None)


@pytest.mark.parametrize("nothing", ["", "n/a", "NaN", "inf", None, True])
def test_a_number_that_is_needed_is_an_error(nothing: object) -> None:
    """A quote without a price is no quote, and a trade without one no trade."""
    quote = {"symbol": "A.US", "timestamp": TIME, "last_price": nothing}
    with pytest.raises(msgspec.ValidationError):
        messages.record(raw(quote), Ticker)
    with pytest.raises(msgspec.ValidationError):
        messages.record(raw({"timestamp": TIME, "price": nothing, "quantity": "1"}), Trade)
    with pytest.raises(msgspec.ValidationError):
        messages.record(raw({"timestamp": TIME, "bids": [["1", nothing]], "asks": []}), Depth)


@pytest.mark.parametrize("value", [TIME, TIME // 1000, str(TIME // 1000)])
def test_seconds_become_milliseconds(value: object) -> None:
    """A few endpoints send seconds."""
    found = messages.record(raw({"timestamp": value, "factor_a": 1, "factor_b": 0}), Factor)
    assert found.timestamp == TIME


@pytest.mark.parametrize("value", [-1, TIME * 1000, 10**30, "x", None, 1.5])
def test_a_time_of_another_unit_is_an_error(value: object) -> None:
    """Microseconds and times before 1970 are not milliseconds."""
    with pytest.raises(msgspec.ValidationError):
        messages.record(raw(GOOD | {"time": value}), Bar)
    with pytest.raises(msgspec.ValidationError):
        messages.record(raw({"timestamp": value, "factor_a": 1, "factor_b": 0}), Factor)


# Frames


def test_bars_become_a_frame_in_time_order_each_once() -> None:
    """The last that came for a time counts, and the way back gives the bars."""
    first, second = Bar(**GOOD), Bar(**(GOOD | {"time": TIME + 60_000}))
    again = Bar(**(GOOD | {"close": 10.25}))
    found = messages.frame_of([second, first, again])
    assert found.schema == messages.SCHEMA
    assert messages.bars_of(found) == [again, second]
    assert messages.frame_of([]).schema == messages.SCHEMA


# A valid bar


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"open": float("nan")}, "open", "is not a finite number"),
        ({"close": None}, "close", "is not a finite number"),
        ({"high": float("inf")}, "high", "is not a finite number"),
        ({"volume": None}, "volume", "is not a finite number"),
        ({"low": 0.0}, "low", "is not above 0"),
        ({"low": -1.0}, "low", "is not above 0"),
        ({"high": 9.0}, "high", "is below low"),
        ({"open": 9.9}, "open", "is below low"),
        ({"open": 11.1}, "open", "is above high"),
        ({"close": 9.9}, "close", "is below low"),
        ({"close": 11.1}, "close", "is above high"),
        ({"volume": -1.0}, "volume", "is below 0"),
        ({"time": TIME}, "time", "is not after the bar before it"),
        ({"time": None}, "time", "is missing"),
    ],
)
def test_a_fault_is_named(change: dict[str, Any], field: str, reason: str) -> None:
    """The first bar that is not valid is named by its row, time and field."""
    found = messages.fault(frame({}, change, {"low": 99.0}))
    assert found is not None
    assert (found.row, found.field, found.reason) == (1, field, reason)
    when = (
        "an unreadable time" if change.get("time", 0) is None else f"{found.time:%Y-%m-%dT%H:%MZ}"
    )
    assert found.of("A.US") == f"the bar of A.US at {when}: {field} {reason}"


def test_valid_bars_have_no_fault() -> None:
    """Equal prices and no volume are valid, and so is no bar at all."""
    flat = dict.fromkeys(("open", "high", "low", "close"), 5.0)
    assert messages.fault(frame({}, flat, {})) is None
    assert messages.fault(frame()) is None


@given(st.lists(st.tuples(*[st.floats(-3, 3)] * 5), max_size=4))
def test_the_rules_are_the_definition(rows: list[tuple[float, ...]]) -> None:
    """`fault` finds something exactly where a bar breaks the definition."""
    valid = True
    for opened, high, low, close, volume in rows:
        inside = low <= opened <= high and low <= close <= high
        valid = valid and inside and low > 0 and volume >= 0
    changes = [dict(zip(messages.VALUES, row, strict=True)) for row in rows]
    assert (messages.fault(frame(*changes)) is None) is valid


def test_what_cannot_be_decoded_is_described() -> None:
    """A bar is named by its time, anything else by what was requested."""
    bars = [GOOD, GOOD | {"time": TIME + 60_000, "close": ""}]
    content = json.dumps({"data": {"klines": bars}}).encode()
    with pytest.raises(msgspec.ValidationError) as caught:
        messages.decoder(Klines).decode(content)
    text = messages.describe(content, caught.value, "A.US")
    assert text == "the bar of A.US at 2024-01-01T00:01Z: close: Expected `float`, got `str`"
    assert messages.describe(b"", ValueError("odd"), "the intervals") == "the intervals: odd"
    assert datetime.fromtimestamp(TIME / 1000, UTC).year == 2024


@pytest.mark.parametrize(
    ("interval", "time", "reason"),
    [
        ("1m", "2024-03-07T14:30:30Z", "is not the open of a 1m bar"),
        ("1h", "2024-03-07T14:30:00Z", None),  # New York opens at half past
        ("1h", "2024-03-07T14:31:00Z", "is not the open of a 1h bar"),
        ("4h", "2024-03-07T14:30:00Z", None),
        ("1d", "2024-03-07T00:00:00Z", None),
        ("1d", "2024-03-07T05:00:00Z", "is not the open of a 1d bar"),
        ("1w", "2024-03-04T00:00:00Z", None),
        ("1w", "2024-03-05T00:00:00Z", "is not a Monday"),
        ("1M", "2024-03-01T00:00:00Z", None),
        ("1M", "2024-03-31T00:00:00Z", "is not the first of a month"),
        (None, "2024-03-07T14:31:07Z", None),
    ],
)
def test_a_bar_opens_on_the_grid_of_its_interval(
    interval: str | None,
    time: str,
    reason: str | None,
) -> None:
    """A day at 00:00 UTC, a week on a Monday, a month on its first; shorter ones on the clock."""
    moment = milliseconds(datetime.fromisoformat(time))
    bars = messages.frame_of([messages.Bar(moment, 1.0, 1.0, 1.0, 1.0, 0.0)])
    found = messages.fault(bars, interval)
    assert (found and found.reason) == reason
