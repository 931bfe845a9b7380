"""Whoever has claimed a review holds it for two hours; what is refused names the colleague and says how long ago."""

from datetime import timedelta

import pytest
from django.utils.translation import override

from appeals.models import Appeal
from appeals.tests.making import appeal_at, make_reviewer, penalty_issued, staff
from common.errors import Conflict
from complaints.tests.factories import moment
from deadlines.reviewing import CLAIM_LASTS, time_ago

CLAIMED = moment("2026-11-03T10:00+08:00")


@pytest.fixture(autouse=True)
def _in_english():
    with override("en"):
        yield


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s ago"),
        (0, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86399, "23 h ago"),
        (86400, "1 day ago"),
        (172800, "2 days ago"),
    ],
)
def test_how_long_ago_something_was(seconds, words):
    assert time_ago(timedelta(seconds=seconds)) == words


def test_a_claim_lasts_two_hours():
    assert timedelta(hours=2) == CLAIM_LASTS
    review = Appeal(claimed_at=CLAIMED)
    assert review.claim_is_live(now=moment("2026-11-03T11:59:59.999999+08:00"))
    assert not review.claim_is_live(now=moment("2026-11-03T12:00+08:00"))
    assert not Appeal().claim_is_live(now=CLAIMED)


@pytest.mark.django_db
def test_without_the_claim_nobody_decides():
    li, wang = make_reviewer("Li"), make_reviewer("Wang")
    appeal = appeal_at("2026-11-03T09:00+08:00", penalty_issued("2026-11-02T10:00+08:00"))

    def refusal(user, at):
        with pytest.raises(Conflict) as refused:
            appeal.require_claim(staff(user), now=moment(at))
        return refused.value.code, str(refused.value)

    assert refusal(li, "2026-11-03T10:00+08:00") == ("not_claimed", "Claim this review before you decide it.")
    appeal.claimed_by, appeal.claimed_at = li, CLAIMED
    appeal.require_claim(staff(li), now=moment("2026-11-04T10:00+08:00"))  # cold, but nobody took it over
    assert refusal(wang, "2026-11-03T10:05+08:00") == (
        "claimed_by_another",
        f"{li} claimed this 5 min ago and is working on it.",
    )
    assert refusal(wang, "2026-11-03T12:00+08:00")[0] == "not_claimed"
    appeal.decided_by, appeal.decided_at = li, CLAIMED
    assert refusal(wang, "2026-11-03T10:00:10+08:00") == ("decided_already", f"{li} decided this 10 s ago.")
    assert refusal(li, "2026-11-03T10:00:10+08:00")[0] == "decided_already"


@pytest.mark.django_db
def test_reviews_take_their_numbers_from_one_sequence():
    first, second = (appeal_at("2026-11-03T09:00+08:00", penalty_issued("2026-11-02T10:00+08:00")) for _ in range(2))
    assert second.pk == first.pk + 1
