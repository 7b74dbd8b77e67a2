import pytest
import torch

from triangle_cli.construction.triangle import waves
from triangle_cli.fit.starts.zigzag import bend_quantiles, draw_kinks, fold, zigzag
from triangle_cli.regions import count_regions

X = torch.linspace(0, 1, 500, dtype=torch.float64)


def folded(kinks, u):
    for layer in kinks.unbind(1):
        ramps, coefficients = fold(u, layer)
        u = (coefficients.unsqueeze(2) * ramps).sum(1)
    return u


def test_one_kink_folds_as_the_papers_triangle():
    peaks = torch.tensor([[0.3, 0.6, 0.45]], dtype=torch.float64)
    torch.testing.assert_close(folded(peaks.unsqueeze(2), X.expand(1, -1)), waves(X, peaks)[-1])


def test_a_fold_climbs_and_falls_between_its_kinks():
    corners = torch.tensor([[0.0, 0.2, 0.7, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[0.0, 1.0, 0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(folded(corners[:, 1:-1].unsqueeze(1), corners), expected)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_even_kinks_interpolate_x2_at_every_knot(depth):
    pieces = 3**depth
    x = torch.linspace(0, 1, pieces + 1, dtype=torch.float64)
    kinks = torch.tensor([1 / 3, 2 / 3], dtype=torch.float64).expand(1, depth, 2)
    network = zigzag(kinks, x, x**2, (0.0, 1.0))
    fine = torch.linspace(0, 1, 10 * pieces + 1, dtype=torch.float64)
    error = network(fine)[0] - fine**2
    assert error[::10].abs().max().item() < 1e-8
    assert error.max().item() == pytest.approx(1 / (4 * pieces**2), rel=1e-4)  # halfway between two knots


@pytest.mark.parametrize(("depth", "width"), [(1, 4), (2, 4), (3, 4), (2, 5), (4, 3)])
def test_the_regions_are_as_many_as_the_folds_make(depth, width):
    kinks = draw_kinks(X, X**3, depth, width - 2, seed=0, restarts=8)
    network = zigzag(kinks, X, X**3, (0.0, 1.0))
    counts = count_regions(network.weights, network.biases, (0.0, 1.0))
    assert {layer.shape[1] for layer in network.layers[:-1]} == {width}
    assert (torch.as_tensor(counts.linear_regions) >= (width - 1) ** depth).all()


def test_a_start_is_near_its_target_whatever_the_scale_and_the_interval():
    kinks = draw_kinks(X, X**3, 5, 2, seed=0, restarts=20)
    start = zigzag(kinks, X, X**3, (0.0, 1.0))
    x, y = 3 + 5 * X, 1e6 * X**3 - 4
    moved = zigzag(draw_kinks(x, y, 5, 2, seed=0, restarts=20), x, y, (3.0, 8.0))
    errors = (start(X) - X**3).square().mean(1)
    assert (errors < 1e-3).all()
    torch.testing.assert_close((moved(x) - y).square().mean(1) / 1e12, errors, rtol=1e-3, atol=0)


def test_a_restart_is_the_same_however_many_there_are():
    few, many = (draw_kinks(X, X**3, 4, 2, seed=3, restarts=count) for count in (2, 9))
    torch.testing.assert_close(few, many[:2])


def test_knots_gather_where_the_target_bends():
    quantiles = bend_quantiles(X, X**11, 1000)
    expected = ((torch.arange(1000) + 0.5) / 1000).double() ** (1 / 4.6)  # |f''|^0.4 goes as x^3.6
    assert (quantiles - expected).abs().max().item() < 2e-3


def test_knots_of_a_straight_line_are_even():
    expected = ((torch.arange(10) + 0.5) / 10).double()
    torch.testing.assert_close(bend_quantiles(X, torch.zeros_like(X), 10), expected)


def test_knots_of_two_points_are_even():
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    expected = ((torch.arange(10) + 0.5) / 10).double()
    torch.testing.assert_close(bend_quantiles(ends, ends, 10), expected)


def test_a_start_passes_near_fewer_points_than_it_has_coefficients():
    x = torch.linspace(0, 1, 10, dtype=torch.float64)
    start = zigzag(draw_kinks(x, x**3, 5, 2, seed=0, restarts=20), x, x**3, (0.0, 1.0))
    assert ((start(x) - x**3).abs().amax(1) < 0.05).all()


def test_float32_data_give_a_float32_network():
    x, y = X.float(), X.float() ** 3
    start = zigzag(draw_kinks(x, y, 5, 2, seed=0, restarts=20), x, y, (0.0, 1.0))
    assert start.flatten().dtype == torch.float32
    assert ((start(x) - y).square().mean(1) < 1e-3).all()


def test_a_width_without_a_kink_is_refused():
    with pytest.raises(ValueError, match="width=2"):
        draw_kinks(X, X**3, 5, 0, seed=0, restarts=1)
