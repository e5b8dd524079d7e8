"""Every command on an archive with a volume that is cut, emptied, overwritten or gone: it works, or names one way out."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from core.archive.archive import Archive
from core.cli.main import main
from core.config import Home
from core.service.salvaging import salvage_if_needed
from tests import homes, volume_harms
from tests.homes import rows
from tests.volume_harms import HARMS, READING, Commands, check_way_out, exported_from, messages_in, number_of, overwrite
from tui.desk.desk import open_desk
from tui.desk.refusals import Refused

archivar = volume_harms.archivar
template = volume_harms.template
home = volume_harms.home

WHICH = ["first", "middle", "last"]


@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("harm", HARMS)
def test_what_does_not_need_the_damaged_volume_goes_on(
    home: Home, template: Home, archivar: Commands, tmp_path: Path, harm: str, which: str
) -> None:
    """All commands that read; every message of the other volumes is shown and exported, byte for byte."""
    number = number_of(home, which)
    hit = messages_in(home, number)
    others = set().union(*(messages_in(home, one) for one in home.volume_numbers())) - hit
    HARMS[harm](home.volume(number))
    for words in READING:
        done = archivar(home, *words)
        if words == ("service", "status"):
            assert done.code == 1
        elif words == ("status",):
            # The profile has an unsafe setting; damage that was seen outweighs it.
            assert done.code == (4 if "✘" in done.out or "archivar repair" in done.err else 1), done
        elif done.code:
            assert words in (("ledger", "head"), ("index", "--problems")), (words, done)
            check_way_out(done, *words)
    for sha256 in sorted(others)[:3]:
        assert archivar(home, "show", sha256).code == 0
    for sha256 in sorted(hit)[:3]:
        shown = archivar(home, "show", sha256)
        if shown.code:
            check_way_out(shown, "show")
            assert f"{number:06}" in shown.err
    exported = archivar(home, "export", "--format", "eml", str(tmp_path / "out"))
    got = exported_from(tmp_path / "out")
    assert others <= got
    assert got <= others | hit
    assert exported.code == (0 if hit <= got else 4), exported
    proved = archivar(home, "verify")
    assert proved.code in ((0, 4) if harm == "cut by one byte" else (4,)), proved
    if proved.code:
        assert f"{number:06}" in proved.text
    saved = archivar(home, "backup", str(tmp_path / "backup"))
    if saved.code:
        check_way_out(saved, "backup")
    assert set(Home(tmp_path / "backup").volume_numbers()) >= set(template.volume_numbers()) - {number}


@pytest.mark.parametrize("which", ["middle", "last"])
def test_what_could_not_be_copied_has_a_code(home: Home, archivar: Commands, tmp_path: Path, which: str) -> None:
    """In the JSON of an export and of a backup: each message and volume, and that the ledger has no entry of it."""
    number = number_of(home, which)
    hit = rows(home.catalog, "SELECT id FROM message WHERE volume = ?", number)
    overwrite(b"This is no volume.\n" * 100)(home.volume(number))
    exported = json.loads(archivar(home, "export", "--json", "--format", "eml", str(tmp_path / "out")).out)
    assert {(one["message"],) for one in exported["problems"]} == set(hit)
    places = [f"message {one['message']} in {one['user']}: {one['folder']}: {one['reason']}" for one in exported["problems"]]
    assert exported["damaged"] == places
    saved = json.loads(archivar(home, "backup", "--json", str(tmp_path / "backup")).out)
    assert [one["file"] for one in saved["problems"]] == [home.volume(number).name]
    assert saved["damaged"] == [one["reason"] for one in saved["problems"]]
    told = [*exported["problems"], *saved["problems"], *filter(None, [exported["unnoted"]])]
    assert {one["code"] for one in told} == {"volume-damaged"}
    assert (exported["unnoted"] is None) == (which == "middle")
    assert saved["unnoted"] is None


@pytest.mark.parametrize("harm", ["cut in the fourth page", "random bytes", "missing", "a folder"])
async def test_the_console_tells_the_damage_and_goes_on_when_it_is_repaired(home: Home, template: Home, harm: str) -> None:
    """Home says it, folders and other volumes' messages open, a run is refused; repaired behind its back, all is well."""
    last = home.volume_numbers()[-1]
    good = rows(home.catalog, "SELECT id FROM message WHERE volume = 1")[0][0]
    bad = rows(home.catalog, "SELECT id FROM message WHERE volume = ?", last)[0][0]
    HARMS[harm](home.volume(last))
    desk = await open_desk(home.path)
    try:
        told = [one.text for one in (await desk.home()).attention]
        assert any(f"{last:06}" in text and "DAMAGED" in text for text in told), told
        [owner] = await desk.mail.owners("", 0, 10)
        assert await desk.mail.folders(owner.key)
        assert (await desk.mail.message(good)).subject
        with suppress(Refused):
            await desk.mail.message(bad)
        await desk.activity.entries("", 0, 20)
        # Proof, where Home leads for the remedy, offers it before anything was verified.
        view = await desk.proof.view()
        assert any(f"{last:06}" in text for row in view.findings for text in row.title), view
        assert view.finding_count == len(view.findings)
        with pytest.raises(Refused):
            await desk.start("Test")
        archive = await Archive.open(home)
        try:
            await salvage_if_needed(archive, others=[template], actor="test")
        finally:
            await archive.close()
        told = [one.text for one in (await desk.home()).attention]
        assert not any("DAMAGED" in text for text in told), told
        assert not (await desk.proof.view()).findings
    finally:
        await desk.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
@pytest.mark.parametrize("which", ["middle", "last"])
def test_a_volume_that_may_not_be_read_is_named_and_left_as_it_is(template: Home, archivar: Commands, which: str) -> None:
    """Owner and mode are the remedy: nothing is salvaged or made anew in place of what is whole."""
    commands: list[tuple[str, ...]] = [("folders", "alice"), ("status",), ("verify",), ("rebuild",), ("repair",)]
    commands.append(("user", "add", "bob"))
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        home = Home(Path(shutil.copytree(template.path, Path(folder) / "home")))
        number = number_of(home, which)
        others = messages_in(home, 1)
        for path in [home.path, *home.path.rglob("*")]:
            os.chown(path, homes.NOBODY, homes.NOBODY)
        # Their modules are loaded in this process, since the other account may not read the program.
        spare = Home(Path(shutil.copytree(template.path, Path(folder) / "spare")))
        for words in (*commands, ("show", min(others))):
            archivar(spare, *words)
        before = home.volume(number).read_bytes()
        home.volume(number).chmod(0)
        told = Path(folder) / "told"
        told.touch()
        told.chmod(0o666)

        def work() -> None:
            codes = [main([*words, "--home", str(home.path)]) for words in (*commands, ("show", min(others)))]
            told.write_text(" ".join(map(str, codes)))

        assert homes.as_nobody(work) == ""
        codes = list(map(int, told.read_text().split()))
        assert codes[:2] == [0, 4]
        assert codes[2:5] == [4, 4, 4]
        assert codes[5] == (4 if which == "last" else 0)
        assert codes[6] == 0
        assert home.volume(number).read_bytes() == before
        assert not list(home.volumes.glob("*.damaged-*"))
        home.volume(number).chmod(0o600)
        assert homes.findings(home) == []
