"""One process at a time holds a folder."""

import subprocess
import sys

import pytest

from triangle_cli.store import locks


def test_a_lock_is_held_by_one_and_left_by_the_dead(tmp_path):
    code = "import sys, time; from pathlib import Path; from triangle_cli.store import locks\n"
    code += "with locks.hold(Path(sys.argv[1]), wait=True): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(locks.Busy, match="another process"), locks.hold(tmp_path, wait=False):
        pass
    holder.kill()
    holder.communicate()
    assert (tmp_path / locks.LOCK).exists()
    with locks.hold(tmp_path, wait=False):
        pass
