"""Answers of object storages that refuse, as reasons: by the code that the server gives, else by the status of HTTP. Pure."""

from __future__ import annotations

import re

from core.problems import bucket as problems
from core.problems.code import Code, Reason
from core.storage.place import StoragePlace

#: The server's own code of an error, in its answer (Amazon S3 API, "Error responses").
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS = re.compile(r"non-2xx status code: ([0-9]{3})")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})</Message>")
#: The library's name for an answer that redirects to nowhere, of which it gives no status.
_REDIRECT = "BareRedirect"
#: Codes of S3 by what is wrong.
_OF_CODES: dict[str, Code] = {
    "NoSuchBucket": problems.BUCKET_MISSING,
    "InvalidBucketName": problems.BUCKET_MISSING,
    "AccessDenied": problems.DENIED,
    "AllAccessDisabled": problems.DENIED,
    "AccountProblem": problems.DENIED,
    "InvalidAccessKeyId": problems.KEY_REFUSED,
    "SignatureDoesNotMatch": problems.KEY_REFUSED,
    "InvalidToken": problems.KEY_REFUSED,
    "ExpiredToken": problems.KEY_REFUSED,
    "RequestTimeTooSkewed": problems.CLOCK,
    "RequestExpired": problems.CLOCK,
    "PermanentRedirect": problems.REGION,
    "TemporaryRedirect": problems.REGION,
    "AuthorizationHeaderMalformed": problems.REGION,
    "IllegalLocationConstraintException": problems.REGION,
    "EntityTooLarge": problems.TOO_LARGE_THERE,
    "QuotaExceeded": problems.FULL,
    "XMinioStorageFull": problems.FULL,
}
#: What a status says where the answer has no code, as that to HEAD.
_OF_STATUS: dict[str, Code] = {
    "401": problems.KEY_REFUSED,
    "403": problems.DENIED,
    "301": problems.REGION,
    "507": problems.FULL,
}


def reason(text: str, place: StoragePlace) -> Reason:
    """The reason for an error of the library, which has the server's answer in its ``text``."""
    code, status, message = (pattern.search(text) for pattern in (_CODE, _STATUS, _MESSAGE))
    kind = _OF_CODES.get(code[1]) if code else None
    if kind is None and status is not None:
        kind = _OF_STATUS.get(status[1])
    if kind is None and _REDIRECT in text:
        kind = problems.REGION
    where, server = place.where, place.endpoint or "Amazon S3"
    if kind is None and status is None:
        return problems.UNREACHABLE(server=server, where=where)
    said = " ".join(found[1] for found in (status, code, message) if found) or "301"
    return (kind or problems.REFUSED)(server=server, where=where, said=said)
