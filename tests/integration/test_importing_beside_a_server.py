"""Mail from files and the same mail on a real Dovecot: archived once for people, twice in bytes, in either order."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.archive.proof.verify import verify
from core.archive.read import reading
from core.archive.read.selection import Selection
from core.archive.registry import users
from core.archive.transfer.import_source import ImportSource, ImportTarget
from core.archive.transfer.importing import import_mail
from core.demo.mail import sample_mailbox
from core.engine.restore.restore_plan import plan
from core.engine.restore.restoring import Restoring
from core.secrets import Secret
from tests.conftest import StartDovecot
from tests.support import ALICE, At, profile, sandbox

pytestmark = pytest.mark.server


@pytest.mark.parametrize("first", ["files", "server"])
async def test_files_with_lf_and_a_run_are_one(first: str, dovecot: StartDovecot, tmp_path: Path) -> None:
    """The folder of the run counts each message once, whichever came first; then a run has nothing to do."""
    server = dovecot()
    samples = [sample for sample in sample_mailbox(ALICE, 40, seed=5, average_size=4000) if sample.folder == "INBOX"]
    files = tmp_path / "mail"
    files.mkdir()
    for number, sample in enumerate(samples):
        server.deliver(ALICE, "INBOX", sample.raw, sample.flags, sample.internaldate)
        (files / f"{number}.eml").write_bytes(sample.raw.replace(b"\r\n", b"\n"))
    async with sandbox(tmp_path / "home") as box:
        archive = box.archive
        owner = await users.find(archive, "alice")
        run = profile(At(server.host, server.plain_port))
        if first == "server":
            await box.run(run)
        done = await import_mail(archive, ImportSource(files), ImportTarget(owner, f"{ALICE}/INBOX"))
        if first == "files":
            await box.run(run)
        assert done.messages + done.already == len(samples)
        assert done.twins == (len(samples) if first == "server" else 0)
        counted = {folder.path: folder.messages for folder in await reading.folders(archive, owner.id)}
        assert counted[f"{ALICE}/INBOX"] == len(samples)
        stored = {bytes(row[0]).hex() for row in await archive.database.read("SELECT sha256 FROM message")}
        assert len(stored) == 2 * len(samples)
        again = await box.run(run)
        assert again.tally.archived == 0
        # What is there in the other form is not put there again, from whichever folder it is restored.
        await import_mail(archive, ImportSource(files), ImportTarget(owner, "Old"))
        wanted = await plan(archive, run, Selection(owner.id, "Old"), to="INBOX")
        restored = await Restoring(archive, wanted, Secret("secret")).run()
        assert (restored.messages, restored.already) == (0, len(samples))
        home = archive.home
    assert (await verify(home)).findings == []
