"""The roster: what `permissions.yaml` may say, who is found in it, and where the answers differ."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_team_utils import git, roster
from quant_team_utils.roster import PERMISSIONS, RosterError

Document = dict[str, Any]


def member(role: str = "researcher", login: str | None = None, **facts: Any) -> Document:
    return {"name": "Somebody", "role": role, "login": login, **facts}


def document(**members: Document) -> Document:
    """Return a `permissions.yaml` of its own, so that no test depends on the real team."""
    return {
        "version": 1,
        "repository": {
            "forge": "github",
            "owner": "acme",
            "name": "quant-team",
            "systems": [],
        },
        "roles": {
            "researcher": {"tickdb": ["read:kline"]},
            "infrastructure": {"tickdb": ["write:alerts"]},
        },
        "members": members,
    }


def three() -> Document:
    return document(
        alice=member(login="alice-gh", senior=True),
        bob=member(login="bob-gh"),
        charlie=member("infrastructure", login="charlie-gh"),
    )


def change(path: str, value: Any) -> Document:
    """Return a good document with the value at a path such as `members.bob.role` replaced."""
    what = three()
    *folders, last = path.split(".")
    place = what
    for folder in folders:
        place = place[folder]
    place[last] = value
    return what


def parse(what: Document) -> roster.Permissions:
    return roster.parse(yaml.safe_dump(what))


def refused(what: Document) -> str:
    with pytest.raises(RosterError) as caught:
        parse(what)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def save(root: Path, what: Document) -> None:
    path = root / PERMISSIONS
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(what), encoding="utf-8")


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Return a scratch repository with a team of three."""
    save(tmp_path, three())
    return tmp_path


# What permissions.yaml may say


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("version", 2, "version 2 is not 1"),
        ("version", True, "version True is not 1"),
        ("extra", 1, "unknown key 'extra'"),
        ("members", {}, "members is not a mapping"),
        ("members", ["bob"], "members is not a mapping"),
        ("repository.forge", "sourceforge", "forge: 'sourceforge', not github or gitlab"),
        ("repository.forge", [], "forge: [], not github or gitlab"),
        ("repository.systems", ["mainframe"], "systems: ['mainframe'], not a list of s3"),
        ("repository.owner", 7, "repository has owner: 7, not text"),
        ("repository.name", 7, "repository has name: 7, not text"),
        ("roles.admin", {}, "roles has the unknown key 'admin'"),
        (
            "roles.researcher.tickdb",
            ["read:everything"],
            "role researcher has the unknown grant 'read:everything'",
        ),
        ("roles.researcher.tickdb", "read:kline", "not a list of grants"),
        ("members.bob", None, "member bob is not a mapping"),
        ("members.bob", {"name": "Bob"}, "member bob lacks role"),
        ("members.bob.role", "boss", "member bob has role: 'boss', not researcher or"),
        ("members.bob.name", 7, "member bob has name: 7, not text"),
        ("members.bob.name", "B\nC", "member bob has name: 'B\\nC'"),
        ("members.bob.name", "", "member bob has name: ''"),
        ("members.bob.senior", "yes", "member bob has senior: 'yes', not true or false"),
        ("members.bob.left", 1, "member bob has left: 1, not true or false"),
        ("members.bob.boss", True, "member bob has the unknown key 'boss'"),
        ("members.bob.seniour", True, "the unknown key 'seniour' (did you mean senior)"),
        ("members.bob.handle", "eve", "member bob has the unknown key 'handle'"),
        ("members.bob.login", "@bob-gh", "member bob has login: '@bob-gh'"),
        ("members.bob.login", "bob-gh\n* @mallory", "member bob has login: "),
        ("members.bob.login", False, "member bob has login: False"),
        ("members.Bob B", member(), "member Bob B has handle: 'Bob B'"),
        ("members.7", member(), "member 7 has handle: '7'"),
        ("members.bob\n", member(), "has handle: 'bob\\n'"),
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
        ("members.bob.grants", {"tickdb": "all"}, "member bob has grants: {'tickdb': 'all'}"),
        ("members.bob.deny", {"tickdb": [["read:kline"]]}, "member bob has deny: "),
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
    sentence = refused(change(path, value))
    assert words in sentence
    assert "quant team edit" in sentence


def test_live_trading_is_no_grant_of_a_person() -> None:
    """Nobody in the roster can be given live orders."""
    what = change("members.bob.grants", {"broker_api": ["trade:live"]})
    what["repository"]["systems"] = ["broker"]
    assert "unknown grant 'trade:live'" in refused(what)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "members:\n  bob: {role: researcher}\n  bob: {role: infrastructure}\n",
            "'bob' appears twice, again on line 3",
        ),
        ("version: 1\nmembers: {bob: {senior: false, senior: true}}\n", "'senior' appears twice"),
        (
            "<<<<<<< before updating\na: 1\n=======\na: 2\n>>>>>>> after updating\n",
            "conflict markers",
        ),
        ("a: [1\n", "not valid YAML"),
        ("", "the file is not a mapping"),
        ("just text", "the file is not a mapping"),
        ("7: x", "the file has the unknown key 7"),
        ("version: &v [*v]\nrepository:\nroles:\nmembers:\n", r"version \[{3}\.{3}\]{3} is not 1"),
    ],
)
def test_a_file_that_is_not_plainly_rendered_is_refused(text: str, words: str) -> None:
    """Duplicate keys, conflict markers and anything but plain YAML are never half understood."""
    with pytest.raises(RosterError, match=words):
        roster.parse(text)


def test_grants_on_the_team_s_systems_are_accepted() -> None:
    """Every grant of the vocabulary is known once the team has its system."""
    everything = {system: list(grants) for system, (_, grants) in roster.VOCABULARY.items()}
    what = document(bob=member(grants=everything, deny=everything))
    what["repository"]["systems"] = list(roster.SYSTEMS)
    assert parse(what).members[0].grants == everything


def test_the_rendered_file_is_accepted(root: Path) -> None:
    """This repository's own roster is readable, and its answers agree with it."""
    answers = yaml.safe_load((root / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert roster.members(root)
    assert roster.disagreements(root, answers["team"]) == []


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_missing_or_unreadable_file_is_named(team: Path, content: bytes | None) -> None:
    """Without a readable permissions.yaml, the sentence says what to type."""
    path = team / PERMISSIONS
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(RosterError, match=r"git checkout -- infrastructure/permissions\.yaml"):
        roster.load(team)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.dates(),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), st.booleans(), max_size=2),
)


@settings(deadline=None)
@given(data=st.data(), value=ODD, key=st.text(max_size=6))
def test_any_change_is_read_or_refused(data: st.DataObject, value: object, key: str) -> None:
    """Wherever a value is replaced, added or removed: a checked roster, or one sentence."""
    what = copy.deepcopy(three())
    place: Any = what
    while True:
        name = data.draw(st.sampled_from([*place, key]))
        inner = place.get(name)
        if isinstance(inner, dict) and inner and data.draw(st.booleans()):
            place = inner
            continue
        if name in place and data.draw(st.booleans()):
            del place[name]
        else:
            place[name] = value
        break
    with contextlib.suppress(RosterError):
        permissions = parse(what)
        assert all(isinstance(someone.senior, bool) for someone in permissions.members)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in another exception."""
    with pytest.raises(RosterError):
        roster.parse(text)


# Who is in it


def test_members_are_in_the_order_of_their_handles(team: Path) -> None:
    """Leavers are members, and not active."""
    save(team, change("members.alice.left", True))
    text = (team / PERMISSIONS).read_text(encoding="utf-8")
    assert [someone.handle for someone in roster.members(team)] == ["alice", "bob", "charlie"]
    assert [someone.handle for someone in roster.active(team)] == ["bob", "charlie"]
    assert [someone.handle for someone in roster.parse(text).guards] == ["charlie"]


@pytest.mark.parametrize(
    ("handle", "words"),
    [
        ("alise", "did you mean alice?"),
        ("xyz", "known: bob, charlie"),
        ("alice", "alice has left the team"),
    ],
)
def test_an_unknown_handle_gets_the_nearest(team: Path, handle: str, words: str) -> None:
    """Leavers are told apart from strangers."""
    save(team, change("members.alice.left", words.startswith(("alice", "known"))))
    with pytest.raises(RosterError) as caught:
        roster.find(team, handle)
    assert words in str(caught.value)
    assert "quant team edit" in str(caught.value)
    assert roster.find(team, "bob").login == "bob-gh"


def test_me_is_what_setup_stored(team: Path) -> None:
    """The member of this clone is `git config quant.member`."""
    git.run(team, "init", "--quiet")
    git.run(team, "config", "quant.member", "bob")
    assert roster.me(team) == "bob"


# Where the recorded answers differ

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
CHARLIE = {
    "name": "Somebody",
    "handle": "charlie",
    "role": "infrastructure",
    "login": "charlie-gh",
}


def test_answers_and_permissions_agree(team: Path) -> None:
    """However an answer is typed, with or without its defaults, it is the same member."""
    bob = BOB | {"grants": {"tickdb": [], "s3_data_bucket": ["s3:*"]}}
    assert roster.disagreements(team, [CHARLIE, bob, ALICE]) == []


@pytest.mark.parametrize(
    ("people", "handles"),
    [
        ([ALICE, BOB], ["charlie"]),
        ([ALICE, BOB, CHARLIE, BOB | {"handle": "mallory"}], ["mallory"]),
        ([ALICE, BOB | {"senior": True}, CHARLIE], ["bob"]),
        ([ALICE | {"left": True}, BOB, CHARLIE | {"name": "C"}], ["alice", "charlie"]),
        ([ALICE, BOB | {"grants": {"tickdb": ["read:depth"]}}, CHARLIE], ["bob"]),
        ([ALICE, BOB | {"grants": {"moon": ["walk"]}}, CHARLIE], ["bob"]),
    ],
)
def test_a_roster_edited_by_hand_is_seen(
    team: Path, people: list[Document], handles: list[str]
) -> None:
    """Whichever of the two files was edited, the member is named."""
    assert roster.disagreements(team, people) == handles


@pytest.mark.parametrize(
    "answer", [None, "alice", 7, [1], [{"name": "A"}], [{"handle": ["a"]}], [ALICE | {"role": 1}]]
)
def test_an_unreadable_answer_is_one_sentence(team: Path, answer: object) -> None:
    """Answers that are not a list of members are refused, not a traceback."""
    with pytest.raises(RosterError, match=r"\.copier-answers\.yml has no readable `team`"):
        roster.disagreements(team, answer)
