"""The `quant` command: a short table of where each command lives, loaded only when it is called.

Each package owns its commands. Listing or completing their names imports none of them, so
`quant --help` stays as quick as the command-line library itself.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, cast

import click

from quant_team_utils import console
from quant_team_utils.errors import QuantError, nearest

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# name: (module:object, help line)
COMMANDS = {
    "setup": (
        "quant_team_cli.setup:command",
        "Set up this clone: .env, git, hooks, your identity.",
    ),
    "doctor": (
        "quant_team_cli.doctor:command",
        "Diagnose this clone and print a fix for each problem.",
    ),
    "sandbox": (
        "quant_team_data.commands:sandbox",
        "Serve the local TickDB with synthetic prices.",
    ),
    "data": (
        "quant_team_data.commands:data",
        "Fetch, import, lock and verify market data.",
    ),
    "run": (
        "quant_team_backtest.commands:run",
        "Run one backtest and log the result.",
    ),
    "access": (
        "infrastructure.commands:access",
        "Compile the access files from the roster.",
    ),
    "team": (
        "quant_team_cli.team:command",
        "List and edit the roster.",
    ),
    "template": (
        "quant_team_cli.template:command",
        "Read the template's news, update from it, record its address.",
    ),
}
INSTALL = "pip install -r requirements.txt"
NEAR = 0.82  # what is less alike is another word: `stream` is not a slip for `team`
STOPPED = 130  # the exit code after Ctrl-C, as shells have it


class Front(click.Group):
    """A group whose commands are named in `COMMANDS` and imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, or return None if the table does not have it."""
        if cmd_name not in COMMANDS:
            return None
        target, _ = COMMANDS[cmd_name]
        return cast("click.Command", load(target))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return name, command and the arguments left.

        Raises:
            UsageError: there is no such command; the text suggests one only if it is really near.
        """
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = nearest(name, COMMANDS, cutoff=NEAR)
            hint = f"did you mean `quant {near}`?" if near else "`quant --help` lists them."
            raise click.UsageError(f"There is no command {name!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table into the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin with `incomplete`, or the options."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        found = []
        for name, (_, line) in COMMANDS.items():
            if name.startswith(incomplete):
                found.append(CompletionItem(name, help=line))
        return found


def load(target: str) -> object:
    """Import `module:object` and return the object."""
    module, _, name = target.partition(":")
    loaded: object = getattr(importlib.import_module(module), name)
    return loaded


def versions() -> str:
    """Return the versions of this package, the template and Python, on one line."""
    from importlib import metadata

    from quant_team_cli import template
    from quant_team_utils.paths import project_root

    try:
        package = metadata.version("quant-team")
    except metadata.PackageNotFoundError:
        package = "(not installed)"
    try:
        origin = template.recorded(project_root()).version
    except QuantError:
        origin = "unknown"
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"quant {package} (template {origin}, Python {python})"


def _print_versions(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(versions())
        ctx.exit()


@click.group(cls=Front, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Log more: -v what is fetched, -vv everything.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_versions,
    help="Show the versions of this package, the template and Python.",
)
def quant(verbose: int) -> None:
    """Do the team's daily work; `quant COMMAND --help` shows a command's options."""
    import logging

    from quant_team_utils import log

    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    log.configure(level)


def main() -> None:
    """Run the command line: an error becomes one line on standard error and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console or a pipe may not take every character of a message: show it escaped
        # instead of failing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = quant.main(prog_name="quant", standalone_mode=False)
    except QuantError as error:
        code = _refuse(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        code = _refuse(_sentence(error), error.exit_code)
    except ModuleNotFoundError as error:
        code = _refuse(_missing(error), 1)
    except (click.Abort, KeyboardInterrupt):
        code = _refuse("stopped.", STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(text: str, code: int) -> int:
    console.report_error(text)
    return code


def _sentence(error: click.ClickException) -> str:
    """Return click's message with the line that shows the usage."""
    text = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None or "--help`" in text:
        return text
    return f"{text} (`{context.command_path} --help` shows the options)"


def _missing(error: ModuleNotFoundError) -> str:
    """Return the sentence about a package that is not installed.

    Raises:
        ModuleNotFoundError: the module is one of this project's own, which is a fault of the code.
    """
    name = (error.name or "").partition(".")[0]
    if not name or name.startswith("quant_team_"):
        raise error
    return f"{name} is not installed in {sys.executable}: run `{INSTALL}`."


if __name__ == "__main__":
    main()
