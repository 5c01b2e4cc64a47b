"""The forge: who must approve a change of which path, as CODEOWNERS."""

from __future__ import annotations

from collections.abc import Sequence

from quant_team_utils.paths import MARKER
from quant_team_utils.roster import PERMISSIONS, Member, Permissions

# forge: the file that it reads
CODEOWNERS = {"github": ".github/CODEOWNERS", "gitlab": ".gitlab/CODEOWNERS"}
# What seniors and infrastructure own, by forge; everything else is owned by everybody.
GUARDED = {
    "github": ("/infrastructure/", "/.github/", f"/{MARKER}"),
    "gitlab": ("/infrastructure/", "/.gitlab/", "/.gitlab-ci.yml", f"/{MARKER}"),
}
HEADER = f"# Compiled from {PERMISSIONS} by `quant access compile`: do not edit."


def files(permissions: Permissions) -> dict[str, str]:
    """Return the CODEOWNERS of the team's forge as {path below the root: text}.

    The result is empty if no active member has a login: a file without owners guards nothing.
    """
    everybody = _logins(permissions.active)
    if not everybody:
        return {}
    forge = permissions.repository.forge
    rules = {"*": everybody}
    # A line without owners would free its path: no guards, no line.
    guards = _logins(permissions.guards)
    if guards:
        rules |= dict.fromkeys(GUARDED[forge], guards)
    return {CODEOWNERS[forge]: _text(rules)}


def warnings(permissions: Permissions) -> list[str]:
    """Return what a correct roster still leaves open at the forge, one sentence each."""
    active = permissions.active
    found = []
    if len(active) == 1:
        found.append(
            f"{active[0].handle} is the only active member: nobody else can approve, "
            "so require no approval."
        )
    without = [member.handle for member in active if not member.login]
    if len(without) == len(active):
        found.append(
            "No active member has a forge login, so there is no CODEOWNERS: "
            "`quant team edit` adds logins."
        )
        return found
    if without:
        found.append(f"Without a forge login, and so not in CODEOWNERS: {', '.join(without)}.")
    owners = [member.handle for member in permissions.guards if member.login]
    if not owners:
        found.append(
            "No senior or infrastructure member has a forge login: everybody owns the access files."
        )
    elif len(owners) == 1 and len(active) > 1:
        found.append(
            f"Only {owners[0]} owns the access files: "
            f"nobody can approve {owners[0]}'s own changes there."
        )
    return found


def _logins(members: Sequence[Member]) -> list[str]:
    return [member.login for member in members if member.login]


def _text(rules: dict[str, list[str]]) -> str:
    """Return the file; the last line that matches a path decides."""
    width = max(map(len, rules))
    lines = [HEADER, "# The last line that matches a path decides who owns it."]
    for path, logins in rules.items():
        owners = " ".join(f"@{login}" for login in logins)
        lines.append(f"{path:<{width}} {owners}")
    return "\n".join(lines) + "\n"
