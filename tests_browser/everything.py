"""A portal in which every page has something to show: the demo data, and beside it what members keep for themselves.

All of it is made by the verbs. `Everything.places` says with which examples an address is to be looked at: one for each
state of the noun that it is about.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet

from appeals.models import Appeal
from common.actors import Actor, ActorKind
from complaints.consumer.links import token_of as consumers_token_of
from complaints.models import BulkRun, CannedReply, Complaint, Consultation, Export
from complaints.states import Status
from complaints.tests.factories import handle_at
from complaints.workspace import bulk
from complaints.workspace.assigning import assign
from complaints.workspace.canned import CannedInput, canned_of, save_canned
from complaints.workspace.drafts import save_draft
from complaints.workspace.exporting import ask_export, make_next
from complaints.workspace.notes import reveal, write_note
from complaints.workspace.saved_views import save_view, views_of
from complaints_portal import demo
from complaints_portal.tests.test_doors import let_ops_leave_a_row_of_each
from complaints_portal.tests.walking import Door
from deadlines.models import Extension
from deadlines.tests.publishing import publish_the_known_years
from merchants.models import AccessRequest, Invitation, Membership, Merchant, MiniProgram, User
from merchants.team import token_of
from notifications.models import Robot
from penalties.models import Amnesty, Penalty
from refunds.models import Refund, RefundCase, TopUp

MERCHANT = "青禾鲜果"
NEWEST = "-pk"


@dataclass
class Everything:
    """Where to look, and who looks: the account administrator of a merchant, a member without grants, support staff."""

    now: datetime
    merchant: Merchant
    examples: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def administrator(self) -> User:
        return User.objects.get(username="administrator")

    @cached_property
    def newcomer(self) -> User:
        return User.objects.get(username="newcomer")

    @cached_property
    def neighbour(self) -> User:
        return User.objects.get(username="neighbour")

    @cached_property
    def support(self) -> User:
        return User.objects.get(username="support")

    def places(self, door: Door) -> Iterator[str]:
        """Yield the paths under which a door is looked at."""
        names = {name for part in door.parts for name in part.regex.groupindex}
        examples = self.examples | (_rows(*door.model) if door.model else {})
        unknown = [name for name in names if name not in examples]
        assert not unknown, f"{door.name}: say in Everything.examples what stands for {unknown}"
        shared = {name: examples[name][0] for name in names if examples[name]}
        if len(shared) < len(names):
            return  # no row of this kind exists
        varied = max(names, key=lambda name: len(examples[name]), default="")
        for value in examples[varied] if varied else [""]:
            yield door.address({"anything": "nothing", **shared, varied: value})


def make_everything(now: datetime) -> Everything:
    """Fill an empty database."""
    publish_the_known_years()
    demo.seed(now=now)
    merchant = Merchant.objects.get(name=MERCHANT)
    everything = Everything(now, merchant)
    _work(merchant, everything.administrator, now)
    let_ops_leave_a_row_of_each(Complaint.objects.filter(merchant=merchant)[0])
    everything.examples |= _examples(everything)
    return everything


def _work(merchant: Merchant, person: User, now: datetime) -> None:
    """Let a member write notes, assign complaints, look at a phone number, and keep views, replies and drafts."""
    membership = Membership.objects.get(merchant=merchant, user=person)
    actor = Actor(
        kind=ActorKind.MEMBER,
        name=str(person),
        id=person.pk,
        platform_id=merchant.platform_id,
        merchant_id=merchant.pk,
        grants=membership.effective_grants,
    )
    waiting = list(Complaint.objects.filter(merchant=merchant, status=Status.PENDING).order_by("handle_by"))
    mates = Membership.objects.filter(merchant=merchant, user__username__in=["administrator", "handler"]).order_by("pk")
    assign({each.pk: mates[number % 2].pk for number, each in enumerate(waiting[:3])}, actor=actor, now=now)
    first = waiting[0].pk
    write_note(first, "仓库说这一批都没有贴防潮袋，先问品控再回复。\nThe parcel left on Monday.", actor=actor, now=now)
    reveal(first, actor=actor, now=now)
    save_draft(first, "handling", {"method": "other", "note": "已与您电话沟通……"}, actor=actor, now=now)
    save_draft(first, "message", {"text": "您好，我们正在核实。"}, actor=actor, now=now)
    save_view("今天到期", "due=24h&status=pending", shared=True, actor=actor, now=now)
    save_view("我负责的", "assignee=me", shared=False, actor=actor, now=now)
    ask_export("", "csv", language="en", actor=actor, now=now)
    make_next(lambda: now)
    ask_export("status=all", "xlsx", language="en", actor=actor, now=now)
    texts = {"催发货": "{consumer}您好，订单 {order} 今天发出。", "全额退款": "{consumer}您好，{refund} 将原路退回。"}
    for title, text in texts.items():
        if not canned_of(merchant.pk).filter(title=title).exists():
            save_canned(CannedInput(title=title, text=text), actor=actor, now=now)
    _reply_to_several(merchant, actor, now)
    if not Complaint.objects.filter(merchant=merchant, status=Status.IN_REVIEW).exists():
        handle_at(now, waiting[-1], "shipped")


def _reply_to_several(merchant: Merchant, actor: Actor, now: datetime) -> None:
    """Reply to two complaints in one go, of which one has ended meanwhile."""
    rows = Complaint.objects.filter(merchant=merchant, status__in=[Status.PENDING, Status.FINISHED])
    cases = list(rows.order_by("status", "pk").distinct("status"))
    numbers = [complaint.complaint_no for complaint in cases]
    asked = bulk.Asked(action="reply", numbers=numbers, canned_id=canned_of(merchant.pk)[0].pk)
    run = bulk.begin(bulk.wish_of(asked, actor=actor), asked, cases, key="a" * 32, actor=actor, now=now)
    bulk.carry_out(run, actor=actor, now=now)


def _examples(everything: Everything) -> dict[str, list[str]]:
    """Return what stands for the parts of paths: of each noun one of each state."""
    own: dict[str, Any] = {"merchant": everything.merchant}
    members = Membership.objects.filter(**own).exclude(user=everything.administrator)
    invitations = Invitation.objects.filter(**own)
    views = views_of(_anybody(everything))
    return {
        "complaint_no": [*_each_state(Complaint.objects.filter(**own), "complaint_no"), *_missed(everything)],
        "penalty_no": _each_state(Penalty.objects.filter(**own), "penalty_no", "kind", "status"),
        "appeal_id": _each_state(Appeal.objects.filter(penalty__merchant=everything.merchant), "pk"),
        "case_no": _each_state(RefundCase.objects.filter(**own), "case_no", "status", "round"),
        "number": _each_state(TopUp.objects.filter(account__merchant=everything.merchant), "number"),
        "token": [],  # a picture is no page
        "member_id": _of(members),
        "invitation_id": _of(invitations),
        "request_id": _of(AccessRequest.objects.filter(membership__merchant=everything.merchant)),
        "invitation_token": [token_of(each) for each in invitations[:1]],
        "canned_id": _of(CannedReply.objects.filter(**own)),
        "run_key": list(BulkRun.objects.filter(**own).values_list("key", flat=True)[:1]),
        "view_id": _of(views),
        "export_id": _each_state(Export.objects.filter(**own), "pk"),
        "key": ["confirm-email/nothing/"],
        "uidb36": ["password/reset/key/1-nothing/"],
        "url": ["no/such/page/"],
        "app_label": ["complaints/"],
        "content_type_id": [],
        "object_id": [],  # the pages of a model have rows of their own
        "complaint_id": _each_state(Complaint.objects.all(), "pk"),
        "penalty_id": _each_state(Penalty.objects.all(), "pk"),
        "run_id": [str(each) for each in Penalty.objects.values_list("sweep_run", flat=True)[:1]],
        "top_up_id": _each_state(TopUp.objects.all(), "pk"),
        "refund_id": _each_state(Refund.objects.all(), "pk"),
        "verb": ["approve"],
        "consultation_no": _each_state(Consultation.objects.filter(**own), "consultation_no"),
        "consumer_token": [
            *(
                consumers_token_of(each, now=everything.now)
                for each in _newest_of_each_state(Complaint.objects.filter(**own))
            ),
            *(
                consumers_token_of(each, now=everything.now)
                for each in _newest_of_each_state(Consultation.objects.filter(**own))
            ),
        ],
        "platform": [everything.merchant.platform.code],
        "app_id": list(MiniProgram.objects.filter(**own).order_by("pk").values_list("app_id", flat=True)[:1]),
        "program_id": _of(MiniProgram.objects.filter(**own)),
        "robot_id": _of(Robot.objects.filter(**own)),
        "feed_token": [],  # a calendar is no page
        "picture": [],
        "visitor": [],
        "kind": ["handle"],
        "extension_id": _each_state(Extension.objects.all(), "pk"),
        "amnesty_id": _each_state(Amnesty.objects.all(), "pk"),
    }


def _anybody(everything: Everything) -> Actor:
    membership = Membership.objects.get(merchant=everything.merchant, user=everything.administrator)
    return Actor(
        kind=ActorKind.MEMBER,
        name="",
        id=membership.user_id,
        merchant_id=membership.merchant_id,
        grants=membership.effective_grants,
    )


def _missed(everything: Everything) -> list[str]:
    """A complaint that waits and whose deadline is over."""
    rows = Complaint.objects.filter(
        merchant=everything.merchant, status=Status.PENDING, handle_by__lt=everything.now
    ).order_by("pk")
    return list(rows.values_list("complaint_no", flat=True)[:1])


def _each_state(rows: QuerySet[Any], name: str, *by: str) -> list[str]:
    """Return the newest row of each state."""
    by = by or ("status",)
    return [str(each) for each in rows.order_by(*by, NEWEST).distinct(*by).values_list(name, flat=True)]


def _newest_of_each_state(rows: QuerySet[Any]) -> list[Any]:
    return list(rows.order_by("status", NEWEST).distinct("status"))


def _of(rows: QuerySet[Any]) -> list[str]:
    return [str(each) for each in rows.order_by("pk").values_list("pk", flat=True)[:1]]


def _rows(app: str, model: str) -> dict[str, list[str]]:
    """Return what stands for a row on the pages of admin: one of each state, or the newest."""
    of: type[Model] = apps.get_model(app, model)
    rows: QuerySet[Any] = of._default_manager.all()  # noqa: SLF001 (Django's own API)
    has_states = any(each.name == "status" for each in of._meta.get_fields())  # noqa: SLF001
    keys = _each_state(rows, "pk") if has_states else [str(each.pk) for each in rows.order_by(NEWEST)[:1]]
    return {"object_id": keys, "id": keys}
