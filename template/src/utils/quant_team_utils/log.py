"""Logging that redacts: the one formatter through which every line of this project goes.

A formatter, not a filter: it sees the finished line, with arguments and traceback, of every logger
below the root, libraries included. `websockets`, for one, logs the whole URL with its key at DEBUG.
"""

from __future__ import annotations

import logging
import re
import sys

from quant_team_utils import settings

FORMAT = "%(asctime)s | %(levelname)s | %(name)s | %(message)s"
HIDDEN = "***"
_PATTERNS = (
    re.compile(r"(?i)([?&](?:api_?key|token|secret|signature|password)=)[^&\s\"'#]+"),
    re.compile(r"(?i)((?:x-api-key|authorization)[\"']?\s*[:=,]\s*[b]?[\"']?)[^\s\"',;)]+"),
    re.compile(r"(?i)((?:api|secret|encryption)_key\s*[=:]\s*[\"']?)[^\s\"',;)]+"),
    re.compile(r"(tk_(?:live|test)_)[A-Za-z0-9_-]+"),
)


def redact(text: str) -> str:
    """Return the text with every known secret value, and whatever looks like a key, replaced by `***`."""
    for value in settings.secret_values():
        if len(value) >= 6:
            text = text.replace(value, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


class RedactingFormatter(logging.Formatter):
    """A formatter that redacts the whole line: message, arguments, traceback."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure(level: int = logging.WARNING) -> None:
    """Send the root logger to standard error through the redacting formatter; a second call only sets the level."""
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, RedactingFormatter) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(RedactingFormatter())
        root.addHandler(handler)
    root.setLevel(level)
