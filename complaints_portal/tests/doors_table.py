"""What every address answers to every kind of caller: the statuses of GET and of POST.

One status stands for all; otherwise there is one for each caller, in the order of `CALLERS` (for a model's pages in
admin, of `ADMIN_CALLERS`). `login` is a redirect to the sign-in page. The case that is asked about is merchant A's.
"""

CALLERS = (
    "anonymous",
    "viewer",  # a member of A who may see
    "handler",  # a member of A who may see and handle
    "newcomer",  # a member of A without grants
    "neighbour",  # the account administrator of B
    "staff",  # support staff without rights of their own
    "superuser",
    "platform_key",
    "key_a",
    "key_b",
    "foreign_key",  # of another platform
)
ADMIN_CALLERS = ("anonymous", "handler", "staff", "superuser", "platform_key")

DOORS: dict[str, tuple[str, str]] = {
    "home": ("login 200 200 403 200 302 302 login login login login", "405"),
    "complaints:list": ("login 200 200 403 200 302 302 login login login login", "405"),
    "complaints:detail": ("login 200 200 403 404 302 302 login login login login", "405"),
    "complaints:handle": (
        "login 302 302 403 404 302 302 login login login login",
        "login 403 302 403 404 302 302 login login login login",
    ),
    "complaints:leave_message": (
        "login 302 302 403 404 302 302 login login login login",
        "login 403 302 403 404 302 302 login login login login",
    ),
    "evidence:show": ("login 200 200 404 404 200 200 login login login login", "405"),
    "switch_merchant": ("405", "302 302 302 302 404 404 404 302 302 302 302"),
    "set_theme": ("405", "302"),
    "account_login": ("200 302 302 302 302 302 302 200 200 200 200", "200 302 302 302 302 302 302 200 200 200 200"),
    "account_logout": ("302 200 200 200 200 200 200 302 302 302 302", "302"),
    "account_inactive": ("200", "405"),
    "account_signup": ("200 302 302 302 302 302 302 200 200 200 200", "200 302 302 302 302 302 302 200 200 200 200"),
    "account_reauthenticate": (
        "login 200 200 200 200 200 200 login login login login",
        "login 200 200 200 200 200 200 login login login login",
    ),
    "account_email": (
        "login 200 200 200 200 200 200 login login login login",
        "login 302 302 302 302 302 302 login login login login",
    ),
    "account_email_verification_sent": ("200", "405"),
    "account_change_password": (
        "login 200 200 200 200 200 200 login login login login",
        "login 200 200 200 200 200 200 login login login login",
    ),
    "account_set_password": (
        "login 302 302 302 302 302 302 login login login login",
        "login 302 302 302 302 302 302 login login login login",
    ),
    "account_reset_password": ("200", "200"),
    "account_confirm_login_code": ("302", "302"),
    "account_confirm_email": ("200", "404"),
    "account_reset_password_from_key_done": ("200", "405"),
    "account_reset_password_from_key": ("200", "200"),
    "account_reset_password_done": ("200", "405"),
    "mfa_index": (
        "login 200 200 200 200 200 200 login login login login",
        "login 405 405 405 405 405 405 login login login login",
    ),
    "mfa_authenticate": ("302", "302"),
    "mfa_reauthenticate": (
        "login 302 302 302 302 302 302 login login login login",
        "login 302 302 302 302 302 302 login login login login",
    ),
    "mfa_activate_totp": (
        "login 302 302 302 302 302 302 login login login login",
        "login 302 302 302 302 302 302 login login login login",
    ),
    "mfa_deactivate_totp": (
        "login 404 404 404 404 404 404 login login login login",
        "login 404 404 404 404 404 404 login login login login",
    ),
    "mfa_view_recovery_codes": (
        "login 404 404 404 404 404 404 login login login login",
        "login 405 405 405 405 405 405 login login login login",
    ),
    "mfa_generate_recovery_codes": (
        "login 302 302 302 302 302 302 login login login login",
        "login 302 302 302 302 302 302 login login login login",
    ),
    "mfa_download_recovery_codes": (
        "login 404 404 404 404 404 404 login login login login",
        "login 404 404 404 404 404 404 login login login login",
    ),
    "set_language": ("302", "302"),
    "admin:index": (
        "login login login login login 200 200 login login login login",
        "login login login login login 200 200 login login login login",
    ),
    "admin:login": (
        "login 403 403 403 403 302 302 login login login login",
        "login 403 403 403 403 302 302 login login login login",
    ),
    "admin:logout": ("302", "302"),
    "admin:password_change": (
        "login login login login login 302 302 login login login login",
        "login login login login login 302 302 login login login login",
    ),
    "admin:password_change_done": (
        "login login login login login 200 200 login login login login",
        "login login login login login 405 405 login login login login",
    ),
    "admin:autocomplete": (
        "login login login login login 403 403 login login login login",
        "login login login login login 405 405 login login login login",
    ),
    "admin:jsi18n": (
        "login login login login login 200 200 login login login login",
        "login login login login login 405 405 login login login login",
    ),
    "admin:view_on_site": (
        "login login login login login 404 404 login login login login",
        "login login login login login 404 404 login login login login",
    ),
    "admin:penalties_penalty_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:penalties_penalty_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:penalties_penalty_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:penalties_penalty_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:penalties_penalty_change": ("login login 403 200 login", "login login 403 403 login"),
    "/admin/penalties/penalty/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:complaints_complaint_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:complaints_complaint_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:complaints_complaint_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:complaints_complaint_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:complaints_complaint_change": ("login login 403 200 login", "login login 403 403 login"),
    "/admin/complaints/complaint/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:deadlines_deadline_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:deadlines_deadline_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:deadlines_deadline_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:deadlines_deadline_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:deadlines_deadline_change": ("login login 403 200 login", "login login 403 403 login"),
    "/admin/deadlines/deadline/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:deadlines_sweeprun_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:deadlines_sweeprun_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:deadlines_sweeprun_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:deadlines_sweeprun_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:deadlines_sweeprun_change": ("login login 403 200 login", "login login 403 403 login"),
    "/admin/deadlines/sweeprun/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:evidence_evidence_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:evidence_evidence_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:evidence_evidence_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:evidence_evidence_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:evidence_evidence_change": ("login login 403 200 login", "login login 403 403 login"),
    "/admin/evidence/evidence/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:notifications_event_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:notifications_event_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:notifications_event_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:notifications_event_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:notifications_event_change": ("login login 403 200 login", "login login 403 403 login"),
    "/admin/notifications/event/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:auth_group_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:auth_group_add": ("login login 403 200 login", "login login 403 200 login"),
    "admin:auth_group_history": ("login login 302 302 login", "login login 302 302 login"),
    "admin:auth_group_delete": ("login login 403 302 login", "login login 403 302 login"),
    "admin:auth_group_change": ("login login 403 302 login", "login login 403 302 login"),
    "/admin/auth/group/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:auth_user_password_change": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_user_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_user_add": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_user_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_user_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:merchants_user_change": ("login login 403 200 login", "login login 403 200 login"),
    "/admin/merchants/user/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:merchants_platform_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_platform_add": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_platform_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_platform_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:merchants_platform_change": ("login login 403 200 login", "login login 403 200 login"),
    "/admin/merchants/platform/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:merchants_merchant_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_merchant_add": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_merchant_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_merchant_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:merchants_merchant_change": ("login login 403 200 login", "login login 403 200 login"),
    "/admin/merchants/merchant/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:merchants_miniprogram_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_miniprogram_add": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_miniprogram_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_miniprogram_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:merchants_miniprogram_change": ("login login 403 200 login", "login login 403 200 login"),
    "/admin/merchants/miniprogram/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:merchants_membership_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_membership_add": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_membership_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_membership_delete": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_membership_change": ("login login 403 200 login", "login login 403 200 login"),
    "/admin/merchants/membership/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:merchants_apikey_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_apikey_add": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_apikey_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:merchants_apikey_delete": ("login login 403 403 login", "login login 403 403 login"),
    "admin:merchants_apikey_change": ("login login 403 200 login", "login login 403 403 login"),
    "/admin/merchants/apikey/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:account_emailaddress_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:account_emailaddress_add": ("login login 403 200 login", "login login 403 200 login"),
    "admin:account_emailaddress_history": ("login login 302 302 login", "login login 302 302 login"),
    "admin:account_emailaddress_delete": ("login login 403 302 login", "login login 403 302 login"),
    "admin:account_emailaddress_change": ("login login 403 302 login", "login login 403 302 login"),
    "/admin/account/emailaddress/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:axes_accessattempt_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:axes_accessattempt_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:axes_accessattempt_history": ("login login 302 302 login", "login login 302 302 login"),
    "admin:axes_accessattempt_delete": ("login login 403 302 login", "login login 403 302 login"),
    "admin:axes_accessattempt_change": ("login login 403 302 login", "login login 403 302 login"),
    "/admin/axes/accessattempt/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:axes_accesslog_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:axes_accesslog_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:axes_accesslog_history": ("login login 403 200 login", "login login 403 200 login"),
    "admin:axes_accesslog_delete": ("login login 403 200 login", "login login 403 200 login"),
    "admin:axes_accesslog_change": ("login login 403 200 login", "login login 403 302 login"),
    "/admin/axes/accesslog/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:axes_accessfailurelog_changelist": ("login login 403 200 login", "login login 403 200 login"),
    "admin:axes_accessfailurelog_add": ("login login 403 403 login", "login login 403 403 login"),
    "admin:axes_accessfailurelog_history": ("login login 302 302 login", "login login 302 302 login"),
    "admin:axes_accessfailurelog_delete": ("login login 403 302 login", "login login 403 302 login"),
    "admin:axes_accessfailurelog_change": ("login login 403 302 login", "login login 403 302 login"),
    "/admin/axes/accessfailurelog/<path:object_id>/": ("login login 302 302 login", "login login 302 302 login"),
    "admin:app_list": (
        "login login login login login 404 200 login login login login",
        "login login login login login 404 200 login login login login",
    ),
    "/admin/(?P<url>.*)$": (
        "login login login login login 404 404 login login login login",
        "login login login login login 404 404 login login login login",
    ),
    "api:schema": ("200", "405"),
    "api:docs": ("200", "405"),
    "api:complaints": ("401 401 401 401 401 401 401 200 200 200 200", "401 401 401 401 401 401 401 201 403 403 400"),
    "api:bulk": ("401 401 401 401 401 401 401 405 405 405 405", "401 401 401 401 401 401 401 200 403 403 200"),
    "api:complaint": ("401 401 401 401 401 401 401 200 200 404 404", "401 401 401 401 401 401 401 405 405 405 405"),
    "api:handle": ("401 401 401 401 401 401 401 405 405 405 405", "401 401 401 401 401 401 401 403 200 404 404"),
    "api:messages": ("401 401 401 401 401 401 401 405 405 405 405", "401 401 401 401 401 401 401 201 201 404 404"),
    "api:confirm": ("401 401 401 401 401 401 401 405 405 405 405", "401 401 401 401 401 401 401 409 403 404 404"),
    "api:contest": ("401 401 401 401 401 401 401 405 405 405 405", "401 401 401 401 401 401 401 409 403 404 404"),
    "api:cancel": ("401 401 401 401 401 401 401 405 405 405 405", "401 401 401 401 401 401 401 200 403 404 404"),
    "api:close": ("401 401 401 401 401 401 401 405 405 405 405", "401 401 401 401 401 401 401 200 403 404 404"),
    "api:evidence": ("401 401 401 401 401 401 401 200 200 404 404", "401 401 401 401 401 401 401 405 405 405 405"),
    "api:events": ("401 401 401 401 401 401 401 200 200 200 200", "401 401 401 401 401 401 401 405 405 405 405"),
    "api:nothing": ("404", "404"),
    "health_live": ("200", "405"),
    "health_ready": ("200", "405"),
    "metrics": ("200", "405"),
    "style_page": ("200", "200"),
}


def expected() -> dict[str, dict[tuple[str, str], str]]:
    """Return the table spread out: name, then method and caller, then the answer. Refuses a row of the wrong length."""
    return {name: _spread(row) for name, row in DOORS.items()}


def _spread(row: tuple[str, str]) -> dict[tuple[str, str], str]:
    answers: dict[tuple[str, str], str] = {}
    for method, text in zip(("GET", "POST"), row, strict=True):
        words = text.split()
        callers = ADMIN_CALLERS if len(words) == len(ADMIN_CALLERS) else CALLERS
        words = words * len(callers) if len(words) == 1 else words
        answers |= {(method, caller): word for caller, word in zip(callers, words, strict=True)}
    return answers
