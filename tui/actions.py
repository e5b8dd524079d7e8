"""Actions in one table for each place: keys, footer, help, command palette and keymap are made from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tui.bindings import Action

#: Valid in every place.
EVERYWHERE = (
    Action("help", "help", ("question_mark", "f1"), "Help", "The keys of this place"),
    Action("commands", "command_palette", ("ctrl+p",), "Commands", "Everything that can be done here, by name", priority=True),
)
#: The places, with the same keys everywhere. None is in the footer: Home has them in its own.
PLACES = (
    Action("go-home", "go('home')", ("h",), "Home", "Go to Home: profiles, and what needs attention", footer=False),
    Action("go-users", "go('users')", ("u",), "Users", "Go to Users: whose mail is archived", footer=False),
    Action(
        "go-archive", "go('archive')", ("m",), "Archive", "Go to Archive: the mail itself, to read and to find", footer=False
    ),
    Action("go-activity", "go('activity')", ("y",), "Activity", "Go to Activity: past runs, and the ledger", footer=False),
    Action(
        "go-unknown", "go('unknown')", ("w",), "Unknown addresses", "Go to Unknown addresses: nobody has them yet", footer=False
    ),
    Action("go-statistics", "go('statistics')", ("T",), "Statistics", "Go to Statistics: mail over time, by users …", False),
    Action("go-settings", "go('settings')", ("s",), "Settings", "Go to Settings", footer=False),
)

MOVING = (
    ("↑ ↓ or k j", "Choose a line, or scroll"),
    ("page up, page down", "One page"),
    ("home, end", "To the beginning, to the end"),
    ("tab", "To the next panel, or the next field of a form"),
    ("← → in a form", "Choose one of several. Space ticks a box; it changes no such choice"),
)
#: Rows with a digit for a key; the rest of the list is reached with the cursor.
DIGITS = 9
IMPORT_MAIL = Action(
    "mail-import",
    "import_mail",
    ("I",),
    "Import mail",
    "Import mail from files: EML, mbox, Maildir, Kerio's store, or an export",
)

OPEN_MAIL = Action("mail-open", "open", ("enter", "o"), "Open", "Open the chosen folder or message")
MARK = Action("mail-mark", "mark", ("space",), "Mark", "Mark the chosen message, or take its mark away")
UNMARK = Action("mail-unmark", "unmark", ("x",), "Unmark", "Take away all marks")
SEARCH_MAIL = Action(
    "search-archive", "search_archive", ("slash",), "Search", "Search archived mail: words, people, dates, files"
)

EXPORT_MAIL = Action("mail-export", "export", ("e",), "Export", "Write what is chosen to files: EML, mbox or Maildir")
LOOK = Action("restore-look", "look", ("l",), "Look", "Look into the mailbox: what is missing there; changes nothing")
RESTORE_MAIL = Action(
    "mail-restore", "restore", ("v",), "Restore", "Put what is chosen back into a mailbox. Shown before, and asks"
)

RESTORE_NOW = Action("restore-do", "restore", ("r",), "Restore", "Look, and put back what is missing. Asks first")
NEWS = Action("mail-news", "show_news", ("full_stop",), "Show new", "List the folder anew, with what came since it was opened")
FILTER_PROFILE = Action(
    "activity-profile", "pick_profile", ("f",), "Profile", "Only the runs of one profile, or all", footer=False
)

FILTER_STATE = Action("activity-state", "pick_state", ("t",), "State", "Only runs in one state, or all", footer=False)
SHOW_SETTLED = Action(
    "unknown-state", "switch_state", ("t",), "State", "Only open addresses, or also those that are settled", False
)

FILTER_KIND = Action("ledger-kind", "pick_kind", ("f",), "Kind", "Only entries of one kind, or all", footer=False)
ARCHIVE_ACTIONS = (
    Action("archive-open", "open", ("enter", "o"), "Open", "Open the chosen archive: its folders and their messages"),
    SEARCH_MAIL,
    IMPORT_MAIL,
    Action("archive-find", "find", ("f",), "Find user", "Find somebody by name or address"),
    Action("back", "back", ("escape", "q"), "Back", "Back to Home; while finding: everybody again"),
    *PLACES,
)

OWNER_MAIL_ACTIONS = (
    OPEN_MAIL,
    Action("mail-fold", "fold", ("space",), "Fold", "Hide or show the folders in the chosen one"),
    MARK,
    UNMARK,
    SEARCH_MAIL,
    EXPORT_MAIL,
    RESTORE_MAIL,
    NEWS,
    Action("back", "back", ("escape", "q"), "Back", "Back: from the messages to the folders, and to whose mail it is"),
    *PLACES,
)

MESSAGE_ACTIONS = (
    Action("message-next", "step(1)", ("n",), "Next", "The next message of the list"),
    Action("message-previous", "step(-1)", ("p",), "Previous", "The message before it"),
    Action("message-headers", "headers", ("f",), "Headers", "All headers, or only the usual ones"),
    Action("message-attachments", "attachments", ("a",), "Files", "The attachments; enter saves one to a file"),
    Action("message-source", "source", ("r",), "Raw", "All of the message, byte for byte as it came"),
    Action("message-history", "history", ("i",), "History", "Where the message was, and when"),
    EXPORT_MAIL,
    RESTORE_MAIL,
    Action("back", "back", ("escape", "q"), "Back", "Back to the list"),
    *PLACES,
)

SEARCH_ACTIONS = (
    OPEN_MAIL,
    MARK,
    UNMARK,
    SEARCH_MAIL,
    EXPORT_MAIL,
    RESTORE_MAIL,
    Action("search-all", "all", ("A",), "All found", "Mark all that is found, to export or to restore it"),
    Action("search-again", "again", ("full_stop",), "Search again", "Search once more: more mail can be found now"),
    Action("search-order", "order", ("ctrl+r",), "Relevance", "The newest first, or what fits best"),
    Action("search-syntax", "syntax", ("ctrl+g",), "How to search", "Examples of all that can be asked"),
    Action("search-widen", "widen", ("ctrl+l",), "Everywhere", "Search everybody's mail, or only where one came from"),
    Action("back", "back", ("escape", "q"), "Back", "Back to the line; from there, to where one came from"),
    *PLACES,
)

CONFIRM_ACTIONS = (
    Action("yes", "answer(True)", ("y",), "Yes", "Do it"),
    Action("no", "answer(False)", ("n", "escape"), "No", "Leave it as it is"),
)

DIRECTORY_ACTIONS = (
    Action("directory-save", "save", ("enter",), "Save", "Save the settings, if they are right", priority=True),
    Action("directory-test", "test", ("ctrl+t",), "Test", "Try what stands here, step by step; changes nothing"),
    Action("directory-preview", "preview", ("ctrl+r",), "Preview", "What synchronising would change; then it can be done"),
    Action("directory-sync", "sync", ("ctrl+n",), "Sync now", "Bring users in step at once, and save if that works"),
    Action("directory-guide", "guide", ("ctrl+g",), "Guide", "What the directory needs: an account, a base DN"),
    Action("directory-forget", "forget", ("ctrl+l",), "Remove", "Forget settings and password. Asks first", footer=False),
    Action("directory-back", "back", ("escape",), "Back", "Back; asks if something is not saved"),
    Action("directory-help", "own_help", ("f1",), "Help", "The keys of this page"),
)

SYNC_ACTIONS = (
    Action("sync-do", "do", ("enter", "y"), "Synchronise now", "Do what is shown here, and save new settings if that works"),
    Action("sync-force", "force", ("f",), "Let them go", "Do it although so many users would go. Asks first, and says who"),
    Action("sync-again", "again", ("r",), "Ask again", "Ask the directory again, and show what would change now"),
    Action("sync-leave", "leave", ("escape", "q", "n"), "Back", "Back to the settings; nothing more is changed"),
)

HOME_ACTIONS = (
    Action("home-open", "open", ("enter",), "Open", "Open the chosen profile, or the remedy in the lower panel"),
    Action("new", "new", ("n",), "New", "Make a new profile"),
    Action("run", "run_profile", ("r",), "Run", "Run the profile and watch it; watch it if it is running"),
    Action("edit", "edit", ("e",), "Edit", "Change the profile"),
    SEARCH_MAIL,
    Action("quit", "quit_console", ("q",), "Quit", "Leave the console; runs go on without it"),
    Action("automatic", "automatic", ("a",), "Automatic", "Switch between automatic and by hand"),
    Action("result", "result", ("o",), "Last result", "Open the profile's last run"),
    Action("copy", "copy", ("c",), "Copy", "Make a new profile that is like this one"),
    Action("delete", "delete", ("d",), "Delete", "Delete the profile; what it archived stays. Asks first"),
    *(replace(place, footer=place.id != "go-home") for place in PLACES),
    Action(
        "home-acknowledge", "acknowledge", ("X",), "Acknowledge", "Let what is chosen in the lower panel stand; asks why", False
    ),
    Action("home-remedy-1", "remedy(1)", ("1",), "Remedy", "1 to 9 lead to where what needs attention is mended", False),
    *(
        Action(f"home-remedy-{digit}", f"remedy({digit})", (str(digit),), "Remedy", "", footer=False)
        for digit in range(2, DIGITS + 1)
    ),
)

START_ACTIONS = (
    Action("begin", "begin", ("b",), "Begin", "Make a new, empty archive here. Asks first"),
    Action("again", "again", ("r",), "Look again", "See whether the archive is there now"),
    Action("quit", "quit_console", ("q",), "Quit", "Leave the console"),
)

DELETION_ACTIONS = (
    Action("deletion-yes", "answer('YES')", ("y",), "Yes", "Delete"),
    Action("deletion-no", "answer('NO')", ("n", "escape", "enter"), "No", "Leave it as it is"),
    Action("deletion-next", "answer('NEXT')", ("down",), "Next", "Ask about the next choice"),
    Action("deletion-before", "answer('BEFORE')", ("up",), "Before", "Ask about the choice before"),
)

PROFILE_ACTIONS = (
    Action("profile-open-run", "open", ("enter", "o"), "Open", "Open the chosen run"),
    Action("back", "back", ("escape", "q"), "Back", "Back to Home"),
    Action("run", "run_profile", ("r",), "Run", "Run the profile and watch it; watch it if it is running"),
    Action("edit", "edit", ("e",), "Edit", "Change the profile"),
    Action("automatic", "automatic", ("a",), "Automatic", "Switch between automatic and by hand"),
    Action("compare", "compare", ("v",), "Compare", "Compare the server with the archive, by number or byte; repair"),
    Action("copy", "copy", ("c",), "Copy", "Make a new profile that is like this one"),
    Action("delete", "delete", ("d",), "Delete", "Delete the profile; what it archived stays. Asks first"),
    *PLACES,
)

LEDGER_ACTIONS = (
    Action("ledger-open", "open", ("enter", "o"), "Open", "All of the entry: time, who, from what to what, hash"),
    Action("ledger-seal", "seal", ("t",), "Seal", "The seal: a short text to keep elsewhere, which proves all up to here"),
    Action("ledger-check", "check", ("c",), "Check seal", "Prove that the archive still has everything up to a seal"),
    FILTER_KIND,
    Action("back", "back", ("escape", "q"), "Back", "Back to the runs"),
    *PLACES,
)

PROOF_ACTIONS = (
    Action(
        "proof-verify",
        "verify",
        ("v",),
        "Verify",
        "Verify everything now; the service does it, and goes on without the console",
    ),
    Action("proof-cancel", "cancel", ("c",), "Cancel", "End the verification; what it found is kept. Asks first"),
    Action(
        "proof-repair", "repair", ("r",), "Repair", "Fetch damaged messages from other volumes and the mail server. Asks first"
    ),
    Action("proof-backup", "repair_from", ("f",), "From backup", "Repair from a backup too; asks where it is"),
    Action("proof-open", "details", ("enter", "o"), "Show", "All about the chosen damage, and what to do"),
    Action("proof-schedule", "schedule", ("e",), "Schedule", "How often the archive verifies itself"),
    Action("back", "back", ("escape", "q"), "Back", "Back to where you came from; a verification goes on without this place"),
    # A list of damage leaves no room for it in a footer of 80 columns.
    Action("proof-seals", "seals", ("l",), "Seals", "The places outside that the archive's seal is sent to"),
    *PLACES,
)

SEALS_ACTIONS = (
    Action("seals-send", "send", ("t",), "Send now", "Send the archive's present seal to all places now"),
    Action(
        "seals-new", "new", ("n",), "New", "Set up a place: a file elsewhere, a mail address, a journal, a time-stamp authority"
    ),
    Action("seals-edit", "change", ("e",), "Change", "Change the chosen place"),
    Action("seals-remove", "remove", ("d",), "Remove", "Send no more seals to the chosen place. Asks first"),
    Action("seals-often", "often", ("f",), "How often", "Every night, after each run too, or never by themselves"),
    Action("seals-open", "open", ("enter", "o"), "Show", "All about the chosen place"),
    Action("back", "back", ("escape", "q"), "Back", "Back to Proof"),
    *PLACES,
)

ACTIVITY_ACTIONS = (
    Action("activity-open", "open", ("enter", "o"), "Open", "Open the run: its result, mailbox by mailbox"),
    Action("activity-problems", "problems", ("p",), "Problems", "The latest problems of all runs"),
    Action("activity-ledger", "ledger", ("a",), "Ledger", "The ledger: everything that ever happened"),
    Action("activity-workers", "workers", ("v",), "Workers", "The machines that visit mailboxes for this archive"),
    FILTER_PROFILE,
    FILTER_STATE,
    Action("back", "back", ("escape", "q"), "Back", "Back to Home"),
    *PLACES,
)

STATISTICS_ACTIONS = (
    Action("statistics-span", "next_period", ("t",), "Day, week, month", "Count by days, weeks or months"),
    Action("statistics-list", "next_list", ("f",), "By", "List sizes, senders' domains, users or folders"),
    Action("back", "back", ("escape", "q"), "Back", "Back to Home"),
    *PLACES,
)

WORKERS_ACTIONS = (Action("back", "back", ("escape", "q"), "Back", "Back to the runs"), *PLACES)

JOB_ACTIONS = (
    Action("job-stop", "stop", ("c",), "Stop", "Stop it; what it did stays. Asks first"),
    Action("back", "back", ("escape", "q"), "Back", "Back; what goes on goes on, and Home tells of it"),
    *PLACES,
)

PROBLEMS_ACTIONS = (
    Action("problem-open", "open", ("enter", "o"), "Open the run", "Open the run with the problem"),
    Action("back", "back", ("escape", "q"), "Back", "Back to the runs"),
    *PLACES,
)

RUN_ACTIONS = (
    Action("details", "details", ("enter", "o"), "Details", "All about the chosen mailbox or problem, and what to do"),
    Action("cancel", "cancel", ("c",), "Cancel", "Stop this run; what it has archived is kept. Asks first"),
    Action("back", "back", ("escape", "q"), "Back", "Back to where you came from; the run goes on without this place"),
    *PLACES,
)

SETTINGS_ACTIONS = (
    Action("setting-change", "change", ("enter", "e"), "Change", "Change the chosen setting"),
    Action("backups", "backups", ("b",), "Backups", "Copies of the archive on another disk: by hand, and by the service"),
    Action("proof", "proof", ("p",), "Proof", "Verify the archive, and repair what is damaged"),
    Action("service-start", "start_service", ("S",), "Start service", "Start the service, which does the runs"),
    Action(
        "keymap-write", "write_keymap", ("K",), "Keymap file", "Make a file in which every key can be changed", footer=False
    ),
    Action("back", "back", ("escape", "q"), "Back", "Back to Home"),
    *PLACES,
)

BACKUPS_ACTIONS = (
    Action("backup-change", "change", ("enter", "e"), "Change", "Change the chosen setting"),
    Action("backup-now", "now", ("b",), "Back up now", "Make the scheduled backup now, and verify it; runs go on meanwhile"),
    Action("backup", "backup", ("f",), "To a folder", "Copy the archive to a folder that is asked for"),
    Action("back", "back", ("escape", "q"), "Back", "Back to Settings"),
    *PLACES,
)

RESTORE_ACTIONS = (
    Action(
        "restore-change", "change", ("enter", "e"), "Change", "Change the chosen line: profile, mailbox, folder on the server"
    ),
    LOOK,
    RESTORE_NOW,
    Action("back", "back", ("escape", "q"), "Back", "Back; a look that goes on is stopped"),
    *PLACES,
)

USER_IMPORT_ACTIONS = (
    Action("import-do", "do", ("enter", "y"), "Import", "Do what is shown here"),
    Action("import-leave", "leave", ("escape", "q", "n"), "Leave", "Back; nothing is changed"),
)

UNKNOWN_ACTIONS = (
    Action("unknown-open", "open", ("enter", "o"), "Details", "All about the chosen address"),
    Action("unknown-alias", "alias", ("a",), "Alias", "Give the address to a user, who has others"),
    Action("unknown-user", "new_user", ("n",), "New user", "Add a user with the address"),
    Action("unknown-not-ours", "not_ours", ("x",), "Not ours", "The address or its whole domain is not ours. Asks which"),
    Action("unknown-ours", "ours", ("z",), "Ours again", "Take back that it is not ours", footer=False),
    Action("unknown-file", "file", ("f",), "File now", "File the mail that waits for users. Shown before, and asks"),
    SHOW_SETTLED,
    Action("back", "back", ("escape", "q"), "Back", "Back to where you came from"),
    *PLACES,
)

USERS_ACTIONS = (
    Action("user-new", "new", ("n",), "New", "Add a user"),
    Action("user-edit", "edit", ("enter", "e"), "Edit", "Change the chosen user: name, addresses, login name"),
    Action("user-remove", "remove", ("d", "delete"), "Remove", "Take the chosen user from the list. Asks first"),
    Action("user-import", "import_users", ("i",), "Import", "Add and change many users by a CSV file; shown before it is done"),
    Action("user-directory", "directory", ("t",), "Directory", "The directory that users come from: settings, synchronise"),
    Action("search", "search", ("slash",), "Search", "Search in names, addresses and login names", footer=False),
    Action("back", "back", ("escape", "q"), "Back", "Back to Home; in the search: all users again"),
    replace(IMPORT_MAIL, footer=False),
    *PLACES,
)

WIZARD_ACTIONS = (
    Action(
        "wizard-next",
        "next",
        ("enter",),
        "Next",
        "To the next page, if this one is right; on the last one: save",
        priority=True,
    ),
    Action("wizard-back", "back", ("escape",), "Back", "To the page before; nothing typed is lost"),
    Action("wizard-test", "test", ("ctrl+t",), "Test", "Try the connection, step by step"),
    Action("wizard-examples", "examples", ("ctrl+r",), "Examples", "Where three real messages of the mailbox would go"),
    Action("wizard-preview", "preview", ("ctrl+r",), "Preview", "What the rule would delete in the mailbox now"),
    Action("wizard-probe", "probe", ("ctrl+o",), "Try out", "What the server does with deleted mail, in a folder of our own"),
    Action("wizard-tick", "tick", ("space",), "Tick", "Tick or untick the chosen line"),
    Action("wizard-tick-below", "tick_below", ("s",), "With subfolders", "Tick or untick the folder with all below it"),
    Action("wizard-pattern", "pattern", ("p",), "Pattern", "Write a pattern for folders"),
    Action("wizard-forget", "forget", ("x",), "Reset", "Take all folder rules back. Asks first", footer=False),
    Action("wizard-again", "again", ("r",), "Read again", "Read the folders from the server again"),
    Action("wizard-add-user", "add_user", ("n",), "New user", "Add a user by hand"),
    Action("wizard-import", "import_users", ("i",), "Import", "Import users from a CSV file"),
    Action("wizard-directory", "directory", ("t",), "Directory", "Take users from a directory: settings, synchronise"),
    Action("wizard-take", "take_users", ("ctrl+o",), "Directory", "Take users from a directory: settings, synchronise"),
    Action("wizard-search", "search", ("slash",), "Search", "Search in the list", footer=False),
    Action("wizard-guide", "guide", ("ctrl+g",), "Guide", "What to do on the server's side"),
    Action("wizard-help", "own_help", ("f1",), "Help", "The keys of this page"),
    Action(
        "wizard-leave",
        "leave",
        ("ctrl+x",),
        "Leave",
        "Leave without saving; asks first",
        footer=False,
        # In a text field it would cut.
        priority=True,
    ),
)
#: All rebindable actions, by place.
TABLES: Mapping[str, Sequence[Action]] = {
    "everywhere": EVERYWHERE,
    "the first start": START_ACTIONS,
    "Home": HOME_ACTIONS,
    "a job of the console": JOB_ACTIONS,
    "a profile": PROFILE_ACTIONS,
    "a run": RUN_ACTIONS,
    "Users": USERS_ACTIONS,
    "an import of users": USER_IMPORT_ACTIONS,
    "the directory": DIRECTORY_ACTIONS,
    "a synchronisation": SYNC_ACTIONS,
    "Archive": ARCHIVE_ACTIONS,
    "somebody's archive": OWNER_MAIL_ACTIONS,
    "a message": MESSAGE_ACTIONS,
    "a search": SEARCH_ACTIONS,
    "a restore": RESTORE_ACTIONS,
    "Activity": ACTIVITY_ACTIONS,
    "Problems": PROBLEMS_ACTIONS,
    "Workers": WORKERS_ACTIONS,
    "Statistics": STATISTICS_ACTIONS,
    "the ledger": LEDGER_ACTIONS,
    "Unknown addresses": UNKNOWN_ACTIONS,
    "Settings": SETTINGS_ACTIONS,
    "Backups": BACKUPS_ACTIONS,
    "Proof": PROOF_ACTIONS,
    "Seals": SEALS_ACTIONS,
    "the making of a profile": WIZARD_ACTIONS,
}
