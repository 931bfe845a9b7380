"""What is left of a file name that came from outside."""

import pytest

from evidence.names import clean_name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("refund.png", "refund.png"),
        ("退款 截图.jpg", "退款 截图.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Li\\proof.png", "proof.png"),
        ("a/..", "picture"),
        ("", "picture"),
        (" . ", "picture"),
        (".htaccess", "htaccess"),
        ("proof.png\x00.php", "proof.png.php"),
        ("line\r\nSet-Cookie: a=b.png", "lineSet-Cookie: a=b.png"),
        ("\x1b[31mred.png", "[31mred.png"),
        ("proof\u202egnp.exe", "proofgnp.exe"),
        ("zero\u200bwidth\ufeff.png", "zerowidth.png"),
        ("half\ud800.png", "half.png"),
        ("e\u0301.png", "\u00e9.png"),
    ],
)
def test_a_name_keeps_what_can_be_seen_of_its_last_part(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept


def test_a_long_chinese_name_ends_at_a_whole_sign_and_keeps_its_extension() -> None:
    name = clean_name("凭" * 255 + ".png")
    assert name == "凭" * 83 + ".png"  # 83 signs of three bytes, and four
    assert len(name.encode()) <= 255


def test_a_name_that_is_all_extension_stays_within_255_bytes() -> None:
    assert len(clean_name("a." + "凭" * 255).encode()) <= 255


def test_an_extension_that_is_given_takes_the_place_of_the_sent_one() -> None:
    assert clean_name("photo.html", extension="jpg") == "photo.jpg"
    assert clean_name("凭" * 255, extension="webp").endswith("凭.webp")
