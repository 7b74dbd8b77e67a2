"""The configurations of a sweep's jobs, as Hydra composes them; but composed once for each set of choices.

Hydra reads and merges some twenty files for every job, which takes a tenth of a second. Jobs with the same words for
groups, such as function=x3, differ in values alone, and these are set on copies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, read_write

SETS = 256  # of choices whose configuration is kept: some 100 MB
LOOKED_AT = 100  # jobs with words that no job before them has, which `check` composes


class Composer:
    """Composes jobs of a sweep.

    Args:
        loader: Hydra's.
        compose: the loader's `load_sweep_config`: a configuration from the sweep's and the words of a job.
        master: the sweep's configuration.
    """

    def __init__(
        self,
        loader: ConfigLoaderImpl,
        compose: Callable[[DictConfig, list[str]], DictConfig],
        master: DictConfig,
    ) -> None:
        self._loader = loader
        self._compose = compose
        self._master = master
        self._base = lru_cache(SETS)(self._composed)
        self._parse = lru_cache(None)(lambda word: OverridesParser.create().parse_override(word))

    def __call__(self, words: Sequence[str]) -> DictConfig:
        """The configuration of a job with these words; Hydra's own part of it serves until the next job's.

        Raises:
            HydraException: a word does not fit.
        """
        overrides = [self._parse(word) for word in words]
        values = [override for override in overrides if self._sets_a_value(override)]
        if not all(self._keeps_keys(override) for override in values):
            return self._compose(self._master, list(words))
        base = self._base(*(override.input_line for override in overrides if override not in values))
        hydra = base.hydra
        config = copy.deepcopy(base, {id(hydra): hydra})
        hydra._set_parent(config)
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        job = config.hydra.job
        config.hydra.overrides.task = list(words)
        job.override_dirname = get_overrides_dirname(overrides, **job.config.override_dirname)
        return config

    def _composed(self, *words: str) -> DictConfig:
        """The configuration for these choices, in which the groups' names are those chosen.

        They are `${hydra:runtime.choices.function}` and so on, which to read takes as long as to copy all the rest.
        """
        config = self._compose(self._master, list(words))
        with read_write(config):
            for group, chosen in config.hydra.runtime.choices.items():
                settings: Any = config.get(group)
                if not isinstance(settings, DictConfig) or "name" not in settings:
                    continue
                name: Any = settings._get_node("name")
                if name._value() == f"${{hydra:runtime.choices.{group}}}":
                    settings.name = chosen
        return config

    def check(self, jobs: Iterable[Sequence[str]]) -> None:
        """Compose the first jobs with each word, so that what does not fit is refused before any starts.

        Raises:
            HydraException: a word does not fit.
        """
        seen: set[str] = set()
        looked_at = 0
        for words in jobs:
            if not seen.issuperset(words):
                seen.update(words)
                self(words)
                looked_at += 1
                if looked_at == LOOKED_AT:
                    return

    def _sets_a_value(self, override: Override) -> bool:
        """Whether this changes a value, and no choice of files."""
        group = self._loader.repository.group_exists(override.key_or_group)
        return not group or isinstance(override.value(), dict)

    def _keeps_keys(self, override: Override) -> bool:
        """Whether it neither adds nor removes a key: then it can come after all choices; and is not Hydra's own."""
        changed = override.is_add() or override.is_force_add() or override.is_delete()
        return not changed and override.package is None and not override.is_hydra_override()
