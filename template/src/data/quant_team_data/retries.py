"""Again, where that may help: what a response means, and how long to wait for the next.

Rate limits, faults of the service and lost connections are tried again: after the seconds or at the
date of `Retry-After`, else after a random part of a delay that doubles each time (full jitter), but
never at once.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from quant_team_data import errors, limits, messages
from quant_team_data.limits import Sleep, utc_now

MAX_WAIT = 120.0  # seconds: a longer Retry-After is raised instead of slept
SOON = 1.0  # seconds: a service that asks for less has not said how long it needs
LEAST = 0.1  # of the longest wait: nothing is sent again at once, whatever the service says

logger = logging.getLogger(__name__)

Jitter = Callable[[float, float], float]  # takes the least and the longest wait, returns one
R = TypeVar("R")
A = TypeVar("A", bound="AnyResponse")


class AnyResponse(Protocol):
    """What is needed of a response; those of httpx2 and of requests have it as well."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Any:
        """A mapping by name of header."""

    def json(self) -> Any:
        """Return the decoded body, or raise a ValueError."""


def until_answered(
    send: Callable[[], A],
    resend: Callable[[], A] | None,
    read: Callable[[A], R],
    *,
    max_retries: int = 3,
    base_delay: float = 1.0,
    sleep: Sleep = time.sleep,
    jitter: Jitter = random.uniform,
) -> R:
    """Return what `read` makes of the response of `send`, or of the first good one of `resend`.

    Args:
        send: sends the request, or returns the response that is there already.
        resend: sends it again; None raises the first error.
        read: returns the content of a response, or raises the TickDBError that it means.
        max_retries: how often to send again at most.
        base_delay: seconds; the longest first wait if the service names none.
        sleep: waits for seconds.
        jitter: picks a wait between two numbers of seconds.
    """
    attempt = 0
    while True:
        try:
            return read(send())
        except errors.TickDBError as error:
            if not error.retryable or resend is None or attempt >= max_retries:
                raise
            wait = error.retry_after or 0.0
            if wait > MAX_WAIT:
                raise
            if wait < SOON:  # nothing, zero, or a date that is past
                longest = min(base_delay * 2**attempt, MAX_WAIT)
                wait = max(wait, jitter(0, longest), longest * LEAST)
            level = logging.WARNING if wait > limits.NOTICEABLE else logging.INFO
            logger.log(level, "%s: trying again in %.1f s", type(error).__name__, wait)
        sleep(wait)
        send = resend
        attempt += 1


def data_of(response: AnyResponse, now: datetime | None = None) -> Any:
    """Return the `data` of a response, or raise the error that it means.

    Args:
        response: of this module, or of httpx2 or requests.
        now: aware; what a date in `Retry-After` is compared with. Default: this machine's clock.

    Raises:
        TickDBError: the subclass that fits.
    """
    endpoint = getattr(response, "endpoint", "TickDB")
    symbol = getattr(response, "symbol", None)
    status = response.status_code
    body, fault = _body_of(response)
    error = errors.error_of(
        status,
        body,
        endpoint=endpoint,
        symbol=symbol,
        retry_after=_asked_wait(response, body, now or utc_now()),
    )
    if error is not None:
        del body  # a service may repeat the key in it, and a debugger show it
        raise error
    if isinstance(fault, messages.CutJsonError):
        raise errors.TransportError(
            f"The response of {endpoint} was cut short on its way: check the network and the "
            "proxy, and try again.",
            http_status=status,
            endpoint=endpoint,
            symbol=symbol,
            retryable=True,
        )
    if not isinstance(body, dict) or "data" not in body:
        reason = f" ({messages.DEEP})" if str(fault) == messages.DEEP else ""
        raise errors.DecodeError(
            f"The response of {endpoint} is not TickDB's JSON{reason}: check TICKDB_BASE_URL in "
            ".env, and the proxy.",
            http_status=status,
            endpoint=endpoint,
            symbol=symbol,
        )
    return body["data"]


def json_of(response: AnyResponse) -> Any:
    """Return the decoded body of a response, or None if it is not JSON."""
    body, _ = _body_of(response)
    return body


def facts_of(body: Any) -> dict[str, Any]:
    """Return the facts of an error: they are in `data`, in older answers beside the code."""
    data = body.get("data", body) if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}


def _body_of(response: AnyResponse) -> tuple[Any, Exception | None]:
    """Return the decoded body of a response, or None and why it cannot be decoded."""
    try:
        return response.json(), None
    except (ValueError, RecursionError) as error:
        return None, error.with_traceback(None)


def _asked_wait(response: AnyResponse, body: Any, now: datetime) -> float | None:
    """Return the seconds to wait as the service asks: in a header, or until a time in the body."""
    wait = _retry_after(response.headers.get("Retry-After"), now)
    reset = facts_of(body).get("reset_at")
    if wait is not None or not isinstance(reset, int | float):
        return wait
    try:
        until = messages.in_milliseconds(int(reset)) / 1000
    except (ValueError, OverflowError):
        return None
    return max(until - now.timestamp(), 0.0)


def _retry_after(text: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header (a number or an HTTP date), or None."""
    try:
        seconds = float(text or "nan")
    except ValueError:
        when = http_date(text)
        seconds = max((when - now).total_seconds(), 0.0) if when else math.nan
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def http_date(text: str | None) -> datetime | None:
    """Return the aware time of an HTTP date such as that of the header `Date`, or None."""
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # slow, and rarely needed

    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
