"""Which device there is. The label on screen is the device of the tensors, so nothing here is a wish.

Everything goes through `torch.accelerator`, so that CUDA, ROCm, MPS and XPU need no cases of their own.
"""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


def available_devices() -> list[str]:
    """`cpu`, and the accelerator if one can be used: `cuda`, `mps` or `xpu`."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return ["cpu"] if accelerator is None else ["cpu", accelerator.type]


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """The named device, or the accelerator if there is one, or the CPU.

    Raises:
        ValueError: the device is not here; the message lists those that are.
    """
    here = available_devices()
    if name is None:
        return torch.device(here[-1])
    kind, _, number = str(name)[:40].partition(":")
    if kind not in here or (number and not number.isdecimal()):
        raise ValueError(f"there is no device {str(name)[:40]!r} here; choose one of {', '.join(here)}.")
    return torch.device(name)


def full_name(device: torch.device) -> str:
    """`cpu`, or the accelerator with the name of its chip: `cuda (NVIDIA ...)`."""
    chip = chip_name(device)
    return device.type if device.type == "cpu" or not chip else f"{device.type} ({chip})"


def chip_name(device: torch.device) -> str:
    """What the maker calls it, or '' where nobody says."""
    if device.type == "cpu":
        return _processor()
    backend = getattr(torch, device.type, None)  # torch.cuda and torch.xpu know their chips, torch.mps does not
    name = getattr(backend, "get_device_name", None)
    return str(name(device)) if name else platform.processor()


def _processor() -> str:
    """The processor's name as the system has it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Place:
    """Where something is computed: a device, and for the CPU with how many threads.

    Attributes:
        title: what a visitor reads.
        where: the device of the tensors.
        threads: of the CPU; 0 for an accelerator.
        synchronize: waits until all that was asked of the device is done.
    """

    title: str
    where: torch.device
    threads: int
    synchronize: Callable[[], None]

    def enter(self) -> None:
        """Make the process compute here: only for a process of its own, since threads are the whole process's."""
        if self.threads:
            torch.set_num_threads(self.threads)


def places() -> list[Place]:
    """The CPU with one thread, with all of them, and the accelerator if there is one."""
    cpu = torch.device("cpu")
    found = [Place("cpu, 1 thread", cpu, 1, _nothing)]
    if cores() > 1:
        found.append(Place(f"cpu, {cores()} threads", cpu, cores(), _nothing))
    for name in available_devices()[1:]:
        found.append(Place(full_name(torch.device(name)), torch.device(name), 0, torch.accelerator.synchronize))
    return found


def _nothing() -> None:
    """The CPU is done when it answers."""


def whats_here() -> list[dict[str, Any]]:
    """The devices of this machine: {"device", "chip", "memory" (bytes or None), "what"}."""
    rows: list[dict[str, Any]] = []
    for name in available_devices():
        device = torch.device(name)
        memory = _cpu_memory() if name == "cpu" else _accelerator_memory()
        said = (
            f"{cores()} cores, {torch.backends.cpu.get_cpu_capability()}"
            if name == "cpu"
            else f"{torch.accelerator.device_count()} of them, through torch.{name}"
        )
        rows.append({"device": name, "chip": chip_name(device), "memory": memory, "what": said})
    return rows


def _cpu_memory() -> int | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _accelerator_memory() -> int | None:
    """Bytes of the accelerator, where its backend tells."""
    try:
        return int(torch.accelerator.get_memory_info()[1])
    except (RuntimeError, AttributeError):  # MPS shares the memory of the CPU and tells nothing
        return None
