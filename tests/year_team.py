"""The people of the simulated year, their roster, and how they begin: copy, set up, clone."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Mapping
from random import Random
from typing import Any

import yaml

from tests import year_text
from tests.conftest import git
from tests.releases import render
from tests.year_ledger import Ledger, LostError, contents, listing
from tests.year_member import QUICK, SETTINGS, Member, Office
from tests.year_template import STARTERS, Releases

ADDRESS = "https://template.invalid/template.git"
ANSWERS = ".copier-answers.yml"
PROGRAMS = ("hooks/commit-msg", "hooks/pre-commit", "hooks/pre-push", "hooks/strip-notebook")
# What the template owns and members edit.
OWNED = ("docs/", "src/", "infrastructure/", ".github/", "README.md", "pyproject.toml")
EDITED = (".md", ".py", ".yml", ".toml")
Roster = list[dict[str, Any]]
PEOPLE: Roster = [
    {"name": "Alice", "handle": "alice", "role": "researcher", "senior": True, "login": "alice-a"},
    {"name": "Bob", "handle": "bob", "role": "researcher", "senior": True, "login": "bob-b"},
    {"name": "Charlie", "handle": "charlie", "role": "infrastructure", "login": "charlie-c"},
    {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"},
    {"name": "Erin", "handle": "erin", "role": "researcher", "login": "erin-e"},
]
SENIORS = ("alice", "bob")


class Team:
    """Everybody who is or was there.

    Attributes:
        roster: as develop records it.
        members: by handle, leavers included.
        ledger: what stands in develop.
    """

    def __init__(self, office: Office, releases: Releases) -> None:
        """Copy the template, publish the repository, and let alice and bob begin."""
        self.office = office
        self.releases = releases
        self.ledger = Ledger()
        self.members: dict[str, Member] = {}
        self.roster = [dict(person) for person in PEOPLE[:2]]
        self._found()
        self.clone("bob")

    @property
    def active(self) -> list[Member]:
        handles = [person["handle"] for person in self.roster if not person.get("left")]
        return [self.members[handle] for handle in handles]

    @property
    def seniors(self) -> list[Member]:
        return [self.members[handle] for handle in SENIORS]

    def _found(self) -> None:
        """Copy the template, make the first commit and push it."""
        folder, origin = self.office.folder, self.office.origin
        alice = self._engage("alice")
        self._copy(alice.clone.name, self.releases.version)
        shutil.move(folder / alice.clone.name, alice.clone)
        shutil.copytree(alice.clone, folder / "desk")
        alice.quant("setup", "--as", "alice")
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
        alice.git("remote", "add", "origin", origin)
        alice.git("push", "--quiet", "-u", "origin", "main", "develop")
        first = listing(origin, "develop")
        for path, (_, blob) in first.items():
            if path in STARTERS or path.startswith("config/"):
                self.ledger.texts[path] = year_text.template_text(alice.read(path))
            if path.startswith("notebooks/"):
                self.ledger.files[path] = blob
        self.look_around()

    def look_around(self) -> None:
        """Let the members see which files they can edit now."""
        there = listing(self.office.origin, "develop")
        owned = [path for path in there if path.startswith(OWNED) and path.endswith(EDITED)]
        self.office.owned = [path for path in owned if path not in STARTERS]

    def _copy(self, name: str, version: str) -> None:
        """Copy a release, with the address from which everybody can update."""
        target = self.office.folder / name
        with contextlib.redirect_stderr(io.StringIO()):
            render(self.releases.history, target, version, self.roster)
        path = target / ANSWERS
        text = path.read_text(encoding="utf-8").replace(str(self.releases.history), ADDRESS)
        path.write_text(text, encoding="utf-8", newline="\n")

    def _engage(self, handle: str) -> Member:
        """Give somebody a home with settings of their own."""
        member = Member(handle, self.office)
        self.members[handle] = member
        member.home.mkdir(parents=True)
        ignored = member.home / "ignored"
        ignored.write_text("/data/\n*.yaml\n", encoding="utf-8")
        settings = {
            "user.name": handle.title(),
            "user.email": f"{handle}@users.noreply.invalid",
            f"url.{self.releases.history}.insteadOf": ADDRESS,
            **QUICK,
            **SETTINGS[handle],
        }
        for key, value in settings.items():
            git(member.home, "config", "--file", "gitconfig", key, value)
        member.clone.parent.mkdir(exist_ok=True)
        return member

    def clone(self, handle: str) -> None:
        """Let somebody begin: clone and set up."""
        member = self._engage(handle)
        git(self.office.folder, "clone", "--quiet", str(self.office.origin), str(member.clone))
        member.git("switch", "--quiet", "develop")  # main does not know a newcomer yet
        member.quant("setup", "--as", handle)

    # --- the roster

    def next_roster(self, roster: Roster, random: Random) -> Roster:
        """Return a roster after one change: somebody joins, leaves or returns."""
        new = [dict(person) for person in roster]
        known = {person["handle"] for person in new}
        others = [person for person in new if person["handle"] not in SENIORS]
        wanted = [person for person in PEOPLE if person["handle"] not in known]
        if wanted and (len(others) < 2 or random.random() < 0.5):
            new.append(dict(wanted[0]))
            return new
        person = random.choice(others)
        if person.get("left"):
            del person["left"]
        else:
            person["left"] = True
        return new

    def adopt(self, roster: Roster) -> None:
        """Take over a roster that was merged: newcomers begin, leavers push what they have."""
        self.roster = roster
        for person in roster:
            member = self.members.get(person["handle"])
            if member is None:
                self.clone(person["handle"])
            elif person.get("left") and member.branch:
                member.sweep()
                member.push_branch()
                self.ledger.commits |= member.pending.commits

    # --- comparisons

    def compare(self, version: str) -> None:
        """Compare develop with a fresh copy of the same release and roster.

        Args:
            version: the release that develop is at.

        Raises:
            LostError: they differ by more than the team's own edits.
        """
        fresh = self.office.folder / "fresh"
        self._copy(fresh.name, version)
        self.office.environment.run(fresh, "quant", "access", "compile")
        files = {
            path.relative_to(fresh).as_posix(): path.read_bytes()
            for path in fresh.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        shutil.rmtree(fresh)
        develop = contents(self.office.origin, "develop")
        self.ledger.compare(develop, files)
        require_readable(develop)
        tree = listing(self.office.origin, "develop")
        for name in PROGRAMS:
            if tree[name][0] != "100755":
                raise LostError(f"{name} is not executable")


def require_readable(files: Mapping[str, bytes]) -> None:
    """Hold that every result can be read, and says what it is.

    Raises:
        LostError: one does not.
    """
    for path, data in files.items():
        if path.startswith("results/") and path.endswith(".yaml"):
            document = yaml.safe_load(data)
            stem = path.rpartition("/")[2].removesuffix(".yaml")
            if document.get("experiment_id") != f"exp_{stem}":
                raise LostError(f"{path} does not say which result it is")


def merged(mine: Roster, theirs: Roster, base: Roster) -> Roster:
    """Return a roster with the changes of another one since their base."""
    changed = {person["handle"]: person for person in theirs if person not in base}
    result = [changed.pop(person["handle"], person) for person in mine]
    return [*result, *changed.values()]
