"""What a plan gives, and how fast its key may send requests.

TickDB counts requests per minute. `Limiter` keeps a key below its plan's rate with one sliding
window for all threads and processes of this machine: rows in a small SQLite file of the user's
cache folder, named by a digest of the key. A file beside it remembers the plan, so that key status
is requested once a day and only when it matters.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from quant_team_utils import files, paths
from quant_team_utils.console import printable

WINDOW = 60_000  # ms: TickDB counts per minute, from when on is not documented
SHARE = 0.9  # of the plan's rate, for the service may count differently
LONGEST_NAME = 40  # characters of a plan's
MOST_RATE = 1_000_000  # requests per minute that are believed
REMEMBERED = 86_400  # seconds for which a plan is remembered
NOTICEABLE = 2.0  # seconds: longer waits are logged as warnings

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]  # aware
Sleep = Callable[[float], None]  # takes seconds


def utc_now() -> datetime:
    """Return this machine's time, aware, in UTC: the clock of whoever is given no other."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Plan:
    """What TickDB sells.

    Attributes:
        name: as in the dashboard.
        rate: requests per minute.
        days: of history.
        ranges: bars can be requested by time; without it, only the newest.
    """

    name: str
    rate: int
    days: int
    ranges: bool = True


FREE = Plan("Free", 30, 7, ranges=False)
PLANS = {
    "free": FREE,
    "starter": Plan("Starter", 60, 365),
    "professional": Plan("Professional", 600, 3 * 365),
    "enterprise": Plan("Enterprise", 1800, 10 * 365),
    "allhk": Plan("All-HK", 1200, 5 * 365),
    "allcn": Plan("All-CN", 1200, 5 * 365),
    "allus": Plan("All-US", 1500, 5 * 365),
}
PLANS |= {"basic": PLANS["starter"], "pro": PLANS["professional"]}  # the names of 1.0.2
_ALL = 100 * 365  # days: nothing is known of the history, so nothing is held back


def plan_of(name: object, rate: object = None) -> Plan:
    """Return the plan of a name in any spelling.

    No name means Free. An unknown name gets the rate of Free, and its history is not limited here.

    Args:
        name: as the service writes it.
        rate: requests per minute where the service says so; anything but a count is ignored.
    """
    text = name[:LONGEST_NAME] if isinstance(name, str) else ""
    letters = "".join(filter(str.isalpha, text.lower()))
    unknown = Plan(printable(text), FREE.rate, _ALL) if text else FREE
    known = PLANS.get(letters, unknown)
    if not isinstance(rate, int) or isinstance(rate, bool) or not 0 < rate <= MOST_RATE:
        rate = known.rate
    return Plan(known.name, rate, known.days, known.ranges)


class Limiter:
    """The budget of one key on this machine; threads share the object, processes the file.

    Args:
        api_key: whose budget; only a digest of it is stored.
        plan: name of the plan; default: the remembered one, else Free until key status says.
        clock: returns the time, aware.
        sleep: waits for seconds.
        folder: where the budget is kept; default: the user's cache folder, one for all clones.

    Attributes:
        plan: what is known of the plan.
        known: the caller or the service has named it; otherwise Free is assumed.
    """

    def __init__(
        self,
        api_key: str,
        plan: str | None = None,
        *,
        clock: Clock = utc_now,
        sleep: Sleep = time.sleep,
        folder: Path | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        name = hashlib.sha256(f"tickdb {api_key}".encode()).hexdigest()[:20]
        stem = (folder or paths.user_cache()) / name
        self._note = stem.with_suffix(".json")
        self._fixed = plan is not None
        remembered = None if plan else _remembered(self._note, clock())
        self.plan = plan_of(plan) if plan else remembered or FREE
        self.known = bool(plan or remembered)
        self._asked = self.known
        self._lock = threading.Lock()
        self._bucket = _bucket(stem.with_suffix(".sqlite"))
        # Not at exit: a process that was forked would close the connection of its parent.
        # Nor through the bucket, whose lock this thread may hold for another one.
        connection = getattr(self._bucket, "conn", None)
        if connection is not None:  # a bucket in memory has none
            weakref.finalize(self, connection.close).atexit = False
        self._set_rate()

    def acquire(self, ask: Callable[[], Plan | None]) -> None:
        """Wait until one more request fits into the last minute.

        Args:
            ask: returns the plan as key status says, or None; called once, before the first wait.
        """
        with self._lock:
            while (wait := self._count()) > 0:
                if not self._asked:
                    self._ask(ask)
                    continue
                if wait > NOTICEABLE:
                    logger.warning(
                        "%s plan, %d requests a minute: waiting %.0f s",
                        self.plan.name,
                        self.plan.rate,
                        wait,
                    )
                self._sleep(wait)

    def known_plan(self, ask: Callable[[], Plan | None]) -> Plan | None:
        """Return the plan, or None if nobody knows it; `ask` is called once, as in `acquire`."""
        with self._lock:
            if not self._asked:
                self._ask(ask)
            return self.plan if self.known else None

    def learn(self, plan: Plan) -> None:
        """Take over what the service says about the plan, and remember it for the next process."""
        if self._fixed or (self.known and plan == self.plan):
            return
        self.plan = plan
        self.known = True
        self._set_rate()
        note = {"plan": plan.name, "rate": plan.rate, "asked": self._clock().timestamp()}
        try:
            files.replace(self._note, json.dumps(note).encode())
        except files.FileError as error:
            logger.info("the plan is not remembered: %s", error)

    def _ask(self, ask: Callable[[], Plan | None]) -> None:
        self._asked = True
        plan = ask()
        if plan is not None:
            self.learn(plan)

    def _set_rate(self) -> None:
        from pyrate_limiter import Rate

        self._bucket.rates = [Rate(max(1, int(self.plan.rate * SHARE)), WINDOW)]

    def _count(self) -> float:
        """Count one request and return 0, or return the seconds until there is room for one."""
        from pyrate_limiter import RateItem

        item = RateItem("request", int(self._clock().timestamp() * 1000))
        if self._bucket.put(item):
            return 0.0
        wait = float(self._bucket.waiting(item))
        self._bucket.leak(item.timestamp)
        return max(wait, 1.0) / 1000


def limiter(api_key: str, plan: str | None = None) -> Limiter:
    """Return this process's limiter of a key."""
    return _limiter(api_key, plan, os.getpid())


@cache
def _limiter(api_key: str, plan: str | None, process: int) -> Limiter:
    """Return one for each process: a fork must not use its parent's connection."""
    return Limiter(api_key, plan)


def _remembered(note: Path, now: datetime) -> Plan | None:
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        age = now.timestamp() - found["asked"]
        return plan_of(found["plan"], found["rate"]) if 0 <= age < REMEMBERED else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _bucket(path: Path) -> Any:
    """Return the counter of all processes, or one of this process if no file can be written."""
    import sqlite3

    from pyrate_limiter import InMemoryBucket, Rate, SQLiteBucket

    rates = [Rate(1, WINDOW)]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SQLiteBucket.init_from_file(rates, db_path=str(path), use_file_lock=True)
    except (OSError, sqlite3.Error) as error:
        logger.info("the rate limit holds for this process only: %s", error)
        return InMemoryBucket(rates)
