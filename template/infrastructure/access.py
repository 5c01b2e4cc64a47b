"""Access, compiled: `permissions.yaml` is checked and turned into the files that enforce it.

`infrastructure/permissions.yaml` is rendered from the roster and never edited; `quant team edit`
changes the roster. What follows from it is written here by `quant access compile`, committed, and
compared byte by byte in CI, so that nobody gains or loses anything without a reviewed diff. So far
that is CODEOWNERS.

In Python: `compile_access(load(project_root()))` returns the files without touching the disk.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from quant_team_utils.errors import QuantError
from quant_team_utils.paths import MARKER, project_root
from quant_team_utils.roster import PERMISSIONS, Member

if TYPE_CHECKING:
    from quant_team_cli.doctor import Check

VERSION = 1
ROLES = ("researcher", "infrastructure")
# system: (the answer to `systems` that brings it, the grants it knows)
# There is no `trade:live`: live orders are a production host's, and no member of the team is one.
VOCABULARY: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "tickdb": (None, ("read:kline", "read:depth", "read:trades", "write:alerts")),
    "s3_data_bucket": ("s3", ("s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:*")),
    "trading_database": ("postgres", ("read:all", "write:backtest_results", "write:all")),
    "broker_api": ("broker", ("trade:paper",)),
}
SYSTEMS = tuple(answer for answer, _ in VOCABULARY.values() if answer)

CODEOWNERS = {"github": ".github/CODEOWNERS", "gitlab": ".gitlab/CODEOWNERS"}
# What seniors and infrastructure own, by forge; everything else is owned by everybody.
GUARDED = {
    "github": ("/infrastructure/", "/.github/", f"/{MARKER}"),
    "gitlab": ("/infrastructure/", "/.gitlab/", "/.gitlab-ci.yml", f"/{MARKER}"),
}
HEADER = f"# Compiled from {PERMISSIONS} by `quant access compile`: do not edit."

_RESTORE = f"git checkout -- {MARKER} {PERMISSIONS}"
_MEND = f"undo edits by hand with `git checkout -- {PERMISSIONS}`, then change the team with `quant team edit`."
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})", re.MULTILINE)
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class AccessError(QuantError):
    """`permissions.yaml` cannot be trusted, or what is compiled from it is not current or cannot be written."""


@dataclass(frozen=True)
class Permissions:
    """A checked `permissions.yaml`: where the repository is, which systems the team has, who may do what."""

    forge: str
    owner: str
    name: str
    systems: list[str]
    roles: dict[str, dict[str, list[str]]]
    members: list[Member]

    @property
    def active(self) -> list[Member]:
        """The members who have not left, in the order of their handles."""
        return [member for member in self.members if not member.left]

    @property
    def guards(self) -> list[Member]:
        """The active members who own the access files: seniors and infrastructure."""
        return [
            member for member in self.active if member.senior or member.role == "infrastructure"
        ]


def load(root: Path) -> Permissions:
    """Read and check the `permissions.yaml` of a team repository.

    Raises:
        AccessError: it is missing, is not readable, or says anything outside the vocabulary of
            this module.
    """
    try:
        text = (root / PERMISSIONS).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AccessError(
            f"{PERMISSIONS} is missing: restore it with `git checkout -- {PERMISSIONS}`."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise AccessError(f"{PERMISSIONS} cannot be read as UTF-8 text: {_MEND}") from None
    return parse(text)


def parse(text: str) -> Permissions:
    """Check the text of a `permissions.yaml`; nothing is guessed, whatever is unknown is refused.

    Raises:
        AccessError: one sentence that names the fault and where it is.
    """
    if _CONFLICT.search(text):
        raise AccessError(
            f"{PERMISSIONS} has conflict markers: settle them, or take one side whole, and commit."
        )
    try:
        document = _StrictLoader(text).get_single_data()
    except (yaml.YAMLError, ValueError):  # PyYAML lets the ValueError of an impossible date through
        raise _fault("it is not valid YAML") from None
    top = _mapping(document, "the file", {"version", "repository", "roles", "members"})
    if type(top["version"]) is not int or top["version"] != VERSION:
        raise _fault(f"version {top['version']!r} is not {VERSION}")

    repository = _mapping(top["repository"], "repository", {"forge", "owner", "name", "systems"})
    forge, systems = repository["forge"], repository["systems"]
    if forge not in list(CODEOWNERS):
        raise _fault(f"the forge {forge!r} is unknown ({_either(CODEOWNERS)})")
    if not isinstance(systems, list) or any(system not in SYSTEMS for system in systems):
        raise _fault(f"systems is {systems!r}, not a list of {_either(SYSTEMS)}")

    roles = _mapping(top["roles"], "roles", (), ROLES)
    roles = {role: _grants(table, f"role {role}", systems) for role, table in roles.items()}
    people = top["members"]
    if not isinstance(people, dict) or not people:
        raise _fault("members is not a mapping of handles")
    members = [_member(handle, facts, roles, systems) for handle, facts in people.items()]
    members.sort(key=lambda member: member.handle)
    return Permissions(
        forge, str(repository["owner"]), str(repository["name"]), systems, roles, members
    )


def compile_access(permissions: Permissions) -> dict[str, str]:
    """Return every compiled file as path below the root -> text. Pure: the same roster gives the same bytes."""
    if not any(member.login for member in permissions.active):
        return {}
    return {CODEOWNERS[permissions.forge]: _codeowners(permissions)}


def warnings(permissions: Permissions) -> list[str]:
    """Return what a correct roster still leaves open, one sentence each."""
    active, guards = permissions.active, permissions.guards
    without = [member.handle for member in active if not member.login]
    found = []
    if len(active) == 1:
        found.append(
            f"{active[0].handle} is the only active member: nobody else can approve, so require no approval."
        )
    if len(without) == len(active):
        found.append(
            "No active member has a forge login, so there is no CODEOWNERS: `quant team edit` adds logins."
        )
        return found
    if without:
        found.append(f"Without a forge login, and so not in CODEOWNERS: {', '.join(without)}.")
    owners = [member.handle for member in guards if member.login]
    if not owners:
        found.append(
            "No senior or infrastructure member has a forge login: everybody owns the access files."
        )
    elif len(owners) == 1 and len(active) > 1:
        found.append(
            f"Only {owners[0]} owns the access files: nobody can approve {owners[0]}'s own changes there."
        )
    return found


def stale(root: Path, files: dict[str, str]) -> list[str]:
    """Return the paths that a compile would write or remove, sorted."""
    wrong = [path for path, text in files.items() if _read(root / path) != text.encode()]
    # Only a file that carries our first line is ours to remove.
    gone = [
        p
        for p in CODEOWNERS.values()
        if p not in files and (_read(root / p) or b"").startswith(HEADER.encode())
    ]
    return sorted(wrong + gone)


def compile(root: Path, check: bool = False) -> list[str]:
    """Write the compiled files of a team repository, only those that differ, and return their
    paths.

    A file that no longer follows from the roster is removed. With `check`, nothing is written.

    Raises:
        AccessError: `permissions.yaml` cannot be trusted; a file cannot be written; or, with
            `check`, is not current.
    """
    files = compile_access(load(root))
    changes = stale(root, files)
    if check and changes:
        raise AccessError(
            f"Not what {PERMISSIONS} compiles to: {', '.join(changes)}; run `quant access compile` and commit."
        )
    for path in changes:
        _write(root / path, files.get(path))
    return changes


def check_compiled(root: Path) -> Check:
    """Doctor: `permissions.yaml` can be trusted and the compiled files are current."""
    from quant_team_cli.doctor import Check

    name = "access files"
    try:
        permissions = load(root)
        changes = stale(root, compile_access(permissions))
    except QuantError as error:
        return Check(name, "fail", str(error), f"git checkout -- {PERMISSIONS}")
    if changes:
        return Check(
            name,
            "fail",
            f"not what {PERMISSIONS} compiles to: {', '.join(changes)}",
            "quant access compile",
        )
    open_points = warnings(permissions)
    if open_points:
        return Check(name, "warn", " ".join(open_points), "quant team edit")
    return Check(name, "ok", f"compiled from {PERMISSIONS}")


def check_roster(root: Path) -> Check:
    """Doctor: the recorded answers and `permissions.yaml` tell of the same team; neither was edited by hand."""
    from quant_team_cli.doctor import Check

    name = "roster"
    way_back = f"{_RESTORE}, then quant team edit"
    try:
        permissions = load(root)
    except QuantError as error:
        return Check(name, "fail", str(error), way_back)
    try:
        answers = yaml.safe_load((root / MARKER).read_text(encoding="utf-8"))
        recorded = {
            answer["handle"]: _rendered(answer, permissions.systems) for answer in answers["team"]
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        return Check(name, "fail", f"{MARKER} has no readable `team`", way_back)
    rendered = {member.handle: member for member in permissions.members}
    handles = sorted(recorded.keys() | rendered.keys())
    differ = [handle for handle in handles if recorded.get(handle) != rendered.get(handle)]
    if differ:
        return Check(
            name, "fail", f"{MARKER} and {PERMISSIONS} disagree about {', '.join(differ)}", way_back
        )
    return Check(name, "ok", f"{MARKER} and {PERMISSIONS} agree")


@click.group()
def command() -> None:
    """Who may do what, compiled from the roster."""


@command.command("compile")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 and name the file that is not current."
)
def compile_command(check: bool) -> None:
    """Write CODEOWNERS from infrastructure/permissions.yaml."""
    root = project_root()
    for path in compile(root, check):
        click.echo(f"{'wrote' if (root / path).exists() else 'removed'} {path}")
    for warning in warnings(load(root)):
        click.echo(f"warning: {warning}", err=True)


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which refuses what it silently takes: the last of two equal keys. That could promote someone."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _fault(f"{key.value!r} stands twice, again in line {key.start_mark.line + 1}")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)


def _fault(what: str) -> AccessError:
    return AccessError(f"{PERMISSIONS}: {what}; {_MEND}")


def _either(words: Iterable[str]) -> str:
    return " or ".join(words)


def _mapping(
    value: Any, where: str, required: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _fault(f"{where} is not a mapping")
    for key in value:
        if key not in {*required, *optional}:
            raise _fault(f"{where} has the unknown key {key!r}")
    missing = sorted(set(required) - value.keys())
    if missing:
        raise _fault(f"{where} lacks {', '.join(missing)}")
    return value


def _grants(value: Any, where: str, systems: list[str]) -> dict[str, list[str]]:
    for system, grants in _mapping(value, where, (), VOCABULARY).items():
        answer, known = VOCABULARY[system]
        if answer and answer not in systems:
            raise _fault(f"{where} has grants on {system}, but the team has no {answer}")
        if not isinstance(grants, list):
            raise _fault(f"{where} has {system}: {grants!r}, not a list of grants")
        for grant in grants:
            if grant not in known:
                raise _fault(
                    f"{where} has the unknown grant {grant!r} on {system} (it knows {', '.join(known)})"
                )
    return dict(value)


def _member(handle: Any, facts: Any, roles: dict[str, Any], systems: list[str]) -> Member:
    where = f"member {handle}"
    facts = _mapping(facts, where, {"name", "role"}, {"senior", "left", "login", "grants", "deny"})
    if not isinstance(handle, str) or not isinstance(facts["name"], str):
        raise _fault(f"{where} has a handle or a name that is not text")
    if facts["role"] not in list(roles):
        raise _fault(f"{where} has the unknown role {facts['role']!r} ({_either(roles)})")
    for flag in ("senior", "left"):
        if not isinstance(facts.get(flag, False), bool):
            raise _fault(f"{where} has {flag}: {facts[flag]!r}, not true or false")
    login = facts.get("login")
    # A space or a line end in a login would write owners, or whole rules, into CODEOWNERS.
    if login is not None and not (isinstance(login, str) and _LOGIN.fullmatch(login)):
        raise _fault(
            f"{where} has the login {login!r}, which is not a user name of the forge (no @ before it)"
        )
    for table in ("grants", "deny"):
        _grants(facts.get(table, {}), f"{where} ({table})", systems)
    return Member(handle=handle, **facts)


def _rendered(answer: dict[str, Any], systems: list[str]) -> Member:
    """Return a member as the template renders it from an answer: no empty grants, none on systems the team lacks."""
    facts = dict(answer)
    for table in ("grants", "deny"):
        facts[table] = {
            system: list(grants)
            for system, grants in facts.get(table, {}).items()
            if grants and VOCABULARY[system][0] in (None, *systems)
        }
    return Member(**facts)


def _codeowners(permissions: Permissions) -> str:
    """Return CODEOWNERS; the last line that matches a path decides, and one without owners would free the path."""
    everybody = [member.login for member in permissions.active if member.login]
    guards = [member.login for member in permissions.guards if member.login]
    rules = [("*", everybody)]
    if guards:
        rules += [(path, guards) for path in GUARDED[permissions.forge]]
    width = max(len(path) for path, _ in rules)
    lines = [HEADER, "# The last line that matches a path decides who owns it."]
    lines += [
        f"{path:<{width}} {' '.join(f'@{login}' for login in owners)}" for path, owners in rules
    ]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccessError(
            f"Cannot read {path} ({error.strerror}): make it a file that you own."
        ) from None


def _write(path: Path, text: str | None) -> None:
    """Replace a file in one step, with LF on every system; None removes it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if text is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise AccessError(
            f"Cannot write {path} ({error.strerror}): make its folder one that you own."
        ) from None
