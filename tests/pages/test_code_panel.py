"""The panel 'code': every form can be read and downloaded, and what cannot be written is said."""

import json

import pytest
from page_helpers import settle

from playground.export import FORMS
from playground.spec import Experiment
from playground.ui.code import FORM, SEEN
from playground.ui.session import EXPERIMENT


def opened(open_app, **query):
    app = open_app(**query)
    app.session_state["code"] = True
    app.run()
    settle(app)
    return app


def shown(app) -> str:
    return "\n".join(code.value for code in app.code)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_shown_and_offered(open_app, form):
    app = opened(open_app)
    app.session_state[FORM] = form
    app.run()
    assert not app.exception
    text = FORMS[form].write(Experiment(), None)
    button = app.download_button(key="code-download")
    assert button.label == FORMS[form].file
    if form == "notebook":
        sources = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        assert [code.value for code in app.code] == sources
    else:
        assert shown(app).strip() == text.strip()


def test_the_code_can_end_where_the_run_is(open_app):
    app = opened(open_app)
    assert not [box for box in app.checkbox if box.key == SEEN]
    app.button(key="epoch").click().run()
    settle(app)
    app.run()
    app.checkbox(key=SEEN).check().run()
    assert "range(1, 1 + 1)" in shown(app)
    app.checkbox(key=SEEN).uncheck().run()
    assert "range(1, 10000 + 1)" in shown(app)


def test_what_cannot_be_written_is_said(open_app):
    app = opened(open_app, data="circle", net="Linear.4~Tanh~Linear.1", loss="BCEWithLogitsLoss", opt="LBFGS")
    app.session_state[FORM] = "numpy"
    app.run()
    assert not app.exception
    assert any("LBFGS has no NumPy twin" in info.value for info in app.info)
    app.session_state[FORM] = "script"
    app.run()
    assert "torch.optim.LBFGS" in shown(app)


def test_a_network_that_does_not_fit_has_no_code(open_app):
    app = opened(open_app, net="Linear.4~Flatten.0~Linear.1", data="circle", loss="BCEWithLogitsLoss", opt="Adam")
    assert not app.exception
    assert app.session_state[EXPERIMENT].layers[1].name == "Flatten"
    assert any("Flatten" in info.value for info in app.info)
    assert not app.code
