"""What members of the simulated year do on a day: edits, notebooks, strategies, runs, data.

Each function does one thing in the member's clone, on the branch that is checked out, and writes
it down in `pending` (what the branch brings) or `loose` (what stays uncommitted).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random

from tests import year_text
from tests.year_desk import Desk
from tests.year_ledger import LostError, ask
from tests.year_member import Member

STRATEGIES = "src/strategies/quant_team_strategies"
SYMBOLS = ("AAPL.US", "MSFT.US", "GOOGL.US", "NVDA.US", "SPY.US", "TSLA.US")
BY_COMMAND = 0.04  # of the months that are locked
RERUN = 2  # notebooks of a member at most
Work = Callable[[Member, Random, Desk], None]

STRATEGY = '''"""{title}."""

from __future__ import annotations

from quant_team_strategies.momentum import DEFAULTS, INTERVAL, SYMBOLS, target_weights

__all__ = ["DEFAULTS", "INTERVAL", "SYMBOLS", "target_weights"]

FAMILY = "momentum"
'''
TEST = '''"""Tests of {name}."""

from quant_team_strategies import {name}


def test_it_has_symbols() -> None:
    """It trades something."""
    assert {name}.SYMBOLS
'''


def choose(member: Member, random: Random) -> str:
    """Return a file of the template, or of the team, that can take a mark."""
    free = []
    for path in member.office.owned:
        if (member.clone / path).is_file() and path not in member.loose:
            free.append(path)
    pages = [path for path in free if year_text.is_page(path)]
    return random.choice(pages if random.random() < 0.6 else free)


def type_of(path: str) -> str:
    return "docs" if year_text.is_page(path) else "refactor"


def insert_mark(member: Member, path: str, random: Random) -> str:
    """Write a line of one's own into a file and return its mark."""
    mark = member.mark(path)
    blanks = "  " if year_text.is_page(path) and random.random() < 0.4 else ""
    line = year_text.comment(path, mark) + blanks
    text = member.read(path)
    new = year_text.inserted(text, path, line, random)
    if new == text:
        new = text + line + "\n"
    member.write(path, new)
    return mark


def insert(member: Member, random: Random, _: Desk) -> None:
    """A line of one's own in a file of the template's."""
    path = choose(member, random)
    insert_mark(member, path, random)
    member.commit(f"{type_of(path)}: say more in {path[-40:]}", path)


def amend(member: Member, random: Random, desk: Desk) -> None:
    """A comment at the end of a line of the template's."""
    path = choose(member, random)
    text = member.read(path)
    if not year_text.amendable(path, text.split("\n")):
        insert(member, random, desk)
        return
    mark = member.mark(path)
    blanks = " " if year_text.is_page(path) else "  "
    ending = blanks + year_text.comment(path, mark)
    member.write(path, year_text.amended(text, path, ending, random))
    member.commit(f"{type_of(path)}: amend {path[-40:]}", path)


def stage_partly(member: Member, random: Random, _: Desk) -> None:
    """Two edits of one file, the first staged; the second stays for a later commit."""
    path = choose(member, random)
    insert_mark(member, path, random)
    member.git("add", path)
    insert_mark(member, path, random)
    content = (member.clone / path).read_bytes()
    member.loose[path] = content
    member.commit(f"{type_of(path)}: stage a part of {path[-40:]}")


def be_refused(member: Member, random: Random, _: Desk) -> None:
    """A subject that the hook refuses, then one that passes."""
    path = choose(member, random)
    insert_mark(member, path, random)
    content = (member.clone / path).read_bytes()
    member.git("add", path)
    before = member.head()
    if member.start("git", "commit", "--quiet", "-m", "Say more").returncode == 0:
        raise LostError("the subject `Say more` was accepted")
    if member.head() != before or (member.clone / path).read_bytes() != content:
        raise LostError(f"a refused commit has changed {path}")
    member.commit(f"{type_of(path)}: say more, once more")


def write_strategy(member: Member, random: Random, _: Desk) -> None:
    """A new strategy with its test; refused first, for an import that nothing uses."""
    name = f"{member.handle}_{member.office.number:04d}"
    texts = {
        f"{STRATEGIES}/{name}.py": STRATEGY.format(title=f"Strategy {name}"),
        f"tests/test_{name}.py": TEST.format(name=name),
    }
    first = next(iter(texts))
    for path, text in texts.items():
        member.write(path, text)
        member.pending.texts[path] = year_text.template_text(text)
    if random.random() < 0.5:
        member.write(first, "import os\n\n" + texts[first])
        member.git("add", *texts)
        if member.start("git", "commit", "--quiet", "-m", "feat: new strategy").returncode == 0:
            raise LostError("an import that nothing uses was accepted")
        member.write(first, texts[first])
    member.commit(f"feat: add strategy {name}", *texts)


def notebook(texts: list[str], outputs: bool) -> bytes:
    """Return a notebook as Jupyter writes it."""
    cells: list[dict[str, object]] = []
    for number, text in enumerate(texts, 1):
        printed = {"name": "stdout", "output_type": "stream", "text": [f"{text}\n"]}
        cells.append(
            {
                "cell_type": "code",
                "execution_count": number if outputs else None,
                "id": f"cell-{number}",
                "metadata": {},
                "outputs": [printed] if outputs else [],
                "source": [f"print({text!r})"],
            }
        )
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(book, indent=1, ensure_ascii=False) + "\n").encode()


def write_notebook(member: Member, random: Random, _: Desk) -> None:
    """A new notebook with outputs; git gets it without, the clone keeps them."""
    path = f"notebooks/{member.handle}/day-{member.office.number:04d}.ipynb"
    texts = [f"note {random.randrange(10**6)}, a-ü" for _ in range(3)]
    member.leave_loose(path, notebook(texts, outputs=True))
    member.commit("docs: add a notebook", path)
    recorded = json.loads(ask(member.clone, "show", f"HEAD:{path}"))
    if recorded != json.loads(notebook(texts, outputs=False)):
        raise LostError(f"{path} was not recorded as it is without its outputs")
    blob = ask(member.clone, "rev-parse", f"HEAD:{path}").decode().strip()
    member.pending.files[path] = blob


def rerun_notebook(member: Member, random: Random, desk: Desk) -> None:
    """Run a notebook again, do not stage it, and commit something else."""
    pattern = f"notebooks/{member.handle}/day-*.ipynb"
    known = []
    for each in sorted(member.clone.glob(pattern)):
        path = each.relative_to(member.clone).as_posix()
        if path not in member.pending.files:
            known.append(path)
    if known:
        path = random.choice(known)
        cells = json.loads((member.clone / path).read_bytes())["cells"]
        texts = [re.sub(r"print\('(.*)'\)", r"\1", cell["source"][0]) for cell in cells]
        member.leave_loose(path, notebook(texts, outputs=True))
        member.rerun.append(path)
    # At each command, git filters every one that it has not seen with these outputs.
    if len(member.rerun) > RERUN:
        member.git("add", member.rerun.pop(0))
    insert(member, random, desk)


def log_run(member: Member, random: Random, desk: Desk) -> None:
    """A run, logged, and its result committed; now and then a day later."""
    moment = f"{member.office.today.isoformat()}T15:00:00Z"
    name = random.choice(("aapl_momentum", "msft_momentum"))
    facts = {"root": str(member.clone), "who": member.handle, "now": moment, "name": name}
    path = str(desk.order(do="log", number=random.randrange(1000), **facts))
    keep_result(member, path)
    if random.random() < 0.7:
        commit_results(member)


def run_backtest(member: Member, random: Random, _: Desk) -> None:
    """A backtest by the command line, and its result committed."""
    symbol = random.choice(SYMBOLS)
    days = ("--start", "2023-01-01", "--end", "2023-12-31", "--unlocked")
    done = member.quant("run", "momentum", "--symbols", symbol, *days)
    found = re.search(r"^logged: (\S+)$", done, re.MULTILINE)
    if not found:
        raise LostError(f"the run names no result:\n{done}")
    keep_result(member, found[1])
    commit_results(member)


def keep_result(member: Member, path: str) -> None:
    """Remember a result that was logged; nothing may touch it."""
    member.loose[path] = (member.clone / path).read_bytes()


def commit_results(member: Member) -> None:
    """Commit every result that is there and not yet committed."""
    paths = [path for path in member.loose if path.startswith("results/")]
    member.commit("data: log a run", *paths)
    for path in paths:
        blob = ask(member.clone, "rev-parse", f"HEAD:{path}").decode().strip()
        member.pending.files[path] = blob


def lock_data(member: Member, random: Random, desk: Desk) -> None:
    """Agree on a month of a symbol."""
    month = f"{random.choice((2021, 2022))}-{random.randrange(1, 13):02d}"
    is_by_command = random.random() < BY_COMMAND
    lock_month(member, random.choice(SYMBOLS), month, None if is_by_command else desk)


def lock_month(member: Member, symbol: str, month: str, desk: Desk | None) -> None:
    """Agree on a month at the desk or, without one, by the command line."""
    before = member.agreed()
    first, last = f"{month}-01", f"{month}-28"
    if desk:
        moment = f"{member.office.today.isoformat()}T15:00:00+00:00"
        facts = {"root": str(member.clone), "who": member.handle, "now": moment}
        desk.order(do="agree", symbol=symbol, start=first, end=last, **facts)
    else:
        member.quant("data", "fetch", symbol, "--start", first, "--end", last)
        member.quant("data", "lock", symbol)
    member.pending.agreed |= member.agreed() - before
    if member.agreed() != before:
        member.commit(f"data: lock {symbol} {month}", "data.lock")


def configure(member: Member, random: Random, _: Desk) -> None:
    """A line in the team's environment, or a grid of one's own."""
    path = "config/environments/research.yaml"
    if random.random() < 0.5:
        path = f"config/grids/{member.handle}-{member.office.number:04d}.yaml"
        member.write(path, "lookback: [60, 120]\n")
        member.pending.texts[path] = "lookback: [60, 120]"
    insert_mark(member, path, random)
    member.commit("feat: configure", path)


def edit_starter(member: Member, random: Random, _: Desk) -> None:
    """A line in the example strategy, which is the team's."""
    path = f"{STRATEGIES}/momentum.py"
    insert_mark(member, path, random)
    member.commit("feat: say more in momentum", path)


def take_back(member: Member, random: Random, desk: Desk) -> None:
    """Remove a line that one wrote before."""
    pattern = rf"year-\d{{4}}-{member.handle}-\d+\b"
    path = choose(member, random)
    paths = [path, *[each for each in member.office.owned if year_text.is_page(each)]]
    for each in paths:
        if (member.clone / each).is_file() and each not in member.loose:
            found = re.findall(pattern, member.read(each))
            if found:
                member.write(each, year_text.without(member.read(each), found[0]))
                member.pending.taken.add(found[0])
                member.pending.marks.pop(found[0], None)
                member.commit("docs: take a line back", each)
                return
    insert(member, random, desk)


WORK: dict[Work, int] = {
    insert: 16,
    amend: 10,
    stage_partly: 6,
    be_refused: 4,
    write_strategy: 4,
    write_notebook: 6,
    rerun_notebook: 8,
    log_run: 8,
    run_backtest: 1,
    lock_data: 4,
    configure: 4,
    edit_starter: 2,
    take_back: 4,
}
