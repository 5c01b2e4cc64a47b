"""`quant doctor`: what is wrong here, and the line that fixes it.

A check is a function of the project root that returns a `Check`. Each concern keeps its own in its
own room; `CHECKS` names them in the order in which they are printed.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, cast

import click

from quant_team_utils import git, roster, settings
from quant_team_cli.main import load
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

CHECKS = {
    "python": "quant_team_cli.doctor:check_python",
    "packages": "quant_team_cli.doctor:check_packages",
    "environment file": "quant_team_cli.doctor:check_env_file",
    "settings": "quant_team_cli.doctor:check_settings",
    "market data": "quant_team_data.commands:check_service",
    "git hooks": "quant_team_cli.doctor:check_hooks",
    "ignored files": "quant_team_cli.doctor:check_ignored",
    "identity": "quant_team_cli.doctor:check_identity",
    "roster": "infrastructure.access:check_roster",
    "access files": "infrastructure.access:check_compiled",
    "template": "quant_team_cli.template:check_template",
    "last update": "quant_team_cli.template:check_leftovers",
}
# What git runs, and so must be recorded as executable.
PROGRAMS = ("hooks/commit-msg", "hooks/pre-commit", "hooks/pre-push", "hooks/strip-notebook")
# What a hook of ours says and no other tool's does.
OURS = {"hooks/commit-msg": "commit_message.py", "hooks/pre-commit": ".pre-commit-config.yaml"}
INSTALL = "pip install -r requirements.txt"
SETUP = "quant setup"


@dataclass(frozen=True)
class Check:
    """What one check found; a `fix` is the command that mends it."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    fix: str | None = None


def hook_settings() -> dict[str, str]:
    """Return the git configuration of this clone: hooks, their Python, the notebook filter."""
    return {
        "core.hooksPath": "hooks",
        # Hooks run in programs that know no virtual environment, so the interpreter is named in
        # full.
        "quant.python": Path(sys.executable).as_posix(),
        "filter.quant-notebook.clean": "hooks/strip-notebook",
        "filter.quant-notebook.smudge": "cat",
        "filter.quant-notebook.required": "true",
    }


def examine(root: Path) -> Iterator[Check]:
    """Yield the result of every check; one that raises a `QuantError` has failed with that sentence."""
    for name, target in CHECKS.items():
        try:
            yield cast("Callable[[Path], Check]", load(target))(root)
        except QuantError as error:
            yield Check(name, "fail", str(error))
        except ImportError as error:
            yield Check(
                name, "fail", f"{error.name or error} is not installed in {sys.executable}", INSTALL
            )


def report(root: Path) -> bool:
    """Print every check as a line, with the command that mends it; return whether none failed."""
    passed = True
    for check in examine(root):
        passed = passed and check.state != "fail"
        mark = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}[check.state]
        fix = f"  ->  {check.fix}" if check.fix and check.state != "ok" else ""
        click.echo(f"{mark}  {check.name + ':':<17} {check.detail}{fix}")
    return passed


def check_python(root: Path) -> Check:
    """Python has an environment of its own."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.prefix == sys.base_prefix and not os.environ.get("CONDA_PREFIX"):
        return Check(
            "python",
            "warn",
            f"{version} at {sys.executable}, no environment",
            "python -m venv .venv",
        )
    return Check("python", "ok", f"{version} at {sys.executable}")


def pins(root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of each pin in the two requirement files that holds on this machine."""
    from packaging.requirements import InvalidRequirement, Requirement

    for name in ("requirements.txt", "requirements-team.txt"):
        path = root / name
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            try:
                pin = Requirement(line.partition("#")[0].strip())
            except InvalidRequirement:
                continue  # a blank line, a comment, an option of pip
            version = str(pin.specifier)
            if version.startswith("==") and (pin.marker is None or pin.marker.evaluate()):
                yield pin.name, version.removeprefix("==")


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
        else:
            if installed != wanted:
                differing.append(f"{name} is {installed}, not {wanted}")
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        return Check("packages", "fail", ", ".join(differing[:3]) + more, INSTALL)
    return Check("packages", "ok", f"{count} pins are installed")


def check_env_file(root: Path) -> Check:
    """`.env` is there, readable, for the owner only, and not in git."""
    name = "environment file"
    path = root / settings.ENV_FILE
    if not path.exists():
        return Check(name, "fail", f"there is no {path.name}", SETUP)
    settings.read_env_file(path)
    mode = path.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077:
        return Check(
            name,
            "fail",
            f"{path.name} has mode {mode:03o}: others can read it",
            f"chmod 600 {path.name}",
        )
    tracked = [
        line
        for line in git.run(root, "ls-files", ".env", ".env.*").splitlines()
        if line != ".env.example"
    ]
    if tracked:
        return Check(
            name,
            "fail",
            f"{tracked[0]} is in git",
            f"git rm --cached {tracked[0]}, then rotate its keys",
        )
    return Check(name, "ok", f"{path.name}, mode {mode:03o}" if os.name == "posix" else path.name)


def check_settings(root: Path) -> Check:
    """Which source won for each variable; secrets are not shown."""
    shown = []
    for variable in settings.VARIABLES.values():
        setting = settings.lookup(variable.name)
        if setting.value is not None and setting.source != "default":
            value = "(set)" if variable.secret else f"={setting.value}"
            shown.append(f"{variable.name}{value} from {setting.source}")
    return Check("settings", "ok", ", ".join(shown) or "all at their defaults")


def check_hooks(root: Path) -> Check:
    """The hooks of this repository are the ones git runs, executable, with an interpreter that exists."""
    name = "git hooks"
    if not git.is_repository(root):
        return Check(name, "fail", f"{root} is not a git repository", SETUP)
    for key, wanted in hook_settings().items():
        value = git.config(root, key)
        if key == "quant.python":
            if value is None or shutil.which(value) is None:
                return Check(
                    name,
                    "fail",
                    f"the hooks' interpreter {value or '(unset)'} does not exist",
                    SETUP,
                )
        elif value != wanted:
            return Check(
                name, "fail", f"git config {key} is {value or 'unset'}, not {wanted}", SETUP
            )
    recorded = git.run(root, "ls-files", "--stage", "--", *PROGRAMS).splitlines()
    plain = [line.split("\t")[1] for line in recorded if not line.startswith("100755")]
    if plain or len(recorded) < len(PROGRAMS):
        missing = plain or ["hooks/"]
        return Check(
            name,
            "fail",
            f"{missing[0]} is not recorded as executable",
            f"git update-index --chmod=+x {missing[0]}",
        )
    # Another tool that takes the hooks over changes ours, moves them aside, or commits its own in
    # their place.
    changed = git.run(
        root, "diff", "--name-only", "HEAD", "--", "hooks", ":!hooks/handles"
    ).splitlines()
    changed += [path.relative_to(root).as_posix() for path in root.glob("hooks/*.legacy")]
    changed += [
        hook
        for hook in OURS
        if (root / hook).is_file() and OURS[hook] not in (root / hook).read_text("utf-8")
    ]
    if changed:
        mend = "git checkout HEAD -- hooks && rm -f hooks/*.legacy"
        return Check(
            name, "fail", f"{changed[0]}: another tool has put its own hook in place of ours", mend
        )
    return Check(name, "ok", "commit-msg, pre-commit, pre-push and the notebook filter")


def check_ignored(root: Path) -> Check:
    """Secrets and market data are ignored; the code of the data room is not."""
    name = "ignored files"
    for path, wanted in (
        (".env", True),
        ("data/bars.parquet", True),
        ("src/data/quant_team_data/new.py", False),
    ):
        try:
            git.run(root, "check-ignore", "--quiet", path)
            ignored = True
        except git.GitError:
            ignored = False
        if ignored != wanted:
            detail = f"{path} is {'ignored' if ignored else 'not ignored'} by git"
            return Check(name, "fail", detail, "git checkout HEAD -- .gitignore")
    return Check(name, "ok", ".env and data/ are ignored, src/data/ is not")


def check_identity(root: Path) -> Check:
    """Who sits here is an active member, and git has an author."""
    name = "identity"
    handle = roster.me(root)
    if handle is None:
        return Check(name, "fail", "nobody is set up here", f"{SETUP} --as HANDLE")
    member = roster.find(root, handle)
    if git.config(root, "user.name") is None or git.config(root, "user.email") is None:
        return Check(name, "fail", "git has no user name or e-mail address", SETUP)
    return Check(name, "ok", f"{handle}, {member.role}{', senior' if member.senior else ''}")


@click.command()
def command() -> None:
    """Check this machine and this clone; each failed line ends with the command that mends it."""
    if not report(project_root()):
        sys.exit(1)
