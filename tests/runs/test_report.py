"""The time that a progress bar says is left."""

import pytest

from triangle_cli.runs import report


def test_time_left_follows_the_share_of_the_work_done_since_it_began(monkeypatch):
    now = iter([100.0, 110.0, 130.0])
    monkeypatch.setattr(report.time, "monotonic", lambda: next(now))
    left = report.WorkLeft()
    assert left.seconds(0.4) is None  # taken up from a run that was killed: nothing to go by yet
    assert left.seconds(0.5) == pytest.approx(50)  # a tenth in 10 s, five tenths to go
    assert left.seconds(1.0) == 0
