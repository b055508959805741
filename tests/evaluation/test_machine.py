"""The machine is told as the system tells it, and less of it where the system is silent."""

import os
import platform

from tessera.evaluation import machine


def test_the_machine_is_the_one_that_this_runs_on():
    found = machine.describe()
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.processor
    assert found.system == f"{platform.system()} {platform.machine()}"


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 3, 5}, raising=False)
    assert machine.describe().cores == 3


def test_names_and_memory_are_read_from_proc(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some: Processor\nmodel name\t: Another\n")
    (tmp_path / "meminfo").write_text("MemTotal:       2048 kB\nMemFree:  1 kB\n")
    monkeypatch.setattr(machine, "Path", lambda path: tmp_path / path.rpartition("/")[2])
    assert machine.describe()[0] == "Some: Processor"
    assert machine.describe().memory == 2048 * 1024


def test_a_system_without_proc_is_told_without_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda path: tmp_path / path.rpartition("/")[2])
    assert machine.describe().memory == 0
    assert machine.describe().processor
