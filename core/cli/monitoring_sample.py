"""The forms of ``archivar status``, and a sample of monitoring: a value by its name."""

from __future__ import annotations

from enum import StrEnum

from core.values import dataclass


class MonitoringForm(StrEnum):
    """The choices of ``--format``."""

    TEXT = "text"
    NAGIOS = "nagios"
    PROMETHEUS = "prometheus"


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a metric, without the prefix ``archivar_``; each label is a name with its value."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()
