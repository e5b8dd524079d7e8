"""The state of an archive in the forms of monitoring systems.

Nagios: one line with the state and the first alarms, performance data behind a bar, then a line for each further alarm
(https://nagios-plugins.org/doc/guidelines.html). Prometheus: the text format 0.0.4, gauges alone, with base units in their
names (https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from core import files
from core.cli.answer import Answer, Raw, Verbatim
from core.cli.monitoring_sample import MonitoringForm, Sample
from core.errors import ArchivarError, DamagedError, InputError, StorageError
from core.problems import command_line, disk, usage
from core.service.alarms.alarm import Alarm, AlarmRule, Weight, folded
from core.text.format import safe

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
#: The longest text of an alarm in a line.
LONGEST = 300
HELP = {
    "up": "1 if the archive could be read.",
    "alarm": "1 for each matter that needs attention, by its rule, its weight and the profile or place that it is about.",
    "messages": "Messages in the archive.",
    "message_bytes": "Bytes of mail in the archive, as it came from the servers.",
    "users": "Users whose mail is archived.",
    "unindexed_messages": "Messages that the search does not find yet.",
    "service_running": "1 if the archive's service is running.",
    "disk_used_bytes": "Bytes of the archive's files, by kind.",
    "disk_free_bytes": "Free bytes of the file system that the archive is on.",
    "disk_size_bytes": "Bytes of the file system that the archive is on.",
    "last_verification_timestamp_seconds": "End of the last verification of everything.",
    "last_verification_findings": "Findings of the last verification of everything.",
    "last_backup_timestamp_seconds": "End of the last backup.",
    "last_seal_timestamp_seconds": "Time at which the last seal reached a place.",
    "last_run_timestamp_seconds": "End of the last run of a profile.",
    "last_run_exit_code": "Result of the last run of a profile: 0 succeeded, 1 with errors, 3 failed, 130 cancelled.",
    "next_run_timestamp_seconds": "Next start of a profile by its schedule.",
}
#: Samples that Nagios draws: those without labels, and their unit.
_DRAWN = {"messages": "", "message_bytes": "B", "users": "", "unindexed_messages": "", "disk_free_bytes": "B"}


def answer(form: MonitoringForm, alarms: Sequence[Alarm], samples: Sequence[Sample], file: Path | None) -> Answer:
    """The state in one of the forms of monitoring; the metrics go to ``file`` if it is given."""
    if form is MonitoringForm.NAGIOS:
        return _nagios(alarms, samples)
    return _metrics([Sample("up", 1), *_of_alarms(alarms), *samples], file)


def unreadable(form: MonitoringForm, error: ArchivarError, file: Path | None) -> Answer:
    """The state of an archive that cannot be read."""
    if form is MonitoringForm.NAGIOS:
        code = CRITICAL if isinstance(error, DamagedError) else UNKNOWN
        return Answer(lines=[Verbatim(f"ARCHIVAR {_STATES[code]} - {_plain(error.message)}")], exit_code=code)
    damaged = [Sample("alarm", 1, _labels(AlarmRule.DAMAGE, Weight.DAMAGE, ""))] if isinstance(error, DamagedError) else []
    return _metrics([Sample("up", 0), *damaged], file)


# Nagios ----------------------------------------------------------------------------------------------------------------


def _nagios(alarms: Sequence[Alarm], samples: Sequence[Sample]) -> Answer:
    serious = sorted((one for one in folded(alarms) if one.weight is not Weight.REMARK), key=lambda one: not one.rule.critical)
    code = OK if not serious else CRITICAL if serious[0].rule.critical else WARNING
    told = [_plain(command_line.sentence(one.reason)) for one in serious]
    known = {one.name: one for one in samples if not one.labels}
    first = told[0] if told else f"{int(known['messages'].value):,} messages archived"
    more = f" ({len(told) - 1} more)" if len(told) > 1 else ""
    drawn = " ".join(f"{name}={known[name].value:.0f}{unit}" for name, unit in _DRAWN.items() if name in known)
    lines = [f"ARCHIVAR {_STATES[code]} - {first}{more} | {drawn}", *told[1:]]
    return Answer(lines=map(Verbatim, lines), exit_code=code)


def _plain(text: str) -> str:
    """A text in one line without the bar, which begins performance data."""
    return " ".join(safe(text, LONGEST).replace("|", "/").split())


# Prometheus ------------------------------------------------------------------------------------------------------------


def _of_alarms(alarms: Sequence[Alarm]) -> Iterator[Sample]:
    """A sample for each rule and subject, also if several alarms have both in common."""
    for labels in dict.fromkeys(_labels(one.rule, one.weight, one.subject) for one in alarms):
        yield Sample("alarm", 1, labels)


def _labels(rule: AlarmRule, weight: Weight, subject: str) -> tuple[tuple[str, str], ...]:
    return (("rule", rule.value), ("weight", weight.name.lower()), ("subject", subject))


def _metrics(samples: Sequence[Sample], file: Path | None) -> Answer:
    """The metrics as output, or written to ``file`` in one step, readable by every account."""
    content = "".join(_exposed(samples)).encode()
    if file is None:
        return Answer(lines=[Raw([content])])
    try:
        if not file.parent.is_dir():
            raise InputError(disk.NO_FOLDER(path=str(file.parent)))
        # A device or pipe would be replaced as well, which breaks it for all who use it.
        if file.exists() and not file.is_file():
            raise InputError(usage.NO_FILE(path=str(file)))
        with files.lock(file.parent, wait=True), files.replacing(file, 0o644) as new:
            # The collector has an account of its own, whatever the umask of this one.
            os.fchmod(new.fileno(), 0o644)
            new.write(content)
    except OSError as error:
        raise StorageError(usage.OUTPUT_UNWRITTEN(said=error.strerror or str(error))) from error
    return Answer()


def _exposed(samples: Sequence[Sample]) -> Iterator[str]:
    names = dict.fromkeys(one.name for one in samples)
    for name in names:
        told: set[str] = set()
        yield f"# HELP archivar_{name} {HELP[name]}\n# TYPE archivar_{name} gauge\n"
        for one in samples:
            if one.name == name:
                labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in one.labels)
                if labels in told:
                    # Names may look alike; for one sample that is there twice the collector refuses the whole file.
                    labels = ",".join(f'{key}="{_escaped(_apart(value))}"' for key, value in one.labels)
                told.add(labels)
                yield f"archivar_{name}{f'{{{labels}}}' if labels else ''} {_number(one.value)}\n"


def _escaped(value: str) -> str:
    return safe(value, LONGEST).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _apart(value: str) -> str:
    """A text with each character that is not ASCII by its number, so that none is lost."""
    return value.encode("ascii", "backslashreplace").decode()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"
