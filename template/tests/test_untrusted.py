"""Any answer at all, from any transport, is data of the right shape or one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_team_data import errors
from quant_team_data.limits import Limiter
from quant_team_data.tickdb import TickDBClient
from quant_team_data.transport import Response
from tests.service import KEY, URL, Clock

WORDS = [
    "AAPL.US",
    "AMBIGUOUS_SYMBOL",
    "[2002] no",
    "[1001]",
    "9" * 5000,
    "٣٠٠١",
    "",
    "0",
    "success",
    "free",
    "nan",
    "Infinity",
    "2024-01-02",
    "\x1b[2J\n\u202e",
    "\ud83d",
]
NAMES = [
    "code",
    "message",
    "error",
    "success",
    "data",
    "klines",
    "symbol",
    "interval",
    "time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "timestamp",
    "last_price",
    "bids",
    "asks",
    "trades",
    "price",
    "quantity",
    "reset_at",
    "limit",
    "plan",
    "available_types",
    "api_keys",
    "key_prefix",
    "expires_at",
    "remaining_seconds",
    "products",
    "pagination",
    "total",
    "intervals",
]
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 1, 200, 2002, 3001, 429, 1_704_067_200_000, 1_704_067_200]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(WORDS[:-1]), st.text())


def containers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(values, max_size=4),
        st.dictionaries(st.sampled_from(NAMES), values, max_size=8),
    )


BODIES = st.recursive(SCALARS, containers, max_leaves=30)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "Content-Type"]),
    st.one_of(st.sampled_from(["0", "-1", "1e9", "Fri, 31 Dec 9999 23:59:59 -2359"]), st.text()),
)
ENVELOPES = st.fixed_dictionaries(
    {"code": st.sampled_from([*errors.CODES, 0, 7, "x"]), "message": st.sampled_from(WORDS[:-1])},
    optional={"data": BODIES, "error": SCALARS, "success": SCALARS},
)
STATUSES = st.sampled_from([200, 200, 200, 204, 400, 401, 404, 429, 500, 503, 999])


class Canned:
    """A transport that always brings the same response."""

    def __init__(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.response = Response(status, content, headers)

    def send(self, path: str, params: Any, headers: Any, timeout: Any) -> Response:
        return self.response


def ask_everything(transport: Canned) -> None:
    """Send one request of each kind; an error is a sentence that can be printed."""
    clock = Clock()
    client = TickDBClient(
        URL, KEY, plan="unlimited", transport=transport, clock=clock, sleep=clock.sleep
    )
    calls: list[Callable[[], object]] = [
        lambda: client.get("/x", {}),
        lambda: client.klines("AAPL.US"),
        lambda: client.latest(["AAPL.US", "BTCUSDT"]).complete(),
        lambda: client.ticker(["AAPL.US"]).complete(),
        lambda: client.depth("AAPL.US"),
        lambda: client.trades("AAPL.US"),
        lambda: client.intervals(),
        lambda: client.factors("AAPL.US"),
        lambda: client.symbols(),
        lambda: client.trading_days("US", date(2024, 1, 1), date(2024, 2, 1)),
        lambda: client.trading_sessions("US"),
        lambda: client.key_status(),
    ]
    for call in calls:
        try:
            call()
        except errors.TickDBError as error:
            text = str(error)
            assert text.isprintable()
            assert text.endswith(".")


@settings(deadline=None)
@given(status=STATUSES, body=st.one_of(BODIES, ENVELOPES), headers=HEADERS)
def test_any_json_is_read_or_refused(status: int, body: Any, headers: dict[str, str]) -> None:
    """Right names with wrong values, and the other way round."""
    with contextlib.suppress(UnicodeEncodeError):  # half a character cannot be sent
        ask_everything(Canned(status, msgspec.json.encode(body), headers))


@settings(deadline=None)
@given(status=STATUSES, data=BODIES)
def test_any_data_of_a_success_is_read_or_refused(status: int, data: Any) -> None:
    """Below the envelope, too."""
    with contextlib.suppress(UnicodeEncodeError):
        content = msgspec.json.encode({"code": 0, "message": "success", "data": data})
        ask_everything(Canned(status, content, {}))


@settings(deadline=None)
@given(status=STATUSES, content=st.binary())
def test_any_bytes_are_read_or_refused(status: int, content: bytes) -> None:
    """What is no JSON at all."""
    ask_everything(Canned(status, content, {}))


@settings(deadline=None, max_examples=30)
@given(plan=BODIES, limit=BODIES)
def test_any_plan_of_a_rate_limit_is_taken_or_left(
    tmp_path_factory: Any, plan: Any, limit: Any
) -> None:
    """What a service says of the plan never stops the limiter."""
    folder = tmp_path_factory.mktemp("limits")
    clock = Clock()
    limiter = Limiter(KEY, clock=clock, sleep=clock.sleep, folder=folder)
    body = {"code": 3001, "message": "m", "data": {"plan": plan, "limit": limit}}
    with contextlib.suppress(UnicodeEncodeError):
        transport = Canned(429, msgspec.json.encode(body), {})
        client = TickDBClient(
            URL, KEY, limiter=limiter, transport=transport, clock=clock, sleep=clock.sleep
        )
        with contextlib.suppress(errors.TickDBError):
            client.get("/x", {})
        with contextlib.suppress(errors.TickDBError):
            client.get("/x", {}, max_retries=0)
    assert 1 <= limiter.plan.rate <= 1_000_000
