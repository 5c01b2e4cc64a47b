"""Access: what `permissions.yaml` may say, and the files that follow from it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from infrastructure import access
from quant_team_utils.roster import PERMISSIONS

Document = dict[str, Any]


def member(role: str = "researcher", login: str | None = None, **facts: Any) -> Document:
    return {"name": "Somebody", "role": role, "login": login, **facts}


def document(forge: str = "github", systems: tuple[str, ...] = (), **members: Document) -> Document:
    """Return a `permissions.yaml` of its own, so that no test depends on the real team."""
    return {
        "version": 1,
        "repository": {
            "forge": forge,
            "owner": "acme",
            "name": "quant-team",
            "systems": list(systems),
        },
        "roles": {
            "researcher": {"tickdb": ["read:kline"]},
            "infrastructure": {"tickdb": ["write:alerts"]},
        },
        "members": members or {"alice": member(login="alice-gh", senior=True)},
    }


def three(forge: str = "github") -> Document:
    return document(
        forge,
        alice=member(login="alice-gh", senior=True),
        bob=member(login="bob-gh"),
        charlie=member("infrastructure", login="charlie-gh"),
    )


def parse(what: Document) -> access.Permissions:
    return access.parse(yaml.safe_dump(what))


def owners(text: str) -> dict[str, list[str]]:
    rules = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {path: names for path, *names in rules}


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a scratch repository with a team of three."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    (tmp_path / "infrastructure").mkdir()
    save(tmp_path, three())
    return tmp_path


def save(root: Path, what: Document) -> None:
    (root / PERMISSIONS).write_text(yaml.safe_dump(what), encoding="utf-8")


def quant_access(*arguments: str) -> tuple[int, str]:
    """Run `quant access ...` in a process of its own and return the exit code and everything it printed."""
    script = "import sys; from quant_team_cli.main import main; sys.argv[0] = 'quant'; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "access", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


# What permissions.yaml may say


def change(path: str, value: Any) -> Document:
    """Return a good document with the value at a path such as `members.bob.role` replaced."""
    what = three()
    *folders, last = path.split(".")
    place = what
    for folder in folders:
        place = place[folder]
    place[last] = value
    return what


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("version", 2, "version 2 is not 1"),
        ("version", True, "version True is not 1"),
        ("extra", 1, "unknown key 'extra'"),
        ("members", {}, "members is not a mapping"),
        ("members", ["bob"], "members is not a mapping"),
        ("repository.forge", "sourceforge", "forge 'sourceforge' is unknown"),
        ("repository.forge", [], "forge [] is unknown"),
        ("repository.systems", ["mainframe"], "systems is ['mainframe']"),
        ("roles.admin", {}, "roles has the unknown key 'admin'"),
        (
            "roles.researcher.tickdb",
            ["read:everything"],
            "role researcher has the unknown grant 'read:everything'",
        ),
        ("roles.researcher.tickdb", "read:kline", "not a list of grants"),
        ("members.bob", None, "member bob is not a mapping"),
        ("members.bob", {"name": "Bob"}, "member bob lacks role"),
        ("members.bob.role", "boss", "member bob has the unknown role 'boss'"),
        ("members.bob.name", 7, "member bob has a handle or a name that is not text"),
        ("members.bob.senior", "yes", "member bob has senior: 'yes'"),
        ("members.bob.left", 1, "member bob has left: 1"),
        ("members.bob.boss", True, "member bob has the unknown key 'boss'"),
        ("members.bob.login", "@bob-gh", "member bob has the login '@bob-gh'"),
        ("members.bob.login", "bob-gh\n* @mallory", "member bob has the login"),
        ("members.bob.login", False, "member bob has the login False"),
        (
            "members.bob.grants",
            {"moon": ["walk"]},
            "member bob (grants) has the unknown key 'moon'",
        ),
        (
            "members.bob.grants",
            {"tickdb": ["admin:all"]},
            "member bob (grants) has the unknown grant 'admin:all'",
        ),
        (
            "members.bob.deny",
            {"tickdb": [["read:kline"]]},
            "member bob (deny) has the unknown grant",
        ),
        (
            "members.bob.grants",
            {"s3_data_bucket": ["s3:*"]},
            "grants on s3_data_bucket, but the team has no s3",
        ),
        ("members.bob.grants", {"broker_api": ["trade:paper"]}, "but the team has no broker"),
    ],
)
def test_whatever_is_unknown_is_refused_by_name(path: str, value: Any, words: str) -> None:
    """A fault in permissions.yaml is one sentence that names it and says how to go on."""
    with pytest.raises(access.AccessError) as caught:
        parse(change(path, value))
    assert words in str(caught.value)
    assert "quant team edit" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_live_trading_is_no_grant_of_a_person() -> None:
    """Nobody in the roster can be given live orders."""
    what = document(systems=("broker",), bob=member(grants={"broker_api": ["trade:live"]}))
    with pytest.raises(access.AccessError, match="unknown grant 'trade:live'"):
        parse(what)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "members:\n  bob: {role: researcher}\n  bob: {role: infrastructure}\n",
            "'bob' stands twice, again in line 3",
        ),
        ("version: 1\nmembers: {bob: {senior: false, senior: true}}\n", "'senior' stands twice"),
        (
            "<<<<<<< before updating\na: 1\n=======\na: 2\n>>>>>>> after updating\n",
            "conflict markers",
        ),
        ("a: [1\n", "not valid YAML"),
        ("when: 2024-13-45\n", "not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("", "the file is not a mapping"),
        ("just text", "the file is not a mapping"),
    ],
)
def test_a_file_that_is_not_plainly_rendered_is_refused(text: str, words: str) -> None:
    """Duplicate keys, conflict markers and anything but plain YAML are refused, never half understood."""
    with pytest.raises(access.AccessError, match=words):
        access.parse(text)


def test_grants_on_the_team_s_systems_are_accepted() -> None:
    """Every grant of the vocabulary is known once the team has its system."""
    everything = {system: list(grants) for system, (_, grants) in access.VOCABULARY.items()}
    permissions = parse(
        document(systems=access.SYSTEMS, bob=member(grants=everything, deny=everything))
    )
    assert permissions.members[0].grants == everything


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_missing_or_unreadable_file_is_named(team: Path, content: bytes | None) -> None:
    """Without a readable permissions.yaml, nothing is compiled and the sentence says what to type."""
    path = team / PERMISSIONS
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(
        access.AccessError, match=r"git checkout -- infrastructure/permissions\.yaml"
    ):
        access.compile(team)


# What is compiled


def test_everybody_owns_the_code_and_seniors_and_infrastructure_own_access() -> None:
    """The default shape of CODEOWNERS, whole."""
    assert access.compile_access(parse(three())) == {
        ".github/CODEOWNERS": (
            "# Compiled from infrastructure/permissions.yaml by `quant access compile`: do not edit.\n"
            "# The last line that matches a path decides who owns it.\n"
            "*                    @alice-gh @bob-gh @charlie-gh\n"
            "/infrastructure/     @alice-gh @charlie-gh\n"
            "/.github/            @alice-gh @charlie-gh\n"
            "/.copier-answers.yml @alice-gh @charlie-gh\n"
        )
    }


def test_gitlab_gets_its_own_file_and_paths() -> None:
    """On GitLab the file and the guarded paths are GitLab's."""
    files = access.compile_access(parse(three("gitlab")))
    assert list(files) == [".gitlab/CODEOWNERS"]
    assert list(owners(files[".gitlab/CODEOWNERS"])) == [
        "*",
        "/infrastructure/",
        "/.gitlab/",
        "/.gitlab-ci.yml",
        "/.copier-answers.yml",
    ]


def test_the_order_of_the_roster_does_not_matter() -> None:
    """The same team gives the same bytes."""
    turned = three()
    turned["members"] = dict(reversed(turned["members"].items()))
    text = yaml.safe_dump(turned, sort_keys=False)
    assert text.index("charlie:") < text.index("alice:")
    assert access.compile_access(access.parse(text)) == access.compile_access(parse(three()))


def test_a_leaver_owns_nothing() -> None:
    """Who has left is in no line, senior or not."""
    what = change("members.alice.left", True)
    assert "alice" not in access.compile_access(parse(what))[".github/CODEOWNERS"]


def test_a_member_without_a_login_is_left_out_and_named() -> None:
    """Nobody can be an owner without a login, and the warning says who that is."""
    permissions = parse(change("members.bob.login", None))
    assert owners(access.compile_access(permissions)[".github/CODEOWNERS"])["*"] == [
        "@alice-gh",
        "@charlie-gh",
    ]
    assert [line for line in access.warnings(permissions) if "bob" in line]


def test_no_path_is_left_without_an_owner() -> None:
    """A line without owners would free its path, so it is not written, and the warning says so."""
    permissions = parse(document(alice=member(senior=True), bob=member(login="bob-gh")))
    assert owners(access.compile_access(permissions)[".github/CODEOWNERS"]) == {"*": ["@bob-gh"]}
    assert any("everybody owns the access files" in line for line in access.warnings(permissions))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (document(alice=member(login="alice-gh", senior=True)), "alice is the only active member"),
        (document(alice=member(senior=True), bob=member()), "No active member has a forge login"),
        (
            document(alice=member(login="alice-gh", senior=True), bob=member(login="bob-gh")),
            "Only alice owns the access files",
        ),
    ],
)
def test_a_team_that_cannot_review_itself_is_warned(what: Document, words: str) -> None:
    """Where a review could never happen, the compile says so."""
    assert any(words in line for line in access.warnings(parse(what)))


def test_a_complete_team_has_no_warning() -> None:
    """A team where every change finds another owner is told nothing."""
    assert access.warnings(parse(three())) == []


# Writing and comparing


def test_compile_writes_once_and_then_nothing(team: Path) -> None:
    """The first compile writes LF bytes and leaves nothing beside them; the second changes no file."""
    assert access.compile(team) == [".github/CODEOWNERS"]
    path = team / ".github/CODEOWNERS"
    before = path.stat().st_mtime_ns
    assert b"\r" not in path.read_bytes()
    assert access.compile(team) == []
    assert path.stat().st_mtime_ns == before
    assert [found.name for found in path.parent.iterdir()] == ["CODEOWNERS"]


def test_a_file_that_no_longer_follows_is_removed(team: Path) -> None:
    """Once nobody has a login, our CODEOWNERS goes."""
    access.compile(team)
    save(team, document(alice=member(senior=True)))
    assert access.compile(team) == [".github/CODEOWNERS"]
    assert not (team / ".github/CODEOWNERS").exists()


def test_a_change_of_forge_moves_the_file(team: Path) -> None:
    """The file of the forge the team has left does not stay behind."""
    access.compile(team)
    save(team, three("gitlab"))
    assert access.compile(team) == [".github/CODEOWNERS", ".gitlab/CODEOWNERS"]
    assert not (team / ".github/CODEOWNERS").exists()


def test_a_file_that_we_did_not_write_is_not_removed(team: Path) -> None:
    """A team without logins may keep a CODEOWNERS of its own."""
    save(team, document(alice=member(senior=True)))
    (team / ".github").mkdir()
    (team / ".github/CODEOWNERS").write_text("* @alice-gh\n", encoding="utf-8")
    assert access.compile(team) == []
    assert (team / ".github/CODEOWNERS").exists()


@pytest.mark.parametrize(
    "edit", [lambda text: text + "*.md @bob-gh\n", lambda text: text[:-1], lambda _: ""]
)
def test_check_names_an_edited_file_and_writes_nothing(team: Path, edit: Any) -> None:
    """Any byte that differs is found, and the sentence names the file and the command."""
    access.compile(team)
    path = team / ".github/CODEOWNERS"
    edited = edit(path.read_text(encoding="utf-8"))
    path.write_text(edited, encoding="utf-8")
    with pytest.raises(
        access.AccessError, match=r"\.github/CODEOWNERS; run `quant access compile`"
    ):
        access.compile(team, check=True)
    assert path.read_text(encoding="utf-8") == edited


def test_a_bad_roster_writes_nothing(team: Path) -> None:
    """A refused permissions.yaml leaves the compiled files as they are."""
    access.compile(team)
    before = (team / ".github/CODEOWNERS").read_bytes()
    save(team, change("members.bob.role", "boss"))
    with pytest.raises(access.AccessError):
        access.compile(team)
    assert (team / ".github/CODEOWNERS").read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_sentence(team: Path) -> None:
    """A file where a folder should be is refused without a traceback."""
    (team / ".github").write_text("", encoding="utf-8")
    with pytest.raises(access.AccessError, match=r"Cannot (read|write)"):
        access.compile(team)


# The command and the doctor


def test_the_command_writes_checks_and_fails(team: Path) -> None:
    """`quant access compile` says what it wrote; `--check` is silent, or exits 1 with one line."""
    code, output = quant_access("compile")
    assert (code, output) == (0, "wrote .github/CODEOWNERS\n")
    assert quant_access("compile", "--check") == (0, "")
    (team / ".github/CODEOWNERS").unlink()
    code, output = quant_access("compile", "--check")
    assert code == 1
    assert output.startswith(
        "quant: Not what infrastructure/permissions.yaml compiles to: .github/CODEOWNERS"
    )
    assert output.count("\n") == 1


def test_the_command_prints_warnings(team: Path) -> None:
    """What a correct roster leaves open is printed beside the result."""
    save(team, document(alice=member(senior=True), bob=member()))
    result = CliRunner().invoke(access.command, ["compile"])
    assert result.exit_code == 0
    assert "warning: No active member has a forge login" in result.output


def test_doctor_sees_stale_files_and_open_points(team: Path) -> None:
    """The check is red before the compile, green after it, yellow where a review cannot happen."""
    red = access.check_compiled(team)
    assert (red.state, red.fix) == ("fail", "quant access compile")
    access.compile(team)
    assert access.check_compiled(team).state == "ok"
    save(team, document(alice=member(login="alice-gh", senior=True)))
    access.compile(team)
    assert access.check_compiled(team).state == "warn"
    (team / PERMISSIONS).unlink()
    assert access.check_compiled(team).state == "fail"


def answers(root: Path, *people: Document) -> None:
    """Record answers; JSON is YAML."""
    (root / ".copier-answers.yml").write_text(
        json.dumps({"_commit": "1.0.0", "team": people}), encoding="utf-8"
    )


ALICE = {
    "name": "Somebody",
    "handle": "alice",
    "role": "researcher",
    "senior": True,
    "login": "alice-gh",
}
BOB = {
    "name": "Somebody",
    "handle": "bob",
    "role": "researcher",
    "login": "bob-gh",
    "left": False,
    "grants": {},
}
CHARLIE = {"name": "Somebody", "handle": "charlie", "role": "infrastructure", "login": "charlie-gh"}


def test_doctor_is_content_where_answers_and_permissions_agree(team: Path) -> None:
    """However an answer is typed, with or without its defaults, it is the same member."""
    answers(team, CHARLIE, BOB | {"grants": {"tickdb": [], "s3_data_bucket": ["s3:*"]}}, ALICE)
    assert access.check_roster(team).state == "ok"


@pytest.mark.parametrize(
    ("people", "handle"),
    [
        ([ALICE, BOB], "charlie"),
        ([ALICE, BOB, CHARLIE, BOB | {"handle": "mallory"}], "mallory"),
        ([ALICE, BOB | {"senior": True}, CHARLIE], "bob"),
        ([ALICE | {"left": True}, BOB, CHARLIE], "alice"),
        ([ALICE, BOB | {"grants": {"tickdb": ["read:depth"]}}, CHARLIE], "bob"),
    ],
)
def test_doctor_sees_a_roster_edited_by_hand(
    team: Path, people: list[Document], handle: str
) -> None:
    """Whichever of the two files was edited, the check names the member and the way back."""
    answers(team, *people)
    check = access.check_roster(team)
    assert check.state == "fail"
    assert check.detail.endswith(f"disagree about {handle}")
    assert (
        "git checkout -- .copier-answers.yml infrastructure/permissions.yaml, then quant team edit"
        in str(check.fix)
    )


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "team: alice",
        "team: [1]",
        "team: [{name: A}]",
        "<<<<<<< before",
        "team: [{handle: [a]}]",
    ],
)
def test_doctor_survives_any_answers_file(team: Path, text: str | None) -> None:
    """An answers file that is missing or broken is a failed check, not a traceback."""
    if text is not None:
        (team / ".copier-answers.yml").write_text(text, encoding="utf-8")
    assert access.check_roster(team).state == "fail"
