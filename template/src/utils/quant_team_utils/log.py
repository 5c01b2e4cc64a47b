"""Logging that redacts: the one formatter through which every line of this project goes.

A formatter, not a filter: it sees the finished line, with arguments and traceback, of every logger
below the root, libraries included. `websockets`, for one, logs the whole URL with its key at DEBUG.
It must never log itself, nor read a file for each record. What services and files say is escaped,
so that no text of theirs begins a line.
"""

from __future__ import annotations

import itertools
import logging
import sys

from quant_team_utils import secret_patterns, settings
from quant_team_utils.console import printable

FORMAT = "%(asctime)s | %(levelname)s | %(name)s | %(message)s"
HIDDEN = "***"
INDENT = "    "  # of the lines after the first: none begins as if it were a record
_SHORTEST = 6  # a shorter value of a secret variable would hide parts of words


_hidden: list[str] = []  # secrets that no setting names: keys that were passed as arguments


def hide(secret: str) -> None:
    """Let `redact` hide a secret from now on, also where no setting has it."""
    if secret not in _hidden:
        _hidden.append(secret)


def redact(text: str) -> str:
    """Return the text with every known secret, and whatever looks like one, replaced by `***`."""
    for value in itertools.chain(settings.secret_values(), _hidden):
        if len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    replacement = rf"\g<1>{HIDDEN}"
    for _, pattern in secret_patterns.patterns(text):
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """A formatter that redacts and escapes the whole record: message, arguments, traceback."""

    def __init__(self) -> None:
        """Format as `FORMAT`."""
        super().__init__(FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line; those of a traceback follow, indented."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        line = printable(redact(self.formatMessage(record)))
        if record.exc_info:
            line += _indented(self.formatException(record.exc_info))
        elif record.exc_text:
            line += _indented(record.exc_text)
        if record.stack_info:
            line += _indented(record.stack_info)
        return line


def _indented(text: str) -> str:
    """Return the lines of a traceback as they follow a record."""
    shown = []
    for line in redact(text).split("\n"):
        shown.append(f"\n{INDENT}{printable(line)}")
    return "".join(shown)


class RedactingFilter(logging.Filter):
    """Redacts and escapes the records of a library, for handlers that are not this project's."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record pass, its message and arguments as one clean text."""
        record.msg = printable(redact(record.getMessage()))
        record.args = None
        return True


_filter = RedactingFilter()


def guard(*names: str) -> None:
    """Redact what these loggers log, in whatever handler a notebook or a tool has set up."""
    for name in names:
        logging.getLogger(name).addFilter(_filter)


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
