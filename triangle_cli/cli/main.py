"""The `triangle` command: words in, exit codes out.

A command is a module of this room that is imported when it is asked for, so that help and completion answer at once.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from triangle_cli import __version__, console, imports, interrupts


@dataclass(frozen=True)
class Command:
    """A command: where it is, `module:function` of this room, and its lines of help, words and meaning."""

    path: str
    parser: str | None  # what makes its parser, likewise; None for `run`, whose words are Hydra's
    help: tuple[tuple[str, str], ...]
    name: str = "triangle"  # what a line about a mistake begins with

    def __call__(self, words: list[str]) -> int:
        """Run it; returns its exit code."""
        return _of_this_room(self.path)(words)

    def completions(self) -> dict[str, list[str]]:
        """See `options.Parser.completions`."""
        return _of_this_room(self.parser)().completions() if self.parser else {}


def _of_this_room(path: str) -> Callable[..., Any]:
    module, function = path.split(":")
    with imports.uncollected():
        return getattr(importlib.import_module(f"triangle_cli.cli.{module}"), function)


COLLECT_EVERY = 20_000  # new objects; by default 700, and imports make half a million that stay

COMMANDS = {
    "run": Command(
        "run:run",
        None,
        (
            ("[-m] [KEY=VALUE ...]", "train, count the linear regions, write tables to outputs/"),
            ("--from RUN", "repeat a finished run, and say whether the numbers agree"),
        ),
    ),
    "ls": Command(
        "listing:ls",
        "listing:ls_parser",
        (
            (
                "[WORD ...]",
                "finished runs, or --sweeps: --where EXPR, --sort COL, --limit N, --format json|csv",
            ),
        ),
    ),
    "show": Command(
        "finished:show",
        "finished:show_parser",
        (("RUN", "settings, tables and picture of a run: its folder, its hash or a part of its path"),),
    ),
    "compare": Command(
        "finished:compare",
        "finished:compare_parser",
        (("A B", "the settings in which two runs differ, then their figures"),),
    ),
    "watch": Command(
        "watch:main",
        "watch:parser",
        (("[SWEEP]", "a running sweep, followed live: its jobs, the best so far, the time left"),),
        "triangle watch",
    ),
    "plot": Command(
        "plot:main",
        "plot:parser",
        (
            (
                "[RUN|SWEEP|WORD ...]",
                "draw any column against any other: --x depth --y mse_min --hue init --log",
            ),
        ),
        "triangle plot",
    ),
    "report": Command(
        "report:main",
        "report:parser",
        (("[RUN|SWEEP|WORD ...]", "one page that tells a study: --out report.html"),),
        "triangle report",
    ),
    "paper": Command(
        "paper:main",
        "paper:parser",
        (("[NAME ...]", "tables and figures from the runs of experiment=NAME"),),
        "triangle paper",
    ),
    "regions": Command(
        "regions:main",
        "regions:parser",
        (("FILE [...]", "exact linear regions of any ReLU network: a run, a state_dict, ONNX or JSON"),),
        "triangle regions",
    ),
    "export": Command(
        "export:main",
        "export:parser",
        (("RUN --to KIND", "a trained network as C, ONNX, numpy, torch, JSON, or a table of its pieces"),),
        "triangle export",
    ),
    "predict": Command(
        "predict:main",
        "predict:parser",
        (("RUN --x A,B | --csv FILE", "values, slopes and the numbers of the pieces at points"),),
        "triangle predict",
    ),
    "completion": Command(
        "completion:main",
        "completion:parser",
        (("bash|zsh", 'print a tab-completion script: eval "$(triangle completion bash)"'),),
    ),
}

EXAMPLES = """
examples:
  triangle run function=x2 depth=8
  triangle run function=tanh3x init=random seed=1
  triangle run -m function=x2,x3 depth=4,6,8 init=random,triangle
  triangle ls --where "depth >= 6 and init == 'triangle'" --sort mse_min
  triangle regions net.json --box -1 1 --picture regions.png
  triangle run --help        every setting, and the words each takes
  triangle regions --help    every option, with examples
"""


def help_text() -> str:
    """What `triangle --help` prints."""
    lines = [
        (f"{name} {words}", meaning) for name, command in COMMANDS.items() for words, meaning in command.help
    ]
    listed = "".join(f"  {words:<25}  {meaning}\n" for words, meaning in lines)
    title = "triangle: ReLU networks that are forced to use their depth\n\nusage: triangle COMMAND ...\n\n"
    return f"{title}{listed}  --help, --version\n{EXAMPLES}"


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 where something failed, 2 for words not understood.

    Without `argv` this process is the command's: its words are those that were typed, and it ends here.
    """
    code = _code_of(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _end(code)
    return code


def _end(code: int) -> NoReturn:
    """End this process as Python would, but without taking apart what was imported: of torch that takes 0.1 s."""
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # full, closed, or never there
            stream.flush()
    os._exit(code)


def _code_of(words: list[str]) -> int:
    if not _require_streams():
        console.fail("stdout: closed, expected one to print to (>/dev/null prints nothing)")
        return 1
    name, *rest = words or ["--help"]
    console.prepare()
    gc.set_threshold(COLLECT_EVERY)
    if name not in (*COMMANDS, *ANSWERS):
        from triangle_cli.settings.require import close

        choices = (*COMMANDS, *ANSWERS)
        console.fail(f"no command {name!r}, expected one of {', '.join(choices)}{close(name, choices)}")
        return 2
    if name in ANSWERS:
        return _ending_well(lambda _: print(ANSWERS[name](), end="") or 0, "triangle", rest)
    return _ending_well(COMMANDS[name], COMMANDS[name].name, rest)


ANSWERS = {"--help": help_text, "-h": help_text, "--version": lambda: f"triangle {__version__}\n"}


def _require_streams() -> bool:
    """Whether there is a stdout. What the shell closed is opened as /dev/null: else a file would get its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    return sys.stdout is not None


def _ending_well(command: Callable[[list[str]], int], name: str, words: list[str]) -> int:
    """The exit code of a command, whatever ends it: one line for what was wrong, none for a reader that has gone."""
    code = 0
    try:
        with interrupts.interruptible():
            try:
                code = _in_one_line(command, name, words)
                sys.stdout.flush()  # here: at its end Python would say at length that it cannot
                return code
            except KeyboardInterrupt as stop:
                interrupts.leave()
                console.fail(f"interrupted{f': {stop}' if str(stop) else ''}")
                return 130
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has gone
        _drop_output()
        return 1
    except OSError as error:  # of the terminal's: those of files are said below
        if error.filename is not None:
            raise
        _drop_output()
        if code == 0:  # else the command has said so
            console.fail(console.reason(error))
        return code or 1


def _in_one_line(command: Callable[[list[str]], int], name: str, words: list[str]) -> int:
    """The exit code of a command; what was wrong with words, files or settings is said in one line."""
    try:
        return command(words)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        interrupts.check()
        console.fail(console.reason(error), name)
        return 1
    except (MemoryError, RuntimeError) as error:
        interrupts.check()
        if not console.of_memory(error) and not isinstance(error, RecursionError):
            raise
        console.fail(console.reason(error), name)
        return 1


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
