"""Runs `triangle` in forks of one process that has imported what it needs: seconds less a command.

A fork is what a shell's new process is in all that the tests look at: its folder, files for stdin, stdout and stderr,
signals, exit code and an end of its own. Before it nothing of triangle_cli has been called and no thread started.

A request is a line of JSON on stdin: argv, folder, stdout and stderr (files to write). The answer is the exit code.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
from contextlib import suppress

SECONDS = 300  # after which a command is ended
# what triangle imports where it is used; not all of it need be installed
LATE = ["hydra._internal.hydra", "hydra._internal.callbacks", "hydra._internal.core_plugins.basic_sweeper"]
LATE += [
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "rich.progress",
    "torch._dynamo",
]
LATE += ["optuna", "sklearn.datasets", "sklearn.ensemble", "sklearn.linear_model"]


def serve() -> None:
    """Answer requests until stdin ends."""
    import numba

    import triangle_cli

    ours = [module.name for module in pkgutil.walk_packages(triangle_cli.__path__, "triangle_cli.")]
    for name in [*ours, *LATE]:
        with suppress(ImportError):
            importlib.import_module(name)
    numba.njit(lambda x: x)(0)  # loads the compiler
    main = importlib.import_module("triangle_cli.cli.main").main
    gc.freeze()  # else each fork would copy what its collections touch
    for line in sys.stdin:
        request = json.loads(line)
        if os.fork() == 0:
            become(**request)
            main()  # ends the fork
        _, status = os.wait()
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(argv: list[str], folder: str, stdout: str, stderr: str) -> None:
    """Make a fork the process that a shell would start."""
    os.chdir(folder)
    files = [os.open(os.devnull, os.O_RDONLY), os.open(stdout, os.O_WRONLY), os.open(stderr, os.O_WRONLY)]
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
        os.close(file)
    sys.argv = argv
    signal.alarm(SECONDS)


if __name__ == "__main__":
    serve()
