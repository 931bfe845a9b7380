"""What somebody sends whose session has ended. They are asked to sign in, and nothing they typed may be lost.

It is put away in the browser's anonymous session, which becomes the session of whoever signs in there; the complaint's
page then makes it a draft of theirs, if they may handle that complaint. Pictures are not kept: nobody is known yet to
whom they would belong.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404

from complaints.models import Complaint
from complaints.permissions import may, visible_to
from complaints.workspace.drafts import FIELDS, LONGEST, drafts_of, save_draft
from complaints.workspace.typed import Typed, merged, sent_in, typed_in
from merchants.pages import MemberRequest

View = Callable[[HttpRequest, str], HttpResponseBase]

SESSION_KEY = "typed_signed_out"
KEPT_FOR = timedelta(hours=1)


def keeps_typed(form: str = "") -> Callable[[View], View]:
    """Put away what is sent to a page without being signed in; the page itself then asks to sign in.

    Without a name, what is sent says itself which form it is.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def page(request: HttpRequest, /, complaint_no: str) -> HttpResponseBase:
            if request.method == "POST" and not request.user.is_authenticated:
                _put_away(request, complaint_no, form or request.POST.get("form", ""))
            return view(request, complaint_no)

        return page

    return decorate


def _put_away(request: Any, complaint_no: str, form: str) -> None:
    if form not in FIELDS:
        return
    fields = dict(sent_in(form, request.POST).fields)
    if not fields or sum(map(len, fields.values())) > LONGEST:
        return
    # Nobody fills the table of sessions with texts about complaints that there are none of.
    if not Complaint.objects.filter(complaint_no=complaint_no).exists():
        return
    held = {"complaint_no": complaint_no, "form": form, "fields": fields, "at": request.now.isoformat()}
    request.session[SESSION_KEY] = held
    request.session.set_expiry(KEPT_FOR)  # signing in sets another one


def take_up(request: MemberRequest, complaint_no: str) -> bool:
    """Make what was put away for a complaint a draft of who is signed in now; say whether there was something.

    What they had typed already stays in front of it. It is for an hour only, and only for who may handle complaints.
    """
    held = request.session.get(SESSION_KEY)
    if not held or held["complaint_no"] != complaint_no:
        return False
    complaint = get_object_or_404(visible_to(request.actor), complaint_no=complaint_no)
    del request.session[SESSION_KEY]
    is_old = request.now > datetime.fromisoformat(held["at"]) + KEPT_FOR
    if is_old or not may(request.actor, "handle", complaint):
        return False
    typed = Typed(held["form"], held["fields"])
    draft = drafts_of(complaint, request.actor).get(typed.form)
    if draft is not None:
        together = merged(typed_in(draft), typed)
        is_too_long = sum(map(len, (*together.fields.values(), *together.pictures))) > LONGEST
        typed = typed if is_too_long else together
    save_draft(complaint.pk, typed.form, typed.fields, pictures=typed.pictures, actor=request.actor, now=request.now)
    return True
