"""Shared TickDB client: everybody imports this module instead of writing their own fetch logic.

`fetch_latest_price`, `fetch_klines`, `fetch_bars` and `fetch_many` are all that research needs;
`TickDBClient` is what they run on. Settings are read at each call: `TICKDB_BASE_URL=sandbox`
answers inside this process with synthetic prices and needs no key; any other address needs
`TICKDB_API_KEY`, which travels in one header and is written nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from quant_team_data import factors, history
from quant_team_data.clients import client, source, using
from quant_team_data.errors import RateLimitError, TickDBError
from quant_team_data.factors import Adjust
from quant_team_data.frames import VALUES
from quant_team_data.history import Day
from quant_team_data.limits import Sleep
from quant_team_data.many import Result, each
from quant_team_data.pages import PAGE
from quant_team_data.retries import AnyResponse, data_of, until_answered
from quant_team_data.tickdb import TickDBClient
from quant_team_data.transport import PATIENCE, SANDBOX, Timeout, get_api_key
from quant_team_utils import settings

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "PAGE",
    "RateLimitError",
    "Result",
    "TickDBClient",
    "TickDBError",
    "client",
    "fetch_bars",
    "fetch_klines",
    "fetch_latest_price",
    "fetch_many",
    "get_api_key",
    "handle_api_response",
    "notice",
    "source",
    "to_pandas",
    "using",
]


class Options(TypedDict, total=False):
    """The options of `fetch_bars`, which `fetch_many` takes as well."""

    type: str | None
    adjust: Adjust
    offline: bool
    refresh: bool


def handle_api_response(
    response: AnyResponse,
    max_retries: int = 3,
    base_delay: float = 1.0,
    *,
    resend: Callable[[], AnyResponse] | None = None,
    sleep: Sleep = time.sleep,
) -> Any:
    """Return the `data` of a TickDB response, sending the request again where that may help.

    A response alone cannot be sent again. The means is `resend`, a function without arguments that
    returns a new response; or the response brings it in its attribute `resend`, as those of
    `TickDBClient.request` do. Without either, the first error is raised at once.

    Rate limits, faults of the service and lost connections are tried again: after the seconds or
    at the date of `Retry-After`, else after a random part of `base_delay`, doubled each time (full
    jitter). All else is raised.

    Args:
        response: a response of httpx2 or requests.
        max_retries: how often to send again at most.
        base_delay: seconds; the longest first wait if the service names none.
        resend: sends the same request again.
        sleep: waits for seconds.

    Raises:
        TickDBError: the subclass that fits; `RateLimitError` at once if the service asks for more
            than 120 seconds.
    """
    if resend is None:
        resend = getattr(response, "resend", None)
    return until_answered(
        lambda: response,
        resend,
        data_of,
        max_retries=max_retries,
        base_delay=base_delay,
        sleep=sleep,
    )


def fetch_klines(
    symbol: str, interval: str = "1h", limit: int = 100, timeout: Timeout = PATIENCE
) -> list[dict[str, Any]]:
    """Return the newest closed bars of a symbol, oldest first, each time once.

    Args:
        symbol: TickDB's spelling, such as "AAPL.US", "700.HK", "BTCUSDT".
        interval: one of `quant_team_data.markets.INTERVALS`; 1m is a minute, 1M a month.
        limit: bars to request, 1 to 1000; a bar still forming is left out.
        timeout: seconds to connect, and to wait for the response.

    Returns:
        Dicts of `time` (int, milliseconds UTC, the bar's open) and `open`, `high`, `low`, `close`,
        `volume` (float).

    Raises:
        TickDBError: the subclass that says what to do, see `quant_team_data.errors`.
    """
    bars = client().klines(symbol, interval, limit, timeout=timeout)
    return [bar.to_dict() for bar in bars]


def fetch_latest_price(symbol: str, timeout: Timeout = PATIENCE) -> float | None:
    """Return the latest price of a symbol, in its market's currency, or None if it has no data.

    Args:
        symbol: TickDB's spelling.
        timeout: seconds to connect, and to wait for the response.

    Raises:
        TickDBError: the subclass that says what to do; a wrong key or symbol is never None.
    """
    bar = client().latest([symbol], timeout=timeout).complete()[symbol]
    return None if bar is None else bar.close


def fetch_bars(
    symbol: str,
    interval: str,
    start: Day,
    end: Day,
    *,
    type: str | None = None,
    adjust: Adjust = "none",
    offline: bool = False,
    refresh: bool = False,
) -> pl.DataFrame:
    """Return the closed bars of a symbol whose open is in a range, in time order, each time once.

    Cached bars are not fetched again. Where the plan covers less than the range, what it covers is
    returned and a warning says so.

    Args:
        symbol: TickDB's spelling.
        interval: one of `quant_team_data.markets.INTERVALS`.
        start: first time, included: a date (00:00 UTC), an aware datetime, or either in ISO format.
        end: a date is included as a whole UTC day, an aware datetime is the first time left out.
        type: asset class ("stock", "indices", "crypto", "forex" or "futures"), for a symbol that
            is ambiguous.
        adjust: "forward" or "backward" moves the prices of a stock over splits and dividends,
            computed from the raw bars and the factors that are known today; up to daily bars.
        offline: use the cache only; fail if bars are missing.
        refresh: fetch the range again and replace what the cache holds.

    Returns:
        A frame of `time` (Datetime ms UTC, the bar's open), `open`, `high`, `low`, `close`,
        `volume` (Float64).

    Raises:
        BadRequestError: a datetime without a time zone, an unreadable one, or `start` after `end`.
        PlanError: the plan covers nothing of the range, or no factors.
        TickDBError: the subclass that says what to do.
    """
    asked = history.span_of(start, end)
    series = history.series_of(symbol, interval, type)
    factors.check(series, adjust, offline)
    bars = history.read(
        series,
        asked.first,
        asked.stop,
        offline=offline,
        refresh=refresh,
    ).bars
    if adjust == "none" or series.type != "stock" or bars.is_empty():
        return bars
    return factors.adjusted(bars, series, adjust, client())


def fetch_many(
    symbols: Iterable[str], interval: str, start: Day, end: Day, **options: Unpack[Options]
) -> Result[pl.DataFrame]:
    """Return what `fetch_bars` returns, for many symbols at once.

    Args:
        symbols: TickDB's spelling of each.
        interval: as for `fetch_bars`.
        start: as for `fetch_bars`.
        end: as for `fetch_bars`.
        options: `type`, `adjust`, `offline`, `refresh`, as for `fetch_bars`.

    Raises:
        AuthError: the key is missing, wrong or expired: no symbol would do better.
        ConfigError: nor here.
        QuotaExhaustedError: nor here.
    """
    return each(symbols, lambda symbol: fetch_bars(symbol, interval, start, end, **options))


def to_pandas(bars: pl.DataFrame) -> Any:
    """Return bars as a pandas frame.

    Args:
        bars: as `fetch_bars` returns them.

    Returns:
        A frame of `open`, `high`, `low`, `close`, `volume` (float64), indexed by `time` (a
        DatetimeIndex in UTC).
    """
    import pandas as pd  # type: ignore[import-untyped]

    times = bars["time"].dt.replace_time_zone(None).to_numpy()
    index = pd.DatetimeIndex(times, tz="UTC", name="time")
    columns = {name: bars[name].to_numpy() for name in VALUES}
    return pd.DataFrame(columns, index=index)


def notice() -> str | None:
    """Return the line that every command prints when a key is set beside the sandbox, else None."""
    if settings.get("TICKDB_BASE_URL") == SANDBOX and settings.get("TICKDB_API_KEY"):
        return "TICKDB_BASE_URL is sandbox: prices are synthetic, TICKDB_API_KEY is not used."
    return None
