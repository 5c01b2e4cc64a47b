"""The lines that members of the simulated year write, and how they settle conflicts over them.

A mark is unique, such as `year-0042-alice-1`. It stands in a comment: on a line of its own, or at
the end of a line of the template's. Without its marks, a text is the template's again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from random import Random

MARK = re.compile(r"year-\d{4}-[a-z]+-\d+")
OWN_LINE = re.compile(r"\s*(?:#|<!--)\s*year-\d{4}-[a-z]+-\d+(?: -->)?\s*")
AMENDED = re.compile(r" +(?:# year-\d{4}-[a-z]+-\d+|<!-- year-\d{4}-[a-z]+-\d+ -->)")
CONSTANT = re.compile(r'[A-Z][A-Z_]+ = (\d[\d_.]*|"[^"]{0,40}")')
BEGINS = re.compile(r"(def|class|async def|@)\b|@")


def seeded(*parts: object) -> Random:
    """Return what decides, from anything that has a text."""
    return Random(" ".join(str(part) for part in parts))  # noqa: S311


def is_page(path: str) -> bool:
    return path.endswith(".md")


def comment(path: str, mark: str) -> str:
    """Return a mark as the comment that the file's language has."""
    return f"<!-- {mark} -->" if is_page(path) else f"# {mark}"


def marks(text: str) -> list[str]:
    return MARK.findall(text)


def cleaned(lines: Iterable[str]) -> list[str]:
    """Return lines without the marks in them."""
    kept = []
    for line in lines:
        if not OWN_LINE.fullmatch(line):
            kept.append(AMENDED.sub("", line))
    return kept


def template_text(text: str) -> str:
    """Return what the template says of a text: no marks, and no blank lines that they left."""
    bare = "\n".join(cleaned(text.split("\n")))
    return re.sub(r"\n{3,}", "\n\n", bare).strip("\n")


def places(path: str, lines: list[str]) -> list[int]:
    """Return before which lines a comment can stand without harm."""
    if is_page(path):
        return [number for number, line in enumerate(lines[:-1]) if not line]
    if path.endswith(".py"):
        found = [number for number, line in enumerate(lines) if BEGINS.match(line)]
        return [number for number in found if not lines[number - 1].startswith("@")]
    plain = re.compile(r"[A-Za-z\[/*._]")
    return [number for number, line in enumerate(lines) if plain.match(line)]


def inserted(text: str, path: str, line: str, random: Random) -> str:
    """Return a text with one more line somewhere; as it was if there is no place for it."""
    lines = text.split("\n")
    found = places(path, lines)
    if not found:
        return text
    lines.insert(random.choice(found), line)
    return "\n".join(lines)


def amendable(path: str, lines: list[str]) -> list[int]:
    """Return which lines can take a comment at their end."""
    if is_page(path):
        words = re.compile(r"[A-Za-z].*[a-z.,]")
        return [number for number, line in enumerate(lines) if words.fullmatch(line)]
    return [number for number, line in enumerate(lines) if CONSTANT.fullmatch(line)]


def amended(text: str, path: str, ending: str, random: Random) -> str:
    """Return a text with an ending added to one of its lines; as it was if none can take it."""
    lines = text.split("\n")
    found = amendable(path, lines)
    if found:
        number = random.choice(found)
        lines[number] += ending
    return "\n".join(lines)


def without(text: str, mark: str) -> str:
    """Return a text from which a mark was taken back."""
    ending = re.compile(rf" +(?:# {mark}|<!-- {mark} -->)(?!\d)")
    own = re.compile(rf"\s*(?:#|<!--)\s*{mark}(?: -->)?\s*")
    kept = []
    for line in text.split("\n"):
        if not own.fullmatch(line):
            kept.append(ending.sub("", line))
    return "\n".join(kept)


# --- conflicts


def settled(text: str, path: str) -> str:
    """Return a text in which every conflict is settled by keeping what both sides wrote."""
    done: list[str] = []
    sides: dict[str, list[str]] = {}
    side = ""
    update = False
    for line in text.split("\n"):
        if line.startswith("<<<<<<< "):
            sides, side = {"<": [], "|": [], ">": []}, "<"
            update = "before updating" in line
        elif side and line.startswith("||||||| "):
            side = "|"
        elif side and line == "=======":
            side = ">"
        elif side and line.startswith(">>>>>>> "):
            done += _settle(path, sides, update)
            side = ""
        elif side:
            sides[side].append(line)
        else:
            done.append(line)
    return "\n".join(done)


def _settle(path: str, sides: dict[str, list[str]], update: bool) -> list[str]:
    ours, base, theirs = sides["<"], sides["|"], sides[">"]
    if update or cleaned(ours) == cleaned(base):
        return joined(path, theirs, ours, base)
    return joined(path, ours, theirs, base)


def joined(path: str, kept: list[str], other: list[str], base: list[str]) -> list[str]:
    """Return the lines of one side with what the other side wrote and took back since the base."""
    lines = "\n".join(kept)
    known = set(marks("\n".join(base)))
    theirs = set(marks("\n".join(other)))
    for mark in known - theirs:
        lines = without(lines, mark)
    result = lines.split("\n") if kept else []
    for line in other:
        for mark in marks(line):
            if mark not in known and mark not in marks(lines):
                _add(path, result, line, mark)
    return result


def _add(path: str, lines: list[str], line: str, mark: str) -> None:
    """Add a mark to the line at the end of which it stood, or where there is none, by itself."""
    bare = cleaned([line])
    for number, each in enumerate(lines):
        if bare and bare[0].strip() and cleaned([each]) == bare:
            blanks = " " if is_page(path) or "#" in each else "  "
            lines[number] += blanks + comment(path, mark)
            return
    lines.append(comment(path, mark))
