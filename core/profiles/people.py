"""Rules for the fields of a user: name, login, full name, addresses. Pure."""

from __future__ import annotations

from core.errors import InputError
from core.model import User
from core.problems import user as user_problems
from core.profiles import addresses

#: The owner of mail for unknown users; no user itself.
CATCHALL = "@catchall"
LONGEST_NAME = 100
LONGEST_TEXT = 200


def check_name(name: str) -> str:
    """``name`` without blanks around it. Raises ``InputError`` for an invalid one."""
    name = name.strip()
    if not name or name.startswith("-") or len(name) > LONGEST_NAME or not name.isprintable() or "/" in name:
        raise InputError(user_problems.NO_NAME(name=name, longest=LONGEST_NAME))
    if name.casefold() == CATCHALL:
        raise InputError(user_problems.NAME_RESERVED(name=name))
    return name


def check_text(text: str) -> str:
    """A login or full name without blanks around it. Raises ``InputError`` for an invalid one."""
    text = text.strip()
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise InputError(user_problems.NO_TEXT(text=ascii(text), longest=LONGEST_TEXT))
    return text


def checked(user: User) -> tuple[str, ...]:
    """Check all fields of a user; the addresses, each once. Raises ``InputError``."""
    check_name(user.name)
    for text in (user.login, user.full_name):
        check_text(text)
    return tuple(dict.fromkeys(addresses.check(address) for address in user.addresses))
