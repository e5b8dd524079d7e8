"""Administration commands: settings, many users, the last verification, disk space, the ledger in sentences."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from core.archive.store import space
from core.cli.answer import Line
from core.cli.context import context
from core.cli.status import status
from core.config import Home
from tests import homes


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    return await homes.filled(tmp_path / "home")


def test_settings_are_listed_and_changed(home: Home) -> None:
    """With what each is for; a wrong value is refused with exit code 2 and what is allowed, and --json has the values."""
    listed = homes.cli(home, "settings")
    assert listed.returncode == 0
    for words in ("theme", "dark", "volume_bytes", "4 GiB", "Most runs at once. Allowed: a number from 1 to 16."):
        assert words in listed.stdout
    changed = homes.cli(home, "settings", "set", "volume_bytes", "2 GB", "--json")
    assert json.loads(changed.stdout)["settings"]["volume_bytes"] == 2_000_000_000
    assert "volume_bytes is 2 GB now." in changed.stderr
    refused = homes.cli(home, "settings", "set", "runs", "17")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert 'runs: "17" is not allowed.' in refused.stderr
    assert "a number from 1 to 16" in refused.stderr
    values = json.loads(homes.cli(home, "settings", "--json").stdout)["settings"]
    assert values["volume_bytes"] == 2_000_000_000
    assert values["runs"] == 4


def test_users_are_imported_from_a_list(home: Home, tmp_path: Path) -> None:
    """A dry run shows counts and changes and changes nothing; then it is done, and done again nothing is left to do."""
    file = tmp_path / "users.csv"
    file.write_text("\ufeffName;E-Mail;Telefon\nalice;alice@example.test;1\nJörg;joerg@example.test;2\n", "utf-8")
    dry = homes.cli(home, "user", "import", str(file), "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, 'The column "Telefon" means nothing here and is ignored.\n')
    assert dry.stdout == (
        "1 new user, 0 changed, 1 unchanged; nothing was imported (dry run).\n  Jörg: new, joerg@example.test\n"
    )
    assert "Jörg" not in homes.cli(home, "user", "list").stdout
    done = json.loads(homes.cli(home, "user", "import", str(file), "--json").stdout)
    assert (done["new"], done["changed"], done["unchanged"], done["back"], done["imported"]) == (1, 0, 1, 0, True)
    assert done["changes"][0]["after"]["addresses"] == ["joerg@example.test"]
    again = homes.cli(home, "user", "import", str(file))
    assert again.stdout == "0 new users, 0 changed, 2 unchanged.\n"


def test_a_list_with_anything_wrong_is_refused_as_a_whole(home: Home, tmp_path: Path) -> None:
    """Exit code 2, wrong rows and conflicts by line, the first 50; nothing is changed, and no archive begun for it."""
    file = tmp_path / "users.csv"
    rows = ["name,email", "bob,bob@example.test", "carl,alice@example.test", ",x@example.test", *["dora,no"] * 60]
    file.write_text("\n".join(rows), "utf-8")
    before = homes.cli(home, "ledger", "head").stdout
    refused = homes.cli(home, "user", "import", str(file))
    assert (refused.returncode, refused.stdout) == (2, "")
    lines = refused.stderr.splitlines()
    assert lines[0] == "✘ line 3: alice@example.test belongs to alice already. An address belongs to one user only."
    assert lines[1] == "✘ line 4: There is no name. Every user needs one."
    assert lines[50:] == ["… and 71 more.", "archivar: 121 things must be corrected first.", "Nothing was imported."]
    told = homes.cli(home, "user", "import", str(file), "--json")
    assert told.returncode == 2
    assert [len(json.loads(told.stdout)["faults"]), json.loads(told.stdout)["imported"]] == [121, False]
    assert homes.cli(home, "ledger", "head").stdout == before
    elsewhere = tmp_path / "new"
    assert homes.cli(elsewhere, "user", "import", str(file)).returncode == 2
    assert homes.cli(elsewhere, "user", "import", str(tmp_path / "none.csv")).returncode == 2
    assert not elsewhere.exists()


def test_status_tells_when_the_archive_was_last_verified(home: Home) -> None:
    """Never, clean with what was looked at, DAMAGED with the first finding; with --json too."""
    assert "Verified  never; archivar verify" in homes.cli(home, "status").stdout
    assert homes.cli(home, "verify").returncode == 0
    assert re.search(r"^Verified  ✔ clean, \d\d:\d\d: 12 messages, ", homes.cli(home, "status").stdout, re.MULTILINE)
    homes.change(home.volume(1), "UPDATE part SET data = x'00' WHERE id = 1")
    assert homes.cli(home, "verify").returncode == 4
    done = homes.cli(home, "status")
    text = done.stdout
    assert done.returncode == 4
    assert "✘ DAMAGED: verification found" in text
    assert re.search(r"^Verified  ✘ DAMAGED, \d\d:\d\d, \d findings: 000001.sqlite: Part 1 ", text, re.MULTILINE)
    value = json.loads(homes.cli(home, "status", "--json").stdout)
    assert value["verified"]["ok"] is False
    assert (value["state"], value["alarms"][0]["rule"]) == ("damage", "damage")
    assert value["verified"]["messages"] == 12
    assert value["disk"] == sum(value["space"][name] for name in ("volumes", "catalog", "log", "other"))
    assert value["space"]["low"] == any("free on the archive's disk" in warning for warning in value["warnings"])


def test_status_warns_of_a_disk_with_little_room(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else that it warns of."""
    monkeypatch.setattr(space, "LEAST_FREE", 10**18)
    monkeypatch.setattr(context, "home", home.path)
    told = [one.text for one in asyncio.run(status()).lines if isinstance(one, Line)]
    assert told[-1].startswith("! Only ")
    assert "Make space" in told[-1]


def test_the_ledger_is_shown_in_sentences_the_newest_first(home: Home) -> None:
    """A page of it, and the command for the next one; --json has the sentence beside the payload."""
    newest = json.loads(homes.cli(home, "ledger", "show", "--limit", "2", "--json").stdout)["entries"]
    assert [one["kind"] for one in newest] == ["vanished", "moved"]
    shown = homes.cli(home, "ledger", "show", "--limit", "2", "--before", str(newest[0]["seq"]))
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["SEQ", "TIME", "(UTC)", "BY", "WHAT"]
    assert [line.split()[0] for line in lines[1:]] == [str(newest[0]["seq"] - 1), str(newest[0]["seq"] - 2)]
    assert lines[1].endswith(newest[1]["what"])
    assert "Archived 3 messages" in lines[2]
    assert shown.stderr == f"More: archivar ledger show --before {newest[0]['seq'] - 2}\n"
    everything = homes.cli(home, "ledger", "show", "--limit", "1000")
    assert everything.stdout.splitlines()[-1].startswith("  1  ")
    assert everything.stderr == ""
