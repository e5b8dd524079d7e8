"""The forms of ``archivar status`` for monitoring, read by the rules of those who read them."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.cli import monitoring
from core.cli.answer import Raw, Verbatim
from core.cli.monitoring_sample import MonitoringForm, Sample
from core.errors import DamagedError, HomeError, InputError, StorageError
from core.problems import alarm as problems
from core.problems import home, warning
from core.service.alarms.alarm import Alarm, AlarmRule

#: An output line of a plugin: state and text, a bar, values with their unit.
LINE = re.compile(r"ARCHIVAR (?P<state>OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+(?: \| (?P<values>[^|\n]+))?")
VALUE = re.compile(r"(?:'[^'=]+'|[^'= ]+)=-?[0-9.]+(?:us|ms|s|%|B|KB|MB|GB|TB|c)?(?:;[^; ]*){0,4}")
SAMPLES = [Sample("messages", 48211), Sample("message_bytes", 3e9), Sample("last_run_exit_code", 0, (("profile", "Staff"),))]
FAILED = Alarm(AlarmRule.RUN_FAILED, problems.RUN_FAILED_SILENTLY(profile="a|b\x1b[31m\nc"), "Staff")
SPACE = Alarm(AlarmRule.SPACE, warning.SPACE_LOW(free=1, total=2))
REMARK = Alarm(AlarmRule.USERS, warning.LEFT_OUT(profile="Staff", count=1, names=("anna",)), "Staff")
DAMAGED = Alarm(AlarmRule.DAMAGE, problems.DAMAGE_FOUND(count=2))
MISSING = Alarm(AlarmRule.SERVICE_MISSING, problems.SERVICE_MISSING(count=1))


def nagios(*alarms: Alarm) -> tuple[int, list[str]]:
    answer = monitoring.answer(MonitoringForm.NAGIOS, alarms, SAMPLES, None)
    return answer.exit_code, [part.text for part in answer.lines if isinstance(part, Verbatim)]


def metrics(*alarms: Alarm) -> str:
    [part] = monitoring.answer(MonitoringForm.PROMETHEUS, alarms, SAMPLES, None).lines
    assert isinstance(part, Raw)
    return b"".join(part.pieces).decode()


@pytest.mark.parametrize(
    ("alarms", "state", "code"),
    [
        ((), "OK", 0),
        ((REMARK,), "OK", 0),
        ((SPACE, REMARK), "WARNING", 1),
        ((SPACE, FAILED), "CRITICAL", 2),
        ((MISSING,), "CRITICAL", 2),
        ((DAMAGED, SPACE), "CRITICAL", 2),
    ],
)
def test_nagios_reads_the_state_and_its_code(alarms: tuple[Alarm, ...], state: str, code: int) -> None:
    """The worst first in one line with values, each further alarm in a line, no bar and no control character of a name."""
    given, lines = nagios(*alarms)
    match = LINE.fullmatch(lines[0])
    assert match is not None, lines
    assert (given, match["state"]) == (code, state)
    assert all(VALUE.fullmatch(value) for value in match["values"].split(" "))
    assert len(lines) == max(len([one for one in alarms if one is not REMARK]), 1)
    assert all("|" not in line and "\x1b" not in line for line in lines[1:])


def test_nagios_is_told_what_cannot_be_read() -> None:
    """Unknown is what could not be looked at; damage that keeps the archive shut is critical."""
    for error, code, state in (
        (HomeError(home.NO_FOLDER(home="/nowhere")), 3, "UNKNOWN"),
        (StorageError(home.NO_FOLDER(home="/nowhere")), 3, "UNKNOWN"),
        (DamagedError(home.NO_FOLDER(home="/nowhere")), 2, "CRITICAL"),
    ):
        answer = monitoring.unreadable(MonitoringForm.NAGIOS, error, None)
        [line] = answer.lines
        assert isinstance(line, Verbatim)
        assert line.text.startswith(f"ARCHIVAR {state} - ")
        assert answer.exit_code == code


def test_metrics_have_help_type_and_escaped_labels() -> None:
    """A sample for each rule and subject once, in the groups of their metrics."""
    hostile = Alarm(AlarmRule.PROFILE, warning.NO_TLS(profile="x"), 'a"b\\c\nd')
    text = metrics(hostile, hostile, SPACE)
    assert text.count("# TYPE archivar_alarm gauge\n") == 1
    assert text.count("archivar_alarm{") == 2
    assert 'archivar_alarm{rule="space",weight="attention",subject=""} 1\n' in text
    assert "archivar_messages 48211\n" in text
    assert 'archivar_last_run_exit_code{profile="Staff"} 0\n' in text
    names = re.findall(r"^archivar_(\w+)", text, re.MULTILINE)
    assert set(names) <= set(monitoring.HELP)
    assert all(line.count('"') - line.count('\\"') in (0, 2, 6) for line in text.splitlines() if not line.startswith("#"))


def test_promtool_has_nothing_to_say_of_the_metrics() -> None:
    """Names, units and form by Prometheus' own conventions."""
    if shutil.which("promtool") is None:
        pytest.skip("needs the Debian package prometheus")
    every = [Sample(name, 1.5) for name in monitoring.HELP if name not in ("up", "alarm", "messages")]
    answer = monitoring.answer(MonitoringForm.PROMETHEUS, (DAMAGED, FAILED), [*SAMPLES[:1], *every], None)
    [part] = answer.lines
    assert isinstance(part, Raw)
    done = subprocess.run(["promtool", "check", "metrics"], input=b"".join(part.pieces), capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_metrics_go_into_a_file_that_the_collector_can_read(tmp_path: Path) -> None:
    """Whole and in place of the one before; without the archive it says so; a folder that is not there is refused."""
    file = tmp_path / "archivar.prom"
    assert list(monitoring.answer(MonitoringForm.PROMETHEUS, (), SAMPLES, file).lines) == []
    assert "archivar_up 1\n" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    monitoring.unreadable(MonitoringForm.PROMETHEUS, DamagedError(home.NO_FOLDER(home="x")), file)
    assert "archivar_up 0\n" in file.read_text()
    assert 'archivar_alarm{rule="damage"' in file.read_text()
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    with pytest.raises(InputError, match="no folder"):
        monitoring.answer(MonitoringForm.PROMETHEUS, (), SAMPLES, tmp_path / "none" / "x.prom")


def test_metrics_replace_files_alone(tmp_path: Path) -> None:
    """A pipe, a device or a folder stays what it is; a link is replaced, and what it leads to stays."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        with pytest.raises(InputError, match="no file"):
            monitoring.answer(MonitoringForm.PROMETHEUS, (), SAMPLES, place)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "other").write_text("kept")
    link.symlink_to(tmp_path / "other")
    monitoring.answer(MonitoringForm.PROMETHEUS, (), SAMPLES, link)
    assert (link.is_symlink(), (tmp_path / "other").read_text()) == (False, "kept")


def test_names_that_look_alike_have_samples_of_their_own() -> None:
    """A sample that is there twice makes the collector refuse the whole file."""
    two = [Sample("last_run_exit_code", code, (("profile", name),)) for code, name in ((0, "Staff"), (3, "Staff\ufe0f"))]
    [part] = monitoring.answer(MonitoringForm.PROMETHEUS, (), two, None).lines
    assert isinstance(part, Raw)
    found = [line for line in b"".join(part.pieces).decode().splitlines() if line.startswith("archivar_last_run")]
    assert len({line.rpartition(" ")[0] for line in found}) == len(found) == 2
    assert found[1] == 'archivar_last_run_exit_code{profile="Staff\\\\ufe0f"} 3'


def test_writers_at_the_same_time_wait_for_each_other(tmp_path: Path) -> None:
    """A timer's next start, while the one before still writes: it comes after it, and the file is whole."""
    file, folder = tmp_path / "archivar.prom", os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(monitoring.answer, MonitoringForm.PROMETHEUS, (), SAMPLES, file)
        try:
            with pytest.raises(TimeoutError):
                later.result(timeout=0.3)
            assert list(tmp_path.iterdir()) == []
        finally:
            os.close(folder)
        later.result(timeout=30)
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
