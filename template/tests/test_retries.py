"""What may pass by itself is tried again after the right wait; what cannot is raised at once."""

from __future__ import annotations

import email.utils
import logging
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from quant_team_data import errors
from quant_team_data.data_client import (
    RateLimitError,
    TickDBError,
    fetch_klines,
)
from tests.service import (
    NOW,
    Service,
    fault,
    hourly,
    ok,
)

pytestmark = pytest.mark.usefixtures("sandbox")


def test_a_rate_limit_is_waited_for_and_tried_again(service: Service) -> None:
    """The request is really sent again, after as long as the service asks."""
    header = {"Retry-After": "2"}
    service.replies(
        fault(429, 3001, **header), fault(200, "3001", **header), ok({"klines": hourly(1)})
    )
    assert len(fetch_klines("AAPL.US")) == 1
    assert len(service.requests) == 3
    assert service.waits == [2.0, 2.0]
    assert service.params(0) == service.params(2)


@pytest.mark.parametrize(("seconds", "told"), [("2", False), ("30", True)])
def test_only_a_long_wait_is_told(
    service: Service, caplog: pytest.LogCaptureFixture, seconds: str, told: bool
) -> None:
    """A user sees why nothing happens for half a minute, and is not bothered by two seconds."""
    service.replies(fault(429, 3001, **{"Retry-After": seconds}), ok({"klines": []}))
    with caplog.at_level(logging.WARNING):
        fetch_klines("AAPL.US")
    assert ("trying again in 30.0 s" in caplog.text) is told


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("7", 7, 7),
        ("2.5", 2.5, 2.5),
        ("0", 0.1, 1),
        ("0.01", 0.1, 1),
        (email.utils.format_datetime(NOW + timedelta(seconds=30), usegmt=True), 29, 31),
        (email.utils.format_datetime(NOW - timedelta(seconds=99), usegmt=True), 0.1, 1),
        ("Fri, 31 Dec 1999 23:59:59", 0.1, 1),
        ("soon", 0.1, 1),
        ("-1", 0.1, 1),
        ("nan", 0.1, 1),
        ("9" * 400, 0.1, 1),
        ("", 0.1, 1),
    ],
)
def test_retry_after_in_every_spelling(
    service: Service, text: Any, low: float, high: float
) -> None:
    """Seconds, decimals and dates are obeyed; nonsense counts as no word from the service."""
    service.replies(
        fault(429, 3001, **{"Retry-After": text}),
        ok({"klines": []}),
    )
    fetch_klines("AAPL.US")
    (wait,) = service.waits
    assert low <= wait <= high


PAST = email.utils.format_datetime(NOW - timedelta(days=1), usegmt=True)


@pytest.mark.parametrize("text", ["0", "-5", "0.001", PAST, "", "soon"])
@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_sent_again_at_once(service: Service, text: str, status: int) -> None:
    """Whatever the service asks for, and however the jitter falls: each wait is longer."""
    service.replies(fault(status, 3001, **{"Retry-After": text}))
    lowest = service.client(jitter=lambda low, high: low)
    with pytest.raises(RateLimitError):
        lowest.klines("AAPL.US")
    assert service.waits == pytest.approx([0.1, 0.2, 0.4])
    service.waits.clear()
    with pytest.raises(RateLimitError):
        fetch_klines("AAPL.US")
    assert service.waits == [0.5, 1, 2]


def test_a_second_that_is_asked_for_is_a_second(service: Service) -> None:
    """From there on the service knows best."""
    service.replies(fault(429, 3001, **{"Retry-After": "1"}))
    with pytest.raises(RateLimitError):
        fetch_klines("AAPL.US")
    assert service.waits == [1, 1, 1]


@pytest.mark.parametrize(
    "reset", [True, -1, 0, 1e300, 10**18, NOW.timestamp() - 60, "soon", None, [1]]
)
def test_a_time_in_the_body_that_is_none_counts_as_no_word(service: Service, reset: Any) -> None:
    """It is waited for, or raised as too long; no other exception."""
    data = {"limit": 60, "plan": "starter", "reset_at": reset}
    service.replies(httpx2.Response(429, json={"code": 3001, "message": "m", "data": data}))
    with pytest.raises(RateLimitError) as caught:
        fetch_klines("AAPL.US")
    is_long = (caught.value.retry_after or 0) > 120
    assert service.waits == ([] if is_long else [0.5, 1, 2])


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_wait_that_is_too_long_is_raised(service: Service, where: str) -> None:
    """An hour is not slept away: the caller gets the error with the seconds in it."""
    if where == "header":
        service.replies(fault(429, 3001, **{"Retry-After": "3600"}))
    else:
        data = {"limit": 60, "plan": "starter", "reset_at": NOW.timestamp() + 3600}
        service.replies(httpx2.Response(429, json={"code": 3001, "message": "m", "data": data}))
    with pytest.raises(RateLimitError) as caught:
        fetch_klines("AAPL.US")
    assert caught.value.retry_after == pytest.approx(3600, abs=5)
    assert not service.waits
    assert len(service.requests) == 1


def test_backoff_doubles_with_full_jitter(service: Service) -> None:
    """Without a word from the service, the waits are random below 1, 2 and 4 seconds."""
    service.replies(fault(503, 5001))
    with pytest.raises(errors.ServerError):
        fetch_klines("AAPL.US")
    assert service.jitters == [(0, 1), (0, 2), (0, 4)]
    assert service.waits == [0.5, 1, 2]
    assert len(service.requests) == 4


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2001), (404, 2002), (401, 1001), (403, 3002), (403, 3008), (400, "AMBIGUOUS_SYMBOL")],
)
def test_what_cannot_succeed_is_not_tried_again(
    service: Service, status: int, code: int | str
) -> None:
    """One request, no wait: the same question has the same answer."""
    service.replies(fault(status, code, **{"Retry-After": "1"}))
    with pytest.raises(TickDBError):
        fetch_klines("AAPL.US")
    assert (len(service.requests), service.waits) == (1, [])


def test_a_gateway_fault_is_tried_again(service: Service) -> None:
    """HTTP 502 with a page instead of JSON passes."""
    service.replies(
        httpx2.Response(502, content=b"<html>bad gateway</html>"), ok({"klines": hourly(1)})
    )
    assert len(fetch_klines("AAPL.US")) == 1


@pytest.mark.parametrize(
    "reply",
    [
        httpx2.Response(200, content=b"<html>log in</html>"),
        httpx2.Response(200, json=[1]),
        httpx2.Response(200, json={"code": 0}),
        httpx2.Response(200, content=b"\xff\xfe"),
    ],
)
def test_an_answer_that_is_not_the_protocol_is_an_error(
    service: Service, reply: httpx2.Response
) -> None:
    """A proxy's page on HTTP 200 is no market data, and asking again does not help."""
    service.replies(reply)
    with pytest.raises(errors.DecodeError, match="proxy"):
        fetch_klines("AAPL.US")
    assert len(service.requests) == 1
