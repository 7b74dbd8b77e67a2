"""The rooms of the package, from its imports: a table, what breaks the order, and a picture.

python docs/rooms.py                            the tables, of this checkout
python docs/rooms.py --root FOLDER              of another one, such as a git worktree of an older commit
python docs/rooms.py --picture docs/rooms.svg   the picture too

A room is a folder in triangle_cli/, or a file directly in it; hydra_plugins/ is one more. An arrow goes from a room to
one whose files it imports, at the top of a file, within a function or for types alone. Rooms that import nothing stand
on floor 1, any other one floor above the highest room that it imports. An import goes up if it leaves a layer of the
contract in setup.cfg for a higher one. A checkout without a contract gets the order in which the fewest do.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import math
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import grimp
import matplotlib as mpl
import matplotlib.path as mpath
import networkx as nx
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

PACKAGE, PLUGINS = "triangle_cli", "hydra_plugins"
ROOT = Path(__file__).parents[1]
COLOURS = ("#DCE9F5", "#E3F1E5", "#FBEBD3", "#F3E3F0", "#EFEFEF")  # of floors, in turn
FLOOR, WIDTH, HEIGHT = 1.35, 2.1, 0.62  # from floor to floor, and of boxes, in the units of the picture


@dataclass(frozen=True)
class Checkout:
    """Files as a graph of imports, `triangle_cli/__init__.py` aside, and the layers of their rooms."""

    root: Path
    files: nx.DiGraph
    layers: dict[str, int]  # room -> layer, 0 at the bottom

    @property
    def rooms(self) -> nx.DiGraph:
        """An arrow for each pair of rooms of which the first imports the second."""
        graph = nx.DiGraph()
        graph.add_nodes_from(map(room_of, self.files))
        pairs = ((room_of(a), room_of(b)) for a, b in self.files.edges)
        graph.add_edges_from((a, b) for a, b in pairs if a != b)
        return graph

    @property
    def upward(self) -> list[tuple[str, str]]:
        """The imports that go up, as pairs of files."""
        return [(a, b) for a, b in self.files.edges if self.layers[room_of(a)] < self.layers[room_of(b)]]

    @property
    def floors(self) -> dict[str, int]:
        """The floor of each room, 1 at the bottom, by what does not go up; rooms in a circle share one."""
        down = self.rooms
        down.remove_edges_from([(room_of(a), room_of(b)) for a, b in self.upward])
        whole = nx.condensation(down)
        floors: dict[int, int] = {}
        for circle in reversed(list(nx.topological_sort(whole))):
            floors[circle] = 1 + max((floors[below] for below in whole.successors(circle)), default=0)
        return {room: floor for circle, floor in floors.items() for room in whole.nodes[circle]["members"]}

    def path(self, file: str) -> Path:
        """Where a file is."""
        path = self.root / file.replace(".", "/")
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def lines(self, file: str) -> int:
        """How long a file is."""
        return len(self.path(file).read_text(encoding="utf-8").splitlines())


def room_of(file: str) -> str:
    """The room of a file, given as triangle_cli.room.file."""
    package, room = file.split(".")[:2]
    return room if package == PACKAGE else package


def circles(graph: nx.DiGraph) -> list[list[str]]:
    """What imports itself, by way of others: the strongly connected components of two or more."""
    return sorted(sorted(members) for members in nx.strongly_connected_components(graph) if len(members) > 1)


def read_checkout(root: Path) -> Checkout:
    """The rooms of a checkout.

    Raises:
        ValueError: a room is in no layer of the contract.
    """
    sys.path.insert(0, str(root))
    try:
        imports = grimp.build_graph(PACKAGE, f"{PLUGINS}.triangle_launcher", cache_dir=None)
    finally:
        sys.path.remove(str(root))
    files = nx.DiGraph()
    files.add_nodes_from(sorted(imports.modules - {PACKAGE}))
    for file in files:
        found = sorted(imports.find_modules_directly_imported_by(file) - {PACKAGE})
        files.add_edges_from((file, other) for other in found)
    layers = read_layers(root / "setup.cfg") or best_layers(files)
    if absent := {room_of(file) for file in files} - layers.keys():
        raise ValueError(
            f"setup.cfg: {', '.join(sorted(absent))} in no layer of the contract, expected in one"
        )
    return Checkout(root, files, layers)


def read_layers(path: Path) -> dict[str, int] | None:
    """The layers of import-linter's contract, room -> layer; None where there is no contract."""
    config = configparser.ConfigParser()
    config.read(path, encoding="utf-8")
    contract = "importlinter:contract:rooms"
    if contract not in config:
        return None
    top_down = config[contract]["layers"].split("\n")
    rooms = [[room_of(word) for word in re.split(r"[\s|:]+", line) if word] for line in top_down]
    return {room: layer for layer, together in enumerate(reversed(rooms)) for room in together}


def best_layers(files: nx.DiGraph) -> dict[str, int]:
    """An order of the rooms, from the bottom, in which the fewest imports go up.

    Only within a circle is there a choice: the best order of each subset of its rooms is one room on top of the best
    order of the rest (Held and Karp's way, 2^n steps for a circle of n rooms).
    """
    imports = Counter((room_of(a), room_of(b)) for a, b in files.edges if room_of(a) != room_of(b))
    rooms = nx.DiGraph(list(imports))
    rooms.add_nodes_from(map(room_of, files))
    order: list[str] = []
    whole = nx.condensation(rooms)
    for circle in reversed(list(nx.topological_sort(whole))):
        members = sorted(whole.nodes[circle]["members"])
        best: dict[frozenset[str], tuple[int, tuple[str, ...]]] = {frozenset(): (0, ())}
        for size in range(1, len(members) + 1):
            best = {
                chosen: min(
                    (
                        best[chosen - {top}][0] + sum(imports[below, top] for below in chosen),
                        (*best[chosen - {top}][1], top),
                    )
                    for top in chosen
                )
                for chosen in map(frozenset, combinations(members, size))
            }
        order += best[frozenset(members)][1]
    return {room: layer for layer, room in enumerate(order)}


def longest_function(checkout: Checkout) -> tuple[int, str]:
    """Lines of the longest function, decorators aside, and where it is."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return max(
        (
            (node.end_lineno or node.lineno) - node.lineno + 1,
            f"{checkout.path(file).relative_to(checkout.root)}: {node.name}",
        )
        for file in checkout.files
        for node in ast.walk(ast.parse(checkout.path(file).read_text(encoding="utf-8")))
        if isinstance(node, functions)
    )


def measures(checkout: Checkout) -> dict[str, str]:
    """What there is of rooms and files, as rows of a table."""
    rooms, floors = checkout.rooms, checkout.floors
    sizes = sorted(((checkout.lines(file), file) for file in checkout.files), reverse=True)
    outside = next(size for size in sizes if room_of(size[1]) != "regions")
    directly = list((checkout.root / PACKAGE).glob("*.py"))
    length, name = longest_function(checkout)
    return {
        "rooms": str(len(rooms)),
        "floors": str(max(floors.values())),
        "arrows between rooms": str(rooms.number_of_edges()),
        "imports that go up": str(len(checkout.upward)),
        "circles of rooms": str(len(circles(rooms))),
        "circles of files": str(len(circles(checkout.files))),
        f"files directly in {PACKAGE}/": str(len(directly)),
        "files": str(len(checkout.files) + 1),
        "largest file, lines": "{} ({})".format(*sizes[0]),
        ".. outside regions/": "{} ({})".format(*outside),
        "longest function, lines": f"{length} ({name})",
    }


def purpose(checkout: Checkout, room: str) -> str:
    """The first sentence of a room's docstring."""
    inside = next(file for file in checkout.files if room_of(file) == room)
    name = inside if room == PLUGINS else f"{PACKAGE}.{room}"
    said = ast.get_docstring(ast.parse(checkout.path(name).read_text(encoding="utf-8"))) or ""
    return re.split(r"[.:;]\s|\n", said + "\n", maxsplit=1)[0].rstrip(".")


def top_down(checkout: Checkout) -> list[str]:
    """The rooms from the top floor down."""
    return sorted(checkout.rooms, key=lambda room: (-checkout.floors[room], room))


def table(checkout: Checkout) -> list[tuple[str, ...]]:
    """Floor, room, files, lines and purpose of each room."""
    rows: list[tuple[str, ...]] = []
    for room in top_down(checkout):
        files = [file for file in checkout.files if room_of(file) == room]
        lines = sum(map(checkout.lines, files))
        rows.append((str(checkout.floors[room]), room, str(len(files)), str(lines), purpose(checkout, room)))
    return rows


def arrows(checkout: Checkout) -> list[tuple[str, ...]]:
    """Each room that imports others, and these."""
    rooms = checkout.rooms
    order = top_down(checkout)
    return [
        (room, "->", ", ".join(sorted(rooms.successors(room), key=order.index)))
        for room in order
        if rooms.out_degree(room)
    ]


@dataclass(frozen=True, order=True)
class Place:
    """A box of the picture, or a gap through which an arrow passes a floor."""

    floor: int
    name: str
    is_box: bool = True

    @property
    def half(self) -> float:
        """Half the width that it takes."""
        return WIDTH / 2 + 0.2 if self.is_box else 0.25


def essential(rooms: nx.DiGraph) -> nx.DiGraph:
    """The arrows without those that a way over other rooms implies; all of them where there are circles."""
    return nx.transitive_reduction(rooms) if nx.is_directed_acyclic_graph(rooms) else rooms


def ways(checkout: Checkout) -> list[list[Place]]:
    """Each essential arrow as a chain of places, one a floor, so that it passes between the boxes on its way."""
    floors = checkout.floors
    return [
        [
            Place(floors[a], a),
            *(Place(floor, f"{a} to {b}", is_box=False) for floor in range(floors[a] - 1, floors[b], -1)),
            Place(floors[b], b),
        ]
        for a, b in sorted(essential(checkout.rooms).edges)
    ]


def columns(checkout: Checkout, chains: list[list[Place]]) -> dict[Place, float]:
    """Where each place is across: near the middle of its neighbours above and below, with room for the boxes."""
    near = nx.Graph()
    near.add_nodes_from(Place(floor, room) for room, floor in checkout.floors.items())
    for chain in chains:
        nx.add_path(near, chain)
    on_floor: dict[int, list[Place]] = defaultdict(list)
    for place in sorted(near):
        on_floor[place.floor].append(place)
    across = dict.fromkeys(near, 0.0)
    for turn in range(60):
        for floor in sorted(on_floor, reverse=turn % 2 == 0):
            beside = on_floor[floor]
            wanted = {
                place: sum(across[other] for other in near[place]) / max(1, len(near[place]))
                for place in beside
            }
            beside.sort(key=lambda place: wanted[place])
            edge = -math.inf
            for place in beside:
                across[place] = max(wanted[place], edge + place.half)
                edge = across[place] + place.half
            shift = sum(across[place] - wanted[place] for place in beside) / len(beside)
            for place in beside:
                across[place] -= shift
    return across


def curve(chain: list[Place], across: dict[Place, float]) -> mpath.Path:
    """From the lower side of the first box to the upper side of the last, upright on every floor between."""
    points = []
    for place in chain:
        x, y = across[place], FLOOR * place.floor
        points += [(x, y + HEIGHT / 2), (x, y - HEIGHT / 2)]
    vertices, codes = [points[1]], [mpath.Path.MOVETO]
    for (x, y), (to_x, to_y), end in zip(points[1:-1:2], points[2:-1:2], points[3::2]):
        middle = (y + to_y) / 2
        vertices += [(x, middle), (to_x, middle), (to_x, to_y), end]
        codes += [mpath.Path.CURVE4] * 3 + [mpath.Path.LINETO]
    return mpath.Path(vertices[:-1], codes[:-1])


def picture(checkout: Checkout) -> Figure:
    """Rooms as boxes on their floors, with the arrows that no way over other rooms implies."""
    chains = ways(checkout)
    across = columns(checkout, chains)
    left, right = min(across.values()) - WIDTH, max(across.values()) + WIDTH
    top = FLOOR * max(checkout.floors.values())
    figure = Figure(figsize=((right - left) * 0.72, (top + 0.3) * 0.72), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(left, right), ylim=(FLOOR - 0.6, top + 0.6), aspect="equal")
    axes.axis("off")
    for chain in chains:
        axes.add_patch(
            FancyArrowPatch(
                path=curve(chain, across), arrowstyle="-|>", mutation_scale=12, color="#555555", zorder=1
            )
        )
    for place in sorted(across):
        if not place.is_box:
            continue
        x, y = across[place], FLOOR * place.floor
        box = FancyBboxPatch(
            (x - WIDTH / 2 + 0.1, y - HEIGHT / 2 + 0.1), WIDTH - 0.2, HEIGHT - 0.2, boxstyle="round,pad=0.1",
            facecolor=COLOURS[place.floor % len(COLOURS)], edgecolor="#333333", zorder=2,
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(x, y, place.name, ha="center", va="center", fontsize=11, zorder=3)
    return figure


def draw(checkout: Checkout, path: Path) -> None:
    """Write the picture, an SVG or PNG; the same imports give the same SVG."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "rooms"}):
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        picture(checkout).savefig(path, dpi=150, metadata=metadata)


def print_columns(lines: list[tuple[str, ...]]) -> None:
    """Lines whose cells stand below each other."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main(words: list[str]) -> int:
    """Print the tables; returns 1 where an import goes up or files import each other in a circle."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="a checkout; default: this one")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the rooms to this .svg or .png")
    chosen = parser.parse_args(words)
    checkout = read_checkout(chosen.root.resolve())
    print_columns([("floor", "room", "files", "lines", "what it is"), *table(checkout)])
    print()
    print_columns(arrows(checkout))
    print()
    print_columns(list(measures(checkout).items()))
    for a, b in checkout.upward:
        print(f"goes up: {a} imports {b}")
    for circle in circles(checkout.files):
        print(f"circle: {', '.join(circle)}")
    if chosen.picture:
        draw(checkout, chosen.picture)
    return 1 if checkout.upward or circles(checkout.files) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
