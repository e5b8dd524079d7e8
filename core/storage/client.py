"""The client of object storage, of the library botocore: made for one place, with its errors as reasons of ours.

With a key of the place nothing of this machine's own set-up for Amazon's programs counts: no profile, no address of another
server, no file of authorities. Without one its rights are used, and so its profile.
"""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import InputError, StorageError
from core.masking import masked
from core.problems import bucket as problems
from core.problems.code import Reason
from core.secrets import Secret
from core.storage import answers
from core.storage.place import StoragePlace

#: Seconds for a connection, and for one block of what is sent; seconds without a byte after which a server counts as silent.
CONNECT_SECONDS, SILENT_SECONDS = 20, 60
#: The region that requests are signed for when the server's owner has not said any.
_REGION = "us-east-1"


def client(place: StoragePlace, secret: Secret | None, tries: int) -> Any:
    """A client of botocore for S3. Raises ``InputError`` without the library, ``StorageError`` for what cannot be read."""
    try:
        from botocore.config import Config
    except ImportError as error:
        raise InputError(problems.NO_LIBRARY()) from error
    if place.ca_file:
        _readable(Path(place.ca_file))
    own = place.access_key != ""
    style = "path" if place.endpoint else "auto"
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SILENT_SECONDS,
        retries={"total_max_attempts": tries, "mode": "standard"},
        # What servers other than Amazon's do not know is sent only where it is needed: SHA-256 is given by us.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=own or bool(place.endpoint),
        s3={"addressing_style": style},
    )
    named: dict[str, Any] = {"region_name": place.region or _REGION, "config": config}
    named |= {"endpoint_url": place.endpoint} if place.endpoint else {}
    named["verify"] = place.ca_file or _authorities()
    if own:
        named["aws_access_key_id"] = place.access_key
        named["aws_secret_access_key"] = secret.reveal() if secret is not None else ""
    made, _ = asked(place, lambda: _session(own).create_client("s3", **named))
    made.meta.events.register("before-call.s3", _stay)
    return made


def _stay(context: dict[str, Any], **named: Any) -> None:
    """Keep the library from following a bucket to another region by itself: it asks for ever where the answer is the same."""
    context.setdefault("s3_redirect", {})["redirected"] = True


@functools.cache
def _session(own: bool) -> Any:
    """The library's session, with the descriptions of the service, which take 0.2 s to read."""
    from botocore.session import Session

    if not own:
        return Session()
    nothing = (None, None, None, None)
    no_file = (None, None, os.devnull, None)
    names = {"profile": nothing, "ca_bundle": nothing, "config_file": no_file, "credentials_file": no_file}
    return Session(session_vars=names)


def _authorities() -> str | bool:
    """The system's authorities, and not those of the library, which do not know an organisation's own."""
    found = ssl.get_default_verify_paths()
    return next((path for path in (found.cafile, found.openssl_cafile) if path and os.path.isfile(path)), True)


def _readable(path: Path) -> None:
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:
        raise StorageError(problems.AUTHORITY_UNREAD(path=str(path), said=str(error.strerror or error))) from error


def asked(place: StoragePlace, call: Callable[[], Any], *, but: tuple[str, ...] = ()) -> tuple[Any, str]:
    """The library's answer to a call and no code, or None and the code with which the server refused, if it is one of ``but``.

    Any other error is a ``StorageError``.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(), ""
    except ClientError as error:
        if (code := code_of(error)) in but:
            return None, code
        reason = _refused(error, place)
        raise StorageError(reason) from error
    except (BotoCoreError, ValueError) as error:
        reason = _unanswered(error, place)
        raise StorageError(reason) from error


def code_of(error: Any) -> str:
    """The server's code of a ``ClientError``; its status where the answer has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(error: Any, place: StoragePlace) -> Reason:
    """The reason for an answer that refuses."""
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    message = str(error.response.get("Error", {}).get("Message", ""))
    # The bucket's own region, where the server tells it.
    message += " " + str(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", ""))
    return answers.reason(status, masked(code_of(error)), masked(message.strip()), place)


def _unanswered(error: Exception, place: StoragePlace) -> Reason:
    """The reason for an error without an answer."""
    from botocore import exceptions

    server = place.endpoint or "Amazon S3"
    kinds: tuple[tuple[tuple[type[Exception], ...], Callable[..., Reason]], ...] = (
        ((exceptions.SSLError,), problems.CERTIFICATE),
        ((exceptions.ProxyConnectionError, exceptions.InvalidProxiesConfigError), problems.PROXY),
        ((exceptions.HTTPClientError, exceptions.ConnectionError), problems.UNREACHABLE),
        (
            (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError),
            problems.NO_KEY,
        ),
        ((exceptions.ProfileNotFound,), problems.NO_KEY),
    )
    for errors, code in kinds:
        if isinstance(error, errors):
            return code(server=server, where=place.where)
    return problems.REFUSED(server=server, where=place.where, said=masked(str(error))[:300])
