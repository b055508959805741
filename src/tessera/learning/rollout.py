"""One interface for all models that predict: begin with a state, advance a carry, show it as a state.

The carry is what a model hands on from snapshot to snapshot: the state itself for a model in pixel
space, the tokens for one in latent space. Training, validation and prediction roll out the same way.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from tessera.data.fields import HELD
from tessera.learning import tiling
from tessera.learning.frames import Bounds
from tessera.models.latentparc import STRIDE, LatentPARC
from tessera.models.state import Latents, State, Token
from tessera.models.tessera import Tessera, Tokenizers

Carry = dict[str, Tensor]
INLET = 4
LOG_VARIANCE = ":log_var"
LATENT = "latent"


class Emulator(Protocol):
    """What rolls out.

    Attributes
    ----------
    unit
        Cells per column of a carry.
    hold_inlet
        Whether the first columns, which the inflow keeps as they are, stay as they were at the start.
    """

    unit: int
    hold_inlet: bool

    def begin(self, state: State) -> Carry:
        """Return the carry of a state."""

    def advance(self, carry: Carry) -> Carry:
        """Return the carry one snapshot later."""

    def show(self, carry: Carry) -> State:
        """Return the state that a carry stands for."""


class Pixels:
    """A model in pixel space.

    Parameters
    ----------
    advance
        From a state to the next.
    bounds
        What a state is kept inside before each step, so that a roll-out cannot run away.
    """

    unit = 1
    hold_inlet = True

    def __init__(self, advance: Callable[[State], State], bounds: Bounds) -> None:
        self._advance, self._bounds = advance, bounds

    def begin(self, state: State) -> Carry:
        """Return the state."""
        return state

    def advance(self, carry: Carry) -> Carry:
        """Return the next state."""
        return held(carry, self._advance(self._bounds.clamp(carry)))

    def show(self, carry: Carry) -> State:
        """Return the state."""
        return carry


class Tokens:
    """A model in latent space.

    Parameters
    ----------
    step
        From latents to the next.
    model
        What encodes and decodes; None where latents alone are learned.
    unit
        Cells per token along an axis.
    variances
        Whether log-variances are carried too.
    hold
        Whether fields that never change are kept as they are; not where one of them is all that is learned.
    hold_inlet
        Whether tokens beside the inlet are kept as they are.
    tile
        Cells along a side of the tiles in which states are encoded and decoded; None: all at once.
    """

    def __init__(
        self,
        step: Callable[[Latents], Latents],
        model: Tokenizers | None,
        unit: int,
        variances: bool,
        hold: bool = True,
        hold_inlet: bool = True,
        tile: int | None = None,
    ) -> None:
        self._step, self._model, self.unit, self.variances, self._hold = step, model, unit, variances, hold
        self.hold_inlet, self._tile = hold_inlet, tile

    def begin(self, state: State) -> Carry:
        """Return the tokens of a state; their encoder does not learn here."""
        assert self._model is not None
        with torch.no_grad():
            return carry(tiling.encode(self._model, state, self._tile), self.variances)

    def draw(self, state: State, generator: Generator) -> Carry:
        """Return tokens drawn from what the encoder says about a state."""
        assert self._model is not None
        with torch.no_grad():
            drawn = self._model.sample(tiling.encode(self._model, state, self._tile), generator)
            return carry(drawn, self.variances)

    def advance(self, carried: Carry) -> Carry:
        """Return the next tokens."""
        later = carry(self._step(latents(carried)), self.variances)
        return held(carried, later) if self._hold else later

    def show(self, carried: Carry, fields: Sequence[str] | None = None) -> State:
        """Return the decoded means of some fields, or of all."""
        assert self._model is not None
        return tiling.decode(self._model, latents(carried), self._tile, fields)

    def show_drawn(
        self, carried: Carry, generator: Generator | None = None, fields: Sequence[str] | None = None
    ) -> State:
        """Return decoded tokens that are drawn from their distribution, by torch's own chance unless told."""
        assert self._model is not None
        return tiling.decode(self._model, self._model.sample(latents(carried), generator), self._tile, fields)


def carry(tokens: Latents, variances: bool) -> Carry:
    """Return the numbers of latents by name."""
    found = {name: token.mean for name, token in tokens.items()}
    if variances:
        for name, token in tokens.items():
            assert token.log_var is not None
            found[name + LOG_VARIANCE] = token.log_var
    return found


def latents(carried: Carry) -> Latents:
    """Return the latents that a carry names."""
    means = [name for name in carried if not name.endswith(LOG_VARIANCE)]
    return {name: Token(carried[name], carried.get(name + LOG_VARIANCE)) for name in means}


def held(before: Carry, after: Carry) -> Carry:
    """Return the later carry with what never changes as it was before."""
    return after | {name: value for name, value in before.items() if name.removesuffix(LOG_VARIANCE) in HELD}


class Inflow(NamedTuple):
    """The first columns of a carry, which the inflow keeps as they are, where a sample begins at the inlet.

    Attributes
    ----------
    columns
        The columns, of shape (batch, ..., y, few).
    inlet
        Which samples begin at the inlet, bool of shape (batch,).
    """

    columns: Carry
    inlet: Tensor

    def keep(self, carried: Carry) -> Carry:
        """Return the carry with the columns put back."""
        kept = {}
        for name, now in carried.items():
            first = self.columns[name]
            wide = first.shape[-1]
            at = self.inlet.view(-1, *[1] * (now.dim() - 1))
            kept[name] = torch.cat([torch.where(at, first, now[..., :wide]), now[..., wide:]], dim=-1)
        return kept


def inflow(emulator: Emulator, carried: Carry, inlet: Tensor | None = None) -> Inflow:
    """Return the inflow of a carry, no columns where none are held; all samples begin at the inlet unless told."""
    wide = max(1, INLET // emulator.unit) if emulator.hold_inlet else 0
    first = next(iter(carried.values()))
    if inlet is None:
        inlet = torch.ones(first.shape[0], dtype=torch.bool, device=first.device)
    return Inflow({name: now[..., :wide] for name, now in carried.items()}, inlet)


def roll(emulator: Emulator, carried: Carry, steps: int, fed: Inflow | None = None) -> Iterator[Carry]:
    """Yield the carry after 1, 2, ... snapshots."""
    for _ in range(steps):
        carried = emulator.advance(carried)
        if fed is not None:
            carried = fed.keep(carried)
        yield carried


class Latent:
    """A model that has one latent of all fields.

    Parameters
    ----------
    model
        Encodes, steps and decodes.
    bounds
        What a shown state is kept inside; latents have no bounds.
    """

    hold_inlet = True
    unit = STRIDE

    def __init__(self, model: LatentPARC, bounds: Bounds) -> None:
        self._model, self._bounds = model, bounds

    def begin(self, state: State) -> Carry:
        """Return the latent of a state whose sizes `unit` divides."""
        return {LATENT: self._model.encode(state)}

    def advance(self, carry: Carry) -> Carry:
        """Return the next latent."""
        return {LATENT: self._model.step(carry[LATENT])}

    def show(self, carry: Carry) -> State:
        """Return the decoded state."""
        return self._bounds.clamp(self._model.decode(carry[LATENT]))


def of_model(model: Tessera, tile: int | None = None) -> Tokens:
    """Return the emulator of a latent model, which encodes and decodes in tiles if their side is given [cells]."""
    kept = model.hold_inlet
    return Tokens(model.step, model, model.downsampling, model.probabilistic, hold_inlet=kept, tile=tile)


def emulator(
    model: torch.nn.Module, bounds: Bounds, *, cells: Sequence[int] | None = None, tile: int | None = None
) -> Pixels | Latent | Tokens:
    """Return the emulator of a model.

    Parameters
    ----------
    model, bounds
        The model, and what a state in pixel space is kept inside.
    cells
        Of the domain (y, x), by which tiles are chosen for tokens where none are given.
    tile
        Cells along a side of these tiles.
    """
    if isinstance(model, Tessera):
        if tile is None and cells is not None:
            tile = tiling.automatic(model, cells)
        return of_model(model, tile)
    if isinstance(model, LatentPARC):
        return Latent(model, bounds)
    return Pixels(model, bounds)


__all__ = [
    "Carry",
    "Emulator",
    "Inflow",
    "Latent",
    "Pixels",
    "Tokens",
    "carry",
    "emulator",
    "held",
    "inflow",
    "latents",
    "of_model",
    "roll",
]
