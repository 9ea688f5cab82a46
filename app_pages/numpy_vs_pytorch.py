"""NumPy vs PyTorch: the same weights in, the same numbers out, to the last digits."""

from playground.parity.spec import TRAIN_PAGE
from playground.ui import parity, parity_state, session
from playground.ui.frame import style

style()
parity.style()
question = parity_state.question()

parity.header(question)
session.show_mistake(parity_state.MISTAKE)
views = {
    "layer": parity.layer_view,
    "step": parity.step_view,
    "training": parity.training_view,
    "speed": parity.speed_view,
}
views[question.show](question)

with_network = question.show == "training" and question.preset == TRAIN_PAGE
parity_state.write_address(session.experiment().to_query() if with_network else {})
