"""What it takes to plan a job of a sweep."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from triangle_cli.cli.run import register
from triangle_cli.settings.compose import composed_settings
from triangle_cli.settings.planning import Composer


def planning() -> tuple[Callable[[], float], Callable[[], float]]:
    """Seconds of the processor for the settings of a job, by Hydra's composition and by ours."""
    register("benchmark", [])
    seeds = itertools.count()
    with initialize_config_module("triangle_cli.conf", version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["seed=1,2"], RunMode.MULTIRUN)
    composer = Composer(loader, loader.load_sweep_config, master)

    def seconds(compose: Callable[[list[str]], Any]) -> float:
        words = ["function=x3", "depth=4", f"seed={next(seeds)}"]
        began = time.process_time()
        HydraConfig.instance().cfg = config = compose(words)
        composed_settings(config)
        return time.process_time() - began

    return lambda: seconds(lambda words: loader.load_sweep_config(master, words)), lambda: seconds(composer)
