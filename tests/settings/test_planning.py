"""A sweep's jobs are configured as Hydra itself would."""

import time
from pathlib import Path

import pytest
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from triangle_cli.cli.run import register
from triangle_cli.settings.compose import composed_settings
from triangle_cli.settings.planning import Composer

CONF = Path(__file__).parents[2] / "conf"
GROUPS = sorted(
    path.name for path in CONF.iterdir() if path.is_dir() and path.name not in ("hydra", "__pycache__")
)


@pytest.fixture
def loader():
    register("test", [])
    with initialize_config_module("triangle_cli.conf", version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def composer(loader):
    master = loader.load_configuration("config", ["seed=1,2", "hydra.verbose=true"], RunMode.MULTIRUN)
    return Composer(loader, loader.load_sweep_config, master)


def resolved(config):
    """All of it with what only Hydra knows, the groups' names, looked up."""
    plain, choices = OmegaConf.to_container(config), config.hydra.runtime.choices
    for group, chosen in choices.items():
        settings = plain.get(group)
        if isinstance(settings, dict) and settings.get("name") == f"${{hydra:runtime.choices.{group}}}":
            settings["name"] = chosen
    return plain


def assert_as_hydras(composer, *words):
    words = list(words)
    expected = composer._compose(composer._master, words)
    found = composer(words)
    assert resolved(found) == resolved(expected)
    assert OmegaConf.get_type(found) is OmegaConf.get_type(expected)
    assert OmegaConf.is_struct(found)
    settings = []
    for config in (expected, found):
        HydraConfig.instance().cfg = config
        try:
            settings.append(composed_settings(config))
        except Exception as error:  # such as a folder of pictures that is not there
            settings.append(str(error))
    assert settings[0] == settings[1]


@pytest.mark.parametrize("group", GROUPS)
def test_a_job_is_configured_as_by_hydra_whatever_it_chooses(composer, group):
    choices = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    for number, word in enumerate({choices[0], choices[-1]}):
        assert_as_hydras(composer, f"seed={number}", f"{group}={word}", "outputs=elsewhere")


@pytest.mark.parametrize(
    "words",
    [
        ["depth=3", "schedule.phases.0.epochs=7", "depth=4"],
        ["function.formula='x**2 + 1'", "function.interval=[0,2]", "init.peaks=[0.1,0.2,0.3]", "depth=2"],
        ["regions={every:7}", "init=random", "points=sparse"],
        ["+new=1", "seed=2"],
        ["seed=2", "++depth=7", "depth=8"],
        ["~network", "seed=3"],
        ["method=second_order", "init=raai", "experiment=dense", "seed=9"],
    ],
    ids=" ".join,
)
def test_values_are_set_as_by_hydra(composer, words):
    assert_as_hydras(composer, *words)


def test_one_job_leaves_the_next_alone(composer):
    composer(["depth=3", "points.train=7"])
    assert_as_hydras(composer, "depth=3")


@pytest.mark.parametrize("word", ["dpeth=3", "depth=deep", "function=x99"])
def test_what_does_not_fit_is_refused_before_any_job_starts(composer, word):
    with pytest.raises(HydraException):
        composer.check([["seed=1"], ["seed=2", word]])


def test_planning_a_job_costs_a_fraction_of_hydras_own_composition(composer):
    def seconds(compose, *given):
        began = time.process_time()
        HydraConfig.instance().cfg = config = compose(*given)
        composed_settings(config)
        return time.process_time() - began

    words = ["function=x3", "depth=4", "seed=1"]
    composer(words)  # composes what both have in common
    hydras = min(seconds(composer._compose, composer._master, words) for _ in range(3))
    assert min(seconds(composer, words) for _ in range(10)) < 0.25 * hydras
