"""The shelf: on SQLite, and on the database that PLAYGROUND_TEST_DATABASE names where one is running."""

import os
import threading

import pytest
from sqlalchemy import create_engine, select

from playground.limits import Limits
from playground.runs import KeptRun
from playground.shelf import DAY, RUNS, UNREACHABLE, Shelf
from playground.spec import Experiment

NOW = 1_750_000_000.0
DATABASES = ["sqlite", *(["server"] if "PLAYGROUND_TEST_DATABASE" in os.environ else [])]


@pytest.fixture(params=DATABASES)
def database(request, tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db" if request.param == "sqlite" else os.environ["PLAYGROUND_TEST_DATABASE"]
    engine = create_engine(url)
    yield engine
    RUNS.metadata.drop_all(engine)
    engine.dispose()


def run(seed: int = 0, made: float = NOW, **fields) -> KeptRun:
    return KeptRun(words=Experiment(seed=seed).to_query(), made=made, step=5, epoch=0.2, **fields)


def seeds(shelf: Shelf, owner: str = "ann", now: float = NOW) -> list[int]:
    return [found.experiment.seed for found in shelf.runs(owner, now).values()]


def test_a_run_comes_back_as_it_was_kept_newest_first(database):
    shelf = Shelf(database)
    first, second = run(1, steps=(0.0, 5.0), curves={"val_loss": (0.7, None)}), run(2, NOW + 1, message="“Fertig” 🎉")
    ids = [shelf.keep("ann", first), shelf.keep("ann", second)]
    assert list(shelf.runs("ann", NOW).items()) == [(ids[1], second), (ids[0], first)]
    assert Shelf(database).runs("ann", NOW) == shelf.runs("ann", NOW), "another process sees the same"


def test_nobody_sees_or_removes_what_is_anothers(database):
    shelf = Shelf(database)
    id = shelf.keep("ann", run())
    assert shelf.runs("bob", NOW) == {}
    assert shelf.remove("bob", [id]) == 0
    assert shelf.forget("bob") == 0
    assert shelf.runs("' OR 1=1 --", NOW) == {}
    assert seeds(shelf) == [0]
    assert shelf.remove("ann", [id, "no such run"]) == 1
    assert seeds(shelf) == []


def test_the_same_run_is_there_once_and_stays_kept(database):
    shelf = Shelf(database)
    shelf.keep("ann", run(how="kept"))
    shelf.keep("ann", run(made=NOW + 9, how="finished"))
    shelf.keep("bob", run())
    (found,) = shelf.runs("ann", NOW).values()
    assert (found.how, found.made) == ("kept", NOW + 9)
    assert seeds(shelf, "bob") == [0]


def test_old_runs_leave(database):
    shelf = Shelf(database, Limits(kept_days=10))
    shelf.keep("ann", run(1, NOW - 11 * DAY))
    shelf.keep("ann", run(2, NOW - 9 * DAY))
    assert seeds(shelf) == [2]
    shelf.keep("bob", run(3))
    with database.connect() as connection:
        assert len(connection.execute(select(RUNS.c.id)).all()) == 2, "and are not in the table any more"


def test_where_there_is_no_room_finished_runs_go_before_those_that_were_kept(database):
    shelf = Shelf(database, Limits(kept_runs=3))
    for seed, how in enumerate(("kept", "finished", "kept", "finished", "finished")):
        shelf.keep("ann", run(seed, NOW + seed, how=how))
    assert seeds(shelf) == [4, 2, 0]
    shelf.keep("ann", run(9, NOW + 9, how="kept"))
    assert seeds(shelf) == [9, 2, 0]
    with pytest.raises(ValueError, match="You have kept 3 runs, which is the most; remove one on the page Runs"):
        shelf.keep("ann", run(10, NOW + 10))
    assert seeds(shelf) == [9, 2, 0]
    shelf.keep("ann", run(9, NOW + 11))
    assert seeds(shelf) == [9, 2, 0]


def test_all_visitors_together_keep_no_more_than_the_limit(database):
    shelf = Shelf(database, Limits(kept_total=2))
    for number, owner in enumerate(("ann", "bob", "cid")):
        shelf.keep(owner, run(number, NOW + number))
    assert [seeds(shelf, owner) for owner in ("ann", "bob", "cid")] == [[], [1], [2]]


def test_a_run_that_is_too_large_is_refused_with_its_size(database):
    shelf = Shelf(database, Limits(kept_bytes=100))
    with pytest.raises(ValueError, match=r"This run takes \d+ bytes; the most that is kept of one is 100"):
        shelf.keep("ann", run())


def test_what_cannot_be_read_any_more_is_left_out(database):
    shelf = Shelf(database)
    id = shelf.keep("ann", run(1))
    shelf.keep("ann", KeptRun(words={"v": "999"}, made=NOW, step=1, epoch=0.0))
    with database.begin() as connection:
        row = {"id": "x", "owner": "ann", "name": "x", "how": "kept", "made": NOW, "body": "{"}
        connection.execute(RUNS.insert().values(row))
    assert list(shelf.runs("ann", NOW)) == [id]


def test_everything_can_be_forgotten_and_handed_over(database):
    shelf = Shelf(database)
    shelf.keep("ann", run(1))
    shelf.hand_over("ann", "anna")
    assert (seeds(shelf), seeds(shelf, "anna")) == ([], [1])
    shelf.keep("anna", run(2))
    assert shelf.forget("anna") == 2


def test_many_threads_keep_at_once(database):
    shelf, said = Shelf(database), []

    def keep(number: int) -> None:
        try:
            for seed in range(5):
                shelf.keep(f"owner {number}", run(seed, NOW + seed))
        except ValueError as error:
            said.append(error)

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == []
    assert [len(shelf.runs(f"owner {number}", NOW)) for number in range(6)] == [5] * 6


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path):
    shelf = Shelf(create_engine(f"sqlite:///{tmp_path}/no/such/folder/runs.db"))
    for tried in (lambda: shelf.keep("ann", run()), lambda: shelf.runs("ann"), lambda: shelf.forget("ann")):
        with pytest.raises(ValueError) as said:
            tried()
        assert str(said.value) == UNREACHABLE
