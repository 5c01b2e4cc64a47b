"""Options of commands: an unknown one gets a suggestion, but never one that loosens a guard.

@click.command(cls=options.Command)
@click.option("--unlocked", cls=options.Guard, is_flag=True)
"""

from __future__ import annotations

import click


class Guard(click.Option):
    """An option that switches a guard off, or destroys something: it is never suggested."""


class Command(click.Command):
    """A command that suggests no `Guard` for an unknown option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments of a call.

        Raises:
            UsageError: an argument is unknown; the text may suggest an option.
        """
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise self.unknown(ctx, error, given) from None

    def unknown(
        self,
        ctx: click.Context,
        error: click.NoSuchOption,
        args: list[str],
    ) -> click.UsageError:
        """Return what to raise for an unknown option; commands may know better.

        Args:
            ctx: of the call.
            error: click's error, with the unknown name and the nearest names.
            args: all arguments of the call.
        """
        guards = self.guards()
        harmless = [name for name in error.possibilities or [] if name not in guards]
        return click.NoSuchOption(error.option_name, possibilities=harmless, ctx=ctx)

    def guards(self) -> set[str]:
        """Return every spelling of the options that are never suggested."""
        spellings: set[str] = set()
        for parameter in self.params:
            if isinstance(parameter, Guard):
                spellings.update(parameter.opts, parameter.secondary_opts)
        return spellings
