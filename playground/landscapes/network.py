"""A small network's loss on a plane through its weights, with the ways of several optimizers projected on it.

All start from the same weights and see the same full batch. The plane is the same for all: two random directions,
filter by filter as long as the weights (Li et al., 2018, Visualizing the loss landscape of neural nets), or the two
directions in which the ways differ most. How much of the ways lies in the plane is told with it.
"""

from collections.abc import Generator, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from playground.catalog import DATASETS
from playground.catalog.base import Param
from playground.landscapes.racing import Racer, build_optimizer
from playground.landscapes.spec import RacerSpec
from playground.parts import Frozen
from playground.spec import Experiment

STEPS = Param("steps", "int", 150, 10, 1_000, "Full-batch steps of every optimizer.", label="steps")
SEED = Param("seed", "int", 0, 0, 10_000, "Of the first weights and of the random directions.", label="seed")
TOYS = tuple(name for name, entry in DATASETS.items() if entry.view == "plane" and entry.classes == 2)
USUAL = tuple(RacerSpec.from_text(text) for text in ("SGD.0.3", "SGD.0.05..0.9", "Adam.0.02", "RMSprop.0.01"))
"""Racers with rates that suit networks rather than Rosenbrock's valley."""
SIZE = 41
MAX_KEPT = 150

Job = Generator[float, None, tuple[dict[str, Any], dict[str, np.ndarray]]]


class NetworkSpec(Frozen):
    """Which network: 2-8-8-1 with tanh on one of the two-dimensional data sets.

    Attributes:
        data: name of the data set.
        steps: full-batch steps of every optimizer.
        seed: of the first weights and of the random directions.
        plane: 'random' directions, or the 'paths' themselves.
        racers: as texts, or empty for those of the race.
    """

    data: str = "moons"
    steps: int = STEPS.default  # type: ignore[assignment]
    seed: int = 0
    plane: Literal["random", "paths"] = "random"
    racers: tuple[str, ...] = tuple(racer.to_text() for racer in USUAL)

    @field_validator("data")
    @classmethod
    def _data(cls, name: str) -> str:
        if name not in TOYS:
            raise ValueError(f"network: there is no data set {name[:40]!r}; choose one of {', '.join(TOYS)}.")
        return name

    @field_validator("steps")
    @classmethod
    def _steps(cls, steps: int) -> int:
        return STEPS.check(steps, "network")  # type: ignore[return-value]

    @field_validator("seed")
    @classmethod
    def _seed(cls, seed: int) -> int:
        return SEED.check(seed, "network")  # type: ignore[return-value]

    @property
    def experiment(self) -> Experiment:
        """The network and its data as the Train page would have them."""
        net = "Linear.8~Tanh~Linear.8~Tanh~Linear.1"
        return Experiment.from_query(
            {"data": self.data, "net": net, "loss": "BCEWithLogitsLoss", "opt": "SGD", "split": "1.0"}
        )


def explore(wanted: NetworkSpec, field: Sequence[Racer]) -> Job:
    """Train with every racer, lay the plane, and compute the loss over it.

    Returns:
        a header with one entry per racer (label, losses, explained variance, projection gap), and arrays: "surface"
        (SIZE, SIZE), row 0 the lowest second coordinate, "extent" (2, 2), "path_k" (n, 2) and "loss_k" (n,).
    """
    import torch

    from playground.data import load
    from playground.models import build

    racers = [RacerSpec.from_text(text).racer() for text in wanted.racers] or list(field)
    data = load(wanted.experiment.data)
    x, y = torch.tensor(data.x_train), torch.tensor(data.y_train, dtype=torch.float32)[:, None]
    model = build(wanted.experiment, torch.Generator().manual_seed(wanted.seed))
    parameters, criterion = list(model.parameters()), torch.nn.BCEWithLogitsLoss()
    first = torch.nn.utils.parameters_to_vector(parameters).detach().clone()

    def loss_at(weights: torch.Tensor) -> float:
        torch.nn.utils.vector_to_parameters(weights, parameters)
        with torch.no_grad():
            return criterion(model(x), y).item()

    paths, losses = [], []
    for index, racer in enumerate(racers):
        torch.nn.utils.vector_to_parameters(first.clone(), parameters)
        walk = _train(model, racer, lambda: criterion(model(x), y), wanted.steps)
        path = []
        for step, weights in enumerate(walk):
            path.append(weights)
            if step % 20 == 0:
                yield 0.6 * (index + step / wanted.steps) / len(racers)
        paths.append(torch.stack(path)[:: -(-len(path) // MAX_KEPT)])
        losses.append([loss_at(weights) for weights in paths[-1]])
    best = min(range(len(racers)), key=lambda k: losses[k][-1] if np.isfinite(losses[k][-1]) else np.inf)
    centre = paths[best][-1]
    directions = (
        _random_plane(centre, parameters, wanted.seed) if wanted.plane == "random" else _path_plane(centre, paths)
    )
    places = [(path - centre) @ torch.linalg.pinv(directions).T for path in paths]
    seen = torch.cat(places)
    seen = seen[torch.isfinite(seen).all(1)]
    lows, highs = seen.min(0).values, seen.max(0).values
    if wanted.plane == "random":  # a unit is as long as the weights themselves
        lows, highs = lows.clamp(max=-0.8), highs.clamp(min=0.8)
    margin = 0.2 * (highs - lows)
    extent = torch.stack([lows - margin, highs + margin], 1).numpy()
    axes = [np.linspace(low, high, SIZE) for low, high in extent]
    surface = np.empty((SIZE, SIZE))
    for row, b in enumerate(axes[1]):
        for column, a in enumerate(axes[0]):
            surface[row, column] = loss_at(centre + directions @ torch.tensor([a, b], dtype=centre.dtype))
        yield 0.6 + 0.4 * (row + 1) / SIZE
    rows = []
    arrays = {"surface": surface, "extent": extent}
    for k, racer in enumerate(racers):
        flat = [loss_at(centre + directions @ place) for place in places[k]]
        rows.append({"label": racer.label, **_fit(paths[k] - centre, places[k] @ directions.T, losses[k], flat)})
        arrays |= {f"path_{k}": places[k].numpy(), f"loss_{k}": np.array(losses[k])}
    total = _explained(torch.cat(paths) - centre, torch.cat(places) @ directions.T)
    header = {
        "rows": rows,
        "explained": total,
        "centre": racers[best].label,
        "parameters": centre.numel(),
        "samples": len(x),
        "plane": wanted.plane,
    }
    return header, arrays


def _train(model: Any, racer: Racer, loss_of: Any, steps: int) -> Generator[Any, None, None]:
    """The weights before the first and after every step, flat; ends early when they are no numbers."""
    import torch

    from playground.landscapes.racing import _rate_mover

    parameters = list(model.parameters())
    optimizer = build_optimizer(racer, parameters)
    move_rate = _rate_mover(racer, optimizer)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        if racer.clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, racer.clip)
        return loss

    yield torch.nn.utils.parameters_to_vector(parameters).detach().clone()
    for _ in range(steps):
        loss = optimizer.step(closure)  # torch's own optimizers all take one; only LBFGS asks it more than once
        if move_rate is not None:
            move_rate(loss.item())
        weights = torch.nn.utils.parameters_to_vector(parameters).detach().clone()
        if not torch.isfinite(weights).all():
            return
        yield weights


def _random_plane(centre: Any, parameters: Sequence[Any], seed: int) -> Any:
    """(weights, 2): Gaussian directions, each unit's incoming weights as long as the centre's; biases stay."""
    import torch

    generator = torch.Generator().manual_seed(seed + 1)
    directions = torch.zeros(len(centre), 2)
    for column in range(2):
        start = 0
        for parameter in parameters:
            part = slice(start, start + parameter.numel())
            start += parameter.numel()
            drawn = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                weights = centre[part].view(parameter.shape)
                drawn *= weights.norm(dim=1, keepdim=True) / drawn.norm(dim=1, keepdim=True)
                directions[part, column] = drawn.flatten()
    return directions


def _path_plane(centre: Any, paths: Sequence[Any]) -> Any:
    """(weights, 2): the two orthogonal directions that hold most of all ways away from the centre."""
    import torch

    steps = torch.cat(list(paths)) - centre
    return torch.linalg.svd(steps, full_matrices=False).Vh[:2].T.contiguous()


def _explained(ways: Any, projected: Any) -> float:
    """Share of the squared distances from the centre that lies in the plane."""
    whole = (ways**2).sum().item()
    return 1 - ((ways - projected) ** 2).sum().item() / whole if whole else 1.0


def _fit(ways: Any, projected: Any, losses: list[float], flat: list[float]) -> dict[str, Any]:
    """What the plane shows of one way, and what it does not: the loss there against the loss of the shadow."""
    gaps = np.abs(np.subtract(losses, flat))
    return {
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "explained": _explained(ways, projected),
        "first_gap": float(gaps[0]),
        "last_gap": float(gaps[-1]),
        "mean_gap": float(gaps.mean()),
    }
