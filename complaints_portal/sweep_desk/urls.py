"""The addresses of the desk, below the sweep runs in admin. `wrap` keeps out whoever is not of the staff."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, URLResolver, include, path

from complaints_portal.sweep_desk import order_views, policy_views, views
from complaints_portal.sweep_desk.orders import AMNESTY, EXTENSION, Order


def desk_urls(wrap: Callable[..., Any]) -> list[URLResolver]:
    """Return what admin has to know before it looks at the stock addresses of sweep runs."""

    def at(route: str, view: Callable[..., Any], name: str) -> URLPattern:
        found: URLPattern = path(f"desk/{route}", wrap(view), name=f"deadlines_sweeprun_{name}")
        return found

    def of(order: Order, plural: str) -> list[URLPattern]:
        return [
            at(f"{plural}/", order_views.list_of(order), plural),
            at(f"{plural}/new/", order_views.new(order), f"{order.name}_new"),
            at(f"{plural}/<int:{order.part}>/", order_views.one(order), order.name),
            at(f"{plural}/<int:{order.part}>/<str:verb>/", order_views.act(order), f"{order.name}_act"),
        ]

    patterns = [
        at("", views.desk, "desk"),
        at("control/<str:kind>/", views.control, "control"),
        at("dry-run/", views.dry_run, "dry_run"),
        at("run/<int:run_id>/", views.run, "run"),
        *of(EXTENSION, "extensions"),
        *of(AMNESTY, "amnesties"),
        at("policy/", policy_views.policy, "policy"),
        at("what-if/", policy_views.what_if, "what_if"),
    ]
    return [path("deadlines/sweeprun/", include(patterns))]
