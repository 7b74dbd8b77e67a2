"""Settings as the command line composes them, for tests that need no process."""

from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig

from triangle_cli.cli.run import register
from triangle_cli.runs.choose import chosen_settings
from triangle_cli.settings.run import FitSettings, LearnSettings


def settings_of(*words: str) -> FitSettings | LearnSettings:
    register("test", [])
    with initialize_config_module("triangle_cli.conf", version_base="1.3"):
        config = compose("config", overrides=list(words), return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        return chosen_settings(config)
