"""Settings of the archive."""

from __future__ import annotations

from core.problems.code import Code, Family

UNKNOWN = Code("no-setting", 'There is no setting "{name}".', "{near:meant}Settings: {there}.", Family.INPUT)
NOT_ALLOWED = Code("setting-not-allowed", '{name}: "{value}" is not allowed.', "{near:meant}Allowed: {allowed}.", Family.INPUT)
