"""CODEOWNERS: who must approve what, and what a correct roster still leaves open."""

from __future__ import annotations

from typing import Literal

import pytest

from infrastructure import forge
from quant_team_utils.roster import Member, Permissions, Repository


def member(
    handle: str,
    login: bool = True,
    role: Literal["researcher", "infrastructure"] = "researcher",
    senior: bool = False,
    left: bool = False,
) -> Member:
    return Member(
        handle=handle,
        name="Somebody",
        role=role,
        senior=senior,
        left=left,
        login=f"{handle}-gh" if login else None,
    )


def team(*members: Member, at: Literal["github", "gitlab"] = "github") -> Permissions:
    repository = Repository(forge=at, owner="acme", name="quant-team", systems=[])
    return Permissions(repository=repository, roles={}, members=list(members))


ALICE = member("alice", senior=True)
BOB = member("bob")
CHARLIE = member("charlie", role="infrastructure")


def owners(permissions: Permissions) -> dict[str, list[str]]:
    """Return the owners of each path in the one compiled file."""
    (text,) = forge.files(permissions).values()
    rules = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {path: names for path, *names in rules}


def test_everybody_owns_the_code_and_seniors_and_infrastructure_own_access() -> None:
    """The default shape of CODEOWNERS, whole."""
    assert forge.files(team(ALICE, BOB, CHARLIE)) == {
        ".github/CODEOWNERS": (
            "# Compiled from infrastructure/permissions.yaml by `quant access compile`: "
            "do not edit.\n"
            "# The last line that matches a path decides who owns it.\n"
            "*                    @alice-gh @bob-gh @charlie-gh\n"
            "/infrastructure/     @alice-gh @charlie-gh\n"
            "/.github/            @alice-gh @charlie-gh\n"
            "/.copier-answers.yml @alice-gh @charlie-gh\n"
        )
    }


def test_gitlab_gets_its_own_file_and_paths() -> None:
    """On GitLab the file and the guarded paths are GitLab's."""
    permissions = team(ALICE, BOB, CHARLIE, at="gitlab")
    assert list(forge.files(permissions)) == [".gitlab/CODEOWNERS"]
    assert list(owners(permissions)) == [
        "*",
        "/infrastructure/",
        "/.gitlab/",
        "/.gitlab-ci.yml",
        "/.copier-answers.yml",
    ]


def test_a_leaver_owns_nothing() -> None:
    """Who has left is in no line, senior or not."""
    gone = member("alice", senior=True, left=True)
    (text,) = forge.files(team(gone, BOB, CHARLIE)).values()
    assert "alice" not in text


def test_a_member_without_a_login_is_left_out_and_named() -> None:
    """Nobody can be an owner without a login, and the warning says who that is."""
    permissions = team(ALICE, member("bob", login=False), CHARLIE)
    assert owners(permissions)["*"] == ["@alice-gh", "@charlie-gh"]
    assert [line for line in forge.warnings(permissions) if "bob" in line]


def test_no_path_is_left_without_an_owner() -> None:
    """A line without owners would free its path, so it is not written, and the warning says so."""
    permissions = team(member("alice", login=False, senior=True), BOB)
    assert owners(permissions) == {"*": ["@bob-gh"]}
    assert any("everybody owns the access files" in line for line in forge.warnings(permissions))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([ALICE], "alice is the only active member"),
        (
            [member("alice", login=False, senior=True), member("bob", login=False)],
            "No active member has a forge login",
        ),
        ([ALICE, BOB], "Only alice owns the access files"),
    ],
)
def test_a_team_that_cannot_review_itself_is_warned(members: list[Member], words: str) -> None:
    """Where a review could never happen, the compile says so."""
    assert any(words in line for line in forge.warnings(team(*members)))


def test_a_complete_team_has_no_warning() -> None:
    """A team where every change finds another owner gets no warning."""
    assert forge.warnings(team(ALICE, BOB, CHARLIE)) == []
