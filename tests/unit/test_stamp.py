"""Time stamps of OpenSSL's authority: believed when all of it fits, and for no other reason."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import tsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.archive.proof import stamp
from core.archive.proof.stamp import StampError, check, request, roots
from core.errors import InputError
from core.problems import stamp as problems
from core.problems.code import Code
from tests.servers.authority import STAMPING, Authority
from tests.support import coded

IMPRINT = hashlib.sha256(b"archivar seal").digest()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "one")


@pytest.fixture(scope="module")
def token(authority: Authority) -> bytes:
    return authority.reply(request(IMPRINT).data)


@pytest.mark.parametrize("options", [{}, {"use_rsa": True, "digest": "sha512"}, {"ess": "sha1"}])
def test_a_stamp_is_read_with_its_time_and_its_authority(tmp_path: Path, options: dict[str, Any]) -> None:
    """By ECDSA and RSA, through a certificate between; the nonce is the one that was asked for."""
    one = Authority(tmp_path / "authority", **options)
    asked = request(IMPRINT)
    answer = one.reply(asked.data)
    found = check(answer, roots(one.root), asked.nonce)
    assert (found.imprint, found.authority) == (IMPRINT, "CN=Signer")
    assert found.at.utcoffset() is not None
    assert check(answer, roots(one.root)) == found


def test_a_signer_that_is_trusted_itself_needs_no_chain(authority: Authority, token: bytes) -> None:
    """The PEM file may hold the signer's own certificate."""
    assert check(token, roots(authority.folder / "signer.pem")).imprint == IMPRINT


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"begun": 40, "days": -10}, problems.EXPIRED),
        ({"begun": -10, "days": 40}, problems.EXPIRED),
        ({"between_ca": False}, problems.UNTRUSTED),
    ],
)
def test_a_signer_that_is_not_entitled_is_refused(
    authority: Authority, token: bytes, tmp_path: Path, options: dict[str, Any], code: Code
) -> None:
    """Certificates of another time, one between that may issue none: OpenSSL signs all the same."""
    one = Authority(tmp_path / "authority", **options)
    with pytest.raises(StampError, check=coded(code)):
        check(one.reply(request(IMPRINT).data), roots(one.root))


@pytest.mark.parametrize(
    ("purposes", "code"),
    [
        ((), problems.OTHER_PURPOSE),
        ((ExtendedKeyUsageOID.SERVER_AUTH,), problems.SEVERAL_PURPOSES),
        ((*STAMPING, ExtendedKeyUsageOID.SERVER_AUTH), problems.SEVERAL_PURPOSES),
    ],
)
def test_a_certificate_for_something_else_is_refused(tmp_path: Path, purposes: tuple[Any, ...], code: Code) -> None:
    """One of a web server that the same root has issued stamps nothing (RFC 3161 section 2.3)."""
    one = Authority(tmp_path / "authority", purposes=purposes)
    [signer] = roots(one.folder / "signer.pem")
    with pytest.raises(StampError, check=coded(code)):
        stamp._refuse_other_purpose(signer)


def test_another_root_another_question_and_another_archive_are_told_apart(
    authority: Authority, token: bytes, tmp_path: Path
) -> None:
    """A root of the same name did not sign it; another nonce is the answer to another request."""
    other = Authority(tmp_path / "other")
    with pytest.raises(StampError, check=coded(problems.UNTRUSTED)):
        check(token, roots(other.root))
    with pytest.raises(StampError, check=coded(problems.OTHER_NONCE)):
        check(token, roots(authority.root), 5)


def test_what_the_authority_does_not_grant_is_told_in_its_words(authority: Authority) -> None:
    """A query for a hash that it does not know is rejected with a reason."""
    asked = tsp.TimeStampReq.load(request(IMPRINT).data)
    query = asked.native
    query["message_imprint"] = {"hash_algorithm": {"algorithm": "sha384"}, "hashed_message": bytes(48)}
    refused = authority.reply(tsp.TimeStampReq(query).dump())
    with pytest.raises(StampError, match=r"granted no time stamp: rejection, .+"):
        check(refused, roots(authority.root))


def test_changed_tokens_are_never_believed(authority: Authority, token: bytes) -> None:
    """Bytes changed, cut off, put in: refused in words, or what was signed is read as it was."""
    trusted, dice = roots(authority.root), random.Random(7)
    good = check(token, trusted)
    seen: Counter[str] = Counter()
    for _ in range(400):
        data = bytearray(token)
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.2:
            del data[dice.randrange(len(data)) :]
        try:
            assert check(bytes(data), trusted) == good
            seen["same"] += 1
        except StampError:
            seen["refused"] += 1
    assert seen["refused"] > 250


@pytest.mark.parametrize("data", [b"", b"no token", b"0" * (stamp.LARGEST + 1), b"\x30\x80" * 2000, b"\x30\x03\x02\x01\x00"])
def test_bytes_that_are_no_token_are_refused(authority: Authority, data: bytes) -> None:
    """Nothing, text, far too much, nested without an end, an answer without a token."""
    with pytest.raises(StampError):
        check(data, roots(authority.root))


def test_a_file_of_roots_must_hold_one(tmp_path: Path) -> None:
    """Missing, or with anything else in it, it is named."""
    (tmp_path / "empty.pem").write_text("nothing", encoding="ascii")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(InputError, match=name):
            roots(tmp_path / name)
