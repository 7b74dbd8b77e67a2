"""Sweeps as jobs of a SLURM, whose one node is started here: `make test-slurm`."""

import os
import re
import signal
import subprocess
import time
from functools import partial

import pytest
from sweeps.slurm_node import missing, running_node

from tests.conftest import SWEEP, Command
from triangle_cli.sweeps import workers

pytestmark = pytest.mark.slurm
WORDS = [*SWEEP, "launcher=slurm", "hydra.launcher.mem_gb=1"]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    if reason := missing():
        pytest.skip(reason)
    with running_node(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture
def cluster(node, tmp_path):
    command = Command(tmp_path, node)
    yield command
    wait(lambda: not queue(command, "pending,running,completing"))


@pytest.fixture(scope="module")
def reference(swept):
    """The tables of a serial sweep."""
    return swept.tables()


def slurm(cluster, *words):
    done = subprocess.run(
        words, env=os.environ | cluster.environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def queue(cluster, state):
    """The jobs in this state."""
    return slurm(cluster, "squeue", "--noheader", "--array", "--format=%i", f"--states={state}").split()


def wait(found, process=None, seconds=60):
    """What `found` gives, once it gives anything; `process` must not end before."""
    deadline = time.monotonic() + seconds
    while not (something := found()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return something


def kill_a_process(cluster, process):
    """With a signal that it cannot catch, as the kernel does when memory runs out."""
    pattern = rf"^\S*python\S* -u -m submitit.core._submit {cluster.folder}"
    listed = partial(subprocess.run, ["pgrep", "-f", pattern], capture_output=True, text=True)
    os.kill(int(wait(lambda: listed().stdout.split(), process)[0]), signal.SIGKILL)


def cancel_a_job(cluster, process):
    slurm(cluster, "scancel", wait(lambda: queue(cluster, "running"), process)[0])


def test_the_tables_are_those_of_a_serial_sweep(reference, cluster):
    done = cluster(*WORDS)
    assert done.returncode == 0, done.stderr
    assert "4 jobs: 4 computed" in done.stdout
    assert cluster.tables() == reference


@pytest.mark.parametrize(("end", "state"), [(kill_a_process, "FAILED"), (cancel_a_job, "CANCELLED")])
def test_a_killed_job_is_one_failed_row_and_only_it_is_computed_again(reference, cluster, end, state):
    process = cluster.start(*WORDS)
    end(cluster, process)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1, stderr
    assert "4 jobs: 3 computed, 1 failed" in stdout
    assert f"{workers.DIED}; {state}" in stdout
    done = cluster(*WORDS)
    assert done.returncode == 0, done.stderr
    assert "4 jobs: 1 computed, 3 from disk" in done.stdout
    assert cluster.tables() == reference


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_cancels_its_jobs_and_goes_on(reference, cluster, number):
    process = cluster.start(*WORDS)
    wait(lambda: queue(cluster, "running"), process)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert re.search(r"triangle: interrupted: \d of 4 jobs done; the same command goes on", stderr)
    assert not queue(cluster, "pending")
    wait(lambda: not queue(cluster, "pending,running,completing"))
    assert len(cluster.finished()) < 4
    assert cluster(*WORDS).returncode == 0
    assert cluster.tables() == reference


def test_what_the_cluster_refuses_is_one_line(cluster):
    done = cluster(*WORDS, "hydra.launcher.slurm_partition=nowhere")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "invalid partition specified: nowhere" in done.stderr
