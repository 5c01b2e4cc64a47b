"""A simulated year of a team: members, releases of the template, and a ledger of what was written.

    Year(snapshot, environment, folder, seed=1).run(250)

A day is a working day. Members work on branches of their own, in clones of their own, two at once;
what they finish is merged. About every 20 days the template has a release, and somebody updates to
it; about every 25 days the roster changes. The ledger is compared with `develop` every day, the
whole tree with a fresh copy at each month's end. Commands see the day as the date of commits, and
one seed gives one year.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests import year_text
from tests.conftest import TeamEnvironment, copy_template, git
from tests.year_desk import Desk
from tests.year_ledger import Ledger, LostError, contents, listing
from tests.year_member import SETTINGS, Member, Office
from tests.year_template import STARTERS, Plant, Releases
from tests.year_updates import edit_team, edit_team_again, update_template
from tests.year_work import WORK, insert_mark, lock_data

ADDRESS = "https://template.invalid/template.git"
BETWEEN_RELEASES = 20  # working days
BETWEEN_ROSTERS = 25
MONTH = 21
PROGRAMS = ("hooks/commit-msg", "hooks/pre-commit", "hooks/pre-push", "hooks/strip-notebook")
OWNED = ("docs/", "src/", "infrastructure/", ".github/", "README.md", "pyproject.toml")
PEOPLE: tuple[dict[str, Any], ...] = (
    {"name": "Alice", "handle": "alice", "role": "researcher", "senior": True, "login": "alice-a"},
    {"name": "Bob", "handle": "bob", "role": "researcher", "senior": True, "login": "bob-b"},
    {"name": "Charlie", "handle": "charlie", "role": "infrastructure", "login": "charlie-c"},
    {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"},
    {"name": "Erin", "handle": "erin", "role": "researcher", "login": "erin-e"},
)
SENIORS = ("alice", "bob")


class Year:
    """One team for as long as the script runs."""

    def __init__(
        self,
        snapshot: Path,
        environment: TeamEnvironment,
        folder: Path,
        seed: int,
        plant: Plant | None = None,
    ) -> None:
        """Copy the template and let alice and bob begin.

        Args:
            snapshot: the template's working tree.
            environment: in which the team's code runs.
            folder: an empty one, for everything.
            seed: decides all that happens.
            plant: changes the template before its first release: a fault.
        """
        self.seed = seed
        self.random = year_text.seeded(seed)
        self.releases = Releases(snapshot, folder, plant)
        self.office = Office(folder, folder / "origin.git", environment)
        self.office.today = date(2024, 1, 1)
        self.ledger = Ledger()
        self.team = [dict(person) for person in PEOPLE[:2]]
        self.members: dict[str, Member] = {}
        self.pool = ThreadPoolExecutor(2)
        self.operation = "the first day"
        self._found()
        self.desk = Desk(environment, folder / "desk")

    # --- the first day

    def _found(self) -> None:
        """Copy the template, make the first commit and publish it."""
        folder = self.office.folder
        alice = self._engage("alice")
        with contextlib.redirect_stderr(io.StringIO()):
            copy_template(self.releases.history, alice.clone, {"team": self.team})
        answers = alice.read(".copier-answers.yml")
        alice.write(".copier-answers.yml", answers.replace(str(self.releases.history), ADDRESS))
        shutil.copytree(alice.clone, folder / "desk")
        alice.quant("setup", "--as", "alice")
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.office.origin))
        alice.git("remote", "add", "origin", self.office.origin)
        alice.git("push", "--quiet", "-u", "origin", "main", "develop")
        first = listing(alice.clone, "HEAD")
        for path in first:
            if path in STARTERS or path.startswith("config/"):
                self.ledger.texts[path] = year_text.template_text(alice.read(path))
            if path.startswith("notebooks/"):
                self.ledger.files[path] = first[path][1]
        self.office.owned = [path for path in first if self._is_owned(path)]
        self._clone("bob")

    def _is_owned(self, path: str) -> bool:
        return path.startswith(OWNED) and path not in STARTERS and path.endswith(TEXT)

    def _engage(self, handle: str) -> Member:
        """Give somebody a home with settings of their own."""
        member = self.members[handle] = Member(handle, self.office)
        member.home.mkdir(parents=True)
        (member.home / "ignored").write_text("/data/\n*.yaml\n", encoding="utf-8")
        config = member.home / "gitconfig"
        settings = {
            "user.name": handle.title(),
            "user.email": f"{handle}@users.noreply.invalid",
            f"url.{self.releases.history}.insteadOf": ADDRESS,
            **SETTINGS[handle],
        }
        for key, value in settings.items():
            git(member.home, "config", "--file", str(config), key, value)
        member.clone.parent.mkdir(exist_ok=True)
        return member

    def _clone(self, handle: str) -> None:
        """Let somebody begin: clone, set up, doctor."""
        member = self._engage(handle)
        git(self.office.folder, "clone", "--quiet", str(self.office.origin), str(member.clone))
        member.git("switch", "--quiet", "develop")  # main does not know a newcomer yet
        member.quant("setup", "--as", handle)

    # --- days

    def run(self, days: int) -> None:
        """Live through some days, and compare everything at the end.

        Raises:
            LostError: something was lost; the text names seed, day and operation.
        """
        try:
            for _ in range(days):
                self._pass_day()
            self._finish_all()
            self._compare()
            self._examine()
        except LostError as error:
            day = f"day {self.office.number} ({self.office.today})"
            last = "; ".join(member.operation for member in self.members.values())
            text = f"seed {self.seed}, {day}, {self.operation}: {error}\nlast commands: {last}"
            raise LostError(text) from error
        finally:
            self.pool.shutdown()
            self.desk.close()

    @property
    def active(self) -> list[Member]:
        handles = [person["handle"] for person in self.team if not person.get("left")]
        return [self.members[handle] for handle in handles]

    def _pass_day(self) -> None:
        office = self.office
        office.number += 1
        office.today += timedelta(days=3 if office.today.weekday() == 4 else 1)
        if office.number % BETWEEN_RELEASES == 15:
            self._update()
        elif office.number % BETWEEN_ROSTERS == 10:
            self._change_roster()
        elif self.random.random() < 0.08:
            self._collide()
        else:
            members = self._some(self.active)
            self._work(members)
            self._merge_finished(members)
        self.operation = "the evening"
        self.ledger.check(office.origin)
        for member in self.members.values():
            member.check_loose()
        if office.number % MONTH == 0:
            self._close_month()

    def _close_month(self) -> None:
        """Compare with a fresh copy, while somebody asks the doctor."""
        member = self.random.choice(self.active)
        self._at_once([self._compare, partial(_be_well, member)])

    def _some(self, members: list[Member]) -> list[Member]:
        """Return one or two of some members; none of none."""
        count = 2 if self.random.random() < 0.35 else 1
        return self.random.sample(members, min(count, len(members)))

    def _at_once(self, tasks: list[Callable[[], None]]) -> None:
        """Do things in several clones at the same time."""
        for done in [self.pool.submit(task) for task in tasks]:
            done.result()

    def _merge(self, members: list[Member]) -> None:
        """Merge the branches of some members; they all start from the same develop."""
        for member in members:
            self.operation = f"{member.handle} merges {member.branch}"
            member.merge_locally()
        for member in members:
            self.operation = f"{member.handle} pushes develop"
            self.ledger.merge(member.publish())

    def _work(self, members: list[Member], *others: Callable[[], None]) -> None:
        """Let some members do something while others do something else."""
        self.operation = "work"
        self._at_once([*others, *(partial(self._do, member) for member in members)])

    def _merge_finished(self, members: list[Member]) -> None:
        self._merge([member for member in members if member.age >= self.random.choice((1, 2, 3))])

    def _do(self, member: Member) -> None:
        """Do one thing on the member's branch."""
        random = year_text.seeded(self.seed, self.office.number, member.handle)
        if not member.branch:
            member.begin("work")
        (work,) = random.choices(list(WORK), list(WORK.values()))
        if member.age:
            member.sweep()
        work(member, random, self.desk)
        member.age += 1
        if random.random() < 0.15:
            member.git("push", "--quiet", "origin", member.branch)

    def _collide(self) -> None:
        """Two members edit the same line of the same file, and both lock data."""
        pair = self.random.sample(self.active, 2)
        self._merge([member for member in pair if member.branch])
        path = self.random.choice(self.office.owned)
        place = self.random.random()
        for member in pair:
            self.operation = f"{member.handle} edits {path}, as does another"
            member.begin("both")
            insert_mark(member, path, year_text.seeded(place))
            member.commit("docs: say the same", path)
            lock_data(member, year_text.seeded(place, member.handle), self.desk)
        self._merge(pair)

    # --- releases and the roster

    def _update(self) -> None:
        """Release the template; a senior updates the team to it."""
        version = self.releases.release(self.random)
        member = self.members[self.random.choice(SENIORS)]
        self.operation = f"{member.handle} updates to {version}"
        if member.branch:
            self._merge([member])
        others = [each for each in self.active if each is not member]
        self._work(others, partial(update_template, member, version))
        self._merge([member])
        self._merge_finished(others)
        there = listing(self.office.origin, "develop")
        self.office.owned = [path for path in there if self._is_owned(path)]

    def _change_roster(self) -> None:
        """Somebody joins, leaves or returns; now and then two change the roster at once."""
        self.operation = "the roster changes"
        both = [self.members[handle] for handle in SENIORS]
        self._merge([member for member in both if member.branch])
        first = self._next_team(self.team)
        second = self._next_team(first)
        at_once = self.office.number // BETWEEN_ROSTERS % 3 == 1
        alone = [person for person in second if person not in first]
        own = [next((x for x in alone if x["handle"] == y["handle"]), y) for y in self.team]
        own += [x for x in alone if x["handle"] not in {y["handle"] for y in self.team}]
        edits = [partial(edit_team, both[0], first)]
        if at_once:
            edits.append(partial(edit_team, both[1], own))
        self._work([each for each in self.active if each not in both], *edits)
        self._merge(both[:1])
        self.team = first
        if at_once:
            edit_team_again(both[1], second)
            self._merge(both[1:])
            self.team = second
        self._welcome()

    def _next_team(self, team: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the roster after one change."""
        new = [dict(person) for person in team]
        known = {person["handle"] for person in new}
        others = [person for person in new if person["handle"] not in SENIORS]
        if len(others) < 2 or (len(known) < len(PEOPLE) and self.random.random() < 0.5):
            new.append(dict(next(each for each in PEOPLE if each["handle"] not in known)))
            return new
        person = self.random.choice(others)
        if person.get("left"):
            del person["left"]
        else:
            person["left"] = True
        return new

    def _welcome(self) -> None:
        """Let newcomers clone, and those who return set up again."""
        for person in self.team:
            handle = person["handle"]
            if handle not in self.members:
                self._clone(handle)

    # --- comparisons

    def _finish_all(self) -> None:
        self._merge([member for member in self.active if member.branch])
        self.ledger.check(self.office.origin)

    def _compare(self) -> None:
        """Compare develop with a fresh copy of the same release and roster."""
        self.operation = "the comparison with a fresh copy"
        fresh = self.office.folder / "fresh"
        with contextlib.redirect_stderr(io.StringIO()):
            copy_template(self.releases.history, fresh, {"team": self.team})
        path = fresh / ".copier-answers.yml"
        text = path.read_text("utf-8").replace(str(self.releases.history), ADDRESS)
        path.write_text(text, "utf-8")
        self.office.environment.run(fresh, "quant", "access", "compile")
        files = {
            path.relative_to(fresh).as_posix(): path.read_bytes()
            for path in fresh.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        self.ledger.compare(contents(self.office.origin, "develop"), files)
        modes = listing(self.office.origin, "develop")
        for name in PROGRAMS:
            if modes[name][0] != "100755":
                raise LostError(f"{name} is not executable")
        shutil.rmtree(fresh)

    def _examine(self) -> None:
        """Hold that the doctor finds nothing in any clone, on the newest develop."""
        self.operation = "quant doctor"
        self._at_once([partial(_be_well, member) for member in self.active])


def _be_well(member: Member) -> None:
    if not member.branch:
        member.begin("doctor")
    done = member.start("quant", "doctor")
    bad = [line for line in done.stdout.splitlines() if not line.startswith("ok ")]
    if done.returncode or bad:
        raise LostError("\n".join([f"the doctor of {member.handle}:", *bad, done.stderr]))


TEXT = (".md", ".py", ".yml", ".toml")
