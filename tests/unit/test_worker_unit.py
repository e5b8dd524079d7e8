"""The systemd unit of a worker: systemd reads what was meant, and the worker may write where it must, and nowhere else."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from core.errors import InputError
from core.service.worker_unit import STATE, WorkerInstallation, worker_unit
from tests.unit.test_unit import ODD, values

PLAIN = WorkerInstallation(
    "archivar-worker",
    (["/opt/archivar/bin/archivar"], ""),
    ["worker", "--database", "postgresql://archivar@db.example.com/archivar", "--key", "/etc/worker.key"],
    Path("/etc/worker.key"),
    STATE,
    Path("/srv/lanes"),
)


@given(ODD, ODD)
def test_systemd_reads_the_paths_that_were_meant(program: Path, state: Path) -> None:
    text = worker_unit(replace(PLAIN, program=([str(program)], str(program)), words=[str(state)], state=state, place=None))
    assert [word.replace("$$", "$") for word in values(text, "ExecStart")] == [str(program), str(state)]
    assert values(text, "ReadWritePaths") == values(text, "RequiresMountsFor") == [str(state)]
    assert values(text, "Environment") == [f"PYTHONPATH={program}"]


def test_a_worker_is_kept_alive_with_no_more_rights_than_it_needs() -> None:
    """Started again whatever ended it; its own folder from systemd, the place to write to, no password anywhere."""
    lines = worker_unit(PLAIN).splitlines()
    for line in (
        *("User=archivar-worker", "Restart=always", "StartLimitIntervalSec=0", "UMask=0077", "ReadWritePaths=/srv/lanes"),
        *("StateDirectory=archivar-worker", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet="),
    ):
        assert line in lines, line
    assert not any(line.startswith(f"ReadWritePaths={STATE}") for line in lines)


def test_a_folder_of_its_own_and_a_bucket() -> None:
    lines = worker_unit(replace(PLAIN, state=Path("/srv/worker"), place=None)).splitlines()
    assert [line for line in lines if line.startswith(("ReadWritePaths", "StateDirectory"))] == ["ReadWritePaths=/srv/worker"]


def test_a_path_that_cannot_be_seen_is_refused() -> None:
    with pytest.raises(InputError, match="cannot stand in a systemd unit"):
        worker_unit(replace(PLAIN, key=Path("/etc/a\nUser=root")))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    path = tmp_path / "archivar-worker.service"
    path.write_text(worker_unit(replace(PLAIN, program=(["/bin/true"], ""), user="root")))
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True)
    assert "archivar-worker.service" not in done.stderr, done.stderr
