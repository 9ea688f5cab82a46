"""Learning-rate schedules, named and parametrised as in `torch.optim.lr_scheduler`."""

from dataclasses import dataclass

from playground.catalog.base import Entry, Param

DOC = "https://docs.pytorch.org/docs/stable/generated/"


@dataclass(frozen=True)
class SchedulerEntry(Entry):
    """A schedule.

    Attributes:
        every: 'step' or 'epoch': when `scheduler.step()` is called.
        metric: whether `step` is given the validation loss (the training loss where there is no validation part).
        last_step: the argument that says how many calls there may be; the rate stays where it is afterwards.
    """

    every: str = "epoch"
    metric: bool = False
    last_step: str = ""


SCHEDULERS: dict[str, SchedulerEntry] = {
    entry.name: entry
    for entry in (
        SchedulerEntry(
            "StepLR",
            "torch.optim.lr_scheduler.StepLR",
            (
                Param("step_size", "int", 50, 1, 100_000, "Epochs between two cuts."),
                Param("gamma", "float", 0.5, 1e-4, 1.0, "What the rate is multiplied by."),
            ),
            r"\eta_t = \eta_0 \gamma^{\lfloor t / s \rfloor}",
            "Cuts the rate every few epochs.",
            DOC + "torch.optim.lr_scheduler.StepLR.html",
        ),
        SchedulerEntry(
            "CosineAnnealingLR",
            "torch.optim.lr_scheduler.CosineAnnealingLR",
            (
                Param(
                    "T_max",
                    "int",
                    100,
                    1,
                    100_000,
                    "Epochs from the full rate to the least; then it rises again.",
                ),
                Param("eta_min", "float", 0.0, 0.0, 1.0, "The least rate."),
            ),
            r"\eta_t = \eta_{min} + \tfrac{1}{2} (\eta_0 - \eta_{min}) (1 + \cos \tfrac{\pi t}{T})",
            "Lowers the rate along half a cosine.",
            DOC + "torch.optim.lr_scheduler.CosineAnnealingLR.html",
        ),
        SchedulerEntry(
            "ExponentialLR",
            "torch.optim.lr_scheduler.ExponentialLR",
            (Param("gamma", "float", 0.99, 1e-4, 1.0, "What the rate is multiplied by after every epoch."),),
            r"\eta_t = \eta_0 \gamma^t",
            "Shrinks the rate by the same factor every epoch.",
            DOC + "torch.optim.lr_scheduler.ExponentialLR.html",
        ),
        SchedulerEntry(
            "OneCycleLR",
            "torch.optim.lr_scheduler.OneCycleLR",
            (
                Param("max_lr", "float", 0.1, 1e-6, 1e3, "The rate at the peak.", scale="log"),
                Param("total_steps", "int", 1_000, 2, 10_000_000, "Steps of the whole cycle."),
                Param("pct_start", "float", 0.3, 0.01, 0.99, "Share of the steps in which the rate rises."),
                Param(
                    "anneal_strategy",
                    "choice",
                    "cos",
                    choices=("cos", "linear"),
                    help="How the rate falls from there.",
                ),
                Param(
                    "cycle_momentum",
                    "bool",
                    False,
                    help="Move momentum (or the first beta) the opposite way.",
                ),
            ),
            r"\eta_0 = \tfrac{\eta_{max}}{25} \nearrow \eta_{max} \searrow \tfrac{\eta_0}{10^4}",
            "Warms up to a high rate and falls far below the start; moves at every step.",
            DOC + "torch.optim.lr_scheduler.OneCycleLR.html",
            every="step",
            last_step="total_steps",
        ),
        SchedulerEntry(
            "ReduceLROnPlateau",
            "torch.optim.lr_scheduler.ReduceLROnPlateau",
            (
                Param("factor", "float", 0.5, 1e-4, 0.999, "What the rate is multiplied by."),
                Param("patience", "int", 10, 0, 10_000, "Epochs without progress before a cut."),
                Param("min_lr", "float", 0.0, 0.0, 1.0, "The least rate."),
            ),
            r"\eta \leftarrow \eta \gamma \text{ after } p \text{ epochs without progress}",
            "Cuts the rate when the validation loss stops falling.",
            DOC + "torch.optim.lr_scheduler.ReduceLROnPlateau.html",
            metric=True,
        ),
    )
}
