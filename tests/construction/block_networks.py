"""Networks of several triangle networks, for tests."""

import torch

from triangle_cli.fit.starts.blocks import draw_blocks, fitted_blocks
from triangle_cli.training.problem import Points

F64 = torch.float64
LINE, SQUARE = ((-1.0, 1.0),), ((-1.0, 1.0), (-1.0, 1.0))


def difference(depth=4, blocks=2, restarts=3, box=LINE):
    x = torch.linspace(*box[0], 100, dtype=F64)
    drawn = draw_blocks(depth, 0.3, 0.7, blocks, 1, 1, seed=0, restarts=restarts)
    return fitted_blocks(*drawn, box, Points(x, x**3 - x)), x, x**3 - x


def ridge(depth=3, directions=3, each_way=1, restarts=2, box=SQUARE, sign=1.0):
    grid = [torch.linspace(*interval, 12, dtype=F64) for interval in box]
    x = torch.cartesian_prod(*grid)
    y = sign * x.square().sum(1) ** 1.5
    drawn = draw_blocks(depth, 0.3, 0.7, directions * each_way, directions, 2, seed=0, restarts=restarts)
    return fitted_blocks(*drawn, box, Points(x, y)), x, y
