"""Logging that redacts: the one formatter through which every line of this project goes.

A formatter, not a filter: it sees the finished line, with arguments and traceback, of every logger
below the root, libraries included. `websockets`, for one, logs the whole URL with its key at DEBUG.
It must never log itself, nor read a file for each record.
"""

from __future__ import annotations

import logging
import re
import sys

from quant_team_utils import settings
from quant_team_utils.secret_patterns import PLACES, SHAPES

FORMAT = "%(asctime)s | %(levelname)s | %(name)s | %(message)s"
HIDDEN = "***"
_SHORTEST = 6  # a shorter value of a secret variable would hide parts of words
_PATTERNS = [re.compile(pattern) for pattern in (*SHAPES.values(), *PLACES.values())]
# Every pattern needs one of these; a test holds it. Looking for them is ten times as quick.
_HINTS = (
    "key", "secret", "token", "passw", "authorization", "signature", "bearer", "tk_",
    "akia", "asia", "ghp_", "gho_", "ghs_", "ghr_", "ghu_", "github_pat", "glpat", "xox",
)  # fmt: skip


def redact(text: str) -> str:
    """Return the text with every known secret, and whatever looks like one, replaced by `***`."""
    for value in settings.secret_values():
        if len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    if _may_hold_a_secret(text.lower()):
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def _may_hold_a_secret(lowered: str) -> bool:
    for hint in _HINTS:  # noqa: SIM110 - `any` takes twice the time, and each record comes here
        if hint in lowered:
            return True
    return False


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
