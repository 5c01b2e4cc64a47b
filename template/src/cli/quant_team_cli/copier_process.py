"""Copier, as a process: where it is found, and how it is installed where it is not.

Copier is never a dependency of this repository, because a part of its own dependencies is under
the GPL. Where it is not installed, a private environment in the user's cache folder holds it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import click

from quant_team_utils import files
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import user_cache

OLDEST = (9, 19, 1)  # 9.19.0 cannot check out a tagged local template with git 2.39
REQUIREMENT = "copier>=" + ".".join(str(part) for part in OLDEST)


class CopierError(QuantError):
    """Copier is not here and cannot be installed."""


def find() -> list[str]:
    """Return the words that run Copier: from PATH if it is new enough, uvx, pipx, or our own.

    One process asks once, as long as PATH stays: Copier takes half a second to say its version.

    Raises:
        CopierError: none is there and an environment for it cannot be made.
    """
    return list(_find(tuple(os.get_exec_path())))


@cache
def _find(path: tuple[str, ...]) -> list[str]:
    if _is_recent(["copier"]):
        return ["copier"]
    if shutil.which("uvx"):
        return ["uvx", "--from", REQUIREMENT, "copier"]
    if shutil.which("pipx"):
        return ["pipx", "run", "--spec", REQUIREMENT, "copier"]
    return private(user_cache() / "copier")


def present() -> list[str] | None:
    """Return the words that run a Copier that is here already, or None; nothing is installed."""
    candidates = [["copier"], [str(_python(user_cache() / "copier")), "-m", "copier"]]
    if shutil.which("uvx"):
        candidates.append(["uvx", "--offline", "--from", REQUIREMENT, "copier"])
    return next((words for words in candidates if _is_recent(words)), None)


def _is_recent(command: Sequence[str]) -> bool:
    """Tell whether a command is a Copier that is new enough; one that does not run is not."""
    try:
        done = subprocess.run(
            [*command, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout)
    if done.returncode or not found:
        return False
    return tuple(int(part) for part in found.groups()) >= OLDEST


# --- the private environment


def make_environment(folder: Path) -> None:
    """Make a virtual environment with Copier in it, in place of whatever is there.

    Raises:
        CopierError: a step of it failed, for want of a network, say.
    """
    _step(folder, [sys.executable, "-m", "venv", "--clear", str(folder)])
    _step(folder, [str(_python(folder)), "-m", "pip", "install", "--quiet", REQUIREMENT])


def private(folder: Path, make: Callable[[Path], None] = make_environment) -> list[str]:
    """Return the words that run Copier from an environment of its own; make it if need be.

    Args:
        folder: where the environment is; a broken or half-made one is made anew.
        make: makes it.

    Raises:
        CopierError: it cannot be made, or what was made does not run.
    """
    command = [str(_python(folder)), "-m", "copier"]
    with files.locked(folder):
        if not _is_recent(command):
            click.echo(f"Copier is not installed: putting it into {folder} (once) ...", err=True)
            make(folder)
            if not _is_recent(command):
                raise _not_made(folder, "it does not run")
    return command


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _step(folder: Path, command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            command,
            env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        raise _not_made(folder, error.strerror or str(error)) from None
    if done.returncode:
        raise _not_made(folder, last_line(done))


def _not_made(folder: Path, reason: str) -> CopierError:
    return CopierError(
        f"Copier cannot be installed into {folder} ({reason}): check the network, or install it "
        f'yourself with `pipx install "{REQUIREMENT}"`.'
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a process printed."""
    text = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
    return text.splitlines()[-1].strip()
