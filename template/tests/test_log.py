"""Logging: no key in any line, whoever logs it and however."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from quant_team_utils import log

KEY = "tk_live_0123456789abcdef"


def formatted(record: logging.LogRecord) -> str:
    return log.RedactingFormatter().format(record)


def record(message: str, *arguments: object, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord(
        "library.deep.child", logging.DEBUG, "x.py", 1, message, arguments, exc_info
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        f"> GET /v1/realtime?api_key={KEY} HTTP/1.1",
        f"wss://host/v1/realtime?x=1&api_key={KEY}&y=2",
        f"headers: {{'X-API-Key': '{KEY}'}}",
        f"x-api-key: {KEY}",
        f"TICKDB_API_KEY={KEY}",
        f"SECRETS_ENCRYPTION_KEY = '{KEY}'",
        f"Authorization: {KEY}",
        f"the key {KEY} was refused",
    ],
)
def test_whatever_looks_like_a_key_is_hidden(line: str) -> None:
    """Even a key that this process does not know is hidden where its shape or its neighbour gives it away."""
    assert KEY not in formatted(record("%s", line))
    assert "***" in formatted(record(line.replace("%", "%%")))


def test_a_known_value_is_hidden_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value of a secret variable is hidden in messages, arguments and tracebacks, whatever its shape."""
    monkeypatch.setenv("TICKDB_API_KEY", "plain-old-value")
    try:
        raise ValueError("cannot open plain-old-value")
    except ValueError:
        text = formatted(
            record(
                "%s and %r", "plain-old-value", {"k": "plain-old-value"}, exc_info=sys.exc_info()
            )
        )
    assert "plain-old-value" not in text
    assert "Traceback" in text


def test_library_loggers_go_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`configure` covers every logger below the root, and a second call adds no second handler."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    log.configure(logging.DEBUG)
    log.configure(logging.DEBUG)
    logging.getLogger("websockets.client").debug("GET /v1/realtime?api_key=%s", KEY)
    assert stream.getvalue().count("GET /v1/realtime") == 1
    assert KEY not in stream.getvalue()
