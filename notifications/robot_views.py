"""Pages about the robots of chat groups."""

from http import HTTPMethod

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import BadInput, IllegalMove, PortalError
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page
from notifications import robots
from notifications.chat import masked
from notifications.forms import RobotForm
from notifications.models import Robot


@require_safe
@member_page(Grant.SETTINGS)
def robot_list(request: MemberRequest) -> HttpResponse:
    """Show the robots of the merchant, what each tells of, and what it answered the last time."""
    found = robots.robots_of(request.merchant.pk)
    context = {"robots": [(robot, masked(robot.url)) for robot in found], "now": request.now}
    return render(request, "settings/robots.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_page(Grant.SETTINGS)
def robot_new(request: MemberRequest) -> HttpResponse:
    """Add a robot."""
    return _form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@member_page(Grant.SETTINGS)
def robot_change(request: MemberRequest, robot_id: int) -> HttpResponse:
    """Change a robot."""
    return _form(request, robots.robot_of(robot_id, request.merchant.pk))


@require_POST
@member_page(Grant.SETTINGS)
def robot_do(request: MemberRequest, robot_id: int) -> HttpResponse:
    """Switch a robot on or off, try it out, or remove it; `do` says which."""
    robot = robots.robot_of(robot_id, request.merchant.pk)
    try:
        match request.POST.get("do"):
            case "on" | "off" as wanted:
                robots.switch_robot(robot.pk, is_on=wanted == "on", actor=request.actor, now=request.now)
                done = _("“%(name)s” is on.") if wanted == "on" else _("“%(name)s” is off.")
                messages.success(request, done % {"name": robot.name})
            case "try":
                _try(request, robot)
            case "remove":
                robots.remove_robot(robot.pk, actor=request.actor)
                messages.success(request, _("“%(name)s” was removed.") % {"name": robot.name})
            case _anything_else:
                raise BadInput(_("Choose what to do with the robot."), field="do")
    except IllegalMove as refusal:
        messages.error(request, str(refusal))
    return redirect("settings:robots")


def _try(request: MemberRequest, robot: Robot) -> None:
    answer = robots.try_robot(robot.pk, actor=request.actor, now=request.now)
    words = {"name": robot.name, "answer": answer.words}
    if answer.is_taken:
        messages.success(request, _("“%(name)s” took the test message. Look into the group.") % words)
    else:
        messages.error(request, _("“%(name)s” did not take the test message: %(answer)s.") % words)


def _form(request: MemberRequest, robot: Robot | None) -> HttpResponse:
    data = request.POST if request.method == HTTPMethod.POST else None
    form = RobotForm(data, robot=robot, language=get_language() or "")
    status = 400 if form.errors else 200
    if request.method == HTTPMethod.POST and form.is_valid():
        given = robots.RobotInput(**form.cleaned_data)
        try:
            if robot:
                robots.change_robot(robot.pk, given, actor=request.actor, now=request.now)
            else:
                robots.add_robot(given, actor=request.actor, now=request.now)
        except PortalError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            status = refusal.status
        else:
            messages.success(
                request, _("“%(name)s” was saved. Send a test to see that it works.") % {"name": given.name}
            )
            return redirect("settings:robots")
    return render(request, "settings/robot.html", {"form": form, "robot": robot}, status=status)
