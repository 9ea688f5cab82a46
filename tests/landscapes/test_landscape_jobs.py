"""Maps, the network's plane, the NumPy twins, the packed race, and the process that computes them."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from playground.catalog import OPTIMIZERS
from playground.engine.snapshot import unpack
from playground.landscapes import LANDSCAPES, race, sweep
from playground.landscapes.maps import ELSEWHERE, LOST, MOVING, RATES, basin, heat
from playground.landscapes.network import SIZE, NetworkSpec, explore
from playground.landscapes.picture import csv_of, race_picture, score, surface_picture
from playground.landscapes.spec import RacerSpec, RaceSpec
from playground.landscapes.twins import compare, numpy_race
from playground.landscapes.worker import Worker
from playground.limits import Limits


def finish(running):
    """The result of a job, and the fractions that it told on the way."""
    told = []
    while True:
        try:
            told.append(next(running))
        except StopIteration as end:
            assert told == sorted(told)
            assert all(0 <= fraction <= 1 for fraction in told)
            return end.value


def texts(*racers):
    return tuple(RacerSpec.from_text(text) for text in racers)


def test_the_packed_race_is_the_race():
    spec = RaceSpec(steps=40, racers=texts("SGD.0.001", "Adam.0.05", "LBFGS"))
    trails = race(spec.place, spec.field(), spec.begin, spec.steps)
    header, arrays = unpack(race_picture(spec, trails))
    json.dumps(header, allow_nan=False)
    assert header["minima"] == [[1.0, 1.0, 0.0]]
    assert [row["loss"] for row in header["racers"]] == [trail.loss[-1] for trail in trails]
    for k, trail in enumerate(trails):
        np.testing.assert_allclose(arrays[f"path_{k}"], trail.path, rtol=1e-6)
        np.testing.assert_allclose(arrays[f"loss_{k}"], trail.loss, rtol=1e-6, atol=1e-30)
    assert set(header["racers"][1]["names"]) == {"w", "lr", "m_hat", "v_hat"}
    assert header["racers"][1]["constants"] == {"eps": 1e-8}
    assert header["racers"][2]["reached"] is not None


def test_long_races_are_thinned_and_keep_their_ends():
    spec = RaceSpec(steps=4_500, racers=texts("SGD.0.001"))
    trails = race(spec.place, spec.field(), spec.begin, spec.steps)
    header, arrays = unpack(race_picture(spec, trails))
    assert len(header["shown"]) < 2_100
    assert header["shown"][-1] == 4_500
    np.testing.assert_allclose(arrays["path_0"][-1], trails[0].path[-1], rtol=1e-6)


def test_a_diverged_race_packs_without_a_number_that_json_cannot_hold():
    spec = RaceSpec(racers=texts("SGD.1.0"), start=(-1.2, 0.7))
    [trail] = race(spec.place, spec.field(), spec.begin, spec.steps)
    header, _ = unpack(race_picture(spec, [trail]))
    assert header["racers"][0]["diverged_at"] == trail.diverged_at
    assert header["racers"][0]["loss"] is None
    assert header["racers"][0]["diverged"] == f"no finite number at step {trail.diverged_at} any more"


def test_who_left_for_good_is_told_apart_from_who_has_no_number():
    spec = RaceSpec.of(landscape="saddle", racers=texts("SGD.0.1"), start=(0.3, 0.1))
    [trail] = race(spec.place, spec.field(), spec.begin, spec.steps)
    row = score(spec, trail)
    assert row["diverged"] == f"from step {trail.diverged_at} on more than 10 picture sides away"
    assert row["loss"] == trail.loss[-1]


def test_the_budget_by_gradients_cuts_lbfgs():
    spec = RaceSpec(racers=texts("LBFGS"), budget="gradients", steps=30, tolerance=1e-12)
    [trail] = race(spec.place, spec.field(), spec.begin, spec.steps)
    row = score(spec, trail)
    assert row["evaluations"] <= 30
    assert row["cut"] < 30
    assert score(spec.but(budget="steps"), trail)["cut"] == 30


def test_the_surface_alone_can_be_drawn_before_torch_is_there():
    code = "import sys\nfrom playground.landscapes.picture import surface_picture\n"
    code += "from playground.landscapes.spec import RaceSpec\nprint(len(surface_picture(RaceSpec())), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "False"
    assert unpack(surface_picture(RaceSpec()))[0]["racers"] == []


def test_the_table_of_all_trails():
    spec = RaceSpec(steps=3)
    trails = race(spec.place, spec.field(), spec.begin, 3)
    lines = csv_of(trails).splitlines()
    assert lines[0].startswith("racer,step,x,y,loss")
    assert len(lines) == 1 + 4 * 4
    name, step, x, y = lines[8].rsplit(",", 7)[:4]
    assert name == '"SGD 0.001, momentum 0.9"'
    assert (int(step), float(x), float(y)) == (3, *trails[1].path[3])


def test_the_heat_strip_is_made_of_sweeps():
    spec = RaceSpec.of(landscape="bowl", steps=20)
    found = finish(heat(spec))
    assert found["loss"].shape == (len(OPTIMIZERS), len(RATES))
    row = list(OPTIMIZERS).index("Adam")
    np.testing.assert_array_equal(found["loss"][row], sweep(spec.place, "Adam", RATES, [spec.begin], 20).losses[:, 0])
    assert found["loss"][list(OPTIMIZERS).index("SGD"), -1] > 1e20
    rosenbrock = finish(heat(RaceSpec(steps=20)))
    assert (rosenbrock["diverged"][0, -3:] >= 0).all()
    assert (rosenbrock["diverged"][0, :5] == -1).all()


def test_a_basin_map_names_the_minima():
    spec = RaceSpec.of(landscape="himmelblau", steps=150, racers=texts("SGD.0.01"))
    found = finish(basin(spec, 0, 30))
    assert found["basin"].shape == (30, 30)
    ends = found["ends"]
    assert len(ends) == 4
    assert sum(share for *_, share in ends) > 0.95
    here = np.abs(np.linspace(-5, 5, 30) - 3).argmin(), np.abs(np.linspace(-5, 5, 30) - 2).argmin()
    assert found["basin"][here[1], here[0]] == 0  # a start beside (3, 2) ends there; rows are y
    assert ends[0][:2] == (3.0, 2.0)


def test_starts_that_crawl_are_on_their_way_and_minima_nobody_listed_are_found():
    valley = finish(basin(RaceSpec(steps=60), 0, 25))
    assert set(np.unique(valley["basin"])) <= {0, MOVING, LOST}
    assert (valley["basin"] == LOST).any() == (valley["loss"] != valley["loss"]).any()
    typed = RaceSpec.of(landscape="expression", expression="(x**2 - 4)**2 + y**2", steps=200, racers=texts("SGD.0.02"))
    found = finish(basin(typed, 0, 24))
    assert {(round(x), round(y)) for x, y, *_ in found["ends"]} == {(2, 0), (-2, 0)}
    eggs = finish(basin(RaceSpec.of(landscape="rastrigin", steps=150, racers=texts("Adam.0.05")), 0, 50))
    assert len(eggs["ends"]) == 12
    assert (eggs["basin"] == ELSEWHERE).any() or (eggs["basin"] == MOVING).any()


@pytest.mark.parametrize("plane", ["random", "paths"])
def test_the_networks_plane_says_how_much_it_shows(plane):
    header, arrays = finish(explore(NetworkSpec.of(plane=plane, steps=20), []))
    assert arrays["surface"].shape == (SIZE, SIZE)
    assert header["parameters"] == 105
    rows = header["rows"]
    assert len({row["first_loss"] for row in rows}) == 1  # the same weights, the same batch
    assert all(row["last_loss"] < row["first_loss"] for row in rows)
    assert all(0 <= row["explained"] <= 1 + 1e-6 for row in rows)
    best = min(rows, key=lambda row: row["last_loss"])
    assert best["last_gap"] < 1e-6  # it is the plane's own point
    assert best["label"] == header["centre"]
    if plane == "paths":
        assert header["explained"] > 0.8
    else:
        assert header["explained"] < 0.2
        assert rows[0]["first_gap"] > 0.1


def test_a_random_direction_is_as_long_as_the_weights_unit_by_unit():
    import torch

    from playground.landscapes.network import _random_plane

    parameters = [torch.empty(3, 2), torch.empty(3)]
    centre = torch.arange(1.0, 10.0)
    directions = _random_plane(centre, parameters, 0)
    for column in range(2):
        drawn = directions[:6, column].view(3, 2)
        torch.testing.assert_close(drawn.norm(dim=1), centre[:6].view(3, 2).norm(dim=1))
        assert (directions[6:] == 0).all()


def test_the_numpy_race_equals_torchs():
    names = [name for name, entry in OPTIMIZERS.items() if entry.elementwise]
    spec = RaceSpec(racers=tuple(RacerSpec.of_class(name) for name in names), steps=60)
    rows = finish(compare(spec))
    assert len(rows) == 11
    for row in rows:
        assert row["difference"] < (1e-8 if row["optimizer"] in ("NAdam", "ASGD") else 1e-12)
        assert row["compared"] == 60


@pytest.mark.parametrize("key", LANDSCAPES)
def test_the_numpy_gradient_walks_every_landscape(key):
    landscape, racer = LANDSCAPES[key], RacerSpec.from_text("Adam.0.01").racer()
    [trail] = race(landscape, [racer], landscape.starts[0], 8)
    np.testing.assert_allclose(numpy_race(landscape, racer, landscape.starts[0], 8), trail.path, rtol=1e-9)


def test_what_has_no_twin_says_so():
    rows = finish(compare(RaceSpec(racers=texts("Adafactor", "SGD.0.001~StepLR.5~clip.0.5"), steps=12)))
    assert "not been written" in rows[0]["reason"]
    assert rows[1]["difference"] < 1e-14


@pytest.fixture(scope="module")
def worker():
    worker = Worker()
    yield worker
    worker.close()


def test_the_process_races_and_says_what_went_wrong(worker):
    job = worker.submit("race", RaceSpec(steps=5))
    assert job.wait(60)
    assert job.ok
    assert unpack(job.body)[0]["steps"] == 5
    wrong = worker.submit("basin", RaceSpec(steps=5), racer=9, size=4)
    assert wrong.wait(30)
    assert "IndexError" in wrong.error
    nothing = worker.submit("dance", RaceSpec())
    assert nothing.wait(30)
    assert not nothing.ok


def test_a_long_job_shows_its_progress_lets_others_by_and_can_be_cancelled(worker):
    long = worker.submit("heat", RaceSpec(steps=5_000))
    deadline = time.monotonic() + 20
    while not long.progress and time.monotonic() < deadline:
        time.sleep(0.02)
    assert 0 < long.progress < 1
    quick = worker.submit("race", RaceSpec(steps=5))
    assert quick.wait(10)
    assert quick.ok
    assert not long.done
    worker.cancel(long.id)
    assert long.done
    assert long.error == "Cancelled."
    forgotten = worker.submit("heat", RaceSpec(steps=5_000))
    del forgotten  # a closed session forgets its jobs
    after = worker.submit("csv", RaceSpec(steps=2))
    assert after.wait(20)
    assert after.body.startswith(b"racer,step")


def test_one_visitor_has_so_many_jobs_at_once_and_all_together_too(worker, monkeypatch):
    monkeypatch.setattr("playground.landscapes.worker.LIMITS", Limits(heavy_jobs=3, heavy_jobs_each=2))
    long = RaceSpec(steps=5_000)
    mine = [worker.submit("heat", long, "me") for _ in range(2)]
    third = worker.submit("race", RaceSpec(steps=2), "me")
    assert third.error == "2 of your jobs are under way, the most for one visitor; wait until one has ended."
    other = worker.submit("heat", long, "somebody else")
    assert not other.error
    assert "3 jobs are under way on this server" in worker.submit("race", RaceSpec(steps=2), "a third").error
    for job in (*mine, other):
        worker.cancel(job.id)
    again = worker.submit("race", RaceSpec(steps=2), "me")
    assert again.wait(30)
    assert again.ok


def test_a_lost_process_is_told_and_started_again(worker):
    job = worker.submit("heat", RaceSpec(steps=5_000))
    worker._process.kill()
    assert job.wait(10)
    assert "try again" in job.error
    again = worker.submit("race", RaceSpec(steps=2))
    assert again.wait(60)
    assert again.ok
