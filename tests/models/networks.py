"""What tests of networks share: counting, shaking weights awake, finding dead ones, overfitting."""

import torch
from torch import nn

from tessera.models import build


def count(module):
    """Return the number of learned numbers."""
    return sum(parameter.numel() for parameter in module.parameters())


def counted(kind, arguments):
    """Return a network of published size without memory for its weights."""
    with torch.device("meta"):
        return build(kind, arguments)


def awake(module, seed=0, size=0.1):
    """Return the module with noise on all weights, so that nothing answers zero because it starts there."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)
    return module


def drawn(*shape, seed=0):
    """Return standard normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def state(fields, *shape, seed=0):
    """Return a random state of fields (batch, y, x)."""
    return {name: drawn(*shape, seed=seed + n) for n, name in enumerate(fields)}


def dead(module, answer, least=1e-9):
    """Return the names of parameters that the gradient of a random functional of the answer leaves out.

    A gradient below `least` of the largest one is rounding; double precision tells the two apart.
    """
    module.zero_grad(set_to_none=True)
    sum((value * drawn(*value.shape, seed=7 + n)).sum() for n, value in enumerate(answer)).backward()
    sizes = {
        name: 0.0 if parameter.grad is None else float(parameter.grad.abs().max())
        for name, parameter in module.named_parameters()
    }
    return [name for name, size in sizes.items() if size <= least * max(sizes.values())]


def overfit(module: nn.Module, loss, updates=150, rate=3e-3):
    """Return the loss before and after many updates on one batch."""
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    losses = []
    for _ in range(updates):
        optimizer.zero_grad()
        error = loss()
        error.backward()
        optimizer.step()
        losses.append(float(error.detach()))
    return losses[0], losses[-1]
