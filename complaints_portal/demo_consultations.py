"""What consumers asked in the demo data, told in hours before now, and how they reach the shops. All is made up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from common.actors import Actor
from complaints.consultations import services
from complaints.consultations.services import Question
from complaints.consumer.links import consumer_of
from complaints.intake import Filing
from complaints.models import Consultation
from complaints_portal.demo_cases import DIGITAL, FRUIT, FRUIT_LIFE, HOME
from complaints_portal.demo_pictures import draw
from evidence.models import Evidence
from evidence.services import keep_pictures
from merchants.contacts import Contact, set_contact
from merchants.models import Grant, MiniProgram, Platform

Member = Callable[[str, Grant], Actor]


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said or done `after` so many hours from the question."""

    after: float
    verb: str
    text: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One question: when it was asked, about what, and what was said since."""

    asked: float
    app_id: str = FRUIT
    text: str
    consumer: str = ""
    trade_no: str = ""
    picture: str = ""
    said: tuple[Said, ...] = field(default=())


TALKS: tuple[Talk, ...] = (
    # Waiting: for days, since this morning, and again after an answer.
    Talk(
        asked=52,
        text="上周五拍的橙子到现在还没有发货，页面一直显示“备货中”。请问今天能发出吗？发哪家快递？",
        consumer="柳知夏",
        trade_no="20260315220077120094",
    ),
    Talk(
        asked=3.5,
        app_id=FRUIT_LIFE,
        text="会员日的满减可以和优惠券一起用吗？",
        consumer="唐霁",
    ),
    Talk(
        asked=30,
        text="收到的梨有两个磕伤了，见照片。可以补发吗？",
        consumer="黎安",
        trade_no="20260314220063580017",
        picture="photo",
        said=(
            Said(2, "reply", "非常抱歉！麻烦告诉我们收货地址后四位门牌号，我们今天补发两个。"),
            Said(27, "ask", "已经告诉客服了，还没看到物流信息，请问补发了吗？"),
        ),
    ),
    # Answered, and closed.
    Talk(
        asked=26,
        text="礼盒可以开发票吗？抬头是公司。",
        consumer="邵文",
        said=(Said(1, "reply", "可以的，在订单详情页点“申请开票”，当天会发到您的邮箱。"),),
    ),
    Talk(
        asked=75,
        text="蓝莓怎么保存能放久一点？",
        said=(
            Said(4, "reply", "收到后不要洗，整盒放冷藏室，三天内吃完口感最好。", picture="photo"),
            Said(5, "close"),
        ),
    ),
    Talk(
        asked=40,
        app_id=DIGITAL,
        text="耳机左耳没有声音，能换一副吗？",
        consumer="高远",
        trade_no="20260314220052220031",
        said=(Said(6, "reply", "请先长按充电盒按键十秒恢复出厂设置，再试一次。"),),
    ),
    Talk(
        asked=12,
        app_id=HOME,
        text="书架有没有 1.2 米宽的？",
    ),
    # Became a complaint.
    Talk(
        asked=60,
        text="订的生日果篮昨天没有送到，电话打不通。请问什么时候送？",
        consumer="叶知秋",
        trade_no="20260312220041870066",
        said=(
            Said(9, "reply", "您好，昨天下雨配送延误，今天上午一定送到。"),
            Said(30, "ask", "今天也没有送到，生日已经过了。"),
            Said(40, "complain", "果篮两天都没有送到，生日已经过了。要求全额退款。"),
        ),
    ),
)
CONTACTS = {
    FRUIT: Contact(phone="0571-8888 1234 转 8", hours="每天 9:00–21:00", url="https://service.example.com/qinghe"),
    DIGITAL: Contact(url="https://service.example.com/lizi"),
    HOME: Contact(phone="95188", hours="工作日 9:00–18:00"),
}
"""The life account has none, so that there is one to add."""


def play(platform: Platform, *, desk: Actor, member: Member, now: datetime) -> None:
    """Ask and answer, by the verbs, each at its moment; `member` finds who may do something for a mini program."""
    programs = {program.app_id: program for program in platform.mini_programs.all()}
    for app_id, contact in CONTACTS.items():
        set_contact(programs[app_id].pk, contact, actor=member(app_id, Grant.SETTINGS), now=now - timedelta(days=20))
    for number, talk in enumerate(TALKS):
        program = programs[talk.app_id]
        asked = _ask(talk, program, number, desk=desk, now=now - timedelta(hours=talk.asked))
        for said in talk.said:
            at = now - timedelta(hours=talk.asked - said.after)
            _say(asked, said, number, member=member(talk.app_id, Grant.HANDLE), now=at)


def _ask(talk: Talk, program: MiniProgram, number: int, *, desk: Actor, now: datetime) -> Consultation:
    question = Question(
        app_id=talk.app_id,
        text=talk.text,
        trade_no=talk.trade_no,
        consumer_name=talk.consumer,
        consumer_phone=f"1990000{7000 + number}" if talk.consumer else "",
        upstream_id=f"ask-{number + 1}",
    )
    pictures = _pictures(talk.picture, program, number, desk, now)
    return services.ask(question, pictures=pictures, platform_id=program.platform_id, actor=desk, now=now).consultation


def _say(asked: Consultation, said: Said, number: int, *, member: Actor, now: datetime) -> None:
    consumer = consumer_of(asked)
    match said.verb:
        case "reply":
            pictures = _pictures(said.picture, asked.mini_program, number, member, now)
            services.reply(asked.pk, said.text, evidence=pictures, actor=member, now=now)
        case "ask":
            services.ask_again(asked.pk, said.text, actor=consumer, now=now)
        case "close":
            services.close(asked.pk, actor=consumer, now=now)
        case _:
            filing = Filing(
                app_id=asked.mini_program.app_id,
                trade_no=asked.trade_no,
                trade_amount=Decimal("228.00"),
                requested_refund_amount=Decimal("228.00"),
                dispute_type="商品未收到",
                demand="退款",
                description=said.text,
                consumer_name=asked.consumer_name,
                consumer_phone=asked.consumer_phone,
            )
            services.complain(asked.pk, filing, actor=consumer, now=now)


def _pictures(kind: str, program: MiniProgram, number: int, actor: Actor, now: datetime) -> list[Evidence]:
    if not kind:
        return []
    whose = {"platform_id": program.platform_id, "merchant_id": program.merchant_id}
    return keep_pictures([draw(kind, 900 + number)], **whose, actor=actor, now=now)
