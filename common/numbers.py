"""Numbers that people read out on the telephone: the day in Beijing, what it numbers, and eighteen digits."""

import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")


def number_prefix(moment: datetime, noun: str) -> str:
    """Return the first ten digits of a number: the day of `moment` in Beijing and two digits for the noun."""
    return f"{moment.astimezone(BEIJING):%Y%m%d}{noun}"


def new_number(moment: datetime, noun: str) -> str:
    """Return a number whose last eighteen digits are random: nobody can guess or count others' cases."""
    return f"{number_prefix(moment, noun)}{secrets.randbelow(10**18):018d}"


def new_complaint_no(filed_at: datetime) -> str:
    """Return a number for a complaint."""
    return new_number(filed_at, "01")
