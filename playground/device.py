"""Which device there is. The label on screen is the device of the tensors, so nothing here is a wish."""

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
    device = torch.device(name)
    if device.type not in here:
        raise ValueError(f"there is no device {str(device)!r} here; choose one of {', '.join(here)}.")
    return device


def full_name(device: torch.device) -> str:
    """`cpu`, or the accelerator with the name of its chip: `cuda (NVIDIA ...)`."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type
