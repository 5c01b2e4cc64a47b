"""The team: who is in it, who may do what, and which member works in this clone.

`infrastructure/permissions.yaml` is rendered from the roster, an answer of the template, and never
edited; `quant team edit` changes the roster. This module is its one reader, and a strict one:
nothing is guessed, whatever is unknown is refused by name.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from quant_team_utils import git, strict_yaml
from quant_team_utils.errors import QuantError, did_you_mean
from quant_team_utils.paths import MARKER

PERMISSIONS = "infrastructure/permissions.yaml"
VERSION = 1
# system: (the answer to `systems` that brings it, the grants it knows)
# There is no `trade:live`: live orders are a production host's, and no member of the team is one.
VOCABULARY: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "tickdb": (None, ("read:kline", "read:depth", "read:trades", "write:alerts")),
    "s3_data_bucket": ("s3", ("s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:*")),
    "trading_database": ("postgres", ("read:all", "write:backtest_results", "write:all")),
    "broker_api": ("broker", ("trade:paper",)),
}
SYSTEMS = tuple(answer for answer, _ in VOCABULARY.values() if answer)
FORGES = ("github", "gitlab")
ROLES = ("researcher", "infrastructure")

# system: what may be done there
Grants = dict[str, list[str]]
# What the question `team` accepts.
_Handle = Annotated[
    str,
    msgspec.Meta(pattern=r"\A[a-z][a-z0-9]*(-[a-z0-9]+)*\Z", max_length=39),
]
_Name = Annotated[
    str,
    msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]+\Z", max_length=80),
]
# A space or a line end in a login would write owners, or whole rules, into CODEOWNERS.
_Login = Annotated[
    str,
    msgspec.Meta(pattern=r"\A[A-Za-z0-9_][A-Za-z0-9_.-]*\Z"),
]


class RosterError(QuantError):
    """The roster cannot be read or trusted, or a handle is not in it."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the roster.

    Attributes:
        handle: the short name in branches, folders and results, such as `alice`.
        name: the name as people write it.
        role: `researcher` or `infrastructure`.
        senior: reviews the access files.
        left: is no longer on the team.
        login: user name at the forge, without @; None if unknown.
        grants: what is granted beyond the role, by system.
        deny: what is taken away from the role, by system.
    """

    handle: _Handle
    name: _Name
    role: Literal["researcher", "infrastructure"]
    senior: bool = False
    left: bool = False
    login: _Login | None = None
    grants: Grants = {}
    deny: Grants = {}


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """Where the repository is, and which systems the team has.

    Attributes:
        forge: `github` or `gitlab`.
        owner: user or organisation at the forge.
        name: the repository's name there.
        systems: `s3`, `postgres`, `broker`: those the team has.
    """

    forge: Literal["github", "gitlab"]
    owner: str
    name: str
    systems: list[Literal["s3", "postgres", "broker"]]


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """A checked `permissions.yaml`: the repository, the grants of each role, the members.

    Attributes:
        repository: where the repository is, and which systems the team has.
        roles: the grants of each role.
        members: everybody, leavers included, in the order of their handles.
    """

    repository: Repository
    roles: dict[str, Grants]
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
        RosterError: it is missing, is not readable, or says what this module does not know.
    """
    try:
        text = (root / PERMISSIONS).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RosterError(
            f"{PERMISSIONS} is missing: restore it with `git checkout -- {PERMISSIONS}`."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise _fault("it cannot be read as UTF-8 text") from None
    return parse(text)


def parse(text: str) -> Permissions:
    """Check the text of a `permissions.yaml`.

    Raises:
        RosterError: one sentence that names the fault and the member or the place where it is.
    """
    try:
        document = strict_yaml.parse(text)
    except strict_yaml.YamlError as error:
        raise _fault(str(error)) from None
    top = _keys(document, "the file", ("version", "repository", "roles", "members"))
    if type(top["version"]) is not int or top["version"] != VERSION:
        raise _fault(f"version {_shown(top['version'])} is not {VERSION}")
    repository = _convert(top["repository"], Repository, "repository")
    roles = {}
    for role, table in _keys(top["roles"], "roles", ROLES).items():
        roles[str(role)] = _grants(table, f"role {role}", repository)
    people = top["members"]
    if not isinstance(people, dict) or not people:
        raise _fault("members is not a mapping of handles")
    checked = [_member(handle, facts, repository) for handle, facts in people.items()]
    checked.sort(key=_handle)
    return Permissions(repository=repository, roles=roles, members=checked)


def members(root: Path) -> list[Member]:
    """Return everybody in the roster, leavers included, in the order of their handles.

    Raises:
        RosterError: see `load`.
    """
    return load(root).members


def active(root: Path) -> list[Member]:
    """Return the members who have not left, in the order of their handles.

    Raises:
        RosterError: see `load`.
    """
    return load(root).active


def find(root: Path, handle: str) -> Member:
    """Return an active member.

    Raises:
        RosterError: there is nobody of that handle, or they have left; the text suggests the
            nearest handle.
    """
    permissions = load(root)
    for member in permissions.members:
        if member.handle != handle:
            continue
        if member.left:
            raise RosterError(f"{handle} has left the team: `quant team edit` changes the roster.")
        return member
    hint = did_you_mean(handle, [member.handle for member in permissions.active])
    raise RosterError(
        f"Nobody in the roster has the handle {handle!r}: {hint} `quant team edit` adds members."
    )


def me(root: Path) -> str | None:
    """Return the handle of the member set for this clone, or None.

    It is `git config quant.member`, stored by `quant setup`.
    """
    return git.config(root, "quant.member")


def disagreements(root: Path, answers_team: object) -> list[str]:
    """Return the handles about which the recorded answers and `permissions.yaml` disagree, sorted.

    They agree unless one of the two was edited by hand.

    Args:
        root: the team repository.
        answers_team: the value of `team` in `.copier-answers.yml`, whatever it is.

    Raises:
        RosterError: `permissions.yaml` cannot be trusted, or the answer is not a list of members.
    """
    permissions = load(root)
    systems = permissions.repository.systems
    try:
        answers = [_answer(answer, systems) for answer in msgspec.convert(answers_team, list)]
    except (msgspec.ValidationError, RecursionError):
        raise RosterError(f"{MARKER} has no readable `team`.") from None
    recorded = {member.handle: member for member in answers}
    rendered = {member.handle: member for member in permissions.members}
    differ = []
    for handle in sorted(recorded.keys() | rendered.keys()):
        if recorded.get(handle) != rendered.get(handle):
            differ.append(handle)
    return differ


def _handle(member: Member) -> str:
    return member.handle


def _answer(answer: object, systems: Sequence[str]) -> Member:
    """Return a recorded member as the template renders it."""
    member = msgspec.convert(answer, Member)
    return msgspec.structs.replace(
        member,
        grants=_rendered(member.grants, systems),
        deny=_rendered(member.deny, systems),
    )


def _rendered(table: Grants, systems: Sequence[str]) -> Grants:
    """Return a table without empty lists, and without systems that the team does not have."""
    kept: Grants = {}
    for system, grants in table.items():
        needs, _ = VOCABULARY.get(system, (None, ()))
        is_here = needs is None or needs in systems
        if grants and is_here:
            kept[system] = grants
    return kept


# --- the checks of the reader

_Struct = TypeVar("_Struct", bound=msgspec.Struct)
_EXPECTED = {
    "handle": "lower-case letters, digits and dashes",
    "name": "text of 1 to 80 characters",
    "role": " or ".join(ROLES),
    "senior": "true or false",
    "left": "true or false",
    "login": "a user name of the forge (no @ before it)",
    "grants": "lists of grants by system",
    "deny": "lists of grants by system",
    "forge": " or ".join(FORGES),
    "systems": f"a list of {' or '.join(SYSTEMS)}",
}


def _fault(what: str) -> RosterError:
    return RosterError(
        f"{PERMISSIONS}: {what}; undo edits by hand with `git checkout -- {PERMISSIONS}`, "
        "then change the team with `quant team edit`."
    )


_shortener = reprlib.Repr()
_shortener.maxlevel = 2


def _shown(value: object) -> str:
    """Return a value from the file, shortened and on one line."""
    return _shortener.repr(value)


def _keys(
    value: object, where: str, required: Iterable[str], optional: Iterable[str] = ()
) -> dict[Any, Any]:
    """Return a mapping that has every required key and no unknown one."""
    if not isinstance(value, dict):
        raise _fault(f"{where} is not a mapping")
    known = [*required, *optional]
    for key in value:
        if key not in known:
            hint = did_you_mean(key, known).rstrip(".?")
            raise _fault(f"{where} has the unknown key {_shown(key)} ({hint})")
    missing = [key for key in required if key not in value]
    if missing:
        raise _fault(f"{where} lacks {', '.join(missing)}")
    return value


def _convert(value: object, kind: type[_Struct], where: str, **known: object) -> _Struct:
    """Return a mapping of the file as a struct; `known` are fields that stand elsewhere."""
    required: list[str] = []
    optional: list[str] = []
    for field in msgspec.structs.fields(kind):
        if field.name not in known:
            names = required if field.required else optional
            names.append(field.name)
    facts = _keys(value, where, required, optional) | known
    try:
        return msgspec.convert(facts, kind)
    except msgspec.ValidationError as error:
        path = re.search(r"`\$\.(\w+)", str(error))
        name = path[1] if path else ""
        wanted = _EXPECTED.get(name, "text")
        raise _fault(f"{where} has {name}: {_shown(facts.get(name))}, not {wanted}") from None


def _member(handle: object, facts: object, repository: Repository) -> Member:
    shown = handle if isinstance(handle, str) and handle.isprintable() else _shown(handle)
    where = f"member {shown}"
    member = _convert(facts, Member, where, handle=handle)
    _grants(member.grants, f"{where} (grants)", repository)
    _grants(member.deny, f"{where} (deny)", repository)
    return member


def _grants(table: object, where: str, repository: Repository) -> Grants:
    """Return a table of grants whose systems the team has and whose grants they know."""
    checked: Grants = {}
    for system, grants in _keys(table, where, (), VOCABULARY).items():
        needs, known = VOCABULARY[str(system)]
        if needs and needs not in repository.systems:
            raise _fault(f"{where} has grants on {system}, but the team has no {needs}")
        if not isinstance(grants, list):
            raise _fault(f"{where} has {system}: {_shown(grants)}, not a list of grants")
        for grant in grants:
            if grant not in known:
                hint = did_you_mean(grant, known).rstrip(".?")
                unknown = f"the unknown grant {_shown(grant)} on {system}"
                raise _fault(f"{where} has {unknown} ({hint})")
        checked[str(system)] = grants
    return checked
