"""What a sweep leaves is read with its types: files may be damaged, or others'."""

import json

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
