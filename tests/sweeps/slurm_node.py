"""A SLURM of one node with accounting, for as long as a test needs it: its ports, keys and files are its own.

A SLURM, Munge or MariaDB that this machine runs already is left alone.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

PORTS = ("slurmctld", "slurmd", "slurmdbd", "mariadbd")
PROGRAMS = (
    "munged",
    "mariadbd",
    "mariadb-install-db",
    "slurmdbd",
    "slurmctld",
    "slurmd",
    "sacctmgr",
    "sbatch",
)

SLURM = """
ClusterName=triangle
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={slurmctld_port}
SlurmdPort={slurmd_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
KillWait=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={slurmdbd_port}
AccountingStoragePass={folder}/munge.socket
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000
PartitionName=main Nodes=ALL Default=YES State=UP
"""

SLURMDBD = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdPort={slurmdbd_port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={mariadbd_port}
StorageUser=slurm
StoragePass=slurm
"""

ACCOUNTS = """
CREATE USER slurm@'%' IDENTIFIED BY 'slurm';
GRANT ALL ON *.* TO slurm@'%';
"""


def missing() -> str | None:
    """Why there can be no such node here; None where there can."""
    absent = [name for name in PROGRAMS if not _program(name)]
    if absent:
        return f"no {', '.join(absent)} (`make test-slurm` installs them on Debian)"
    return None if os.geteuid() == 0 else "only root may start a SLURM node"


@contextmanager
def running_node(folder: Path) -> Iterator[dict[str, str]]:
    """Start the daemons, with all their files in `folder`; stop them at the end.

    Yields:
        The environment in which `sbatch` and the others find this node.

    Raises:
        RuntimeError: a daemon does not come up; the end of its log is in the message.
    """
    socket_path, database = folder / "munge.socket", folder / "database"
    ports = dict(zip(PORTS, _free_ports(len(PORTS))))
    _write_files(folder, ports)
    environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def call(*words: str) -> str:
        done = subprocess.run(words, env=os.environ | environment, text=True, capture_output=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
        return done.stdout

    def idle() -> bool:
        return call("sinfo", "-h", "-o", "%T").strip() == "idle"

    own = ["--no-defaults", "--user=root", f"--datadir={database}"]
    call(_program("mariadb-install-db"), *own, "--skip-test-db", "--auth-root-authentication-method=normal")
    listens = [f"--port={ports['mariadbd']}", "--bind-address=127.0.0.1", f"--socket={folder / 'sql'}"]
    keys = [f"--{name}-file={folder / f'munge.{name}'}" for name in ("key", "log", "pid", "seed")]
    with ExitStack() as daemons:

        def start(name: str, *words: str, ready: Callable[[], bool]) -> None:
            daemons.enter_context(_daemon([_program(name), *words], environment, folder, ready))

        start("munged", f"--socket={socket_path}", *keys, "--foreground", "--force", ready=socket_path.exists)
        start(
            "mariadbd",
            *own,
            *listens,
            f"--init-file={folder / 'accounts.sql'}",
            ready=partial(_open, ports["mariadbd"]),
        )
        start("slurmdbd", "-D", ready=partial(_open, ports["slurmdbd"]))
        call("sacctmgr", "-i", "add", "cluster", "triangle")
        start("slurmctld", "-D", ready=partial(_open, ports["slurmctld"]))
        start("slurmd", "-D", ready=idle)
        try:
            yield environment
        finally:
            call("scancel", f"--user={os.geteuid()}")  # what runs would outlive the daemons
            _until(idle, "the node: expected its jobs to end")


def _write_files(folder: Path, ports: dict[str, int]) -> None:
    host, values = socket.gethostname().split(".")[0], {f"{name}_port": port for name, port in ports.items()}
    values |= {"folder": folder, "host": host, "cpus": os.cpu_count()}
    for name, text in (("slurm.conf", SLURM), ("slurmdbd.conf", SLURMDBD), ("accounts.sql", ACCOUNTS)):
        (folder / name).write_text(text.format(**values))
        (folder / name).chmod(0o600)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    (folder / "state").mkdir()


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in bound]


def _open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _daemon(
    words: list[str], environment: dict[str, str], folder: Path, ready: Callable[[], bool]
) -> Iterator[None]:
    log = folder / f"{Path(words[0]).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(words, env=os.environ | environment, stdout=output, stderr=output)
    try:
        _until(
            lambda: process.poll() is not None or ready(), f"{words[0]}: expected it to come up, see {log}"
        )
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait for a minute at most, then raise RuntimeError."""
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise)
        time.sleep(0.1)
