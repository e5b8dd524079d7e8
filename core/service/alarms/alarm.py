"""An alarm: the rule that found it, its subject, its reason, and its weight."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from core.archive.registry.acknowledged import Acknowledged, AlarmKey
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
    def stands(self) -> bool:
        """True when a person may let it stand: a setting or a state, not a failure, damage, or a missing service."""
        return self in _STANDING

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


_STANDING = frozenset({AlarmRule.FORECAST, AlarmRule.KEY, AlarmRule.EXPOSED, AlarmRule.PROFILE})


@dataclass(frozen=True, slots=True)
class Alarm:
    """A matter that needs attention. ``subject``: the profile or place, empty for the archive; ``since`` where it is known.

    ``run`` is the number of the run that it is about, 0 for none; ``acknowledged``: by whom it was, and why, if it was.
    """

    rule: AlarmRule
    reason: Reason
    subject: str = ""
    since: datetime | None = None
    run: int = 0
    acknowledged: Acknowledged | None = None

    @property
    def weight(self) -> Weight:
        """The weight of its rule; a remark's once it is acknowledged."""
        return Weight.REMARK if self.acknowledged is not None else self.rule.weight

    @property
    def key(self) -> AlarmKey:
        """The key by which it is acknowledged. A forecast stays one from day to day; another open file is another alarm."""
        about = json.dumps(self.reason.as_json()["values"], sort_keys=True) if self.rule is AlarmRule.EXPOSED else ""
        return AlarmKey(self.rule.value, self.subject, self.reason.code.word, about)

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.value,
            "subject": self.subject,
            "weight": self.weight.name.lower(),
            "acknowledged": self.acknowledged.as_json() if self.acknowledged is not None else None,
            "since": timestamp(self.since) if self.since else None,
            "run": self.run or None,
            **table.as_kept(self.reason),
        }


def heaviest(alarms: Iterable[Alarm]) -> Weight:
    """The greatest weight; a remark's for none at all."""
    return max((one.weight for one in alarms), default=Weight.REMARK)


#: Alarms of one code up to which each is shown by itself, and the rules whose alarms are about settings of profiles.
_EACH = 3
_OF_SETTINGS = frozenset({AlarmRule.PROFILE, AlarmRule.DIRECTORY})


def alike(alarms: Iterable[Alarm]) -> list[list[Alarm]]:
    """The alarms for people: what many profiles have in common together, all others by themselves."""
    found: dict[tuple[AlarmRule, str, str], list[Alarm]] = {}
    for one in alarms:
        apart = one.rule not in _OF_SETTINGS or not one.subject
        why = one.acknowledged.why if one.acknowledged is not None else ""
        found.setdefault((one.rule, str(len(found)) if apart else one.reason.code.word, why), []).append(one)
    return [
        group for several in found.values() for group in ([several] if len(several) > _EACH else [[one] for one in several])
    ]


def told_once(group: Sequence[Alarm]) -> Alarm:
    """The first of alarms that are alike, with the number of the others."""
    first, *others = group
    return replace(first, reason=problems.ALIKE(why=first.reason, more=len(others))) if others else first


def folded(alarms: Iterable[Alarm]) -> list[Alarm]:
    """The alarms that are shown, each ``told_once``."""
    return [told_once(group) for group in alike(alarms)]
