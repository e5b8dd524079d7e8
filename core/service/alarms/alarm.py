"""An alarm: the rule that found it, its subject, its reason, and its weight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from core.model import timestamp
from core.problems import alarm as problems
from core.problems import table
from core.problems.code import Reason
from core.values import dataclass


class Weight(IntEnum):
    """The weight of an alarm; the value of all but a remark is the exit code of ``archivar status``.

    A ``REMARK`` waits for a person without urgency. With ``SERVICE`` the service is needed and missing, or does nothing.
    """

    REMARK = 0
    ATTENTION = 1
    SERVICE = 3
    DAMAGE = 4


class AlarmRule(StrEnum):
    """The rules of the watch, in the order of showing: critical ones first; stable words of JSON and of metrics."""

    DAMAGE = "damage"
    READ_ONLY = "read-only"
    SERVICE_STUCK = "service-stuck"
    SERVICE_MISSING = "service-missing"
    RUN_FAILED = "run-failed"
    SEAL = "seal"
    RUN_ERRORS = "run-errors"
    RUN_OVERDUE = "run-overdue"
    RUN_LONG = "run-long"
    VERIFICATION = "verification"
    BACKUP = "backup"
    STORAGE = "storage"
    SPACE = "space"
    FORECAST = "forecast"
    INDEX = "index"
    DIRECTORY = "directory"
    KEY = "key"
    EXPOSED = "exposed"
    PROFILE = "profile"
    USERS = "users"
    UNKNOWN = "unknown"
    IS_BACKUP = "is-backup"

    @property
    def weight(self) -> Weight:
        return _WEIGHTS.get(self, Weight.ATTENTION)

    @property
    def critical(self) -> bool:
        """True when mail may be lost, or is not archived, until it is seen to: the state CRITICAL of monitoring."""
        return self.weight > Weight.ATTENTION or self in (AlarmRule.READ_ONLY, AlarmRule.RUN_FAILED)


_WEIGHTS = {
    AlarmRule.DAMAGE: Weight.DAMAGE,
    AlarmRule.SERVICE_STUCK: Weight.SERVICE,
    AlarmRule.SERVICE_MISSING: Weight.SERVICE,
    AlarmRule.USERS: Weight.REMARK,
    AlarmRule.UNKNOWN: Weight.REMARK,
    AlarmRule.IS_BACKUP: Weight.REMARK,
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """A matter that needs attention. ``subject``: the profile or place, empty for the archive; ``since`` where it is known.

    ``run`` is the number of the run that it is about, 0 for none.
    """

    rule: AlarmRule
    reason: Reason
    subject: str = ""
    since: datetime | None = None
    run: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.value,
            "subject": self.subject,
            "weight": self.rule.weight.name.lower(),
            "since": timestamp(self.since) if self.since else None,
            "run": self.run or None,
            **table.as_kept(self.reason),
        }


def heaviest(alarms: Iterable[Alarm]) -> Weight:
    """The greatest weight; a remark's for none at all."""
    return max((one.rule.weight for one in alarms), default=Weight.REMARK)


#: Alarms of one code up to which each is shown by itself, and the rules whose alarms are about settings of profiles.
_EACH = 3
_OF_SETTINGS = frozenset({AlarmRule.PROFILE, AlarmRule.DIRECTORY})


def folded(alarms: Iterable[Alarm]) -> list[Alarm]:
    """The alarms for people: what many profiles have in common is told of the first one, with the number of the others."""
    alike: dict[tuple[AlarmRule, str], list[Alarm]] = {}
    for one in alarms:
        apart = one.rule not in _OF_SETTINGS or not one.subject
        alike.setdefault((one.rule, str(len(alike)) if apart else one.reason.code.word), []).append(one)
    found = []
    for several in alike.values():
        if len(several) > _EACH:
            found.append(replace(several[0], reason=problems.ALIKE(why=several[0].reason, more=len(several) - 1)))
        else:
            found += several
    return found
