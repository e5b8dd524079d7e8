"""Realistic attachments: PDF, DOCX, PNG that do not compress, CSV that does. All can be opened."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from math import isqrt
from random import Random

from core.values import dataclass

SUBJECTS = (
    "Rechnung",
    "Angebot",
    "Lieferschein",
    "Protokoll",
    "Vertrag",
    "report",
    "invoice",
    "quote",
    "drawing",
    "minutes",
)
ARTICLES = (
    "Schraube M8",
    "Kabelkanal",
    "Toner schwarz",
    "Desk lamp",
    "Monitor arm",
    "Filtermatte",
    "Pallet",
    "Dichtung",
)


@dataclass(frozen=True, slots=True)
class SampleDocument:
    """A file to be attached: ``name`` is plain ASCII, ``content`` the bytes before transfer encoding."""

    name: str
    media_type: str
    content: bytes


def document(random: Random, size: int) -> SampleDocument:
    """A document of about ``size`` bytes; three of four kinds do not compress."""
    (make, suffix, media_type) = random.choice(_KINDS)
    name = f"{random.choice(SUBJECTS)}-{random.randrange(10_000, 99_999)}.{suffix}"
    return SampleDocument(name, media_type, make(random, size))


def pdf(random: Random, size: int) -> bytes:
    """One page with a line of text and a noisy picture, as a scanner makes it."""
    side = max(8, isqrt(size))
    text = b"BT /F1 12 Tf 72 760 Td (Nr. %d) Tj ET q 400 0 0 400 72 300 cm /I1 Do Q" % random.randrange(1_000_000)
    picture = random.randbytes(side * side)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> /XObject << /I1 6 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
        b" /Length %d >>\nstream\n%s\nendstream" % (side, side, len(picture), picture),
    ]
    out = BytesIO()
    out.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return out.getvalue()


def png(random: Random, size: int) -> bytes:
    """A square of coloured noise."""
    side = max(4, isqrt(size // 3))
    row = side * 3
    noise = random.randbytes(row * side)
    pixels = b"".join(b"\0" + noise[start : start + row] for start in range(0, len(noise), row))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", _deflated(pixels)) + chunk(b"IEND", b"")


def _deflated(data: bytes) -> bytes:
    """A zlib stream of stored blocks (RFC 1950, RFC 1951 section 3.2.4): zlib's own differs from build to build."""
    blocks = [data[start : start + 0xFFFF] for start in range(0, len(data), 0xFFFF)]
    stored = [
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, 1)
    ]
    return b"\x78\x01" + b"".join(stored) + struct.pack(">I", zlib.adler32(data))


def docx(random: Random, size: int) -> bytes:
    """A letter with one picture, in a zip archive as word processors make it."""
    words = " ".join(random.choices(SUBJECTS + ARTICLES, k=120))
    package = "http://schemas.openxmlformats.org/package/2006"
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    files: dict[str, bytes] = {
        "[Content_Types].xml": (
            f'<Types xmlns="{package}/content-types"><Default Extension="png" ContentType="image/png"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{word}.document.main+xml"/></Types>'
        ).encode(),
        "_rels/.rels": (
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Target="word/document.xml" '
            'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
        ).encode(),
        "word/document.xml": (
            '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
            f"<w:t>{words}</w:t></w:r></w:p></w:body></w:document>"
        ).encode(),
        "word/media/image1.png": png(random, size),
    }
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def csv(random: Random, size: int) -> bytes:
    """A list of bookings with German decimals, ISO 8859-1."""
    lines = ["Beleg;Datum;Artikel;Menge;Betrag;Währung"]
    for number in range(max(1, size // 52)):
        amount = random.randrange(100, 9_999_999)
        lines.append(
            f"{random.randrange(100_000, 999_999)};{number % 28 + 1:02}.{number % 12 + 1:02}.2024;"
            f"{random.choice(ARTICLES)};{random.randrange(1, 500)};{amount // 100},{amount % 100:02};EUR"
        )
    return "\r\n".join(lines).encode("iso-8859-1") + b"\r\n"


_KINDS: tuple[tuple[Callable[[Random, int], bytes], str, str], ...] = (
    (pdf, "pdf", "application/pdf"),
    (pdf, "pdf", "application/pdf"),
    (docx, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (png, "png", "image/png"),
    (csv, "csv", "text/csv"),
)
