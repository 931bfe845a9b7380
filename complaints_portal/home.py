"""The merchants' home page: how they stand, and what is due next. The top floor, because it looks at everything."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from common.counting import count_words
from complaints.permissions import may
from complaints.queries import points_of, standing
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page
from penalties.queries import in_effect_count, points_overview, waiting_count
from refunds.queries import standing as refunds_standing


@require_safe
@member_page(Grant.VIEW)
def home(request: MemberRequest) -> HttpResponse:
    """Show the card 我的违规与投诉 and the complaints that are due next."""
    now_standing = standing(request.merchant.pk, now=request.now)
    refunds = refunds_standing(request.merchant.pk, now=request.now)
    context = {
        "standing": now_standing,
        "refunds": refunds,
        "refunds_due": count_words(refunds.due),
        "refunds_overdue": count_words(refunds.overdue),
        "points_at_stake": now_standing.points_at_stake + refunds.points_at_stake,
        "pending": count_words(now_standing.pending),
        "overdue": count_words(now_standing.overdue),
        "penalties_in_effect": count_words(in_effect_count(request.merchant.pk)),
        "points_overview": points_overview(request.merchant.pk),
        "can_be_appealed": count_words(waiting_count(request.merchant.pk, now=request.now)),
        "points": points_of(now_standing.next_due),
        "now": request.now,
        "may_handle": may(request.actor, "handle"),
    }
    return render(request, "home.html", context)
