"""Platforms, merchants, mini programs, members and API keys."""

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
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

    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=200)
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
