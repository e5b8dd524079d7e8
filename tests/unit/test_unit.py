"""The systemd unit: with any names of home and program, systemd reads the right paths."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.service.unit import Installation, unit
from core.text.format import safe

PLAIN = Installation(Path("/srv/archive"), "archivar", "mail", ["/opt/archivar/bin/archivar"], "", [Path("/opt/archivar")])
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(
    lambda text: "/" not in text and text not in (".", "..") and safe(text) == text and text.isprintable()
)
ODD = st.builds(
    lambda names: Path("/", *names), st.lists(NAMES | st.sampled_from(["a b", "50%", '"x"', "a\\b", "$x", "';"]), min_size=1)
)


def values(text: str, key: str) -> list[str]:
    """The words of a setting as systemd reads them: quotes and escapes undone, specifiers expanded."""
    [line] = [line for line in text.splitlines() if line.startswith(f"{key}=")]
    words = shlex.split(line.partition("=")[2])
    assert all("%" not in word.replace("%%", "") for word in words), "an unknown specifier"
    return [word.replace("%%", "%") for word in words]


@given(ODD, ODD)
def test_systemd_reads_the_paths_that_were_meant(home: Path, program: Path) -> None:
    """Blanks, quotes, backslashes, percent and dollar signs, anything that can be seen."""
    text = unit(replace(PLAIN, home=home, command=[str(program)], python_path=str(program)))
    command = [word.replace("$$", "$") for word in values(text, "ExecStart")]
    assert command == [str(program), "--home", str(home), "service", "run"]
    assert values(text, "ReadWritePaths") == values(text, "RequiresMountsFor") == [str(home)]
    assert values(text, "Environment") == [f"PYTHONPATH={program}"]


@pytest.mark.parametrize("path", ["/srv/a\nb", "/srv/a\x1bb", "/srv/a\u202eb", "/srv/\udcff"])
def test_a_path_that_cannot_be_seen_is_refused(path: str) -> None:
    """A line end in it would be another setting."""
    with pytest.raises(InputError, match="cannot stand in a systemd unit"):
        unit(replace(PLAIN, home=Path(path)))


def test_the_service_has_no_more_rights_than_it_needs() -> None:
    """Its own account, one folder to write to, no homes, devices, capabilities; a watchdog, and a restart after a failure."""
    lines = unit(PLAIN).splitlines()
    for line in (
        *("Type=notify", "User=archivar", "Group=mail", "Restart=on-failure", "UMask=0077", "WatchdogSec=180"),
        *("ProtectSystem=strict", "ReadWritePaths=/srv/archive", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes"),
        *("NoNewPrivileges=yes", "CapabilityBoundingSet=", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX"),
        *("SystemCallFilter=@system-service", "SystemCallFilter=~@privileged", "SystemCallErrorNumber=EPERM"),
        *("MemoryDenyWriteExecute=yes", "LimitCORE=0", "KeyringMode=private", "PrivateUsers=yes", "PrivateMounts=yes"),
        *("ProcSubset=pid", "LoadCredential=boot_id:/proc/sys/kernel/random/boot_id", "WantedBy=multi-user.target"),
    ):
        assert line in lines
    assert not any(line.startswith("Environment=") for line in lines)
    assert not any("useradd" in line for line in lines)
    assert any("useradd" in line for line in unit(replace(PLAIN, user="root")).splitlines())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"home": Path("/home/anna/archive")}, "ProtectHome=read-only"),
        ({"home": Path("/root")}, "ProtectHome=read-only"),
        ({"files": [Path("/home/anna/.local/bin/archivar")]}, "ProtectHome=read-only"),
        ({"home": Path("/homes/archive")}, "ProtectHome=yes"),
        ({"home": Path("/tmp/archive")}, "PrivateTmp=no"),
        ({"files": [Path("/var/tmp/password")]}, "PrivateTmp=no"),
    ],
)
def test_nothing_is_hidden_that_the_service_reads(change: dict[str, object], line: str) -> None:
    """The home, the program and password files stay in sight, wherever they are."""
    assert line in unit(replace(PLAIN, **change)).splitlines()  # type: ignore[arg-type]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs the Debian package systemd")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """Every setting is known and every path can be read, with odd names too."""
    home = tmp_path / "a b%c$d"
    home.mkdir()
    program = tmp_path / "archi var"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / "archivar.service"
    file.write_text(unit(replace(PLAIN, home=home, command=[str(program)], user="root", group="root")))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs the Debian package systemd")
def test_systemd_finds_the_service_little_exposed(tmp_path: Path) -> None:
    """Only the program's needs are left: the network, sockets of systemd, priorities for processes beside it."""
    file = tmp_path / "archivar.service"
    file.write_text(unit(PLAIN))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=13", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "offline" in done.stderr:
        pytest.skip("needs systemd 250 or newer")
    assert done.returncode == 0, done.stdout


def test_folders_outside_the_home_can_be_written_where_seals_are_kept() -> None:
    """Each has a line of its own; without any there is the home alone."""
    lines = unit(replace(PLAIN, written=[Path("/mnt/seals")])).splitlines()
    assert [line for line in lines if line.startswith("ReadWritePaths=")] == [
        "ReadWritePaths=/srv/archive",
        "ReadWritePaths=/mnt/seals",
    ]
