"""One thread for everything: beside hosts and browsers a second one makes small networks many times slower."""

import os

for _pool in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")  # before NumPy and torch are imported
