"""What a member does in a day, as rules of a state machine: edit, stage, run notebooks, commit.

Whatever the order, and whatever personal settings: after each step everything is as `Member` has it
in its books.
"""

from __future__ import annotations

import difflib
import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.member import Done, Entries, Member, Prepared, is_ignored
from tests.personal_settings import RISKY, SETTINGS

FEATURE = "refs/heads/feature/alice/x"
FEATURES = "src/features/quant_team_features/"
NOTEBOOKS = [f"notebooks/{name}.ipynb" for name in ("example", "alice/example", "alice/a b")]
# Of the template and of the team, all with lines that an edit may replace.
TEXTS = [
    "README.md",
    "docs/data.md",
    "docs/git-workflow.md",
    "docs/scaling.md",
    "requirements.txt",
    ".github/workflows/ci.yml",
    "config/environments/research.yaml",
    "requirements-team.txt",
]
PROGRAMS = [
    "src/utils/quant_team_utils/console.py",
    FEATURES + "momentum.py",
    "src/strategies/quant_team_strategies/momentum.py",
]
NEW = [
    "-dash.md",
    "docs/my notes.md",
    "docs/über uns.md",
    "docs/數據/a.md",
    "notes/it's $x.txt",
    FEATURES + "spread.py",
]
PERSONAL = [".env", ".vscode/settings.json", "data/bars.csv"]
BAD = {
    "docs/bad_secret.md": b"ALPACA_SECRET_" + b"KEY=abcdefgh12345678ijklmnop\n",
    "docs/bad_conflict.md": b"<<<<<<< " + b"ours\n",
    "docs/bad\nname.md": b"a name of two lines\n",
    FEATURES + "bad_format.py": b"x = {  'a':1 }\n",
}
EDITS = ["append", "insert", "replace", "blanks", "carriage returns", "no line end"]
GOOD_MESSAGES = ["docs: say more", "feat: Zürich 数据", "fix: what '#12' names"]
BAD_MESSAGES = ["say more", "feature: say more", "docs: " + "x" * 80, "docs:"]
WAYS_TO_COMMIT = ["plain", "editor", "all", "path", "amend"]
EDITOR = 'cat "$TYPED" "$1" >"$1.new" && mv "$1.new" "$1"\n'
HARMLESS = (".md", ".txt", ".yaml", ".yml", ".ipynb")

numbers = st.integers(0, 99)
personal = st.lists(st.sampled_from(SETTINGS + RISKY * 4), min_size=1, max_size=4, unique=True)


class NothingToDoError(Exception):
    """There is nothing to which the step could be done now."""


def step(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Return `rule(...)` for a step that is left out where there is nothing to do."""

    def decorate(function: Callable[..., None]) -> Any:
        @functools.wraps(function)
        def attempt(self: Workday, **values: Any) -> None:
            with suppress(NothingToDoError):
                function(self, **values)

        make: Any = rule  # its types have no room for `**`
        return make(**drawn)(attempt)

    return decorate


def require(possible: bool) -> None:
    """Leave the step out unless it is possible."""
    if not possible:
        raise NothingToDoError


def chosen(options: Iterable[str], number: int) -> str:
    """Return one of the options; without any, the step is left out."""
    listed = sorted(options)
    require(bool(listed))
    return listed[number % len(listed)]


def edited(content: bytes, kind: str, place: int, line: bytes) -> bytes:
    """Return a text with one line more, or another line; `place` is in quarters of the text."""
    end = b"\r\n" if b"\r\n" in content else b"\n"
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += end
    position = len(lines) * place // 4
    if kind == "insert":
        lines.insert(position, line + end)
    elif kind == "replace" and lines:
        lines[min(position, len(lines) - 1)] = line + end
    elif kind == "blanks":
        lines.append(line + b"  \t" + end)
    elif kind == "carriage returns":
        lines = [each.rstrip(b"\r\n") + b"\r\n" for each in [*lines, line]]
    elif kind == "no line end":
        lines.append(line)
    else:
        lines.append(line + end)
    return b"".join(lines)


def first_change(old: bytes, new: bytes) -> bytes:
    """Return the old text with the first of the changes that lead to the new one."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for kind, i, j, k, m in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if kind != "equal":
            return b"".join([*before[:i], *after[k:m], *before[j:]])
    return old


class Workday(RuleBasedStateMachine):
    """A member's day in the repository."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self.prepared = prepared
        self.place = Path(tempfile.mkdtemp(prefix="member-"))
        self.count = 0
        self.unstripped: set[str] = set()  # entries of notebooks with outputs

    def teardown(self) -> None:
        """Remove the clone."""
        shutil.rmtree(self.place, ignore_errors=True)

    @initialize(settings=personal)
    def begin(self, settings: list[str]) -> None:
        """Give the member a clone and personal settings."""
        self.settings = settings
        self.member = Member(self.prepared, self.place, settings)

    @invariant()
    def nothing_is_lost(self) -> None:
        """Everything is where the books say; git status shows what was done and no more."""
        if hasattr(self, "member"):
            self.member.check()

    def mark(self) -> str:
        """Return the mark of a line that nobody has written before."""
        self.count += 1
        return f"~{self.count}~"

    # Edits

    @step(number=numbers, kind=st.sampled_from(EDITS), place=st.integers(0, 4))
    def edit(self, number: int, kind: str, place: int) -> None:
        """Change a line of a text of the template's or of the team's."""
        path = chosen(self.member.disk.keys() & {*TEXTS, *NEW}, number)
        ours = f"{self.mark()} ours, and naïve".encode()
        line = ours if path.endswith(".md") else b"# " + ours
        self.member.write(path, edited(self.member.disk[path], kind, place, line))

    @step(number=numbers)
    def edit_program(self, number: int) -> None:
        """Add a comment to a module, formatted as ruff has it."""
        path = chosen(self.member.disk.keys() & set(PROGRAMS), number)
        line = f"\n\n# {self.mark()} ours\n".encode()
        self.member.write(path, self.member.disk[path].rstrip() + b"\n" + line)

    @step(path=st.sampled_from(NEW + PERSONAL))
    def add_file(self, path: str) -> None:
        """Write a new file, or a further line of it; some are the member's own, and ignored."""
        content = self.member.disk.get(path, b"")
        self.member.write(path, content + f"# {self.mark()}\n".encode())

    @step(path=st.sampled_from(sorted(BAD)))
    def write_bad_file(self, path: str) -> None:
        """Write a file that must not be committed as it is; if it is there, delete it."""
        if path in self.member.disk:
            self.member.remove(path)
        else:
            self.member.write(path, BAD[path])

    @step(number=numbers)
    def delete(self, number: int) -> None:
        """Delete a file."""
        self.member.remove(chosen(self.member.disk.keys() & {*TEXTS, *NEW, *BAD}, number))

    @step(number=numbers)
    def rename(self, number: int) -> None:
        """Move a tracked file; what is staged and what is not move with it."""
        member = self.member
        path = chosen(member.disk.keys() & member.staged().keys() & {*TEXTS, *NEW}, number)
        new = f"docs/moved {self.count}.md"
        require(new not in member.disk)
        if member.git("mv", "--", path, new).returncode == 0:
            member.disk[new] = member.disk.pop(path)
            member.note(new, member.index[path])
            member.note(path, None)
            member.moved(path, new)

    # Notebooks

    @step(number=numbers, indent=st.sampled_from([1, 1, 2]))
    def run_notebook(self, number: int, indent: int) -> None:
        """Run a notebook as Jupyter does: outputs, counts and times are written into it."""
        notebook = self._notebook(chosen(NOTEBOOKS, number))
        for count, cell in enumerate(notebook["cells"], start=1):
            if cell["cell_type"] == "code":
                # Not a mark: git itself drops outputs where it stashes, or takes another branch's.
                text = [f"{self.mark().strip('~')} an output\n"]
                stream = {"name": "stdout", "output_type": "stream", "text": text}
                cell.update(execution_count=count, outputs=[stream])
                cell["metadata"]["execution"] = {"iopub.execute_input": "2026-01-05"}
        self._save(chosen(NOTEBOOKS, number), notebook, indent)

    @step(number=numbers)
    def edit_notebook(self, number: int) -> None:
        """Write a line into a cell."""
        path = chosen(NOTEBOOKS, number)
        notebook = self._notebook(path)
        cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
        cell["source"] = [f"# {self.mark()} ours\n", *cell["source"]]
        self._save(path, notebook, 1)

    def _notebook(self, path: str) -> dict[str, Any]:
        start = self.member.disk.get("notebooks/bob/example.ipynb", b"")
        notebook: dict[str, Any] = json.loads(self.member.disk.get(path, start))
        return notebook

    def _save(self, path: str, notebook: dict[str, Any], indent: int) -> None:
        """Write a notebook, and note how git is to record it."""
        content = _dumped(notebook, indent)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell.update(execution_count=None, outputs=[])
                cell["metadata"].pop("execution", None)
        self.member.stripped[content] = _dumped(notebook, indent)
        self.member.write(path, content)

    # The index

    @step(number=numbers)
    def stage(self, number: int) -> None:
        """Stage one path, changed, new or deleted."""
        path = chosen(self.member.unstaged(), number)
        if self.member.git("add", "--", path).returncode == 0:
            self.member.stage([path])

    @step()
    def stage_all(self) -> None:
        """Stage whatever git takes; a personal ignore list holds here."""
        listed = self.member.git("ls-files", "--others", "--exclude-standard", "-z").stdout
        new = [path for path in listed.decode().split("\0") if path]
        if self.member.git("add", "--all").returncode == 0:
            self.member.stage([*self.member.index, *new])

    @step(number=numbers)
    def stage_in_part(self, number: int) -> None:
        """Stage the first of a file's changes, as `git add -p` does."""
        member = self.member
        texts = [path for path in member.unstaged() if path in member.disk]
        path = chosen(
            (path for path in texts if path in member.staged() and not path.endswith(".ipynb")),
            number,
        )
        entry = member.index[path]
        self._stage_bytes(path, first_change(member.blob(entry), member.cleaned(path)))

    @step(number=numbers)
    def stage_outputs(self, number: int) -> None:
        """Stage a notebook past the filter, with its outputs."""
        disk, stripped = self.member.disk, self.member.stripped
        run = [path for path, content in disk.items() if stripped.get(content, content) != content]
        path = chosen(run, number)
        self.unstripped.add(self._stage_bytes(path, self.member.disk[path]))

    def _stage_bytes(self, path: str, content: bytes) -> str:
        member = self.member
        written = member.git("hash-object", "-w", "--stdin", given=content)
        mode = member.index.get(path, "100644 ").split()[0]
        digest = written.stdout.decode().strip()
        done = member.git("update-index", "--add", "--cacheinfo", f"{mode},{digest},{path}")
        assert done.returncode == 0, done.stderr
        member.note(path, f"{mode} {digest}")
        return f"{mode} {digest}"

    @step(number=numbers)
    def intend(self, number: int) -> None:
        """Tell git that a new file is to come (`git add -N`)."""
        member = self.member
        path = chosen(
            (path for path in member.disk if path not in member.index and not is_ignored(path)),
            number,
        )
        require(path not in member.head)
        if member.git("add", "--intent-to-add", "--", path).returncode == 0:
            member.intend(path)

    @step(number=numbers)
    def unstage(self, number: int) -> None:
        """Take a path back out of the index; its bytes stay in the work tree."""
        member = self.member
        paths = member.index.keys() | member.head.keys()
        path = chosen((p for p in paths if member.index.get(p) != member.head.get(p)), number)
        if member.git("restore", "--staged", "--", path).returncode == 0:
            member.note(path, member.head.get(path))

    @step(number=numbers)
    def discard(self, number: int) -> None:
        """Give up what is not staged in one file: the only step that may lose bytes."""
        member = self.member
        path = chosen((path for path in member.unstaged() if path in member.staged()), number)
        if member.git("restore", "--", path).returncode == 0:
            member.discarded(path)

    # Commits

    @step(
        message=st.sampled_from(GOOD_MESSAGES), how=st.sampled_from(WAYS_TO_COMMIT), number=numbers
    )
    def commit(self, message: str, how: str, number: int) -> None:
        """Commit with a good message."""
        self._commit(message, how, number)

    commit_again = commit  # as likely as two other steps

    @step(
        message=st.sampled_from(BAD_MESSAGES), how=st.sampled_from(WAYS_TO_COMMIT), number=numbers
    )
    def commit_with_bad_message(self, message: str, how: str, number: int) -> None:
        """Try to commit with a message that the hook refuses."""
        self._commit(message, how, number)

    @step(how=st.sampled_from(["plain", "editor"]), number=numbers)
    def stage_and_commit(self, how: str, number: int) -> None:
        """Stage one path and commit what is staged."""
        path = chosen(self.member.unstaged(), number)
        if self.member.git("add", "--", path).returncode == 0:
            self.member.stage([path])
        self._commit(GOOD_MESSAGES[0], how, number)

    def _commit(self, message: str, how: str, number: int) -> None:
        """Commit in one of the ways that git has; refused or not, no file changes."""
        member = self.member
        tree, options, path = member.staged(), [], ""
        if how == "all":
            options = ["--all"]
            tree = {path: entry for path in member.index if (entry := member.entry(path))}
        elif how == "path":
            path = chosen((path for path in member.unstaged() if path in member.index), number)
            tree = _with(member.head, path, member.entry(path))
        elif how == "amend":
            require(member.refs.get(FEATURE) != self.prepared.base)
            options = ["--amend"]
        done = self._run_commit(message, how == "editor", *options, *(["--", path] if path else []))
        if not member.advanced():
            assert not self._must_pass(how, message, tree), done.stderr.decode()
            if number % 2:
                self._give_way(tree)
            return
        self._require_refused(message, tree)
        if how == "all":
            member.stage(list(member.index))
        elif path:
            member.stage([path])
        member.committed(tree)

    def _give_way(self, tree: Entries) -> None:
        """Take out of the index what the hooks refused."""
        for path in self._bad(tree):
            if self.member.git("restore", "--staged", "--", path).returncode == 0:
                self.member.note(path, self.member.head.get(path))

    def _bad(self, tree: Entries) -> list[str]:
        """Return what a commit of a tree would bring that the hooks must refuse."""
        return [p for p in self._new(tree) if p in BAD or tree.get(p) in self.unstripped]

    def _run_commit(self, message: str, editor: bool, *options: str) -> Done:
        if editor:
            typed, script = self.place / "typed", self.place / "editor"
            typed.write_text(message + "\n\n", encoding="utf-8")
            script.write_text(EDITOR, encoding="utf-8")
            variables = {"GIT_EDITOR": f"sh '{script}'", "TYPED": str(typed)}
            done = self.member.run("git", "commit", *options, env=variables)
        else:
            done = self.member.run("git", "commit", "-m", message, *options)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        assert done.returncode == 0 or done.stderr + done.stdout, "refused without a word"
        return done

    def _require_refused(self, message: str, tree: Entries) -> None:
        """Fail where a commit passed that should not have."""
        assert message in GOOD_MESSAGES, f"{message!r} was let through"
        assert self.member.branch == FEATURE, f"a commit on {self.member.branch} was let through"
        bad = [path for path in self._bad(tree) if path in tree]
        assert bad == [], "let through"

    def _must_pass(self, how: str, message: str, tree: Entries) -> bool:
        """Tell whether there is nothing to refuse."""
        new = self._new(tree)
        good = all(path.endswith(HARMLESS) for path in new)
        if how == "amend" or not new or not good or self._bad(tree):
            return False
        if how in ("all", "path") and "core.safecrlf=true" in self.settings:
            return False
        return message in GOOD_MESSAGES and self.member.branch == FEATURE

    def _new(self, tree: Entries) -> Sequence[str]:
        """Return what a commit of a tree would change."""
        head = self.member.head
        return [path for path in head.keys() | tree.keys() if head.get(path) != tree.get(path)]


def _dumped(notebook: dict[str, Any], indent: int) -> bytes:
    return json.dumps(notebook, indent=indent, ensure_ascii=False).encode() + b"\n"


def _with(tree: Entries, path: str, entry: str | None) -> Entries:
    changed = {name: each for name, each in tree.items() if name != path}
    return {**changed, path: entry} if entry else changed
