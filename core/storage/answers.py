"""Answers of object storages that refuse, as reasons: by the code that the server gives, else by the status of HTTP. Pure."""

from __future__ import annotations

from core.problems import bucket as problems
from core.problems.code import Code, Reason
from core.storage.place import StoragePlace

#: Codes for an object that is there already; that of an answer without content is its status.
THERE = ("PreconditionFailed", "412")
#: Another request puts the same object now: it is to be sent again (Amazon S3, "Conditional writes").
CONFLICT = ("ConditionalRequestConflict", "409")
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
    "SlowDown": problems.BUSY,
    "ServiceUnavailable": problems.BUSY,
    "InternalError": problems.BUSY,
    "EntityTooLarge": problems.TOO_LARGE_THERE,
    "QuotaExceeded": problems.FULL,
    "XMinioStorageFull": problems.FULL,
}
#: What a status says where the answer has no code, as that to HEAD.
_OF_STATUS: dict[str, Code] = {
    "401": problems.KEY_REFUSED,
    "403": problems.DENIED,
    "301": problems.REGION,
    "307": problems.REGION,
    "429": problems.BUSY,
    "500": problems.BUSY,
    "502": problems.BUSY,
    "503": problems.BUSY,
    "504": problems.BUSY,
    "507": problems.FULL,
}
#: Codes with which a lock is refused: the bucket has none, or its mode is not known.
_OF_LOCKS = ("InvalidRequest", "InvalidArgument", "MalformedXML", "NotImplemented", "ObjectLockConfigurationNotFoundError")


def reason(status: str, code: str, message: str, place: StoragePlace) -> Reason:
    """The reason for an answer: its status, the server's own code (Amazon S3 API, "Error responses"), and what it says."""
    kind = _OF_CODES.get(code) or _OF_STATUS.get(status) or problems.REFUSED
    if place.lock and code in _OF_LOCKS:
        kind = problems.NOT_LOCKED
    told = dict.fromkeys(text for text in (status, code, message[:300]) if text)
    return kind(server=place.endpoint or "Amazon S3", where=place.where, said=" ".join(told))
