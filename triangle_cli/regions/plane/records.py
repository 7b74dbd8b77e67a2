"""What the compiled stages of the two-dimensional counter hand to one another: arrays under names, and their types."""

from collections import namedtuple

from numba import types

# Places in counts, in the order of `RegionCounts`
LINEAR, ACTIVATION, DEAD, WIDE_LINEAR, WIDE_ACTIVATION = range(5)

FLOATS, INTEGERS, BITS = types.float64[::1], types.int64[::1], types.boolean[::1]
FLOAT_ROWS, INTEGER_ROWS = types.float64[:, ::1], types.int64[:, ::1]
SIGN_ROWS, ON_ROWS = types.int8[:, ::1], types.uint8[:, ::1]

# points (n, 2) of the vertices, how far they may be from the true ones, and the two lines that each is on; ends (m, 2)
# of the edges, and their lines; cell i has sides pointer[i] .. pointer[i + 1], each 2 * edge + (1 if walked from its
# second end to the first), anticlockwise; cells left and right of each edge, -1 outside; some cell at each vertex
Mesh = namedtuple("Mesh", "points point_errors vertex_lines ends edge_lines pointer sides beside cell_at")
MESH = types.NamedTuple(
    (
        *(FLOAT_ROWS, FLOAT_ROWS, INTEGER_ROWS, INTEGER_ROWS),
        *(INTEGERS, INTEGERS, INTEGERS, INTEGER_ROWS, INTEGERS),
    ),
    Mesh,
)

# How the last layer cut: pre-activations, bounds and signs at the vertices before and, signs only, on their edges; of
# all new vertices, those on edges first, the two that each lies between and where, and of those within a cell the cell,
# neuron and neuron on whose lines it is
Last = namedtuple("Last", "values errors signs parents place makers")
LAST = types.NamedTuple((FLOAT_ROWS, FLOAT_ROWS, SIGN_ROWS, INTEGER_ROWS, FLOAT_ROWS, INTEGER_ROWS), Last)

Layer = namedtuple("Layer", "signs values errors")  # signs also at the new vertices on edges
LAYER = types.NamedTuple((SIGN_ROWS, FLOAT_ROWS, FLOAT_ROWS), Layer)

# The new vertices, which run along one edge after another: the two that each lies between, where, the neuron that is 0
# there and the edge; and where the run of each edge starts, and its length
Cuts = namedtuple("Cuts", "parents place neuron edge start count")
CUTS = types.NamedTuple((INTEGER_ROWS, FLOAT_ROWS, INTEGERS, INTEGERS, INTEGERS, INTEGERS), Cuts)

RimCuts = namedtuple(
    "RimCuts", "parents place start count first_piece"
)  # of `Cuts`, and each edge's first piece
RIM_CUTS = types.NamedTuple((INTEGER_ROWS, FLOAT_ROWS, INTEGERS, INTEGERS, INTEGERS), RimCuts)

# New vertices: two that each lies between, where, (cell, neuron, neuron) on whose lines it is; new edges: ends, (cell,
# neuron); new cells: number of sides, sides, cell they come from, on/off rows
Made = namedtuple("Made", "parents place makers ends lines sizes sides origin on")
MADE = types.NamedTuple(
    (
        *(INTEGER_ROWS, FLOAT_ROWS, INTEGER_ROWS, INTEGER_ROWS, INTEGER_ROWS),
        *(INTEGERS, INTEGERS, INTEGERS, ON_ROWS),
    ),
    Made,
)

# Which oracle, and what it has to know: neurons per level; for each time that neurons cut the mesh the first line
# number, the layer, its first neuron and their number; after each layer the number of cells, their on/off rows and the
# cells that they are part of, one after another
History = namedtuple("History", "handle widths cuts cells on parent")
HISTORY = types.NamedTuple(
    (types.int64, INTEGERS, INTEGER_ROWS, INTEGERS, types.uint8[::1], INTEGERS), History
)

Told = namedtuple("Told", "start key sign")  # answers to item i: start[i] .. start[i + 1]
TOLD = types.NamedTuple((INTEGERS, INTEGERS, types.int8[::1]), Told)
