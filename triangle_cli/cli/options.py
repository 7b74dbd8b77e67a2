"""The options of the commands that are not Hydra's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from triangle_cli import console


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the words; `--help` shows how they are used."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        console.fail(message, self.prog)
        self.exit(2)


def runs_parser(verb: str, description: str) -> Parser:
    """The parser of a command that looks at finished runs."""
    parser = Parser(f"triangle {verb}", description=description)
    parser.add_argument(
        "--outputs", type=Path, default=Path("outputs"), metavar="DIR", help="where the runs are"
    )
    return parser
