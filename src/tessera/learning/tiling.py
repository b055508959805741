"""Mosaics of any size with bounded memory: fields become tokens, and tokens fields, in overlapping tiles.

A convolution knows as far as its kernels reach. A tile is cut with that much more on every side that lies inside the
domain, and what the cut could reach is thrown away, so that tiles say what the whole at once would. At the border of
the domain nothing is cut: there lies what the network itself puts beyond it.
"""

import math
from collections.abc import Iterator, Sequence
from functools import singledispatch
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tessera.errors import ConfigError
from tessera.models.layers import ChannelNorm, ConvNeXtBlock, Double
from tessera.models.state import Latents, State, Token
from tessera.models.tessera import Tokenizers
from tessera.models.tokenizer import Encoder, Tokenizer

MEMORY = 2**30  # that encoding or decoding at once may take before it is done in tiles [byte]
SAMPLE = 4  # tokens along each side of the field that tells what a cell takes


class Span(NamedTuple):
    """A tile along one axis, in tokens: what it answers for, and what it has to see for that."""

    start: int
    stop: int
    first: int
    last: int


def encode(model: Tokenizers, state: State, tile: int | None) -> Latents:
    """Return the tokens of scaled fields (batch, y, x), as `Tokenizers.encode` does.

    Parameters
    ----------
    model, state
        The model, and fields whose sizes are multiples of its downsampling.
    tile
        Cells along a side of a tile, without what it sees beyond; None: all at once.

    Raises
    ------
    ConfigError
        A tile is smaller than a token.
    """
    if tile is None:
        return model.encode(state)
    side, unit = _tokens(tile, model.downsampling), model.downsampling
    found: dict[str, Token] = {}
    for name, tokenizer in _tokenizers(model):
        halo = _halo(tokenizer.encoder, unit)
        field, parts = state[name], []
        for rows, columns in _spans([size // unit for size in field.shape[-2:]], side, halo):
            token = tokenizer.encode(field[..., _cells(rows, unit), _cells(columns, unit)])
            parts.append((rows, columns, token))
        sizes = [size // unit for size in field.shape[-2:]]
        means = _laid(sizes, 1, ((rows, columns, token.mean) for rows, columns, token in parts))
        log_vars = _laid(sizes, 1, ((rows, columns, _known(token.log_var)) for rows, columns, token in parts))
        found[name] = Token(means, log_vars)
    return found


def decode(model: Tokenizers, latents: Latents, tile: int | None, fields: Sequence[str] | None = None) -> State:
    """Return the scaled fields (batch, y, x) that the means of tokens say, as `Tokenizers.decode` does.

    Parameters
    ----------
    model, latents
        The model and its tokens.
    tile
        Cells along a side of a tile, without what it sees beyond; None: all at once.
    fields
        Those wanted; None for all.

    Raises
    ------
    ConfigError
        A tile is smaller than a token.
    """
    if tile is None:
        return model.decode(latents, fields)
    side, unit = _tokens(tile, model.downsampling), model.downsampling
    found: State = {}
    for name, tokenizer in _tokenizers(model):
        if fields is not None and name not in fields:
            continue
        mean = latents[name].mean
        halo, sizes = reach(tokenizer.decoder), list(mean.shape[-2:])
        found[name] = _laid(
            sizes,
            unit,
            (
                (rows, columns, tokenizer.decode(mean[..., rows.first : rows.last, columns.first : columns.last]))
                for rows, columns in _spans(sizes, side, halo)
            ),
        )
    return found


def automatic(model: Tokenizers, sizes: Sequence[int]) -> int | None:
    """Return the side of a tile that takes at most `MEMORY` [cells]; None where all of (y, x) cells fit at once."""
    _, tokenizer = next(_tokenizers(model))
    taken, unit = appetite(tokenizer), model.downsampling
    if taken * math.prod(sizes) <= MEMORY:
        return None
    seen = max(_halo(tokenizer.encoder, unit), reach(tokenizer.decoder))
    return max(1, math.isqrt(int(MEMORY / taken)) // unit - 2 * seen) * unit


def appetite(tokenizer: Tokenizer) -> float:
    """Return about what encoding or decoding takes per cell [byte]: twice what its hungriest layer reads and writes."""
    with torch.device("meta"):
        like = Tokenizer(**tokenizer.arguments)
    sizes: list[int] = []

    def weigh(_layer: nn.Module, given: tuple[Tensor, ...], answer: object) -> None:
        sizes.extend(given[0].numel() + one.numel() for one in [answer] if isinstance(one, Tensor))

    for layer in like.modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_hook(weigh)
    side = SAMPLE * tokenizer.downsampling
    like.decode(like.encode(torch.empty(1, side, side, device="meta")).mean)
    return 2.0 * 4.0 * max(sizes) / side**2


@singledispatch
def reach(layer: nn.Module, beyond: int = 0) -> int:  # noqa: ARG001 - all that is registered does
    """Return how far beyond an edge a layer must see, in its own input's cells.

    Parameters
    ----------
    layer
        A layer or a row of them; the edge lies between two cells of its coarsest resolution.
    beyond
        How far beyond the edge its answer is wanted, in cells of its answer.

    Raises
    ------
    ConfigError
        Nobody said how far this layer reaches.
    """
    raise ConfigError(f"tiles: expected layers whose reach is known, got {type(layer).__name__}")


@reach.register(nn.LeakyReLU)
@reach.register(ChannelNorm)
def _alone(_layer: nn.Module, beyond: int = 0) -> int:
    return beyond


@reach.register(nn.Sequential)
def _row(layer: nn.Sequential, beyond: int = 0) -> int:
    for part in reversed(layer):
        beyond = reach(part, beyond)
    return beyond


@reach.register(nn.Conv2d)
def _convolved(layer: nn.Conv2d, beyond: int = 0) -> int:
    return beyond + layer.kernel_size[0] // 2


@reach.register(ConvNeXtBlock)
def _block(layer: ConvNeXtBlock, beyond: int = 0) -> int:
    return reach(layer.depthwise, beyond)


@reach.register(Encoder)
def _encoder(layer: Encoder, beyond: int = 0) -> int:
    return reach(layer.trunk, max(reach(layer.mean, beyond), reach(layer.log_var, beyond)))


@reach.register(nn.MaxPool2d)
def _pooled(layer: nn.MaxPool2d, beyond: int = 0) -> int:
    return beyond * int(layer.kernel_size)  # type: ignore[arg-type]


@reach.register(nn.PixelUnshuffle)
def _folded(layer: nn.PixelUnshuffle, beyond: int = 0) -> int:
    return beyond * layer.downscale_factor


@reach.register(nn.PixelShuffle)
def _unfolded(layer: nn.PixelShuffle, beyond: int = 0) -> int:
    return -(-beyond // layer.upscale_factor)


@reach.register(Double)
def _doubled(_layer: Double, beyond: int = 0) -> int:
    return beyond // 2 + 1  # a fine cell lies between the centres of its own coarse cell and of the next


def _halo(encoder: Encoder, unit: int) -> int:
    """Return how many tokens beyond an edge an encoder must see."""
    return -(-reach(encoder) // unit)


def _tokens(tile: int, unit: int) -> int:
    if tile < unit:
        raise ConfigError(f"tile: expected at least a token of {unit} cells, got {tile}")
    return tile // unit


def _tokenizers(model: Tokenizers) -> Iterator[tuple[str, Tokenizer]]:
    for name in model.fields:
        tokenizer = model.tokenizers[name]
        assert isinstance(tokenizer, Tokenizer)
        yield name, tokenizer


def _spans(sizes: Sequence[int], side: int, halo: int) -> Iterator[tuple[Span, Span]]:
    """Yield rows and columns of every tile of a mosaic of (y, x) tokens."""
    axes = [
        [
            Span(start, min(start + side, size), max(start - halo, 0), min(start + side + halo, size))
            for start in range(0, size, side)
        ]
        for size in sizes
    ]
    yield from product(axes[0], axes[1])


def _cells(span: Span, unit: int) -> slice:
    return slice(span.first * unit, span.last * unit)


def _laid(sizes: Sequence[int], unit: int, parts: Iterator[tuple[Span, Span, Tensor]]) -> Tensor:
    """Return the mosaic (..., y, x) of what tiles answer for, of so many tokens and cells per token."""
    whole: Tensor | None = None
    for rows, columns, part in parts:
        if whole is None:
            whole = part.new_empty((*part.shape[:-2], *(size * unit for size in sizes)))
        inner = [slice((span.start - span.first) * unit, (span.stop - span.first) * unit) for span in (rows, columns)]
        outer = [slice(span.start * unit, span.stop * unit) for span in (rows, columns)]
        whole[..., outer[0], outer[1]] = part[..., inner[0], inner[1]]
    return _known(whole)


def _known(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor


__all__ = ["appetite", "automatic", "decode", "encode", "reach"]
