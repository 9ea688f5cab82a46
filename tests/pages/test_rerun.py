"""What must be done whole is not broken off where the browser asks for the next run; without that it would be."""

import pytest
from streamlit import get_option
from streamlit.testing.v1 import AppTest

from playground.ui.rerun import undisturbed


def page(careful: bool, in_callback: bool) -> None:
    from contextlib import nullcontext

    import streamlit as st
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

    from playground.ui.rerun import undisturbed

    def two_things() -> None:
        context = get_script_run_ctx()
        assert context is not None
        assert context.script_requests is not None
        context.script_requests.request_rerun(RerunData())
        with undisturbed() if careful else nullcontext():
            st.session_state["first"] = True
            st.session_state["second"] = True

    if in_callback:
        st.button("Do", on_click=two_things)
    elif "begun" not in st.session_state:
        st.session_state["begun"] = True
        two_things()
    st.session_state["ends"] = st.session_state.get("ends", 0) + 1


@pytest.mark.parametrize("in_callback", [False, True])
@pytest.mark.parametrize("careful", [False, True])
def test_both_or_neither(careful, in_callback):
    app = AppTest.from_function(page, args=(careful, in_callback)).run()
    if in_callback:
        app.button[0].click().run()
    assert ("first" in app.session_state, "second" in app.session_state) == (careful, careful)
    assert app.session_state["ends"] == 1 + in_callback, "the run that was asked for comes, too"


def test_within_another_and_outside_of_a_page():
    with undisturbed(), undisturbed():
        pass


def test_a_change_that_is_interrupted_reaches_the_run_and_the_page(open_app, monkeypatch):
    """The next click comes just when the run has the new experiment and the page not yet."""
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

    from playground.ui import session

    app = open_app()
    follow = session._follow

    def followed(new):
        follow(new)
        context = get_script_run_ctx()
        context.script_requests.request_rerun(RerunData())

    monkeypatch.setattr(session, "_follow", followed)
    app.button(key="add-hidden").click().run()
    assert app.session_state["experiment"] == app.session_state["handle"].experiment
    assert not app.exception


def test_a_session_has_one_thread():
    """Otherwise the next run begins beside the one that is to stop, and no look into the state is where that ends."""
    assert get_option("runner.fastReruns") is False


def test_what_a_browser_sends_late_is_no_choice(open_app):
    """The message of a second click carries what the widgets showed before the first one; a choice of its own counts."""
    app = open_app(net="Linear.5~Tanh~Linear.2~ReLU~Linear.1")
    app.session_state["layer-0-more"] = True
    app.run()
    app.button(key="layer-0-remove").click().run()
    assert app.number_input(key="layer-1-units").value == 2
    app.number_input(key="layer-1-units").set_value(6)
    app.selectbox(key="layer-0-kind").set_value("Linear")  # late: it was one before
    app.button(key="add-hidden").click().run()
    assert app.query_params["net"] == "Tanh~Linear.6~ReLU~Linear~Tanh~Linear.1"
