"""The `triangle` command: words in, exit codes out. The only module that knows Hydra.

`run` is a Hydra application behind a subcommand; the other commands parse their own words. Nothing here
imports torch before a run starts, so that help, completion and configuration answer at once.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from triangle_cli import __version__, interrupts
from triangle_cli.cli import completion, finished
from triangle_cli.runs import repeat
from triangle_cli.store import run_folder

HELP = """triangle: ReLU networks that are forced to use their depth

usage: triangle COMMAND ...

  run [-m] [KEY=VALUE ...]   train, count the linear regions, write tables to outputs/
  run --from RUN             repeat a finished run, and say whether the numbers agree
  ls [WORD ...]              finished runs: --where EXPR, --sort COL, --format text|csv|parquet, --out FILE
  show RUN                   settings, tables and picture of a run: its folder, its hash or a part of its path
  compare A B                the settings in which two runs differ, then their figures
  paper [NAME ...]           tables and figures from the runs of experiment=NAME
  regions FILE [...]         exact linear regions of any ReLU network: a run, a state_dict, ONNX or JSON
  completion bash|zsh        print a tab-completion script: eval "$(triangle completion bash)"
  --help, --version

examples:
  triangle run function=x2 depth=8
  triangle run function=tanh3x init=random seed=1
  triangle run -m function=x2,x3 depth=4,6,8 init=random,triangle
  triangle ls --where "depth >= 6 and init == 'triangle'" --sort mse_min
  triangle regions net.json --box -1 1 --picture regions.png
  triangle run --help        every setting, and the words each takes
  triangle regions --help    every option, with examples
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 where something failed, 2 for words not understood."""
    command, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if command not in COMMANDS:
        from triangle_cli.settings.names import close

        hint = close(command, COMMANDS)
        print(
            f"triangle: no command {command!r}, expected one of {', '.join(COMMANDS)}{hint}", file=sys.stderr
        )
        return 2
    code = 0
    try:
        with interrupts.noted():
            try:
                code = COMMANDS[command](rest)
                if sys.stdout:  # None where the shell closed it
                    sys.stdout.flush()  # here: at its end Python would say at length that it cannot
                return code
            except KeyboardInterrupt as stop:
                interrupts.leave()
                print(f"triangle: interrupted{f': {stop}' if str(stop) else ''}", file=sys.stderr)
                return 130
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has gone
        _drop_output()
        return 1
    except OSError as error:
        if error.filename is not None:
            raise
        _drop_output()
        if code == 0:  # else the command has said so
            print(f"triangle: {run_folder.named(error)}", file=sys.stderr)
        return code or 1


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_help(_: list[str]) -> int:
    print(HELP, end="")
    return 0


def _print_version(_: list[str]) -> int:
    print(f"triangle {__version__}")
    return 0


def _run(words: list[str]) -> int:
    """A Hydra application: `triangle run --help` is Hydra's, with our text."""
    if repeat.asked(words):
        return repeat.main(words, _recorded_settings)
    if "-sc" in words and (choices := completion.values(os.environ.get("COMP_LINE", ""))):
        print(" ".join(choices))
        return 0
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from triangle_cli.cli import messages, overrides

    options, settings = overrides.split(words)
    words = options + settings
    atexit.register(gc.freeze)  # the last collection would go through all of torch, which takes half a second
    _register()
    os.environ["TRIANGLE_SWEEP"] = _sweep_name(words)  # read by conf/config.yaml, here and in workers
    application = hydra.main(version_base="1.3", config_path="pkg://triangle_cli.conf", config_name="config")(
        _job
    )
    of_hydra = (HydraException, OmegaConfBaseException, YAMLError)
    wants_traceback = bool(os.environ.get("HYDRA_FULL_ERROR"))
    try:
        overrides.check(settings)
        typed = options + _once_there_are_data(settings) + _elsewhere(words)
        with _as_program("triangle run", typed), _raw_errors():
            application()
    except BrokenPipeError:
        raise
    except (ValueError, OSError, *of_hydra, AssertionError, TypeError) as error:
        interrupts.check()
        if wants_traceback or (isinstance(error, (AssertionError, TypeError)) and not _of_omegaconf(error)):
            raise
        print(f"triangle: {messages.explain(error, words)}", file=sys.stderr)
        return 1
    except SystemExit as end:
        if not isinstance(end.code, str):
            return end.code or 0
        if wants_traceback:
            raise end.__cause__ from None
        print(f"triangle: {end.code}", file=sys.stderr)
        return 1
    return 0


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
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_globals["__name__"].startswith("omegaconf")


def _sweep_name(words: list[str]) -> str:
    """The folder of a sweep: the same for the same settings, in whatever order and wherever it runs."""
    from triangle_cli.settings.settings import HOW

    ignored = ("-", "hydra", "launcher=", *(f"{key}=" for key in HOW))
    chosen = sorted(word for word in words if not word.startswith(ignored))
    return hashlib.sha256("\n".join(chosen).encode()).hexdigest()[:8]


def _elsewhere(words: list[str]) -> list[str]:
    """For a dry run, which writes nothing: what Hydra makes in any case goes to a folder that does not stay."""
    if not any(word.lower() in ("dry_run=true", "dry_run=yes", "dry_run=on", "dry_run=1") for word in words):
        return []
    import shutil
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


def _register() -> None:
    """Tell Hydra the types of the settings, and how folders are named."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins
    from omegaconf import OmegaConf

    from hydra_plugins.triangle_launcher import SweepLauncher
    from triangle_cli.settings.settings import Settings, require_outputs

    def folder_of_run(*, _root_: Any) -> str:
        settings = typed_settings(_root_)
        if not run_folder.read_run(Path(settings.folder)):
            from triangle_cli.runs.perform import experiment_of

            experiment_of(settings).check(settings)  # here: Hydra makes the folder before it starts the job
        return settings.folder

    ConfigStore.instance().store("settings", Settings)

    def sweep_folder(*, _root_: Any) -> str:
        require_outputs(_root_.outputs)  # before Hydra makes the folder
        return f"{_root_.outputs}/sweeps/{os.environ['TRIANGLE_SWEEP']}"

    OmegaConf.register_new_resolver("triangle_folder", folder_of_run, replace=True)
    OmegaConf.register_new_resolver("triangle_sweep", sweep_folder, replace=True)
    Plugins.instance().register(
        SweepLauncher
    )  # by hand: Hydra's search misses it in an editable installation


def typed_settings(config: Any) -> Any:
    """The typed settings of a composed configuration.

    Raises:
        ValueError: a value is out of its range, or `+key=value` added a setting that does not exist.
    """
    import copy

    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict, read_write

    from triangle_cli.settings.names import setting_names, unknown_setting
    from triangle_cli.settings.settings import DATA_GROUPS, FUNCTION_GROUPS

    config = copy.deepcopy(config)
    with read_write(config), open_dict(config):
        config.pop("hydra", None)
        for group in (*FUNCTION_GROUPS, *DATA_GROUPS):
            choice = HydraConfig.get().runtime.choices[group]
            if choice is not None and config[group] is None:
                raise ValueError(f"{group}={choice}: expected nothing with data=...")
            if choice is None:
                config[group] = None
        _require_fitting_method(HydraConfig.get().runtime.choices["method"], config.data is not None)
        words = [word.lstrip("+").split("=", 1)[0] for word in HydraConfig.get().overrides.task]
        if "function.formula" in words and "function.name" not in words and config.function is not None:
            config.function.name = _as_name(config.function.formula)  # no longer what the choice is called
    for key in set(_keys(OmegaConf.to_container(config))) - set(setting_names()):
        raise ValueError(unknown_setting(key, []))
    return OmegaConf.to_object(config)


def _require_fitting_method(method: str | None, from_data: bool) -> None:
    """Those of conf/method are either for functions or for data; a user's own may be for both."""
    from importlib import resources

    from triangle_cli.settings.settings import DATA_METHODS

    ours = method and (resources.files("triangle_cli.conf") / "method" / f"{method}.yaml").is_file()
    if ours and (method in DATA_METHODS) is not from_data:
        wanted = f"one of {', '.join(DATA_METHODS)} with data=..." if from_data else "data=... with it"
        raise ValueError(f"method={method}: expected {wanted}")


def _as_name(formula: str) -> str:
    """A formula as the name of a folder: exp(-x**2) is exp_-x2."""
    return re.sub(r"[^\w.+-]+", "_", formula.replace("**", "")).strip("_")[:60]


def _recorded_settings(record: dict[str, Any]) -> Any:
    """The typed settings of a finished run, from its run.json.

    Raises:
        ValueError: they are not those of this version, or out of range.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from triangle_cli.settings.settings import DATA_GROUPS, FUNCTION_GROUPS, Settings

    how = {"threads": record.get("threads", 1), "outputs": "outputs", "force": False}
    how |= {"on_failure": "continue", "tracker": "none", "dry_run": False}
    chosen = dict.fromkeys((*FUNCTION_GROUPS, *DATA_GROUPS)) | record["settings"] | how
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Settings), chosen))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{record['hash']}: not the settings of this version of triangle ({reason})"
        ) from None


def _keys(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key of nested dictionaries, as `outer.inner`."""
    for key, value in tree.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{key}.")


def _job(config: Any) -> Any:
    """One job of Hydra's: a run of its own, or one of a sweep."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from triangle_cli.cli.messages import explain
    from triangle_cli.runs import perform

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    words = list(hydra.overrides.task)
    if hydra.mode is RunMode.MULTIRUN:  # under a launcher that is not ours
        from triangle_cli.cli.multirun import run_foreign_job

        return run_foreign_job(config, hydra.job.num, words, folder)
    try:
        if config.dry_run:
            from triangle_cli.sweeps import estimate, work

            print(
                "\n".join(
                    estimate.lines(
                        [work.plan(0, work.choosing(words), lambda: typed_settings(config), folder)], 1
                    )
                )
            )
            return None
        return perform.perform_and_report(typed_settings(config), Path(os.path.relpath(folder)), words)
    except (ValueError, OSError) as error:
        raise SystemExit(explain(error, words)) from error  # Hydra adds lines of its own to any other error


def _paper(words: list[str]) -> int:
    """`triangle paper`: tables and figures from the runs on disk."""
    from triangle_cli.cli import paper

    try:
        return paper.main(words)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"triangle paper: {run_folder.named(error)}", file=sys.stderr)
    except ValueError as error:
        print(f"triangle paper: {error}", file=sys.stderr)
    return 1


def _regions(words: list[str]) -> int:
    """`triangle regions`: count the regions of a network in a file."""
    from triangle_cli.cli import regions

    try:
        return regions.main(words)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"triangle regions: {run_folder.named(error)}", file=sys.stderr)
    except ValueError as error:
        print(f"triangle regions: {error}", file=sys.stderr)
    return 1


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": _run,
    "ls": finished.ls,
    "show": finished.show,
    "compare": finished.compare,
    "paper": _paper,
    "regions": _regions,
    "completion": completion.main,
    "--help": _print_help,
    "-h": _print_help,
    "--version": _print_version,
}
