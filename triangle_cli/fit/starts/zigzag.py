"""A start for second-order training: zigzags of three pieces per layer instead of triangles of two.

The paper's network spends one of its four neurons on a constant. Layers with biases of their own can spend it
on a second kink: neurons (sum, u, u - a, u - b) fold [0, 1] into three pieces, and d layers into 3^d. In
general a width of w gives w - 2 kinks per layer and (w - 1)^d pieces; w = 3 is the paper's triangle.

    Z_0 = Z(u; k_0),  Z_i = Z(Z_{i-1}; k_i)          Z climbs 0 -> 1, falls 1 -> 0, ... between its kinks k
    y = offset + slope u + sum_i sum_j c_ij relu(Z_{i-1} - k_ij)

The output is linear in offset, slope and c: they are fitted by least squares. The kinks are drawn at random
quantiles of where the target bends. The best knots of a piecewise linear fit have a density in proportion to
|f''|^(2/5) (de Boor, A Practical Guide to Splines, chapter XII); each fold maps knots onto knots, so this
density is pushed through the folds already chosen.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.construction.triangle import fold_interval
from triangle_cli.fit.functions import Target
from triangle_cli.fit.starts import start
from triangle_cli.fit.starts.streams import streams
from triangle_cli.settings.require import require
from triangle_cli.settings.run import FitSettings
from triangle_cli.training.least_squares import least_squares, parts
from triangle_cli.training.problem import Points

KNOTS = 1000  # particles that stand for the density of knots
EVENNESS = 1.0  # what is added to the uniform draws of the shares between kinks: 0 is wild, 100 even
RIDGE = 1e-10  # relative, for kinks that no sample point tells apart


def fold(u: Tensor, kinks: Tensor) -> tuple[Tensor, Tensor]:
    """The zigzag with these kinks as `sum_j coefficient_j ramp_j`, ramp_j = relu(u - k_j), k_0 = 0.

    u: (R, n) in [0, 1]; kinks: (R, K), ascending in (0, 1). Returns ramps (R, K + 1, n), the first u itself, and
    coefficients (R, K + 1).
    """
    starts = torch.cat([torch.zeros_like(kinks[:, :1]), kinks], 1)
    widths = torch.cat([kinks, torch.ones_like(kinks[:, :1])], 1) - starts
    signs = 1.0 - 2.0 * (torch.arange(starts.shape[1], dtype=kinks.dtype, device=kinks.device) % 2)
    slopes = signs / widths
    coefficients = torch.cat([slopes[:, :1], slopes.diff(dim=1)], 1)
    return (u.unsqueeze(1) - starts.unsqueeze(2)).relu(), coefficients


def folded(ramps: Tensor, coefficients: Tensor) -> Tensor:
    """The zigzag that `fold` describes, (R, n), summed in order."""
    total = torch.zeros_like(ramps[:, 0])
    for ramp, coefficient in zip(ramps.unbind(1), coefficients.T.unsqueeze(2)):
        total = total + coefficient * ramp
    return total


def bend_quantiles(x: Tensor, y: Tensor, count: int) -> Tensor:
    """`count` values of u in [0, 1] spread as the best knots for y (n,) at x (n,), ascending, would be.

    u = (x - x_0) / (x_n - x_0). Where y is straight throughout, the values are even.
    """
    wanted = (torch.arange(count, dtype=x.dtype, device=x.device) + 0.5) / count
    if len(x) < 3:
        return wanted
    u = (x - x[0]) / (x[-1] - x[0])
    slopes = y.diff() / u.diff()  # (n - 1,)
    middles = (u[1:] + u[:-1]) / 2
    bend = (slopes.diff() / middles.diff()).abs().pow(0.4)  # (n - 2,), at u[1:-1]
    bend = torch.cat([bend[:1], (bend[1:] + bend[:-1]) / 2, bend[-1:]])  # (n - 1,), at the middles
    mass = bend * u.diff() + 1e-9 * bend.sum().clamp(min=1e-30) * u.diff()
    reached = torch.cat([mass.new_zeros(1), mass.cumsum(0)]) / mass.sum()  # (n,), ascending from 0 to 1
    cell = torch.searchsorted(reached, wanted).clamp(1, len(u) - 1)
    part = (wanted - reached[cell - 1]) / (reached[cell] - reached[cell - 1])
    return u[cell - 1] + part * (u[cell] - u[cell - 1])


def draw_kinks(x: Tensor, y: Tensor, depth: int, kinks: int, seed: int, restarts: int) -> Tensor:
    """Kinks for the target y (n,) at x (n,), ascending: random shares of its bend lie between them.

    Restart k draws from the stream (seed, k).

    Returns:
        (R, d, K), ascending along K, float64.

    Raises:
        ValueError: there is no kink to draw.
    """
    if kinks < 1:
        raise ValueError(f"init.width={kinks + 2}: expected 3 or more, so that a layer has a kink")
    drawn = [stream.uniform(size=(depth, kinks + 1)) for stream in streams(seed, restarts)]
    shares = EVENNESS + torch.from_numpy(np.stack(drawn)).to(x.device)  # (R, d, K + 1)
    reached = shares.cumsum(2)
    cuts = reached[:, :, :-1] / reached[:, :, -1:]
    knots = bend_quantiles(x.double(), y.double(), KNOTS).expand(restarts, -1)  # (R, KNOTS)
    layers = []
    for cut in cuts.unbind(1):
        layers.append(knots.sort(1).values.gather(1, (cut * KNOTS).long()))  # (R, K)
        ramps, coefficients = fold(knots, layers[-1])
        knots = folded(ramps, coefficients)
    return torch.stack(layers, 1)


def zigzag(
    kinks: Tensor, x: Tensor, y: Tensor, interval: tuple[float, float], weight: Tensor | None = None
) -> Network:
    """Networks of width K + 2 with these kinks (R, d, K), fitted to y (n,) at x (n,) by linear least squares.

    Neurons (sum, u, u - k_1, ..., u - k_K) in every layer; the sum neuron carries what is summed so far, lifted
    so that ReLU does not clip it on the points. Fitted in the dtype of the kinks, rounded to that of y.
    """
    networks = [_zigzag(kinks[part], x, y, interval, weight) for part in parts(len(kinks), len(x))]
    return Network(tuple(torch.cat(layers) for layers in zip(*(network.layers for network in networks))))


def _zigzag(
    kinks: Tensor, x: Tensor, y: Tensor, interval: tuple[float, float], of_points: Tensor | None
) -> Network:
    restarts, depth, count = kinks.shape
    dtype = y.dtype
    weight, shift = fold_interval(*interval, dtype)
    x, y = x.to(kinks.dtype), y.to(kinks.dtype)
    u = (weight * x + shift).expand(restarts, -1)
    columns, folds = [torch.ones_like(u).unsqueeze(1), u.unsqueeze(1)], []
    for layer in kinks.unbind(1):
        ramps, coefficients = fold(u, layer)
        columns.append(ramps[:, 1:])
        folds.append(coefficients)
        u = folded(ramps, coefficients)
    basis = torch.cat(columns, 1)  # (R, 2 + d K, n)
    fitted = least_squares(basis, y.expand(restarts, -1), RIDGE, of_points)  # (R, 2 + d K)

    partial = (fitted.unsqueeze(2) * basis)[:, 1:].cumsum(1)  # what the sum neuron holds, layer by layer
    lift = (y.max() - y.min()) - partial.amin((1, 2)).clamp(max=0)  # (R,)
    slope, steps = fitted[:, 1], fitted[:, 2:].unflatten(1, (depth, count))
    first = kinks.new_zeros(restarts, count + 2, 2)
    first[:, 0] = torch.stack([slope * weight, slope * shift + lift], 1)
    first[:, 1:, 0], first[:, 1:, 1], first[:, 2:, 1] = weight, shift, shift - kinks[:, 0]
    layers = [first]
    for step, coefficients, following in zip(steps.unbind(1), folds, kinks.unbind(1)[1:]):
        layer = kinks.new_zeros(restarts, count + 2, count + 3)
        layer[:, 0, 0], layer[:, 0, 2:-1] = 1, step
        layer[:, 1:, 1:-1], layer[:, 2:, -1] = coefficients.unsqueeze(1), -following
        layers.append(layer)
    last = kinks.new_zeros(restarts, 1, count + 3)
    last[:, 0, 0], last[:, 0, 2:-1], last[:, 0, -1] = 1, steps[:, -1], fitted[:, 0] - lift
    return Network(tuple(layer.to(dtype) for layer in (*layers, last)))


def _check(settings: FitSettings, target: Target) -> None:
    width, inputs = settings.init.width, "x and y" if target.inputs >= 2 else "x alone"
    # one neuron sums, one is u, the rest bend
    require(width is not None and width >= 3, "init.width", width, "3 or more")
    if not (settings.network.single and target.inputs == 1):
        raise ValueError(
            f"init={settings.init.name}: expected network=single and a function of x alone (function={target.name} is "
            f"of {inputs})"
        )


@start("zigzag", ("width",), _check)
def start_zigzags(settings: FitSettings, target: Target, train: Points) -> Network:
    """Zigzags of width - 2 kinks a layer."""
    kinks = (settings.init.width or 3) - 2
    drawn = draw_kinks(train.x, train.y, settings.depth, kinks, settings.seed, settings.starts)
    return zigzag(drawn, train.x, train.y, target.interval, train.weight)
