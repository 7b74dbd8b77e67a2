"""The words of `triangle run` before Hydra reads them."""

import re
from importlib import resources

import pytest

from triangle_cli.cli import overrides
from triangle_cli.settings.names import GROUPS


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("depth=2 -m seed=0,1", "-m depth=2 seed=0,1"),
        ("depth=2 --config-dir mine restarts=2 -cn base", "--config-dir mine -cn base depth=2 restarts=2"),
        ("depth=2 --config-d mine --config-name=base seed=1", "--config-d mine --config-name=base depth=2 seed=1"),
        ("depth=2 --cfg job -p init", "--cfg job -p init depth=2"),
        ("--info depth=2", "--info all depth=2"),
        ("depth=2 -i defaults", "-i defaults depth=2"),
        ("depth=2 --config-dir", "depth=2 --config-dir"),
    ],
)  # fmt: skip
def test_options_go_first_with_their_values(words, expected):
    options, others = overrides.split(words.split())
    assert options + others == expected.split()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("~depth", "~depth: expected KEY=VALUE, settings cannot be removed"),
        ("~init=random", "~init=random: expected KEY=VALUE"),
        ("function=[x2, x3]", "function=[x2, x3]: expected one word, or with -m several: function=x2,x3"),
        (
            "data=shuffle([64,choice(a)])",
            "data=shuffle([64,choice(a)]): expected one of breast_cancer, ",
        ),
        ("init=random,3", "init=random,3: expected one of front, "),
        ("init=range(1,3)", "init=range(1,3): expected one of front"),
        ("hydra/launcher=[1]", "hydra/launcher=[1]: expected one of "),
        ("data=null,diabetes", "data=null,diabetes: expected one of breast_cancer, "),
        ("data={}", "data={}: expected settings in the braces, as in data={key: value}"),
        ("function={a:1}", "function={a:1}: function has no setting a"),
        ("function={1:1}", "function={1:1}: function has no setting 1, expected name, "),
        ("method={a:1}", "method={a:1}: expected one of "),
        ("hydra/launcher={}", "hydra/launcher={}: expected one of "),
        ("function=[]", "function=[]: expected one of circle, "),
        ("function=3", "function=3: expected one of circle, "),
        ("init=???", "init=???: expected one of front, "),
        ("init='${depth}'", "init='${depth}': expected one of front, "),
        ("+depth=3", "+depth=3: expected depth=3, without the +"),
        ("=3", "=3: expected KEY=VALUE"),
        ("=", "=: expected KEY=VALUE"),
        ("+=3", "+=3: expected KEY=VALUE"),
        ("+function=x3", "+function=x3: expected function=x3, without the +"),
        ("outputs=", "outputs=: expected a folder"),
        ("outputs=''", "outputs=: expected a folder"),
    ],
)
def test_what_hydra_would_misread_is_refused(word, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        overrides.check(["depth=2", word])


def test_what_hydra_reads_passes():
    overrides.check(["function=x2,x3", "init.peaks=null", "init.peaks=[0.5,0.5]", "~hydra.callbacks.collect"])
    overrides.check(["init=glob(*)", "hydra/job_logging=[none]", "function={name: x3}"])


def test_the_groups_are_the_folders_of_conf():
    folders = {entry.name for entry in resources.files("triangle_cli.conf").iterdir() if entry.is_dir()}
    assert set(GROUPS) == folders - {"hydra", "__pycache__"}
