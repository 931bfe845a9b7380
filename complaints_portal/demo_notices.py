"""What the demo's members chose to be told, a robot that is switched off, and notices of the demo's past."""

from datetime import datetime, timedelta

from common.actors import Actor
from notifications.bell import mark_read
from notifications.choices import choose
from notifications.models import Kind, Notice, Robot
from notifications.robots import RobotInput, add_robot, switch_robot
from notifications.telling import tell

READ_UNTIL = timedelta(hours=30)
"""What happened longer ago the demo's administrator has read."""


def set_up(administrator: Actor, *, now: datetime) -> None:
    """Let the administrator get one mail a day and sleep at night, and add a robot that is off: nobody is behind it."""
    choose(
        bell_kinds=Kind.values,
        mail="digest",
        mail_kinds=[Kind.DEADLINE, Kind.PENALTY, Kind.RULING, Kind.REFUND, Kind.COMPLAINT],
        digest_hour=9,
        quiet_from=22,
        quiet_to=8,
        actor=administrator,
        now=now,
    )
    given = RobotInput(
        name="客服值班群",
        product=Robot.Product.FEISHU,
        url="https://open.feishu.cn/open-apis/bot/v2/hook/00000000-demo",
        secret="demo",  # noqa: S106 (nobody is behind it)
        kinds=[Kind.DEADLINE, Kind.PENALTY],
        language="zh-hans",
    )
    robot = add_robot(given, actor=administrator, now=now)
    switch_robot(robot.pk, is_on=False, actor=administrator, now=now)


def tell_of_the_past(administrator: Actor, *, now: datetime) -> None:
    """Make the notices of what was seeded, once that is committed, and let the older ones be read."""
    tell(now=now)
    older = Notice.objects.filter(merchant_id=administrator.own_merchant_id, at__lt=now - READ_UNTIL)
    if read := older.order_by("-pk").first():
        mark_read(read.pk, actor=administrator)
