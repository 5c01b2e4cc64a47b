"""`quant doctor`: diagnose this clone and print a fix for each problem.

    for check in examine(project_root()):
        print(check.name, check.state, check.detail, check.fix)

A check that crashes has failed: the doctor never ends in a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from quant_team_cli import checks, checks_repository, edits, git_settings
from quant_team_cli.checks import Check
from quant_team_cli.main import INSTALL
from quant_team_utils import console
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

# In the order in which they are printed.
CHECKS: dict[str, Callable[[Path], Check]] = {
    "python": checks.check_python,
    "packages": checks.check_packages,
    "code": checks.check_code,
    "environment file": checks.check_env_file,
    "settings": checks.check_settings,
    "market data": checks.check_service,
    "git hooks": checks_repository.check_hooks,
    "ignored files": checks_repository.check_ignored,
    git_settings.NAME: git_settings.check_git_settings,
    "identity": checks_repository.check_identity,
    "roster": checks_repository.check_roster,
    "access files": checks_repository.check_compiled,
    "template": checks_repository.check_template,
    "last update": checks_repository.check_update,
    edits.NAME: edits.check_edits,
}
MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_WIDTH = 17  # of the column of names


def examine(
    root: Path, table: Mapping[str, Callable[[Path], Check]] | None = None
) -> Iterator[Check]:
    """Yield the result of every check, in order.

    Args:
        root: the team repository.
        table: the checks by name; default: `CHECKS`.
    """
    for name, function in (CHECKS if table is None else table).items():
        yield _result(name, function, root)


def _result(name: str, function: Callable[[Path], Check], root: Path) -> Check:
    try:
        return function(root)
    except QuantError as error:
        return Check(name, "fail", str(error))
    except ModuleNotFoundError as error:
        detail = f"{error.name or error} is not installed in {sys.executable}"
        return Check(name, "fail", detail, INSTALL)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        detail = f"cannot read {error.filename or 'a file'} ({reason}): make it a file that you own"
        return Check(name, "fail", detail)
    except UnicodeDecodeError:
        return Check(name, "fail", "a file that this check reads is not UTF-8 text: see `git diff`")
    except Exception as error:  # whatever else it is, the other checks still run
        reason = " ".join(str(error).split())[:120]
        detail = f"this check crashed ({type(error).__name__}: {reason}): see `git diff`"
        return Check(name, "fail", detail)


def report(root: Path, table: Mapping[str, Callable[[Path], Check]] | None = None) -> bool:
    """Print every check as a line, with the command that fixes it.

    Args:
        root: the team repository.
        table: the checks by name; default: `CHECKS`.

    Returns:
        Whether none failed.
    """
    from quant_team_utils.log import redact

    passed = True
    for check in examine(root, table):
        passed = passed and check.state != "fail"
        click.echo(redact(_line(check)))
    return passed


def _line(check: Check) -> str:
    mark = console.styled(MARKS[check.state], fg=COLOURS[check.state])
    label = f"{check.name}:".ljust(_WIDTH)
    detail = " ".join(check.detail.split())
    fix = f"  ->  {check.fix}" if check.fix and check.state != "ok" else ""
    return f"{mark}  {label} {console.printable(detail + fix)}"


@click.command()
def command() -> None:
    """Diagnose this machine and this clone; each failed line ends with its fix."""
    if not report(project_root()):
        sys.exit(1)
