"""Logging: no key in any line, whoever logs it and however, and no file read for it."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path
from types import TracebackType

import pytest

from quant_team_utils import log, settings

KEY = "tk_live_0123456789abcdef"
PLAIN = "0123456789-abcdef"
LOGGER = "library.deep.child"
Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def formatted(record: logging.LogRecord) -> str:
    return log.RedactingFormatter().format(record)


def record(message: str, *arguments: object, exc_info: Raised | None = None) -> logging.LogRecord:
    return logging.LogRecord(LOGGER, logging.DEBUG, "x.py", 1, message, arguments, exc_info)


def env_file(folder: Path, text: str) -> Path:
    """Write a `.env` that has not been touched for a while."""
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1, 1))
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    return tmp_path


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
        f"Authorization: Bearer {KEY}",
        f"Authorization: Basic {KEY}",
        f"(b'X-API-Key', b'{KEY}')",
        f"APCA-API-SECRET-KEY: {KEY}",
        f"postgres://quant:{KEY}@db.internal/prices",
        f"curl -u quant:{KEY} https://host",
        f"started with --api-key {KEY}",
        f'{{"env": "TICKDB_API_KEY=\\"{KEY}\\""}}',
        f"the key {KEY} was refused",
    ],
)
def test_whatever_looks_like_a_key_is_hidden(line: str) -> None:
    """A key unknown to this process is hidden where its shape or its neighbour gives it away."""
    assert KEY not in formatted(record("%s", line))
    betrayed_by_its_place = "the key" not in line
    assert betrayed_by_its_place == (PLAIN not in formatted(record(line.replace(KEY, PLAIN))))
    assert "***" in formatted(record(line.replace("%", "%%")))


def test_what_is_not_a_key_stays() -> None:
    """A sentence about keys is not hidden."""
    line = "TICKDB_API_KEY is not set; the secret: none; token bucket is empty"
    assert line in formatted(record("%s", line))


def test_a_known_value_is_hidden_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value of a secret variable is hidden in messages, arguments and tracebacks."""
    value = "plain-old-value"
    monkeypatch.setenv("TICKDB_API_KEY", value)
    error = ValueError(f"cannot open {value}")
    raised = (ValueError, error, None)
    text = formatted(record("%s and %r", value, {"k": value}, exc_info=raised))
    assert value not in text
    assert "ValueError: cannot open ***" in text


def test_a_key_that_no_setting_names_is_hidden(tmp_path: Path) -> None:
    """A key passed as an argument, of no shape that betrays it."""
    planted = f"planted-{tmp_path.name}"
    assert planted in formatted(record(planted))
    log.hide(planted)
    assert formatted(record(planted)).endswith("***")


FORGED = "2026-01-01 00:00:00,000 | INFO | quant_team_data.lock | locked"


def test_no_text_begins_a_line() -> None:
    """Neither a message, nor its arguments, nor the name of a logger forges a record."""
    line = formatted(record(f"a\n{FORGED}\r%s", f"\x1b[2J\n{FORGED}"))
    assert line.count("\n") == 0
    assert line.isprintable()
    assert r"a\n2026" in line


def test_no_line_of_a_traceback_begins_as_a_record() -> None:
    """They are indented, and what an exception says is escaped."""
    error = ValueError(f"x\n{FORGED}\n\x1b[2J价格")
    told = record("failed", exc_info=(ValueError, error, None))
    told.stack_info = f"Stack\n{FORGED}"
    first, *rest = formatted(told).split("\n")
    assert first.endswith("| failed")
    assert rest == [
        "    ValueError: x",
        f"    {FORGED}",
        r"    \x1b[2J价格",
        "    Stack",
        f"    {FORGED}",
    ]


def test_a_traceback_that_another_handler_wrote_is_redacted() -> None:
    """A plain formatter leaves its text in the record."""
    error = ValueError(f"api_key={KEY}\n{FORGED}")
    told = record("failed", exc_info=(ValueError, error, None))
    logging.Formatter().format(told)
    assert KEY not in formatted(told)
    told.exc_info = None  # as a queue leaves it
    assert KEY not in formatted(told)
    assert f"\n    {FORGED}" in formatted(told)


def test_a_guarded_library_logs_cleanly_in_any_handler(caplog: pytest.LogCaptureFixture) -> None:
    """A notebook's own handler shows neither the key nor an escape."""
    log.guard("library.guarded", "library.guarded")
    caplog.set_level(logging.DEBUG)
    logging.getLogger("library.guarded").debug("x-api-key: %s\n%s", KEY, "\x1b[2J")
    logging.getLogger("library.free").debug("x-api-key: %s", KEY)
    guarded, free = caplog.messages
    assert guarded == r"x-api-key: ***\n\x1b[2J"
    assert KEY in free


def test_a_value_in_the_file_is_hidden(project: Path) -> None:
    """Also where the environment wins, and each key of a ring by itself."""
    env_file(
        project, "TICKDB_API_KEY=plain-old-value\nSECRETS_ENCRYPTION_KEY=first-one, second-one"
    )
    text = formatted(record("plain-old-value first-one second-one"))
    assert text.endswith("*** *** ***")


def test_a_record_reads_no_file(project: Path) -> None:
    """Once the secrets are known, they are read again with the next setting, not for a record."""
    env_file(project, "TICKDB_API_KEY=plain-old-value\n")
    assert formatted(record("plain-old-value")).endswith("***")
    env_file(project, "TICKDB_API_KEY=plain-new-key\n")
    assert formatted(record("plain-old-value")).endswith("***")
    assert settings.get("TICKDB_API_KEY") == "plain-new-key"
    assert formatted(record("plain-new-key")).endswith("***")


@pytest.mark.parametrize("text", ["TICKDB_API_KEY: x\n", 'A="open\n', "my notes\n", "<<<<<<< a\n"])
def test_an_unreadable_file_is_no_recursion(
    project: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """With a line in `.env` that cannot be read, a record is one line like any other."""
    env_file(project, text)
    stream = logged(monkeypatch)
    logging.getLogger(LOGGER).warning("hello")
    assert stream.getvalue().endswith("| WARNING | library.deep.child | hello\n")
    assert stream.getvalue().count("\n") == 1


def test_library_loggers_go_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`configure` covers every logger below the root, and a second call adds no second handler."""
    stream = logged(monkeypatch)
    log.configure(logging.DEBUG)
    logging.getLogger("websockets.client").debug("GET /v1/realtime?api_key=%s", KEY)
    assert stream.getvalue().count("GET /v1/realtime") == 1
    assert KEY not in stream.getvalue()


def logged(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Configure the root logger and return what it writes to."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    log.configure(logging.DEBUG)
    return stream
