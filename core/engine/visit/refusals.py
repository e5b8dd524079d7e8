"""Codes of problems for answers in which a server refuses a message. Pure."""

from __future__ import annotations

from core.errors import ArchivarError, Boundless, ConnectError, Exhausted, Sluggish, Spent
from core.imap.session import Busy
from core.model import ProblemCode


def code(error: ArchivarError) -> ProblemCode:
    """The code of the problem that an error becomes; the reason alone tells what is none of these."""
    cause = error.__cause__
    match error:
        case Spent():
            return ProblemCode.SPENT
        case Exhausted() if isinstance(cause, Sluggish):
            return ProblemCode.SLOW
        case Sluggish():
            return ProblemCode.SLOW
        case Boundless():
            return ProblemCode.ENDLESS
        case Busy():
            return ProblemCode.BUSY
        case ConnectError() if error.busy:
            return ProblemCode.BUSY
        case _:
            return ProblemCode.UNNAMED
