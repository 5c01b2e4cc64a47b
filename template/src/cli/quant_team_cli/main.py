"""The `quant` command: a short table of where each command lives, loaded only when it is called.

Each concern owns its commands in its own room. Listing them imports none of them, so `quant
--help` stays as quick as the command-line library itself.
"""

from __future__ import annotations

import difflib
import importlib
import logging
import sys
from typing import cast

import click

from quant_team_utils.errors import QuantError

# name: (module:object, help line)
COMMANDS = {
    "setup": ("quant_team_cli.setup:command", "Environment file, git, hooks, who I am."),
    "doctor": (
        "quant_team_cli.doctor:command",
        "What is wrong here, and the line that fixes it.",
    ),
    "sandbox": ("quant_team_data.commands:sandbox", "The local TickDB as a server."),
    "data": ("quant_team_data.commands:data", "Market data: fetch, import, lock, verify."),
    "run": ("quant_team_backtest.commands:run", "One backtest, logged."),
    "access": ("infrastructure.commands:access", "Compile the access files from the roster."),
    "team": ("quant_team_cli.team:command", "The roster: list, edit."),
    "template": (
        "quant_team_cli.template:command",
        "The template behind this repository: news, source.",
    ),
}


class Front(click.Group):
    """A group whose commands are named in `COMMANDS` and imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", load(COMMANDS[cmd_name][0]))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean `quant {near[0]}`?" if near else "`quant --help` lists them."
            raise click.UsageError(f"There is no command {name!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def load(target: str) -> object:
    """Import `module:object` and return the object."""
    module, _, name = target.partition(":")
    loaded: object = getattr(importlib.import_module(module), name)
    return loaded


@click.group(cls=Front, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Log more: -v what is fetched, -vv everything.")
def quant(verbose: int) -> None:
    """One command for the team's daily work; `quant COMMAND --help` says more."""
    from quant_team_utils import log

    log.configure({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))


def main() -> None:
    """Run the command line: a `QuantError` becomes one line on standard error and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console or a pipe may not take every character of a message: show it escaped
        # instead of failing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        quant.main(prog_name="quant", standalone_mode=False)
    except QuantError as error:
        from quant_team_utils.log import redact

        click.echo(f"quant: {redact(str(error))}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("quant: stopped.", err=True)
        sys.exit(130)
