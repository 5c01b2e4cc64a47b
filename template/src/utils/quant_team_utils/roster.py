"""The team: who is in it, and who of them sits at this machine.

The roster is an answer of the template, rendered into `infrastructure/permissions.yaml`; this
module reads it from there. `quant team edit` changes it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quant_team_utils import git
from quant_team_utils.errors import QuantError

PERMISSIONS = "infrastructure/permissions.yaml"


class RosterError(QuantError):
    """The roster cannot be read, or a handle is not in it."""


@dataclass(frozen=True)
class Member:
    """One person of the roster."""

    handle: str
    name: str
    role: str
    senior: bool = False
    left: bool = False
    login: str | None = None
    grants: dict[str, list[str]] = field(default_factory=dict)
    deny: dict[str, list[str]] = field(default_factory=dict)


def load_permissions(root: Path) -> dict[str, Any]:
    """Return `infrastructure/permissions.yaml` as a dict.

    Raises:
        RosterError: the file is missing, or is not a YAML mapping with `members` (conflict
            markers, for one).
    """
    import yaml

    path = root / PERMISSIONS
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RosterError(
            f"{PERMISSIONS} is missing: restore it with `git checkout -- {PERMISSIONS}`."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("members"), dict):
        raise RosterError(
            f"{PERMISSIONS} is not readable YAML with `members`: resolve what an update left in it, or restore it "
            f"with `git checkout -- {PERMISSIONS}`."
        )
    return document


def members(root: Path) -> list[Member]:
    """Return everybody in the roster, leavers included, in the order of their handles."""
    people = load_permissions(root)["members"]
    return [Member(handle=handle, **facts) for handle, facts in people.items()]


def active(root: Path) -> list[Member]:
    """Return the members who have not left."""
    return [member for member in members(root) if not member.left]


def find(root: Path, handle: str) -> Member:
    """Return an active member.

    Raises:
        RosterError: there is nobody of that handle, or they have left; the text suggests the
            nearest handle.
    """
    for member in members(root):
        if member.handle == handle and not member.left:
            return member
        if member.handle == handle:
            raise RosterError(f"{handle} has left the team: `quant team edit` changes the roster.")
    handles = [member.handle for member in active(root)]
    near = difflib.get_close_matches(handle, handles, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the team is {', '.join(handles)}."
    raise RosterError(
        f"Nobody in the roster has the handle {handle!r}: {hint} `quant team edit` adds members."
    )


def me(root: Path) -> str | None:
    """Return the handle of who sits here (`git config quant.member`, stored by `quant setup`), or None."""
    return git.config(root, "quant.member")
