"""The console's face: its keys, pages and fields, for actions and settings in remedies."""

from __future__ import annotations

from core.archive.catalog import settings
from core.errors import ArchivarError
from core.problems import unnamed
from core.problems.code import Do, Reason, Setting
from core.profiles.schema import forms
from core.profiles.schema.directories import DIRECTORIES
from core.profiles.schema.profiles import PROFILES

ACTIONS: dict[Do, str] = {
    Do.ENTER_PASSWORD: "Type the password on the page Login (the key e).",
    Do.CHANGE_PROFILE: "The key e on Home changes the profile.",
    Do.TRY_CONNECTION: "Change the profile (the key e): ^t shows step by step how far it comes.",
    Do.TRY_DELETION: "Change the profile (the key e): on the page Delete, ^o shows what the server does with deleted mail.",
    Do.RUN_AGAIN: "The key r on Home begins it again.",
    Do.LIST_MISSING: "The key v on the page of the profile compares the server with the archive.",
    Do.CHANGE_LOGIN_NAME: "The key e in Users (the key u on Home) shows and changes it.",
    Do.CHANGE_ADDRESS: "The key e in Users (the key u on Home) does that.",
    Do.CHANGE_SELECTION: "It is a tick on the page Users of the profile.",
    Do.ADD_USER: "The key n in Users (the key u on Home) does that.",
    Do.READ_MASTER_GUIDE: "The guide on one password for every mailbox tells all steps: ?, then g.",
    Do.VERIFY: "Verify the archive at once: Proof (the key p in Settings) names all that is damaged.",
    Do.BACK_UP: "Backups (the key b in Settings) make one now.",
    Do.SET_BACKUPS: "Backups (the key b in Settings) names the folder, and how many take turns.",
    Do.VERIFY_NOW: "Proof (the key p in Settings) verifies it, once or by itself.",
    Do.REPAIR: "Proof (the key p in Settings) repairs it: the key r takes over what is whole, and fetches the rest again.",
    Do.REBUILD: "Whoever installed the service makes it anew from the volumes: archivar rebuild, while no service runs.",
    Do.ADOPT_BACKUP: "archivar rebuild --home FOLDER makes a backup an archive of its own.",
    Do.CHOOSE_HOME: "Start the console for its folder.",
    Do.LIST_PLACES: "The place Seals (the key l in Proof) shows those that there are.",
    Do.ENTER_PLACE_PASSWORD: "Type it, or name a file that holds it.",
    Do.PASTE_SEAL: "Paste the whole line: number, hash of 64 digits, time.",
    Do.LIST_USERS: "The place Users lists all of them.",
    Do.LIST_FOLDERS: "Archive (the key m on Home) shows the folders.",
    Do.TRY_QUERY: "Look what the search finds.",
    Do.CHOOSE_OWNER: "Name one of them here.",
    Do.CHOOSE_FORMAT: "Say in which format it is, if it is mail.",
    Do.INDEX_ANEW: "The next search makes it anew.",
    Do.ADD_PROFILE: "The key n on Home makes one.",
    Do.ADD_SCHEDULE: "Change it, and choose on the page Name when it is started.",
    Do.CANCEL_RUN: "The key c on the page of the run ends it.",
    Do.CHANGE_USER: "The key e in Users (the key u on Home) changes a user.",
    Do.BRING_BACK_USER: "Adding a user of that name in Users brings the archive back.",
    Do.LIST_UNKNOWN: "Unknown addresses (the key w on Home) shows whose it may be.",
    Do.SET_UP_DIRECTORY: "Set one up: the key t in Users.",
    Do.ENTER_DIRECTORY_PASSWORD: "Type it on the directory's page.",
    Do.SET_UP_PLACE: "The place Seals (the key l in Proof) sets it up anew.",
    Do.RENEW_UNIT: "Whoever installed the service does that.",
    Do.FORCE_SYNCHRONISATION: "If that is right: the key f lets them go.",
    Do.CHOOSE_MAILBOX: "Choose the mailbox.",
    Do.CHOOSE_FOLDER: "Name it like Restored/2024.",
    Do.CHOOSE_TARGET_FOLDER: "Name a folder on the server for it, or choose another profile.",
    Do.SHOW_PROFILE_USERS: "Choose another mailbox or another profile.",
    Do.STOP_SERVICE: "Stop it first, on the command line: archivar service stop.",
    Do.SHOW_SERVICE: "Settings (the key s on Home) shows it.",
    Do.START_SERVICE: "Settings (the key s on Home) starts one.",
    Do.RUN: "The key r on Home starts one.",
    Do.LIST_RUNS: "Activity (the key y on Home) lists them.",
    Do.LIST_ENTRIES: "The ledger (the key a in Activity) lists them.",
    Do.ADD_PLACE: "The place Seals (the key l in Proof) sets one up.",
    Do.SEND_SEAL: "The key t in Seals (the key l in Proof) sends one.",
    Do.CHOOSE_OTHER_HOME: "Another folder is named when the console is started (--home).",
    Do.BEGIN_ARCHIVE: "Else the key b begins one.",
    Do.ENTER_PASSWORDS: "A password is typed on the page Login of its profile, on the directory's page, or in Seals.",
    Do.TYPE_PASSWORD: "Type it on the page Login.",
    Do.NAME_TRIED_USER: "Name one on the page Login.",
    Do.IGNORE_ADDRESS: "The key x says that it is not ours.",
    Do.ACCEPT_STATE: "If you put the archive back yourself, the key t in Seals accepts it.",
    Do.COMPARE_DEEPLY: "The key v on the page of the profile compares every byte, and archives what differs.",
    Do.FILE_MAIL: "The key f in Unknown addresses (the key w on Home) files it.",
    Do.KEEP_BY_HAND: "On the command line, archivar user edit NAME --by-hand keeps the user by hand.",
    Do.ACCEPT_STORED_SEALS: "If you put the archive back yourself, on the command line: archivar storage push --accept.",
    Do.PUT_SEALS_AGAIN: "On the command line, archivar storage push puts it there again.",
    Do.SHOW_STORAGE: "On the command line, archivar storage show tells what waits.",
    Do.SET_STORAGE: "On the command line, archivar storage set enters it.",
    Do.REPAIR_STORAGE: "On the command line, archivar storage push stores anew what is on this machine.",
    Do.PULL_VOLUMES: "On the command line, archivar storage pull fetches them.",
    Do.CHECK_STORAGE: "On the command line, archivar storage check tells more.",
    Do.SET_UP_CLUSTER: "On the command line, archivar cluster init sets it up.",
    Do.ADOPT_CLUSTER: "On the command line, archivar cluster adopt has workers deliver to this one.",
    Do.SHOW_CLUSTER: "On the command line, archivar cluster status shows the workers.",
}
#: Labels of settings that have no line of their own name in a form.
_LABELS = {"login.password_file": "Password"}
#: Values of settings, as the pages show them.
_VALUES = {
    "kerio": "Kerio Connect",
    "never": "never",
    "imap": "IMAP",
    "imap-ssl": "IMAP-SSL",
    "imap-tls": "IMAP-TLS",
    "ldap-ssl": "LDAPS",
    "ldap-tls": "StartTLS",
    "master-user": "a master user",
    "plain-authzid": "PLAIN with an account of its own",
}


class ConsoleFace:
    """The words of the console."""

    def action(self, do: Do) -> str:
        return ACTIONS[do]

    def setting(self, setting: Setting) -> str:
        """``"Own CA file"``, ``"Access via" IMAP-SSL``, ``a tick for "Final"``."""
        label = _label(setting.key)
        if setting.value == "true":
            return f'tick "{label}"'
        return f'"{label}" {_VALUES.get(setting.value, setting.value)}'.rstrip()

    def field(self, name: str) -> str:
        """``"Port"``; what has no label has its name."""
        known = name in PROFILES.by_name or name.removeprefix("directory.") in DIRECTORIES.by_name
        return f'"{_label(name)}"' if known else name


def _label(key: str) -> str:
    if key in _LABELS:
        return _LABELS[key]
    section, _, name = key.partition(".")
    if section == "settings":
        line = settings.DESCRIBED[name].line
        return name if line is None else line[0]
    return forms.label(PROFILES, key) if key in PROFILES.by_name else forms.label(DIRECTORIES, key.removeprefix("directory."))


CONSOLE = ConsoleFace()


def sentence(reason: Reason) -> str:
    """The sentence of a reason; text from outside may be in it."""
    return reason.sentence(CONSOLE)


def remedy(reason: Reason) -> str:
    """The remedy of a reason."""
    return reason.remedy(CONSOLE)


def said(error: ArchivarError) -> str:
    """An error's sentence and remedy in one."""
    return told(error.reason)


def told(reason: Reason) -> str:
    """Sentence and remedy in one."""
    return unnamed.told(reason, CONSOLE)
