"""What can go wrong with market data: a class per action to take, and TickDB's codes in a table.

The vendor speaks two dialects. A code may be an integer, a number in a string, a word, or stand
only inside the message as `[1001] ...`; an error may ride on any HTTP status, 200 included.
`error_of` reads them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from quant_team_utils.console import printable
from quant_team_utils.errors import QuantError
from quant_team_utils.log import redact

LONGEST = 160  # characters of the service's own words that a sentence repeats
LONGEST_CODE = 40
MOST_TYPES = 10  # that a sentence lists


class TickDBError(QuantError):
    """Base of all market-data errors; its text is one sentence for the user.

    Whatever a service says in it is escaped where a terminal would act on it.

    Attributes:
        code: TickDB's own code as text ("2002", "AMBIGUOUS_SYMBOL"), or None if there was none.
        http_status: status of the response, or None if there was no response.
        endpoint: path of the request, such as "/v1/market/kline".
        symbol: symbol of the request, as the caller spelled it.
        retryable: the same request may succeed later.
        retry_after: seconds to wait, as the service asks, or None.
        available_types: the types to choose from, for an ambiguous symbol.
    """

    code: str | None = None
    http_status: int | None = None
    endpoint: str | None = None
    symbol: str | None = None
    retryable: bool = False
    retry_after: float | None = None
    available_types: tuple[str, ...] = ()

    def __init__(self, sentence: str, **attributes: Any) -> None:
        super().__init__(printable(sentence))
        vars(self).update(attributes)


class ConfigError(TickDBError):
    """TICKDB_BASE_URL is unset or unusable: correct it."""


class AuthError(TickDBError):
    """The key is missing, wrong or expired: correct it."""


class PlanError(TickDBError):
    """The key is valid, but the plan does not include this: ask for less, or change the plan."""


class BadRequestError(TickDBError):
    """The request is wrong: correct the arguments."""


class SymbolNotFoundError(TickDBError):
    """There is no such symbol: correct its spelling."""


class AmbiguousSymbolError(TickDBError):
    """The symbol has several types: pass one of `available_types` as `type`."""


class RateLimitError(TickDBError):
    """Too many requests: wait `retry_after` seconds."""


class QuotaExhaustedError(TickDBError):
    """The plan's quota is used up: waiting seconds does not help."""


class ConnectionLimitError(TickDBError):
    """Too many streaming connections: close one."""


class SubscriptionLimitError(TickDBError):
    """Too many streaming subscriptions: drop symbols."""


class ServerError(TickDBError):
    """TickDB reports an internal error: try again later."""


class TransportError(TickDBError):
    """TickDB was not reached: check the network."""


class DecodeError(TickDBError):
    """The response breaks the protocol: do not compute with it."""


class NoBarsError(TickDBError):
    """There are no bars where the market was open: choose another range or interval."""


class ClockError(TickDBError):
    """This machine's clock and TickDB's are far apart: set the clock."""


@dataclass(frozen=True)
class Rule:
    """What a code means: the class to raise, whether to try again, and the sentence."""

    error: type[TickDBError]
    retryable: bool
    sentence: str


_KEY = (
    "put your own key into .env as TICKDB_API_KEY, or set TICKDB_BASE_URL=sandbox to work without "
    "one."
)
_PLAN = "request less, or see the plan in the TickDB dashboard."
_LATER = "try again in a few minutes."
_SPELL = "spell it with its market, as in AAPL.US, 700.HK, 600519.SH, BTCUSDT or EURUSD."

_AUTH = Rule(AuthError, False, f"TickDB rejected this API key (invalid or expired): {_KEY}")
_DENIED = Rule(PlanError, False, f"This API key has no permission for {{endpoint}}: {_PLAN}")
_ARGUMENT = Rule(
    BadRequestError,
    False,
    "TickDB rejected the request to {endpoint} ({message}): correct the arguments.",
)
_RATE = Rule(
    RateLimitError, True, "TickDB's rate limit is reached: wait a minute, or send fewer requests."
)
_FUNDAMENTALS = Rule(
    PlanError, False, f"The plan of this API key does not include this fundamental data: {_PLAN}"
)
_NO_FUNDAMENTALS = Rule(
    SymbolNotFoundError,
    False,
    "TickDB has no fundamental data for the symbol {symbol}: check its spelling.",
)
_SERVER = Rule(ServerError, True, f"TickDB reported an internal error ({{message}}): {_LATER}")
_AWAY = Rule(ServerError, True, f"TickDB has no data for {{endpoint}} at the moment: {_LATER}")

CODES: dict[str, Rule] = {
    "1001": _AUTH,
    "1002": Rule(AuthError, False, f"TickDB received no API key: {_KEY}"),
    "1003": Rule(
        AuthError,
        False,
        "This API key may not be used from this address: allow it in the TickDB dashboard.",
    ),
    "1004": _DENIED,
    "1005": Rule(
        AuthError, False, "This API key has expired: make a new one in the TickDB dashboard."
    ),
    "UNAUTHORIZED": _AUTH,
    "INVALID_TOKEN": _AUTH,
    "PERMISSION_DENIED": _DENIED,
    "2001": _ARGUMENT,
    "2002": Rule(
        SymbolNotFoundError, False, f"TickDB does not know the symbol {{symbol}}: {_SPELL}"
    ),
    "2003": Rule(
        BadRequestError,
        False,
        "TickDB rejected the time range ({message}): give a start before the end.",
    ),
    "2004": Rule(
        BadRequestError,
        False,
        "The request to {endpoint} asks for too much at once: request fewer items.",
    ),
    "2005": Rule(BadRequestError, False, f"TickDB cannot read the symbol {{symbol}}: {_SPELL}"),
    "2006": Rule(
        BadRequestError,
        False,
        "The type does not fit the symbol {symbol}: leave `type` out, or correct it.",
    ),
    "2008": Rule(
        BadRequestError,
        False,
        "TickDB serves {endpoint} only compressed: send Accept-Encoding: gzip.",
    ),
    "AMBIGUOUS_SYMBOL": Rule(
        AmbiguousSymbolError,
        False,
        "The symbol {symbol} is ambiguous ({types}): add its market, or pass `type`.",
    ),
    "3001": _RATE,
    "3002": Rule(QuotaExhaustedError, False, f"The quota of this API key is used up: {_PLAN}"),
    "3003": Rule(
        ConnectionLimitError,
        True,
        "Too many streaming connections use this API key: close one of them.",
    ),
    "3004": Rule(
        SubscriptionLimitError,
        False,
        "Too many streaming subscriptions use this API key: drop symbols.",
    ),
    "3005": Rule(
        RateLimitError,
        True,
        "The symbol {symbol} is requested too often: wait a moment, or send fewer requests.",
    ),
    "3006": Rule(
        PlanError,
        False,
        f"The plan of this API key does not include the symbol {{symbol}}: {_PLAN}",
    ),
    "3007": Rule(
        PlanError, False, "The plan of this API key has no history that old: choose a later start."
    ),
    "3008": Rule(
        PlanError,
        False,
        "The plan of this API key has no time ranges: use fetch_klines, or change the plan.",
    ),
    "3009": Rule(
        PlanError, False, f"The plan of this API key does not include {{endpoint}}: {_PLAN}"
    ),
    **dict.fromkeys(("3010", "3011", "3012"), _FUNDAMENTALS),
    **dict.fromkeys(("4001", "4002", "4003", "4004"), _ARGUMENT),
    "4005": Rule(
        PlanError,
        False,
        f"The plan of this API key does not include this streaming channel: {_PLAN}",
    ),
    "5000": _SERVER,
    **dict.fromkeys(("5001", "5002", "5003", "5004", "5005"), _AWAY),
    "5006": Rule(
        ServerError,
        False,
        "TickDB has no adjusted bars for the symbol {symbol}: request unadjusted ones.",
    ),
    "40001": _ARGUMENT,
    "40101": _AUTH,
    **dict.fromkeys(("40404", "40405"), _NO_FUNDAMENTALS),
    "50001": _SERVER,
    # HTTP statuses, for responses without a code of TickDB's own; some carry the status as code.
    "400": _ARGUMENT,
    "401": _AUTH,
    "403": _DENIED,
    "404": Rule(
        BadRequestError, False, "TickDB has no endpoint {endpoint}: check TICKDB_BASE_URL in .env."
    ),
    "406": _ARGUMENT,
    "408": _AWAY,
    "422": _ARGUMENT,
    "429": _RATE,
}
# What is wrong with one symbol of many, so that the others may be requested without it.
OF_ONE_SYMBOL = frozenset({"2002", "2004", "2005", "2006", "3006", "AMBIGUOUS_SYMBOL"})
# What is true for every symbol: no other would do better.
FATAL = (AuthError, ConfigError, QuotaExhaustedError)
_WORDS = frozenset(code for code in CODES if not code.isdecimal())
_UNKNOWN = Rule(
    TickDBError,
    False,
    "TickDB reported an error for {endpoint} ({message}): see its documentation.",
)


def code_of(body: object) -> str | None:
    """Return the error code of a decoded body as text, or None if the body reports no error."""
    if not isinstance(body, dict):
        return None
    for field in ("code", "error", "message"):
        value = body.get(field)
        if isinstance(value, bool) or not isinstance(value, int | str):
            continue
        text = _start_of(value)
        if field == "code" and text in {"0", "200"}:
            return None
        if text.isdecimal() and field != "message":
            return str(int(text))
        if text in _WORDS:
            return text
        if inside := re.match(rf"\[(\w{{1,{LONGEST_CODE}}})\]", text):
            return inside[1]
    if body.get("error") or body.get("success") is False or body.get("code"):
        return "unknown"
    return None


def error_of(
    status: int,
    body: object,
    *,
    endpoint: str = "TickDB",
    symbol: str | None = None,
    retry_after: float | None = None,
) -> TickDBError | None:
    """Return the error that a response means, or None if it is a success.

    Args:
        status: HTTP status.
        body: decoded JSON, or None if the body is not JSON.
        endpoint: path of the request.
        symbol: symbol of the request.
        retry_after: seconds to wait, as the service asks.
    """
    code = code_of(body)
    if code is None and status < 300:
        return None
    rule = CODES.get(code or "") or CODES.get(str(status))
    if rule is None:
        rule = _SERVER if status >= 500 else _UNKNOWN
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    types = _types(fields.get("data"))
    named = f", code {code}" if code else ""
    message = f"HTTP {status}{named}: {_said(fields)}"
    sentence = rule.sentence.format(
        endpoint=endpoint,
        symbol=repr(symbol) if symbol else "of this request",
        message=message,
        types=", ".join(types[:MOST_TYPES]),
    )
    if fields.get("data") == {"listed": False}:
        sentence = _said(fields)  # of the sandbox, which explains itself
    return rule.error(
        sentence,
        code=code,
        http_status=status,
        endpoint=endpoint,
        symbol=symbol,
        retryable=rule.retryable,
        retry_after=retry_after,
        available_types=types,
    )


# Details


def _start_of(value: int | str) -> str:
    """Return what may be a code: of a longer text its start, of a longer number nothing."""
    if isinstance(value, str):
        return value.strip()[: LONGEST_CODE + 2]
    return str(value) if abs(value) < 10**LONGEST_CODE else ""


def _types(data: object) -> tuple[str, ...]:
    """Return the types that a service offers for an ambiguous symbol."""
    types = data.get("available_types") if isinstance(data, dict) else None
    names = types if isinstance(types, list) else []
    return tuple(name[:LONGEST] for name in names if isinstance(name, str))


def _said(fields: dict[str, Any]) -> str:
    """Return the service's own words on one line, short and without a key."""
    said = fields.get("message") or fields.get("error") or "no reason given"
    words = said.split() if isinstance(said, str) else ["no readable reason"]
    return redact(" ".join(words))[:LONGEST]
