"""Checks of this machine: Python, packages, `.env`, settings, whose code runs, market data.

A check is a function of the project root that returns a `Check`; `doctor.py` lists them.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from quant_team_cli.main import INSTALL
from quant_team_utils import git, settings
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import MARKER

ENVIRONMENT = ".venv"  # where the documents make the environment
OTHERS = 0o077  # the mode bits of everybody but the owner
# How pip and uv name the interpreter: in the first line, or through sh if it is long.
_LONG = rb"#!/bin/sh\n'''exec' [\"']?(?P<long>/[^\"'\n]+?)[\"']? \"\$0\""
_SHEBANG = re.compile(_LONG + rb"|#!(?P<plain>/\S+)\n")


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        name: of the check, as it is printed.
        state: `fail` makes `quant doctor` exit with 1.
        detail: what was found, on one line.
        fix: the command that fixes it, if it is not ok.
    """

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    fix: str | None = None


def setup_line() -> str:
    """Return how `quant setup` is typed here: with a path if `quant` on PATH is another one."""
    script = shutil.which("quant", path=str(Path(sys.executable).parent))
    found = shutil.which("quant")
    if script is None or (found and Path(found).samefile(script)):
        return "quant setup"
    return f'"{script}" setup'


def rebuild_line() -> str:
    """Return the line that makes the environment anew, wherever the folder is now."""
    if os.name == "nt":
        python, scripts = "py", rf"{ENVIRONMENT}\Scripts\\"[:-1]
    else:
        python, scripts = "python3", f"{ENVIRONMENT}/bin/"
    return (
        f"{python} -m venv --clear {ENVIRONMENT} && "
        f"{scripts}python -m {INSTALL} && {scripts}quant setup"
    )


def check_python(root: Path) -> Check:
    """Python runs in an environment of its own, and the folder's own has not been moved."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    here = f"{version} at {sys.executable}"
    outside = sys.prefix == sys.base_prefix and not os.environ.get("CONDA_PREFIX")
    if is_stale(root / ENVIRONMENT):
        detail = f"{ENVIRONMENT} was made in another folder or for a Python that is gone"
        return Check("python", "fail" if outside else "warn", detail, rebuild_line())
    if outside:
        return Check("python", "warn", f"{here}, outside any environment", rebuild_line())
    return Check("python", "ok", here)


def is_stale(environment: Path) -> bool:
    """Tell whether an environment has lost its interpreter, or its scripts name another folder.

    A folder that is not an environment, or not there, is not stale.
    """
    if not (environment / "pyvenv.cfg").is_file():
        return False
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / Path(sys.executable).name
    if not any((scripts / name).exists() for name in (python.name, "python", "python.exe")):
        return True
    named = _interpreter(scripts / "quant")
    return named is not None and not _is_inside(named, environment)


def _interpreter(script: Path) -> Path | None:
    """Return the interpreter that a script's first lines name, if it is such a script."""
    try:
        with script.open("rb") as file:
            found = _SHEBANG.match(file.read(1024))
    except OSError:
        return None
    if found is None:
        return None
    return Path(os.fsdecode((found["plain"] or found["long"]).strip()))


def _is_inside(path: Path, folder: Path) -> bool:
    # Only the folder's own links are resolved: the interpreter is itself a link out of it.
    return path.is_file() and path.parent.resolve().is_relative_to(folder.resolve())


def pins(root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of each pin that holds on this machine.

    Args:
        root: the team repository, whose two requirement files are read.

    Raises:
        QuantError: one of them is not text.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    for line in _requirement_lines(root):
        try:
            pin = Requirement(line.partition("#")[0].strip())
            holds = pin.marker is None or pin.marker.evaluate()
        except (InvalidRequirement, ValueError):
            continue  # a blank line, a comment, an option of pip
        version = str(pin.specifier)
        if version.startswith("==") and holds:
            yield pin.name, version.removeprefix("==")


def _requirement_lines(root: Path) -> Iterator[str]:
    for name in ("requirements.txt", "requirements-team.txt"):
        path = root / name
        if not path.exists():
            continue
        try:
            yield from path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise QuantError(
                f"{name} is not UTF-8 text: `git diff -- {name}` shows what changed."
            ) from None


def check_packages(root: Path) -> Check:
    """Every package is installed at the version that the team pinned."""
    differing = []
    count = 0
    for name, wanted in pins(root):
        count += 1
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            differing.append(f"{name} is missing")
            continue
        if installed != wanted:
            differing.append(f"{name} is {installed}, not {wanted}")
    if differing:
        return Check("packages", "fail", listed(differing), INSTALL)
    if not count:
        detail = "requirements.txt has no pins"
        return Check("packages", "fail", detail, "git checkout HEAD -- requirements.txt")
    return Check("packages", "ok", f"{count} pins are installed")


def listed(names: list[str]) -> str:
    """Return the first three names, and how many more there are."""
    shown = ", ".join(names[:3])
    more = len(names) - 3
    return f"{shown} and {more} more" if more > 0 else shown


def check_env_file(root: Path) -> Check:
    """`.env` is there, readable, for the owner only, and not in git."""
    name = "environment file"
    path = root / settings.ENV_FILE
    if not os.path.lexists(path):
        return Check(name, "fail", f"there is no {path.name}", setup_line())
    settings.read_env_file(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & OTHERS:
        # A link is followed: the mode that counts is its target's.
        target = path.resolve() if path.is_symlink() else Path(path.name)
        detail = f"{target} has mode {mode:03o}: others can read it"
        return Check(name, "fail", detail, f"chmod 600 {target}")
    for tracked in git.run(root, "ls-files", ".env", ".env.*").splitlines():
        if tracked != ".env.example":
            fix = f"git rm --cached {tracked}, then rotate its keys"
            return Check(name, "fail", f"{tracked} is in git", fix)
    return Check(name, "ok", f"{path.name}, mode {mode:03o}" if os.name == "posix" else path.name)


def check_settings(root: Path) -> Check:
    """Which source won for each variable; secrets are not shown."""
    shown = []
    for variable in settings.VARIABLES.values():
        setting = settings.lookup(variable.name)
        if setting.value is None or setting.source == "default":
            continue
        value = "(set)" if variable.secret else f"={setting.value}"
        shown.append(f"{variable.name}{value} from {setting.source}")
    return Check("settings", "ok", ", ".join(shown) or "all at their defaults")


def check_code(root: Path, prefix: str | None = None) -> Check:
    """The code that runs is this clone's, not another checkout's.

    Args:
        root: the team repository.
        prefix: the environment that runs; default: `sys.prefix`.
    """
    from quant_team_utils import origin

    foreign = origin.foreign_modules(root)
    if not foreign:
        return Check("code", "ok", "`quant` runs the code of this clone")
    if _needs_an_environment(root, Path(prefix or sys.prefix)):
        detail = f"`quant` runs {foreign[0]}, which is not in this clone"
        return Check("code", "fail", detail, rebuild_line())
    return Check("code", "fail", origin.explain(root, foreign))


def _needs_an_environment(root: Path, running: Path) -> bool:
    """Tell whether a clone has no environment that can be used, and must not take the running one.

    That of another checkout is not to be taken: it would then run this clone's code there.
    """
    own = root / ENVIRONMENT
    if is_stale(own):
        return True
    is_anothers = (running.resolve().parent / MARKER).is_file()
    return is_anothers and not own.exists()


def check_service(root: Path) -> Check:
    """The market-data service answers; the sandbox is called what it is."""
    from quant_team_data import data_client
    from quant_team_data.commands import probe_service
    from quant_team_data.errors import AuthError, ConfigError, TickDBError, TransportError

    name = "market data"
    env_file = root / settings.ENV_FILE
    try:
        address, source = probe_service()
    except AuthError as error:
        fix = f"correct TICKDB_API_KEY in {env_file}, then `quant doctor`"
        return Check(name, "fail", str(error), fix)
    except ConfigError as error:
        fix = f"correct TICKDB_BASE_URL in {env_file}, then `quant doctor`"
        return Check(name, "fail", str(error), fix if env_file.exists() else setup_line())
    except TransportError as error:
        fix = "`quant doctor` with the network back, or TICKDB_BASE_URL=sandbox"
        return Check(name, "fail", str(error), fix)
    except TickDBError as error:
        return Check(name, "fail", str(error), "`quant -v doctor` in a few minutes")
    if source == "sandbox":
        synthetic = f"{address} answers: prices are SYNTHETIC"
        return Check(name, "ok", data_client.notice() or synthetic)
    return Check(name, "ok", f"{address} answers and accepts the key")
