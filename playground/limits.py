"""How much one visitor may ask for, in one place.

Every limit can be set by an environment variable: `PLAYGROUND_MAX_UNITS=64 streamlit run streamlit_app.py`, and all of
them at once by a preset: `PLAYGROUND_PRESET=public`.
"""

import os
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Upper bounds, checked where input enters and before anything is allocated."""

    max_layers: int = 32  # layers in one network
    max_units: int = 1024  # out_features of one layer
    max_parameters: int = 2_000_000  # weights and biases of one network
    max_nesting: int = 3  # blocks of layers inside one another
    max_activation_mb: int = 256  # megabytes that one training step keeps for its backward pass
    max_step_work: int = 4_000_000_000  # multiply-adds of one training step's forward pass
    max_samples: int = 5_000  # points of one data set
    max_batch: int = 5_000  # samples in one batch
    max_slice_steps: int = 20_000  # steps that one call of `advance` may ask of a host
    max_epochs: int = 100_000  # length of one run
    max_upload: int = 20_000_000  # bytes of one uploaded file
    max_store: int = 500_000_000  # bytes of all uploaded files together; then the longest unused go
    max_columns: int = 256  # columns of an uploaded table
    max_cells: int = 2_000_000  # fields of an uploaded table
    max_classes: int = 100  # classes of uploaded data
    max_words: int = 50  # different words in an uploaded column that is an input
    max_archive_files: int = 20_000  # entries of an uploaded zip archive
    max_archive_bytes: int = 200_000_000  # bytes of its files when unpacked
    max_picture_pixels: int = 16_000_000  # pixels of one uploaded picture
    max_archive_pixels: int = 2_000_000_000  # pixels of all of them together
    max_data_jobs: int = 4  # uploads and downloads worked on at the same time
    history_points: int = 8_192  # rows of a run's history before it is thinned to every other one
    max_racers: int = 12  # optimizers in one race on a landscape
    max_race_steps: int = 10_000  # steps of one race or sweep
    max_sweep_points: int = 1_000_000  # learning rates times starts of one sweep
    max_sweep_work: int = 1_000_000_000  # learning rates times starts times steps, taken as rows of one tensor
    max_sweep_loop: int = 500_000  # the same for optimizers that must take the starts one by one
    max_task: int = 500  # characters of the task in a teacher's link
    kept_runs: int = 50  # runs that are kept for one visitor
    kept_days: int = 90  # how long a run is kept
    kept_total: int = 20_000  # runs that are kept for all visitors together
    kept_bytes: int = 64_000  # of one kept run
    max_checkpoint: int = 64 * 2**20  # bytes of a file of weights that is loaded
    max_playing: int = 0  # runs that train at once, the others wait in line; 0 means all
    max_steps_per_second: int = 0  # of one run; 0 means as fast as it goes
    heavy_jobs: int = 64  # races, sweeps, comparisons under way at once in one worker, for all visitors together
    heavy_jobs_each: int = 16  # the same for one visitor, which is one tab
    hosts: int = 0  # worker processes; 0 means one per core, at least two
    runs_per_host: int = 100  # runs that one worker process holds
    kept_states: int = 2_000_000_000  # bytes of the states of all runs that are kept here; then the longest unseen go

    @classmethod
    def from_environment(cls, environment: "os._Environ[str] | dict[str, str]" = os.environ) -> "Limits":
        """The preset that PLAYGROUND_PRESET names, overridden by the other PLAYGROUND_* variables.

        Raises:
            ValueError: there is no such preset, or a variable is not a whole number, or is negative.
        """
        preset = environment.get("PLAYGROUND_PRESET", "laptop")
        if preset not in PRESETS:
            raise ValueError(f"PLAYGROUND_PRESET is {preset!r}; it must be {' or '.join(PRESETS)}.")
        values = dict(PRESETS[preset])
        for field in fields(cls):
            variable = f"PLAYGROUND_{field.name.upper()}"
            text = environment.get(variable)
            if text is None:
                continue
            if not text.isdecimal():
                raise ValueError(f"{variable} is {text!r}; it must be a whole number, 0 or more.")
            values[field.name] = int(text)
        return cls(**values)

    @property
    def too_many_jobs(self) -> str:
        """What a visitor reads who asks for one more race, sweep or comparison than there may be."""
        return f"{self.heavy_jobs_each} of your jobs are under way, the most for one visitor; wait until one has ended."


PRESETS: dict[str, dict[str, int]] = {
    "laptop": {},
    "public": {
        "max_layers": 16,
        "max_units": 256,
        "max_parameters": 200_000,
        "max_samples": 2_000,
        "max_batch": 1_000,
        "max_epochs": 20_000,
        "max_upload": 5_000_000,
        "max_cells": 500_000,
        "max_archive_bytes": 50_000_000,
        "max_data_jobs": 2,
        "max_playing": 60,
        "max_steps_per_second": 1_000,
        "max_sweep_points": 200_000,
        "max_sweep_work": 100_000_000,
        "max_sweep_loop": 50_000,
        "heavy_jobs": 8,
        "heavy_jobs_each": 3,
        "kept_states": 1_000_000_000,
    },
}
"""What the defaults become: one person on a laptop may have them all, strangers on a public server less."""

LIMITS = Limits.from_environment()
