"""A Fourier neural operator in pixel space, of the package neuraloperator: the rival that every reviewer asks for.

Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021, arXiv:2010.08895;
layers of neuraloperator 2.0, which is imported when a network is built. Three things are done for its layers:

- A frame is not periodic, so lifted channels lie between zeros as wide as a part of the frame, as the package's own
  domain padding has them; here both sizes also become even. In 2.0.0 a spectral layer shifts its waves back by
  `fftshift`, which on an odd number of rows is no inverse (pull request 688 of neuraloperator, after that release).
- Complex weights are kept as pairs of real numbers, the only kind that averages of gradients and of weights know.
- The answer is a change that is added to the state and starts at zero.

A wave is one of so many per padded window, not one of a length: on a window of another size the same weights are
another operator, and the zeros beside a narrower one are narrower. Any size is answered, but what was learned on whole
frames holds on frames of that size, whatever their resolution.
"""

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tessera.errors import ConfigError
from tessera.models.state import State, join, split

PACKAGE = "neuralop"


class FNO(nn.Module):
    """Advance a state by one snapshot.

    Parameters
    ----------
    fields
        Names of the fields.
    modes
        Waves that a spectral layer mixes along y and along x, counted in both directions: even numbers. A window
        with fewer waves than that uses the longest ones alone.
    width
        Channels of the layers.
    layers
        Number of spectral layers.
    padding
        Zeros on each side over the size of the window, from 0 to 1.

    Raises
    ------
    ConfigError
        A number is out of its range, or the package is missing.
    """

    def __init__(
        self, *, fields: Sequence[str], modes: Sequence[int], width: int, layers: int, padding: float = 0.125
    ) -> None:
        super().__init__()
        if len(modes) != 2 or any(count < 2 or count % 2 for count in modes):
            raise ConfigError(f"modes: expected two even numbers, along y and along x, got {list(modes)}")
        if width < 2 or layers < 1:
            raise ConfigError(f"width, layers: expected two and one at least, got {width} and {layers}")
        if not 0.0 <= padding <= 1.0:
            raise ConfigError(f"padding: expected a part from 0 to 1, got {padding}")
        self.arguments: dict[str, Any] = {
            "fields": list(fields),
            "modes": list(modes),
            "width": width,
            "layers": layers,
            "padding": padding,
        }
        self.fields, self.padding = tuple(fields), padding
        net = package().FNO(
            n_modes=tuple(modes),
            in_channels=len(self.fields),
            out_channels=len(self.fields),
            hidden_channels=width,
            n_layers=layers,
            positional_embedding=None,  # a window does not know where it lies
        )
        self.lifting, self.blocks, self.projection = net.lifting, net.fno_blocks, net.projection
        for layer in self.blocks.convs:
            layer.weight = Pairs(layer.weight.to_tensor().detach())
        last = self.projection.fcs[-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, state: State) -> State:
        """Return the state one snapshot later.

        Parameters
        ----------
        state
            Scaled fields of shape (batch, y, x) of any size.

        Raises
        ------
        DataError
            A field is missing.
        """
        now = join(state, self.fields).contiguous()
        return split(now + self._change(now), self.fields)

    def _change(self, x: Tensor) -> Tensor:
        (height, above), (width, left) = ((size, round(self.padding * size)) for size in x.shape[-2:])
        x = F.pad(self.lifting(x), (left, left + width % 2, above, above + height % 2))
        for index in range(self.arguments["layers"]):
            x = self.blocks(x, index)
        return self.projection(x[..., above : above + height, left : left + width])


class Pairs(nn.Module):
    """Complex weights as a parameter of pairs of real numbers; a spectral layer takes its waves by index."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.pairs = nn.Parameter(torch.view_as_real(weights).clone())

    def __getitem__(self, waves: Any) -> Tensor:
        return torch.view_as_complex(self.pairs)[waves]


def package() -> Any:
    """Return the models of the package neuraloperator.

    While it is imported, the filters of warnings are its own: it sets some for the whole process.

    Raises
    ------
    ConfigError
        It is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(f"{PACKAGE}.models")
    except ImportError as error:
        got = "none" if error.name and error.name.partition(".")[0] == PACKAGE else f"one without {error.name}"
        raise ConfigError(f"fno: expected the package neuraloperator, got {got}; pip install 'tessera[fno]'") from None


__all__ = ["FNO"]
