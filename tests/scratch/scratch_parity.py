"""What the tests of the NumPy library share: copying weights to torch, comparing, and central differences."""

import numpy as np
import torch

RTOL, ATOL = 1e-9, 1e-11


def close(ours, theirs, what=""):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else np.asarray(theirs)
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape, f"{what}: shape {ours.shape}, torch has {theirs.shape}"
    np.testing.assert_allclose(ours, theirs, rtol=RTOL, atol=ATOL, err_msg=what)


def copy_to_torch(ours, theirs):
    """Our state_dict must load into torch as it is: same keys, same shapes (strict)."""
    state = ours.state_dict()
    assert list(state) == list(theirs.state_dict())
    theirs.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})


def same_grads(ours, theirs):
    theirs = dict(theirs.named_parameters())
    assert set(theirs) == set(ours.params)
    for key, param in ours.params.items():
        close(param.grad, theirs[key].grad, f"gradient of {key}")


def same_buffers(ours, theirs):
    theirs = dict(theirs.named_buffers())
    assert set(theirs) == set(ours.buffers)
    for key, buffer in ours.buffers.items():
        close(buffer, theirs[key], f"buffer {key}")


def compare(ours, theirs, x, rng, rounds=1):
    """Forward and backward of both with the same weights, input and upstream gradient; gradients accumulate."""
    copy_to_torch(ours, theirs)
    for _ in range(rounds):
        x_torch = torch.tensor(x, requires_grad=True)
        y, y_torch = ours.forward(x), theirs(x_torch)
        close(y, y_torch, "output")
        g = rng.standard_normal(y.shape)
        y_torch.backward(torch.from_numpy(g))
        close(ours.backward(g), x_torch.grad, "gradient of the input")
    same_grads(ours, theirs)
    same_buffers(ours, theirs)


def differences(f, array, h=1e-6):
    """dL/d(array) by central differences: (f(a + h) - f(a - h))/2h for every number. f reads `array` itself."""
    grad = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + h
        above = f()
        array[index] = kept - h
        grad[index] = (above - f()) / (2 * h)
        array[index] = kept
    return grad


def check_differences(layer, x, rng):
    """The gradients of Σ g·y against central differences, for the input and every parameter."""
    g = rng.standard_normal(layer.forward(x).shape)
    layer.zero_grad()
    layer.forward(x)
    dx = layer.backward(g)

    def loss():
        return float((layer.forward(x) * g).sum())

    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-6, atol=1e-7)
    for key, param in layer.params.items():
        np.testing.assert_allclose(param.grad, differences(loss, param.data), rtol=1e-6, atol=1e-7, err_msg=key)
