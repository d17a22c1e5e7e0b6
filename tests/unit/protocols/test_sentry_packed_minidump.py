"""Minidumps that are compressed in themselves, apart from the request's encoding."""

import bz2
import gzip
import lzma
import sys

import pytest

from gateway.protocols.sentry import minidump
from schemas.errors import Malformed, PayloadTooLarge
from tests.unit.protocols.test_sentry_endpoints import DUMP, form, posted

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKED = {"gzip": gzip.compress(DUMP), "zstd": zstd.compress(DUMP)}


@pytest.mark.clause("Sentry 12c")
@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize(
    ("filename", "expected"),
    [("a.dmp{}", "a.dmp"), ("a{}.dmp", "a{}.dmp"), ("a.dmp", "a.dmp"), ("{}", "upload_file_minidump")],
)
def test_a_minidump_that_is_compressed_in_its_part_is_unpacked(codec: str, filename: str, expected: str) -> None:
    ending = {"gzip": ".gz", "zstd": ".zst"}[codec]
    log = gzip.compress(b"x")
    sent = form(("upload_file_minidump", PACKED[codec], filename.format(ending)), ("log", log, "log.gz"))
    _, dump, other = minidump.to_envelope(sent).items
    assert (dump.payload, dump.headers["attachment_type"]) == (DUMP, "event.minidump")
    assert dump.headers["filename"] == expected.format(ending)
    # The type of the file was that of what it was packed in.
    assert "content_type" not in dump.headers
    # Other files stay as they are.
    assert (other.payload, other.headers["filename"], other.headers["content_type"]) == (log, "log.gz", "text/x-test")


@pytest.mark.clause("Sentry 12c")
@pytest.mark.parametrize("codec", PACKED)
def test_it_may_be_the_whole_body(codec: str) -> None:
    _, dump = minidump.to_envelope(posted(PACKED[codec], "application/octet-stream")).items
    assert (dump.payload, dump.headers["filename"]) == (DUMP, "Minidump")


@pytest.mark.clause("Sentry 12c")
def test_it_is_unpacked_within_bounds() -> None:
    largest, too_large = (gzip.compress(b"MDMP".ljust(size_bytes, b"\0")) for size_bytes in (1_000_000, 1_000_001))
    _, dump = minidump.to_envelope(form(("upload_file_minidump", largest, "a"))).items
    assert len(dump.payload) == 1_000_000
    with pytest.raises(PayloadTooLarge, match="more than 1000000 bytes once decompressed"):
        minidump.to_envelope(form(("upload_file_minidump", too_large, "a")))


@pytest.mark.clause("Sentry 12c")
@pytest.mark.parametrize(
    ("dump", "told"),
    [
        (lzma.compress(DUMP), "compressed with xz; send it as it is, or with gzip or zstd"),
        (bz2.compress(DUMP), "compressed with bzip2; send it as it is, or with gzip or zstd"),
        (PACKED["gzip"][:-9], "minidump cannot be decompressed: The gzip body is incomplete"),
        (PACKED["zstd"] + b"x", "minidump cannot be decompressed: "),
        (gzip.compress(b"MDM"), "does not begin with MDMP"),
        (gzip.compress(PACKED["gzip"]), "does not begin with MDMP"),
    ],
    ids=["xz", "bzip2", "incomplete", "more follows", "another file", "twice"],
)
def test_what_cannot_be_unpacked_is_refused(dump: bytes, told: str) -> None:
    for sent in (form(("upload_file_minidump", dump, "a")), posted(dump, "application/octet-stream")):
        with pytest.raises(Malformed, match=told):
            minidump.to_envelope(sent)
