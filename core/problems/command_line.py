"""The command line's face: commands and keys of files in remedies."""

from __future__ import annotations

from core.problems import unnamed
from core.problems.code import Do, Reason, Setting

ACTIONS: dict[Do, str] = {
    Do.ENTER_PASSWORD: "archivar profile apply FILE.toml asks for the password anew.",
    Do.CHANGE_PROFILE: "Correct the profile's file, and apply it again: archivar profile apply FILE.toml.",
    Do.TRY_CONNECTION: "archivar profile test PROFILE shows step by step how far it comes.",
    Do.TRY_DELETION: "archivar profile test PROFILE --probe-deletion shows what the server does with deleted mail.",
    Do.RUN_AGAIN: "archivar run PROFILE begins it again.",
    Do.LIST_MISSING: "archivar missing PROFILE shows all that the server has and the archive does not.",
    Do.CHANGE_LOGIN_NAME: "archivar user show NAME shows it, archivar user edit NAME --login LOGIN changes it.",
    Do.CHANGE_ADDRESS: "archivar user edit NAME --email ADDRESS does that.",
    Do.CHANGE_SELECTION: "It is users.list in the profile's file; apply that again.",
    Do.ADD_USER: "archivar user add NAME does that.",
    Do.READ_MASTER_GUIDE: "archivar help kerio-master tells all steps of one password for every mailbox.",
    Do.VERIFY: "Run archivar verify at once: it names all that is damaged.",
    Do.BACK_UP: "archivar backup makes the scheduled one now.",
    Do.SET_BACKUPS: "archivar settings set backup_to names the folder, backup_keep how many take turns.",
    Do.VERIFY_NOW: "archivar verify proves that nothing is damaged; the setting verify has it done by itself.",
    Do.REPAIR: "archivar repair takes over what is whole, and fetches the rest again.",
    Do.REBUILD: "archivar rebuild makes it anew from the volumes.",
    Do.ADOPT_BACKUP: "archivar rebuild --home FOLDER makes a backup an archive of its own.",
    Do.CHOOSE_HOME: "Name its folder with --home.",
    Do.LIST_PLACES: "archivar seal list shows those that there are.",
    Do.ENTER_PLACE_PASSWORD: "Type it, or name a password_file.",
    Do.PASTE_SEAL: "Paste the whole line of archivar ledger head: number, hash of 64 digits, time.",
    Do.LIST_USERS: "archivar user list shows them.",
    Do.LIST_FOLDERS: "archivar folders USER shows the folders.",
    Do.TRY_QUERY: "archivar search shows what a query finds.",
    Do.CHOOSE_OWNER: "Say whose is to be imported with --of NAME.",
    Do.CHOOSE_FORMAT: "Say what is there with --format, if it is mail.",
    Do.INDEX_ANEW: "archivar index --rebuild makes it anew.",
    Do.ADD_PROFILE: "Save one with archivar profile apply.",
    Do.ADD_SCHEDULE: 'Add a [schedule] to its file, such as daily = "02:00", and apply it again.',
    Do.CANCEL_RUN: "archivar cancel RUN ends it.",
    Do.CHANGE_USER: "archivar user edit changes a user.",
    Do.BRING_BACK_USER: "archivar user add brings the user and the archive back.",
    Do.LIST_UNKNOWN: "archivar unknown list shows whose it may be.",
    Do.SET_UP_DIRECTORY: "Set one up with archivar directory apply FILE.toml.",
    Do.ENTER_DIRECTORY_PASSWORD: "Enter it with archivar directory apply, or name a password_file.",
    Do.SET_UP_PLACE: "archivar seal add sets the place up anew.",
    Do.RENEW_UNIT: "archivar service unit does that.",
    Do.FORCE_SYNCHRONISATION: "If that is right: archivar directory sync --force.",
    Do.CHOOSE_MAILBOX: "Give --user NAME.",
    Do.CHOOSE_FOLDER: "Name it like --to Restored/2024.",
    Do.CHOOSE_TARGET_FOLDER: "Say with --to which folder on the server its mail goes to, or choose another one with --folder.",
    Do.SHOW_PROFILE_USERS: "archivar profile show tells who is.",
    Do.STOP_SERVICE: "Stop it first: archivar service stop.",
    Do.SHOW_SERVICE: "archivar service status shows it.",
    Do.START_SERVICE: "archivar service start starts one; archivar service unit, one that starts with the machine.",
    Do.RUN: "archivar run PROFILE starts one.",
    Do.LIST_RUNS: "archivar runs lists them.",
    Do.LIST_ENTRIES: "archivar ledger show lists them.",
    Do.ADD_PLACE: "archivar seal add sets one up.",
    Do.SEND_SEAL: "archivar seal now sends one.",
    Do.CHOOSE_OTHER_HOME: "Choose another folder with --home.",
    Do.BEGIN_ARCHIVE: "Else begin one: archivar user add, or archivar.",
    Do.ENTER_PASSWORDS: "Passwords are entered with archivar profile apply, directory apply and seal add.",
    Do.TYPE_PASSWORD: "archivar profile apply FILE.toml asks for it.",
    Do.NAME_TRIED_USER: "Give --user NAME.",
    Do.IGNORE_ADDRESS: "archivar unknown ignore says that it is not ours.",
    Do.ACCEPT_STATE: "archivar seal check tells more. If you put the archive back yourself: archivar seal now NAME --accept.",
    Do.COMPARE_DEEPLY: "archivar missing PROFILE --deep compares every byte; with --repair it archives what differs.",
    Do.FILE_MAIL: "archivar refile files it.",
    Do.KEEP_BY_HAND: "archivar user edit NAME --by-hand keeps the user by hand.",
    Do.ACCEPT_STORED_SEALS: "If you put the archive back yourself: archivar storage push --accept.",
    Do.PUT_SEALS_AGAIN: "archivar storage push puts it there again; archivar storage push --accept gives up what cannot be.",
    Do.SHOW_STORAGE: "archivar storage show tells what waits; archivar storage line changes the hours.",
    Do.SET_STORAGE: "archivar storage set enters it.",
    Do.REPAIR_STORAGE: "archivar storage push stores anew what is on this machine.",
    Do.PULL_VOLUMES: "archivar storage pull fetches them.",
    Do.CHECK_STORAGE: "archivar storage check tells more.",
    Do.SET_UP_CLUSTER: "archivar cluster init sets it up.",
    Do.ADOPT_CLUSTER: "archivar cluster adopt has workers deliver to this one.",
    Do.SHOW_CLUSTER: "archivar cluster status shows the workers.",
}
#: Sections whose keys need the section to be distinguished.
_WITH_SECTION = ("search", "attributes", "directory.login")


class CommandLine:
    """The words of the command line, the log and JSON."""

    def action(self, do: Do) -> str:
        return ACTIONS[do]

    def setting(self, setting: Setting) -> str:
        """``ca_file``, ``access = "imap-ssl"``, ``the setting runs``."""
        section, _, key = setting.key.rpartition(".")
        if section == "settings":
            return f"the setting {key}"
        name = setting.key.removeprefix("directory.") if section in _WITH_SECTION else key
        if not setting.value:
            return name
        written = setting.value if setting.value in ("true", "false") else f'"{setting.value}"'
        return f"{name} = {written}"

    def field(self, name: str) -> str:
        """``server.port``, ``[server]``."""
        return name


COMMAND_LINE = CommandLine()


def sentence(reason: Reason) -> str:
    """The sentence of a reason for a log, a file or the command line."""
    return reason.sentence(COMMAND_LINE)


def remedy(reason: Reason) -> str:
    """The remedy for the same readers."""
    return reason.remedy(COMMAND_LINE)


def coded(reason: Reason) -> dict[str, str]:
    """The fields of a problem in JSON: ``reason`` (its sentence) and ``code``."""
    return {"reason": sentence(reason), "code": reason.code.word}


def told(reason: Reason) -> str:
    """Sentence and remedy in one."""
    return unnamed.told(reason, COMMAND_LINE)
