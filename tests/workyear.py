"""What a member does in a year, as rules of a state machine: a day's work, and besides it branches,
merges, stashes, updates of the template, changes of the roster and runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition

from tests.member import Done, Member, Picture
from tests.workday import FEATURE, Workday, chosen, edited, numbers, personal, require, step

MINE = FEATURE.removeprefix("refs/heads/")
DEVELOP = "refs/heads/develop"
MARKER = re.compile(rb"^(<{7}|\|{7}|={7}|>{7})( .*)?\r?\n", re.MULTILINE)
LINE = re.compile(rb"[^\r\n]*~\d+~[^\r\n]*")
# Settings under which a bare `copier update` is known to lose edits: `quant doctor` names them.
UNSAFE = ("apply.", "core.attributesFile", "core.excludesFile", "core.hooksPath", "diff.", "init.")
# With each of these, a bare update drops an edit of a line that ends in blanks.
HARMFUL = ["apply.whitespace=error", "core.attributesFile={folder}/attributes-diff"]
MOST = 2  # heavy steps of one member
NOON = 6  # steps
EDITED = "docs/data.md"  # the next release changes its end
ROSTER = (
    ".copier-answers.yml",
    ".github/CODEOWNERS",
    "README.md",
    "hooks/handles",
    "infrastructure/",
    "notebooks/",
)
CHANGES = ["joins", "leaves", "is renamed"]
LOOKS = ["doctor", "setup", "access compile --check", "template news"]
COMMANDS = ["template update"] * 3 + ["copier update", "run momentum", *CHANGES, *LOOKS]
MOSTLY = [True, True, True, False]
DANA = {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"}


class Workyear(Workday):
    """A member's year in the repository."""

    heavy = 0
    steps = 0

    @initialize(settings=personal, heavy=st.integers(0, MOST), harmful=st.sampled_from(HARMFUL))
    def begin(self, settings: list[str], heavy: int, harmful: str) -> None:
        """Give the member a clone and personal settings; `heavy` steps take seconds each."""
        if heavy:
            key, _, _ = harmful.partition("=")
            settings = [each for each in settings if not each.startswith(key)] + [harmful]
        self.settings = settings
        self.heavy = heavy
        self.member = Member(self.prepared, self.place, settings)

    # Branches

    @step(number=numbers)
    def switch(self, number: int) -> None:
        """Switch to the other branch, more often back than away; git may refuse."""
        require(self.member.branch == DEVELOP or number < 40)
        self._move("switch", "develop" if self.member.branch == FEATURE else MINE)

    @step(settle=st.booleans())
    def merge(self, settle: bool) -> None:
        """Merge the other branch into this one; a conflict is settled, or the merge given up."""
        other = MINE if self.member.branch == DEVELOP else "develop"
        self._move("merge", "--no-ff", "--no-edit", other, settle=settle)

    @precondition(lambda self: self.member.branch == FEATURE)
    @step(number=numbers)
    def teammate_merges(self, number: int) -> None:
        """A teammate's line arrives on develop."""
        member = self.member
        path = chosen(["README.md", "docs/data.md", "docs/access.md"], number)
        member.teammate_writes(DEVELOP, path, f"A teammate's line {self.mark()}.\n".encode())

    @step(elsewhere=st.booleans())
    def stash(self, elsewhere: bool) -> None:
        """Stash, look at the other branch, take everything back.

        Outputs of notebooks and carriage returns are not in a stash: git's own way with filters.
        """
        before = self.member.recorded()
        count = len(self.member.refs)
        self._move("stash", "push", "--quiet")
        if len(self.member.refs) == count:
            return
        if elsewhere:
            other = "develop" if self.member.branch == FEATURE else MINE
            self._move("switch", other)
            self._move("switch", before_branch(other))
        self._move("stash", "pop", "--quiet", "--index")
        self.member.require_recorded(before)

    def _move(self, *arguments: str, settle: bool = False) -> None:
        """Run what git itself may do to files, and look: refused, nothing has changed."""
        member = self.member
        before, recorded, marks = member.picture(), member.recorded(), member.marks()
        done = member.git(*arguments)
        if member.unmerged() and settle:
            self._settle("commit", "--no-edit", "--no-verify")
        elif member.unmerged():
            assert member.git("merge", "--abort").returncode == 0
        elif done.returncode:
            # A merge that git refuses while something is staged goes through a stash, and back.
            member.look()
            member.require_recorded(recorded)
            return
        member.look()
        member.require_kept(marks)
        if arguments[0] != "stash":
            member.require_untouched(before)

    def _settle(self, *command: str) -> None:
        """Resolve each conflict by keeping both sides, and go on."""
        for path in self.member.unmerged():
            target = self.member.folder / path
            if target.is_file():
                target.write_bytes(MARKER.sub(b"", target.read_bytes()))
            assert self.member.git("add", "--all", "--", path).returncode == 0
        if command:
            done = self.member.git(*command)
            assert done.returncode == 0, done.stderr.decode()

    # The product's own commands

    @precondition(lambda self: self.heavy > 0)
    @step(what=st.sampled_from(COMMANDS), tidy=st.sampled_from(MOSTLY), commit=st.booleans())
    def use_product(self, what: str, tidy: bool, commit: bool) -> None:
        """Run one of the product's commands; `tidy` commits everything before an update."""
        self.heavy -= 1
        if what == "run momentum":
            self._log_run()
        elif what in CHANGES:
            before = self._tidied() if tidy else self.member.picture()
            self._review(before, self._change_roster(what, before), ROSTER, commit)
        elif what == "template update":
            before = self._tidied() if tidy else self.member.picture()
            self._review(before, self._quant(*what.split()), self.prepared.changed, commit)
        elif what == "copier update":
            require(not any(each.startswith(UNSAFE) for each in self.settings))
            before = self._tidied()
            done = self.member.run("copier", "update", "--defaults", "--skip-answered", "--quiet")
            self._review(before, done, self.prepared.changed, commit)
        else:
            self._quant(*what.split())

    @invariant()
    def update_at_noon(self) -> None:
        """Who has time for two heavy steps begins with an update that bare Copier would spoil."""
        self.steps += 1
        here = self.member.branch == FEATURE and EDITED in self.member.disk
        if here and self.heavy == MOST and self.steps > NOON:
            self.heavy -= 1
            line = f"{self.mark()} ours, and blanks  ".encode()
            content = edited(self.member.disk[EDITED], "insert", 0, line)
            self.member.write(EDITED, content)
            before = self._tidied()
            self._review(before, self._quant("template", "update"), self.prepared.changed, True)

    use_product_again = use_product  # as likely as two other steps

    def _log_run(self) -> None:
        """Log a backtest: files of results appear, and nothing else changes."""
        before = self.member.picture()
        done = self._quant("run", "momentum")
        if done.returncode:  # what it needs is deleted, for one
            return
        self.member.look()
        new = self.member.disk.keys() - before.disk.keys()
        assert all(path.startswith(("results/", "data/")) for path in new)
        self._require_only(before, lambda path: path in new)

    def _change_roster(self, change: str, before: Picture) -> Done:
        """Run `quant team edit`."""
        team = yaml.safe_load(before.disk[".copier-answers.yml"])["team"]
        if change == "joins":
            team.append(dict(DANA))
        elif change == "leaves":
            team[1]["left"] = True
        else:
            team[0]["name"] = "Alice Öz"
        file = self.place / "team.yml"
        file.write_text(yaml.safe_dump(team), encoding="utf-8")
        return self._quant("team", "edit", "--file", str(file))

    def _quant(self, *arguments: str) -> Done:
        done = self.member.run("quant", *arguments)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    def _tidied(self) -> Picture:
        """Commit whatever there is on the feature branch."""
        member = self.member
        require(member.branch == FEATURE)
        member.commit_everything()
        return member.picture()

    def _review(
        self, before: Picture, done: Done, changed: frozenset[str] | tuple[str, ...], commit: bool
    ) -> None:
        """After an update: refused without a trace, or all that the team wrote still stands."""
        member = self.member
        conflicts = member.unmerged()
        if done.returncode and not conflicts:
            member.check()
            return
        said = (done.stdout + done.stderr).decode()
        if conflicts:
            assert all(path in said for path in conflicts) or done.args[0] == b"copier", said
            self._settle()
        member.look()
        prefixes = tuple(changed)
        self._require_only(before, lambda path: path.startswith(prefixes))
        gone = self._gone(before)
        if gone:
            said += self._quant("doctor").stdout.decode()
        # A file that the release removes goes, with the team's edits: but the product says so.
        lost = [path for path in gone if path in member.disk or path not in said]
        assert lost == [], "edits gone"
        assert [path for path in member.disk if path.endswith((".rej", ".orig"))] == []
        if commit:
            member.commit_everything()

    def _gone(self, before: Picture) -> list[str]:
        """Return the files that lack a line which the member had written."""
        gone = []
        for path, content in before.disk.items():
            now = self.member.disk.get(path, b"")
            if any(line not in now for line in LINE.findall(content)):
                gone.append(path)
        return gone

    def _require_only(self, before: Picture, may_change: Callable[[str], bool]) -> None:
        """Nothing but these paths changed, and nothing that is not committed."""
        member = self.member
        assert before.head == member.head
        for path in before.disk.keys() | member.disk.keys():
            if before.disk.get(path) != member.disk.get(path):
                assert may_change(path), f"{path} changed for no reason"
                assert path in before.head or path not in before.disk, f"{path} was not committed"
        for path in before.index.keys() | member.index.keys():
            if before.index.get(path) != member.index.get(path):
                assert may_change(path), f"{path} is staged for no reason"


def before_branch(other: str) -> str:
    """Return the branch from which one switched to the other."""
    return MINE if other == "develop" else "develop"
