"""The documentation says what the code does: variables, states, links, numbers."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

from common.policy import Policy
from complaints.states import COMPLAINT
from penalties.states import PENALTY
from refunds.states import NO_REFUND_CLAIM, REFUND, REFUND_CASE, TOP_UP

ROOT = Path(settings.BASE_DIR)
READERS = ("settings", "launcher", "servers", "health")
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


def test_the_page_about_the_policy_shows_its_numbers():
    text = (ROOT / "docs" / "policy.md").read_text()
    shown = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE))
    assert len(shown) >= 6
    assert shown == {name: str(getattr(Policy(), name)) for name in shown}


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+?)(?:#[\w-]+)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
