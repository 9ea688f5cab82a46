"""Where kept runs are: one table of an SQL database, any that SQLAlchemy speaks to.

Every run belongs to an owner, and nobody sees another's. Old runs leave by themselves, so that the table stays small.
"""

import time
import uuid
from collections.abc import Callable, Collection
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Column, Float, Index, MetaData, String, Table, Text, delete, func, insert, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from playground.limits import LIMITS, Limits
from playground.runs import KeptRun

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
DAY = 86_400.0
UNREACHABLE = (
    "Kept runs cannot be reached now: the database does not answer. Nothing else is affected; try again later."
)

RUNS = Table(
    "playground_runs",
    MetaData(),
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("name", String(16), nullable=False),
    Column("how", String(10), nullable=False),
    Column("made", Float(53), nullable=False),
    Column("body", Text, nullable=False),
    Index("playground_runs_owner", "owner", "made"),
    Index("playground_runs_made", "made"),
)


def _said(method: Callable[Concatenate["Shelf", Given], Answer]) -> Callable[Concatenate["Shelf", Given], Answer]:
    """What the database cannot do becomes one sentence."""

    @wraps(method)
    def tried(self: "Shelf", *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return method(self, *args, **kwargs)
        except SQLAlchemyError as error:
            raise ValueError(UNREACHABLE) from error

    return tried


class Shelf:
    """The kept runs of all visitors.

    All methods raise a ValueError of one sentence where the database does not answer.
    """

    def __init__(self, engine: Engine, limits: Limits = LIMITS):
        self._engine, self._limits = engine, limits
        self._made = False

    def _begin(self) -> Connection:
        """A transaction; the table is made with the first one, by whichever process comes first."""
        if not self._made:
            try:
                RUNS.metadata.create_all(self._engine)
            except SQLAlchemyError:
                RUNS.metadata.create_all(self._engine)  # another process was making it
            self._made = True
        return self._engine.connect()

    @_said
    def keep(self, owner: str, run: KeptRun) -> str:
        """Keep a run, in place of the same run at the same step; the id by which it is found again.

        Raises:
            ValueError: it is too large, or the visitor has as many as may be; one sentence with the way out.
        """
        body = run.model_dump_json()
        if len(body.encode()) > self._limits.kept_bytes:
            raise ValueError(
                f"This run takes {len(body.encode()):,} bytes; the most that is kept of one is "
                f"{self._limits.kept_bytes:,}. Its link holds the whole experiment."
            )
        with self._begin() as connection, connection.begin():
            mine = RUNS.c.owner == owner
            connection.execute(delete(RUNS).where(RUNS.c.made < run.made - DAY * self._limits.kept_days))
            old = connection.execute(select(RUNS.c.how).where(mine, RUNS.c.name == run.name)).scalars().all()
            connection.execute(delete(RUNS).where(mine, RUNS.c.name == run.name))
            self._make_room(connection, owner)
            id, how = uuid.uuid4().hex, "kept" if "kept" in old else run.how
            connection.execute(
                insert(RUNS).values(id=id, owner=owner, name=run.name, how=how, made=run.made, body=body)
            )
        return id

    def _make_room(self, connection: Connection, owner: str) -> None:
        """For one more run: of this visitor, and of all."""
        mine = RUNS.c.owner == owner
        oldest = select(RUNS.c.id).order_by(RUNS.c.made)
        over = _count(connection, mine) + 1 - self._limits.kept_runs
        if over > 0:
            away = connection.execute(oldest.where(mine, RUNS.c.how == "finished").limit(over)).scalars().all()
            if len(away) < over:
                raise ValueError(
                    f"You have kept {self._limits.kept_runs:,} runs, which is the most; remove one on the page Runs."
                )
            connection.execute(delete(RUNS).where(RUNS.c.id.in_(away)))
        over = _count(connection) + 1 - self._limits.kept_total
        if over > 0:
            away = connection.execute(oldest.limit(over)).scalars().all()
            connection.execute(delete(RUNS).where(RUNS.c.id.in_(away)))

    @_said
    def runs(self, owner: str, now: float | None = None) -> dict[str, KeptRun]:
        """The visitor's runs by their ids, newest first; one that cannot be read any more is left out."""
        since = (time.time() if now is None else now) - DAY * self._limits.kept_days
        wanted = select(RUNS.c.id, RUNS.c.how, RUNS.c.body).where(RUNS.c.owner == owner, RUNS.c.made >= since)
        with self._begin() as connection:
            rows = connection.execute(wanted.order_by(RUNS.c.made.desc(), RUNS.c.id)).all()
        found = {}
        for id, how, body in rows:
            try:
                run = KeptRun.from_json(body).but(how=how)
                run.experiment  # noqa: B018 (a later playground may not read what an earlier one wrote)
            except ValueError:
                continue
            found[id] = run
        return found

    @_said
    def remove(self, owner: str, ids: Collection[str]) -> int:
        """Forget these runs of the visitor; how many there were."""
        with self._begin() as connection, connection.begin():
            gone = connection.execute(delete(RUNS).where(RUNS.c.owner == owner, RUNS.c.id.in_(list(ids))))
        return gone.rowcount

    @_said
    def forget(self, owner: str) -> int:
        """Forget all that is known of the visitor; how many runs that was."""
        with self._begin() as connection, connection.begin():
            return connection.execute(delete(RUNS).where(RUNS.c.owner == owner)).rowcount

    @_said
    def hand_over(self, owner: str, to: str) -> None:
        """Everything of one visitor is another's: it was the same person, before their browser was recognised."""
        with self._begin() as connection, connection.begin():
            connection.execute(update(RUNS).where(RUNS.c.owner == owner).values(owner=to))


def _count(connection: Connection, *conditions: object) -> int:
    return connection.execute(select(func.count()).select_from(RUNS).where(*conditions)).scalar_one()  # type: ignore[arg-type]
