"""Descriptions of profiles: server, mail, deletion, schedule, in words. Pure functions."""

from __future__ import annotations

from core.profiles.profile import SLOWEST, Access, Method, Profile

#: The label of the deletion rule.
DELETION = "Deletion"
_METHODS = {
    Method.PASSWORD: "with the mailbox's own password",
    Method.KERIO_MASTER: "with Kerio's master password",
    Method.MASTER_USER: "as a master user (user*master)",
    Method.PLAIN_AUTHZID: "with SASL PLAIN and an authorisation id",
}


def facts(profile: Profile, whose: str = "", *, run_now: bool = False) -> list[tuple[str, str]]:
    """A profile in labels and sentences.

    ``whose`` names the selected users; ``run_now``: it runs once when saved.
    """
    server = profile.server
    access = {Access.IMAP_SSL: "IMAP-SSL", Access.IMAP_TLS: "IMAP-TLS", Access.IMAP: "IMAP without TLS"}[server.access]
    certificate = " All certificates are accepted." if server.accept_all_certificates else ""
    many = profile.selection is not None
    more = certificate + (f" Up to {server.connections} mailboxes at once." if many else "")
    more += f" Slowest {server.slowest_bytes_a_second:,} bytes a second." if server.slowest_bytes_a_second != SLOWEST else ""
    more += f" At most {server.megabytes_a_day:,} MB a day." if server.megabytes_a_day else ""
    account = profile.login.username
    found = [
        (
            "Server",
            f"{server.host}, port {server.effective_port}, {access}. Timeout {server.timeout:.0f} s.{more}",
        ),
        ("Login", f"{f'{account}, ' if account else ''}{_METHODS[profile.login.method]}."),
        ("Mailboxes", whose if many else f"{profile.login.username}."),
        ("Folders", _folders(profile)),
        ("Filter", profile.filter.sentence()),
        (DELETION, profile.deletion.sentence()),
    ]
    if profile.target is not None:
        found.append(("Goes to", f"{profile.target.folder} in the archive of {profile.target.user}."))
    elif profile.catchall is not None:
        found.append(("Goes to", profile.catchall.sentence()))
    else:
        found.append(("Goes to", "each user's own archive, in a folder named by the e-mail address."))
    starts = profile.starts() if profile.schedule else "by hand"
    found.append(("Starts", f"{starts}{', and once as soon as it is saved' if run_now else ''}."))
    return found


def _folders(profile: Profile) -> str:
    include = [rule.pattern for rule in profile.folders.include]
    exclude = [rule.pattern for rule in profile.folders.exclude]
    text = f"only {', '.join(include)}" if include and "**" not in include else "all"
    if "**" in include:
        text += f", with {', '.join(one for one in include if one != '**')}"
    if exclude:
        text += f", without {', '.join(exclude)}"
    return f"{text}. Left out unless named: junk, folders of others, public and shared ones, calendar, contacts, tasks, notes."
