"""A few seconds of the fuzzer; `make fuzz SECONDS=600` is the long way."""

import subprocess
import sys
from pathlib import Path


def test_some_cases_of_each_kind():
    words = [sys.executable, Path(__file__).with_name("fuzz.py"), "10", "0"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
