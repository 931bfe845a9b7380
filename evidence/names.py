"""File names that came from outside, made safe to store, to show and to send back."""

import unicodedata
from pathlib import PurePosixPath

MAX_BYTES = 255
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories without a shape of their own: control characters, marks that turn the writing round, and such."""


def clean_name(name: str, *, extension: str = "") -> str:
    """Return the last part of a path, in at most 255 bytes, without what cannot be seen.

    `extension`, when given, takes the place of its own. A name of which nothing is left is called “picture”.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    seen = "".join(sign for sign in last if unicodedata.category(sign) not in UNSEEN)
    path = PurePosixPath(unicodedata.normalize("NFC", seen).strip(" ."))
    suffix = f".{extension}" if extension else path.suffix
    if len(suffix.encode()) > MAX_BYTES // 2:
        suffix = ""
    stem = path.stem.encode()[: MAX_BYTES - len(suffix.encode())].decode(errors="ignore").rstrip(" .")
    return f"{stem or 'picture'}{suffix}"
