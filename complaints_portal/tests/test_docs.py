"""The documentation says what the code does: variables, states, links, numbers."""

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from appeals import services as appeals
from common.policy import Policy
from complaints import reminders
from complaints import services as complaints
from complaints.consultations import services as consultations
from complaints.consultations.states import CONSULTATION
from complaints.states import COMPLAINT
from penalties import services as penalties
from penalties.states import PENALTY
from refunds import cases, claims, refunding, top_ups
from refunds.states import NO_REFUND_CLAIM, REFUND, REFUND_CASE, TOP_UP

ROOT = Path(settings.BASE_DIR)
READERS = ("settings", "launcher", "servers", "metrics")
NOT_OURS = {"DJANGO_SETTINGS_MODULE"}


def variables_read():
    """Every `env.kind("NAME", …)`, `os.environ.get("NAME")` and `"NAME" in os.environ` of the modules that read."""
    found = set()
    for module in READERS:
        for node in ast.walk(ast.parse((ROOT / "complaints_portal" / f"{module}.py").read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name("env")), args=[ast.Constant(str(name)), *_]):
                    found.add(name)
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="environ")), args=[ast.Constant(str(name)), *_]
                ):
                    found.add(name)
                case ast.Compare(left=ast.Constant(str(name)), comparators=[ast.Attribute(attr="environ")]):
                    found.add(name)
    return found - NOT_OURS


def test_the_example_of_an_environment_is_complete():
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert {found[1] for line in lines if (found := re.match(r"# ([A-Z_]+)=", line))} == variables_read()


def test_the_page_about_settings_is_complete():
    text = (ROOT / "docs" / "settings.md").read_text()
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)) == variables_read()
    assert {"DATABASE_URL", "SECRET_KEY", "PORT", "METRICS_TOKEN"} <= variables_read()


TABLES = {
    "complaint": COMPLAINT,
    "consultation": CONSULTATION,
    "claim": NO_REFUND_CLAIM,
    "case": REFUND_CASE,
    "refund": REFUND,
    "top_up": TOP_UP,
    "penalty": PENALTY,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_page_about_states_shows_the_table_of_moves(table):
    text = (ROOT / "docs" / "states.md").read_text()
    assert f"```mermaid\n{table.as_mermaid()}\n```" in text


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_page_about_states_says_each_as_the_pages_do_in_chinese(table):
    text = (ROOT / "docs" / "states.md").read_text()
    part = text[: text.index(table.as_mermaid())].rpartition("\n## ")[2]
    with override("zh-hans"):
        assert dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", part, re.MULTILINE)) == {
            state: str(label) for state, label in table.labels.items()
        }


NOUNS = "complaint|deadline|no_refund_claim|refund_case|refund|fund|penalty|appeal|review"
MOVES = {
    "complaint": complaints.EVENTS,
    "no_refund_claim": claims.EVENTS | {"submit": "submitted"},
    "refund_case": cases.EVENTS,
    "refund": refunding.EVENTS,
    "fund": top_ups.EVENTS,
    "penalty": penalties.EVENTS,
    "appeal": appeals.EVENTS,
}


def events_written():
    """Every event that the code names in full, in the tables of its moves, or where a move tells its own."""
    found = {f"{noun}.{name}" for noun, moves in MOVES.items() for name in moves.values()}
    for module in ROOT.glob("[a-z]*/*.py"):
        text = module.read_text()
        found |= set(re.findall(rf"""(?:emit\(|name=|SELECT)\s*["']((?:{NOUNS})\.\w+)["']""", text))
    found |= {f"refund_case.{name}" for name in re.findall(r'event="(\w+)"', inspect.getsource(cases))}
    found |= {f"refund.{name}" for name in re.findall(r'"(requested|succeeded)"', inspect.getsource(refunding))}
    told = r'_emit\(consultation, "(\w+)"|_said\(consultation, Verb\.\w+, "(\w+)"'
    found |= {f"consultation.{one or other}" for one, other in re.findall(told, inspect.getsource(consultations))}
    found.add(reminders.EVENT)
    return found | {f"fund.{name}" for name in re.findall(r'_tell\(top_up, "(\w+)"', inspect.getsource(top_ups))}


def test_the_page_about_events_names_each_and_no_other():
    text = (ROOT / "docs" / "events.md").read_text()
    shown = re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE)
    assert len(shown) == len(set(shown)) >= 40
    assert set(shown) == events_written()


def test_the_page_about_the_policy_shows_its_numbers():
    text = (ROOT / "docs" / "policy.md").read_text()
    shown = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE))
    assert len(shown) >= 6
    assert shown == {name: str(getattr(Policy(), name)) for name in shown}
    assert set(re.findall(r"`(\w+)`", text)) >= {each.name for each in fields(Policy)}
    assert f"`{list(Policy().reminder_hours)}`" in text


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+?)(?:#[\w-]+)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
