"""Which encoding a text file is in: UTF-8 whenever that is possible, GB18030 when Chinese Excel wrote it.

The whole file is looked at, not only its head: bad bytes may come late. A file that is UTF-8 throughout is UTF-8.
One that is not is either GB18030, or UTF-8 with damaged lines; then lines vote. A line that is UTF-8 beyond ASCII
speaks for UTF-8; one that is not speaks for GB18030, provided that what it says is in common Chinese characters:
almost any bytes can be read as rare ones, those of a Latin-1 file too.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from complaints.importing.rows import UnusableFile

BLOCK = 1024 * 1024
LOOKED_AT = 1000  # lines that are not UTF-8, and are read as GB18030 to see what they say
COMMON = 0.8  # of the characters beyond ASCII, the part that GB2312 must have
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def detect(stream: BinaryIO) -> str:
    """Return "utf-8" or "gb18030", and leave the stream at its beginning. Refuses UTF-16."""
    stream.seek(0)
    if stream.read(2) in UTF_16:
        raise UnusableFile(_("This file is UTF-16. Save it as “CSV UTF-8”."))
    encoding = "utf-8" if _is_utf_8(stream) or not _speaks_chinese(stream) else "gb18030"
    stream.seek(0)
    return encoding


def check(encoding: str) -> str:
    """Return an encoding that was asked for. Refuses an unknown one, and one that is not built on ASCII."""
    try:
        if "\n,".encode(encoding) == b"\n,":
            return encoding
    except LookupError:
        pass
    raise UnusableFile(_("“%(encoding)s” is not an encoding that can be read here.") % {"encoding": encoding})


def _is_utf_8(stream: BinaryIO) -> bool:
    """Say whether every byte can be UTF-8; a character that is cut at the very end is no objection."""
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := stream.read(BLOCK):
            decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _speaks_chinese(stream: BinaryIO) -> bool:
    for_utf_8, against, characters, common = 0, 0, 0, 0
    for line in _lines_beyond_ascii(stream):
        try:
            line.decode("utf-8")
            for_utf_8 += 1
            continue
        except UnicodeDecodeError:
            against += 1
        if against <= LOOKED_AT:
            beyond = [sign for sign in line.decode("gb18030", errors="replace") if not sign.isascii()]
            characters += len(beyond)
            common += len("".join(beyond).encode("gb2312", errors="ignore")) // 2
    return against > for_utf_8 and common >= COMMON * characters


def _lines_beyond_ascii(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while line := stream.readline(BLOCK):
        if not line.isascii():
            yield line
