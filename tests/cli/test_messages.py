"""One line for whatever Hydra says of the words; tests/test_cli.py has more of them, from end to end."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from triangle_cli.cli.messages import explain

PARSER = OverridesParser.create()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("foo", "foo: expected KEY=VALUE"),
        ("de pth=3", "de pth=3: expected KEY=VALUE"),
        ("depth=2 function=x3", "depth=2 function=x3: expected each KEY=VALUE as a word of its own"),
        ("init.peaks=[0.5", "init.peaks=[0.5: expected a bracket closed for each one opened"),
        ("depth=2,", "depth=2,: expected a value on both sides of each comma"),
        ("depth=2,,3", "depth=2,,3: expected a value on both sides of each comma"),
        ("outputs=~/x", "outputs=~/x: expected $HOME in the place of ~"),
        ("depth=int(foo)", "depth=int(foo): invalid literal for int() with base 10: 'foo'"),
    ],
)
def test_what_hydras_grammar_does_not_take_is_named(word, message):
    with pytest.raises(OverrideParseException) as refused:
        PARSER.parse_overrides([word])
    line = explain(refused.value, [word])
    assert line.startswith(message)
    assert "\n" not in line


@pytest.mark.parametrize(
    "word", ["outputs=a=b", "outputs=é", "function.formula=exp(-x**2)", 'outputs="a', "outputs=bob's"]
)
def test_the_quotes_that_are_advised_work(word):
    with pytest.raises(OverrideParseException) as refused:
        PARSER.parse_overrides([word])
    advice = explain(refused.value, [word]).partition("quotes inside the quotes: ")[2]
    (override,) = PARSER.parse_overrides(shlex.split(advice))
    assert f"{override.key_or_group}={override.value()}" == word


@pytest.mark.parametrize(
    ("said", "words", "message"),
    [
        (
            "Could not find 'hydra/sweeper/optuna'\n\nAvailable options in 'hydra/sweeper':\n\tbasic\nConfig search",
            ["-m", "hparams_search=optuna"],
            "hparams_search=optuna: expected optuna (pip install '.[optuna]')",
        ),
        (
            "Could not find 'hydra/sweeper/list'\n\nAvailable options in 'hydra/sweeper':\n\tbasic\nConfig search",
            ["-m", "hydra/sweeper=list"],
            "hydra/sweeper=list: expected hydra-list-sweeper (pip install '.[list]')",
        ),
        (
            "Error merging override schedule.phases.1.learning_rate=0.01\ndict is not a subclass of PhaseSettings",
            ["hparams_search=optuna"],
            "schedule.phases.1.learning_rate=0.01: expected a phase of the schedule, counted from 0",
        ),
    ],
)
def test_what_conf_chose_is_named(said, words, message):
    assert explain(ValueError(said), words) == message
