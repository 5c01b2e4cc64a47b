"""Settings: the process environment first, then the project's `.env`, read at call time.

`VARIABLES` is the one list of what the code reads; a test compares it with `.env.example`.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

from quant_team_utils.errors import QuantError
from quant_team_utils.paths import ProjectNotFoundError, project_root

ENV_FILE = ".env"
PLACEHOLDERS = frozenset({"tk_live_your_key_here", "tk_live_xxxxxxxxxxxxxxxxxxxxxxxx"})


@dataclass(frozen=True)
class Variable:
    """A variable that the code reads: its name, whether its value is a secret, and the default if it is unset."""

    name: str
    secret: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Setting:
    """The value of a variable and where it came from: `environment`, `.env`, `default`, or None if it is unset."""

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


class EnvFileError(QuantError):
    """The project's `.env` is there but cannot be read."""


def env_file() -> Path:
    """Return the path of the project's `.env`, whether or not it exists."""
    return project_root() / ENV_FILE


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a dotenv file, or an empty dict if there is no such file.

    Raises:
        EnvFileError: the file cannot be read, or is not UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise EnvFileError(
            f"Cannot read {path} ({reason}): make it a text file that you own with mode 600."
        ) from None
    from dotenv import dotenv_values

    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}


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
        value = read_env_file(env_file()).get(name, "").strip()
    except ProjectNotFoundError:
        value = ""  # an installed wheel on a production host has no checkout: the environment is all there is
    if value:
        return Setting(name, value, ENV_FILE)
    return Setting(name, variable.default, "default" if variable.default is not None else None)


def get(name: str) -> str | None:
    """Return the value of a variable of `VARIABLES`, or None if it is unset and has no default."""
    return lookup(name).value


def is_placeholder(value: str) -> bool:
    """Tell whether a key is one of the examples that stand in documents, which counts as no key."""
    return value in PLACEHOLDERS


def secret_values() -> list[str]:
    """Return the values of all secret variables that are set, for redaction; never raises."""
    try:
        found = [get(variable.name) for variable in VARIABLES.values() if variable.secret]
    except QuantError:
        found = [
            os.environ.get(variable.name) for variable in VARIABLES.values() if variable.secret
        ]
    # An encryption key may be a ring of several, with commas between them.
    return [part for value in found if value for part in value.split(",") if part]
