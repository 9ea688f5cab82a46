"""Limits come from the environment, and a bad one says so."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from playground.limits import LIMITS, Limits
from playground.spec import Experiment

README = Path(__file__).resolve().parents[1] / "README.md"


def test_variables_override_the_defaults():
    limits = Limits.from_environment({"PLAYGROUND_MAX_UNITS": "16", "OTHER": "x"})
    assert limits.max_units == 16
    assert limits.max_layers == Limits().max_layers


@pytest.mark.parametrize("text", ["many", "-1", "1.5", ""])
def test_a_variable_that_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="PLAYGROUND_MAX_UNITS"):
        Limits.from_environment({"PLAYGROUND_MAX_UNITS": text})


def test_the_readme_lists_every_limit_with_its_default():
    rows = dict(re.findall(r"^\| `PLAYGROUND_(\w+)` \| ([^|]+) \|", README.read_text("utf-8"), re.MULTILINE))
    limits = {name.upper(): str(value) for name, value in asdict(Limits()).items()}
    limits["HOSTS"] = "one per core, at least 2"
    assert rows == limits


def test_the_work_of_a_step_counts_every_pass_of_the_optimizer(monkeypatch):
    once = Experiment()
    work = sum(report.macs for report in once.outline()) * once.training.batch_size
    monkeypatch.setattr("playground.spec.LIMITS", replace(LIMITS, max_step_work=20 * work))
    once.but(optimizer={"name": "LBFGS", "args": {"max_iter": 16}})
    with pytest.raises(ValueError, match=r"one step takes .* or a smaller max_iter\."):
        once.but(optimizer={"name": "LBFGS", "args": {"max_iter": 17}})
