"""Limits come from the environment, and a bad one says so."""

import pytest

from playground.limits import Limits


def test_variables_override_the_defaults():
    limits = Limits.from_environment({"PLAYGROUND_MAX_UNITS": "16", "OTHER": "x"})
    assert limits.max_units == 16
    assert limits.max_layers == Limits().max_layers


@pytest.mark.parametrize("text", ["many", "-1", "1.5", ""])
def test_a_variable_that_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="PLAYGROUND_MAX_UNITS"):
        Limits.from_environment({"PLAYGROUND_MAX_UNITS": text})
