"""Names of files: which are refused, and how they are shown and typed."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.conftest import git, run
from tests.hooked import HOOKS, make_team, start
from tests.test_file_checks import CHECKS, SECRETS

NAMES = runpy.run_path(str(HOOKS / "file_names.py"))
fault_of = NAMES["fault_of"]
better = NAMES["better"]
shown = NAMES["shown"]
quoted = NAMES["quoted"]

# What git takes as a name, with all that is special somewhere in it.
SPECIAL = "\n\r\t\x01\x7f\u2028\u202e:()*?[]\\\"'`$-#!|<>&;~ .éÉſß\u0301日🎉"
PART = st.one_of(
    st.text(SPECIAL + "aA", min_size=1, max_size=6).map(str.encode),
    st.binary(min_size=1, max_size=6),
    st.sampled_from([b"con", b"NUL.txt", b"-rf", b":(top)", b"@{u}", b"a.", b"a ", b"HEAD"]),
)


def is_taken_by_git(path: bytes) -> bool:
    """Tell whether git records such a path; `.git` in all its spellings is its own."""
    parts = path.split(b"/")
    return not any(part in (b"", b".", b"..") or b"git" in part.lower() for part in parts)


PATH = (
    st.lists(PART, min_size=1, max_size=3)
    .map(b"/".join)
    .filter(lambda path: b"\0" not in path and is_taken_by_git(path))
)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (b"src/a.py", None),
        ("docs/für ∑ 日本 🎉.md".encode(), None),
        (b".env.example", None),
        (b"a'b & $c.md", None),
        (b"console.py", None),
        (b"com10.txt", None),
        (b"a\nb.py", "line end"),
        (b"a\x7f.py", "control character"),
        ("a\u202e.py".encode(), "control character"),
        (b"a\xff.py", "not UTF-8"),
        (b"a:b.py", "holds :,"),
        (b"what?.md", "holds ?,"),
        (b"a\\b.py", "holds \\,"),
        (b"a./b.py", "ends in a dot or a space"),
        (b"a ", "ends in a dot or a space"),
        (b"docs/NUL.md", "device"),
        (b"aux/a.py", "device"),
        (b"lpt1.tar.gz", "device"),
    ],
)
def test_names_that_not_every_system_holds(path: bytes, word: str | None) -> None:
    """Each is refused with a reason, and the name proposed instead is not."""
    fault = fault_of(path)
    assert (word or "") in (fault or "")
    assert (fault is None) == (word is None)
    assert fault_of(better(path)) is None
    if word is None:
        assert better(path) == path


@settings(max_examples=300, deadline=None)
@given(PATH)
def test_a_name_is_shown_on_one_line_and_replaced_by_a_good_one(path: bytes) -> None:
    """Whatever the bytes."""
    text = shown(path)
    assert text.splitlines() == [text]
    assert not any(letter in text for letter in "\x1b\u202e\u2028")
    assert fault_of(better(path)) is None


@settings(max_examples=60, deadline=None)
@given(PATH)
@example(b"a\xff'b\n")
@example(b"-rf")
def test_a_quoted_name_is_the_name_in_a_shell(path: bytes) -> None:
    """A command that we print means this file and no other."""
    script = f"printf %s {quoted(path)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.removeprefix(b"./") == path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a team's repository, and a blob with a secret in it; only its index changes."""
    team = make_team(tmp_path_factory.mktemp("names"))
    (team / "secret.txt").write_text(f"{SECRETS['an AWS access key']}\n", encoding="utf-8")
    git(team, "hash-object", "-w", "secret.txt")
    return team


@settings(max_examples=25, deadline=None)
@given(st.lists(PATH, min_size=1, max_size=4, unique=True))
@example([b"a\nb.txt", b"c.txt"])
@example([b":(top)x.csv", b"-z.txt"])
def test_no_name_hides_what_a_file_holds(shared: Path, paths: list[bytes]) -> None:
    """Whatever the names beside it, each staged secret is reported under its own."""
    blob = git(shared, "hash-object", "secret.txt")
    git(shared, "read-tree", "HEAD")
    entries = b"".join(b"100644 %s 0\t%s\0" % (blob.encode(), path) for path in paths)
    command = ["git", "update-index", "-z", "--add", "--index-info"]
    subprocess.run(command, cwd=shared, input=entries, capture_output=True, check=False)
    listed = ["git", "diff-index", "--cached", "--name-only", "-z", "HEAD"]
    staged = subprocess.run(listed, cwd=shared, capture_output=True, check=True).stdout
    names = staged.split(b"\0")[:-1]
    assume(names)
    done = start(shared, *CHECKS)
    lines = done.stdout.splitlines()
    found = [line for line in lines if "looks like an AWS access key" in line]
    assert [line.rpartition(": line 1 ")[0] for line in found] == [shown(name) for name in names]
    assert done.returncode == 1


def commands(output: str) -> list[str]:
    """Return the commands that refusals end with."""
    return [line[line.index("git ") :] for line in output.splitlines() if ": git " in line]


@pytest.mark.parametrize(
    "path",
    [b"a\nb.md", b"what?.md", b":(top)a.md", b"-n'x'.", b"a\xff.md", b"nul.md", b"a[1]*.md"],
)
def test_the_command_of_a_refused_name_works(tmp_path: Path, path: bytes) -> None:
    """Typed as printed, it leaves a name that is taken."""
    team = make_team(tmp_path)
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    Path(team, path.decode(errors="surrogateescape")).write_text("x\n", encoding="utf-8")
    git(team, "add", "--all", "--", ":!hooks", ":!src")
    refused = start(team, "git", "commit", "-m", "feat: x")
    assert refused.returncode == 1
    (command,) = commands(refused.stderr)
    run("bash", "-c", command, cwd=team)
    assert start(team, "git", "commit", "-m", "feat: x").returncode == 0
    assert git(team, "status", "--porcelain", "-uno") == ""


@pytest.mark.parametrize(
    ("held", "new"),
    [
        ("README.md", "readme.md"),
        ("Straße.md", "STRASSE.md"),
        ("é.md", "e\u0301.md"),
        ("docs/a.md", "Docs"),
        ("Docs", "docs/a.md"),
        ("Docs/a.md", "docs/b.md"),
    ],
)
def test_two_names_that_are_one_elsewhere(tmp_path: Path, held: str, new: str) -> None:
    """Windows and macOS fold case and accents; folders of both spellings are one there."""
    team = make_team(tmp_path)
    blob = git(team, "hash-object", "-w", "pyproject.toml")
    for name in (held, new):
        git(team, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
        if name == held:
            git(team, "commit", "-q", "--no-verify", "-m", "feat: x")
    done = start(team, *CHECKS)
    is_one = held != "Docs/a.md"
    assert done.returncode == int(is_one), done.stdout
    if is_one:
        assert done.stdout.startswith(f"{new}: ")
        (command,) = commands(done.stdout)
        run("bash", "-c", command, cwd=team)
        assert start(team, *CHECKS).returncode == 0
