"""`python -m playground.parity`: the worker that computes for the page 'NumPy vs PyTorch'."""

import gc

from playground.work.worker import Worker, serve


def worker() -> Worker:
    """Imports torch, and takes a first step: the first optimizer imports half of torch."""
    import torch

    torch.set_num_threads(1)
    from playground import parity
    from playground.parity.jobs import JOBS

    _ = list(parity.compare(parity.PRESETS["xor"].experiment, 2))
    gc.collect()
    gc.freeze()
    return Worker({"layer": parity.compare_layer, "step": parity.compare_step}, JOBS)


if __name__ == "__main__":
    serve(worker)
