"""The options of the commands that are not Hydra's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from triangle_cli import console
from triangle_cli.store import index


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the words; `--help` shows how they are used, tab completes them.

    suggestions: words to complete beside the choices that argparse knows, by option, or "" for what is no option.
    """

    def __init__(self, *words: Any, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self.suggestions: dict[str, list[str]] = {}

    def completions(self) -> dict[str, list[str]]:
        """What may follow an option that takes one of several words; under "" what may stand anywhere."""
        anywhere = [*self.suggestions.get("", [])]
        after = {key: words for key, words in self.suggestions.items() if key}
        for action in self._actions:
            long = [option for option in action.option_strings if option.startswith("--")]
            anywhere += long
            if action.choices and long:
                after[long[0]] = [str(choice) for choice in action.choices]
            elif action.choices:
                anywhere += [str(choice) for choice in action.choices]
        return after | {"": anywhere}

    def print_help(self, file: Any = None) -> None:
        """Print how the words are used; OSError where that cannot be written, which argparse would not say."""
        print(self.format_help(), end="", file=file, flush=True)

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        console.fail(message, self.prog)
        self.exit(2)


def runs_parser(verb: str, description: str) -> Parser:
    """The parser of a command that looks at finished runs."""
    parser = Parser(f"triangle {verb}", description=description)
    parser.add_argument(
        "--outputs", type=Path, default=index.OUTPUTS, metavar="DIR", help="where the runs are"
    )
    return parser
