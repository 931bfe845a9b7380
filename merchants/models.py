"""Platforms, merchants, mini programs, members and API keys."""

import pgtrigger
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person who signs in: a merchant's member, or staff."""

    language = models.CharField(_("language"), max_length=10, blank=True)

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Platform(models.Model):
    """Who runs a platform of mini programs and files complaints about them through the API."""

    class PublicForm(models.TextChoices):
        FILE = "file", _("consumers may ask and complain")
        ASK = "ask", _("consumers may ask")
        OFF = "off", _("there is no public form")

    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=200)
    public_form = models.CharField(
        _("public form"),
        max_length=8,
        choices=PublicForm.choices,
        default=PublicForm.FILE,
        help_text=_("What anybody may send about a mini program without a key of the platform."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("platform")
        verbose_name_plural = _("platforms")

    def __str__(self) -> str:
        return self.name


class Merchant(models.Model):
    """A merchant: the tenant. Its members see what is its own, and nothing else exists for them."""

    platform = models.ForeignKey(Platform, models.PROTECT, related_name="merchants", verbose_name=_("platform"))
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        constraints = [models.UniqueConstraint(fields=["platform", "name"], name="one_merchant_of_a_name_per_platform")]

    def __str__(self) -> str:
        return self.name


class MiniProgram(models.Model):
    """Where a trade happened: a mini program or a life account of a merchant."""

    class Kind(models.TextChoices):
        MINI_PROGRAM = "mini_program", _("mini program")
        LIFE_ACCOUNT = "life_account", _("life account")

    platform = models.ForeignKey(Platform, models.PROTECT, related_name="mini_programs", verbose_name=_("platform"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="mini_programs", verbose_name=_("merchant"))
    app_id = models.CharField(_("app id"), max_length=64)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.MINI_PROGRAM)
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("mini program")
        verbose_name_plural = _("mini programs")
        constraints = [models.UniqueConstraint(fields=["platform", "app_id"], name="one_mini_program_per_app_id")]

    def __str__(self) -> str:
        return self.name


class ContactPoint(models.Model):
    """How consumers reach a merchant about one mini program, before they complain."""

    mini_program = models.OneToOneField(
        MiniProgram, models.CASCADE, related_name="contact", verbose_name=_("mini program")
    )
    phone = models.CharField(_("service phone"), max_length=32, blank=True)
    hours = models.CharField(_("service hours"), max_length=100, blank=True)
    url = models.URLField(_("online service"), max_length=300, blank=True)
    changed_by = models.CharField(_("changed by"), max_length=200)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

    def __str__(self) -> str:
        return f"{self.mini_program} · {self.phone or self.url}"


class Grant(models.TextChoices):
    """What an account administrator may give a member."""

    VIEW = "view", _("see complaints and penalties")
    HANDLE = "handle", _("handle complaints and leave messages")
    REFUND = "refund", _("refund")
    APPEAL = "appeal", _("appeal")
    FUND = "fund", _("use the guarantee plan")
    MEMBERS = "members", _("manage members")
    SETTINGS = "settings", _("change settings")


class Membership(models.Model):
    """A person's place at one merchant, and what they may do there. An account administrator may do everything."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="memberships", verbose_name=_("merchant"))
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", verbose_name=_("user"))
    is_administrator = models.BooleanField(_("account administrator"), default=False)
    grants = ArrayField(
        models.CharField(max_length=16, choices=Grant.choices), default=list, blank=True, verbose_name=_("grants")
    )
    visited_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    visit_before_ended_at = models.DateTimeField(_("the visit before ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "user"], name="one_membership_per_merchant_and_user")
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.merchant}"

    @property
    def effective_grants(self) -> frozenset[str]:
        return frozenset(Grant.values if self.is_administrator else self.grants)


class Invitation(models.Model):
    """An invitation to work for a merchant. Its link is signed and opens once; renewed, the link before is dead."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="invitations", verbose_name=_("merchant"))
    email = models.EmailField(_("mail address"))
    is_administrator = models.BooleanField(_("account administrator"), default=False)
    grants = ArrayField(
        models.CharField(max_length=16, choices=Grant.choices), default=list, blank=True, verbose_name=_("grants")
    )
    language = models.CharField(_("language of the mail"), max_length=10)
    version = models.PositiveSmallIntegerField(default=1)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("invited by"))
    invited_at = models.DateTimeField(_("invited at"))
    expires_at = models.DateTimeField(_("expires at"))
    mail_at = models.DateTimeField(_("mail to be sent at"), null=True, blank=True)
    mailed_at = models.DateTimeField(_("mailed at"), null=True, blank=True)
    mail_failures = models.PositiveSmallIntegerField(_("mails that failed"), default=0)
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("accepted by")
    )
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                "merchant",
                Lower("email"),
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="one_open_invitation_per_address",
            )
        ]
        indexes = [models.Index(fields=["mail_at"], name="invitation_to_mail", condition=Q(mail_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.email} · {self.merchant}"


class AccessRequest(models.Model):
    """A member asks for a grant that they lack; an account administrator grants or declines it."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="requests", verbose_name=_("member"))
    grant = models.CharField(_("grant"), max_length=16, choices=Grant.choices)
    note = models.CharField(_("note"), max_length=300, blank=True)
    asked_at = models.DateTimeField(_("asked at"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    is_granted = models.BooleanField(_("granted"), null=True, blank=True)

    class Meta:
        verbose_name = _("request for access")
        verbose_name_plural = _("requests for access")
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "grant"], condition=Q(decided_at=None), name="one_open_request_per_grant"
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, is_granted=None) | Q(decided_at__isnull=False, is_granted__isnull=False),
                name="a_decided_request_has_an_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.membership}: {self.grant}"


class MemberLine(models.Model):
    """One change to who works for a merchant and what they may do. Only ever added."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="member_lines", verbose_name=_("merchant"))
    verb = models.CharField(_("verb"), max_length=24)
    about = models.CharField(_("about"), max_length=254)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("who"), max_length=200)
    at = models.DateTimeField(_("at"))
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("change of members")
        verbose_name_plural = _("changes of members")
        indexes = [models.Index(fields=["merchant", "-at", "-id"], name="member_line_by_merchant")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.verb} {self.about}"


class ApiKey(models.Model):
    """A key for the API: a platform's own, or one merchant's. Only its hash is kept; the key is shown once."""

    platform = models.ForeignKey(Platform, models.CASCADE, related_name="api_keys", verbose_name=_("platform"))
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="api_keys", null=True, blank=True, verbose_name=_("merchant")
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=16, unique=True)
    secret_hash = models.CharField(max_length=64, editable=False)
    grants = ArrayField(
        models.CharField(max_length=16, choices=Grant.choices), default=list, blank=True, verbose_name=_("grants")
    )
    created_at = models.DateTimeField(_("created at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotentRequest(models.Model):
    """An answer that was given to an `Idempotency-Key`, kept so that the same request gets it again."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="one_answer_per_idempotency_key")]

    def __str__(self) -> str:
        return self.key
