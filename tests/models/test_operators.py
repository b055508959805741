"""Differences and schemes have the order that they claim, and are exact where they say so."""

import math
from itertools import pairwise

import pytest
import torch

from tessera.errors import ConfigError, DataError
from tessera.models.operators import INTEGRATORS, advection, gradient, laplacian


def quadratic(height, width, spacing, *, linear=False):
    """Return a polynomial in cell centres, its derivatives along y and x, and its Laplacian."""
    y = spacing * torch.arange(height, dtype=torch.float64)[:, None]
    x = spacing * torch.arange(width, dtype=torch.float64)[None]
    bent = 0.0 if linear else 1.0
    value = 1.0 + 2.0 * y - 3.0 * x + bent * (0.5 * y * y - 2.0 * x * x + y * x)
    down, right = 2.0 + bent * (y + x), -3.0 + bent * (-4.0 * x + y)
    return value, down.expand_as(value), right.expand_as(value), torch.full_like(value, -3.0 * bent)


def waves(cells):
    """Return the spacing of cells across a square, a smooth field, its derivatives and its Laplacian."""
    spacing = 1.0 / cells
    centre = spacing * (torch.arange(cells, dtype=torch.float64) + 0.5)
    y, x = 2.0 * centre[:, None], 3.0 * centre[None]
    value = torch.sin(y) * torch.cos(x)
    return spacing, value, 2.0 * torch.cos(y) * torch.cos(x), -3.0 * torch.sin(y) * torch.sin(x), -13.0 * value


def inside(value):
    return value[..., 1:-1, 1:-1]


def orders(errors):
    """Return the orders of convergence that errors at halved steps show."""
    return [math.log2(float(coarse) / float(fine)) for coarse, fine in pairwise(errors)]


@pytest.mark.parametrize("spacing", [1.0, 0.25, 7e-8])
def test_differences_are_exact_for_straight_fields_up_to_the_border(spacing):
    value, down, right, flat = quadratic(5, 7, spacing, linear=True)
    for got, expected in zip(gradient(value, spacing), (down, right), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=0.0)
    size = value.abs().max() / spacing**2
    torch.testing.assert_close(laplacian(value, spacing) / size, flat, rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("spacing", [1.0, 0.25])
def test_differences_are_exact_for_quadratic_fields_inside_alone(spacing):
    value, down, right, bent = quadratic(6, 8, spacing)
    for got, expected in zip((*gradient(value, spacing), laplacian(value, spacing)), (down, right, bent), strict=True):
        torch.testing.assert_close(inside(got), inside(expected), rtol=1e-10, atol=1e-10)
        assert not torch.allclose(got, expected)


def test_differences_are_of_second_order():
    errors = []
    for cells in (16, 32, 64):
        spacing, value, *exact = waves(cells)
        found = (*gradient(value, spacing), laplacian(value, spacing))
        errors.append([inside(got - wanted).abs().max() for got, wanted in zip(found, exact, strict=True)])
    for errors_of_one in zip(*errors, strict=True):
        assert orders(errors_of_one) == pytest.approx([2.0, 2.0], abs=0.2)


def test_derivatives_are_of_first_order_at_the_border():
    errors = []
    for cells in (16, 32, 64):
        spacing, value, down, _, _ = waves(cells)
        errors.append((gradient(value, spacing)[0] - down)[-1].abs().max())
    assert orders(errors) == pytest.approx([1.0, 1.0], abs=0.2)


def test_advection_is_of_second_order_in_a_flow_that_varies():
    errors = []
    for cells in (16, 32, 64):
        spacing, value, down, right, _ = waves(cells)
        velocity_y, velocity_x = value.cos()[None, None], (2.0 * value)[None, None]
        got = advection(torch.stack([value, 3.0 * value])[None], velocity_y, velocity_x, spacing)
        exact = velocity_y * down + velocity_x * right
        errors.append(inside(got - torch.cat([exact, 3.0 * exact], 1)).abs().max())
    assert orders(errors) == pytest.approx([2.0, 2.0], abs=0.2)


def test_each_velocity_carries_along_its_own_axis():
    value, down, right, _ = quadratic(5, 7, 1.0, linear=True)
    fields, one, none = value[None, None], torch.ones(1, 1, 5, 7), torch.zeros(1, 1, 5, 7)
    torch.testing.assert_close(advection(fields, one, none, 1.0)[0, 0], down)
    torch.testing.assert_close(advection(fields, none, one, 1.0)[0, 0], right)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_a_single_row_has_no_derivative(shape):
    with pytest.raises(DataError, match="at least two cells along each axis"):
        gradient(torch.zeros(1, 1, *shape), 1.0)


def test_forward_differences_are_to_the_next_cell_and_zero_at_the_last():
    fields = torch.tensor([[1.0, 4.0, 9.0], [2.0, 6.0, 7.0]])
    down, right = gradient(fields, 0.5, "forward")
    assert down.tolist() == [[2.0, 4.0, -4.0], [0.0, 0.0, 0.0]]
    assert right.tolist() == [[6.0, 10.0, 0.0], [8.0, 2.0, 0.0]]


def test_the_forward_laplacian_is_the_difference_of_differences():
    fields = torch.tensor([[1.0, 4.0, 9.0], [2.0, 6.0, 7.0]])
    # along y (1, 2, -2), (0, 0, 0): differences (-1, -2, 2), 0; along x (3, 5, 0), (4, 1, 0): (2, -5, 0), (-3, -1, 0)
    assert laplacian(fields, 1.0, "forward").tolist() == [[1.0, -7.0, 2.0], [-3.0, -1.0, 0.0]]
    assert laplacian(fields, 0.5, "forward").tolist() == [[4.0, -28.0, 8.0], [-12.0, -4.0, 0.0]]


def test_a_forward_laplacian_is_the_central_one_of_a_cell_further_on():
    line = torch.arange(9, dtype=torch.float64) ** 3
    for value in (line[None].expand(3, 9), line[:, None].expand(9, 3)):
        ahead, central = (laplacian(value, 1.0, name).flatten().unique() for name in ("forward", "central"))
        assert ahead.tolist() == [-169.0, 0.0, *range(6, 43, 6)] and central.tolist() == [*range(0, 43, 6)]


def test_advection_takes_the_differences_that_it_is_told():
    value = quadratic(5, 7, 1.0)[0][None, None]
    velocity_y, velocity_x = value.cos(), value.sin()
    down, right = gradient(value, 0.5, "forward")
    got = advection(value, velocity_y, velocity_x, 0.5, "forward")
    torch.testing.assert_close(got, velocity_y * down + velocity_x * right)


@pytest.mark.parametrize("ask", [gradient, laplacian])
def test_unknown_differences_are_refused(ask):
    with pytest.raises(ConfigError, match="differences: expected one of central, forward, got 'upwind'"):
        ask(torch.zeros(3, 3), 1.0, "upwind")


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_an_integrator_has_its_order_on_a_nonlinear_system(name, order):
    def rate(pair):  # u' = u v, v' = -v: u = exp(1 - exp(-t)), v = exp(-t)
        return torch.stack([pair[0] * pair[1], -pair[1]])

    errors = []
    for steps in (8, 16, 32):
        pair = torch.ones(2, dtype=torch.float64)
        for _ in range(steps):
            pair = pair + INTEGRATORS[name](rate, pair, 1.0 / steps) / steps
        errors.append(abs(float(pair[0]) - math.exp(1.0 - math.exp(-1.0))))
    assert orders(errors) == pytest.approx([order, order], abs=0.25)


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_a_step_of_growth_is_the_exponential_series_to_its_order(name, order):
    start = torch.tensor(2.0, dtype=torch.float64)
    series = sum(0.3**n / math.factorial(n) for n in range(order + 1))
    later = start + 0.1 * INTEGRATORS[name](lambda u: 3.0 * u, start, 0.1)
    assert float(later) == pytest.approx(2.0 * series, rel=1e-14)
