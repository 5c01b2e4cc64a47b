"""Every TickDB code and dialect becomes the one error that tells the caller what to do."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from quant_team_data import errors
from quant_team_data.errors import CODES, error_of

TABLE = [
    ("1001", "AuthError", False),
    ("1002", "AuthError", False),
    ("1003", "AuthError", False),
    ("1004", "PlanError", False),
    ("1005", "AuthError", False),
    ("PERMISSION_DENIED", "PlanError", False),
    ("INVALID_TOKEN", "AuthError", False),
    ("2001", "BadRequestError", False),
    ("2002", "SymbolNotFoundError", False),
    ("2003", "BadRequestError", False),
    ("2004", "BadRequestError", False),
    ("2005", "BadRequestError", False),
    ("2006", "BadRequestError", False),
    ("2008", "BadRequestError", False),
    ("AMBIGUOUS_SYMBOL", "AmbiguousSymbolError", False),
    ("3001", "RateLimitError", True),
    ("3002", "QuotaExhaustedError", False),
    ("3003", "ConnectionLimitError", True),
    ("3004", "SubscriptionLimitError", False),
    ("3005", "RateLimitError", True),
    ("3006", "PlanError", False),
    ("3007", "PlanError", False),
    ("3008", "PlanError", False),
    ("3009", "PlanError", False),
    ("3012", "PlanError", False),
    ("4005", "PlanError", False),
    ("5000", "ServerError", True),
    ("5001", "ServerError", True),
    ("5003", "ServerError", True),
    ("5006", "ServerError", False),
    ("40404", "SymbolNotFoundError", False),
    ("50001", "ServerError", True),
]


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(("code", "name", "retryable"), TABLE)
def test_a_code_decides_the_class_whatever_the_http_status(
    code: str, name: str, retryable: bool, status: int
) -> None:
    """A code gives its class, as a string or an integer, even on HTTP 200 or 500."""
    for spelled in [code, int(code)] if code.isdecimal() else [code]:
        error = error_of(
            status,
            {"code": spelled, "message": "m"},
            endpoint="/v1/x",
            symbol="AAPL.US",
            retry_after=2.0,
        )
        assert type(error).__name__ == name
        assert error is not None
        facts = (
            error.code,
            error.http_status,
            error.endpoint,
            error.symbol,
            error.retryable,
            error.retry_after,
        )
        assert facts == (code, status, "/v1/x", "AAPL.US", retryable, 2.0)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_one_plain_sentence(code: str) -> None:
    """An error is one line that ends in a full stop, with no unfilled field, symbol or not."""
    for symbol in ("AAPL.US", None):
        text = str(error_of(400, {"code": code, "message": "why"}, endpoint="/v1/x", symbol=symbol))
        assert text.endswith(".")
        assert "\n" not in text
        assert "{" not in text
        assert "None" not in text


@pytest.mark.parametrize(
    ("status", "body", "name", "code"),
    [
        (
            400,
            {"code": "2001", "message": "symbol parameter is required", "error": "2001"},
            "BadRequestError",
            "2001",
        ),
        (
            401,
            {
                "error": "Invalid or expired token",
                "message": "[1001] Invalid",
                "code": "Invalid or expired token",
            },
            "AuthError",
            "1001",
        ),
        (200, {"message": "[3001] slow down", "success": False}, "RateLimitError", "3001"),
        (
            429,
            {"success": False, "error": "Too many", "code": 429, "limit": 60},
            "RateLimitError",
            "429",
        ),
        (400, {"error": "2002"}, "SymbolNotFoundError", "2002"),
        (400, {"code": 400, "message": "bad"}, "BadRequestError", "400"),
        (400, {"code": 40001, "message": "bad", "data": None}, "BadRequestError", "40001"),
        (200, {"error": "something broke"}, "TickDBError", "unknown"),
        (401, None, "AuthError", None),
        (403, "<html>", "PlanError", None),
        (404, None, "BadRequestError", None),
        (429, None, "RateLimitError", None),
        (502, None, "ServerError", None),
        (302, None, "TickDBError", None),
        (500, {"code": 2002, "message": "Symbol not found"}, "SymbolNotFoundError", "2002"),
        (503, {"code": 0, "data": {}}, "ServerError", None),
        (418, {"code": 7777, "message": "new"}, "TickDBError", "7777"),
        (503, {"code": 7777, "message": "new"}, "ServerError", "7777"),
    ],
)
def test_every_dialect_is_read(status: int, body: Any, name: str, code: str | None) -> None:
    """A code may be a number, a string, a word, inside the message, or missing."""
    error = error_of(status, body)
    assert type(error).__name__ == name
    assert error is not None
    assert error.code == code


@pytest.mark.parametrize(
    "body", [{"code": 0, "data": []}, {"code": "0", "data": {}}, {"data": {"klines": []}}]
)
def test_a_success_is_no_error(body: Any) -> None:
    """Code 0, as an integer or text, or none at all, is a success on HTTP 200."""
    assert error_of(200, body) is None


def test_an_ambiguous_symbol_names_its_types() -> None:
    """The caller reads the possible types from the error."""
    data = {"available_types": ["stock", "indices"]}
    error = error_of(
        400, {"code": "AMBIGUOUS_SYMBOL", "message": "m", "data": data}, symbol="000001"
    )
    assert error is not None
    assert error.available_types == ("stock", "indices")
    assert "'000001'" in str(error)
    assert "stock, indices" in str(error)


def test_a_key_in_the_services_message_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that repeats the key in its message does not get it into the error."""
    monkeypatch.setenv("TICKDB_API_KEY", "plainsecret99")
    error = error_of(400, {"code": 2001, "message": "bad plainsecret99 and tk_live_abc123"})
    assert "plainsecret99" not in str(error)
    assert "abc123" not in str(error)


def test_an_error_survives_pickling() -> None:
    """A worker process hands its error over with all its fields."""
    error = errors.RateLimitError(
        "Slow.", code="3001", retryable=True, retry_after=3.0, symbol="AAPL.US"
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.RateLimitError
    assert vars(copy) == vars(error)
    assert str(copy) == "Slow."


def test_the_page_lists_every_class_and_code() -> None:
    """The table of docs/data.md is the table of the code: the same classes, each with its codes."""
    page = Path(__file__).resolve().parent.parent / "docs" / "data.md"
    rows = re.findall(
        r"^\| `(\w+Error)` \| ([^|]*)\|", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    expected: dict[str, list[str]] = {
        name: sorted(code for code, rule in CODES.items() if rule.error is found)
        for name, found in vars(errors).items()
        if isinstance(found, type)
        and issubclass(found, errors.TickDBError)
        and found is not errors.TickDBError
    }
    assert {name: sorted(codes.split()) for name, codes in rows} == expected
