"""F4, F5, F6: PostgreSQL or Valkey dies, forgets or hangs while the portal works; nobody restarts a worker."""

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis
import urllib3
from django.db import connection
from django.test import Client
from django.utils import timezone

from complaints.models import Complaint, Handling
from complaints.services import confirm
from complaints.tests.calling import COMPLAINTS, merchant_caller
from complaints.tests.factories import consumer_actor, file_at, make_program, make_user
from complaints.tests.pages import make_shop
from complaints_portal.place import place_for
from complaints_portal.servers import Postgres
from deadlines.models import Deadline, SweepRun
from deadlines.tasks import sweep_all
from notifications.models import Event, Notice
from notifications.tasks import tell_members
from tests_faults.conftest import Report, Services
from tests_faults.crew import Crew, landed, last_run, until, until_in_mid_sweep
from tests_faults.crowd import portal, signed_in
from tests_faults.rows import broken, counts, exact, left, make_overdue
from tests_faults.sizes import IS_FULL, size

pytestmark = pytest.mark.django_db(transaction=True)

BITES = 0.9
COMES_BACK_WITHIN = 30
ANSWERS_WITHIN = 1.0
"""What 95 of 100 pages take at most while Valkey is away, in seconds; asserted in the whole sizes only."""


def an_hour_ago():
    return timezone.now() - timedelta(hours=1)


@pytest.fixture
def durable(services: Services) -> Iterator[Services]:
    """A PostgreSQL that keeps its word when it dies, as in production: that of tests trades it for speed."""
    durable = Postgres(place_for(services.postgres.place.data_dir, durable=True))
    durable.stop()  # in order: what this run has committed so far was not promised to last
    durable.start()
    connection.close()
    yield Services(durable, services.valkey)
    durable.stop()
    services.postgres.start()
    connection.close()


def die(postgres: Postgres) -> None:
    """Stop it as `pg_ctl stop -m immediate` does: every session is cut off, nothing is written."""
    number = postgres.find()
    assert number
    os.kill(number, signal.SIGQUIT)
    until(lambda: not postgres.find(), "PostgreSQL is gone")


def test_f4_postgresql_dies_in_mid_sweep_and_the_worker_goes_on(durable: Services, crew: Crew, report: Report) -> None:
    deaths, rows = size(2, 20), size(3_000, 10_000)
    missed, hit, longest = 0, 0, 0.0
    crew.beat()
    crew.beat()
    worker = crew.worker(concurrency=1, batch=5)
    for _death in range(deaths):
        until(lambda: not left(), "what was due before is swept", patience=120)
        before = last_run() - 1  # the run that is under way may take these as well
        make_overdue(rows, due=an_hour_ago())
        missed += rows
        until_in_mid_sweep(before)
        die(durable.postgres)
        durable.postgres.start()
        connection.close()
        hit += landed(before)
        cut_off = last_run()
        again = SweepRun.objects.filter(kind="handle", pk__gt=cut_off)
        longest = max(longest, until(again.exists, "the same worker sweeps again"))
        assert crew.is_alive(worker)
    until(lambda: not left(), "the rest is swept", patience=120)
    assert longest < COMES_BACK_WITHIN
    assert hit >= BITES * deaths
    assert crew.is_alive(worker)
    crew.go_home()
    assert counts() == exact(missed)
    report.survived(
        "F4",
        "PostgreSQL stops at once and starts, in mid-sweep",
        size=f"{deaths} deaths, {missed:,} rows",
        landed=f"{hit} of {deaths}",
        result=f"exact; the same worker after {longest:.1f} s at most",
    )


def test_f4_a_sweep_in_many_transactions_is_left_half_done(durable: Services, crew: Crew, report: Report) -> None:
    """The twin: a transaction for each penalty, and the clocks at the end."""
    rows = 500
    make_overdue(rows, due=an_hour_ago())
    sweep = crew.command("sweep", "handle", careless=True)
    until_in_mid_sweep(0)
    die(durable.postgres)
    durable.postgres.start()
    connection.close()
    assert crew.bury(sweep) != 0
    half_done = counts()["complaints"] + left() - rows
    assert half_done > 0, "the twin must fail, or the test does not bite"
    assert broken()
    report.bitten(
        "F4",
        "a transaction a row, clocks last",
        size=f"1 death, {rows:,} rows",
        damage=f"{half_done} penalised, clock still due",
    )


def forget(services: Services) -> None:
    client = redis.Redis.from_url(services.valkey.url)
    client.flushall()
    client.close()


def restart(services: Services) -> None:
    services.valkey.stop()
    services.valkey.start()


def hang(services: Services) -> None:
    number = services.valkey.find()
    assert number
    os.kill(number, signal.SIGSTOP)
    time.sleep(size(2, 30))  # the fault itself is that it lasts
    os.kill(number, signal.SIGCONT)


@pytest.mark.parametrize(("what", "fault"), [("FLUSHALL", forget), ("restart", restart), ("SIGSTOP", hang)])
def test_f5_valkey_fails_in_mid_sweep(
    crew: Crew, services: Services, report: Report, what: str, fault: Callable[[Services], None]
) -> None:
    times, rows = size(1, 20 if fault is not hang else 3), size(3_000, 5_000)
    missed, hit, longest = 0, 0, 0.0
    crew.beat()
    crew.beat()
    worker = crew.worker(concurrency=1, batch=5)
    for _time in range(times):
        until(lambda: not left(), "what was due before is swept", patience=120)
        before = last_run() - 1  # the run that is under way may take these as well
        make_overdue(rows, due=an_hour_ago())
        missed += rows
        until_in_mid_sweep(before)
        hit += landed(before)
        fault(services)
        make_overdue(100, due=an_hour_ago())
        missed += 100
        longest = max(longest, until(lambda: not left(), "all of it is swept", patience=120))
        assert crew.is_alive(worker)
    assert hit >= BITES * times
    crew.go_home()
    assert counts() == exact(missed)
    report.survived(
        "F5",
        f"Valkey in mid-sweep: {what}",
        size=f"{times} x, {missed:,} rows",
        landed=f"{hit} of {times}",
        result=f"exact; all swept {longest:.1f} s later at most, no restart",
    )


def test_f5_what_only_the_broker_knows_is_forgotten(crew: Crew, services: Services, report: Report) -> None:
    """The twin: the sweep is woken by a message that was sent once, not by who looks into the database each minute."""
    rows, due = 100, an_hour_ago()
    make_overdue(rows, due=due)
    sweep_all.delay()
    forget(services)
    file_at(timezone.now(), make_program())
    tell_members.delay()
    crew.worker(concurrency=1)
    until(Notice.objects.exists, "a message that was sent later is worked on")
    lost = Deadline.objects.filter(kind="handle", due_at__lte=due).count()
    assert lost == rows
    assert not SweepRun.objects.exists()
    report.bitten("F5", "one message for what is due", size=f"{rows} rows", damage=f"{lost} never penalised")


@pytest.fixture(scope="module")
def web(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The address of a real web server on this test's database."""
    with django_db_blocker.unblock(), portal() as address:
        yield address


def seconds(address: str, pages: dict[str, str], number: int) -> list[float]:
    """Ask for each page so often, and return how long each answer took."""
    pool, taken = urllib3.PoolManager(retries=False, timeout=60), []
    for _time in range(number):
        for page, cookie in pages.items():
            began = time.perf_counter()
            answer = pool.request("GET", address + page, headers={"Cookie": cookie}, redirect=False)
            taken.append(time.perf_counter() - began)
            assert answer.status == 200, f"{page}: {answer.status}"
    return taken


def test_f5_pages_stay_quick_while_valkey_is_away(web: str, services: Services, report: Report) -> None:
    shop, number = make_shop("Tea House"), size(4, 100)
    complaint = shop.files(timezone.now().isoformat())
    of_the_shop = ("/", "/complaints/", f"/complaints/{complaint.complaint_no}/", "/violations/")
    pages = dict.fromkeys(of_the_shop, signed_in(shop.administrator))
    pages["/admin/"] = signed_in(make_user("root", is_staff=True, is_superuser=True))  # which keeps numbers in Valkey
    seconds(web, pages, 2)  # warm
    taken = {"there": seconds(web, pages, number)}
    process = services.valkey.find()
    assert process
    os.kill(process, signal.SIGSTOP)
    try:
        taken["hanging"] = seconds(web, pages, number)
    finally:
        os.kill(process, signal.SIGCONT)
    services.valkey.stop()
    taken["down"] = seconds(web, pages, number)
    services.valkey.start()
    told = []
    for state, each in taken.items():
        p95 = sorted(each)[int(0.95 * len(each))]
        told.append(f"{state} {1000 * statistics.median(each):.0f}/{1000 * p95:.0f} ms")
        if IS_FULL:
            assert p95 < ANSWERS_WITHIN, f"Valkey {state}: 95 of 100 pages within {p95:.2f} s"
    report.survived(
        "F5",
        "pages while Valkey hangs, and while it is down",
        size=f"{number} x {len(pages)} pages",
        landed="all answered 200",
        result="median/p95 " + ", ".join(told),
    )


def test_f5_a_client_that_waits_for_valkey_holds_pages(services: Services, report: Report, settings: Any) -> None:
    """The twin: the cache's client has no limit of time, as redis-py has none by itself."""
    client, answered = Client(), threading.Event()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    client.get("/admin/")

    def ask() -> int:
        try:
            status = client.get("/admin/").status_code
            answered.set()
            return status
        finally:
            connection.close()

    process = services.valkey.find()
    assert process
    with ThreadPoolExecutor(1) as thread:
        os.kill(process, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert client.get("/admin/").status_code == 200  # with the limit
            took = time.monotonic() - began
            plain = "django.core.cache.backends.redis.RedisCache"
            settings.CACHES = {"default": {**settings.CACHES["default"], "BACKEND": plain, "OPTIONS": {}}}
            asked = thread.submit(ask)
            patience = 1.0 + 1.5 * took
            is_held = not answered.wait(patience)
        finally:
            os.kill(process, signal.SIGCONT)
        assert asked.result(60) == 200
    assert is_held, "the twin must be held, or the test does not bite"
    damage = f"no answer in {patience:.1f} s, until it came back; with a limit {took:.1f} s"
    report.bitten("F5", "no limit of time for the cache", size="1 page", damage=damage)


def test_f6_who_tells_within_the_request_refuses_the_reply(
    services: Services, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the queue is asked in the request, instead of an event that stands in the database."""
    program, number = make_program(), 3
    caller = merchant_caller(program.merchant)
    complaints = [file_at(timezone.now(), program).complaint_no for _number in range(number)]
    monkeypatch.setattr("complaints.services.emit", lambda *_given, **_named: tell_members.apply_async(retry=False))
    services.valkey.stop()
    reply = {"method": "other_refund", "refund_amount": "1.00", "refund_reference": "R-1"}
    answers = [caller.post(f"{COMPLAINTS}{complaint_no}/handle/", reply).status_code for complaint_no in complaints]
    assert answers == [500] * number
    assert not Handling.objects.exists()
    report.bitten("F6", "told by the request", size=f"{number} replies", damage=f"{number} x 500, no reply taken")


def test_f6_merchants_reply_while_valkey_is_down_and_members_are_told_afterwards(
    web: str, crew: Crew, services: Services, report: Report
) -> None:
    number = size(20, 1_000)
    program = make_program()
    key = merchant_caller(program.merchant).text
    complaints = [file_at(timezone.now(), program).complaint_no for _number in range(number)]
    crew.worker(concurrency=1)
    crew.beat(every=0.5)
    until(lambda: Notice.objects.filter(name="complaint.filed").count() == number, "members are told as usual")
    read = Event.objects.latest("pk").pk
    services.valkey.stop()
    pool = urllib3.PoolManager(retries=False, timeout=60, maxsize=4)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def reply(complaint_no: str) -> int:
        document = b'{"method": "other_refund", "refund_amount": "1.00", "refund_reference": "R-1"}'
        began = time.perf_counter()
        address = f"{web}{COMPLAINTS}{complaint_no}/handle/"
        answer = pool.request("POST", address, body=document, headers=headers)
        taken.append(time.perf_counter() - began)
        return answer.status

    taken: list[float] = []
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(reply, complaints))
    assert set(answers) == {200}
    assert Handling.objects.filter(in_time=True).count() == number
    assert Event.objects.filter(name="complaint.handled").count() == number
    for complaint in Complaint.objects.all():  # members are told of what consumers do, not of what they did themselves
        confirm(complaint.pk, actor=consumer_actor(complaint), now=timezone.now())
    told_before = Notice.objects.filter(event_id__gt=read).count()
    assert told_before == 0, "somebody was told without a queue, so the fault did not land"
    services.valkey.start()
    told = Notice.objects.filter(event_id__gt=read, name="complaint.confirmed")
    took = until(lambda: told.count() == number, "members are told of each answer", patience=60)
    crew.go_home()
    assert Complaint.objects.filter(status="finished").count() == number
    assert Notice.objects.values("event_id").distinct().count() == Notice.objects.count()
    report.survived(
        "F6",
        "Valkey is down while merchants reply",
        size=f"{number:,} replies, {number:,} answers",
        landed="no notice meanwhile",
        result=f"{number:,} x 200, each told, {took:.1f} s after; median {1000 * statistics.median(taken):.0f} ms",
    )
