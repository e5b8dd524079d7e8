"""Ledger entries as sentences: what happened, to whom, by which run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.archive.catalog import changes
from core.archive.store.ledger import Entry
from core.errors import DamagedError
from core.text.format import counted, number, size

Payload = dict[str, Any]
#: Changes that a sentence tells, and the longest text of one there.
SHOWN, LONGEST = 3, 90
_ENDS = {
    "succeeded": "succeeded",
    "completed_with_errors": "completed with errors",
    "cancelled": "was cancelled",
    "failed": "failed",
}


def describe(entry: Entry) -> str:
    """One plain sentence of what ``entry`` says. Texts from outside are in it as they are."""
    tell = _TELL.get(entry.kind)
    try:
        if tell is None:
            _ = entry.payload
            return f"An entry of the kind {entry.kind}, which this version does not know."
        return tell(entry.payload) + _summary(entry.payload)
    except (DamagedError, KeyError, TypeError, ValueError, IndexError, AttributeError):
        return f"An entry of the kind {entry.kind} that cannot be read."


def details(entry: Entry) -> list[str]:
    """Every change that an entry tells, in a line each; none for an entry that tells none, or cannot be read."""
    try:
        return [change.sentence() for change in changes.of(entry.payload) or ()]
    except (DamagedError, KeyError, TypeError, ValueError, AttributeError):
        return []


def changed(entry: Entry) -> list[Payload] | None:
    """The changes as JSON; None for an entry that tells none, as those of older versions."""
    try:
        found = changes.of(entry.payload)
    except (DamagedError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return None if found is None else [change.as_json() for change in found]


def _summary(payload: Payload) -> str:
    """The first changes, after the sentence that says of what; all of them are in ``details``."""
    found = changes.of(payload)
    if found is None:
        return ""
    if any(change.ended for change in found):
        return ""
    if any(change.began for change in found):
        return " It is new."
    if changes.RENAMED in payload:
        found = [one for one in found if one.field != "name"]
    elif not found:
        return " Nothing of it was changed."
    # That a password changed must not be what is left out.
    found.sort(key=lambda one: not one.secret)
    texts = [text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in (one.sentence() for one in found[:SHOWN])]
    more = f"; and {number(len(found) - SHOWN)} more" if len(found) > SHOWN else ""
    said = f"{'; '.join(texts)}{more}"
    return f" {said.removesuffix('.')}." if said else ""


def _messages(uids: str) -> str:
    """How many messages a sequence set names; counted without listing them, since it may say anything."""
    total = 0
    for item in uids.split(",") if uids else ():
        low, _, high = item.partition(":")
        total += int(high or low) - int(low) + 1
    return counted(total, "message")


def _run(payload: Payload) -> str:
    """The author of an entry: a run, or the repair after a comparison, which is no run's."""
    return f"run {payload['run']}" if payload["run"] else "a comparison"


def _mailbox(payload: Payload) -> str:
    """The login name in ``imap://login@host -> owner/top folder``."""
    return str(payload["source"]).partition(" -> ")[0].removeprefix("imap://").rpartition("@")[0]


def _where(payload: Payload) -> str:
    return f'in "{payload["server_folder"]}" of {_mailbox(payload)}'


def _created(payload: Payload) -> str:
    return f"The archive was begun (id {payload['archive_id']})."


def _user_saved(payload: Payload) -> str:
    user = payload["user"]
    if user["removed"]:
        return f"User {user['name']} was removed; the archive is kept."
    if user.get("disabled"):
        return f"User {user['name']} left the directory and was disabled; the archive is kept."
    emails = ", ".join(user["addresses"]) or "no e-mail address"
    return f"User {user['name']} was saved: {emails}{', login ' + user['login'] if user['login'] else ''}."


def _profile_saved(payload: Payload) -> str:
    if changes.RENAMED in payload:
        return f"Profile {payload[changes.RENAMED]} was saved as {payload['name']}."
    return f"Profile {payload['name']} was saved."


def _profile_removed(payload: Payload) -> str:
    return f"Profile {payload['name']} was removed."


def _directory_saved(payload: Payload) -> str:
    definition = payload["definition"]
    return f"The settings of the directory ({definition['type']}, {definition['server']['host']}) were saved."


def _directory_removed(payload: Payload) -> str:
    return f"The settings of the directory ({payload['type']}, {payload['host']}) were removed; users stay as they are."


def _directory_synced(payload: Payload) -> str:
    kinds = ("created", "adopted", "back", "changed", "disabled", "removed")
    counts = [f"{number(payload[kind])} {kind}" for kind in kinds if payload[kind]]
    withheld = "; too many would have gone, so none did" if payload["withheld"] else ""
    conflicts = f"; {counted(payload['conflicts'], 'conflict')}" if payload["conflicts"] else ""
    return f"Users were synchronised with the directory: {', '.join(counts) or 'no changes'}{conflicts}{withheld}."


def _settings_saved(payload: Payload) -> str:
    return f"The setting {payload['name']} was saved: {payload['value']}."


def _archived(payload: Payload) -> str:
    messages = payload["messages"]
    total = sum(message[2] for message in messages)
    what = f"{counted(len(messages), 'message')} ({size(total)})"
    return f"Archived {what} from {_mailbox(payload)} into {payload['folder']} by {_run(payload)}."


def _moved(payload: Payload) -> str:
    moves = payload["moves"]
    folders = sorted({str(move[3]) for move in moves if move[3] is not None})
    if not folders:
        what = f"{counted(len(moves), 'message')} of {_mailbox(payload)} that moved on the server"
        return f"Followed {what}, where the archive has no folders of it, by {_run(payload)}."
    into = folders[0] if len(folders) == 1 else counted(len(folders), "folder")
    return f"Followed {counted(len(moves), 'message')} of {_mailbox(payload)} that moved to {into}, by {_run(payload)}."


def _filed(payload: Payload) -> str:
    messages = payload["messages"]
    what = f"{counted(len(messages), 'message')} ({size(sum(message[2] for message in messages))})"
    people = {owner for owner, _ in payload["places"]}
    unknown = sum(bool(ours) for _, ours in payload["addresses"])
    addresses = "1 unknown address" if unknown == 1 else f"{number(unknown)} unknown addresses"
    more = f", with {addresses}" if unknown else ""
    return f"Archived {what} from {_mailbox(payload)} into {counted(len(people), 'archive')}{more}, by {_run(payload)}."


def _left(payload: Payload) -> str:
    what = counted(len(payload["messages"]), "message")
    return f"{what} left {_where(payload)}, since no user has any of their addresses, by {_run(payload)}."


def _refiled(payload: Payload) -> str:
    people = {owner for owner, _ in payload["places"]}
    whom = "the user who has the address" if len(people) == 1 else f"{number(len(people))} users who have the addresses"
    return f"Filed {counted(len(payload['messages']), 'message')} to {whom} by now."


def _address_ours(payload: Payload) -> str:
    return f"{payload['address']} is said to be {'one of ours again' if payload['ours'] else 'not ours'}."


def _imported(payload: Payload) -> str:
    messages = payload["messages"]
    what = f"{counted(len(messages), 'message')} ({size(sum(message[1] for message in messages))})"
    # Older entries name the user by id alone.
    whose = f" of {payload['user']}" if "user" in payload else ""
    return f"Imported {what} from {payload['path']} into {payload['folder']}{whose}."


def _linked(payload: Payload) -> str:
    what = counted(len(payload["messages"]), "message")
    return f"Found {what} that {'is' if len(payload['messages']) == 1 else 'are'} archived already {_where(payload)} as well."


def _vanished(payload: Payload) -> str:
    return f"{_messages(payload['uids'])} {_where(payload)} no longer on the server, seen by {_run(payload)}; kept here."


def _relisted(payload: Payload) -> str:
    what = counted(len(payload["messages"]), "known message")
    return f"{what} {_where(payload)} listed with other numbers by the server, seen by {_run(payload)}; the same mail."


def _returned(payload: Payload) -> str:
    return f"{_messages(payload['uids'])} {_where(payload)} on the server again, seen by {_run(payload)}."


def _deleting(payload: Payload) -> str:
    return f"{_messages(payload['uids'])} {_where(payload)} about to be deleted at the source by {_run(payload)}."


def _deleted(payload: Payload) -> str:
    kept = f"; {_messages(payload['kept'])} left there" if payload["kept"] else ""
    return f"{_messages(payload['uids'])} {_where(payload)} deleted at the source by {_run(payload)}{kept}."


def _run_finished(payload: Payload) -> str:
    totals = payload["totals"]
    counts = [f"{number(totals['archived'])} archived", f"{number(totals['failed'])} failed"]
    if totals.get("deleted"):
        counts.append(f"{number(totals['deleted'])} deleted at the source")
    end = _ENDS.get(payload["status"], payload["status"])
    if payload.get("dry_run"):
        found = f"{counted(totals.get('found', 0), 'message')} looked at, {number(totals['failed'])} failed"
        return f"Dry run {payload['run']} of {payload['profile']} {end}: {found}; nothing was archived or deleted."
    return f"Run {payload['run']} of {payload['profile']} {end}: {', '.join(counts)}."


def _exported(payload: Payload) -> str:
    of = f" of {payload['folder']}" if payload["folder"] else ""
    already = f"; {number(payload['already'])} were there already" if payload.get("already") else ""
    end = "" if payload.get("complete", True) else "; it was broken off"
    return f"Exported {counted(payload['messages'], 'message')}{of} as {payload['format'].upper()}{already}{end}."


def _backed_up(payload: Payload) -> str:
    what = f"{counted(payload['volumes'], 'volume')} ({size(payload['bytes'])}) copied, {number(payload['already'])} unchanged"
    without = "" if payload.get("key", True) else " without the key"
    return f"Backed up{without} to {payload['directory']} up to entry {number(payload['seq'])}: {what}."


def _key_rotated(payload: Payload) -> str:
    unread = f"; {counted(len(payload['unreadable']), 'other')} could not be read" if payload["unreadable"] else ""
    return f"Key rotated: {counted(payload['passwords'], 'password')} stored under a new one{unread}."


#: What is said of a folder on a server that is not of the mailbox's own.
_WHOSE = {"others": ", a folder of another user", "shared": ", a shared folder"}


def _restored(payload: Payload) -> str:
    what = f"{counted(len(payload['messages']), 'message')} ({size(sum(message[2] for message in payload['messages']))})"
    where = _where(payload).removeprefix("in ") + _WHOSE.get(payload.get("whose") or "", "")
    return f"Restored {what} of {payload['folder']} to {where}, by profile {payload['profile']}."


def _verified(payload: Payload) -> str:
    looked = f"{counted(payload['messages'], 'message')} and {counted(payload['parts'], 'part')}"
    if share := payload.get("share"):
        looked += f", in shares of {share} %"
    return f"Verified {looked}: {counted(payload['findings'], 'finding') if payload['findings'] else 'clean'}."


def _repaired(payload: Payload) -> str:
    messages = payload["messages"]
    origins = list(dict.fromkeys(str(message[2]) for message in messages))
    return f"Repaired {counted(len(messages), 'damaged message')}: stored anew from {', '.join(origins[:3])}."


def _salvaged(payload: Payload) -> str:
    lost, placed = len(payload["lost"]), len(payload["placed"])
    text = f"Salvaged {payload['volume']}: its ledger is whole up to entry {payload['kept']}"
    if payload["seen"][0] > payload["kept"]:
        text += f", and was known up to entry {payload['seen'][0]}"
    said = f"{text}; {counted(lost, 'message')} lost."
    return f"{said} {counted(placed, 'message')} put back from what the catalog knew." if placed else said


def _seal_place_saved(payload: Payload) -> str:
    definition = payload["definition"]
    target = f" ({definition['target']})" if definition["target"] else ""
    return f"Seals are sent to {definition['name']}, a place of the kind {definition['kind']}{target}."


def _seal_place_removed(payload: Payload) -> str:
    return f"Seals are no longer sent to {payload['name']}, a place of the kind {payload['kind']}."


_TELL: dict[str, Callable[[Payload], str]] = {
    "archive.created": _created,
    "user.saved": _user_saved,
    "profile.saved": _profile_saved,
    "profile.removed": _profile_removed,
    "directory.saved": _directory_saved,
    "directory.removed": _directory_removed,
    "directory.synced": _directory_synced,
    "settings.saved": _settings_saved,
    "archived": _archived,
    "filed": _filed,
    "left": _left,
    "refiled": _refiled,
    "address.ours": _address_ours,
    "imported": _imported,
    "linked": _linked,
    "moved": _moved,
    "vanished": _vanished,
    "relisted": _relisted,
    "returned": _returned,
    "deleting": _deleting,
    "deleted": _deleted,
    "run.finished": _run_finished,
    "exported": _exported,
    "backed_up": _backed_up,
    "key.rotated": _key_rotated,
    "restored": _restored,
    "verified": _verified,
    "repaired": _repaired,
    "salvaged": _salvaged,
    "seal.place.saved": _seal_place_saved,
    "seal.place.removed": _seal_place_removed,
}
