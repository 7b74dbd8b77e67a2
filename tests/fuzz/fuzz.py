"""Commands on words, files and folders made at random: no traceback, no wrong count, no wait, nothing left elsewhere.

    python tests/fuzz/fuzz.py SECONDS [SEED]

A case is a list of edits of something that works, drawn from its seed. Where one fails, edits are left out as long as
it still fails, and what remains is printed with the seed. Each command runs in a fork, in a temporary folder.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from regions import reference_line, reference_plane
from regions.space import reference_space

from triangle_cli.cli.main import main as triangle
from triangle_cli.inspection import report
from triangle_cli.regions.arrays import Layers

LONGEST = 30  # seconds that a command may take
TINY = ["depth=2", "restarts=1", "schedule=peaks_only", "schedule.phases.0.epochs=1", "points.grid=11"]
KEYS = (
    "depth",
    "restarts",
    "seed",
    "dtype",
    "threads",
    "regions.every",
    "regions.limit",
    "history.every",
    "function",
)
KEYS += (
    "init",
    "schedule",
    "network",
    "points",
    "function.formula",
    "function.name",
    "function.interval",
    "method",
)
KEYS += (
    "points.train",
    "points.test",
    "init.peak_low",
    "init.peaks",
    "init.name",
    "schedule.phases.0.epochs",
    "data",
)
KEYS += (
    "schedule.phases.0.learning_rate",
    "schedule.phases.0.space",
    "dry_run",
    "outputs",
    "tracker",
    "model.hidden",
)
VALUES = (
    "0",
    "-1",
    "2",
    "3",
    "1e400",
    "nan",
    "null",
    "[]",
    "[0,1]",
    "{a:1}",
    "x2",
    "tanh3x",
    "random",
    "'[/b]'",
    "é",
)
VALUES += (
    "'../../evil'",
    "sqrt(2)*x**2",
    "'1/0'",
    "9**9**9**9",
    "'maximum(x,0)'",
    "true",
    "'\x1b[31m'",
    "a,b",
    "''",
)
VALUES += (
    "${depth}",
    "${nothing}",
    "x" * 300,
    "'+x'",
    "'cosh(710*x)'",
    "outputs",
    "'10.0**400'",
    "~",
    "'a b'",
    "(",
    "\\",
)
WORDS = (
    "-m",
    "--cfg",
    "job",
    "--help",
    "--from",
    "none",
    "=",
    "depth",
    "+new=1",
    "~depth",
    "++depth=2",
    "'",
    '"',
    "[",
)
NUMBERS = (
    "NaN",
    "1e400",
    '"1"',
    "null",
    "true",
    "[]",
    "{}",
    "5e-324",
    "-0.0",
    "1e308",
    "123456789012345678901234567890",
)


class Failed(Exception):
    """What a command did that none may."""


def run(words: list[str], folder: Path, longest: int = LONGEST) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, in a fork.

    Raises:
        Failed: it takes too long, ends in a traceback or by a signal, or sends control characters.
    """
    process = os.fork()
    if process == 0:
        _as_command(words, folder, longest)
    began = time.monotonic()
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0):
        if time.monotonic() - began > longest:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            raise Failed(f"{words}: waits for more than {longest} s")
        time.sleep(0.002)
    code = os.waitstatus_to_exitcode(ended[1])
    if code == -signal.SIGXCPU:
        raise Failed(f"{words}: took more than {longest} s")
    out, err = ((folder / name).read_text(errors="replace") for name in ("out", "err"))
    if code not in (0, 1, 2) or "Traceback" in err or "Error:" in err.split("\n")[-2:][0]:
        raise Failed(f"{words}: exit {code}: {err[-300:]}")
    if "\x1b" in out + err:
        raise Failed(f"{words}: sends control characters")
    tells = "would fail: " in out or "--from" in words  # of jobs, or which numbers differ: what was asked for
    if code and not (err or (tells and out)):
        raise Failed(f"{words}: exit {code} without a word")
    return code, out, err


def _as_command(words: list[str], folder: Path, longest: int) -> None:
    """Be the command; never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(folder / "work")
        tempfile.tempdir = str(folder / "temporary")  # a fork that ends here clears nothing away
        Path(tempfile.tempdir).mkdir(exist_ok=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**26, 2**26))
        resource.setrlimit(resource.RLIMIT_CPU, (longest, longest + 10))
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w") for number in (1, 2))
        code = triangle(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


# each kind: the edits of a case from its random numbers, and what tries them in a folder


def word_edits(rng: random.Random) -> list[str]:
    """Words of `triangle run`."""

    def word() -> str:
        if rng.random() < 0.15:
            return rng.choice(WORDS)
        value = rng.choice(VALUES)
        if rng.random() < 0.2:
            value = "".join(rng.choice("xy01.,=[]{}()'\"$\\*+-~ \t") for _ in range(rng.randint(1, 8)))
        key = rng.choice(KEYS)
        # may lead anywhere
        return f"{key}=outputs" if key == "outputs" and ".." in value else f"{key}={value}"

    return [word() for _ in range(rng.randint(1, 3))]


def try_words(edits: list[str], folder: Path) -> None:
    """The words after those of a tiny run."""
    run(["run", *TINY, *edits], folder)


def grammar_edits(rng: random.Random) -> list[str]:
    """Words of `triangle run -m dry_run=true` in the grammar of Hydra's overrides, some of them broken."""

    def value(depth: int = 0) -> str:
        kind = rng.randrange(9 if depth < 3 else 2)
        inner = [value(depth + 1) for _ in range(rng.randint(0, 3))] if kind > 1 else []
        if kind == 0:
            return rng.choice(VALUES)
        if kind == 1:
            return str(rng.choice((-1, 0, 1, 2, 3, 0.5, 64, 65, 1e9)))
        if kind in (2, 3):
            name = rng.choice(
                ("choice", "range", "interval", "glob", "shuffle", "sort", "tag", "int", "str", "nothing")
            )
            return f"{name}({','.join(inner)})"
        if kind == 4:
            return f"[{','.join(inner)}]"
        if kind == 5:
            return "{" + ",".join(f"a:{item}" for item in inner) + "}"
        if kind == 6:
            return f"'{inner[0] if inner else ''}'"
        return ",".join(inner)

    def word() -> str:
        sign = rng.choice(("", "", "", "", "+", "++", "~"))
        joined = f"{sign}{rng.choice(KEYS)}={value()}"
        at = rng.randrange(len(joined))
        return joined[:at] + rng.choice("()[]{}',=$\\") + joined[at:] if rng.random() < 0.2 else joined

    return [word() for _ in range(rng.randint(1, 2))]


def try_grammar(edits: list[str], folder: Path) -> None:
    """A sweep that is only counted, so that long lists cost little."""
    run(["run", "-m", *TINY, *edits, "dry_run=true"], folder)
    if left := [path.name for path in (folder / "work").iterdir()]:
        raise Failed(f"{edits}: a dry run left {left}")


def byte_edits(rng: random.Random) -> list[tuple]:
    """A kind of file, then where it changes and to what."""
    kind = rng.choice(("net.json", "net.pt", "net.onnx"))
    changes = [
        (rng.random(), rng.choice((0, 255, rng.randrange(256))), rng.random() < 0.1)
        for _ in range(rng.randint(1, 8))
    ]
    return [(kind,), *changes]


def try_bytes(edits: list[tuple], folder: Path) -> None:
    """`triangle regions` on the changed file."""
    if not edits or len(edits[0]) > 1:
        return
    content = bytearray((folder.parent / "base" / edits[0][0]).read_bytes())
    for place, value, cut in edits[1:]:
        at = int(place * len(content))
        content[at : at + 1] = b"" if cut else bytes([value])
    path = folder / "work" / edits[0][0]
    path.write_bytes(content)
    run(["regions", path.name, "--box", "-1", "1"], folder)


def structure_edits(rng: random.Random) -> list[tuple]:
    """Inputs, widths, exponents of the scales, then single entries that change to odd ones."""
    inputs, widths = rng.choice((1, 1, 2, 2, 3)), [rng.randint(1, 3) for _ in range(rng.randint(1, 2))]
    spread = rng.choice((0, 0, 60, 600, 1060))
    odd = [(rng.random(), rng.choice(NUMBERS)) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    return [(inputs, widths, spread, rng.randrange(2**32)), *odd]


def try_structure(edits: list[tuple], folder: Path) -> None:
    """`triangle regions` on a network in JSON, against brute force in rationals where it is one."""
    if not edits or len(edits[0]) != 4:
        return
    inputs, widths, spread, seed = edits[0]
    rng = random.Random(seed)

    def scaled(exponent: int) -> float:
        value = rng.choice((0, rng.randint(-3, 3), rng.uniform(-2, 2)))
        return math.ldexp(value, max(-1080, min(1010, exponent)))

    def exponents(n: int) -> list[int]:
        return [rng.randint(-spread, min(spread, 900)) for _ in range(n)]

    before = exponents(inputs)
    box = [sorted((scaled(e), scaled(e))) for e in before]
    layers = []
    for width in (*widths, 1):
        after = exponents(width)
        weight = [[scaled(out - into) for into in before] for out in after]
        layers.append({"weight": weight, "bias": [scaled(out) for out in after]})
        before = after
    text = json.dumps({"layers": layers, "box": box})
    for place, number in edits[1:]:
        numbers = text.split(", ")
        numbers[int(place * len(numbers))] = number
        text = ", ".join(numbers)
    (folder / "work" / "net.json").write_text(text)
    code, out, err = run(["regions", "net.json", "--json"], folder)
    if len(edits) > 1:
        return
    possible = all(lo < hi and math.isfinite(hi - lo) for lo, hi in box)
    if code != 0 and possible:
        raise Failed(f"refused: {err}")
    if possible:
        found = json.loads(out)
        weights = [torch.tensor(layer["weight"], dtype=torch.float64) for layer in layers]
        biases = [torch.tensor(layer["bias"], dtype=torch.float64) for layer in layers]
        for name, expected in _expected(weights, biases, box).items():
            if found[name] != expected:
                raise Failed(f"{name}: {found[name]}, expected {expected}: {text}")


def _expected(weights: list, biases: list, box: list) -> dict[str, int]:
    if len(box) > 2:
        linear, activation, dead = reference_space.counts(
            weights, biases, torch.tensor(box, dtype=torch.float64)
        )
        return {"linear_regions": linear, "activation_regions": activation, "dead_neurons": dead}
    if len(box) == 2:
        return reference_plane.counts(weights, biases, torch.tensor(box, dtype=torch.float64))
    arrays = [[layer.numpy() for layer in layers] for layers in (weights, biases)]
    names = (
        "linear_regions",
        "activation_regions",
        "dead_neurons",
        "wide_linear_regions",
        "wide_activation_regions",
    )
    return dict(zip(names, reference_line.count(*arrays, *box[0])))


def folder_edits(rng: random.Random) -> list[tuple]:
    """The command, then which file of a run changes where and to what."""
    commands = (
        ["ls"],
        ["ls", "--format", "csv"],
        ["show", "run"],
        ["compare", "run", "run"],
        ["regions", "run"],
        ["run", "--from", "run"],
        ["show", "sweep"],
        ["compare", "sweep", "run"],
    )
    names = ("run.json", "run.json", "run.json", "errors.csv", "regions.csv", "network.pt", "config.yaml")
    names += ("jobs.json", "summary.md", ".index.json")
    ways = ("byte", "byte", "cut", "remove", "pipe", "zero", "folder", "entry", "entry", "entry")
    edits = [(rng.choice(names), rng.choice(ways), rng.random(), rng.randrange(256), rng.random() < 0.7)]
    return [(rng.choice(commands),), *edits * rng.choice((1, 1, 2))]


def try_folder(edits: list[tuple], folder: Path) -> None:
    """A command on a run whose files are not what it wrote."""
    if not edits or len(edits[0]) > 1:
        return
    outputs = folder / "work" / "outputs"
    shutil.copytree(folder.parent / "base" / "run", outputs / "x2" / "run")
    shutil.copytree(folder.parent / "base" / "sweep", outputs / "sweeps" / "sweep")
    shutil.copy(folder.parent / "base" / "index.json", outputs / ".index.json")
    for name, way, place, value, follows in edits[1:]:
        _damage(outputs / "x2" / "run" / name, way, place, value)
        _damage(outputs / "sweeps" / "sweep" / name, way, place, value)
        _damage(outputs / name, way, place, value)
        if follows and name != "run.json":
            _sign(outputs / "x2" / "run", name)
    run(edits[0][0], folder)


def _damage(path: Path, way: str, place: float, value: int) -> None:
    if not path.is_file():
        return
    content = path.read_bytes()
    at = int(place * len(content))
    if way in ("byte", "cut"):
        path.write_bytes(content[:at] + (bytes([value]) + content[at + 1 :] if way == "byte" else b""))
        return
    if way == "entry" and path.suffix == ".json":
        record = json.loads(content)
        inner = record
        while True:
            key = (
                sorted(inner)[int(place * len(inner))] if isinstance(inner, dict) else int(place * len(inner))
            )
            if value % 2 or not isinstance(inner[key], dict | list) or not inner[key]:
                break
            inner, value = inner[key], value // 2
        odd = (None, [], {}, "", "\x1b[31m", -1, 10**30, True, "../../dev/zero", [[]], {"name": []}, 1e308)
        inner[key] = odd[value % len(odd)]
        path.write_text(json.dumps(record))
        return
    path.unlink()
    if way == "pipe":
        os.mkfifo(path)
    elif way == "zero":
        path.symlink_to("/dev/zero")
    elif way == "folder":
        path.mkdir()


def _sign(run: Path, name: str) -> None:
    """Let run.json hold the digest of what is there now."""
    from triangle_cli.store import run_folder

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads((run / "run.json").read_text())
        record["sha256"][name] = run_folder._digest(run / name)
        (run / "run.json").write_text(json.dumps(record))


KINDS: dict[str, tuple[Callable, Callable]] = {
    "words": (word_edits, try_words),
    "grammar": (grammar_edits, try_grammar),
    "bytes": (byte_edits, try_bytes),
    "structure": (structure_edits, try_structure),
    "folder": (folder_edits, try_folder),
}


def bases(folder: Path) -> None:
    """What works, to be changed: a network in each format, and a run."""
    folder.mkdir()
    layers = [{"weight": [[1.0], [-2.0]], "bias": [0.5, 0.25]}, {"weight": [[1.0, 3.0]], "bias": [0.0]}]
    (folder / "net.json").write_text(json.dumps({"layers": layers}))
    model = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    torch.save(model.state_dict(), folder / "net.pt")
    from onnx import TensorProto, helper, numpy_helper, save

    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [None, 1]) for end in ("x", "y")]
    w = numpy_helper.from_array(model[0].weight.detach().numpy(), "w")
    v = numpy_helper.from_array(model[2].weight.detach().numpy(), "v")
    nodes = [helper.make_node("Gemm", ["x", "w"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["r"])]
    nodes.append(helper.make_node("Gemm", ["r", "v"], ["y"], transB=1))
    save(
        helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [w, v])), str(folder / "net.onnx")
    )
    inside = folder.parent / "first"
    (inside / "work").mkdir(parents=True)
    code, out, err = run(["run", *TINY], inside, longest=600)  # compiles loops
    assert code == 0, err
    shutil.move(inside / "work" / out.split("-> ")[1].strip(), folder / "run")
    code, out, err = run(["run", "-m", *TINY, "seed=0,1"], inside)
    assert code == 0, err
    (sweep,) = (inside / "work" / "outputs" / "sweeps").iterdir()
    shutil.move(sweep, folder / "sweep")
    run(["ls"], inside)
    for inputs in (1, 2, 3):  # compiled here, forks need not
        network = [torch.ones(1, inputs).double(), torch.ones(1, 1).double()], [torch.zeros(1).double()] * 2
        report.count(Layers.of(*network), [[-1.0, 1.0]] * inputs, exact=False)
    shutil.copy(inside / "work" / "outputs" / ".index.json", folder / "index.json")


def failure(kind: str, edits: list, top: Path) -> str | None:
    """What goes wrong with a case; None: nothing."""
    folder = top / "case"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    there = {path.name for path in top.iterdir()}
    try:
        KINDS[kind][1](edits, folder)
    except Failed as failed:
        return str(failed)
    if {path.name for path in top.iterdir()} != there or {p.name for p in folder.iterdir()} - {
        "work",
        "temporary",
        "out",
        "err",
    }:
        return "wrote outside of its folder"
    return None


def shrunk(kind: str, edits: list, top: Path) -> list:
    """The same case with every edit left out without which it fails too."""
    index = 0
    while index < len(edits):
        fewer = edits[:index] + edits[index + 1 :]
        if failure(kind, fewer, top):
            edits = fewer
        else:
            index += 1
    return edits


def fuzz(seconds: float, seed: int) -> tuple[Counter, list[str]]:
    """How many cases of each kind were tried, and a line for each that failed."""
    torch.set_num_threads(1)
    tried: Counter = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="triangle-fuzz-") as name:
        top = Path(name)
        bases(top / "base")
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(failures) < 10:
            rng = random.Random(seed)
            kind = rng.choice(list(KINDS))
            edits = KINDS[kind][0](rng)
            tried[kind] += 1
            if said := failure(kind, edits, top):
                small = shrunk(kind, edits, top)
                failures.append(f"seed {seed}: {kind} {small!r}: {failure(kind, small, top) or said}")
                print(failures[-1], flush=True)
            seed += 1
    return tried, failures


if __name__ == "__main__":
    import hydra.main  # noqa: F401  # forks need not import it again
    import matplotlib.figure  # noqa: F401
    import pandas as pd  # noqa: F401

    from triangle_cli.fit import experiment, pictures  # noqa: F401

    first = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**9)
    print(f"first seed {first}", flush=True)
    done, failed = fuzz(float(sys.argv[1]), first)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(done.items()))
    print(f"{sum(done.values())} cases ({kinds}), {len(failed)} failed")
    sys.exit(1 if failed else 0)
