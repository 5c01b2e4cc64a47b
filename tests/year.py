"""A simulated year of a team: members, releases of the template, and a ledger of what was written.

    Year(snapshot, environment, folder, seed=1).run(250)

A day is a working day. Members work on branches of their own, in clones of their own, two at once;
what they finish is merged. Every 20 days the template has a release and a senior updates to it;
every third time by the product's command, while another one changes the roster, else with Copier
itself. The ledger is compared with `develop` on every day that changes it, the whole tree with a
fresh copy before every third update and at the end. Commits have the simulated day as their date;
one seed gives one year.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.conftest import TeamEnvironment
from tests.year_desk import Desk
from tests.year_ledger import LostError
from tests.year_member import Member, Office
from tests.year_team import Team, merged
from tests.year_template import Plant, Releases
from tests.year_text import seeded
from tests.year_updates import catch_up, edit_team, update_bare, update_template
from tests.year_work import SYMBOLS, WORK, insert_mark, lock_month

BETWEEN_RELEASES = 20  # working days
FIRST_UPDATE = 15
BETWEEN_ROSTERS = 250  # changed by two seniors at once
SECOND_ROSTER = 30
COLLISIONS = 0.08  # of all days
# What the doctor may say: members have personal git settings on purpose.
ACCEPTED = ("ok ", "warn  git settings:")
NEWER = "warn  template:"  # a release that nobody has updated to yet
Task = Callable[[], object]


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
        self.random = seeded(seed)
        self.releases = Releases(snapshot, folder, plant)
        self.office = Office(folder, folder / "origin.git", environment)
        self.office.install_copier()
        self.team = Team(self.office, self.releases)
        self.ledger = self.team.ledger
        self.desk = Desk(environment, folder / "desk")
        self.pool = ThreadPoolExecutor(2)
        self.checked = 0  # of the pushes
        self.operation = ""

    def run(self, days: int) -> None:
        """Live through some days, and compare everything at the end.

        Raises:
            LostError: something was lost; the text names seed, day and operation.
        """
        try:
            for _ in range(days):
                self._pass_day()
            self._end()
        except LostError as error:
            raise LostError(f"{self._where()}: {error}") from error
        finally:
            self.pool.shutdown()
            self.desk.close()

    def _where(self) -> str:
        day = f"day {self.office.number} ({self.office.today})"
        last = [member.operation for member in self.team.members.values()]
        return f"seed {self.seed}, {day}, {self.operation} [{'; '.join(last)}]"

    # --- days

    def _pass_day(self) -> None:
        office = self.office
        office.number += 1
        office.today += timedelta(days=3 if office.today.weekday() == 4 else 1)
        if office.number % BETWEEN_RELEASES == FIRST_UPDATE:
            self._update()
        elif office.number % BETWEEN_ROSTERS == SECOND_ROSTER:
            self._change_rosters()
        elif self.random.random() < COLLISIONS:
            self._collide()
        else:
            self._work()
        self._check()

    def _work(self) -> None:
        """Let one or two members do something, and merge what is finished."""
        count = 2 if self.random.random() < 0.25 else 1
        members = self.random.sample(self.team.active, count)
        self._let_work(members)
        self._merge_finished(members)

    def _let_work(self, members: Iterable[Member], *others: Task) -> None:
        """Let some members do something while others do something else."""
        self.operation = "work"
        self._at_once([*others, *(partial(self._do, member) for member in members)])

    def _do(self, member: Member) -> None:
        """Do one thing on the member's branch."""
        random = seeded(self.seed, self.office.number, member.handle)
        if not member.branch:
            member.begin("work")
        if member.age:
            member.sweep()
        (work,) = random.choices(list(WORK), list(WORK.values()))
        work(member, random, self.desk)
        member.age += 1
        if random.random() < 0.15:
            member.push_branch()

    def _collide(self) -> None:
        """Two members edit the same line of the same file, and lock neighbouring months."""
        pair = self.random.sample(self.team.active, 2)
        self._merge(pair)
        path = self.random.choice(self.office.owned)
        place = self.random.random()
        symbol = self.random.choice(SYMBOLS)
        start = self.random.randrange(1, 12)

        def write(member: Member, month: int) -> None:
            member.begin("both")
            insert_mark(member, path, seeded(place))
            member.commit("docs: say the same", path)
            lock_month(member, symbol, f"2020-{month:02d}", self.desk)

        self.operation = f"two edit {path}"
        self._at_once([partial(write, pair[0], start), partial(write, pair[1], start + 1)])
        self._merge(pair)

    def _merge(self, members: Iterable[Member]) -> None:
        """Merge the open branches of some members, who all start from the same develop."""
        busy = [member for member in members if member.branch]
        self.operation = f"{' and '.join(member.handle for member in busy)} merge"
        self._at_once([member.merge_locally for member in busy])
        for member in busy:
            self.operation = f"{member.handle} pushes develop"
            self.ledger.merge(member.publish())

    def _merge_finished(self, members: Iterable[Member]) -> None:
        self._merge(each for each in members if each.age >= self.random.choice((1, 2, 3)))

    def _at_once(self, tasks: Iterable[Task]) -> None:
        """Do things in several clones at the same time."""
        for done in [self.pool.submit(task) for task in tasks]:
            done.result()

    # --- releases and the roster

    def _update(self) -> None:
        """Close the month; release the template, and let a senior update the team to it.

        Meanwhile the other senior changes the roster, and develop is compared with a fresh copy of
        the release before; or that senior asks the doctor. The others work.
        """
        team = self.team
        before = self.releases.version
        version = self.releases.release(self.random)
        self._merge(team.seniors)
        alice, bob = team.seniors
        is_dear = self.releases.number % 3 == 1
        # Alice's settings endanger a bare update; `quant doctor` says so.
        one, two = (alice, bob) if is_dear else (bob, alice)
        others = [each for each in team.active if each not in (one, two)]
        roster = team.roster
        meanwhile = [partial(be_well, two, NEWER)]
        if is_dear:
            roster = team.next_roster(roster, self.random)
            meanwhile = [partial(edit_team, two, roster), partial(team.compare, before)]
        update = partial(update_template if is_dear else update_bare, one, version)
        self._let_work(others, update, *meanwhile)
        self._merge([one])
        self._merge_finished(others)
        if roster is not team.roster:
            self.operation = f"{two.handle} changes the roster after an update"
            catch_up(two, roster)
            self._merge([two])
            team.adopt(roster)
        team.look_around()

    def _change_rosters(self) -> None:
        """Two seniors change the roster at once; the second one has to catch up."""
        team = self.team
        alice, bob = team.seniors
        self._merge([alice, bob])
        old = team.roster
        first = team.next_roster(old, self.random)
        second = own = old
        while own == old:  # the second change takes the first one back
            second = team.next_roster(first, self.random)
            own = merged(old, second, first)
        edits = [partial(edit_team, alice, first), partial(edit_team, bob, own)]
        others = [each for each in team.active if each not in (alice, bob)]
        self._let_work(others, *edits)
        self._merge([alice])
        team.adopt(first)
        self.operation = "the roster changes again"
        catch_up(bob, second)
        self._merge([bob])
        team.adopt(second)

    # --- comparisons

    def _check(self) -> None:
        self.operation = "the evening"
        if self.checked != self.office.pushes:
            self.ledger.check(self.office.origin)
            self.checked = self.office.pushes
        for member in self.team.members.values():
            member.check_loose()

    def _end(self) -> None:
        """Merge everything, compare everything, and let everybody ask the doctor."""
        team = self.team
        self._merge(team.active)
        self._check()
        self.operation = "the end"
        self.ledger.check(self.office.origin)
        tasks = [partial(be_well, member) for member in team.active]
        self._at_once([partial(team.compare, self.releases.version), *tasks])
        team.seniors[0].quant("data", "verify")


def be_well(member: Member, *accepted: str) -> None:
    """Hold that the doctor finds nothing in a clone, on the newest develop.

    Args:
        member: whose clone it is; no branch is open there.
        accepted: how lines begin that the doctor may print besides.

    Raises:
        LostError: it does.
    """
    member.begin("doctor")
    done = member.start("quant", "doctor")
    bad = [line for line in done.stdout.splitlines() if not line.startswith((*ACCEPTED, *accepted))]
    if done.returncode or bad:
        raise LostError("\n".join([f"the doctor of {member.handle}:", *bad, done.stderr]))
