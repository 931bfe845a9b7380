"""Every address of the portal, with every kind of caller, answers as the table in `doors_table.py` says.

An address that is missing in the table fails, and so does one that the table has and the portal has not. After each
refusal every table of the database is the same to the letter. Each request is undone before the next one.
"""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from appeals.services import AppealInput, submit
from common.actors import Actor, ActorKind
from complaints.consumer.links import token_of as consumers_token_of
from complaints.models import BulkRun, CannedReply, Complaint, Export, Method, SavedView
from complaints.tests.consumers import asked_at
from complaints.tests.factories import (
    file_at,
    handle_at,
    make_member,
    make_merchant,
    make_picture,
    make_platform,
    make_program,
    make_user,
    member_actor,
    platform_actor,
)
from complaints_portal.demo_pictures import draw
from complaints_portal.tests.doors_table import ADMIN_CALLERS, CALLERS, expected
from complaints_portal.tests.walking import Door, doors
from deadlines.control import set_mode
from deadlines.models import Extended, Extension, PolicyChange, SweepAlarm
from deadlines.sweeping import run_sweep
from deadlines.tests.ops import ops
from evidence.models import Evidence
from evidence.services import keep_pictures
from merchants.authentication import new_api_key
from merchants.models import Grant, Invitation, Merchant, User
from merchants.team import ask_access, invite, token_of
from notifications.feeds import link_of, make_link
from notifications.models import Robot
from penalties.models import Amnesty, Penalty
from refunds.models import NoRefundClaim, TopUp
from refunds.tests.making import case_at, fund_at, refund_at

FILED = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
SIGN_IN = ("/accounts/login/?next=", "/admin/login/?next=")
BACKEND = "merchants.backends.PeopleBackend"
REFUND = {"method": "other_refund", "refund_amount": "128.00", "refund_reference": "R-1"}
ROBOT = {"name": "New", "product": "feishu", "url": "https://open.feishu.cn/x", "kinds": ["penalty"], "language": "en"}
BODIES: dict[str, dict[str, Any]] = {
    "complaints:handle": REFUND,
    "complaints:leave_message": {"text": "On its way."},
    "complaints:note": {"text": "He called."},
    "complaints:draft": {"form": "note", "text": "He called."},
    "complaints:canned_new": {"title": "On its way", "text": "Dear {consumer}, it is on its way."},
    "complaints:canned_change": {"title": "Sorry", "text": "Dear {consumer}, we are sorry."},
    "complaints:exports": {"query": "status=all", "format": "csv"},
    "complaints:view_save": {"name": "Late tea", "query": "due=overdue"},
    "consultations:reply": {"text": "On its way."},
    "settings:contact": {"phone": "95188"},
    "consumer:say": {"text": "Nothing came."},
    "consumer:contest": {"text": "Nothing came."},
    "consumer:contact": {"kind": "ask", "text": "Is it in stock?", "visitor": "0" * 32},
    "members:invite": {"email": "somebody@example.com", "grants": ["view"], "language": "en"},
    "members:ask": {"grant": "refund"},
    "members:decide": {"answer": "grant"},
    "notices:read": {"up_to": "0"},
    "settings:notices": {"mail": "none", "digest_hour": "9"},
    "settings:calendar_link": {"do": "make"},
    "settings:robot_new": ROBOT,
    "settings:robot": ROBOT,
    "settings:robot_do": {"do": "off"},
    "set_theme": {"theme": "dark"},
    "set_language": {"language": "en"},
    "api:handle": REFUND,
    "api:messages": {"text": "On its way."},
    "api:contest": {"reason": "Nothing came."},
    "api:cancel": {"reason": "Settled."},
    "api:close": {"reason": "Twice the same."},
    "appeals:supplement": {"supplement": "More."},
    "api:submit_appeal": {"description": "Solved."},
    "api:supplement": {"supplement": "More."},
    "api:consultation_reply": {"text": "On its way."},
    "api:consultation_ask": {"text": "Since when?"},
    "api:consultation_complain": {
        "trade_no": "1",
        "trade_amount": "9.00",
        "dispute_type": "not delivered",
        "description": "Nothing came.",
    },
}
"""What a POST says where it must be complete for the refusal to be about the caller."""

ANYTHING = {
    "id": "1",
    "content_type_id": "1",
    "object_id": "0",
    "app_label": "complaints/",
    "key": "confirm-email/nothing/",
    "uidb36": "password/reset/key/1-nothing/",
    "url": "no/such/page/",
    "anything": "v1/no-such-thing/",
    "verb": "approve",
    "picture": "nothing",
    "visitor": "0" * 32,
    "part": "week",
}

VERBS_OF = {"admin:refunds_norefundclaim_act": "accept"}
"""What a desk is asked to do, where it is not to approve."""

OURS = ("appeals", "penalties", "refunds", "complaints", "deadlines", "evidence", "notifications", "merchants")

LEFT_OUT = {"auth_permission", "django_content_type", "django_session"}
"""The first two are written by migrations only and are the longest; a session may note where a person was going."""


class World:
    """Merchant A with a complaint that waits, merchant B beside it, and everybody who may knock."""

    def __init__(self) -> None:
        platform = make_platform()
        self.a, self.b = make_merchant("A", platform=platform), make_merchant("B", platform=platform)
        self.program = make_program(merchant=self.a)
        self.complaint = file_at(FILED, self.program)
        missed = [file_at(FILED - timedelta(days=days), self.program) for days in (5, 6)]
        run_sweep("handle", cut_off=FILED, issued_at=FILED, ran_by="test")
        self.penalty, appealed = (Penalty.objects.get(complaint=complaint) for complaint in missed)
        self.appeal = submit(
            appealed.pk,
            AppealInput(description="Solved.", evidence=[make_picture(self.a)], knowingly=True),
            actor=member_actor(self.a),
            now=FILED,
        )
        fund_at(FILED, self.a, "100.00")
        self.case = case_at(FILED.isoformat(), program=self.program)
        refund = refund_at(FILED.isoformat(), self.case, "1.00")
        claimed = file_at(FILED, self.program)
        handle_at(FILED, claimed, Method.SHIPPED)
        (self.picture,) = keep_pictures(
            [draw("receipt", 1)],
            platform_id=platform.pk,
            merchant_id=self.a.pk,
            actor=platform_actor(platform),
            now=FILED,
        )
        self.consultation = asked_at(FILED.isoformat(), self.program)
        let_ops_leave_a_row_of_each(self.complaint)
        self.invitation = invite_to(self.a)
        view = SavedView.objects.create(merchant=self.a, name="Ours", changed_by="A", changed_at=FILED)
        people = {
            "viewer": make_member(self.a, Grant.VIEW),
            "handler": make_member(self.a, Grant.VIEW, Grant.HANDLE),
            "newcomer": make_member(self.a),
            "neighbour": make_member(self.b, is_administrator=True),
            "staff": make_user(is_staff=True),
            "superuser": make_user(is_staff=True, is_superuser=True),
            "auditor": make_user(is_staff=True),
        }
        people["auditor"].groups.add(Group.objects.get(name="auditor"))
        newcomer = Actor(kind=ActorKind.MEMBER, name="newcomer", id=people["newcomer"].pk, merchant_id=self.a.pk)
        asked = ask_access(self.a.pk, Grant.VIEW, actor=newcomer, now=FILED)
        canned = CannedReply.objects.create(
            merchant=self.a, title="Sorry", text="So.", changed_by="A", changed_at=FILED
        )
        run = BulkRun.objects.create(
            merchant=self.a,
            user=people["handler"],
            key="a" * 32,
            wish={"action": "reply", "assignee": None},
            started_at=FILED,
        )
        export = Export.objects.create(
            merchant=self.a, user=people["viewer"], format="csv", language="en", asked_at=FILED
        )
        viewer = people["viewer"]
        calendar = make_link(
            actor=Actor(kind=ActorKind.MEMBER, name="viewer", id=viewer.pk, merchant_id=self.a.pk),
        )
        robot = Robot.objects.create(
            merchant=self.a, name="Desk", url=str(ROBOT["url"]), language="en", changed_by="x", changed_at=FILED
        )
        self.cookies = {name: session_of(user) for name, user in people.items()}
        keys: dict[str, dict[str, Any]] = {
            "platform_key": {"platform": platform},
            "key_a": {"platform": platform, "merchant": self.a},
            "key_b": {"platform": platform, "merchant": self.b},
            "foreign_key": {"platform": make_platform()},
        }
        self.keys = {name: new_api_key(name, **whose, now=FILED)[1] for name, whose in keys.items()}
        self.values = {
            **ANYTHING,
            "complaint_no": self.complaint.complaint_no,
            "token": self.picture.token,
            "penalty_no": self.penalty.penalty_no,
            "appeal_id": str(self.appeal.pk),
            "complaint_id": str(self.complaint.pk),
            "penalty_id": str(self.penalty.pk),
            "case_no": self.case.case_no,
            "refund_no": refund.refund_no,
            "refund_id": str(refund.pk),
            "top_up_id": str(TopUp.objects.get(account__merchant=self.a).pk),
            "claim_id": str(NoRefundClaim.objects.get(complaint=claimed).pk),
            "number": TopUp.objects.get(account__merchant=self.a).number,
            "run_id": str(self.penalty.sweep_run_id),
            "member_id": str(people["handler"].memberships.get().pk),
            "invitation_id": str(self.invitation.pk),
            "request_id": str(asked.pk),
            "invitation_token": token_of(self.invitation),
            "view_id": str(view.pk),
            "export_id": str(export.pk),
            "canned_id": str(canned.pk),
            "run_key": run.key,
            "robot_id": str(robot.pk),
            "feed_token": link_of(calendar).rpartition("/")[2].removesuffix(".ics"),
            "consultation_no": self.consultation.consultation_no,
            "consumer_token": consumers_token_of(self.complaint, now=timezone.now()),
            "platform": platform.code,
            "app_id": self.program.app_id,
            "program_id": str(self.program.pk),
            "kind": "handle",
            "extension_id": str(Extension.objects.get().pk),
            "amnesty_id": str(Amnesty.objects.get().pk),
        }
        cache.clear()  # what other tests have counted of this address
        self.client = Client(raise_request_exception=False)  # one for all: to make one costs more than a request
        self.rows: dict[tuple[str, str], str | None] = {}
        self.before, self.written = contents(), rows_written()
        self.has_changed = False

    def ask(self, caller: str, method: str, door: Door, given: dict[str, str] | None = None) -> str:
        """Knock once as this caller and return the status, or `login` where one is asked to sign in.

        `given` stands in place of what is sent otherwise. A refusal must have changed nothing; whatever else was
        changed is undone, and `has_changed` says that there was something.
        """
        client = self.client
        client.cookies.clear()
        headers = {"accept-language": "en"}
        if caller in self.cookies:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.cookies[caller]
        if caller in self.keys:
            headers["authorization"] = f"Bearer {self.keys[caller]}"
        body = {} if method == "GET" else self.body(door) if given is None else {"data": given}
        with transaction.atomic():
            ask = client.get if method == "GET" else client.post
            response = ask(door.address(self.values_of(door)), headers=headers, **body)
            sent_to = response.headers.get("Location", "")
            answer = "login" if sent_to.startswith(SIGN_IN) else str(response.status_code)
            written, self.written = self.written, rows_written()
            self.has_changed = self.written != written and contents() != self.before
            if answer == "login" or response.status_code >= 400:
                assert not self.has_changed, f"{caller} was refused {method} {door.name}, and something changed"
            if response.streaming:
                response.getvalue()  # closes the file
            transaction.set_rollback(True)
        return answer

    def values_of(self, door: Door) -> dict[str, str]:
        """Return what fills the path: the case of merchant A, or in admin the first row of the model."""
        if not door.model:
            return self.values
        if door.model not in self.rows:  # once for all callers: what a request changes is undone
            self.rows[door.model] = first_of(door.model)
        if (row := self.rows[door.model]) is None:
            return self.values
        return {**self.values, "verb": VERBS_OF.get(door.name, ANYTHING["verb"]), "object_id": row, "id": row}

    def body(self, door: Door) -> dict[str, Any]:
        if door.name == "api:complaints":
            given = {"app_id": self.program.app_id, "trade_no": "1", "trade_amount": "9.00"}
            given |= {"dispute_type": "not delivered", "description": "Nothing came."}
        elif door.name == "api:consultations":
            given = {"app_id": self.program.app_id, "text": "Is it in stock?"}
        else:
            given = BODIES.get(door.name, {})
        if door.name == "complaints:assign":
            given = {"one": self.complaint.complaint_no, "assignee": "me"}
        if door.name in ("complaints:bulk", "complaints:bulk_do"):
            given = {"chosen": self.complaint.complaint_no, "do": "assign", "to": "nobody"}
        if door.name == "switch_merchant":
            given = {"merchant": str(self.a.pk)}
        if door.name == "api:bulk":
            return {"data": json.dumps(BODIES), "content_type": "application/x-ndjson"}
        if door.name.startswith("api:"):
            return {"data": json.dumps(given), "content_type": "application/json"}
        return {"data": given}


def let_ops_leave_a_row_of_each(complaint: Complaint) -> None:
    """Let there be one of everything that ops do, without moving or forgiving anything."""
    wang = ops()
    set_mode("finish", "run", reason="As it was.", actor=wang, now=FILED)
    both = {"reason": "Away.", "counted": 0, "status": "declined", "proposed_by_id": wang.id, "proposed_at": FILED}
    span = {"missed_from": FILED - timedelta(hours=1), "missed_to": FILED}
    Amnesty.objects.create(**both, **span, kinds=["complaint_timeout"])
    extension = Extension.objects.create(**both, began_at=FILED - timedelta(hours=1), ended_at=FILED, kinds=["handle"])
    moments = {"due_before": complaint.handle_by, "due_after": complaint.handle_by}
    Extended.objects.create(
        extension=extension, kind="handle", subject_id=complaint.pk, complaint_id=complaint.pk, **moments
    )
    PolicyChange.objects.create(since=FILED, recorded_by="beat", recorded_at=FILED)
    SweepAlarm.objects.create(kind="handle", why="silent", began_at=FILED, told_at=FILED, ended_at=FILED)


def invite_to(merchant: Merchant) -> Invitation:
    """Let an account administrator of this merchant invite somebody."""
    who = make_member(merchant, is_administrator=True)
    actor = Actor(
        kind=ActorKind.MEMBER, name=str(who), id=who.pk, merchant_id=merchant.pk, grants=frozenset(Grant.values)
    )
    return invite(merchant.pk, "invited@example.com", grants=[Grant.VIEW], language="en", actor=actor, now=FILED)


def first_of(model: tuple[str, str]) -> str | None:
    """Return the key of the first row of a model, as an address says it; None when there is no row."""
    row = apps.get_model(*model).objects.order_by("pk").first()
    return str(row.pk) if row else None


def session_of(user: User) -> str:
    """Sign a person in and return their cookie."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def rows_written() -> int:
    """Return how many rows this transaction wrote, also those that it took back; costs little."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables")
        return int(cursor.fetchone()[0])


def contents() -> tuple[tuple[str, str], ...]:
    """Return a fingerprint of each table, so that a row that was added, changed or removed shows."""
    tables = sorted({each._meta.db_table for each in apps.get_models(include_auto_created=True)} - LEFT_OUT)
    prints = ", ".join(f"(SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t)" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {prints}")
        return tuple(zip(tables, cursor.fetchone(), strict=True))


@pytest.fixture(autouse=True)
def _quiet():
    """Thousands of requests; nobody reads their lines."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def world(db) -> World:
    return World()


def test_the_table_names_every_address_and_no_other():
    assert [door.name for door in doors()] == list(dict.fromkeys(door.name for door in doors())), "a name stands twice"
    assert {door.name for door in doors()} == set(expected())


def test_a_hole_would_show(world, monkeypatch):
    monkeypatch.setattr("evidence.views.visible_to", lambda actor: Evidence.objects.all())
    (door,) = (door for door in doors() if door.name == "evidence:show")
    assert expected()["evidence:show"]["GET", "neighbour"] == "404"
    assert world.ask("neighbour", "GET", door) == "200"


def test_a_refusal_that_changes_something_would_show(world, monkeypatch):
    (door,) = (door for door in doors() if door.name == "evidence:show")
    assert world.ask("neighbour", "GET", door) == "404"
    monkeypatch.setattr("evidence.views.visible_to", lambda actor: spoil())
    with pytest.raises(AssertionError, match="something changed"):
        world.ask("neighbour", "GET", door)


def spoil():
    """Write into a row, and show nothing."""
    Evidence.objects.update(name="spoilt.jpg")
    return Evidence.objects.none()


WHOLE = {"reason": "Because.", "reason_code": "solved", "message": "Because.", "confirm": "1", "post": "yes"}
"""What the forms of admin ask for, so that nobody is refused for leaving something out."""


def test_an_auditor_reads_every_page_of_ours_in_admin_and_changes_nothing(world):
    read, refused = set(), set()
    for door in doors():
        if not door.model:
            continue
        for method, given in (("GET", None), ("POST", {}), ("POST", WHOLE)):
            answer = world.ask("auditor", method, door, given)
            assert not world.has_changed, f"an auditor changed something by {method} {door.name}"
            if method == "GET" and answer == "200":
                read.add(door.name)
            if given is WHOLE and answer == "403":
                refused.add(door.name)
    ours = {"_".join(door.model) for door in doors() if door.model and door.model[0] in OURS}
    assert len(ours) >= 15
    assert {f"admin:{name}_{page}" for name in ours for page in ("changelist", "change", "history")} <= read
    moves = {"penalties_penalty_revoke", "penalties_penalty_reinstate", "penalties_penalty_revoke_run"}
    moves |= {"appeals_appeal_act", "refunds_norefundclaim_act", "deadlines_workday_import"}
    # Whoever may see sweep runs may open the forms of their desk, and read there why nothing can be sent.
    of_ops = {"control", "dry_run", "extension_new", "extension_act", "amnesty_new", "amnesty_act"}
    desk = {"desk", "run", "extensions", "extension", "amnesties", "amnesty", "policy", "what_if"}
    assert {f"admin:deadlines_sweeprun_{page}" for page in desk} <= read
    desks = {"appeals_appeal_change", "refunds_norefundclaim_change"}  # the desk of a review only shows, however asked
    changes = {f"{name}_{page}" for name in ours for page in ("add", "delete", "change")} - desks
    assert {f"admin:{name}" for name in changes | moves} <= refused
    assert {f"admin:deadlines_sweeprun_{page}" for page in of_ops} <= refused
    assert not {name for name in read if name.removeprefix("admin:") in moves}


@pytest.mark.parametrize("caller", CALLERS)
def test_every_door_answers_this_caller_as_the_table_says(world, caller):
    table = expected()
    wrong = []
    for door in doors():
        if door.model and caller not in ADMIN_CALLERS:
            continue
        for method in ("GET", "POST"):
            answer, wanted = world.ask(caller, method, door), table.get(door.name, {}).get((method, caller))
            if answer != wanted:
                wrong.append(f"{method} {door.name}: {answer}, the table says {wanted}")
    assert not wrong, "\n".join(wrong)
