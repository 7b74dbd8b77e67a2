"""Compiled loops: numba's `njit` with one policy for what is kept on disk, and a word where compiling takes long.

Compiled code is kept in the package's folder; where that cannot be written in the user's cache folder; else in a
folder for temporary files, which is said. What is damaged there is compiled again, and where nothing can be kept the
loops still run. What is kept serves as long as the sources are the same, of the loop's file and of all that it
imports from its package: numba itself looks at the date of the loop's file alone, into which functions and numbers of
others are compiled. NUMBA_DISABLE_JIT has no say: these loops are made of machine integers, which Python's are not.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import re
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba import types
from numba.core import cgutils, event
from numba.core.runtime import rtsys
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin

from triangle_cli import console

config: Any = numba.config  # which makes its entries as it runs
SILENCE = 2.0  # seconds of compiling after which it is said
COMPILING = "compiling loops: once after installation for each kind of network, about 20 s; kept in {}"

UNWRAPPED: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
# for functions that make no arrays and return none: they do not count who holds those that they are given, which
# numba does with a locked instruction at nearly every use, half the time of loops over short rows
UNCOUNTED: dict[str, Any] = {"_nrt": False}


def njit(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """`numba.njit`; with `cache=True` under this module's policy."""
    if function is None:
        return lambda function: njit(function, **options)
    kept = options.pop("cache", False)
    _listen()
    with _enabled():
        dispatcher = numba.njit(**options)(function)
    if kept:
        _keep(dispatcher)
    return dispatcher


def inside(**options: Any) -> Callable[[Callable], Any]:
    """A function for compiled code alone: no wrappers for Python, kept in what calls it, one for all constants."""

    def wrap(function: Callable) -> Any:
        dispatcher = njit(**{"error_model": "numpy"} | options, **UNWRAPPED)(function)
        if options.get("inline") != "always":
            found = dispatcher.get_call_template
            dispatcher.get_call_template = lambda given, words: found(
                tuple(map(types.unliteral, given)), words
            )
        return dispatcher

    return wrap


def apart(*arguments: Any, **options: Any) -> Callable[[Callable], Callable]:
    """A function compiled by itself, for arguments of these types, where it is defined; options as of `njit`.

    numba links a function into each that calls it, and optimises it again there, and so on upwards. Compiled code calls
    this one by its address, which it finds under the function's name.
    """

    def wrap(function: Callable) -> Callable:
        dispatcher = njit(cache=True, **options, **UNWRAPPED)(function)
        dispatcher.compile(arguments)
        made = dispatcher.overloads[arguments]
        result = made.signature.return_type
        name = f"{function.__module__}.{function.__name__}"
        llvm.add_symbol(name, made.library.get_pointer_to_function(made.fndesc.mangled_name))

        def call(*_arguments: object) -> None:
            """Stands for the function in compiled code."""

        call.dispatcher = dispatcher  # type: ignore[attr-defined] # the code goes with it

        class _Call(AbstractTemplate):
            key = call

            def generic(self, _arguments: Any, _words: Any) -> Any:
                return result(*arguments)

        infer_global(call, types.Function(_Call))

        @lower_builtin(call, types.VarArg(types.Any))
        def _lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            convention = context.call_conv
            kind = convention.get_function_type(signature.return_type, signature.args)
            place = cgutils.get_or_insert_function(builder.module, kind, name)
            status, value = convention.call_function(
                builder, place, signature.return_type, signature.args, values
            )
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return value

        return call

    return wrap


@contextlib.contextmanager
def _enabled() -> Iterator[None]:
    """Meanwhile numba compiles, whatever NUMBA_DISABLE_JIT says."""
    before, config.DISABLE_JIT = config.DISABLE_JIT, 0
    try:
        yield
    finally:
        config.DISABLE_JIT = before


def _keep(dispatcher: Any) -> None:
    try:
        dispatcher.enable_caching()
    except RuntimeError:  # numba found no folder that can be written
        config.CACHE_DIR = str(_temporary())
        try:
            dispatcher.enable_caching()
        except RuntimeError:
            _say_once(
                "compiled loops cannot be kept: no folder can be written, and each command compiles anew"
            )
            return
        _say_once(f"compiled loops are kept in {config.CACHE_DIR}: no lasting folder can be written")
    dispatcher._cache._cache_file._source_stamp = sources(dispatcher.py_func.__module__)
    dispatcher._cache = _Forgiving(dispatcher._cache)


IMPORT = re.compile(r"^from ([\w.]+) import (\([^)]*\)|.*)", re.MULTILINE)


@cache
def sources(module: str) -> str:
    """A digest of the module and of what it imports of its package when loaded, from file to file; this one aside."""
    texts: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = getattr(sys.modules.get(name), "__file__", None)
        if name in texts or name == __name__ or path is None:
            continue
        texts[name] = Path(path).read_text(encoding="utf-8")
        for found in IMPORT.finditer(texts[name]):
            if found[1].partition(".")[0] == module.partition(".")[0]:
                waiting += [found[1], *(f"{found[1]}.{word}" for word in re.findall(r"\w+", found[2]))]
    return hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()


class _Forgiving:
    """numba's cache of one function, in which what cannot be read is not there, and what cannot be written is not."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """What was compiled for a signature; None if nothing was, or what is there is damaged.

        numba's own first makes ready to compile, all of numpy and scipy's linear algebra, for a third of a second.
        """
        try:
            rtsys.initialize(context)
            return self.inner._load_overload(signature, context)
        except Exception:  # whatever unpickling of cut or foreign bytes leads to
            with contextlib.suppress(OSError):
                self.inner.flush()
            return None

    def save_overload(self, *entry: Any) -> None:
        """Keep what was compiled, if the disk takes it."""
        try:
            self.inner.save_overload(*entry)
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) else type(error).__name__
            _say_once(f"compiled loops cannot be kept in {self.inner.cache_path}: {reason}")


@cache
def _temporary() -> Path:
    """A folder of this user's alone: what is read from it is run."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    folder = Path(tempfile.gettempdir()) / f"triangle-compiled-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
            return folder
    except OSError:
        pass
    try:
        return Path(tempfile.mkdtemp(prefix="triangle-compiled-"))
    except OSError:
        return folder


@cache
def _say_once(line: str) -> None:
    console.note(line)


class _Listener(event.Listener):
    """Says that there is compiling once it has taken long, in all of a command."""

    def __init__(self) -> None:
        self.depth, self.taken, self.began, self.said = 0, 0.0, 0.0, False
        self.timer: threading.Timer | None = None
        self.enabled = contextlib.ExitStack()

    def on_start(self, event: Any) -> None:
        """The outermost of nested compilations begins."""
        self.depth += 1
        if self.depth == 1:
            self.enabled.enter_context(_enabled())
        if self.depth == 1:
            self.began = time.monotonic()
        if self.depth == 1 and not self.said:
            path = getattr(getattr(event.data["dispatcher"], "_cache", None), "cache_path", None)
            self.timer = threading.Timer(max(0.0, SILENCE - self.taken), self._say, [path])
            self.timer.daemon = True
            self.timer.start()

    def on_end(self, event: Any) -> None:
        """And ends."""
        self.depth -= 1
        if self.depth == 0:
            self.enabled.close()
        if self.depth == 0:
            self.taken += time.monotonic() - self.began
        if self.depth == 0 and self.timer is not None:
            self.timer.cancel()

    def _say(self, path: str | None) -> None:
        if console.talkative and not self.said:
            self.said = True
            console.note(COMPILING.format(path) if path else COMPILING.partition(";")[0])


@cache
def _listen() -> _Listener:
    listener = _Listener()
    event.register("numba:compile", listener)
    return listener


def seconds() -> float:
    """How long this process has compiled; loading what was kept does not count."""
    return _listen().taken
