"""What can be set for models that learn from data: `data=` and `model=`. Values are in conf/data and conf/model."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Optional

from triangle_cli.settings.require import (
    name_of_file,
    require,
    require_folder_name,
    require_name,
    require_one_of,
)


class Source(Enum):
    """Where examples come from."""

    sklearn = "sklearn"  # a table that scikit-learn brings along
    csv = "csv"
    cifar10 = "cifar10"
    image_folder = "image_folder"
    formula = "formula"  # points drawn anew for each restart


class Task(Enum):
    """What is to be said of an example."""

    regression = "regression"
    classification = "classification"


class Architecture(Enum):
    """The shape of a model; all end in a classifier of Linears and ReLUs."""

    mlp = "mlp"
    cnn = "cnn"
    vgg16 = "vgg16"


# what follows the Linears of an mlp; in a kan splines are in the place of both
ACTIVATIONS = ("relu", "silu", "tanh", "sine", "kan")
MATCHED_TO = ("weights", "peaks")
MATCHED = {"choices": MATCHED_TO}

# what a folder of pictures holds
FOLDERS = {
    Source.cifar10: "data_batch_1 to data_batch_5 and test_batch of the Python version, or the same with .bin",
    Source.image_folder: "train/CLASS/*.JPEG and val/CLASS/*.JPEG",
}


@dataclass
class DataSettings:
    """Examples to learn from: conf/data/."""

    name: str  # heads the folder of its runs, but for a CSV file, whose own name does
    source: Source  # where the examples come from
    task: Task  # a value or a class to be told
    path: Optional[str]  # of a CSV file, or of the folder of images  # noqa: UP045
    table: Optional[str]  # scikit-learn's word for a table  # noqa: UP045
    target: Optional[str]  # the column to be told; null: scikit-learn's own target  # noqa: UP045
    drop: list[str]  # columns to leave out
    folds: Optional[int]  # restart k is judged by fold k; null: the data say what is for testing  # noqa: UP045
    batch: int  # examples a step
    image_size: Optional[int]  # pixels, to which pictures in folders are brought  # noqa: UP045
    augment: bool  # training pictures mirrored and moved at random
    workers: int  # processes that read pictures
    formula: Optional[str] = None  # of x1, x2, .. up to `inputs`  # noqa: UP045
    inputs: Optional[int] = None  # of the formula  # noqa: UP045
    interval: Optional[list[float]] = None  # [lo, hi] of each input, from which points are drawn  # noqa: UP045
    points: Optional[int] = None  # to learn from; twice as many, without noise, to be tested on  # noqa: UP045
    noise: float = 0.0  # normal, on the values to learn from, as a share of their standard deviation

    def __post_init__(self) -> None:
        require_folder_name("data.name", self.name)
        require(self.batch >= 1, "data.batch", self.batch, "1 or more examples")
        require(self.workers >= 0, "data.workers", self.workers, "0 or more processes")
        from_folder = self.source in (Source.cifar10, Source.image_folder)
        drawn = self.source is Source.formula
        require(from_folder or drawn or (self.folds or 0) >= 2, "data.folds", self.folds, "2 or more")
        require(not from_folder or self.folds is None, "data.folds", self.folds, "null: the folder says it")
        require(not drawn or self.folds is None, "data.folds", self.folds, "null: points are drawn anew")
        size = self.image_size
        require(size is None or size >= 1, "data.image_size", size, "1 or more pixels")
        folder = self.source is Source.image_folder
        require(not folder or size is not None, "data.image_size", size, "a number of pixels")
        for_this = f"for data={self.name}"
        require(size is None or folder, "data.image_size", size, f"null {for_this}")
        require(not self.augment or from_folder, "data.augment", True, f"false {for_this}")
        self._check_formula(for_this)
        if drawn:
            return
        sklearn = self.source is Source.sklearn
        require(sklearn or self.table is None, "data.table", self.table, f"null {for_this}")
        if self.source is Source.csv:
            both = self.path is not None and self.target is not None
            require(both, "data", self.name, "data.path=FILE data.target=COLUMN with it")
        elif from_folder:
            require(self.path is not None, "data.path", "null", f"a folder, {for_this}")
            for key in ("target", "drop"):
                require(not getattr(self, key), f"data.{key}", getattr(self, key), f"nothing {for_this}")
        else:
            require(self.table is not None, "data.table", None, "scikit-learn's word for a table")
            require(self.path is None, "data.path", self.path, f"null {for_this} (data=csv reads files)")

    def _check_formula(self, for_this: str) -> None:
        if self.source is not Source.formula:
            for key in ("formula", "inputs", "interval", "points"):
                require(getattr(self, key) is None, f"data.{key}", getattr(self, key), f"null {for_this}")
            require(self.noise == 0, "data.noise", self.noise, f"0 {for_this}")
            return
        for key in ("path", "table", "target", "drop"):
            require(not getattr(self, key), f"data.{key}", getattr(self, key), f"nothing {for_this}")
        require(self.formula is not None, "data.formula", "null", f"a formula of x1, x2, .. {for_this}")
        require(1 <= (self.inputs or 0) <= 100, "data.inputs", self.inputs, "1 to 100 inputs")
        ends = self.interval or []
        ordered = len(ends) == 2 and -math.inf < ends[0] < ends[1] < math.inf
        require(ordered, "data.interval", self.interval, "[lo, hi]")
        require((self.points or 0) >= 10, "data.points", self.points, "10 or more points")
        require(0 <= self.noise < math.inf, "data.noise", self.noise, "0 or more")
        require(self.task is Task.regression, "data.task", self.task.value, f"regression {for_this}")

    @property
    def title(self) -> str:
        """What the examples are called: the name of a CSV file, else the word that chose them."""
        if self.source is not Source.csv:
            return self.name
        return name_of_file(str(self.location), self.name)

    @property
    def location(self) -> Path:
        """Where `path` is: the CSV file, or the folder of images."""
        assert self.path is not None, "all sources but scikit-learn have one"
        return Path(self.path)

    @property
    def table_folds(self) -> int:
        """The folds of a table."""
        assert self.folds is not None, "folders alone have none"
        return self.folds

    def require_files(self) -> None:
        """Raise ValueError where the file, or the folder, is not there."""
        if self.path is None:
            return
        if self.source is Source.csv:
            path = Path(self.path)
            there = path.is_file()  # neither a folder nor a pipe, which would wait
            wanted = f"a CSV file ({'it is none' if path.exists() else 'there is no such file'})"
        else:
            there = Path(self.path).is_dir()
            wanted = (
                f"a folder with {FOLDERS[self.source]}; put them there, or set data.path to where they are "
            )
            wanted += "(there is no such folder)"
        require(there, "data.path", self.path, wanted)

    def content(self) -> str | None:
        """The digest of a CSV file, for the hash of a run: a file that has changed makes another run."""
        try:
            return (
                hashlib.sha256(self.location.read_bytes()).hexdigest() if self.source is Source.csv else None
            )
        except OSError:  # refused, by name, where the file is read
            return None


@dataclass
class ModelSettings:
    """What learns: conf/model/."""

    name: str  # shown in pictures
    architecture: Architecture  # its shape
    hidden: list[int]  # widths of the Linears that a ReLU, or a triangle network per unit, follows
    channels: Optional[list[int]]  # of a cnn's convolutions  # noqa: UP045
    dropout: float  # share of hidden units that training leaves out, at random
    replace: list[str]  # which Linears get triangle networks, as patterns of their names
    interval: list[float]  # the pre-activations that a unit's [0, 1] stands for
    matched: bool  # of a model without triangles: wider, with as many parameters as with them
    weights: Optional[str]  # a state_dict to start the convolutions from  # noqa: UP045
    frozen: bool  # keep the convolutions as they start
    activation: str = field(default="relu", metadata={"choices": ACTIVATIONS})  # after the Linears of an mlp
    parameters: Optional[int] = None  # widths in the ratio of `hidden` that give so many, or nearly  # noqa: UP045
    matched_to: str = field(default="weights", metadata=MATCHED)  # as triangles have, set free or in peaks

    def __post_init__(self) -> None:
        require_name("model.name", self.name)
        for key in ("hidden", "channels"):
            widths = getattr(self, key)
            require(all(width >= 1 for width in widths or ()), f"model.{key}", widths, "1 or more, each")
        require(len(self.hidden) > 0, "model.hidden", self.hidden, "at least one width")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "a number in [0, 1)")
        convolves = self.architecture is not Architecture.mlp
        require(convolves or not self.frozen, "model.frozen", True, "false: an mlp has no convolutions")
        require(convolves or self.weights is None, "model.weights", self.weights, "null for an mlp")
        require_one_of(self.activation, "model.activation", ACTIVATIONS)
        require_one_of(self.matched_to, "model.matched_to", MATCHED_TO)
        dense = self.architecture is Architecture.mlp
        require(dense or self.activation == "relu", "model.activation", self.activation, "relu: it convolves")
        least = self.parameters is None or self.parameters >= 1
        require(least, "model.parameters", self.parameters, "1 or more")
        require(
            not (self.parameters and self.matched),
            "model.parameters",
            self.parameters,
            "null with model.matched=true",
        )
        ordered = len(self.interval) == 2 and -math.inf < self.interval[0] < 0 < self.interval[1] < math.inf
        require(ordered, "model.interval", self.interval, "[lo, hi] with 0 between them")
