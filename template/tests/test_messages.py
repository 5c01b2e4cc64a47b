"""Messages are typed and checked, and one definition says what a valid bar is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from quant_team_data import messages
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
    """An empty bid is not a bid."""
    quote = {"symbol": "A.US", "timestamp": TIME, "last_price": "1.5", "bid_price": nothing}
    found = messages.record(raw(quote | {"ask_price": "1.6"}), Ticker)
    assert (found.last_price, found.bid_price, found.ask_price) == (1.5, None, 1.6)
    status = messages.record(raw({"plan": "pro", "remaining_seconds": nothing}), KeyStatus)
    assert (status.plan, status.remaining_seconds) == ("pro", None)


@pytest.mark.parametrize("nothing", ["", "n/a", "NaN", "inf", None, True])
def test_a_number_that_is_needed_is_an_error(nothing: object) -> None:
    """A quote without a price is not a quote, nor a trade without one a trade."""
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


@pytest.mark.parametrize("value", [True, False, "true", "1_00", " 1", "0x10", "٣", "1,000", [1]])
@pytest.mark.parametrize("name", ["time", "open", "volume"])
def test_only_numbers_are_numbers(name: str, value: object) -> None:
    """Neither a truth value nor what Python alone would read as one."""
    content = json.dumps({"code": 0, "data": {"klines": [GOOD | {name: value}]}}).encode()
    with pytest.raises(msgspec.ValidationError):
        messages.decoder(Klines).decode(content)
    with pytest.raises(msgspec.ValidationError):
        messages.record(raw(GOOD | {name: value}), Bar)


DEEP = b"[" * 50_000 + b"]" * 50_000


def test_what_is_nested_too_deeply_is_refused() -> None:
    """Also in a field that nobody reads."""
    for part in (b'{"x": ' + DEEP + b"}", b'{"klines": [], "x": ' + DEEP + b"}"):
        with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
            messages.decoder(Klines).decode(b'{"code": 0, "data": ' + part + b"}")
    with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
        messages.record(msgspec.Raw(b'{"x": ' + DEEP + b"}"), Bar)
    with pytest.raises(messages.JsonError, match="nested too deeply"):
        messages.plain(DEEP)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"a": 1', messages.CutJsonError),
        (b'{"a": "\xc3', messages.CutJsonError),
        (b"{]", messages.JsonError),
        (b"", messages.JsonError),
        (b'"\xff"', messages.JsonError),
    ],
)
def test_json_that_ends_too_early_is_told_from_what_is_none(
    content: bytes, error: type[Exception]
) -> None:
    """The one may come whole the next time, the other will not."""
    with pytest.raises(error) as caught:
        messages.plain(content)
    assert type(caught.value) is error


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


def test_a_record_that_is_not_an_object_is_refused() -> None:
    """A list of keys that holds null is an error of the decoder, not of this code."""
    with pytest.raises(msgspec.ValidationError):
        messages.record(msgspec.Raw(b"null"), messages.KeyPrefix)
