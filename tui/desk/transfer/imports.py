"""Imports of mail files into users' archives, started in the console."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.transfer import import_source, importing, mail_files
from core.archive.transfer.importing import ImportProgress
from core.archive.transfer.mail_items import ImportFormat, StrangeFile
from core.errors import InputError
from core.model import User
from core.text import format as texts
from tui.desk import face, present, typed
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import Safe
from tui.desk.refusals import Refused, translated


@dataclass(frozen=True, slots=True)
class ImportWish:
    """The form of an import: path, format, folder of the archive, and owner within an export: all as typed."""

    path: str
    form: str
    folder: str
    of: str


class WrongField(Refused):
    """An invalid field of a form; ``field`` is its name."""

    def __init__(self, field: str, message: Safe, hint: Safe = present.BLANK) -> None:
        super().__init__(message, hint)
        self.field = field


FORMATS = {
    ImportFormat.AUTO: "found out",
    ImportFormat.EML: "EML",
    ImportFormat.MBOX: "mbox",
    ImportFormat.MBOXO: "mboxo",
    ImportFormat.MAILDIR: "Maildir",
    ImportFormat.KERIO: "Kerio's store",
    ImportFormat.EMLX: "Apple Mail",
}
#: Formats that are recognised, but cannot be chosen.
FOUND = frozenset((ImportFormat.EMLX,))
AGAIN = "The same import again carries on; what is there already is not put there again."
#: Folders, and files that are no mail, listed by name.
NAMED = 5


class ImportDesk:
    """Mail from files on this machine. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs
        #: The last job of each owner.
        self._filling: dict[str, int] = {}

    def formats(self) -> Sequence[tuple[str, str]]:
        """The formats to choose from, each with a short description."""
        return [(form.value, words) for form, words in FORMATS.items() if form not in FOUND]

    async def user_of(self, owner: str) -> str:
        """The true name of the owner with this id. Raises ``Refused`` for an archive without imports."""
        with translated():
            name = (await users.of_id(self._archive, owner)).name
            return (await users.find(self._archive, name)).name

    async def begin(self, user: str, wish: ImportWish) -> int:
        """Begin an import into the archive of the user with this true name; the number of the job. Raises ``WrongField``."""
        form, folder, of = ImportFormat(wish.form), wish.folder.strip().strip("/"), wish.of.strip()
        with translated():
            owner = await users.find(self._archive, user)
        path = await asyncio.to_thread(_checked, self._archive, owner, wish.path, form, folder, of)

        async def work(archive: Archive, job: Job) -> JobOutcome:
            def tick(done: ImportProgress) -> None:
                where = f"{done.folder}: {present.count(done.done, 'message')}"
                job.stage = Stage(done.read, done.bytes_total, done.bytes, where, unit="")

            job.stage = Stage(where=str(path), unit="")
            done = await importing.import_mail(
                archive,
                import_source.ImportSource(path, form, of),
                import_source.ImportTarget(owner, folder),
                actor="console",
                tick=tick,
            )
            return _outcome(done, owner)

        if self._jobs.is_active(self._filling.get(owner.id, 0)):
            raise Refused(
                present.own("An import into this archive is under way."),
                present.own("Wait until it is done: Home (the key h) shows it."),
            )
        key = self._jobs.start("Import", f"{path} into the archive of {owner.name}", AGAIN, work)
        self._filling[owner.id] = key
        return key


def _checked(archive: Archive, owner: User, text: str, form: ImportFormat, folder: str, of: str) -> Path:
    """The typed path. Raises ``WrongField`` for one that clearly cannot be imported. Blocking."""
    path = _path(text)
    try:
        import_source.refuse_own(archive.home, path)
        if not path.is_dir():
            # A file is checked for existence and readability.
            first = next(mail_files.search(path, form), None)
            if isinstance(first, StrangeFile):
                raise WrongField(
                    "path",
                    present.sentence(f"{present.text(str(path))} does not look like mail."),
                    present.own("Say in which format it is, if it is mail."),
                )
    except InputError as error:
        raise _wrong("path", error) from error
    except OSError as error:
        raise WrongField(
            "path",
            present.sentence(f"{present.text(str(path))} cannot be read: {error.strerror}."),
            present.own("Check its owner and mode."),
        ) from error
    try:
        import_source.check_folder(folder)
    except InputError as error:
        raise _wrong("folder", error) from error
    try:
        if not (form is ImportFormat.AUTO and import_source.whose(path, of, owner)) and form in (
            ImportFormat.AUTO,
            ImportFormat.KERIO,
        ):
            import_source.account_of(path, of, owner, form)
    except InputError as error:
        raise _wrong("of", error) from error
    return path


def _path(text: str) -> Path:
    text = text.strip()
    if not text:
        raise WrongField("path", present.own("Nothing was named."), present.own("Name a file or a folder on this machine."))
    try:
        return typed.path(text)
    except ValueError as error:
        raise WrongField(
            "path",
            present.sentence(f"{present.text(text)} is no path: {present.text(str(error))}."),
            present.own("Name a file or a folder."),
        ) from error


def _wrong(field: str, error: InputError) -> WrongField:
    return WrongField(field, present.text(face.sentence(error.reason), 1000), present.text(face.remedy(error.reason)))


def _outcome(done: ImportProgress, owner: User) -> JobOutcome:
    alike = f", {texts.number(done.twins)} of them with other line ends" if done.twins else ""
    already = f" {texts.number(done.already)} there already{alike}." if done.already else ""
    where = f"the folder {next(iter(done.folders))}" if len(done.folders) == 1 else present.count(len(done.folders), "folder")
    if done.messages:
        what = f"{present.count(done.messages, 'message')}, {texts.size(done.bytes)}"
        sentences = [f"{what}, imported into {where} of {owner.name}.{already}"]
    elif done.already:
        sentences = [f"Nothing new: {present.count(done.already, 'message')} there already, in {where} of {owner.name}."]
    else:
        sentences = ["Nothing was imported."]
    if len(done.folders) > 1:
        folders = sorted(done.folders)
        sentences.append(f"Folders: {', '.join(folders[:NAMED])}{', …' if len(folders) > NAMED else ''}.")
    if done.formats:
        sentences.append(f"Found as: {', '.join(sorted(FORMATS[form] for form in done.formats))}.")
    if done.problems:
        sentences.append(
            f"{present.count(len(done.problems), 'file or message', 'files or messages')} not imported, for the reasons below."
        )
    if done.repaired:
        sentences.append(f"{present.count(done.repaired, 'message')} that the archive could not read any more: stored anew.")
    if left := importing.left_out(done):
        sentences.append(f"Left out, since it is no mail: {left}.")
    if done.strangers:
        names = ", ".join(done.strangers[:NAMED]) + (", …" if len(done.strangers) > NAMED else "")
        sentences.append(f"No mail, so left alone: {present.count(len(done.strangers), 'file')} ({names}).")
    return JobOutcome(
        tuple(sentences),
        tuple(f"{one.place}: {face.sentence(one.why)}" for one in done.problems),
        bad=not done.messages and not done.already,
    )
