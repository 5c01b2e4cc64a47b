"""What a request to the sandbox asks for, or the documented error that it deserves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from quant_team_data import markets, sandbox_symbols
from quant_team_data.listings import Listing, invent
from quant_team_data.markets import INTERVALS
from quant_team_data.sandbox_symbols import LISTED

MAX_BARS = 1000  # of one answer
MAX_SYMBOLS = 50  # of one request
LONGEST_SYMBOL = 32
DEFAULT_LIMIT = 100
ADJUSTMENTS = ("none", "forward", "backward")
UNTRADED = ("forex", "indices")  # types without an order book
SYMBOL = re.compile(r"[A-Z0-9]+([.-][A-Z0-9]+)*")
EXCHANGES = {"stock": ".SZ", "indices": ".SH"}  # of six digits without one

Params = Mapping[str, str]
Data = dict[str, Any]


class RequestError(Exception):
    """A documented error.

    Args:
        status: of HTTP.
        code: TickDB's; where it is text, the service repeats it as `error`.
        message: for a person.
        more: further fields of the body.
    """

    def __init__(self, status: int, code: int | str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body: Data = {"code": code, "message": message, **more}
        if isinstance(code, str):
            self.body["error"] = code


class Requested(NamedTuple):
    """A symbol as it was asked for, and its listing."""

    symbol: str
    listing: Listing

    def head(self, **more: object) -> Data:
        """Return the fields with which everything about a symbol begins, and more."""
        return {"symbol": self.symbol, "type": self.listing.market.type, **more}


def check_key(key: str) -> None:
    """Accept any key that starts with "sandbox".

    Raises:
        RequestError: there is no key, or another one.
    """
    if not key:
        raise RequestError(401, "1002", "API key is required")
    if not key.startswith("sandbox"):
        raise RequestError(401, 1001, "Invalid or expired token")


def read_integer(params: Params, name: str, default: int) -> int:
    """Return a number of the query.

    Raises:
        RequestError: it is not an integer.
    """
    try:
        return int(params.get(name, default))
    except ValueError:
        message = f"{name} parameter is not an integer"
        raise RequestError(400, "2001", message) from None


def read_limit(params: Params) -> int:
    """Return how much is asked for at most: 100 by default, 1000 where it is more.

    Raises:
        RequestError: it is not an integer.
    """
    limit = read_integer(params, "limit", DEFAULT_LIMIT)
    if limit <= 0:
        return DEFAULT_LIMIT
    return min(limit, MAX_BARS)


def read_interval(params: Params) -> str:
    """Return the interval.

    Raises:
        RequestError: it is missing or unknown.
    """
    interval = params.get("interval")
    if interval not in INTERVALS:
        message = "interval parameter is required, one of /v1/market/intervals/kline"
        raise RequestError(400, "2001", message)
    return interval


def check_adjustment(params: Params) -> None:
    """Accept the documented values of `adjust`; the sandbox has no splits, so all prices are raw.

    Raises:
        RequestError: it is another word.
    """
    if params.get("adjust", "none") not in ADJUSTMENTS:
        message = f"adjust must be one of {', '.join(ADJUSTMENTS)}"
        raise RequestError(400, "2001", message)


def check_traded(requested: Requested, what: str) -> None:
    """Accept symbols with an order book: currencies, metals and indices have none.

    Args:
        requested: the symbol.
        what: is asked for, as in "depth".

    Raises:
        RequestError: the symbol has none.
    """
    type = requested.listing.market.type
    if type in UNTRADED:
        raise RequestError(400, "2001", f"{what} is not available for type {type}")


def read_day(text: str) -> date:
    """Return a day such as 20240102.

    Raises:
        ValueError: it is not one.
    """
    return datetime.strptime(text, "%Y%m%d").date()


def one_symbol(params: Params) -> Requested:
    """Return the symbol of `symbol`.

    Raises:
        RequestError: it is missing, or not a symbol.
    """
    symbol = _required(params, "symbol")
    return _listed(symbol, params.get("type"))


def many_symbols(params: Params) -> list[Requested]:
    """Return the symbols of `symbols`, in their order.

    Raises:
        RequestError: there are none or too many, or one of them is not a symbol.
    """
    names = _required(params, "symbols").split(",")
    if len(names) > MAX_SYMBOLS:
        raise RequestError(400, 2004, "Request limit exceeded")
    return [_listed(name, params.get("type")) for name in names]


def _required(params: Params, name: str) -> str:
    value = params.get(name)
    if not value:
        raise RequestError(400, "2001", f"{name} parameter is required")
    return value


def _listed(symbol: str, type: str | None) -> Requested:
    """Return a symbol with its listing; six digits are two symbols, which `type` tells apart.

    Raises:
        RequestError: it is not a symbol, not a listed one, or of another type.
    """
    if len(symbol) > LONGEST_SYMBOL or not SYMBOL.fullmatch(symbol):
        raise RequestError(400, 2005, "Unsupported symbol format")
    name = markets.canonical(symbol)
    if sandbox_symbols.is_ambiguous(symbol):
        if type not in EXCHANGES:
            raise RequestError(
                400,
                "AMBIGUOUS_SYMBOL",
                "Symbol matches multiple types",
                data={"available_types": list(EXCHANGES)},
            )
        name += EXCHANGES[type]
    if name not in LISTED:
        # The message is for a person as it stands; `listed` says so to the client.
        message = sandbox_symbols.refusal(symbol)
        raise RequestError(404, 2002, message, data={"listed": False})
    market = markets.market_of(name)
    if type not in (None, market.type):
        raise RequestError(400, 2006, "Symbol suffix does not match type")
    return Requested(symbol, invent(name, market))
