"""A real Slurm on the loopback: munge, a controller, a CPU node and a node with two fake GPUs.

All of it lies in one folder and listens on free ports of its own, so a Slurm of the machine is neither used nor
touched. The daemons stay in the foreground as children of this process and end with it, whatever ends it; only
after a SIGKILL of this process do jobs that were running finish by themselves.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
MARK = "TESSERA_TEST_CLUSTER"
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)

# A job of a node that failed starts again after `cred_expire` seconds, two minutes by default.
# No cgroups: slurmd itself polls the memory of jobs and kills those that exceed it. No accounting database: ended
# jobs stay in the controller's memory for an hour. More CPUs and memory than there are, for jobs that mostly wait.
CONFIGURATION = """\
ClusterName=tessera
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=15
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MinJobAge=3600
ReturnToService=1
SlurmctldTimeout=30
SlurmdTimeout=30
KillWait=5
NodeName=cpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=8 RealMemory=128000
NodeName=gpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=8 RealMemory=64000 Gres=gpu:fake:2
PartitionName=cpu Nodes=cpu1 Default=YES MaxTime=2-00:00:00 State=UP
PartitionName=gpu Nodes=gpu1 MaxTime=2-00:00:00 State=UP
"""
GPUS = "AutoDetect=off\nNodeName=gpu1 Name=gpu Type=fake File={folder}/nvidia[0-1]\n"
# The executor takes every SLURM_* away from the srun inside of a job, also the variable that names this cluster.
SRUN = '#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {srun} "$@"\n'


class UnavailableError(RuntimeError):
    """Slurm cannot be had on this machine; the message is one line."""


class Job(NamedTuple):
    """What the controller knows of one job."""

    number: int
    state: str
    comment: str  # `rule_<name>_wildcards_<values>`, by the executor
    node: str
    folder: str  # from which it was submitted
    gpus: str  # what `--gpus` asked for, else what `--gres` did, else nothing
    seconds: float


def install() -> None:
    """Install Slurm from the packages of Debian where it is missing; raise `UnavailableError` where that cannot be."""
    if os.geteuid() != 0:
        raise UnavailableError("slurm: expected root, to start daemons, got another user")
    if all(map(shutil.which, PROGRAMS)):
        return
    if not shutil.which("apt-get"):
        raise UnavailableError("slurm: expected its programs or apt-get, got neither")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        said = subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, text=True, check=False)
        if said.returncode:
            reason = (said.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UnavailableError(f"slurm: expected apt-get {arguments[0]} to succeed, got: {reason}")


class Cluster:
    """The cluster as a context: started on entry, gone on exit with every job that it ran.

    Parameters
    ----------
    folder
        Where everything of it lies; it must not exist.

    Attributes
    ----------
    environment
        With it, Slurm's commands, and Snakemake, speak to this cluster.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen] = {}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
        path = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"
        self.environment = inherited | {"SLURM_CONF": f"{folder}/slurm.conf", MARK: str(folder), "PATH": path}

    def __enter__(self) -> "Cluster":
        try:
            self._write()
            for name in ("munged", "slurmctld", "cpu1", "gpu1"):
                self.start(name)
                if name == "munged":
                    self._wait(lambda: (self.folder / "munge.socket").exists(), 10.0, "munge")
            self._wait(lambda: self.nodes() == {"cpu1": "idle", "gpu1": "idle"}, 30.0, "two idle nodes")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self.run("scancel", "--user=root", timeout=10.0)
            self._wait(lambda: not self.run("squeue", "--noheader"), 15.0, "no jobs")
        for name in reversed(list(self.daemons)):
            self.stop(name)
        self._end_what_is_left()

    def start(self, name: str) -> None:
        """Start a daemon: `munged`, `slurmctld`, or the one of a node."""
        folder = self.folder
        command = {
            "munged": [
                *("munged", "--foreground", "--force", f"--socket={folder}/munge.socket"),
                *(f"--key-file={folder}/munge.key", f"--pid-file={folder}/munged.pid"),
                *(f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed"),
            ],
            "slurmctld": ["slurmctld", "-D", "-f", f"{folder}/slurm.conf"],
        }.get(name, ["slurmd", "-D", "-f", f"{folder}/slurm.conf", "-N", name])
        with (folder / f"{name}.out").open("a") as log:
            self.daemons[name] = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop them
                preexec_fn=_die_with_parent,
            )

    def stop(self, name: str, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop a daemon and wait for its end."""
        daemon = self.daemons.pop(name)
        daemon.send_signal(by)
        try:
            daemon.wait(20.0)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def run(self, *command: str, timeout: float = 30.0) -> str:
        """Run one of Slurm's commands and return what it said."""
        said = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, check=True
        )
        return said.stdout.strip()

    def nodes(self) -> dict[str, str]:
        """Return the state of each node; none while the controller does not answer."""
        try:
            said = self.run("sinfo", "--noheader", "--Node", "--format=%N %T", timeout=5.0)
        except subprocess.SubprocessError:
            return {}
        return dict(line.split() for line in said.splitlines())

    def jobs(self, folder: Path) -> list[Job]:
        """Return every job that was submitted from a folder, ended ones included."""
        form = "JobID:|,State:|,Comment:|,NodeList:|,WorkDir:|,tres-per-job:|,tres-per-node:|,StartTime:|,EndTime:|"
        said = self.run("squeue", "--noheader", "--states=all", "--sort=i", f"--Format={form}")
        return [job for line in said.splitlines() if (job := _job(line.split("|"))).folder == str(folder)]

    def _write(self) -> None:
        self.folder.mkdir(parents=True, mode=0o755)
        for name in ("bin", "state"):
            (self.folder / name).mkdir()
        words = {"folder": self.folder, "host": socket.gethostname().partition(".")[0], "ports": _free_ports(3)}
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**words))
        (self.folder / "gres.conf").write_text(GPUS.format(**words))
        srun = self.folder / "bin" / "srun"
        srun.write_text(SRUN.format(srun=shutil.which("srun"), **words))
        srun.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        for gpu in ("nvidia0", "nvidia1"):
            os.mknod(self.folder / gpu, stat.S_IFCHR | 0o666, Path(os.devnull).stat().st_rdev)

    def _wait(self, done, seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not done():
            for name, daemon in self.daemons.items():
                if daemon.poll() is not None:
                    raise RuntimeError(
                        f"slurm: expected {name} alive, got exit code {daemon.returncode}: {self._said(name)}"
                    )
            if time.monotonic() > end:
                raise RuntimeError(f"slurm: expected {what} within {seconds:.0f} s, got nodes {self.nodes()}")
            time.sleep(0.1)

    def _said(self, name: str) -> str:
        lines = (self.folder / f"{name}.out").read_text().splitlines()
        return lines[-1] if lines else "no word"

    def _end_what_is_left(self) -> None:
        """Kill processes of jobs that outlived their daemons: those whose environment names this cluster."""
        mark = f"{MARK}={self.folder}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if int(process.name) != os.getpid() and mark in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)


def _job(words: list[str]) -> Job:
    number, state, comment, node, folder, by_gpus, by_gres, start, end = (w.replace("N/A", "") for w in words[:9])
    return Job(int(number), state, comment, node, folder, by_gpus or by_gres, _seconds(end) - _seconds(start))


def _seconds(stamp: str) -> float:
    return time.mktime(time.strptime(stamp, "%Y-%m-%dT%H:%M:%S")) if "T" in stamp else 0.0


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
