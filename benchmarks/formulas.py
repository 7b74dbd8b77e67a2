"""What an epoch of `experiment=formulas` takes with each kind of layer: the numbers of learn/searching.py.

1,000 points of three inputs in one batch, as near to 1,000 parameters as widths allow, on one core. Turns alternate
between the kinds, and what is measured is the processor's time.

    python benchmarks/formulas.py [--turns 15]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig

from triangle_cli.cli.run import register
from triangle_cli.learn.experiment import prepare
from triangle_cli.learn.searching import kind_of
from triangle_cli.settings.compose import composed_settings

METHODS = ("relu", "silu", "tanh", "siren", "kan", "layers", "layers_free", "layers_released", "limit")
STEPS = 5  # a turn


def settings_of(method):
    words = ["data=lens", f"method={method}", "model.hidden=[32,32]", "model.parameters=1000"]
    config = compose("config", words, return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    return composed_settings(config)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    register("benchmark", [])
    work = {}
    with initialize_config_module("triangle_cli.conf", version_base="1.3"):
        for method in METHODS:
            settings = settings_of(method)
            examples, make, _ = prepare(settings)
            model = make()
            phase = settings.schedule.phases[-1]
            kind = kind_of(settings, phase)
            if kind == "released":
                from triangle_cli.nn import release

                release(model)
            (batch,) = examples.split(0).train.batches(1000, torch.Generator())
            work[kind] = model, torch.optim.Adam(model.parameters(), 1e-3), batch
    times = {kind: [] for kind in work}
    for turn in range(turns + 1):  # the first warms up
        for kind, (model, optimizer, (x, y)) in work.items():
            began = time.process_time()
            for _ in range(STEPS):
                optimizer.zero_grad()
                torch.nn.functional.mse_loss(model(x), y).backward()
                optimizer.step()
            if turn:
                times[kind].append(1e3 * (time.process_time() - began) / STEPS)
    for kind, taken in times.items():
        parameters = sum(parameter.numel() for parameter in work[kind][0].parameters())
        print(f"{kind:>18}{statistics.median(taken):>8.2f} ms an epoch, {parameters} parameters")


if __name__ == "__main__":
    main()
