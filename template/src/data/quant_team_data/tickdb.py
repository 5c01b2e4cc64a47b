"""TickDB, an endpoint a method: pages, batches, typed messages."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Literal

import msgspec
import polars as pl

from quant_team_data import (
    answers,
    clock_skew,
    complete,
    errors,
    frames,
    keys,
    klines,
    limits,
    messages,
    pages,
    reference,
    retries,
)
from quant_team_data.answers import TypedCaller
from quant_team_data.klines import Asked
from quant_team_data.limits import Clock, Sleep, utc_now
from quant_team_data.many import Result, each
from quant_team_data.markets import check_interval, milliseconds
from quant_team_data.messages import Bar, Depth, Factor, Klines, Product, Ticker, Trade
from quant_team_data.pages import KLINE, PAGE
from quant_team_data.proof import Found
from quant_team_data.retries import Jitter
from quant_team_data.transport import (
    PATIENCE,
    SANDBOX,
    Response,
    Timeout,
    Transport,
    is_local,
)

FEW = 10  # bars that hold one and its neighbours


class TickDBClient:
    """The calls of the TickDB protocol that this project uses; safe to share between threads.

    Every method raises the TickDBError that says what to do, see `quant_team_data.errors`.

    Args:
        base_url: `sandbox`, or an address such as "https://api.tickdb.ai".
        api_key: sent as the header `X-API-Key`; the sandbox inside the process needs none.
        plan: whose rate is kept, such as "professional"; default: TickDB is asked. "unlimited"
            keeps none; that is the default for an address of this machine.
        limiter: keeps the rate in place of the one that all clients of this key share.
        transport: the way to the service and back, in place of HTTP or the sandbox.
        clock: returns the time, aware; for a bar still forming, and for the sandbox.
        sleep: waits for seconds before a request is sent again.
        jitter: picks such a wait between two numbers of seconds.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        plan: str | None = None,
        limiter: limits.Limiter | None = None,
        transport: Transport | None = None,
        clock: Clock = utc_now,
        sleep: Sleep = time.sleep,
        jitter: Jitter = random.uniform,
    ) -> None:
        self.base_url = base_url
        self.clock = clock
        limited = plan != "unlimited" and (plan is not None or not is_local(base_url))
        if limiter is None and api_key and limited:
            limiter = limits.limiter(api_key, plan)
        self._limiter = limiter
        self._caller = TypedCaller(
            base_url,
            api_key,
            limiter=limiter,
            transport=transport,
            clock=clock,
            sleep=sleep,
            jitter=jitter,
            ask_plan=self._ask_plan,
        )

    @property
    def source(self) -> Literal["sandbox", "tickdb"]:
        """Where its bars come from: nothing real is served on this machine."""
        return "sandbox" if is_local(self.base_url) else "tickdb"

    def require_source(self) -> None:
        """Refuse to take the last answer for the sandbox's if another local server gave it.

        Raises:
            ConfigError: it did.
        """
        if self.source == SANDBOX and self.base_url != SANDBOX:
            self._caller.require_sandbox()

    @property
    def is_limited(self) -> bool:
        """Whether it keeps the rate of a plan."""
        return self._limiter is not None

    def request(
        self,
        path: str,
        params: Mapping[str, Any],
        timeout: Timeout = PATIENCE,
    ) -> Response:
        """Send one GET and return the response, unchecked; it carries the means to send it again.

        Raises:
            TransportError: no response came.
        """
        return self._caller.request(path, params, timeout)

    def get(
        self,
        path: str,
        params: Mapping[str, Any],
        *,
        timeout: Timeout = PATIENCE,
        max_retries: int = 3,
    ) -> Any:
        """Send one GET, again where that may help, and return the `data` as plain JSON.

        A parameter that is None is left out.
        """

        def read(response: Response) -> Any:
            return retries.data_of(response, self.clock())

        return self._caller.call(path, params, read, timeout=timeout, max_retries=max_retries)

    # Bars

    def klines(
        self,
        symbol: str,
        interval: str = "1h",
        limit: int = 100,
        *,
        type: str | None = None,
        include_open: bool = False,
        timeout: Timeout = PATIENCE,
    ) -> list[Bar]:
        """Return the newest bars of a symbol, oldest first.

        Args:
            symbol: TickDB's spelling.
            interval: one of `quant_team_data.markets.INTERVALS`.
            limit: bars at most, 1 to 1000.
            type: asset class, for a symbol that is ambiguous.
            include_open: with the bar that is still forming.
            timeout: seconds to connect, and to wait for the response.
        """
        if not 1 <= limit <= PAGE:
            raise errors.BadRequestError(
                f"The limit {limit} is not between 1 and {PAGE}: fetch_bars takes a range of any "
                "length.",
                symbol=symbol,
            )
        # More than wanted: the newest bar may still be forming, and the day of a currency before it
        # is over at 24:00 UTC only.
        wanted = min(limit + 2, PAGE)
        asked = Asked(symbol, interval, type)
        bars = pages.page(self._caller, asked, wanted, timeout)
        if not include_open:
            bars = self._closed(bars, interval)
        return frames.bars_of(bars.tail(limit))

    def newest(
        self,
        symbol: str,
        interval: str,
        *,
        type: str | None = None,
    ) -> pl.DataFrame:
        """Return as many of the newest closed bars as one request gives, as `frame` does."""
        bars = pages.page(self._caller, Asked(symbol, interval, type))
        return self._closed(bars, interval)

    def frame(
        self,
        symbol: str,
        interval: str,
        start: datetime,
        stop: datetime,
        *,
        type: str | None = None,
        include_open: bool = False,
    ) -> pl.DataFrame:
        """Return the bars of a range, from as many requests as it takes.

        Args:
            symbol: TickDB's spelling.
            interval: one of `quant_team_data.markets.INTERVALS`.
            start: aware; the first time, included.
            stop: aware; the first time left out.
            type: asset class, for a symbol that is ambiguous.
            include_open: with the bar that is still forming.

        Returns:
            A frame of `frames.SCHEMA`, in time order, each time once.
        """
        found = self.found(symbol, interval, start, stop, type=type, include_open=include_open)
        return found.bars

    def found(
        self,
        symbol: str,
        interval: str,
        start: datetime,
        stop: datetime,
        *,
        type: str | None = None,
        include_open: bool = False,
    ) -> Found:
        """Return what `frame` returns, and up to when the service has answered.

        Raises:
            NoBarsError: there are none where the market was open, and nothing explains it.
            ClockError: nobody knows which bars have closed.
        """
        now = self.clock()
        low = milliseconds(start)
        high = min(milliseconds(stop), milliseconds(now))
        asked = Asked(symbol, check_interval(interval), type)
        found = complete.between(self._caller, asked, (low, high), now)
        if include_open:
            return found
        bars = self._closed(found.bars, interval)
        is_whole = len(bars) == len(found.bars)
        return Found(bars, found.until if is_whole else low)  # what was dropped is not proven

    def frames(
        self,
        symbols: Iterable[str],
        interval: str,
        start: datetime,
        stop: datetime,
    ) -> Result[pl.DataFrame]:
        """Return what `frame` returns, for many symbols, over several connections."""
        return each(symbols, lambda symbol: self.frame(symbol, interval, start, stop))

    def _closed(self, bars: pl.DataFrame, interval: str) -> pl.DataFrame:
        """Return the bars whose period is over, by both clocks."""
        return clock_skew.closed(bars, interval, self._caller)

    def adjusted_bar(self, symbol: str, interval: str, adjust: str, at: int) -> Bar | None:
        """Return TickDB's own adjusted bar of a stock that opens at a time in ms UTC, or None."""
        asked = Asked(symbol, interval, "stock", at, at)
        bars = pages.page(self._caller, asked, FEW, adjust=adjust)
        found = [bar for bar in frames.bars_of(bars) if bar.time == at]
        return found[0] if found else None

    def factors(self, symbol: str) -> list[Factor]:
        """Return the adjustment factors of a stock.

        Raises:
            PlanError: the plan has none.
        """
        params = {"symbols": answers.one_symbol(symbol), "type": "stock"}
        try:
            found = self._caller.needed(KLINE + "/ex-factors", params, messages.Factors, symbol)
        except errors.PlanError as error:
            raise errors.PlanError(
                f"The plan of this API key does not include adjustment factors for {symbol!r}: "
                "pass adjust='none' instead.",
                code=error.code,
                http_status=error.http_status,
                symbol=symbol,
            ) from None
        self.require_source()
        return answers.of_symbol(found.data, symbol)

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

        def read(content: msgspec.Raw | None, symbol: str) -> Bar | None:
            if content is None:
                return None
            found = answers.record(content, Klines, symbol)
            bars = klines.checked(found, Asked(symbol, interval, type))
            return frames.bars_of(bars.tail(1))[0] if len(bars) else None

        return self._caller.batch(KLINE + "/latest", symbols, params, read, timeout)

    def ticker(self, symbols: Iterable[str], *, type: str | None = None) -> Result[Ticker]:
        """Return the quote of each symbol."""

        def read(content: msgspec.Raw | None, symbol: str) -> Ticker:
            if content is None:
                raise errors.SymbolNotFoundError(
                    f"TickDB has no quote of {symbol!r}: check its spelling.", symbol=symbol
                )
            return answers.record(content, Ticker, symbol)

        return self._caller.batch("/v1/market/ticker", symbols, {"type": type}, read)

    def depth(self, symbol: str, *, type: str | None = None) -> Depth:
        """Return the order book of a symbol."""
        params = {"symbol": answers.one_symbol(symbol), "type": type}
        return self._caller.needed("/v1/market/depth", params, Depth, symbol)

    def trades(
        self,
        symbol: str,
        limit: int = 100,
        *,
        type: str | None = None,
    ) -> list[Trade]:
        """Return the newest trades of a symbol, oldest first."""
        params = {"symbol": answers.one_symbol(symbol), "limit": limit, "type": type}
        found = self._caller.needed("/v1/market/trades", params, messages.Trades, symbol)
        return sorted(found.trades, key=attrgetter("timestamp"))

    # What there is

    def symbols(self, *, type: str | None = None, market: str | None = None) -> list[Product]:
        """Return all symbols, each once.

        Args:
            type: asset class; default: all.
            market: US, HK, CN or GLOBAL; default: all.
        """
        return reference.symbols(self._caller, type, market)

    def intervals(self) -> list[str]:
        """Return the bar intervals that TickDB has."""
        path = "/v1/market/intervals/kline"
        return self._caller.needed(path, {}, messages.Intervals, "the intervals").intervals

    def trading_days(self, market: str, start: date, end: date) -> dict[date, bool]:
        """Return the trading days of a market, and whether each is a half day.

        TickDB knows a year back; `quant_team_data.calendars.sessions` knows more, with the hours.

        Args:
            market: US, HK or CN.
            start: first day, included.
            end: last day, included.
        """
        return reference.trading_days(self._caller, market, start, end)

    def trading_sessions(self, market: str | None = None) -> list[messages.MarketHours]:
        """Return the trading hours of US, HK or CN, or of all three."""
        path = "/v1/market/trading-sessions"
        kind = list[messages.MarketHours]
        return self._caller.needed(path, {"market": market}, kind, "the trading hours")

    # The key

    def key_status(self) -> messages.KeyStatus:
        """Return what TickDB says about the key in use."""
        return keys.status(self._caller)

    def plan(self) -> limits.Plan:
        """Return the plan of the key; Free if nobody knows it."""
        return self.known_plan() or limits.FREE

    def known_plan(self) -> limits.Plan | None:
        """Return the plan of the key as TickDB or `plan` says, or None."""
        if self._limiter is None:
            return self._ask_plan()
        return self._limiter.known_plan(self._ask_plan)

    def _ask_plan(self) -> limits.Plan | None:
        return keys.plan(self._caller)
