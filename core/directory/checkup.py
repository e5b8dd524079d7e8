"""Checkup of a Kerio Connect server through its administration API, before it is archived: read only.

Options are looked up by name, wherever a version of the server keeps them; a missing one counts as unknown, and never as right.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from core.directory.kerio import ApiError, Found, KerioApi, domains, is_true, session
from core.network import Report
from core.problems import checkup as problems
from core.problems import command_line
from core.problems.code import Reason
from core.profiles.directory import Directory
from core.profiles.profile import Method, Profile
from core.secrets import Secret
from core.values import dataclass

#: The classes of messages in Kerio's archiving, by the names of its options.
CLASSES = {
    "archiveLocalMessages": "local",
    "archiveIncomingMessages": "incoming",
    "archiveOutgoingMessages": "outgoing",
    "archiveRelayedMessages": "relayed",
}
CLEAN_OUT = {
    "deletedItems": "Deleted Items",
    "junkEmail": "Junk E-mail",
    "sentItems": "Sent Items",
    "autoDelete": "all folders",
}
#: Connections left to other clients.
SPARE = 10


@dataclass(frozen=True, slots=True)
class CheckupFinding:
    """A checked option: ``ok`` None means unknown.

    ``reason`` tells what is wrong or unknown; of a good one there are what was ``found`` and a ``note``.
    """

    name: str
    ok: bool | None
    found: str = ""
    note: str = ""
    reason: Reason | None = None

    @property
    def text(self) -> str:
        """The finding, in the words of the command line."""
        return command_line.sentence(self.reason) if self.reason is not None else self.found

    @property
    def remedy(self) -> str:
        """The advice, if any."""
        return command_line.remedy(self.reason) if self.reason is not None else self.note

    def as_json(self) -> dict[str, Any]:
        value = {"check": self.name, "ok": self.ok, "text": self.text, "remedy": self.remedy}
        return value | (self.reason.as_json() if self.reason is not None else {"code": "", "values": {}})


async def examine(directory: Directory, password: Secret, profile: Profile | None, report: Report) -> list[CheckupFinding]:
    """All findings; with a ``profile``, its needs decide. Raises ``ConnectError`` when there is no session."""
    found: list[CheckupFinding] = []
    async with session(directory, password, report) as api:
        async for one in _findings(api, directory, profile):
            found.append(one)
    return found


async def _findings(api: KerioApi, directory: Directory, profile: Profile | None) -> AsyncIterator[CheckupFinding]:
    version = await _ask(api, "Server.getVersion")
    told = f"{version.get('product', 'Kerio Connect')} {version.get('version', '')}".strip() if version else ""
    yield CheckupFinding("Version", True, told) if told else _wrong("Version", None, problems.NO_VERSION())
    options = await _ask(api, "AdvancedOptions.get")
    yield _master(_look_up(options, "masterAuthentication"), profile)
    yield _envelope(_look_up(options, "insertXEnvelopeTo"))
    yield _archive(await _ask(api, "Archive.get"))
    for one in _services(_look_up(await _ask(api, "Services.get"), "services"), profile):
        yield one
    yield await _clean_out(api, directory)


async def _ask(api: KerioApi, method: str) -> Found | None:
    """The answer to a request that not every account may make; None when it is forbidden."""
    try:
        return await api.call(method)
    except ApiError:
        return None


def _look_up(value: Any, name: str) -> Any:
    """The value of an option, at any depth; None when there is none."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for item in value if (found := _look_up(item, name)) is not None), None)
    return None


def _master(options: Any, profile: Profile | None) -> CheckupFinding:
    name = "Master authentication"
    if not isinstance(options, dict) or "isEnabled" not in options:
        return _unknown(name, "Configuration > Advanced Options > Master Authentication shows it.")
    needed = profile is None or profile.login.method is Method.KERIO_MASTER
    if not is_true(options["isEnabled"]):
        if not needed:
            return CheckupFinding(name, True, "switched off; this profile does not need it")
        return _wrong(name, False, problems.MASTER_OFF())
    group = options.get("groupRestriction")
    if isinstance(group, dict) and is_true(group.get("enabled", group.get("isEnabled", bool(group.get("id"))))):
        which = group.get("name") or group.get("id") or "a group"
        return CheckupFinding(
            name, True, f'switched on, for the IP address group "{which}"', "That group must hold this machine."
        )
    return _wrong(name, False, problems.MASTER_EVERYWHERE())


def _envelope(value: Any) -> CheckupFinding:
    name = "X-Envelope-To"
    where = "Configuration > Advanced Options > Miscellaneous"
    if value is None:
        return _unknown(name, f"{where} shows it.")
    if is_true(value):
        return CheckupFinding(name, True, "added to what is delivered, so BCC recipients are known in an archive mailbox")
    return _wrong(name, None, problems.NO_ENVELOPE())


def _archive(answer: Found | None) -> CheckupFinding:
    name = "Archive mailbox"
    where = "Configuration > Archiving and Backup"
    enabled = _look_up(answer, "isEnabled")
    if enabled is None:
        return _unknown(name, f"{where} shows it.")
    if not is_true(enabled):
        return _wrong(name, None, problems.ARCHIVING_OFF())
    remote = _look_up(answer, "remoteArchive")
    address = str(remote.get("value") or remote.get("address") or "") if isinstance(remote, dict) else str(remote or "")
    missing = [word for option, word in CLASSES.items() if not is_true(_look_up(answer, option))]
    if missing:
        return _wrong(name, False, problems.CLASSES_LEFT_OUT(classes=", ".join(missing)))
    return CheckupFinding(name, True, f"all four classes of messages go to {address or 'the archive'}")


def _services(services: Any, profile: Profile | None) -> list[CheckupFinding]:
    found = []
    for one in services if isinstance(services, list) else []:
        title = str(one.get("name") or "") if isinstance(one, dict) else ""
        if "imap" not in title.casefold():
            continue
        if not is_true(one.get("isRunning")):
            found.append(_wrong(f"Service {title}", None, problems.NOT_RUNNING(service=title)))
            continue
        limit = next((one[key] for key in one if "connection" in key.casefold() and isinstance(one[key], int)), None)
        wanted = profile.server.connections if profile is not None else 0
        if limit and wanted + SPARE > limit:
            reason = problems.FEW_CONNECTIONS(limit=limit, wanted=wanted, service=title)
            found.append(_wrong(f"Service {title}", False, reason))
        else:
            found.append(
                CheckupFinding(f"Service {title}", True, f"running{f', at most {limit} connections' if limit else ''}")
            )
    return found or [_unknown("Service IMAP", "Configuration > Services shows it.")]


async def _clean_out(api: KerioApi, directory: Directory) -> CheckupFinding:
    name = "Clean-out of old items"
    where = "In Configuration > Domains, Messages; users may have rules of their own."
    try:
        found = await domains(api, directory, ["cleanOutItems"])
    except ApiError:
        return _unknown(name, where)
    rules = {str(one.get("name")): one.get("cleanOutItems") for one in found}
    if not rules or not all(isinstance(rule, dict) for rule in rules.values()):
        return _unknown(name, where)
    active = [
        f"{domain}: {words} after {rule[key].get('days', '?')} days"
        for domain, rule in rules.items()
        if isinstance(rule, dict)
        for key, words in CLEAN_OUT.items()
        if isinstance(rule.get(key), dict) and is_true(rule[key].get("isEnabled"))
    ]
    if not active:
        return CheckupFinding(name, True, "the domains delete nothing by age", "Users may have rules of their own.")
    return _wrong(name, None, problems.CLEANS_OUT(rules="; ".join(active)))


def _wrong(name: str, ok: bool | None, reason: Reason) -> CheckupFinding:
    return CheckupFinding(name, ok, reason=reason)


def _unknown(name: str, where: str) -> CheckupFinding:
    return _wrong(name, None, problems.NOT_TOLD(where=where))
