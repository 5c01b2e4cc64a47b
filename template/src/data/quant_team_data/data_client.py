"""Shared TickDB client: everybody imports this module instead of writing their own fetch logic.

`fetch_latest_price`, `fetch_klines` and `fetch_bars` are all that research needs; `TickDBClient` is what they run
on. Settings are read at each call: `TICKDB_BASE_URL=sandbox` answers inside this process with synthetic prices and
needs no key; any other address needs `TICKDB_API_KEY`, which travels in one header and is written nowhere.
"""

from __future__ import annotations

import logging
import math
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

import httpx2

from quant_team_data.errors import (
    AuthError,
    BadRequestError,
    ConfigError,
    DecodeError,
    RateLimitError,
    TickDBError,
    TransportError,
    error_of,
)
from quant_team_data.markets import DAY, INTERVALS, bar_end, check_interval, milliseconds
from quant_team_utils import settings

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "RateLimitError",
    "TickDBClient",
    "TickDBError",
    "client",
    "fetch_bars",
    "fetch_klines",
    "fetch_latest_price",
    "get_api_key",
    "handle_api_response",
    "notice",
    "source",
]

SANDBOX = "sandbox"
PAGE = 1000  # bars that TickDB gives at most per request
NOTICEABLE = 5.0  # seconds: a longer wait is told on the terminal, a shorter one only with -v
MAX_WAIT = 120.0  # seconds: a longer Retry-After is raised instead of slept

logger = logging.getLogger(__name__)
sleep = time.sleep  # the one place that waits; tests replace it

Timeout = tuple[float, float]  # seconds to connect, and to wait for the answer
Bar = dict[str, Any]


class Response(Protocol):
    """What is needed of a response; those of httpx2 and of requests both have it."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Any: ...
    def json(self) -> Any: ...


Send = Callable[[], Response]


# The article's functions


def get_api_key() -> str:
    """Return the TickDB key from `TICKDB_API_KEY`.

    Raises:
        AuthError: it is unset, the placeholder of `.env.example`, or no possible key (blanks, line ends).
    """
    key = settings.get("TICKDB_API_KEY")
    if not key or settings.is_placeholder(key):
        raise AuthError(
            "TICKDB_API_KEY is not set: put your own key into .env, or set TICKDB_BASE_URL=sandbox to work without one."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise AuthError("TICKDB_API_KEY holds characters that no key has: copy it again from the TickDB dashboard.")
    return key


def handle_api_response(
    response: Response, max_retries: int = 3, base_delay: float = 1.0, *, resend: Send | None = None
) -> Any:
    """Return the `data` of a TickDB response, sending the request again where that may help.

    A response alone cannot be sent again. The means is `resend`, a function without arguments that returns a new
    response; or the response brings it in `response.extensions["resend"]`, as those of `TickDBClient.request` do.
    Without either, the first error is raised and nobody waits.

    Rate limits, server faults and lost connections are tried again: after the seconds or at the date of
    `Retry-After`, else after a random part of `base_delay` doubled each time (full jitter). All else is raised.

    Args:
        response: a response of httpx2 or requests.
        max_retries: how often to send again at most.
        base_delay: seconds; the longest first wait when the service names none.
        resend: sends the same request again.

    Raises:
        TickDBError: the subclass that fits; `RateLimitError` at once if the service wants more than `MAX_WAIT` s.
    """
    if resend is None:
        resend = getattr(response, "extensions", {}).get("resend")
    return _until_answered(lambda: response, resend, max_retries, base_delay)


def fetch_klines(
    symbol: str, interval: str = "1h", limit: int = 100, timeout: Timeout = (3.05, 10)
) -> list[dict[str, Any]]:
    """Return the newest closed bars of a symbol, oldest first, each time once.

    Args:
        symbol: TickDB's spelling, such as "AAPL.US", "700.HK", "BTCUSDT".
        interval: one of `quant_team_data.markets.INTERVALS`; 1m is a minute, 1M a month.
        limit: bars to ask for, 1 to 1000; a bar still forming is left out.
        timeout: seconds to connect, and to wait for the answer.

    Returns:
        Dicts of `time` (int, milliseconds UTC, the bar's open) and `open`, `high`, `low`, `close`, `volume` (float).

    Raises:
        TickDBError: the subclass that says what to do, see `quant_team_data.errors`.
    """
    return client().klines(symbol, interval, limit, timeout=timeout)


def fetch_latest_price(symbol: str, timeout: Timeout = (3.05, 10)) -> float | None:
    """Return the latest price of a symbol, in its market's currency, or None if there is no data for it.

    Raises:
        TickDBError: the subclass that says what to do; a wrong key or symbol is never None.
    """
    return client().latest_price(symbol, timeout=timeout)


# Beyond the article


def fetch_bars(
    symbol: str,
    interval: str,
    start: date | datetime | str,
    end: date | datetime | str,
    *,
    type: str | None = None,
) -> pl.DataFrame:
    """Return the closed bars of a symbol whose open lies in a range, in time order, each time once.

    Args:
        symbol: TickDB's spelling.
        interval: one of `quant_team_data.markets.INTERVALS`.
        start: first time, included: a date (00:00 UTC), an aware datetime, or either in ISO format.
        end: a date is included as a whole UTC day, an aware datetime is the first time left out.
        type: "stock", "indices", "crypto", "forex" or "futures", for a symbol that is ambiguous.

    Returns:
        A frame of `time` (Datetime ms UTC, the bar's open), `open`, `high`, `low`, `close`, `volume` (Float64).

    Raises:
        BadRequestError: a datetime without a time zone, an unreadable one, or `start` after `end`.
        TickDBError: the subclass that says what to do.
    """
    import polars as pl  # slow

    first, stop = _moment(start, "start"), _moment(end, "end", whole_day=True)
    if first >= stop:
        raise BadRequestError(f"The range from {start} to {end} is empty: give a start before the end.", symbol=symbol)
    columns: dict[str, Any] = {"time": pl.Datetime("ms", "UTC")}
    columns |= dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64)
    return pl.DataFrame(client().bars(symbol, interval, first, stop, type=type), schema=columns)


def source() -> Literal["sandbox", "tickdb"]:
    """Return where bars come from: a local address counts as the sandbox, for nothing real is served there.

    Raises:
        ConfigError: `TICKDB_BASE_URL` is unset or unusable.
    """
    url = _base_url()
    return "sandbox" if url == SANDBOX or _is_loopback(url) else "tickdb"


def notice() -> str | None:
    """Return the line that every command prints when a key is set beside the sandbox, else None."""
    if settings.get("TICKDB_BASE_URL") == SANDBOX and settings.get("TICKDB_API_KEY"):
        return "TICKDB_BASE_URL is sandbox: prices are synthetic, TICKDB_API_KEY is not used."
    return None


def client() -> TickDBClient:
    """Return a client for the settings of this moment; connections are shared by all clients of one address.

    Raises:
        ConfigError: `TICKDB_BASE_URL` is unset or unusable.
        AuthError: there is no key, and the address is not `sandbox`.
    """
    url = _base_url()
    return TickDBClient(url, None if url == SANDBOX else get_api_key())


class TickDBClient:
    """The calls of the TickDB protocol that this project uses; safe to share between threads.

    Args:
        base_url: `sandbox`, or an address such as "https://api.tickdb.ai".
        api_key: sent as the header `X-API-Key`; the sandbox inside the process needs none.
    """

    def __init__(self, base_url: str, api_key: str | None = None) -> None:
        self.base_url = base_url
        self._headers = {"X-API-Key": api_key} if api_key else {}

    def request(self, path: str, params: dict[str, str | int], timeout: Timeout = (3.05, 10)) -> httpx2.Response:
        """Send one GET and return the response, unchecked; it carries the means to send the request again.

        Raises:
            TransportError: no answer came.
        """
        limits = httpx2.Timeout(timeout[1], connect=timeout[0])
        try:
            response = _http(self.base_url).get(path, params=params, headers=self._headers, timeout=limits)
        except httpx2.HTTPError as error:
            kind = "took too long to answer" if isinstance(error, httpx2.TimeoutException) else "cannot be reached"
            raise TransportError(
                f"TickDB at {self.base_url} {kind} ({type(error).__name__}): check the network and the proxy, or work "
                "offline with TICKDB_BASE_URL=sandbox.",
                endpoint=path,
                symbol=_symbol_of(params),
                retryable=True,
            ) from None
        response.request.headers.pop("X-API-Key", None)  # printing a response shows no key
        response.extensions["resend"] = lambda: self.request(path, params, timeout)
        response.extensions["asked"] = (path, _symbol_of(params))
        return response

    def get(
        self, path: str, params: dict[str, str | int], *, timeout: Timeout = (3.05, 10), max_retries: int = 3
    ) -> Any:
        """Send one GET, again where that may help, and return the `data` of the answer."""
        logger.info("GET %s %s", path, params)

        def send() -> Response:
            return self.request(path, params, timeout)

        return _until_answered(send, send, max_retries, base_delay=1.0)

    def klines(
        self,
        symbol: str,
        interval: str = "1h",
        limit: int = 100,
        *,
        type: str | None = None,
        timeout: Timeout = (3.05, 10),
    ) -> list[Bar]:
        """Return at most `limit` newest closed bars; `type` ("stock", "indices", ...) settles an ambiguous symbol."""
        check_interval(interval)
        if not 1 <= limit <= PAGE:
            raise BadRequestError(
                f"The limit {limit} is not between 1 and {PAGE}: fetch_bars takes a range of any length.", symbol=symbol
            )
        # One more than wanted, for the newest bar may still be forming.
        page = self._page(symbol, interval, {"limit": min(limit + 1, PAGE)}, type, timeout)
        return _closed(page, interval)[-limit:]

    def bars(
        self, symbol: str, interval: str, start: datetime, stop: datetime, *, type: str | None = None
    ) -> list[Bar]:
        """Return the closed bars with `start` <= open < `stop`, in time order, from as many requests as it takes."""
        check_interval(interval)
        first, now = milliseconds(start), milliseconds(datetime.now(UTC))
        step = 1000 * (INTERVALS[interval] or 28 * 86400)
        found: dict[int, Bar] = {}
        # Neither is it documented which end of an overflowing range is cut, nor promised that the cap stays. So a
        # page that may be full counts as one known block, and the ranges before and after it are asked for, too.
        unknown = [(first, min(milliseconds(stop), now))]
        while unknown:
            low, high = unknown.pop()
            if low >= high or (low > first and high - low < step):
                continue  # between two neighbours there is no bar
            page = self._page(symbol, interval, {"limit": PAGE, "start_time": low, "end_time": high}, type)
            found |= {bar["time"]: bar for bar in page if low <= bar["time"] < high}
            if page and len(page) % 100 == 0 and page[-1]["time"] >= low:
                if page[0]["time"] >= high:
                    raise DecodeError(f"TickDB answers with other times than asked for {symbol}: try again later.")
                unknown += [(low, page[0]["time"]), (page[-1]["time"] + 1, high)]
        return _closed([found[key] for key in sorted(found)], interval)

    def _page(
        self,
        symbol: str,
        interval: str,
        numbers: dict[str, int],
        type: str | None = None,
        timeout: Timeout = (3.05, 10),
    ) -> list[Bar]:
        """Return the bars of one request, those still forming included."""
        params: dict[str, str | int] = {"symbol": _checked(symbol), "interval": interval, **numbers}
        if type is not None:
            params["type"] = type
        return _bars_of(self.get("/v1/market/kline", params, timeout=timeout), symbol)

    def latest_price(self, symbol: str, *, timeout: Timeout = (3.05, 10)) -> float | None:
        """Return the close of the newest minute, forming or not, or None if there is no data."""
        params: dict[str, str | int] = {"symbols": _checked(symbol), "interval": "1m"}
        data = self.get("/v1/market/kline/latest", params, timeout=timeout) or []
        if not isinstance(data, list):
            raise DecodeError(f"TickDB's latest prices for {symbol} are no list: try again later.", symbol=symbol)
        found = [bar for series in data for bar in _bars_of(series, symbol)]
        return float(found[-1]["close"]) if found else None


# Details: settings


def _base_url() -> str:
    """Return the checked `TICKDB_BASE_URL`: `sandbox`, or an address without a slash at its end."""
    url = settings.get("TICKDB_BASE_URL")
    if not url:
        raise ConfigError(
            "TICKDB_BASE_URL is not set: in .env, write TICKDB_BASE_URL=sandbox for synthetic prices, or "
            "TICKDB_BASE_URL=https://api.tickdb.ai and your own key for real ones."
        )
    if url == SANDBOX:
        return url
    try:
        parts = httpx2.URL(url)
        usable = re.fullmatch(r"[\w.:-]+", parts.host) and not (parts.userinfo or parts.query or parts.fragment)
    except httpx2.InvalidURL:
        usable = False
    if not usable or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(url))):
        raise ConfigError(
            "TICKDB_BASE_URL is neither `sandbox` nor an https address (plain http would show your key): in .env, "
            "write TICKDB_BASE_URL=https://api.tickdb.ai or TICKDB_BASE_URL=sandbox."
        )
    return url.rstrip("/")


def _is_loopback(url: str) -> bool:
    return httpx2.URL(url).host in {"127.0.0.1", "::1", "localhost"}


@cache
def _http(base_url: str) -> httpx2.Client:
    """Return the connection pool of an address; that of the sandbox answers inside this process."""
    if base_url != SANDBOX:
        return httpx2.Client(base_url=base_url, trust_env=not _is_loopback(base_url))
    from quant_team_data import sandbox

    def answer(request: httpx2.Request) -> httpx2.Response:
        status, body = sandbox.answer(request.url.path, dict(request.url.params), request.headers)
        return httpx2.Response(status, json=body)

    return httpx2.Client(base_url="http://sandbox", transport=httpx2.MockTransport(answer))


# Details: errors and retries


def _until_answered(send: Send, resend: Send | None, max_retries: int, base_delay: float) -> Any:
    """Return the data of the response that `send` brings, or of the first good one among those of `resend`."""
    attempt = 0
    while True:
        try:
            return _data_of(send())
        except TickDBError as error:
            wait = error.retry_after
            too_long = wait is not None and wait > MAX_WAIT
            if not error.retryable or resend is None or attempt >= max_retries or too_long:
                raise
            if wait is None:
                wait = random.uniform(0, min(base_delay * 2**attempt, MAX_WAIT))  # noqa: S311
            level = logging.WARNING if wait > NOTICEABLE else logging.INFO
            logger.log(level, "%s: trying again in %.1f s", type(error).__name__, wait)
        sleep(wait)
        send = resend
        attempt += 1


def _data_of(response: Response) -> Any:
    """Return the `data` of a response, or raise the error that it means."""
    endpoint, symbol = getattr(response, "extensions", {}).get("asked", ("TickDB", None))
    status = response.status_code
    try:
        body = response.json()
    except ValueError:
        body = None
    wait = _retry_after(response.headers.get("Retry-After"))
    data = body.get("data") if isinstance(body, dict) else None
    if wait is None and isinstance(data, dict) and isinstance(data.get("reset_at"), int | float):
        wait = max(data["reset_at"] - time.time(), 0.0)
    error = error_of(status, body, endpoint=endpoint, symbol=symbol, retry_after=wait)
    if error is not None:
        raise error
    if not isinstance(body, dict) or "data" not in body:
        raise DecodeError(
            f"The answer of {endpoint} is not TickDB's JSON: check TICKDB_BASE_URL in .env, and the proxy.",
            http_status=status,
            endpoint=endpoint,
            symbol=symbol,
        )
    return data


def _retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header (a number or an HTTP date), or None for none or nonsense."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
            seconds = max((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - time.time(), 0.0)
        except (ValueError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


# Details: bars


def _bars_of(data: Any, symbol: str) -> list[Bar]:
    """Return the bars of one series as numbers, in time order, each time once."""
    if data is None:
        return []
    klines = data.get("klines") if isinstance(data, dict) else None
    if not isinstance(klines, list):
        raise DecodeError(f"TickDB's answer for {symbol} has no bars in it: try again later.", symbol=symbol)
    bars = {bar["time"]: bar for bar in (_bar_of(kline, symbol) for kline in klines)}
    return [bars[key] for key in sorted(bars)]


def _bar_of(kline: Any, symbol: str) -> Bar:
    """Return one bar as numbers; TickDB sends prices as strings."""
    when, good = "an unreadable time", False
    try:
        bar: Bar = {"time": int(kline["time"])}
        when = datetime.fromtimestamp(bar["time"] / 1000, UTC).isoformat()
        bar |= {name: float(kline[name]) for name in ("open", "high", "low", "close", "volume")}
        good = all(math.isfinite(value) for value in bar.values()) and bar["high"] >= bar["low"]
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        pass
    if not good:
        raise DecodeError(
            f"The bar of {symbol} at {when} is damaged (a number is missing, or high is below low): report it to "
            "TickDB, or leave that time out.",
            symbol=symbol,
        )
    return bar


def _closed(bars: list[Bar], interval: str) -> list[Bar]:
    """Return the bars whose period is over."""
    now = datetime.now(UTC)
    return [bar for bar in bars if bar_end(datetime.fromtimestamp(bar["time"] / 1000, UTC), interval) <= now]


def _moment(value: date | datetime | str, name: str, whole_day: bool = False) -> datetime:
    """Return a date or datetime as UTC; `whole_day` moves a date to the midnight after it."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
        except ValueError:
            raise BadRequestError(f"The {name} {value!r} is no date: write it as 2024-12-31.") from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadRequestError(
                f"The {name} {value} has no time zone: add tzinfo=datetime.UTC, or pass a date for whole UTC days."
            )
        return value.astimezone(UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) + (DAY if whole_day else 0 * DAY)


def _symbol_of(params: dict[str, str | int]) -> str | None:
    found = params.get("symbol", params.get("symbols"))
    return None if found is None else str(found)


def _checked(symbol: str) -> str:
    """Return a symbol that is one symbol: a comma would ask for two."""
    if not symbol or not symbol.isprintable() or any(mark in symbol for mark in ", "):
        raise BadRequestError(f"{symbol!r} is not one symbol: spell it as in AAPL.US, 700.HK, BTCUSDT.", symbol=symbol)
    return symbol
