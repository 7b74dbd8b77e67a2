"""Layers with a curve for each unit put into a model that is there, in the place of its ReLUs."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

import torch
from torch import fx, nn

from triangle_cli.nn.layer import TriangleLayer
from triangle_cli.nn.limit import LimitActivation, LimitLayer
from triangle_cli.nn.unitwise import UnitwiseLayer
from triangle_cli.settings.require import require_one_of

LAYERS: dict[str, Any] = {"triangle": TriangleLayer, "limit": LimitLayer}
CHANNELS = -3  # where those of a picture are in a shape
RELUS = (torch.relu, torch.relu_, nn.functional.relu, nn.functional.relu_)


def convert(model: nn.Module, *names: str, kind: str = "triangle", **settings: Any) -> nn.Module:
    """Put layers with a curve for each unit in the place of chosen Linears, or convolutions, and the ReLUs after them.

    Where the two are neighbours in an nn.Sequential the model is changed in place. A Linear keeps its weights, and an
    Identity stands where the ReLU was, so that other layers keep their names; a Conv2d stays where it is, and the
    curves, one for each channel, stand where the ReLU was.

    Where a `forward` calls a ReLU on what a Linear or a Conv2d returns, by F.relu, torch.relu, the method relu or
    a module, the model is traced by torch.fx: what comes back is a GraphModule with the parts of the model, and with
    the curves of NAME, one for each unit, as NAME_activation. The model itself then stays as it was.

    Args:
        model: any module; the pairs may lie deep inside it, or directly in it if it is a Sequential.
        names: which Linears, such as "classifier.0", or patterns such as "classifier.*", which pass over Linears
            that no ReLU follows. None: all pairs.
        kind: "triangle", for `TriangleLayer`, or "limit", for `LimitLayer`, which alone takes a Conv2d's place.
        settings: as for that layer; `depth` and so on.

    Returns:
        The model.

    Raises:
        ValueError: a name is no Linear with a ReLU after it, a pattern meets no such pair, a Linear or Sequential
            stands in the model more than once, or it is called more than once. The model is then as it was.
    """
    require_one_of(kind, "kind", LAYERS)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"convert: {name!r}: expected the name of a Linear, in quotes, such as '0'")
    modules = dict(model.named_modules(remove_duplicate=False))
    candidates = {name: module for name, module in modules.items() if _is_taken(module, kind)}
    pairs = _pairs(modules, candidates)
    met = [any(fnmatchcase(name, pattern) for name in pairs) for pattern in names or ("*",)]
    more = not all(met) or (not names and len(pairs) < len(candidates))
    traced = _trace(model, candidates) if more and not isinstance(model, nn.Sequential) else None
    known = [*pairs, *(name for name in (traced.calls if traced else ()) if name not in pairs)]
    chosen = set()
    for pattern in names or ("*",):
        matching = {name for name in known if fnmatchcase(name, pattern)}
        if not matching:
            raise ValueError(f"convert: {pattern}: {_refusal(pattern, modules, known, kind)}")
        chosen |= matching
    for name in sorted(chosen):
        other = next((at for at, module in modules.items() if module is modules[name] and at != name), None)
        if other is not None:
            raise ValueError(f"convert: {name}: is also {other}, expected a Linear that stands in one place")
    in_place = chosen <= pairs.keys()
    made = {name: _made(candidates[name], kind, in_place, settings) for name in sorted(chosen)}
    if not in_place:
        assert traced is not None, "where the other names come from"
        return traced.replaced(made)
    for name, layer in made.items():
        parent, index = pairs[name]
        if isinstance(layer, UnitwiseLayer):
            parent[index], layer = layer, nn.Identity()
        parent[index + 1] = layer
    return model


def _made(module: nn.Module, kind: str, in_place: bool, settings: dict[str, Any]) -> nn.Module:
    """A layer around a Linear, or, for a convolution and for what is called in a `forward`, its activation alone."""
    if isinstance(module, nn.Linear):
        layer = LAYERS[kind].after(module, **settings)
        return layer if in_place else layer.activation
    assert isinstance(module, nn.Conv2d), "what `_is_taken` takes"
    like: dict[str, Any] = {"device": module.weight.device, "dtype": module.weight.dtype}
    return LimitActivation(module.out_channels, dim=CHANNELS, **like, **settings).train(module.training)


def _pairs(
    modules: dict[str, nn.Module], candidates: dict[str, nn.Module]
) -> dict[str, tuple[nn.Sequential, int]]:
    """The layers with a ReLU right after them in a Sequential: name -> the Sequential, and the place in it."""
    found = {}
    for prefix, parent in modules.items():
        if isinstance(parent, nn.Sequential):
            children = list(parent._modules.items())  # a module that stands twice is there twice
            for index, ((name, _), (_, second)) in enumerate(pairwise(children)):
                path = f"{prefix}.{name}" if prefix else name
                if path in candidates and isinstance(second, nn.ReLU):
                    found[path] = (parent, index)
    return found


def _is_taken(module: nn.Module, kind: str) -> bool:
    kinds = (nn.Linear, nn.Conv2d) if kind == "limit" else (nn.Linear,)
    return isinstance(module, kinds) and not isinstance(module.weight, nn.UninitializedParameter)


def _refusal(pattern: str, modules: dict[str, nn.Module], pairs: list[str], kind: str) -> str:
    there = f"it is {type(modules[pattern]).__name__}, " if pattern in modules else ""
    known = f"one of {', '.join(pairs)}" if pairs else "but this model has none"
    taken = "Linear or a Conv2d" if kind == "limit" else "Linear"
    return f"{there}expected a {taken} followed by a ReLU, {known}"


@dataclass
class _Traced:
    """A model as a graph of calls, and the ReLUs that are called on what a layer returns, by the layer's name."""

    graph: fx.GraphModule
    calls: dict[str, fx.Node]

    def replaced(self, activations: dict[str, nn.Module]) -> fx.GraphModule:
        """The graph with these activations in the place of those ReLUs."""
        for name, activation in activations.items():
            if name not in self.calls:  # never called
                continue
            relu, path = self.calls[name], f"{name}_activation"
            self.graph.add_submodule(path, activation)
            with self.graph.graph.inserting_before(relu):
                call = self.graph.graph.call_module(path, (_input(relu),))
            relu.replace_all_uses_with(call)
            self.graph.graph.erase_node(relu)
        self.graph.delete_all_unused_submodules()
        self.graph.recompile()
        return self.graph


def _trace(model: nn.Module, candidates: dict[str, nn.Module]) -> _Traced | None:
    """None for a model that torch.fx cannot trace."""
    try:
        graph = fx.symbolic_trace(model)
    except Exception:  # whatever its forward does with what is no tensor
        return None
    nodes = [node for node in graph.graph.nodes if node.op == "call_module"]
    often = {node.target for node in nodes if sum(other.target == node.target for other in nodes) > 1}
    calls = {}
    for relu in graph.graph.nodes:
        source = _input(relu) if _is_relu(relu, graph) else None
        target = source.target if isinstance(source, fx.Node) and source.op == "call_module" else None
        if target in candidates and target not in often:
            calls[str(target)] = relu
    return _Traced(graph, calls)


def _is_relu(node: fx.Node, graph: fx.GraphModule) -> bool:
    if node.op == "call_module":
        return isinstance(graph.get_submodule(str(node.target)), nn.ReLU)
    return (node.op == "call_function" and node.target in RELUS) or (
        node.op == "call_method" and node.target in ("relu", "relu_")
    )


def _input(relu: fx.Node) -> Any:
    return relu.args[0] if relu.args else relu.kwargs.get("input")
