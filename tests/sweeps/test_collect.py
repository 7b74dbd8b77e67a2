"""What a sweep leaves is read with its types: files may be damaged, or others'."""

import io
import json

import pandas as pd
import pytest

from triangle_cli.sweeps import collect
from triangle_cli.sweeps.job import JobRecord

RECORD = JobRecord(0, ["depth=2"], "finished", folder="outputs/x2/d2", seconds=1.5, mse_min=1e-4)


def test_jobs_come_back_as_they_were_written(tmp_path):
    assert collect.read_jobs(tmp_path) == []
    (tmp_path / collect.JOBS).write_text(json.dumps([RECORD.to_json()]))
    assert collect.read_jobs(tmp_path) == [RECORD]


@pytest.mark.parametrize(
    "damage",
    [
        {"folder": 132},
        {"number": "0"},
        {"seconds": None},
        {"overrides": "depth=2"},
        {"status": 1},
        {"more": 1},
    ],
)
def test_an_entry_of_another_kind_is_refused_by_the_files_name(damage, tmp_path):
    (tmp_path / collect.JOBS).write_text(json.dumps([RECORD.to_json() | damage]))
    with pytest.raises(ValueError, match=r"jobs\.json: not written by a sweep, or cut off"):
        collect.read_jobs(tmp_path)


def test_tables_read_as_one_are_what_they_are_one_by_one():
    plain = "restart,stage,mse_train,linear_regions,diverged\n0,init,0.1,4,False\n1,init,,,True\n"
    counted = plain.replace(",,,", ",2e-05,9007199254740993,")
    other = "restart,stage,r2_test\n0,init,0.5\n"
    words = [{"depth": "2", "seed": "007"}, {"depth": "3", "seed": "1"}]
    texts = [
        (words[0], plain), (words[1], counted), (words[0], other), (words[1], plain), ({"depth": "4"}, plain),
        ({"depth": "5"}, plain.splitlines(keepends=True)[0]), ({"depth": "6"}, counted),
    ]  # fmt: skip

    def alone(chosen, text):
        table = pd.read_csv(io.StringIO(text))
        for column, (key, value) in enumerate(chosen.items()):
            table.insert(column, key, value)
        return table

    expected = pd.concat([alone(*table) for table in texts if table[1].count("\n") > 1], ignore_index=True)
    assert collect._gathered(texts).to_csv(index=False) == expected.to_csv(index=False)
