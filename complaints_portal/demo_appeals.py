"""The appeals of the demo data: one in each state, each against the penalty of a complaint that was forgotten."""

from datetime import datetime

from appeals import services
from appeals.models import Appeal
from appeals.permissions import DECIDE
from appeals.reasons import Reason
from common.actors import Actor
from complaints.models import Complaint
from complaints_portal.demo_cases import FRUIT, FRUIT_LIFE, Case, Step, refunds
from evidence.models import Evidence
from penalties.models import Penalty

STAFF_GRANTS = frozenset([DECIDE])
DECISIONS = {"approve": Reason.SOLVED, "reject": Reason.EVIDENCE_INSUFFICIENT, "ask": Reason.EVIDENCE_UNREADABLE}


def appeals(after: float, text: str, *, picture: str = "receipt") -> Step:
    return Step(after, "appeal", text=text, picture=picture)


def decides(after: float, verb: str, text: str) -> Step:
    return Step(after, verb, by="staff", text=text)


def _forgotten(filed: float, *steps: Step, app_id: str = FRUIT, consumer: str, text: str, amount: str) -> Case:
    """A complaint that nobody handled in time, and was solved only after its penalty."""
    return Case(
        filed=filed,
        app_id=app_id,
        dispute="退款未到账",
        demand="退款",
        amount=amount,
        asked=amount,
        text=text,
        consumer=consumer,
        steps=steps,
    )


APPEALED: tuple[Case, ...] = (
    _forgotten(
        150,
        refunds(106, "73.00", "已原路退款，致歉并说明原因。", reference="RF2026-0305-6610", picture="receipt"),
        appeals(110, "投诉分配到离职同事名下而漏看。款项已全额原路退回，用户短信确认到账。"),
        consumer="段青岚",
        text="退货签收一周了，退款还停在“处理中”，客服说财务周末不上班。",
        amount="73.00",
    ),
    _forgotten(
        190,
        refunds(120, "46.00", "已退款。", reference="RF2026-0304-2087"),
        appeals(122, "已向用户退款，附退款回执。", picture="chat"),
        decides(140, "ask", "第二张图片看不清退款单号，请补一张完整的退款回执。"),
        consumer="庄文竹",
        text="订单取消了，钱一直没有退回来。",
        amount="46.00",
    ),
    _forgotten(
        200,
        refunds(110, "158.00", "已全额退款，并补偿优惠券。", reference="RF2026-0303-9154"),
        appeals(112, "退款已于当日到账，用户回复“收到了，谢谢”。短信截图与退款回执均已上传。"),
        decides(150, "approve", "已与用户核实，问题确已解决，处罚撤销。"),
        consumer="纪明烛",
        text="说好二十四小时内退款，现在第五天了。",
        amount="158.00",
    ),
    _forgotten(
        196,
        refunds(108, "20.00", "先退一部分。", reference="RF2026-0303-0417"),
        appeals(111, "我们已经退款了。", picture="chat"),
        decides(149, "reject", "回执金额为 20 元，与用户诉求的 87 元不符，请与用户协商一致后再申诉。"),
        app_id=FRUIT_LIFE,
        consumer="季白",
        text="活动价没生效，多收了钱，要求退款。",
        amount="87.00",
    ),
    _forgotten(
        180,
        refunds(112, "64.00", "已退款。", reference="RF2026-0304-5520"),
        appeals(115, "已退款，凭证见图。", picture="photo"),
        Step(120, "withdraw_appeal"),
        consumer="秦望舒",
        text="少发了一盒，申请退款没有人理。",
        amount="64.00",
    ),
)


def take(complaint: Complaint, step: Step, evidence: tuple[Evidence, ...], *, actor: Actor, now: datetime) -> None:
    """Make one move of an appeal, through its verb; staff claim it before they decide."""
    penalty = Penalty.objects.get(complaint=complaint)
    if step.verb == "appeal":
        given = services.AppealInput(description=step.text, evidence=evidence, proofs=("refund_record",))
        services.submit(penalty.pk, given, actor=actor, now=now)
        return
    appeal = Appeal.objects.filter(penalty=penalty).latest("attempt")
    if step.verb == "withdraw_appeal":
        services.withdraw(appeal.pk, actor=actor, now=now)
        return
    services.claim(appeal.pk, actor=actor, now=now)
    decide = {"approve": services.approve, "reject": services.reject, "ask": services.ask}[step.verb]
    decide(appeal.pk, services.Decision(DECISIONS[step.verb], step.text), actor=actor, now=now)
