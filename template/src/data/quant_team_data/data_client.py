"""Shared TickDB client: everybody imports this module instead of writing their own fetch logic.

`fetch_latest_price`, `fetch_klines`, `fetch_bars` and `fetch_many` are all that research needs;
`TickDBClient` is what they run on. Settings are read at each call: `TICKDB_BASE_URL=sandbox`
answers inside this process with synthetic prices and needs no key; any other address needs
`TICKDB_API_KEY`, which travels in one header and is written nowhere.
"""

from __future__ import annotations

import logging
import math
import operator
import random
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import httpx2
import msgspec

from quant_team_data import errors, limits, markets
from quant_team_data.errors import RateLimitError as RateLimitError
from quant_team_data.errors import TickDBError as TickDBError
from quant_team_data.markets import DAY, INTERVALS, bar_end, canonical, check_interval, milliseconds
from quant_team_utils import settings
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    import polars as pl

    from quant_team_data.cache import Series

SANDBOX = "sandbox"
PAGE = 1000  # bars that TickDB gives at most per request
BATCH = 50  # symbols that it takes at most per request
CONNECTIONS = 16
MAX_WAIT = 120.0  # seconds: a longer Retry-After is raised instead of slept
COLUMNS = ("time", "open", "high", "low", "close", "volume")
KLINE = "/v1/market/kline"
FATAL = (
    errors.AuthError,
    errors.ConfigError,
    errors.QuotaExhaustedError,
)  # no other symbol would do better

logger = logging.getLogger(__name__)
sleep = time.sleep  # the one place that waits after an error; tests replace it

Timeout = tuple[float, float]  # seconds to connect, and to wait for the answer
PATIENCE: Timeout = (3.05, 10)
Bar = dict[str, Any]
Columns = list[list[Any]]  # one list for each of COLUMNS
Adjust = Literal["none", "forward", "backward"]
Day = date | datetime | str
T = TypeVar("T")
R = TypeVar("R")


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
        AuthError: it is unset, the placeholder of `.env.example`, or no possible key (blanks, line
            ends).
    """
    key = settings.get("TICKDB_API_KEY")
    if not key or settings.is_placeholder(key):
        raise errors.AuthError(
            "TICKDB_API_KEY is not set: put your own key into .env, or set TICKDB_BASE_URL=sandbox to work without one."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise errors.AuthError(
            "TICKDB_API_KEY holds characters that no key has: copy it again from the TickDB dashboard."
        )
    return key


def handle_api_response(
    response: Response, max_retries: int = 3, base_delay: float = 1.0, *, resend: Send | None = None
) -> Any:
    """Return the `data` of a TickDB response, sending the request again where that may help.

    A response alone cannot be sent again. The means is `resend`, a function without arguments that
    returns a new response; or the response brings it in `response.extensions["resend"]`, as those
    of `TickDBClient.request` do. Without either, the first error is raised and nobody waits.

    Rate limits, server faults and lost connections are tried again: after the seconds or at the
    date of `Retry-After`, else after a random part of `base_delay` doubled each time (full
    jitter). All else is raised.

    Args:
        response: a response of httpx2 or requests.
        max_retries: how often to send again at most.
        base_delay: seconds; the longest first wait when the service names none.
        resend: sends the same request again.

    Raises:
        TickDBError: the subclass that fits; `RateLimitError` at once if the service wants more
            than `MAX_WAIT` s.
    """
    if resend is None:
        resend = getattr(response, "extensions", {}).get("resend")
    return _until_answered(lambda: response, resend, max_retries, base_delay, _data_of)


def fetch_klines(
    symbol: str, interval: str = "1h", limit: int = 100, timeout: Timeout = PATIENCE
) -> list[dict[str, Any]]:
    """Return the newest closed bars of a symbol, oldest first, each time once.

    Args:
        symbol: TickDB's spelling, such as "AAPL.US", "700.HK", "BTCUSDT".
        interval: one of `quant_team_data.markets.INTERVALS`; 1m is a minute, 1M a month.
        limit: bars to ask for, 1 to 1000; a bar still forming is left out.
        timeout: seconds to connect, and to wait for the answer.

    Returns:
        Dicts of `time` (int, milliseconds UTC, the bar's open) and `open`, `high`, `low`, `close`,
        `volume` (float).

    Raises:
        TickDBError: the subclass that says what to do, see `quant_team_data.errors`.
    """
    return client().klines(symbol, interval, limit, timeout=timeout)


def fetch_latest_price(symbol: str, timeout: Timeout = PATIENCE) -> float | None:
    """Return the latest price of a symbol, in its market's currency, or None if there is no data
    for it.

    Raises:
        TickDBError: the subclass that says what to do; a wrong key or symbol is never None.
    """
    bar = client().latest([symbol], timeout=timeout).complete()[symbol]
    return None if bar is None else float(bar["close"])


# Beyond the article


@dataclass(frozen=True)
class Result(Generic[T]):
    """What came for many symbols: one that failed never loses the others.

    Attributes:
        data: by symbol, as it was asked for.
        errors: why the other symbols have no data.
    """

    data: dict[str, T]
    errors: dict[str, QuantError]

    def complete(self) -> dict[str, T]:
        """Return the data of all symbols, or raise the first error if one is missing."""
        for error in self.errors.values():
            raise error
        return self.data


def fetch_bars(
    symbol: str, interval: str, start: Day, end: Day, *,
    type: str | None = None, adjust: Adjust = "none", offline: bool = False, refresh: bool = False,
) -> pl.DataFrame:  # fmt: skip
    """Return the closed bars of a symbol whose open lies in a range, in time order, each time once.

    What the cache holds is not asked for again. Where the plan gives less than the range, what it
    gives is returned and a warning says so.

    Args:
        symbol: TickDB's spelling.
        interval: one of `quant_team_data.markets.INTERVALS`.
        start: first time, included: a date (00:00 UTC), an aware datetime, or either in ISO format.
        end: a date is included as a whole UTC day, an aware datetime is the first time left out.
        type: "stock", "indices", "crypto", "forex" or "futures", for a symbol that is ambiguous.
        adjust: "forward" or "backward" moves the prices of a stock over splits and dividends,
            computed from the raw bars and the factors that are known today; up to daily bars.
        offline: answer from the cache, or say what is missing.
        refresh: ask for the range again and replace what the cache holds.

    Returns:
        A frame of `time` (Datetime ms UTC, the bar's open), `open`, `high`, `low`, `close`,
        `volume` (Float64).

    Raises:
        BadRequestError: a datetime without a time zone, an unreadable one, or `start` after `end`.
        PlanError: the plan gives nothing of the range, or no factors.
        TickDBError: the subclass that says what to do.
    """
    from quant_team_data import cache

    first, stop = _moment(start, "start"), _moment(end, "end", whole_day=True)
    if first >= stop:
        raise errors.BadRequestError(
            f"The range from {start} to {end} is empty: give a start before the end.", symbol=symbol
        )
    kind = type or markets.market_of(_checked(symbol)).type
    series = cache.Series(source(), kind, canonical(symbol), check_interval(interval))
    if adjust != "none" and (offline or interval in ("1w", "1M")):
        told = f"Adjusted {interval} bars of {symbol!r} take 1d bars or shorter, and TickDB online: pass adjust='none'."
        raise errors.BadRequestError(told, symbol=symbol)
    history = _History(series.symbol, interval, type)
    try:
        bars = cache.read_through(
            series, first, stop, history.fetch, offline=offline, refresh=refresh
        ).bars
    except _ShortError as short:
        told = _shortage(symbol, interval, first, stop, short.since)
        if not first < short.since < stop:
            raise errors.PlanError(told, symbol=symbol, code="3007") from None
        logger.warning(told)
        bars = cache.read_through(series, short.since, stop, history.fetch, refresh=refresh).bars
    if adjust == "none" or series.type != "stock" or bars.is_empty():
        return bars
    tickdb = client()
    rows = tickdb.factors(series.symbol)
    _keep_factors(cache.Series(series.source, cache.FACTORS, series.symbol, adjust), rows)
    return tickdb.adjusted(bars, series.symbol, interval, adjust, rows)


def _keep_factors(series: Series, rows: list[dict[str, Any]]) -> None:
    """Put today's adjustment factors into the cache, for `data.lock`; warn where they are not those agreed on."""
    from quant_team_data import cache, lock

    found = {
        row["timestamp"]: row
        for row in rows
        if row.get("adjust", series.interval) == series.interval
    }
    if not found:
        return
    times, zeros = sorted(found), [0.0] * len(found)
    factors = [[found[time][name] for time in times] for name in ("factor_a", "factor_b")]
    frame = _frame([times, factors[0], zeros, zeros, factors[1], zeros])
    if differing := lock.check(series, frame, cache.load(series), lock.read())[1]:
        logger.warning(lock.difference(differing))
    cache.put(series, frame)


def fetch_many(
    symbols: Iterable[str], interval: str, start: Day, end: Day, **options: Any
) -> Result[pl.DataFrame]:
    """Return what `fetch_bars` returns, for many symbols at once, with its options.

    Raises:
        AuthError: the key is missing, wrong or expired: no symbol would do better.
        QuotaExhaustedError: nor here.
    """
    return _each(symbols, lambda symbol: fetch_bars(symbol, interval, start, end, **options))


def to_pandas(bars: pl.DataFrame) -> Any:
    """Return bars as a pandas frame, indexed by `time` in UTC."""
    import pandas as pd  # type: ignore[import-untyped]

    index = pd.DatetimeIndex(
        bars["time"].dt.replace_time_zone(None).to_numpy(), tz="UTC", name="time"
    )
    return pd.DataFrame({name: bars[name].to_numpy() for name in COLUMNS[1:]}, index=index)


def source() -> Literal["sandbox", "tickdb"]:
    """Return where bars come from: a local address counts as the sandbox, for nothing real is
    served there.

    Raises:
        ConfigError: `TICKDB_BASE_URL` is unset or unusable.
    """
    return "sandbox" if _is_local(_base_url()) else "tickdb"


def notice() -> str | None:
    """Return the line that every command prints when a key is set beside the sandbox, else None."""
    if settings.get("TICKDB_BASE_URL") == SANDBOX and settings.get("TICKDB_API_KEY"):
        return "TICKDB_BASE_URL is sandbox: prices are synthetic, TICKDB_API_KEY is not used."
    return None


def client() -> TickDBClient:
    """Return a client for the settings of this moment; connections are shared by all clients of
    one address.

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
        plan: whose rate is kept, such as "professional"; unless given, TickDB is asked;
            "unlimited" keeps none, and is what an address of this machine gets.
    """

    def __init__(
        self, base_url: str, api_key: str | None = None, *, plan: str | None = None
    ) -> None:
        self.base_url = base_url
        # Behind functions: whatever shows attributes does not show the key.
        self._headers: Callable[[], dict[str, str]] = lambda: (
            {"X-API-Key": api_key} if api_key else {}
        )
        limited = plan != "unlimited" and (plan is not None or not _is_local(base_url))
        self._limiter = limits.limiter(api_key, plan) if api_key and limited else None
        self._ahead = timedelta()  # by how much this machine's clock is ahead of the service's

    def request(
        self,
        path: str,
        params: dict[str, Any],
        timeout: Timeout = PATIENCE,
        *,
        counted: bool = True,
    ) -> httpx2.Response:
        """Send one GET and return the response, unchecked; it carries the means to send the
        request again.

        Raises:
            TransportError: no answer came.
        """
        if self._limiter and counted:
            self._limiter.acquire(self._ask_plan)
        patience = httpx2.Timeout(timeout[1], connect=timeout[0], pool=None)
        headers, response, kind = self._headers(), None, ""
        try:
            response = _http(self.base_url).get(
                path, params=params, headers=headers, timeout=patience
            )
        except httpx2.HTTPError as error:
            kind = (
                "took too long to answer"
                if isinstance(error, httpx2.TimeoutException)
                else "cannot be reached"
            )
            kind += f" ({type(error).__name__})"
        except BaseException as error:
            raise error.with_traceback(None) from None  # the frames below hold the key
        finally:
            headers.clear()
        asked = params.get("symbol", params.get("symbols"))
        if (
            response is None
        ):  # raised out here, the error does not hold on to the request and its key
            raise errors.TransportError(
                f"TickDB at {self.base_url} {kind}: check the network and the proxy, or work offline with "
                "TICKDB_BASE_URL=sandbox.",
                endpoint=path,
                symbol=asked,
                retryable=True,
            )
        response.request.headers.pop("X-API-Key", None)  # printing a response shows no key
        response.extensions |= {
            "resend": lambda: self.request(path, params, timeout),
            "asked": (path, asked),
        }
        if theirs := _http_date(response.headers.get("Date")):
            self._ahead = max(datetime.now(UTC) - theirs, timedelta())
        if self._limiter and response.status_code == 429:
            body = _json(response)
            if errors.code_of(body) in ("3001", "429") and (plan := _facts(body).get("plan")):
                self._limiter.learn(limits.plan_of(plan, _facts(body).get("limit")))
        return response

    def get(
        self, path: str, params: dict[str, Any], *, timeout: Timeout = PATIENCE, max_retries: int = 3,
        read: Callable[[Any], Any] | None = None,
    ) -> Any:  # fmt: skip
        """Send one GET, again where that may help, and return the `data` of the answer, or what
        `read` makes of it.

        A parameter that is None is left out.
        """
        sent = {name: value for name, value in params.items() if value is not None}
        logger.info("GET %s %s", path, sent)

        def send() -> Response:
            return self.request(path, sent, timeout)

        return _until_answered(send, send, max_retries, 1.0, read or _data_of)

    # Bars

    def klines(
        self, symbol: str, interval: str = "1h", limit: int = 100, *,
        type: str | None = None, include_open: bool = False, timeout: Timeout = PATIENCE,
    ) -> list[Bar]:  # fmt: skip
        """Return at most `limit` newest bars, closed ones unless `include_open`; `type` settles an ambiguous symbol."""
        if not 1 <= limit <= PAGE:
            raise errors.BadRequestError(
                f"The limit {limit} is not between 1 and {PAGE}: fetch_bars takes a range of any length.",
                symbol=symbol,
            )
        # One more than wanted, for the newest bar may still be forming.
        page = self._page(symbol, interval, type, timeout, limit=min(limit + 1, PAGE))
        page = page if include_open else self._closed(page, interval)
        return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*page, strict=True)][-limit:]

    def newest(self, symbol: str, interval: str, *, type: str | None = None) -> pl.DataFrame:
        """Return as many of the newest closed bars as one request gives."""
        return _frame(self._closed(self._page(symbol, interval, type, limit=PAGE), interval))

    def frame(
        self, symbol: str, interval: str, start: datetime, stop: datetime, *,
        type: str | None = None, include_open: bool = False,
    ) -> pl.DataFrame:  # fmt: skip
        """Return the bars with `start` <= open < `stop`, in time order, from as many requests as
        it takes.

        `start` and `stop` are aware. The columns are those of `fetch_bars`; only closed bars
        unless `include_open`.
        """
        step = 1000 * (INTERVALS[check_interval(interval)] or 28 * 86400)
        first, last = milliseconds(start), min(milliseconds(stop), milliseconds(datetime.now(UTC)))
        pages: list[Columns] = []
        # Neither is it documented which end of an overflowing range is cut, nor promised that the
        # cap stays. So a page that may be full counts as one known block, and the ranges before
        # and after it are asked for, too.
        unknown = [(first, last)]
        with limits.progress(f"{symbol} {interval}", last - first) as advance:
            while unknown:
                low, high = unknown.pop()
                if low >= high or (low > first and high - low < step):
                    continue  # between two neighbours there is no bar
                page = self._page(symbol, interval, type, limit=PAGE, start_time=low, end_time=high)
                times = page[0]
                begin, end = bisect_left(times, low), bisect_left(times, high)
                if begin < end:
                    pages.append([column[begin:end] for column in page])
                if times and len(times) % 100 == 0 and times[-1] >= low:
                    if times[0] >= high:
                        raise _damaged("its times, which are not those asked for", symbol)
                    unknown += [(low, times[0]), (times[-1] + 1, high)]
                advance(times[end - 1] - times[begin] if begin < end else high - low)
        pages.sort()
        whole = [
            list(chain.from_iterable(page[number] for page in pages))
            for number in range(len(COLUMNS))
        ]
        return _frame(whole if include_open else self._closed(whole, interval))

    def frames(
        self, symbols: Iterable[str], interval: str, start: datetime, stop: datetime
    ) -> Result[pl.DataFrame]:
        """Return what `frame` returns, for many symbols, over several connections."""
        return _each(symbols, lambda symbol: self.frame(symbol, interval, start, stop))

    def _page(
        self,
        symbol: str,
        interval: str,
        type: str | None,
        timeout: Timeout = PATIENCE,
        **numbers: int,
    ) -> Columns:
        """Return the bars of one request, those still forming included."""
        params = {
            "symbol": _checked(symbol),
            "interval": check_interval(interval),
            **numbers,
            "type": type,
        }
        found: Columns = self.get(
            KLINE, params, timeout=timeout, read=lambda response: _columns(response, symbol)
        )
        return found

    def _closed(self, columns: Columns, interval: str) -> Columns:
        """Return the bars whose period is over, by the service's clock if this machine's is ahead."""
        now, count = datetime.now(UTC) - self._ahead, len(columns[0])
        while (
            count
            and bar_end(datetime.fromtimestamp(columns[0][count - 1] / 1000, UTC), interval) > now
        ):
            count -= 1
        return [column[:count] for column in columns]

    def adjusted(
        self,
        bars: pl.DataFrame,
        symbol: str,
        interval: str,
        adjust: Adjust,
        rows: list[dict[str, Any]] | None = None,
    ) -> pl.DataFrame:
        """Return bars of a stock with prices moved over splits and dividends, by `rows` of
        `factors`, else asked for.

        An event counts for the bars before it ("forward") or from it on ("backward"), the nearest
        first. How factors are meant to be chained is not documented, so one bar is compared with
        the service's own adjusted one.

        Raises:
            PlanError: the plan gives no factors.
            DecodeError: the service's own bar differs.
        """
        import polars as pl

        forward, half = adjust == "forward", timedelta(hours=12)
        rows = self.factors(symbol) if rows is None else rows
        found = [row for row in rows if row.get("adjust", adjust) == adjust]
        if not rows:
            return bars
        raw = pl.col(COLUMNS[1:5])
        bar = (pl.col("time") + half).dt.truncate("1d") if interval == "1d" else pl.col("time")
        for row in sorted(found, key=itemgetter("timestamp"), reverse=not forward):
            # An event carries midnight somewhere on earth: it counts from the nearest midnight UTC
            # on.
            event = datetime.fromtimestamp(row["timestamp"] / 1000, UTC) + half
            event = event.replace(hour=0, minute=0, second=0, microsecond=0)
            moved = pl.when(bar < event if forward else bar >= event).then(
                raw * row["factor_a"] + row["factor_b"]
            )
            bars = bars.with_columns(moved.otherwise(raw))
        mine = bars.row(0 if forward else -1, named=True)
        at, same = (
            milliseconds(mine["time"]),
            {"symbol": symbol, "interval": interval, "type": "stock"},
        )
        asked = same | {"adjust": adjust, "limit": 2, "start_time": at, "end_time": at + 1}
        theirs = {one["time"]: one["close"] for one in _bars_of(self.get(KLINE, asked), symbol)}
        if not found or not math.isclose(
            theirs.get(at, mine["close"]), mine["close"], rel_tol=1e-3, abs_tol=0.01
        ):
            raise _damaged("its adjustment factors, for its own adjusted prices differ", symbol)
        return bars

    def factors(self, symbol: str) -> list[dict[str, Any]]:
        """Return the adjustment factors of a stock: `timestamp` (ms UTC), `adjust`, `factor_a`,
        `factor_b`.

        A price becomes price * `factor_a` + `factor_b`.

        Raises:
            PlanError: the plan gives none.
        """
        try:
            data = self.get(KLINE + "/ex-factors", {"symbols": _checked(symbol), "type": "stock"})
        except errors.PlanError as error:
            told = f"The plan of this API key gives no adjustment factors for {symbol!r}: pass adjust='none' instead."
            raise errors.PlanError(
                told, code=error.code, http_status=error.http_status, symbol=symbol
            ) from None
        with _shaped(symbol):
            return [
                _plain(row, "timestamp", "factor_a", "factor_b")
                for row in data["data"].get(symbol, [])
            ]

    # Prices now

    def latest(
        self,
        symbols: Iterable[str],
        interval: str = "1m",
        *,
        type: str | None = None,
        timeout: Timeout = PATIENCE,
    ) -> Result[Bar | None]:
        """Return the newest bar of each symbol, forming or not, or None where there is no data."""
        params = {"interval": check_interval(interval), "type": type}

        def read(series: Any, symbol: str) -> Bar | None:
            bars = _bars_of(series, symbol)
            return bars[-1] if bars else None

        return self._batch(KLINE + "/latest", symbols, params, read, timeout)

    def ticker(self, symbols: Iterable[str], *, type: str | None = None) -> Result[dict[str, Any]]:
        """Return the quote of each symbol in TickDB's names: `last_price`, `bid_price`,
        `volume_24h`, ...

        Numbers are floats, None where there is none; `timestamp` is in ms UTC. For stocks, "24h"
        means the session.
        """

        def read(quote: Any, symbol: str) -> dict[str, Any]:
            if quote is None:
                raise errors.SymbolNotFoundError(
                    f"TickDB has no quote of {symbol!r}: check it.", symbol=symbol
                )
            return _plain(quote, "last_price", "timestamp")

        return self._batch("/v1/market/ticker", symbols, {"type": type}, read)

    def depth(self, symbol: str, *, type: str | None = None) -> dict[str, Any]:
        """Return the order book: `bids` from the highest, `asks` from the lowest, [price, size] each, `timestamp`."""
        book = self.get("/v1/market/depth", {"symbol": _checked(symbol), "type": type})
        with _shaped(symbol):
            sides = {
                side: [[_finite(price), _finite(size)] for price, size in book[side]]
                for side in ("bids", "asks")
            }
            return _plain(book, "timestamp") | sides

    def trades(
        self, symbol: str, limit: int = 100, *, type: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest trades, oldest first: `timestamp` (ms UTC), `price`, `quantity`,
        `side`, `id`.

        Two trades may have the same `id`.
        """
        data = self.get(
            "/v1/market/trades", {"symbol": _checked(symbol), "limit": limit, "type": type}
        )
        with _shaped(symbol):
            trades = [_plain(trade, "timestamp", "price", "quantity") for trade in data["trades"]]
            return sorted(trades, key=itemgetter("timestamp"))

    def _batch(
        self, path: str, symbols: Iterable[str], params: dict[str, Any], read: Callable[[Any, str], R],
        timeout: Timeout = PATIENCE,
    ) -> Result[R]:  # fmt: skip
        """Ask for 50 symbols at a time; a batch that is refused for one of them is halved until that one is alone."""
        asked = list(dict.fromkeys(symbols))
        parts = [asked[at : at + BATCH] for at in range(0, len(asked), BATCH)]
        data: dict[str, R] = {}
        failed: dict[str, QuantError] = {}
        while parts:
            part = parts.pop()
            try:
                wanted = {"symbols": ",".join(map(_checked, part)), **params}
                items = self.get(path, wanted, timeout=timeout) or []
                with _shaped(
                    wanted["symbols"]
                ):  # the service repeats the spelling of the request, or its own
                    given = {canonical(item["symbol"]): item for item in items}
            except FATAL:
                raise
            except TickDBError as error:
                if len(part) > 1 and error.code in errors.OF_ONE_SYMBOL:
                    parts += [part[: len(part) // 2], part[len(part) // 2 :]]
                else:
                    failed |= dict.fromkeys(part, error)
                continue
            for symbol in part:
                try:
                    with _shaped(symbol):
                        data[symbol] = read(given.get(canonical(symbol)), symbol)
                except (errors.SymbolNotFoundError, errors.DecodeError) as error:
                    failed[symbol] = error
        return _in_order(asked, data, failed)

    # What there is

    def symbols(
        self, *, type: str | None = None, market: str | None = None
    ) -> list[dict[str, Any]]:
        """Return all symbols, each once, in TickDB's fields; `market` is US, HK, CN or GLOBAL."""
        found: dict[str, dict[str, Any]] = {}
        offset, total = 0, 1
        with limits.progress("symbols", 100) as advance:
            while offset < total:
                params = {"type": type, "market": market, "limit": PAGE, "offset": offset}
                page = self.get("/v1/symbols/available", params)
                with _shaped("all symbols"):
                    products, total = page["products"], int(page["pagination"]["total"])
                    new = {product["symbol"]: product for product in products}
                if new.keys() <= found.keys():
                    break  # nothing came, or the same again
                found |= new
                offset += len(products)
                advance(100 * len(products) // total)
        return list(found.values())

    def intervals(self) -> list[str]:
        """Return the bar intervals that TickDB has."""
        found = self.get("/v1/market/intervals/kline", {})
        with _shaped("all intervals"):
            return list(found["intervals"])

    def trading_days(self, market: str, start: date, end: date) -> dict[date, bool]:
        """Return the trading days of US, HK or CN, both ends included, and whether each is a half
        day.

        TickDB knows a year back; `quant_team_data.markets.sessions` knows more, with the hours.
        """
        days: dict[date, bool] = {}
        while start <= end:
            last = min(end, start + 30 * DAY)  # 31 days a query
            params = {"market": market, "beg_day": f"{start:%Y%m%d}", "end_day": f"{last:%Y%m%d}"}
            found = self.get("/v1/market/trade-days", params)
            with _shaped(market):
                for name in ("trade_days", "half_trade_days"):
                    days |= {
                        date.fromisoformat(day): name == "half_trade_days" for day in found[name]
                    }
            start = last + DAY
        return dict(sorted(days.items()))

    def trading_sessions(self, market: str | None = None) -> list[dict[str, Any]]:
        """Return the hours of US, HK or CN, or of all, in TickDB's fields: `begin_time` 930 is half past nine there."""
        return list(self.get("/v1/market/trading-sessions", {"market": market}))

    # The key

    def key_status(self) -> dict[str, Any]:
        """Return what TickDB says about the key in use: `name`, `plan`, `status`, `expires_at`, `remaining_seconds`."""
        return self._own(self.get("/v1/apikeys/subscriptions", {}))

    def plan(self) -> limits.Plan:
        """Return the plan of the key as far as it is known: told by TickDB, else Free."""
        known = self._limiter.plan if self._limiter and self._limiter.known else None
        return known or self._ask_plan() or limits.FREE

    def _ask_plan(self) -> limits.Plan | None:
        """Return the plan that key status tells, or None if it does not; not counted, for this is why one waits."""
        try:
            status = self._own(
                _data_of(self.request("/v1/apikeys/subscriptions", {}, counted=False))
            )
        except TickDBError as error:
            logger.info("the plan of the key is not known: %s", error)
            return None
        return limits.plan_of(status.get("plan"))

    def _own(self, data: Any) -> dict[str, Any]:
        """Return this key's entry of a key status, without the key's first letters."""
        mine = self._headers().get("X-API-Key", "")
        with _shaped("the key status"):
            keys = data["api_keys"]
            own = [
                key
                for key in keys
                if mine.startswith(str(key.get("key_prefix") or "?").rstrip(".*"))
            ]
            return {name: value for name, value in (own or keys)[0].items() if name != "key_prefix"}


# Details: settings
def _base_url() -> str:
    """Return the checked `TICKDB_BASE_URL`: `sandbox`, or an address without a slash at its end."""
    url = settings.get("TICKDB_BASE_URL")
    if not url:
        raise errors.ConfigError(
            "TICKDB_BASE_URL is not set: in .env, write TICKDB_BASE_URL=sandbox for synthetic prices, or "
            "TICKDB_BASE_URL=https://api.tickdb.ai and your own key for real ones."
        )
    if url == SANDBOX:
        return url
    try:
        parts = httpx2.URL(url)
        usable = re.fullmatch(r"[\w.:-]+", parts.host) and not (
            parts.userinfo or parts.query or parts.fragment
        )
    except httpx2.InvalidURL:
        usable = False
    if not usable or not (parts.scheme == "https" or (parts.scheme == "http" and _is_local(url))):
        raise errors.ConfigError(
            "TICKDB_BASE_URL is neither `sandbox` nor an https address (plain http would show your key): in .env, "
            "write TICKDB_BASE_URL=https://api.tickdb.ai or TICKDB_BASE_URL=sandbox."
        )
    return url.rstrip("/")


def _is_local(url: str) -> bool:
    return url == SANDBOX or httpx2.URL(url).host in {"127.0.0.1", "::1", "localhost"}


@cache
def _http(base_url: str) -> httpx2.Client:
    """Return the connection pool of an address; that of the sandbox answers inside this process."""
    if base_url != SANDBOX:
        pool = httpx2.Limits(max_connections=2 * CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        return httpx2.Client(base_url=base_url, limits=pool, trust_env=not _is_local(base_url))
    from quant_team_data import sandbox

    def answer(request: httpx2.Request) -> httpx2.Response:
        status, body = sandbox.answer(request.url.path, dict(request.url.params), request.headers)
        return httpx2.Response(status, json=body)

    return httpx2.Client(base_url="http://sandbox", transport=httpx2.MockTransport(answer))


# Details: plans


class _ShortError(Exception):
    """The plan gives bars from `since` on only."""

    def __init__(self, since: datetime) -> None:
        super().__init__(since)
        self.since = since


class _History:
    """Fetches for the cache: a range in full, or says from when on the plan gives it."""

    def __init__(self, symbol: str, interval: str, type: str | None) -> None:
        self.symbol, self.interval, self.type = symbol, interval, type
        self._newest: pl.DataFrame | None = None  # all that a plan without ranges gives

    def fetch(self, low: datetime, high: datetime) -> pl.DataFrame:
        tickdb = client()
        if self._newest is None:
            try:
                return tickdb.frame(self.symbol, self.interval, low, high, type=self.type)
            except errors.PlanError as error:
                if error.code == "3007":  # no history that old
                    raise _ShortError(datetime.now(UTC) - (tickdb.plan().days - 1) * DAY) from None
                if error.code != "3008":  # no ranges
                    raise
            self._newest = tickdb.newest(self.symbol, self.interval, type=self.type)
        times = self._newest["time"]
        if times.is_empty() or times[0] > low:
            raise _ShortError(high if times.is_empty() else times[0])
        return self._newest.filter((times >= low) & (times < high))


def _shortage(symbol: str, interval: str, first: datetime, stop: datetime, since: datetime) -> str:
    """Return what the plan gives, what is delivered, and what the asked range would need."""
    plan, age = client().plan(), (datetime.now(UTC) - first).days
    fits = next(
        (one for one in limits.PLANS.values() if one.ranges and one.days >= age),
        limits.PLANS["enterprise"],
    )
    try:
        days = markets.sessions(
            markets.market_of(symbol), first.date(), min(stop, datetime.now(UTC)).date()
        )
        calls = -(-sum(len(markets.bar_opens(day, interval)) for day in days) // PAGE)
    except QuantError:  # an ambiguous symbol
        calls = 1 + (stop - first) // timedelta(seconds=PAGE * (INTERVALS[interval] or 28 * 86400))
    given = f"those from {since:%Y-%m-%d %H:%M} UTC on" if first < since < stop else "none"
    return (
        f"The plan of this API key ({plan.name}) has {interval} bars of {symbol!r} from {since:%Y-%m-%d} on: of "
        f"{first:%Y-%m-%d} to {stop:%Y-%m-%d} you get {given}; all takes the plan {fits.name} and about {calls} "
        f"requests ({max(1, round(calls / fits.rate))} min), so ask for a later range or change the plan."
    )


# Details: many symbols


def _each(symbols: Iterable[str], work: Callable[[str], R]) -> Result[R]:
    """Do the work for all symbols in threads."""
    asked = list(dict.fromkeys(symbols))
    data: dict[str, R] = {}
    failed: dict[str, QuantError] = {}
    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        with limits.progress(f"{len(asked)} symbols", len(asked)) as advance:
            running = {pool.submit(work, symbol): symbol for symbol in asked}
            for done in as_completed(running):
                try:
                    data[running[done]] = done.result()
                except FATAL:
                    raise
                except QuantError as error:
                    failed[running[done]] = error
                advance(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return _in_order(asked, data, failed)


def _in_order(asked: list[str], data: dict[str, R], failed: dict[str, QuantError]) -> Result[R]:
    return Result(
        {name: data[name] for name in asked if name in data},
        {n: failed[n] for n in asked if n in failed},
    )


# Details: errors and retries


def _until_answered(
    send: Send, resend: Send | None, max_retries: int, base_delay: float, read: Callable[[Any], R]
) -> R:
    """Return what `read` makes of the response of `send`, or of the first good one among those of `resend`."""
    attempt = 0
    while True:
        try:
            return read(send())
        except TickDBError as error:
            wait = error.retry_after
            too_long = wait is not None and wait > MAX_WAIT
            if not error.retryable or resend is None or attempt >= max_retries or too_long:
                raise
            if wait is None:
                wait = random.uniform(0, min(base_delay * 2**attempt, MAX_WAIT))  # noqa: S311
            level = logging.WARNING if wait > limits.NOTICEABLE else logging.INFO
            logger.log(level, "%s: trying again in %.1f s", type(error).__name__, wait)
        sleep(wait)
        send = resend
        attempt += 1


def _data_of(response: Response) -> Any:
    """Return the `data` of a response, or raise the error that it means."""
    endpoint, symbol = getattr(response, "extensions", {}).get("asked", ("TickDB", None))
    status, body = response.status_code, _json(response)
    wait, reset = _retry_after(response.headers.get("Retry-After")), _facts(body).get("reset_at")
    if wait is None and isinstance(reset, int | float):
        wait = max(_stamp(reset) / 1000 - time.time(), 0.0)
    error = errors.error_of(status, body, endpoint=endpoint, symbol=symbol, retry_after=wait)
    if error is not None:
        del body  # a service may repeat the key in it, and a debugger show it
        raise error
    if not isinstance(body, dict) or "data" not in body:
        raise errors.DecodeError(
            f"The answer of {endpoint} is not TickDB's JSON: check TICKDB_BASE_URL in .env, and the proxy.",
            http_status=status,
            endpoint=endpoint,
            symbol=symbol,
        )
    return body["data"]


def _json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _facts(body: Any) -> dict[str, Any]:
    """Return the facts of an error: they stand in `data`, in older answers beside the code."""
    data = body.get("data", body) if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}


def _retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header (a number or an HTTP date), or None for none or nonsense."""
    try:
        seconds = float(text or "nan")
    except ValueError:
        when = _http_date(text)
        seconds = max(when.timestamp() - time.time(), 0.0) if when else math.nan
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _http_date(text: str | None) -> datetime | None:
    try:
        when = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


# Details: decoding


class _Kline(msgspec.Struct, gc=False):
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class _Klines(msgspec.Struct):
    klines: list[_Kline]


class _Answer(msgspec.Struct):
    code: int | str
    data: _Klines | None


_DECODER = msgspec.json.Decoder(_Answer, strict=False)  # numbers come as text, or as numbers


def _columns(response: Any, symbol: str) -> Columns:
    """Return the bars of one answer, in time order, each time once; what is not plain goes the slow way."""
    try:
        answer = _DECODER.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        answer = None
    if answer and answer.code in (0, "0") and response.status_code == 200:
        klines = answer.data.klines if answer.data else []
        # Attributes by name: half the time of attrgetter.
        columns: Columns = [
            [bar.time for bar in klines],
            [bar.open for bar in klines],
            [bar.high for bar in klines],
            [bar.low for bar in klines],
            [bar.close for bar in klines],
            [bar.volume for bar in klines],
        ]
        times, _, high, low, *_ = columns
        ordered = all(map(operator.lt, times, times[1:]))
        if ordered and all(map(operator.ge, high, low)) and math.isfinite(sum(map(sum, columns))):
            return columns
    bars = _bars_of(_data_of(response), symbol)
    return [[bar[name] for bar in bars] for name in COLUMNS]


def _frame(columns: Columns) -> pl.DataFrame:
    import polars as pl  # slow

    schema: dict[str, Any] = {"time": pl.Int64} | dict.fromkeys(COLUMNS[1:], pl.Float64)
    return pl.DataFrame(columns, schema, orient="col").with_columns(
        pl.col("time").cast(pl.Datetime("ms", "UTC"))
    )


def _bars_of(data: Any, symbol: str) -> list[Bar]:
    """Return the bars of one series as numbers, in time order, each time once."""
    if data is None:
        return []
    klines = data.get("klines") if isinstance(data, dict) else None
    if not isinstance(klines, list):
        raise errors.DecodeError(
            f"TickDB's answer for {symbol} has no bars in it: try again later.", symbol=symbol
        )
    bars = {bar["time"]: bar for bar in (_bar_of(kline, symbol) for kline in klines)}
    return [bars[key] for key in sorted(bars)]


def _bar_of(kline: Any, symbol: str) -> Bar:
    """Return one bar as numbers; TickDB sends prices as strings."""
    when, good = "an unreadable time", False
    try:
        bar: Bar = {"time": int(kline["time"])}
        when = datetime.fromtimestamp(bar["time"] / 1000, UTC).isoformat()
        bar |= {name: float(kline[name]) for name in COLUMNS[1:]}
        good = all(map(math.isfinite, bar.values())) and bar["high"] >= bar["low"]
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        pass
    if not good:
        raise _damaged(
            f"the bar of {symbol} at {when} (a number is missing, or high is below low)", symbol
        )
    return bar


def _plain(record: dict[str, Any], *needed: str) -> dict[str, Any]:
    """Return a record with its numbers as floats: text is read, what is no number is None, seconds
    are milliseconds.

    Raises:
        ValueError: a number that is needed is missing.
    """
    plain = {name: value if name in _TEXTS else _number(value) for name, value in record.items()}
    if plain.get("timestamp") is not None:
        plain["timestamp"] = _stamp(plain["timestamp"])
    if any(plain[name] is None for name in needed):
        raise ValueError(needed)
    return plain


_TEXTS = {"symbol", "name", "type", "id", "side", "position_effect", "adjust"}


def _number(value: Any) -> Any:
    try:
        return _finite(value) if isinstance(value, str | int | float) else value
    except ValueError:
        return None


def _finite(value: Any) -> float:
    if not math.isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _stamp(value: float) -> int:
    """Return a time in milliseconds; a few endpoints send seconds."""
    return int(value * 1000 if abs(value) < 10**11 else value)


@contextmanager
def _shaped(what: str) -> Iterator[None]:
    """Turn what goes wrong with an answer of another shape into the one error for it."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError):
        raise _damaged("a field that is missing or no number", what) from None


def _damaged(what: str, symbol: str) -> errors.DecodeError:
    told = (
        f"TickDB's answer for {symbol} is damaged in {what}: report it to TickDB, or leave it out."
    )
    return errors.DecodeError(told, symbol=symbol)


def _moment(value: date | datetime | str, name: str, whole_day: bool = False) -> datetime:
    """Return a date or datetime as UTC; `whole_day` moves a date to the midnight after it."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
        except ValueError:
            raise errors.BadRequestError(
                f"The {name} {value!r} is no date: write it as 2024-12-31."
            ) from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise errors.BadRequestError(
                f"The {name} {value} has no time zone: add tzinfo=datetime.UTC, or pass a date for whole UTC days."
            )
        return value.astimezone(UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) + (
        DAY if whole_day else 0 * DAY
    )


def _checked(symbol: str) -> str:
    """Return a symbol that is one symbol: a comma would ask for two."""
    if not symbol or not symbol.isprintable() or any(mark in symbol for mark in ", "):
        raise errors.BadRequestError(
            f"{symbol!r} is not one symbol: spell it as in AAPL.US, 700.HK, BTCUSDT.",
            symbol=symbol,
            code="2005",
        )
    return symbol
