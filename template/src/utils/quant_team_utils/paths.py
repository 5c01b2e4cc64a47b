"""Where the project is: one rule for commands, notebooks, tests and hooks."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from quant_team_utils.console import printable
from quant_team_utils.errors import QuantError

MARKER = ".copier-answers.yml"
LONGEST = 300  # characters of a path that a sentence repeats


class ProjectNotFoundError(QuantError):
    """No project root was found from the working directory or from this file."""


class HomeNotFoundError(QuantError):
    """This user has no home folder."""


def project_root() -> Path:
    """Return the absolute path of the team repository.

    `QUANT_ROOT` wins; then the nearest folder upward from the working directory that holds
    `.copier-answers.yml`; then the nearest one upward from this file.

    Raises:
        ProjectNotFoundError: there is none, or `QUANT_ROOT` does not name a folder.
    """
    named = os.environ.get("QUANT_ROOT")
    if named:
        with suppress(OSError, RuntimeError):  # a name that is too long, a link to itself
            root = Path(named).resolve()
            if root.is_dir():
                return root
        raise ProjectNotFoundError(
            f"QUANT_ROOT names {printable(named[:LONGEST])}, which is not a folder: "
            "correct or unset it."
        )
    starts = [Path(__file__).resolve().parent]
    with suppress(OSError):  # it may have been removed
        starts.insert(0, Path.cwd())
    for start in starts:
        for folder in (start, *start.parents):
            if (folder / MARKER).is_file():
                return folder
    raise ProjectNotFoundError(
        f"No {MARKER} in {starts[0]} or above it: "
        "change into the team repository, or set QUANT_ROOT to it."
    )


def user_cache() -> Path:
    """Return the project's folder in this user's cache, where the platform keeps caches.

    `LOCALAPPDATA` on Windows, `~/Library/Caches` on macOS, else `XDG_CACHE_HOME` or `~/.cache`.

    Raises:
        HomeNotFoundError: the user has no home folder, and no variable names another one.
    """
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        base = Path(local) if local else _home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = _home() / "Library" / "Caches"
    else:
        named = os.environ.get("XDG_CACHE_HOME", "")
        # The standard: a relative path is to be ignored.
        base = Path(named) if Path(named).is_absolute() else _home() / ".cache"
    return base / "quant-team"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise HomeNotFoundError(
            "This user has no home folder: set HOME to a folder in which caches may be kept."
        ) from None
