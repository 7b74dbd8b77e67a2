"""Models that learn from data: Linears and ReLUs, alone or behind convolutions; and triangle networks put in them."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from triangle_cli.nn.convert import convert
from triangle_cli.nn.layer import release as release_layers
from triangle_cli.settings.learn import Architecture, ModelSettings
from triangle_cli.settings.run import Dtype
from triangle_cli.store import run_folder
from triangle_cli.store.record import RunRecord
from triangle_cli.store.tensors import read_state

# channels of VGG-16's convolutions, by block; a pooling by two ends each block
VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
VGG_POOL = 7  # pixels that the classifier sees, of pictures large enough


class Convolutions(nn.Module):
    """Convolutions, then a classifier: the parts have the names that torchvision gives them in its VGG."""

    def __init__(self, features: nn.Sequential, pool: nn.Module, classifier: nn.Sequential) -> None:
        super().__init__()
        self.features = features
        self.avgpool = pool
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, outputs)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def build(
    model: ModelSettings, shape: tuple[int, ...], outputs: int, layers: dict[str, Any] | None
) -> nn.Module:
    """A model with PyTorch's initialisation, by torch's generator.

    Args:
        model: what it looks like.
        shape: of one example: (features,), or (channels, height, width) for convolutions.
        outputs: numbers that it gives for each example.
        layers: what `convert` takes, `kind`, `depth` and so on, if other curves replace ReLUs; None: no.

    Raises:
        ValueError: the pictures are too small for the convolutions, a pattern in `model.replace` names no layer, or
            `model.weights` is no state_dict of such convolutions.
    """
    made = ARCHITECTURES[model.architecture](model, shape, outputs)
    if isinstance(made, Convolutions) and model.weights is not None:
        _load_features(made.features, model.weights)
    if isinstance(made, Convolutions) and model.frozen:
        made.features.requires_grad_(False)
    if layers is not None:
        try:
            convert(made, *model.replace, **layers)
        except ValueError as error:
            reason = str(error)
            if not reason.startswith("convert: "):  # of the layers: the interval
                raise ValueError(f"model.{reason}") from None
            reason = reason.removeprefix("convert: ")
            raise ValueError(f"model.replace={model.replace}: {reason}") from None
    return made


def load_model(folder: str | Path, stage: str | None = None) -> nn.Module:
    """The best network of a finished run, in plain PyTorch: of the restart with the least training error.

    Args:
        folder: of the run.
        stage: after which phase, or init; default: the one with the best network of all.

    Returns:
        Of a run on data its model; of one that fits a function a Sequential of Linear and ReLU.

    Raises:
        ValueError: the folder holds no finished run, or none that has a model.
    """
    folder = Path(folder)
    record = run_folder.whole_run(folder)
    try:
        kept = record.stage(stage)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    if kept.best_restart is None:
        raise ValueError(f"{folder}: all restarts diverged, expected a run with a model")
    path = folder / kept.file
    state = read_state(path, "the model of a run")
    try:
        if not record.from_data:
            return _plain_network(state, kept.restarts.index(kept.best_restart))
        model = _described(record, sum(tensor.numel() for tensor in state.values()))
        model.load_state_dict(state)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{path}: not the model that {run_folder.RUN} describes ({reason})") from None
    return model.eval()


def _described(record: RunRecord, numbers: int) -> nn.Module:
    """The model of a run as its record says, before the weights, of which there are so many `numbers`, come."""
    if record.shape is None or record.outputs is None:
        raise ValueError("no shape, or no outputs")
    config = record.settings
    words = config["model"] | {"hidden": record.hidden, "weights": None, "matched": False, "parameters": None}
    settings = ModelSettings(**words | {"architecture": Architecture(words["architecture"])})
    with torch.device("meta"):  # takes no memory
        wanted = parameter_count(build(settings, tuple(record.shape), record.outputs, None))
    if wanted > numbers or not 1 <= config["depth"] <= 64:
        raise ValueError(f"{numbers:,} numbers for {wanted:,} parameters, depth {config['depth']}")
    layers: dict[str, Any] | None = None
    if config["init"]["mode"] == "limit":
        layers = {"kind": "limit", "interval": tuple(settings.interval)}
    elif config["init"]["mode"] == "triangle":
        free = config["schedule"]["phases"][0]["space"] == "peaks_and_scales"
        layers = {"depth": config["depth"], "interval": tuple(settings.interval), "free_scales": free}
    model = build(settings, tuple(record.shape), record.outputs, layers)
    # before the weights come, which would be rounded
    return model.to(getattr(torch, Dtype(config["dtype"]).value))


def _plain_network(state: dict[str, Tensor], place: int) -> nn.Sequential:
    """One network of a batch, as Linears with ReLUs between them."""
    mine = {name: tensor[place] for name, tensor in state.items()}
    layers: list[nn.Module] = []
    for weight in (tensor for name, tensor in mine.items() if name.endswith(".weight")):
        out, inputs = weight.shape
        layers += [nn.Linear(inputs, out, dtype=weight.dtype), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    model.load_state_dict(mine)
    return model.eval()


def matched_widths(
    model: ModelSettings, shape: tuple[int, ...], outputs: int, triangles: dict[str, Any]
) -> list[int]:
    """Widths in the ratio of `model.hidden` with which ReLUs have as many parameters as triangle networks, or nearly.

    Args:
        model, shape, outputs, triangles: as for `build`; counted after the release, or in peaks: `model.matched_to`.
    """
    released = model.matched_to == "weights"
    wanted = parameter_count(build(model, shape, outputs, triangles), released)
    return widths_for(wanted, model, shape, outputs, None)


def widths_for(
    wanted: int,
    model: ModelSettings,
    shape: tuple[int, ...],
    outputs: int,
    layers: dict[str, Any] | None,
    released: bool = False,
) -> list[int]:
    """Widths in the ratio of `model.hidden` with which there are so many parameters, or nearly.

    Args:
        wanted: how many.
        model, shape, outputs, layers: as for `build`.
        released: count triangle networks once their weights are free.
    """

    def parameters(hidden: list[int]) -> int:
        like = dataclasses.replace(model, hidden=hidden, weights=None)
        with torch.device("meta"):
            return parameter_count(build(like, shape, outputs, layers), released)

    low, high = min(1.0, 1 / max(model.hidden)), 2.0
    while parameters(_scaled(model.hidden, high)) < wanted:
        high *= 2
    while max(_scaled(model.hidden, high)) - max(_scaled(model.hidden, low)) > 1:
        middle = (low + high) / 2
        if parameters(_scaled(model.hidden, middle)) < wanted:
            low = middle
        else:
            high = middle
    both = (_scaled(model.hidden, low), _scaled(model.hidden, high))
    return min(both, key=lambda hidden: abs(parameters(hidden) - wanted))


def _scaled(widths: list[int], factor: float) -> list[int]:
    return [max(1, round(width * factor)) for width in widths]


def parameter_count(model: nn.Module, released: bool = False) -> int:
    """How many numbers a model learns; `released`: once its triangle networks' weights are free."""
    if released:
        release_layers(model)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


class Sine(nn.Module):
    """sin(30 z): what a SIREN has in the place of ReLU (Sitzmann et al. 2020, section 3.2)."""

    frequency = 30.0

    def forward(self, z: Tensor) -> Tensor:
        """The shape of z stays."""
        return torch.sin(self.frequency * z)


def _dense(widths: list[int], dropout: float, activation: str = "relu") -> nn.Sequential:
    """Linears with ReLUs, or others, between them, and dropout after each of these."""
    if activation == "kan":
        return _splines(widths)
    layers: list[nn.Module] = []
    for number, (width, following) in enumerate(itertools.pairwise(widths)):
        linear = nn.Linear(width, following)
        if activation == "sine":
            reach = 1 / width if number == 0 else (6 / width) ** 0.5 / Sine.frequency
            nn.init.uniform_(linear.weight, -reach, reach)
        layers += [linear, CURVES[activation](), nn.Dropout(dropout)]
    return nn.Sequential(*layers[:-2])


def _splines(widths: list[int]) -> nn.Sequential:
    """A Kolmogorov-Arnold network, by the package inkan: on each edge a cubic spline over [-2, 2] beside a SiLU."""
    try:
        from inkan import KANLayer
    except ImportError:
        raise ValueError("model.activation=kan: expected inkan (pip install '.[compare]')") from None
    pairs = itertools.pairwise(widths)
    return nn.Sequential(
        *(KANLayer(width, after, grid_range=(-2, 2), compile_basis=False) for width, after in pairs)
    )


def _mlp(model: ModelSettings, shape: tuple[int, ...], outputs: int) -> nn.Module:
    features = torch.Size(shape).numel()
    dense = _dense([features, *model.hidden, outputs], model.dropout, model.activation)
    return dense if len(shape) == 1 else nn.Sequential(nn.Flatten(), *dense)


def _cnn(model: ModelSettings, shape: tuple[int, ...], outputs: int) -> nn.Module:
    if not model.channels:
        raise ValueError(f"model.channels={model.channels}: expected widths of convolutions, such as [32,64]")
    return _convolutions(model, shape, outputs, tuple((width,) for width in model.channels), None)


def _vgg16(model: ModelSettings, shape: tuple[int, ...], outputs: int) -> nn.Module:
    if model.channels is not None:
        raise ValueError(f"model.channels={model.channels}: expected null, vgg16 has its own")
    return _convolutions(model, shape, outputs, VGG16, VGG_POOL)


def _convolutions(
    model: ModelSettings,
    shape: tuple[int, ...],
    outputs: int,
    blocks: tuple[tuple[int, ...], ...],
    pool: int | None,
) -> nn.Module:
    """Blocks of convolutions, each followed by ReLU and each block by pooling; `pool`: then to so many pixels."""
    if len(shape) != 3 or min(shape[1:]) < 2 ** len(blocks):
        least = 2 ** len(blocks)
        raise ValueError(
            f"model={model.name}: examples of shape {shape}, expected pictures of {least} x {least} pixels or more"
        )
    channels, *sides = shape
    layers: list[nn.Module] = []
    for block in blocks:
        for width in block:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    sides = [side // 2 ** len(blocks) for side in sides]
    if pool is not None:
        sides = [min(side, pool) for side in sides]
    classifier = _dense([channels * sides[0] * sides[1], *model.hidden, outputs], model.dropout)
    return Convolutions(nn.Sequential(*layers), nn.AdaptiveAvgPool2d(tuple(sides)), classifier)


def _load_features(features: nn.Sequential, path: str) -> None:
    key = f"model.weights={path}"
    try:
        state = read_state(Path(path), "a state_dict")
    except FileNotFoundError:
        raise ValueError(f"{key}: no such file, expected a state_dict with features.*") from None
    except (OSError, ValueError):
        raise ValueError(f"{key}: expected a state_dict, saved by torch.save") from None
    prefix = "features."
    inner = {
        str(name).removeprefix(prefix): value for name, value in state.items() if str(name).startswith(prefix)
    }
    try:
        features.load_state_dict(inner)
    except RuntimeError as error:
        reason = " ".join(str(error).split("\n")[1].split()) if "\n" in str(error) else str(error)
        raise ValueError(f"{key}: expected features.* of this model ({reason})") from None


CURVES: dict[str, Any] = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh, "sine": Sine}
ARCHITECTURES = {Architecture.mlp: _mlp, Architecture.cnn: _cnn, Architecture.vgg16: _vgg16}
