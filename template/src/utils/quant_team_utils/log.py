"""Logging that redacts: the one formatter through which every line of this project goes.

A formatter, not a filter: it sees the finished line, with arguments and traceback, of every logger
below the root, libraries included. `websockets`, for one, logs the whole URL with its key at DEBUG.
It must never log itself, nor read a file for each record.
"""

from __future__ import annotations

import logging
import sys

from quant_team_utils import secret_patterns, settings

FORMAT = "%(asctime)s | %(levelname)s | %(name)s | %(message)s"
HIDDEN = "***"
_SHORTEST = 6  # a shorter value of a secret variable would hide parts of words


def redact(text: str) -> str:
    """Return the text with every known secret, and whatever looks like one, replaced by `***`."""
    for value in settings.secret_values():
        if len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    for _, pattern in secret_patterns.patterns(text):
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


class RedactingFormatter(logging.Formatter):
    """A formatter that redacts the whole line: message, arguments, traceback."""

    def __init__(self) -> None:
        """Format as `FORMAT`."""
        super().__init__(FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line of a record, redacted."""
        return redact(super().format(record))


def configure(level: int = logging.WARNING) -> None:
    """Send the root logger to standard error, redacted; a second call only sets the level.

    Args:
        level: the lowest level that is shown, as `logging` numbers them.
    """
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, RedactingFormatter) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(RedactingFormatter())
        root.addHandler(handler)
    root.setLevel(level)
