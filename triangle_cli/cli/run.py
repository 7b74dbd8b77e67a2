"""`triangle run`: a Hydra application behind a command, one run or a sweep."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from triangle_cli import console, imports, interrupts
from triangle_cli.cli.yaml_files import guard_yaml
from triangle_cli.runs import repeat
from triangle_cli.store import run_folder


def run(words: list[str]) -> int:
    """A Hydra application: `triangle run --help` is Hydra's, with our text."""
    if repeat.asked(words):
        from triangle_cli.settings.compose import recorded_settings

        return repeat.main(words, recorded_settings)
    if "-sc" in words:
        from triangle_cli.cli import completion

        if choices := completion.values(os.environ.get("COMP_LINE", "")):
            print(" ".join(choices))
            return 0
    with imports.uncollected():
        import hydra
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError

        from triangle_cli.cli import messages, overrides
        from triangle_cli.sweeps import depths

    options, settings = overrides.split(words)
    deepest = depths.ASKED in settings
    if deepest:
        options = options if {"-m", "--multirun"} & set(options) else ["-m", *options]
        settings = depths.as_sweep(settings)
    words = options + settings
    made: list[Path] = []  # folders that were not there before
    swept: list[Path] = []
    with imports.uncollected():
        register(_sweep_name(words), made, swept)
    application = hydra.main(version_base="1.3", config_path="pkg://triangle_cli.conf", config_name="config")(
        _job
    )
    of_hydra = (HydraException, OmegaConfBaseException, YAMLError)
    of_a_mistake = (AssertionError, TypeError, AttributeError)  # whose, see `_of_omegaconf`
    wants_traceback = bool(os.environ.get("HYDRA_FULL_ERROR"))
    try:
        overrides.check(settings)
        made.extend(_folders_asked_for(words))
        typed = options + _once_there_are_data(settings) + _elsewhere(words)
        with _as_program("triangle run", typed), _raw_errors(), _composing_once(options):
            application()
    except BrokenPipeError:
        raise
    except (ValueError, OSError, *of_hydra, *of_a_mistake) as error:
        interrupts.check()
        if wants_traceback or (isinstance(error, of_a_mistake) and not _of_omegaconf(error)):
            raise
        console.fail(messages.explain(error, words))
        return 1
    except SystemExit as end:
        if not isinstance(end.code, str):
            return (_tell_depth(swept) if deepest else 0) or end.code or 0
        if wants_traceback and end.__cause__ is not None:
            raise end.__cause__ from None
        console.fail(end.code)
        return 1
    finally:
        _remove_refused(made)
    return _tell_depth(swept) if deepest else 0


def _tell_depth(swept: list[Path]) -> int:
    """Which depth of the sweep that has just ended is the best."""
    from triangle_cli.sweeps import depths

    if not swept or not (swept[-1] / "jobs.json").is_file():  # a dry run
        return 0
    for line in depths.lines(swept[-1]):
        console.say(line)
    return 0


def _remove_refused(made: list[Path]) -> None:
    """Remove the folders that Hydra made for jobs of which none could begin: they hold its words and logs alone."""
    from triangle_cli.sweeps.job import LOG

    for folder in made:
        files = [path.name for path in folder.rglob("*") if not path.is_dir()]
        if files and set(files) <= {"multirun.yaml", LOG}:
            shutil.rmtree(folder, ignore_errors=True)
    run_folder.remove_empty(made)


def _once_there_are_data(settings: list[str]) -> list[str]:
    """In a sweep over data=, Hydra would set data.* and model.* before there are any; as lists of one they wait."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    def listed(word: str) -> bool:
        (override,) = OverridesParser.create().parse_overrides([word])
        return override.is_sweep_override()

    def waits(word: str) -> bool:
        return word.startswith(("data.", "model.")) and not listed(word)

    if not any(word.startswith("data=") and listed(word) for word in settings):
        return settings
    return [re.sub("=(.*)", r"=choice(\1)", word) if waits(word) else word for word in settings]


def _of_omegaconf(error: BaseException) -> bool:
    """Whether omegaconf raised this, as it does for keys that lead nowhere; from elsewhere it is a mistake of ours."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals["__name__"].startswith("omegaconf")


def _sweep_name(words: list[str]) -> str:
    """The folder of a sweep: the same for the same settings, in whatever order and wherever it runs."""
    from triangle_cli.settings.run import HOW

    ignored = ("-", "hydra", "launcher=", *(f"{key}=" for key in HOW))
    chosen = sorted(word for word in words if not word.startswith(ignored))
    return hashlib.sha256("\n".join(chosen).encode()).hexdigest()[:8]


def _folders_asked_for(words: list[str]) -> list[Path]:
    """Folders that Hydra will make because words name them, and that are not there yet."""
    named = [
        word.partition("=")[2] for word in words if word.startswith(("hydra.run.dir=", "hydra.sweep.dir="))
    ]
    return [folder for name in named for folder in run_folder.missing_folders(Path(name))]


def _elsewhere(words: list[str]) -> list[str]:
    """For a dry run, which writes nothing: what Hydra makes in any case goes to a folder that does not stay."""
    asked = [
        word.partition("=")[2].strip().lower() for word in words if word.lstrip("+").startswith("dry_run=")
    ]
    if all(value in ("false", "no", "off", "n", "0", "null") for value in asked):
        return []
    import tempfile

    folder = tempfile.mkdtemp(prefix="triangle-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return [f"hydra.sweep.dir={folder}", f"hydra.run.dir={folder}"]


@contextmanager
def _as_program(name: str, words: list[str]) -> Iterator[None]:
    """Let Hydra read these words as its own command line."""
    before = sys.argv
    sys.argv = [name, *words]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _raw_errors() -> Iterator[None]:
    """Let Hydra hand its errors on instead of printing them with a traceback."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        os.environ.pop("HYDRA_FULL_ERROR")
        if before is not None:
            os.environ["HYDRA_FULL_ERROR"] = before


@contextmanager
def _composing_once(options: list[str]) -> Iterator[None]:
    """Let Hydra run what it composes first, to see whether a file asks for a sweep; else it composes a run twice."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra.types import RunMode

    if {"-m", "--multirun"} & set(options):
        yield
        return
    load: Any = ConfigLoaderImpl.load_configuration
    first: list[Any] = []

    def load_once(*asked: Any, **how: Any) -> Any:
        if how.get("validate_sweep_overrides", True):
            return first.pop() if first else load(*asked, **how)
        try:
            config = load(*asked, **how | {"run_mode": RunMode.RUN, "validate_sweep_overrides": True})
        except Exception:  # said when it is composed to run
            return load(*asked, **how)
        if config.hydra.mode is not RunMode.MULTIRUN:
            first.append(config)
        return config

    loader: Any = ConfigLoaderImpl
    loader.load_configuration = load_once
    try:
        yield
    finally:
        loader.load_configuration = load


def register(sweep: str, made: list[Path], swept: list[Path] | None = None) -> None:
    """Tell Hydra the types of the settings, and how folders are named.

    sweep: the name of the folder of a sweep that is no experiment.
    made: takes on the folders that Hydra is going to make; swept: that of the sweep.
    """
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    from hydra_plugins.triangle_launcher import SweepLauncher
    from triangle_cli.runs.choose import chosen_settings
    from triangle_cli.settings.run import Composed, require_outputs

    guard_yaml()

    def folder_of_run(*, _root_: Any) -> str:
        settings = chosen_settings(_root_)
        if not run_folder.read_run(Path(settings.folder)):
            from triangle_cli.runs.perform import experiment_of

            experiment_of(settings).check(settings)  # here: Hydra makes the folder before it starts the job
        made.extend(run_folder.missing_folders(Path(settings.folder)))
        return settings.folder

    ConfigStore.instance().store("settings", Composed)

    def sweep_folder(*, _root_: Any) -> str:
        require_outputs(_root_.outputs)  # before Hydra makes the folder
        folder = f"{_root_.outputs}/sweeps/{_root_.hydra.runtime.choices.get('experiment') or sweep}"
        made.extend(run_folder.missing_folders(Path(folder)))
        if swept is not None:
            swept.append(Path(folder))
        return folder

    OmegaConf.register_new_resolver("triangle_folder", folder_of_run, replace=True)
    OmegaConf.register_new_resolver("triangle_sweep", sweep_folder, replace=True)
    OmegaConf.register_new_resolver("triangle_sweep_name", lambda: sweep, replace=True)
    # by hand: Hydra's search misses it in an editable installation
    Plugins.instance().register(SweepLauncher)


def _job(config: Any) -> Any:
    """One job of Hydra's: a run of its own, or one of a sweep."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from triangle_cli.cli.messages import explain
    from triangle_cli.runs.choose import chosen_settings
    from triangle_cli.settings.compose import typed_words

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    words = typed_words()
    if hydra.mode is RunMode.MULTIRUN:  # under a launcher that is not ours
        from triangle_cli.cli.multirun import run_foreign_job

        return run_foreign_job(config, hydra.job.num, words, folder)
    try:
        if config.dry_run:
            from triangle_cli.sweeps import collect, estimate, job

            planned = job.plan(0, collect.choosing(words), partial(chosen_settings, config), folder)
            lines, code = estimate.lines([planned], 1)
            console.say("\n".join(lines))
            if code:
                raise SystemExit(code)
            return None
        from triangle_cli.runs import report

        return report.perform_and_report(chosen_settings(config), Path(os.path.relpath(folder)), words)
    except (ValueError, OSError) as error:
        raise SystemExit(explain(error, words)) from error  # Hydra adds lines of its own to any other error
