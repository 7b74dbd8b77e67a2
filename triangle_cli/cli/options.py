"""The options of the commands that are not Hydra's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the words; `--help` shows how they are used."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def runs_parser(verb: str, description: str) -> Parser:
    """The parser of a command that looks at finished runs."""
    parser = Parser(f"triangle {verb}", description=description)
    parser.add_argument(
        "--outputs", type=Path, default=Path("outputs"), metavar="DIR", help="where the runs are"
    )
    return parser
