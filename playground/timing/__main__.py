"""`python -m playground.timing`: the worker that times the devices for the page 'Devices'.

A process of its own, because it computes with all threads, and the training hosts keep to one.
"""

from playground.work.worker import Worker, serve


def worker() -> Worker:
    """Imports torch; what is there is said at once."""
    import torch

    from playground.device import whats_here
    from playground.timing.jobs import JOBS

    return Worker({"here": lambda: {"rows": whats_here(), "torch": torch.__version__}}, JOBS)


if __name__ == "__main__":
    serve(worker)
