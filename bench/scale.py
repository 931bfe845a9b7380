"""How does the portal carry a large database? `python bench/scale.py [--complaints 1000000] [--due 100000]`

Fills a database of its own by `complaints_portal.seeding`, then measures for the largest of 50,000 merchants what its
members, its programs and the staff ask for: the time of all statements of a request in the database, and the request
as a whole. A page above 50 ms in the database (p95) is marked. Then the sweep: so many complaints that were left, once
by one process, once by two, once by the statement that `bench/sweep.py` has written by hand.

`--keep NAME` fills a database of that name and keeps it; when it is there already the fill goes on where it stopped.
`--use NAME` measures such a database as it is. `--out FILE` writes the figures down, and `--against FILE` compares with
those of another size: what grew more than 1.5 times is marked. For ten million on a machine of its own:

    nice -n 19 python bench/scale.py --complaints 10000000 --due 1000000 --keep scale_10m --against 1m.json
"""

# ruff: noqa: PLC0415 (what needs Django can be imported only after it knows its database)

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

import sweep as by_hand
from harness import ROOT, last_line, portal

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
MERCHANTS = 50_000
LIMIT = 50
"""Milliseconds of a page in the database, p95."""
GROWTH = 1.5
PAGE = 500
PARTS = 100_000
"""So many due complaints are made at once."""
BACKEND = "merchants.backends.PeopleBackend"
PASSWORD = "bench-2026-portal"
UNCOUNTED = 20
"""So many requests pass before the database has made up its mind about the plans of their statements."""
SHOWN = 2000
"""Characters of a statement."""
NOTHING = 0.5
"""Milliseconds; growth of less is noise."""


@dataclass
class Watch:
    """Adds up how long statements take; an execute wrapper of Django's."""

    spent: float = 0
    number: int = 0
    slowest: tuple[float, str] = (0, "")

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = 1000 * (time.perf_counter() - began)
            self.spent += took
            self.number += 1
            self.slowest = max(self.slowest, (took, sql))


@dataclass
class Page:
    """One thing that somebody asks for."""

    name: str
    ask: Callable[[], Any]
    database: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    queries: int = 0
    slowest: tuple[float, str] = (0, "")


def main() -> None:
    options = arguments()
    figures: dict[str, float] = {}
    with portal("scale", name=options.keep or options.use):
        from freezegun import freeze_time

        figures |= fill(options.complaints) if not options.use else {}
        figures |= sizes()
        with freeze_time(NOW, tick=True):
            figures |= measure(options.rounds, explain=options.explain)
        if options.due:
            figures |= sweeps(options.due)
    if options.against:
        compare(figures, json.loads(Path(options.against).read_text()))
    if options.out:
        Path(options.out).write_text(json.dumps(figures, indent=1))
    last_line(figures)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--complaints", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=100_000, help="complaints in each of three sweeps; 0 for none")
    parser.add_argument(
        "--rounds", type=int, default=20, help="requests of each kind that count, after twenty that do not"
    )
    parser.add_argument(
        "--keep", metavar="NAME", default="", help="the database to fill, or to go on filling, and keep"
    )
    parser.add_argument("--use", metavar="NAME", default="", help="a database that was kept, to be measured as it is")
    parser.add_argument("--out", metavar="FILE", help="write the figures here as well")
    parser.add_argument("--against", metavar="FILE", help="figures of another size, to say what grew")
    parser.add_argument(
        "--explain", action="store_true", help="show the slowest statement of each page above the limit"
    )
    options = parser.parse_args()
    if options.keep and options.use:
        parser.error("Either --keep a database or --use one.")
    return options


def fill(number: int) -> dict[str, float]:
    """Fill the database up to so many complaints; say how quick that was."""
    from django.db import connection

    from complaints.models import Complaint
    from complaints_portal import seeding

    began, first, shown = time.monotonic(), None, 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('seeding_unfinished') IS NOT NULL")
        (is_unfinished,) = cursor.fetchone()
    if not is_unfinished and Complaint.objects.exists():
        print("The database is filled already.")
        return {}
    print(seeding.estimate(number), flush=True)
    drawn = 0.0
    for step in seeding.fill(number, now=NOW, merchants=MERCHANTS):
        if not step.making:
            first = step.done if first is None else first
            drawn = time.monotonic() - began
        if time.monotonic() - shown > 10 or step.done == step.number:
            shown = time.monotonic()
            what = step.making or f"complaints, {seeding.rate(step.done - (first or 0), began):,.0f} a second"
            print(f"  {shown - began:>7,.0f} s  {step.done:>12,} of {step.number:,} {what}", flush=True)
    took = time.monotonic() - began
    made = number - (first or 0)
    print(
        f"Filled {made:,} complaints in {took:,.0f} s: {made / took:,.0f} a second, {made / drawn:,.0f} before indexes."
    )
    return {"fill_rows_per_s": made / took, "fill_s": took, "drawn_rows_per_s": made / drawn}


def sizes() -> dict[str, float]:
    """Print what each table holds and takes; return the rows and the bytes of a complaint."""
    from django.db import connection

    from complaints_portal.seeding.statements import TABLES

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM complaints_complaint")
        (number,) = cursor.fetchone()
        cursor.execute(
            "SELECT relname, reltuples, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class"
            " WHERE oid = ANY (%s::regclass[]) ORDER BY pg_total_relation_size(oid) DESC",
            [list(TABLES)],
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT pg_database_size(current_database())")
        (whole,) = cursor.fetchone()
    print(f"\n{number:,} complaints, {whole / 1024**3:,.1f} GB, {whole / number:,.0f} bytes a complaint")
    print(f"  {'':<30}{'rows':>14}{'table':>10}{'indexes':>10}   bytes a complaint")
    for name, count, table, indexes in rows:
        print(f"  {name:<30}{count:>14,.0f}{table / number:>10,.0f}{indexes / number:>10,.0f}")
    return {"complaints": number, "bytes": whole, "bytes_per_complaint": whole / number}


def measure(rounds: int, *, explain: bool) -> dict[str, float]:
    """Ask for every page in turn, round by round, and print what each took."""
    from django.db import connection

    pages = everything()
    for place in range(-UNCOUNTED, rounds):
        for page in pages:
            watch = Watch()
            cpu, began = server_cpu(), time.perf_counter()
            with connection.execute_wrapper(watch):
                answer = page.ask()
            took = 1000 * (time.perf_counter() - began)
            if answer is not None and answer.status_code != 200:
                raise SystemExit(f"{page.name}: {answer.status_code} {answer.content[:300]!r}")
            if place >= 0:
                page.database.append(watch.spent)
                page.cpu.append(server_cpu() - cpu)
                page.whole.append(took)
            page.queries, page.slowest = watch.number, watch.slowest
    return show(pages, explain=explain)


def server_cpu() -> float:
    """Return how many milliseconds our session of the database has computed; what it waited for others is not in it.

    Only a database on this machine tells; another one is 0 all the time.
    """
    from django.db import connection

    connection.ensure_connection()
    told = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(told.read_text().split()[0]) / 1e6 if told.exists() else 0


def show(pages: list[Page], *, explain: bool) -> dict[str, float]:
    figures: dict[str, float] = {}
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"\nThe machine's load: {load}, on {os.cpu_count()} cores. Milliseconds, p50 and p95")
    print(f"  {'':<41}{'statements':>22}{'CPU of them':>20}{'whole request':>22}   queries")
    for page in pages:
        (low, high), (cpu, most), (whole, worst) = middle(page.database), middle(page.cpu), middle(page.whole)
        mark = f"  ABOVE {LIMIT} ms" if high > LIMIT else ""
        print(
            f"  {page.name:<41}{low:>11,.1f}{high:>11,.1f}{cpu:>10,.1f}{most:>10,.1f}{whole:>11,.1f}{worst:>11,.1f}"
            f"{page.queries:>10}{mark}"
        )
        if mark and explain:
            print(f"      {page.slowest[0]:,.0f} ms: {page.slowest[1][:SHOWN]}")
        key = page.name.replace(" ", "_").replace(",", "").replace("'", "")
        figures |= {f"{key}_db_p50_ms": low, f"{key}_db_p95_ms": high, f"{key}_p50_ms": whole, f"{key}_p95_ms": worst}
        figures |= {f"{key}_cpu_p50_ms": cpu, f"{key}_cpu_p95_ms": most}
    return figures


def middle(taken: list[float]) -> tuple[float, float]:
    cuts = quantiles(taken, n=20, method="inclusive")
    return cuts[9], cuts[18]


def everything() -> list[Page]:
    """Return every page that is measured, asked for by members of the largest merchant, its program, and staff."""
    from django.conf import settings
    from django.test import Client

    from complaints.models import Complaint
    from merchants.authentication import new_api_key
    from merchants.models import Membership, Merchant, MiniProgram, User

    settings.ALLOWED_HOSTS = ["testserver"]
    largest = Merchant.objects.get(name="商家 000001")
    User.objects.filter(username__in=["bench", "bench-staff"]).delete()
    member = User.objects.create_user("bench", password=PASSWORD)
    Membership.objects.create(merchant=largest, user=member, is_administrator=True)
    staff = User.objects.create_superuser("bench-staff", password=PASSWORD)
    _key, text = new_api_key("bench", platform=largest.platform, merchant=largest, now=NOW)
    _key, platforms = new_api_key("bench", platform=largest.platform, now=NOW)
    browser, desk, program = Client(), Client(), Client()
    browser.force_login(member, backend=BACKEND)
    desk.force_login(staff, backend=BACKEND)
    own = Complaint.objects.filter(merchant=largest)
    number = own.count()
    print(
        f"\nThe largest merchant has {number:,} complaints, {own.filter(status='pending').count():,} of them pending."
    )
    some = own.order_by("-filed_at")[number // 3]
    first = MiniProgram.objects.filter(merchant=largest).order_by("pk").first()
    everywhere = "/complaints/?status=all"

    def page(name: str, address: str) -> Page:
        return Page(name, lambda: browser.get(address))

    def api(name: str, address: str, key: str = text) -> Page:
        return Page(name, lambda: program.get(address, headers={"Authorization": f"Bearer {key}"}))

    return [
        page("home and forecast", "/"),
        page("list, first page", "/complaints/"),
        page("list of all, first page", everywhere),
        page(f"list of all, page {PAGE}", f"{everywhere}&cursor={cursor_at(largest.pk)}"),
        page("list, finished", "/complaints/?status=finished"),
        page("list, missed and pending", "/complaints/?due=overdue"),
        page("list, due within a day", "/complaints/?due=24"),
        page("list, nobody's", f"{everywhere}&assignee=nobody"),
        page("list, mini program", f"{everywhere}&mini_program={first.pk if first else 0}"),
        page("list, dispute type", f"{everywhere}&dispute_type=发票问题"),
        page("list, two dispute types", f"{everywhere}&dispute_type=发票问题&dispute_type=个人信息泄露"),
        page("list, advance protection", f"{everywhere}&protection=yes"),
        page("list, a week a year ago", f"{everywhere}&filed_from=2025-11-03&filed_to=2025-11-09"),
        page("list, handled late", f"{everywhere}&outcome=late"),
        page("list, penalised", f"{everywhere}&outcome=missed"),
        page("list, points given back", f"{everywhere}&outcome=given_back"),
        page("list, refunded", f"{everywhere}&outcome=refunded"),
        page("list, repeated", f"{everywhere}&outcome=repeat"),
        page("list, asked first", f"{everywhere}&outcome=asked_first"),
        page("list, root cause", f"{everywhere}&root_cause=price"),
        page("search, 2 characters, common", "/complaints/?q=退款"),
        page("search, 2 characters, middling", "/complaints/?q=青花"),
        page("search, 2 characters, rare", "/complaints/?q=假币"),
        page("search, 3 characters, common", "/complaints/?q=打包时"),
        page("search, 3 characters, middling", "/complaints/?q=青花瓷"),
        page("search, 3 characters, rare", "/complaints/?q=防伪码查不到"),
        page("search, in none", "/complaints/?q=鼹鼠饲养"),
        page("search, trade number", f"/complaints/?q={some.trade_no}"),
        page("search, phone from its start", f"/complaints/?q={some.consumer_phone[:7]}"),
        Page("counts by status", lambda: counts(largest.pk)),
        page("complaint", f"/complaints/{some.complaint_no}/"),
        page("consultations", "/consultations/"),
        page("consultations, all", "/consultations/?status=all"),
        page("violations", "/violations/"),
        page("appeals", "/appeals/"),
        page("pending refunds", "/refunds/"),
        Page("desk of appeals", lambda: desk.get("/admin/appeals/appeal/")),
        Page("desk of no-refund claims", lambda: desk.get("/admin/refunds/norefundclaim/")),
        Page("admin, complaints", lambda: desk.get("/admin/complaints/complaint/")),
        Page("admin, penalties", lambda: desk.get("/admin/penalties/penalty/")),
        api("API, complaints", "/api/v1/complaints/"),
        api("API, complaints handled", "/api/v1/complaints/?status=finished"),
        api("API, complaint", f"/api/v1/complaints/{some.complaint_no}/"),
        api("API, penalties", "/api/v1/penalties/"),
        api("API, events", "/api/v1/events/"),
        api("API, complaints of a platform", "/api/v1/complaints/", platforms),
    ]


def cursor_at(merchant_id: int) -> str:
    """Return the cursor of page 500 of the list of everything, from its keys alone."""
    from common import keyset
    from complaints.models import Complaint
    from complaints.queries import segments
    from complaints.states import Status

    own = Complaint.objects.filter(merchant_id=merchant_id)
    page = min(PAGE, own.count() // keyset.PAGE_SIZE)
    if page < PAGE:
        print(f"It has no page {PAGE}: page {page} takes its place.")
    left = (page - 1) * keyset.PAGE_SIZE - 1
    found = segments(own, Status.values)
    for place, segment in enumerate(found):
        order = [segment.order, "-pk" if segment.descends else "pk"]
        rows = list(segment.rows.order_by(*order)[left : left + 1])
        if rows:
            return keyset._cursor(found, "after", place, rows[0])  # noqa: SLF001 (500 requests would say the same)
        left -= segment.rows.count()
    raise SystemExit("The largest merchant has hardly any complaints: ask for more.")


def counts(merchant_id: int) -> None:
    from complaints.models import Complaint
    from complaints.queries import status_counts

    status_counts(Complaint.objects.filter(merchant_id=merchant_id))


def sweeps(due: int) -> dict[str, float]:
    """Make three times so many complaints that were left, each on a day of its own, and sweep them in three ways."""
    from complaints_portal import seeding
    from complaints_portal.seeding import Drawing

    today = (NOW + timedelta(hours=8)).replace(hour=0, minute=0) - timedelta(hours=8)
    ways = (one_process, two_processes, hand_written)
    began = time.monotonic()
    draw = Drawing(MERCHANTS, now=NOW)
    for place in range(len(ways)):
        day = today - timedelta(days=9 - place)
        for done in range(0, due, PARTS):
            draw.left(min(PARTS, due - done), since=day, until=day + timedelta(days=1))
    made = time.monotonic() - began
    print(f"\nMade {3 * due:,} complaints that were left, {3 * due / made:,.0f} a second, indexes and all.")
    seeding.tidy()
    figures = {"live_fill_rows_per_s": 3 * due / made}
    print(f"  {'the sweep of missed deadlines':<40}{'rows a second':>16}")
    for place, way in enumerate(ways):
        cut_off = today - timedelta(days=4 - place)
        done, seconds = way(cut_off)
        if done != due:
            raise SystemExit(
                f"{way.__name__} dealt with {done:,} rows, not with {due:,}: the figures would mean nothing."
            )
        figures[f"sweep_{way.__name__}_rows_per_s"] = done / seconds
        print(f"  {way.__name__.replace('_', ' '):<40}{done / seconds:>16,.0f}", flush=True)
    return figures


def one_process(cut_off: datetime) -> tuple[int, float]:
    from deadlines.sweeping import run_sweep

    began = time.monotonic()
    report = run_sweep("handle", cut_off=cut_off, issued_at=cut_off, ran_by="bench")
    return report.acted, time.monotonic() - began


def two_processes(cut_off: datetime) -> tuple[int, float]:
    """Sweep by the command, twice at a time; how long that took the runs say themselves."""
    from deadlines.models import SweepRun

    last = SweepRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    command = [sys.executable, "manage.py", "sweep", "handle", "--at", cut_off.isoformat()]
    running = [subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL) for _each in range(2)]
    for process in running:
        process.wait()
    runs = list(SweepRun.objects.filter(pk__gt=last))
    ended = max(run.ended_at for run in runs if run.ended_at)
    return sum(run.acted for run in runs), (ended - min(run.started_at for run in runs)).total_seconds()


def hand_written(cut_off: datetime) -> tuple[int, float]:
    """One statement on the same schema, as `bench/sweep.py` has it."""
    from django.db import connection, transaction

    names = {**by_hand.TABLES, "on_conflict": "ON CONFLICT (subject_id, kind, round) DO NOTHING"}
    began = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(by_hand.BY_HAND.format(**names), {"cut_off": cut_off})
        (issued,) = cursor.fetchone()
    return int(issued), time.monotonic() - began


def compare(figures: dict[str, float], others: dict[str, float]) -> None:
    """Print how much each page grew in the database since figures of another size, and what the sweeps lost."""
    print(f"\nGrowth from {others['complaints']:,.0f} to {figures['complaints']:,.0f} complaints, p50")
    for name, value in figures.items():
        before = others.get(name)
        if not before or not name.endswith(("_db_p50_ms", "_cpu_p50_ms", "_rows_per_s")):
            continue
        ratio = value / before
        grew = name.endswith("_ms") and ratio > GROWTH and value - before > NOTHING
        print(f"  {name:<55}{before:>12,.1f}{value:>12,.1f}{ratio:>8.2f}{'  GREW' if grew else ''}")


if __name__ == "__main__":
    main()
