"""What the market-data service says, as typed messages.

Answers and the messages of a stream become the structs of this module and nothing else: numbers
that come as text are floats, times are milliseconds since 1970 in UTC.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Hashable
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, cast

import msgspec

# Milliseconds since 1970 in UTC, until the year 2286: what is larger is another unit.
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=9_999_999_999_999)]
DEEP = "it is nested too deeply"
CUT = "Input data was truncated"  # what msgspec says of JSON that ends too early
T = TypeVar("T")
M = TypeVar("M", bound="Message")


class Message(msgspec.Struct):
    """Base of what the service says: attributes, and `to_dict` for those who want a dict."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name: numbers are floats, times ints, a missing value is None."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


class Bar(Message, gc=False):
    """One bar (a kline in the vendor's words).

    Attributes:
        time: when it opens, in milliseconds UTC.
        open: first price, in the market's currency.
        high: highest price.
        low: lowest price.
        close: last price.
        volume: units traded, 0 or more.
    """

    time: Milliseconds
    open: float
    high: float
    low: float
    close: float
    volume: float


class Klines(Message):
    """The bars of one symbol, as one answer gives them; `symbol` is as the request spelled it."""

    klines: list[Bar]
    symbol: str | None = None
    interval: str | None = None
    type: str | None = None


class Checked(Message):
    """Base of messages whose floats are finite: a number that may be missing is then None."""

    def __post_init__(self) -> None:
        """Look at every number.

        Raises:
            ValueError: a number that is needed is not finite.
        """
        optional = _optional(type(self))
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not isinstance(value, float) or math.isfinite(value):
                continue
            if name not in optional:
                raise ValueError(f"{name} is not a finite number")
            setattr(self, name, None)


class Timed(Checked):
    """Base of what happens at a `timestamp`, which a few endpoints send in seconds."""

    timestamp: Milliseconds

    def __post_init__(self) -> None:
        """Bring the time to milliseconds, too."""
        super().__post_init__()
        self.timestamp = in_milliseconds(self.timestamp)


@cache
def _optional(kind: type[Message]) -> frozenset[str]:
    """Return the names of the fields that may be None."""
    fields = msgspec.structs.fields(kind)
    return frozenset(field.name for field in fields if field.default is None)


class Ticker(Timed):
    """The quote of one symbol.

    Attributes:
        timestamp: milliseconds UTC.
        symbol: as the request spelled it.
        last_price: in the market's currency, as are the other prices.
        bid_price: the best bid, or None.
        ask_price: the best ask, or None.
        volume_24h: units traded; for stocks, "24h" means the session.
        high_24h: highest price of that time.
        low_24h: lowest price of that time.
        price_change_24h: change of price since its beginning.
        price_change_percent_24h: the same in percent.
        type: asset class, in TickDB's words.
    """

    symbol: str
    last_price: float
    bid_price: float | None = None
    ask_price: float | None = None
    volume_24h: float | None = None
    high_24h: float | None = None
    low_24h: float | None = None
    price_change_24h: float | None = None
    price_change_percent_24h: float | None = None
    type: str | None = None


class Level(NamedTuple):
    """One step of an order book: a price in the market's currency and the units offered there."""

    price: float
    size: float


class Depth(Timed):
    """The order book of one symbol at `timestamp` (ms UTC).

    Attributes:
        timestamp: milliseconds UTC.
        bids: from the highest price down.
        asks: from the lowest price up.
        symbol: as the request spelled it.
    """

    bids: list[Level]
    asks: list[Level]
    symbol: str | None = None

    def __post_init__(self) -> None:
        """Check the numbers of the book, too.

        Raises:
            ValueError: a price or size is not a finite number.
        """
        super().__post_init__()
        for level in (*self.bids, *self.asks):
            if not (math.isfinite(level.price) and math.isfinite(level.size)):
                raise ValueError("a price or size is not a finite number")


class Trade(Timed):
    """One trade at `timestamp` (ms UTC); two trades may have the same `id`.

    Attributes:
        timestamp: milliseconds UTC.
        price: in the market's currency.
        quantity: units traded.
        side: "buy", "sell" or "neutral", or None.
        id: the service's name for it, or None.
    """

    price: float
    quantity: float
    side: str | None = None
    id: str | None = None


class Factor(Timed):
    """One split or dividend: a price becomes price * `factor_a` + `factor_b`.

    Attributes:
        timestamp: milliseconds UTC; midnight of the day, somewhere on earth.
        factor_a: what a price is multiplied by.
        factor_b: what is then added, in the market's currency.
        adjust: "forward" for the bars before it, "backward" for those from it on, None for both.
    """

    factor_a: float
    factor_b: float
    adjust: str | None = None


class Product(Message):
    """One symbol that TickDB has.

    Attributes:
        symbol: TickDB's spelling.
        market: US, HK, CN or GLOBAL.
        type: asset class: "stock", "indices", "crypto", "forex" or "futures".
        name: of the company or the coin.
        currency: ISO code of the currency that prices are in.
        is_active: it still trades.
    """

    symbol: str
    market: str | None = None
    type: str | None = None
    name: str | None = None
    currency: str | None = None
    is_active: bool | None = None


class TradingSession(Message):
    """One span of trading hours in the market's own time: 930 is half past nine.

    Attributes:
        begin_time: hours * 100 + minutes.
        end_time: hours * 100 + minutes.
        trade_session: 0 regular, 1 before it, 2 after it, 3 overnight, or None.
    """

    begin_time: int
    end_time: int
    trade_session: int | None = None


class MarketHours(Message):
    """The trading hours of a market: US, HK or CN."""

    market: str
    trading_sessions: list[TradingSession]


class KeyStatus(Checked):
    """What TickDB says about the key in use.

    Attributes:
        name: as in the dashboard.
        plan: name of its plan.
        status: such as "active".
        expires_at: when it expires, as TickDB writes it.
        remaining_seconds: until then.
    """

    name: str | None = None
    plan: str | None = None
    status: str | None = None
    expires_at: int | str | None = None
    remaining_seconds: float | None = None


# The containers in which answers carry these


class Named(Message):
    """Anything that says which symbol it is about."""

    symbol: str


class Trades(Message):
    """The newest trades of one symbol."""

    trades: list[Trade]


class Factors(Message):
    """Adjustment factors by symbol."""

    data: dict[str, list[Factor]]


class Pagination(Message):
    """How many there are on all pages together."""

    total: int


class Products(Message):
    """One page of the list of symbols."""

    products: list[Product]
    pagination: Pagination


class Intervals(Message):
    """The bar intervals that TickDB has."""

    intervals: list[str]


class TradingDays(Message):
    """Trading days as YYYYMMDD: the full ones, and the half days among them."""

    trade_days: list[str]
    half_trade_days: list[str]


class Keys(Message):
    """The status of every key of an account, each with the first letters of the key."""

    api_keys: list[msgspec.Raw]


class KeyPrefix(Message):
    """The first letters of a key."""

    key_prefix: str | None = None


class Answer(msgspec.Struct, Generic[T]):
    """The envelope of every answer; `code` is 0 for a success, as a number or as text."""

    data: T | None
    code: int | str | None = None


class JsonError(ValueError):
    """Text is not JSON, or is nested too deeply."""


class CutJsonError(JsonError):
    """JSON ends before it is complete."""


class Decoder(Generic[T]):
    """Reads answers whose `data` are of a kind; numbers may come as text."""

    def __init__(self, kind: type[T]) -> None:
        answer = Answer[kind]  # type: ignore[valid-type]
        self._decoder = msgspec.json.Decoder(answer, strict=False)

    def decode(self, content: bytes) -> Answer[T]:
        """Return an answer.

        Raises:
            msgspec.DecodeError: it is not JSON, of another shape, or nested too deeply.
        """
        try:
            return self._decoder.decode(content)
        except RecursionError:
            raise msgspec.DecodeError(DEEP) from None


def decoder(kind: type[T]) -> Decoder[T]:
    """Return the decoder of answers whose `data` are of a kind; each is made once."""
    return cast("Decoder[T]", _decoder(cast("Hashable", kind)))


@cache
def _decoder(kind: Any) -> Any:
    return Decoder(kind)


def plain(content: bytes) -> Any:
    """Return what JSON says, as Python's own types.

    Raises:
        CutJsonError: it ends too early.
        JsonError: it is not JSON, or nested too deeply.
    """
    reason = DEEP
    with contextlib.suppress(RecursionError):
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = str(error)
    if reason == CUT and content:
        raise CutJsonError(reason)
    raise JsonError(reason)


def record(content: msgspec.Raw, kind: type[M]) -> M:
    """Return one message; a number that is not needed and not there (such as "") is None.

    Raises:
        msgspec.DecodeError: something that is needed is missing or of another shape, or it is
            nested too deeply.
    """
    try:
        return msgspec.json.decode(content, type=kind, strict=False)
    except RecursionError:
        raise msgspec.DecodeError(DEEP) from None
    except msgspec.ValidationError:
        fields = plain(bytes(content))
        if not isinstance(fields, dict):
            raise
        for field in msgspec.structs.fields(kind):
            if field.default is None and not _fits(fields.get(field.name), field.type):
                fields[field.name] = None
        return msgspec.convert(fields, kind, strict=False)


def describe(content: bytes, problem: Exception, about: str) -> str:
    """Return what is wrong with content that cannot be decoded; a bar is named by its time.

    Args:
        content: an answer with `klines`, or any other.
        problem: what the decoder says.
        about: the symbol, or what else was requested.
    """
    reason, _, place = str(problem).partition(" - at ")
    field = re.search(r"klines\[(\d+)\](?:\.(\w+))?", place)
    if field is None:
        return f"{about}: {problem}"
    when = "an unreadable time"
    with contextlib.suppress(
        LookupError, TypeError, ValueError, OverflowError, OSError, msgspec.DecodeError
    ):
        body = plain(content)
        klines = body.get("data", body)["klines"]
        number = int(field[1])
        time = int(klines[number]["time"])
        when = f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%dT%H:%MZ}"
    name = f"{field[2]}: " if field[2] else ""
    return f"the bar of {about} at {when}: {name}{reason}"


def _fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def in_milliseconds(time: int) -> int:
    """Return a time since 1970 in milliseconds; before 1973 it can only have been in seconds."""
    return time * 1000 if abs(time) < 10**11 else time
