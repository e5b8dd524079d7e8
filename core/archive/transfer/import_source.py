"""The source of an import, the mailbox in it that is meant, and the folder of the archive that its mail goes to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core import config
from core.archive.transfer import kerio, mail_files, manifest
from core.archive.transfer.kerio import Account
from core.archive.transfer.mail_items import Finding, ImportFormat, text
from core.errors import InputError
from core.model import User
from core.problems import importing as problems
from core.values import dataclass

#: The archive folder of mail without one.
DEFAULT_FOLDER = "Imported"


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Mail files to import. ``of``: the user wanted from an export or a store with several; ``account``: the same, found."""

    path: Path
    form: ImportFormat = ImportFormat.AUTO
    of: str = ""
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """The archive of a user and the folder in it that mail is imported to.

    Without ``folder``, mail of an export goes to its former folders, other mail to ``DEFAULT_FOLDER``, and mail of Kerio's
    store, if it was asked for, to the folders of a run.
    """

    user: User
    folder: str = ""


def refuse_own(home: config.Home, path: Path) -> None:
    """Raise ``InputError`` for the archive's own files, also for a folder that contains them.

    They hold no mail files, and closing a file of the archive would release the locks that this process has on it.
    """
    if home.holds(path):
        raise InputError(problems.WITHIN_HOME(path=str(path)))
    if config.Home(path).holds(home.path):
        raise InputError(problems.AROUND_HOME(path=str(path)))


def findings(source: ImportSource, target: ImportTarget) -> tuple[Iterator[Finding], str]:
    """The findings of a source, and their destination folder. Blocking. Raises ``InputError``."""
    path, form, of, account = source.path, source.form, source.of, source.account
    user, folder = target.user, target.folder
    owner = whose(path, of, user) if form is ImportFormat.AUTO else ""
    if owner:
        return mail_files.exported(path, owner), folder
    if account is None and form in (ImportFormat.AUTO, ImportFormat.KERIO):
        account = account_of(path, of, user, form)
    if form is ImportFormat.KERIO and account is not None:
        return mail_files.search(path, form, account), folder or _mailbox(user, account)
    stem = text(path.stem) or "mail"
    base = DEFAULT_FOLDER if mail_files.holds_folders(path, form) else f"{DEFAULT_FOLDER}/{stem}"
    return mail_files.search(path, form, account), folder or base


def _mailbox(user: User, account: Account) -> str:
    """The folder to which a run files this mailbox: the user's own, under the first address."""
    return user.addresses[0] if user.addresses and belongs(account, user) else account.address


def check_folder(folder: str) -> None:
    """Raise ``InputError`` for a path that cannot be a folder of the archive."""
    if not all(folder.split("/")) and folder:
        raise InputError(problems.NO_FOLDER_NAME(folder=folder))
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in folder):
        raise InputError(problems.CONTROL_CHARACTER())


def whose(path: Path, of: str, user: User) -> str:
    """The id of the export's owner that is meant; empty where there is no export. Blocking. Raises ``InputError``."""
    if not path.is_dir() or manifest.header(path) is None:
        return ""
    found = mail_files.owners(path)
    wanted = of or user.name
    fitting = [owner for owner, name in found.items() if name.casefold() == wanted.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if not of and len(found) == 1:
        return next(iter(found))
    if not found:
        raise InputError(problems.NO_ARCHIVE(path=str(path)))
    raise InputError(problems.SEVERAL_ARCHIVES(path=str(path), owners=tuple(sorted(found.values())[:20])))


def account_of(path: Path, of: str, user: User, form: ImportFormat) -> Account | None:
    """The mailbox of Kerio's store at ``path`` that is meant; None where there is no such store. Blocking.

    Raises ``InputError`` when it is ambiguous.
    """
    if not path.exists():
        return None
    found = list(kerio.accounts(path).found)
    wanted = of or user.name
    fitting = [one for one in found if wanted.casefold() in (one.address.casefold(), one.user.casefold())]
    if not of:
        fitting = [one for one in found if belongs(one, user)]
    if len(fitting) == 1:
        return fitting[0]
    if not found and form is ImportFormat.AUTO:
        return None
    if not found:
        raise InputError(problems.NO_MAILBOX(path=str(path)))
    if not of and len(found) == 1:
        return found[0]
    owners = tuple(sorted(one.address for one in found)[:20])
    raise InputError(problems.SEVERAL_MAILBOXES(path=str(path), owners=owners))


def belongs(account: Account, user: User) -> bool:
    """True when a mailbox of a store is the user's.

    By address; by login or name where the store has no domain, or the user no address.
    """
    addresses = {address.casefold() for address in user.addresses}
    if account.domain and any("@" in address for address in addresses):
        login = user.login.casefold()
        return account.address.casefold() in addresses or login == account.address.casefold()
    names = {user.name.casefold(), user.login.casefold(), *(address.partition("@")[0] for address in addresses)}
    return account.user.casefold() in names
