"""Settings: the process environment first, then the project's `.env`, read at call time.

`VARIABLES` is the one list of what the code reads; a test compares it with `.env.example`.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from quant_team_utils.errors import QuantError
from quant_team_utils.paths import ProjectNotFoundError, project_root

ENV_FILE = ".env"
MOST_CHARACTERS = 1 << 20  # of a `.env`
PLACEHOLDERS = frozenset({"tk_live_your_key_here", "tk_live_xxxxxxxxxxxxxxxxxxxxxxxx"})


@dataclass(frozen=True)
class Variable:
    """A variable that the code reads.

    Attributes:
        name: as in the environment and in `.env`.
        secret: whether its value is hidden wherever it would be shown.
        default: its value where it is unset, if it has one.
    """

    name: str
    secret: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Setting:
    """The value of a variable and where it came from.

    Attributes:
        name: the variable.
        value: its value, or None if it is unset and has no default.
        source: `environment`, `.env` or `default`; None if it is unset.
    """

    name: str
    value: str | None
    source: str | None


VARIABLES = {
    variable.name: variable
    for variable in (
        Variable("TICKDB_BASE_URL"),
        Variable("TICKDB_API_KEY", secret=True),
        Variable("DEFAULT_BACKTEST_START", default="2020-01-01"),
        Variable("DEFAULT_BACKTEST_END", default="2024-12-31"),
        Variable("SECRETS_DIR", default="/secrets"),
        Variable("SECRETS_ENCRYPTION_KEY", secret=True),
        Variable("QUANT_ROOT"),
    )
}
_SECRETS = [variable.name for variable in VARIABLES.values() if variable.secret]


class EnvFileError(QuantError):
    """The project's `.env` is there but cannot be read; the text never quotes it."""


def env_file() -> Path:
    """Return the path of the project's `.env`, whether or not it exists."""
    return project_root() / ENV_FILE


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a dotenv file, or an empty dict if there is no such file.

    A file that has not changed since it was last read is not read again.

    Raises:
        EnvFileError: the file cannot be read, is not UTF-8 text, or has a line that is not
            `NAME=value`, a comment or blank.
    """
    return dict(_contents(str(path)).checked())


def lookup(name: str) -> Setting:
    """Return the setting of a variable of `VARIABLES`; blank counts as unset.

    Raises:
        KeyError: the code asks for a variable that is not in `VARIABLES`.
        EnvFileError: `.env` cannot be read.
    """
    variable = VARIABLES[name]
    value = os.environ.get(name, "").strip()
    if value:
        return Setting(name, value, "environment")
    try:
        value = _contents(str(env_file())).checked().get(name, "").strip()
    except ProjectNotFoundError:
        # A wheel on a production host has no checkout: the environment is all there is.
        value = ""
    if value:
        return Setting(name, value, ENV_FILE)
    return Setting(name, variable.default, "default" if variable.default is not None else None)


def get(name: str) -> str | None:
    """Return the value of a variable of `VARIABLES`, or None if it is unset and has no default.

    Raises:
        EnvFileError: `.env` cannot be read.
    """
    return lookup(name).value


def is_placeholder(value: str) -> bool:
    """Tell whether a key is one of the examples in documents, which counts as no key."""
    return value in PLACEHOLDERS


def secret_values() -> list[str]:
    """Return the values of all secret variables that are set anywhere, for redaction.

    Each log record asks, so it never raises, never logs, and reads `.env` only the first time: what
    changes there reaches this process, and this list, with the next setting that is read.
    """
    try:
        # Called for every record of a log, and so without a Path.
        folder = os.getcwd()  # noqa: PTH109
        path = _env_file_of(os.environ.get("QUANT_ROOT"), folder)
    except OSError:
        path = None  # the working directory is gone
    values: list[str] = []
    if path is not None:
        contents = _known.get(path) or _contents(path)
        values += contents.secrets
    for name in _SECRETS:
        value = os.environ.get(name)
        if value:
            values += _parts(value)
    return values


# --- the reader of .env


class _Contents(NamedTuple):
    """What a dotenv file held when its stamp was taken."""

    stamp: tuple[int, ...] | None
    values: dict[str, str]
    secrets: tuple[str, ...] = ()
    fault: str | None = None

    def checked(self) -> dict[str, str]:
        if self.fault is not None:
            raise EnvFileError(self.fault)
        return self.values


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SETTLED = 2.0  # seconds: the coarsest time stamp of a file system
_known: dict[str, _Contents] = {}


@lru_cache(maxsize=8)
def _env_file_of(named: str | None, folder: str) -> str | None:
    """Return `env_file()`, looked for once for each value of `QUANT_ROOT` and working directory."""
    try:
        return str(env_file())
    except QuantError:
        return None


def _contents(path: str) -> _Contents:
    """Return what a dotenv file holds now, read only if it changed."""
    stamp = _stamp(path)
    known = _known.get(path)
    if known is None or stamp is None or known.stamp != stamp:
        known = _read(Path(path), stamp)
        _known[path] = known
        _env_file_of.cache_clear()  # a project may have come into being
    return known


def _stamp(path: str) -> tuple[int, ...] | None:
    """Return what changes with the file, or None where that cannot be told."""
    try:
        found = os.stat(path)  # noqa: PTH116 - called often
    except OSError:
        return None
    # A file of this very moment may change once more without a new time stamp.
    if time.time() - found.st_mtime < _SETTLED:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path, stamp: tuple[int, ...] | None) -> _Contents:
    """Read and parse a dotenv file; a fault is kept with what could be read."""
    text = ""
    reason = None
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except FileNotFoundError:
        if path.is_symlink():
            reason = "it is a link to a file that does not exist"
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    if len(text) > MOST_CHARACTERS:
        reason = "it is too large"
    if reason is not None:
        fault = f"Cannot read {path} ({reason}): make it a text file that you own with mode 600."
        return _Contents(stamp, {}, fault=fault)
    values, line = _parsed(text)
    found = [_parts(values.get(name, "")) for name in _SECRETS]
    secrets = tuple(itertools.chain.from_iterable(found))
    if not line:
        return _Contents(stamp, values, secrets)
    fault = (
        f"Cannot read line {line} of {path}: "
        "write NAME=value and close every quote, or put # before a note."
    )
    return _Contents(stamp, values, secrets, fault)


def _parsed(text: str) -> tuple[dict[str, str], int]:
    """Return the variables of a text, and the number of the first line that is none, or 0."""
    from dotenv.parser import parse_stream

    values = {}
    first_bad = 0
    for binding in parse_stream(io.StringIO(text)):
        name, value = binding.key, binding.value
        is_note = name is None and not binding.error
        if is_note:
            continue
        if name is not None and value is not None and _NAME.fullmatch(name) and "\0" not in value:
            values[name] = value
        elif not first_bad:
            # The parser counts from the blank lines above.
            original = binding.original
            blank = original.string[: -len(original.string.lstrip())]
            first_bad = original.line + blank.count("\n")
    return values, first_bad


def _parts(value: str) -> list[str]:
    """Return a secret as it may appear: an encryption key may be a ring, with commas between."""
    return [part.strip() for part in value.split(",") if part.strip()]
