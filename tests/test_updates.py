"""`copier update` is dull: from every release, for every change of the team, it loses nobody's work.

The history of releases comes from `tests/releases.bundle`; the working tree is added to it as the next one.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier import VcsRef
from copier.errors import UserMessageError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from release import BUNDLE, PARTS, add_release, open_history, versions
from tests.conftest import ROOT, git, run

NEXT = "9999.0.0"
CHANGED = "9999.1.0"
RELEASES = sorted(line.rpartition("/")[2] for line in git(ROOT, "ls-remote", "--tags", str(BUNDLE)).splitlines())
STARTERS = [entry["path"] for entry in yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))["starters"]["default"]]

ALICE: dict[str, Any] = {"name": "Alice", "handle": "alice", "role": "researcher", "senior": True}
BOB: dict[str, Any] = {"name": "Bob", "handle": "bob", "role": "researcher", "senior": True}
CHARLIE: dict[str, Any] = {"name": "Charlie", "handle": "charlie", "role": "infrastructure"}
TEAM = [ALICE, BOB, CHARLIE]


@pytest.fixture(scope="session")
def history(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return every release, the working tree as the next, and one more in which every file has changed."""
    folder = open_history(BUNDLE, tmp_path_factory.mktemp("releases") / "history")
    add_release(folder, template, NEXT)
    changed = tmp_path_factory.mktemp("changed") / "template"
    shutil.copytree(template, changed, ignore=shutil.ignore_patterns(".git"))
    for path in (changed / "template").rglob("*"):
        if path.is_file():
            path.write_text("# the template's new line\n" + path.read_text("utf-8"), encoding="utf-8", newline="\n")
    add_release(folder, changed, CHANGED)
    return folder


def copy(history: Path, target: Path, version: str, team: list[dict[str, Any]], **answers: object) -> Path:
    """Copy a release and commit it, as a team would."""
    data = {"team": team, **answers}
    copier.run_copy(str(history), target, data=data, vcs_ref=version, defaults=True, unsafe=False, quiet=False)
    git(target, "init", "--quiet")
    commit(target)
    return target


def commit(folder: Path) -> None:
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", "data: whatever there is")


def update(folder: Path, version: str | VcsRef, **data: object) -> None:
    """Update to a release, as a stranger would: no trust, messages on, recorded answers kept but for `data`."""
    copier.run_update(
        folder, data=data, vcs_ref=version, defaults=True, skip_answered=True, overwrite=True, unsafe=False, quiet=False
    )  # fmt: skip


def content(folder: Path, *, starters: bool = False) -> dict[str, bytes]:
    """Return every file of a repository; the team's own starters only if asked for."""
    owned = tuple(path.lstrip("/") for path in STARTERS)
    return {
        name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and (name := path.relative_to(folder).as_posix()) and not name.startswith(".git/")
        if starters or not name.startswith(owned)
    }


def assert_same(one: Path, two: Path) -> None:
    """Every template-owned path, the answers included, is byte for byte the same."""
    left, right = content(one), content(two)
    assert left.keys() == right.keys()
    assert [name for name in left if left[name] != right[name]] == []


# --- from every release -----------------------------------------------------------------------------------------------


def test_there_is_a_release_to_update_from() -> None:
    """The bundle is there, and its newest release is not newer than the changelog."""
    assert RELEASES
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for release in RELEASES:
        assert f"\n## {release}" in changelog, release


def test_the_bundle_never_holds_itself(tmp_path: Path) -> None:
    """A release holds what Copier reads and nothing else, so the bundle cannot grow by its own size."""
    folder = open_history(BUNDLE, tmp_path / "history")
    assert [str(version) for version in versions(folder)] == RELEASES
    for release in RELEASES:
        assert set(git(folder, "ls-tree", "--name-only", release).split()) == set(PARTS)


@pytest.mark.parametrize("forge", ["github", "gitlab"])
@pytest.mark.parametrize("release", RELEASES)
def test_an_untouched_project_updated_equals_a_fresh_copy(
    history: Path, tmp_path: Path, release: str, forge: str
) -> None:
    """From every release to the working tree, with nothing edited, nothing differs from copying today."""
    old = copy(history, tmp_path / "old", release, TEAM, forge=forge, systems=["postgres"])
    starters = {n: b for n, b in content(old, starters=True).items() if n not in content(old)}
    update(old, NEXT)
    assert_same(old, copy(history, tmp_path / "new", NEXT, TEAM, forge=forge, systems=["postgres"]))
    now = content(old, starters=True)
    assert {name: now[name] for name in starters} == starters
    assert git(old, "diff", "--name-only", "--diff-filter=U") == ""


def test_an_update_twice_changes_nothing(history: Path, tmp_path: Path) -> None:
    """The second update is a no-op."""
    folder = copy(history, tmp_path / "team", RELEASES[0], TEAM)
    update(folder, NEXT)
    commit(folder)
    before = content(folder, starters=True)
    update(folder, NEXT)
    assert content(folder, starters=True) == before
    assert git(folder, "status", "--porcelain") == ""


# --- the team changes -------------------------------------------------------------------------------------------------


def joins() -> list[dict[str, Any]]:
    return [*TEAM, {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"}]


def to_ten() -> list[dict[str, Any]]:
    return [*TEAM, *({"name": f"N{i}", "handle": f"n{i}", "role": "researcher"} for i in range(7))]


CHANGES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "join": joins,
    "leave": lambda: [ALICE, {**BOB, "left": True}, CHARLIE],
    "remove": lambda: [ALICE, CHARLIE],
    "rename": lambda: [ALICE, {**BOB, "name": "Robert"}, CHARLIE],
    "new handle": lambda: [ALICE, {**BOB, "handle": "robert"}, CHARLIE],
    "promotion": lambda: [ALICE, BOB, {**CHARLIE, "senior": True}],
    "role change": lambda: [ALICE, {**BOB, "role": "infrastructure"}, CHARLIE],
    "grant": lambda: [ALICE, {**BOB, "grants": {"tickdb": ["write:alerts"]}}, CHARLIE],
    "three to ten": to_ten,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_team_deletes_and_edits_nothing_of_theirs(history: Path, tmp_path: Path, change: str) -> None:
    """At the same version and across versions: the result is a fresh copy with that team, and work stays as it is."""
    team = CHANGES[change]()
    folder = copy(history, tmp_path / "team", RELEASES[-1], TEAM)
    mine = {
        "notebooks/bob/example.ipynb": b'{"edited": true}\n',
        "results/momentum/2026-01-02_aapl_momentum_v1_bob-0a1b2c.yaml": b"analyst: bob\n",
        "src/strategies/quant_team_strategies/bobs.py": b"X = 1\n",
        "config/environments/research.yaml": b"commission: 0.002\n",
    }
    for name, data in mine.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    commit(folder)
    update(folder, VcsRef.CURRENT, team=team)
    assert {name: (folder / name).read_bytes() for name in mine} == mine
    commit(folder)
    update(folder, NEXT)
    assert {name: (folder / name).read_bytes() for name in mine} == mine
    fresh = copy(history, tmp_path / "fresh", NEXT, team)
    now, then = content(folder), content(fresh)
    assert {name: data for name, data in now.items() if name not in mine} == then


members = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Alice", 'O\'Neil "Q"', "{{ x }}", "# é 🐛", "null"]),
        "handle": st.sampled_from(["alice", "bob", "no", "null", "zed", "a-b", "e5", "y"]),
        "role": st.sampled_from(["researcher", "infrastructure"]),
    },
    optional={
        "senior": st.booleans(),
        "left": st.booleans(),
        "grants": st.sampled_from([{}, {"tickdb": ["write:alerts"]}, {"s3_data_bucket": ["s3:PutObject"]}]),
        "deny": st.just({"tickdb": ["read:depth"]}),
    },
)
rosters = st.lists(members, min_size=1, max_size=8, unique_by=lambda m: m["handle"]).filter(
    lambda team: any(m.get("senior") and not m.get("left") for m in team)
)


@pytest.fixture(scope="module")
def rendered_part(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the newest two releases with only those files that depend on an answer: no other can differ."""
    folder = tmp_path_factory.mktemp("part") / "history"
    shutil.copytree(history, folder)
    git(folder, "tag", "--delete", *git(folder, "tag").split())
    for tag in (RELEASES[-1], NEXT):
        source = tmp_path_factory.mktemp("source")
        git(history, f"--work-tree={source}", "checkout", "--quiet", tag, "--", ".")
        for path in (source / "template").rglob("*"):
            if path.is_file() and path.suffix != ".jinja":
                path.unlink()
        add_release(folder, source, tag)
    git(history, "reset", "--quiet", "--hard", CHANGED)
    return folder


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(before=rosters, after=rosters, across=st.booleans())
def test_any_roster_becomes_any_other(
    rendered_part: Path,
    tmp_path_factory: pytest.TempPathFactory,
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    across: bool,
) -> None:
    """Copy A and update to B is a fresh copy of B, at one version and across two."""
    folder = tmp_path_factory.mktemp("pair")
    project = copy(rendered_part, folder / "a", RELEASES[-1] if across else NEXT, before, systems=["s3"])
    update(project, NEXT if across else VcsRef.CURRENT, team=after)
    assert_same(project, copy(rendered_part, folder / "b", NEXT, after, systems=["s3"]))
    shutil.rmtree(folder)


# --- mine and yours ---------------------------------------------------------------------------------------------------


def test_a_line_of_the_team_survives_in_every_template_owned_file(history: Path, tmp_path: Path) -> None:
    """The template changes the top of every file, the team has added to the end of each: both are there."""
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    owned = [name for name in content(folder) if name != ".copier-answers.yml"]
    for name in owned:
        with (folder / name).open("ab") as file:
            file.write(b"# a line of the team\n")
    commit(folder)
    update(folder, CHANGED)
    for name in owned:
        text = (folder / name).read_text(encoding="utf-8")
        assert "# a line of the team\n" in text, name
        assert "# the template's new line\n" in text, name


def test_an_edit_of_the_same_line_conflicts_visibly(history: Path, tmp_path: Path) -> None:
    """Where both changed the first line, the team's stays between markers, and git says `unmerged`."""
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    owned = [name for name in content(folder) if name != ".copier-answers.yml"]
    for name in owned:
        path = folder / name
        path.write_text("# a line of the team\n" + path.read_text("utf-8"), encoding="utf-8", newline="\n")
    commit(folder)
    update(folder, CHANGED)
    unmerged = set(git(folder, "diff", "--name-only", "--diff-filter=U").splitlines())
    for name in owned:
        text = (folder / name).read_text(encoding="utf-8")
        assert "# a line of the team\n" in text, name
        assert name in unmerged or "# the template's new line\n" in text, name
        if name in unmerged:
            assert re.search(r"^<<<<<<< before updating", text, re.MULTILINE), name


def test_what_the_team_owns_is_never_touched(history: Path, tmp_path: Path) -> None:
    """Whatever the template changes, starters keep every byte, edited or not, and deleted files stay deleted."""
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    starters = sorted(content(folder, starters=True).keys() - content(folder).keys())
    assert len(starters) >= len(STARTERS)
    (folder / starters[0]).write_bytes(b"mine\n")
    (folder / starters[1]).unlink()
    (folder / "docs" / "scaling.md").unlink()
    commit(folder)
    before = {name: data for name, data in content(folder, starters=True).items() if name in starters}
    update(folder, CHANGED)
    after = {name: data for name, data in content(folder, starters=True).items() if name in starters}
    assert after == before
    assert not (folder / starters[1]).exists()
    assert not (folder / "docs" / "scaling.md").exists()


# --- where an update cannot run ---------------------------------------------------------------------------------------


def last_line(folder: Path, *arguments: str) -> str:
    done = run(sys.executable, "-m", "copier", "update", "--defaults", *arguments, cwd=folder, check=False)
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_an_update_that_cannot_run_says_why(history: Path, tmp_path: Path) -> None:
    """A dirty tree, no git, a source that is gone: Copier's last line is a sentence, and nothing has changed."""
    folder = copy(history, tmp_path / "team", RELEASES[-1], TEAM)
    (folder / "note.txt").write_text("x", encoding="utf-8")
    before = content(folder, starters=True)
    assert "dirty" in last_line(folder)
    (folder / "note.txt").unlink()
    before.pop("note.txt")
    shutil.move(folder / ".git", tmp_path / "git")
    assert "git" in last_line(folder)
    shutil.move(tmp_path / "git", folder / ".git")
    answers = folder / ".copier-answers.yml"
    recorded = answers.read_bytes()
    answers.write_bytes(recorded.replace(str(history).encode(), b"/gone/template"))
    commit(folder)
    assert "template" in last_line(folder).lower()
    answers.write_bytes(recorded)
    assert content(folder, starters=True) == before


def test_an_update_works_offline_from_a_mirror(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `url.<mirror>.insteadOf`, git takes the canonical address from a local copy."""
    address = "https://template.invalid/template.git"
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{history}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", address)
    folder = tmp_path / "team"
    copier.run_copy(address, folder, data={"team": TEAM}, vcs_ref=RELEASES[-1], defaults=True, unsafe=False)
    git(folder, "init", "--quiet")
    commit(folder)
    update(folder, NEXT)
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert (answers["_src_path"], answers["_commit"]) == (address, NEXT)


# --- planted faults: each makes a test above fail ---------------------------------------------------------------------


def planted(history: Path, target: Path, change: Callable[[Path], object]) -> Path:
    """Return the history with one more release that has a fault."""
    shutil.copytree(history, target)
    git(target, "tag", "--delete", CHANGED)
    git(target, "reset", "--quiet", "--hard", NEXT)
    source = target.parent / "source"
    shutil.copytree(target, source, ignore=shutil.ignore_patterns(".git"))
    change(source)
    git(target, "tag", "--delete", NEXT)
    add_release(target, source, NEXT)
    return target


def edit(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(source: Path) -> None:
        text = (source / name).read_text(encoding="utf-8")
        assert old in text, f"{name} no longer holds {old!r}"
        (source / name).write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    return change


def remove_question(source: Path) -> None:
    document = (source / "copier.yml").read_text(encoding="utf-8")
    text = re.sub(r"^owner:\n(?:  .*\n|\n)+", "", document, count=1, flags=re.MULTILINE)
    assert text != document
    (source / "copier.yml").write_text(text, encoding="utf-8", newline="\n")


def roster_path(source: Path) -> None:
    folder = source / "template" / "notebooks"
    (folder / "{% yield m from active %}{{ m.handle }}.md{% endyield %}.jinja").write_text("x\n", encoding="utf-8")


def forget_starter(source: Path) -> None:
    edit("copier.yml", "    - {path: /config/", "    - {path: /nothing/")(source)
    path = source / "template" / "config" / "environments" / "research.yaml"
    path.write_text("# changed\n" + path.read_text("utf-8"), encoding="utf-8", newline="\n")


PLANTED: dict[str, Callable[[Path], object]] = {
    "a removed question that a file still uses": remove_question,
    "a starter that is not excluded": forget_starter,
    "an unsorted dump of the team": edit("template/hooks/handles.jinja", "for m in active", "for m in team"),
    "a task": edit("copier.yml", "_subdirectory: template", '_subdirectory: template\n_tasks: ["true"]'),
    "a path that depends on the roster": roster_path,
    "a template that changes on its own": edit("template/hooks/handles.jinja", "{{", "{{ range(10000) | random }}{{"),
}


def assert_dull(releases: Path, folder: Path) -> None:
    """Update a project with a file and edits of its own to another team; fail if anything is lost or differs."""
    team: list[dict[str, Any]] = [dict(reversed(m.items())) for m in (CHARLIE, {**ALICE, "name": "A"}, joins()[-1])]
    old = copy(releases, folder / "old", RELEASES[-1], TEAM)
    starters = {
        name: data for name, data in content(old, starters=True).items() if f"/{name}".startswith(tuple(STARTERS))
    }
    (old / "notebooks" / "bob.md").write_text("bob's\n", encoding="utf-8")
    commit(old)
    update(old, NEXT, team=team)
    assert (old / "notebooks" / "bob.md").read_text(encoding="utf-8") == "bob's\n"
    now = content(old, starters=True)
    assert {name: now.get(name) for name in starters} == starters
    (old / "notebooks" / "bob.md").unlink()
    one = copy(releases, folder / "one", NEXT, team)
    assert_same(old, one)
    two = copy(releases, folder / "two", NEXT, sorted(team, key=lambda m: str(m["handle"])))
    (one / ".copier-answers.yml").unlink()
    (two / ".copier-answers.yml").unlink()
    assert_same(one, two)
    three = copy(releases, folder / "three", NEXT, [ALICE])
    assert content(two).keys() == content(three).keys() - {".copier-answers.yml"}


def test_the_template_is_dull(history: Path, tmp_path: Path) -> None:
    """Where no fault is planted, none is seen."""
    assert_dull(history, tmp_path)


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_seen(history: Path, tmp_path: Path, fault: str) -> None:
    """Each bad change to the template fails: by an assertion, or because Copier refuses it."""
    bad = planted(history, tmp_path / "history", PLANTED[fault])
    with pytest.raises((AssertionError, UserMessageError, UndefinedError)) as caught:
        assert_dull(bad, tmp_path)
    print(f"{fault}: {type(caught.value).__name__}: {caught.value}")
