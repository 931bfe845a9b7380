"""How the members of the demo work on their complaints: canned replies, views, who has which, and notes."""

from collections.abc import Callable
from datetime import datetime, timedelta

from common.actors import Actor
from complaints.models import Complaint, Method
from complaints.states import Status
from complaints.workspace.assigning import assign
from complaints.workspace.canned import CannedInput, save_canned
from complaints.workspace.notes import write_note
from complaints.workspace.saved_views import save_view
from evidence.models import Evidence
from merchants.models import Membership

Draw = Callable[[str, Actor], tuple[Evidence, ...]]
"""Draws a picture of a kind, and keeps it for the merchant of the actor."""

REPLIES: tuple[tuple[CannedInput, str], ...] = (
    (
        CannedInput(
            title="已原路退款",
            text="{consumer}您好，订单 {order} 的退款 {refund} 已原路退回，预计三个工作日内到账，给您添麻烦了。",
            method=Method.OTHER_REFUND,
            refund="asked",
        ),
        "receipt",
    ),
    (
        CannedInput(
            title="保障金退款",
            text="{consumer}您好，我们已用体验保障金为您退款 {refund}，请留意到账通知。",
            method=Method.FUND_REFUND,
            refund="asked",
        ),
        "",
    ),
    (
        CannedInput(
            title="已补发",
            text="{consumer}您好，订单 {order} 已重新发出，单号见附图，签收时如有问题请随时联系我们。",
            method=Method.SHIPPED,
        ),
        "parcel",
    ),
    (
        CannedInput(
            title="核实中",
            text="{consumer}您好，您反映的“{dispute}”我们已收到，正在向仓库核实，今天内给您答复。{me}",
        ),
        "",
    ),
    (
        CannedInput(title="请补充照片", text="{consumer}您好，请补充一张商品问题的照片，我们好尽快处理订单 {order}。"),
        "",
    ),
)
"""Each with the kind of picture that proves it."""

NOTES = (
    "已电话联系用户，同意退款，等仓库确认退货单号。",
    "同一批次第三起，先别回复“已补发”，让采购确认库存。",
)


def furnish(merchant_id: int, boss: Actor, colleague: Actor, *, draw: Draw, now: datetime) -> None:
    """Let an account administrator and a colleague who handles set up how they work, in the last days before now."""
    for number, (reply, kind) in enumerate(REPLIES):
        pictures = draw(kind, boss) if kind else ()
        said = CannedInput(
            title=reply.title, text=reply.text, method=reply.method, refund=reply.refund, pictures=pictures
        )
        save_canned(said, actor=boss, now=now - timedelta(days=9, hours=number))
    save_view("一天内到期", "due=24&due=overdue", shared=True, actor=boss, now=now - timedelta(days=8))
    save_view("有先行保障", "protection=yes", shared=True, actor=boss, now=now - timedelta(days=8))
    save_view("我的待处理", "assignee=me", shared=False, actor=colleague, now=now - timedelta(days=7))
    _share_out(merchant_id, boss, colleague, now)


def _share_out(merchant_id: int, boss: Actor, colleague: Actor, now: datetime) -> None:
    """Give most of what waits to one of the two, and write a note about what is due first."""
    waiting = list(Complaint.objects.filter(merchant_id=merchant_id, status=Status.PENDING).order_by("handle_by", "pk"))
    places = dict(Membership.objects.filter(merchant_id=merchant_id).values_list("user_id", "pk"))
    turns = (colleague, boss, colleague, None)
    whose = {
        complaint.pk: places[member.id]
        for number, complaint in enumerate(waiting)
        if (member := turns[number % len(turns)]) is not None and member.id is not None
    }
    if whose:
        assign(whose, actor=boss, now=now - timedelta(hours=3))
    for complaint, text in zip(waiting, NOTES, strict=False):
        write_note(complaint.pk, text, actor=colleague, now=now - timedelta(hours=2))
