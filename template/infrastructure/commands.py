"""The command `quant access`: compile what follows from the roster."""

from __future__ import annotations

import click

from infrastructure.access import compile as compile_files
from infrastructure.access import warnings
from quant_team_utils import roster
from quant_team_utils.paths import project_root


@click.group()
def access() -> None:
    """Compile the access files from the roster."""


@access.command("compile")
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; exit 1 and name the files that are not current.",
)
def compile_command(check: bool) -> None:
    """Write CODEOWNERS from infrastructure/permissions.yaml."""
    root = project_root()
    for path in compile_files(root, check):
        verb = "wrote" if (root / path).exists() else "removed"
        click.echo(f"{verb} {path}")
    for warning in warnings(roster.load(root)):
        click.echo(f"warning: {warning}", err=True)
