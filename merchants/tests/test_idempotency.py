"""One idempotency key, one effect: in sequence, in parallel, after a refusal, and when something breaks in between."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from complaints.models import Complaint, HistoryLine
from complaints.tests.calling import COMPLAINTS, Caller, merchant_caller, platform_caller, sent
from complaints.tests.factories import file_at, make_platform, make_program, moment
from deadlines.models import Deadline
from merchants import idempotency
from merchants.authentication import new_api_key
from merchants.idempotency import Answer, answer_once, fingerprint, forget_old, read_key
from merchants.models import ApiKey, IdempotentRequest, MiniProgram
from merchants.tasks import forget_idempotent_requests
from notifications.models import Event as PortalEvent

NOW = moment("2026-11-20T02:00Z")


@pytest.fixture
def program(db: None) -> MiniProgram:
    return make_program("2021001")


@pytest.fixture
def platform(program: MiniProgram) -> Caller:
    return platform_caller(program.platform)


@pytest.fixture
def api_key(db: None) -> ApiKey:
    key, _text = new_api_key("intake", platform=make_platform(), now=NOW)
    return key


class TestKey:
    @pytest.mark.parametrize("key", ["a", "8e03978e-40d5-43e8-bc93-6894a57f9324", "x" * 255, "a:b/c+d=e"])
    def test_visible_ascii_is_a_key_quoted_or_bare(self, key):
        assert read_key(key) == read_key(f'"{key}"') == key

    @pytest.mark.parametrize("key", ["", '""', "x" * 256, "a b", "a\tb", "钥匙", "a\x00b", " a"])
    def test_anything_else_is_refused_before_something_is_done(self, key, platform, program):
        header = key if key.isascii() else key.encode().decode("latin-1")  # as a server hands it over

        answer = platform.file(sent(program), key=header)

        assert answer.status_code == 400
        assert answer.json()["code"] == "idempotency_key_invalid"
        assert answer.json()["errors"][0]["header"] == "Idempotency-Key"
        assert not Complaint.objects.exists()

    def test_without_a_key_each_request_takes_effect(self, platform, program):
        assert [platform.file(sent(program)).status_code for _ in range(2)] == [201, 201]
        assert Complaint.objects.count() == 2
        assert not IdempotentRequest.objects.exists()


class TestReplay:
    def test_the_same_request_gets_the_first_answer_again(self, platform, program):
        first = platform.file(sent(program), key="K-1")
        second = platform.file(sent(program), key="K-1")
        quoted = platform.file(sent(program), key='"K-1"')

        assert first.status_code == second.status_code == quoted.status_code == 201
        assert first.content == second.content == quoted.content
        assert first["Location"] == second["Location"]
        assert "Idempotent-Replayed" not in first
        assert second["Idempotent-Replayed"] == quoted["Idempotent-Replayed"] == "true"
        assert Complaint.objects.count() == HistoryLine.objects.count() == Deadline.objects.count() == 1

    def test_the_answer_is_the_first_one_also_when_the_complaint_has_moved_on(self, platform, program):
        first = platform.file(sent(program), key="K-1")
        platform.post(first["Location"] + "cancel/", {"reason": "mistake"})

        assert platform.file(sent(program), key="K-1").json()["status"] == "pending"

    def test_a_move_is_made_once(self, program):
        shop = merchant_caller(program.merchant)
        complaint = file_at("2026-11-20T02:00Z", program)
        path = f"{COMPLAINTS}{complaint.complaint_no}/messages/"

        answers = [shop.post(path, {"text": "hello"}, key="K-1") for _ in range(3)]

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert complaint.messages.count() == 1

    def test_another_body_is_refused_and_changes_nothing(self, platform, program):
        platform.file(sent(program), key="K-1")

        answer = platform.file(sent(program, description="other"), key="K-1")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert answer["Content-Type"] == "application/problem+json"
        assert Complaint.objects.count() == 1

    def test_the_same_body_at_another_address_is_refused(self, platform, program):
        paths = [f"{COMPLAINTS}{file_at('2026-11-20T02:00Z', program).complaint_no}/cancel/" for _ in range(2)]

        answers = [platform.post(path, {"reason": "mistake"}, key="K-1") for path in paths]

        assert [answer.status_code for answer in answers] == [200, 422]
        assert Complaint.objects.filter(status="cancelled").count() == 1

    def test_each_api_key_has_its_own_idempotency_keys(self, program):
        callers = [platform_caller(program.platform) for _ in range(2)]

        assert [caller.file(sent(program), key="K-1").status_code for caller in callers] == [201, 201]
        assert Complaint.objects.count() == 2

    def test_a_key_that_was_revoked_gets_no_replay(self, platform, program):
        platform.file(sent(program), key="K-1")
        ApiKey.objects.update(revoked_at=NOW)

        assert platform.file(sent(program), key="K-1").status_code == 401


class TestRefusal:
    def test_a_refusal_does_not_use_the_key_up(self, platform, program):
        assert platform.file(sent(program, trade_amount="-1"), key="K-1").status_code == 400
        assert not IdempotentRequest.objects.exists()
        assert platform.file(sent(program), key="K-1").status_code == 201

    def test_a_refusal_by_the_verb_leaves_nothing_either(self, platform, program):
        assert platform.file(sent(program, app_id="nobody"), key="K-1").status_code == 400
        assert not IdempotentRequest.objects.exists()
        assert platform.file(sent(program), key="K-1").status_code == 201

    def test_a_request_without_a_good_key_of_its_own_is_refused_first(self, program):
        assert Caller("cpk_unknown_secret").file(sent(program), key="K-1").status_code == 401
        assert not IdempotentRequest.objects.exists()


class TestExpiry:
    def test_a_key_is_forgotten_after_24_hours_to_the_microsecond_whether_or_not_a_task_ran(self, api_key):
        def answer(at: str) -> int:
            mark = fingerprint("POST", "/", at.encode())
            act = lambda: Answer(201, at)  # noqa: E731 (a verb in one word)
            return answer_once(act, key="K", fingerprint=mark, api_key_id=api_key.pk, now=moment(at)).status

        assert answer("2026-11-20T02:00Z") == 201
        with pytest.raises(idempotency.OtherRequest):
            answer("2026-11-21T01:59:59.999999Z")
        assert answer("2026-11-21T02:00Z") == 201
        assert IdempotentRequest.objects.get().created_at == moment("2026-11-21T02:00Z")

    def test_old_ones_are_deleted_in_batches_and_young_ones_stay(self, api_key):
        for number in range(7):
            IdempotentRequest.objects.create(
                api_key=api_key, key=f"K-{number}", fingerprint="", created_at=NOW - timedelta(hours=20 + number)
            )

        assert forget_old(now=NOW, batch=2) == 2
        assert forget_old(now=NOW, batch=2) == 1
        assert forget_old(now=NOW, batch=2) == 0
        assert sorted(IdempotentRequest.objects.values_list("key", flat=True)) == ["K-0", "K-1", "K-2", "K-3"]

    def test_the_task_goes_on_until_nothing_old_is_left(self, api_key, monkeypatch):
        monkeypatch.setattr("merchants.tasks.BATCH", 2)
        for number in range(5):
            IdempotentRequest.objects.create(api_key=api_key, key=f"K-{number}", fingerprint="", created_at=NOW)

        with pytest.MonkeyPatch.context() as clock:
            clock.setattr("merchants.tasks.timezone.now", lambda: NOW + timedelta(days=2))
            forget_idempotent_requests()

        assert not IdempotentRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestBreaking:
    """Something breaks after the effect and before the answer: neither stays."""

    @pytest.mark.parametrize("key", [None, "K-1"])
    def test_a_crash_after_the_effect_leaves_nothing(self, platform, program, monkeypatch, key):
        def crash(*args: Any) -> None:
            assert Complaint.objects.count() == 1, "the crash must come after the effect"
            raise RuntimeError("secret inside")

        with monkeypatch.context() as broken:
            broken.setattr("complaints.api.complaint_document", crash)
            answer = platform.file(sent(program), key=key)

        assert answer.status_code == 500
        assert not Complaint.objects.exists()
        assert not IdempotentRequest.objects.exists()
        assert not Deadline.objects.exists()
        assert not PortalEvent.objects.exists()
        assert platform.file(sent(program), key=key).status_code == 201

    def test_an_answer_that_cannot_be_kept_takes_its_effect_with_it(self, platform, program, monkeypatch):
        with monkeypatch.context() as broken:
            broken.setattr("merchants.api.JsonRenderer.render", lambda *args: b"no json")
            assert platform.file(sent(program), key="K-1").status_code == 500

        assert not Complaint.objects.exists()
        assert not IdempotentRequest.objects.exists()


def on_own_connection(call: Any) -> Any:
    """Make a call in a thread, and leave no connection behind."""
    try:
        return call()
    finally:
        connection.close()


def in_parallel(number: int, call: Any) -> list[Any]:
    """Run a call in so many threads at once, each on a connection of its own."""
    together = Barrier(number)

    def run(index: int) -> Any:
        together.wait(timeout=30)
        return on_own_connection(lambda: call(index))

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


@pytest.mark.django_db(transaction=True)
class TestInParallel:
    def test_twenty_identical_requests_at_once_file_one_complaint(self, program):
        text = platform_caller(program.platform).text
        callers = [Caller(text, client=Client()) for _ in range(20)]

        answers = in_parallel(20, lambda index: callers[index].file(sent(program), key="K-1"))

        assert Complaint.objects.count() == 1
        assert Deadline.objects.count() == HistoryLine.objects.count() == PortalEvent.objects.count() == 1
        assert {answer.status_code for answer in answers} <= {201, 409}
        originals = [a for a in answers if a.status_code == 201 and "Idempotent-Replayed" not in a]
        replays = [a for a in answers if "Idempotent-Replayed" in a]
        assert len(originals) == 1
        assert replays
        assert {replay.content for replay in replays} == {originals[0].content}

    def test_without_the_key_they_file_twenty(self, program):
        """The control: it is the key that holds the others back, nothing else."""
        text = platform_caller(program.platform).text
        callers = [Caller(text, client=Client()) for _ in range(20)]

        answers = in_parallel(20, lambda index: callers[index].file(sent(program)))

        assert [answer.status_code for answer in answers] == [201] * 20
        assert Complaint.objects.count() == 20

    def test_twenty_bodies_under_one_key_file_one_complaint(self, program):
        text = platform_caller(program.platform).text
        callers = [Caller(text, client=Client()) for _ in range(20)]

        answers = in_parallel(20, lambda i: callers[i].file(sent(program, trade_no=f"T-{i}"), key="K-1"))

        assert Complaint.objects.count() == 1
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(201) == 1
        assert set(statuses) <= {201, 409, 422}

    def test_twenty_with_one_upstream_id_file_one_complaint_without_any_key(self, program):
        text = platform_caller(program.platform).text
        callers = [Caller(text, client=Client()) for _ in range(20)]

        answers = in_parallel(20, lambda index: callers[index].file(sent(program, upstream_id="U-1")))

        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
        assert len({answer.json()["complaint_no"] for answer in answers}) == 1
        assert Complaint.objects.count() == Deadline.objects.count() == 1


@pytest.fixture
def under_way(db: None, program: MiniProgram) -> Iterator[tuple[Caller, Event]]:
    """A request with the key K-1 that stays under way on another connection until the event is set."""
    caller = platform_caller(program.platform)
    api_key_id = ApiKey.objects.get().pk
    begun, go_on = Event(), Event()

    def wait() -> Answer:
        begun.set()
        go_on.wait(timeout=30)
        raise RuntimeError("it fails in the end")

    def run() -> None:
        try:
            answer_once(wait, key="K-1", fingerprint="", api_key_id=api_key_id, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run)
        assert begun.wait(timeout=30)
        yield caller, go_on
        go_on.set()


@pytest.mark.django_db(transaction=True)
class TestUnderWay:
    def test_who_waits_too_long_is_told_when_to_try_again(self, under_way, program, monkeypatch):
        caller, _go_on = under_way
        monkeypatch.setattr(idempotency, "WAIT", timedelta(milliseconds=50))

        answer = caller.file(sent(program), key="K-1")

        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
        assert answer["Retry-After"] == "1"
        assert not Complaint.objects.exists()

    def test_who_waits_for_one_that_fails_takes_effect_instead(self, under_way, program):
        caller, go_on = under_way
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(on_own_connection, lambda: caller.file(sent(program), key="K-1"))
            while not blocked() and not waiting.done():
                pass
            go_on.set()
            answer = waiting.result(timeout=30)

        assert answer.status_code == 201
        assert Complaint.objects.count() == 1

    def test_the_wait_is_short_for_the_key_only_and_not_for_the_verb(self, program):
        with transaction.atomic(), connection.cursor() as cursor:
            seen: list[str] = []

            def act() -> Answer:
                cursor.execute("SHOW lock_timeout")
                seen.extend(cursor.fetchone() or ())
                return Answer(201, {})

            key, _text = new_api_key("intake", platform=program.platform, now=NOW)
            answer_once(act, key="K", fingerprint="", api_key_id=key.pk, now=NOW)

        assert seen == ["0"]

    def test_another_key_does_not_wait(self, under_way, program):
        caller, _go_on = under_way

        assert caller.file(sent(program), key="K-2").status_code == 201


def blocked() -> bool:
    """Say whether some session waits for another's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        row = cursor.fetchone()
    return bool(row and row[0])
