"""`Evidence`: one picture, as we encoded it ourselves."""

from django.core.files.storage import storages
from django.core.files.storage.base import Storage
from django.db import models
from django.utils.translation import gettext_lazy as _

from merchants.models import Merchant, Platform


def evidence_files() -> Storage:
    """Return the storage that `EVIDENCE_STORAGE` names."""
    return storages["evidence"]


class Evidence(models.Model):
    """A picture that proves something. The file is our own re-encoding; what was sent is kept only as a hash.

    It belongs to the platform, and to the merchant whose case it is for. `token` is the unguessable name in its
    address; who may see it is asked each time all the same.
    """

    token = models.CharField(max_length=32, unique=True)
    platform = models.ForeignKey(Platform, models.PROTECT, related_name="+", verbose_name=_("platform"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    name = models.CharField(_("file name"), max_length=255)
    file = models.FileField(_("file"), storage=evidence_files, max_length=200)
    content_type = models.CharField(_("content type"), max_length=32)
    size = models.PositiveIntegerField(_("size in bytes"))
    width = models.PositiveIntegerField(_("width in pixels"))
    height = models.PositiveIntegerField(_("height in pixels"))
    sent_sha256 = models.CharField(_("SHA-256 as sent"), max_length=64, db_index=True)
    stored_sha256 = models.CharField(_("SHA-256 as stored"), max_length=64)
    uploaded_by = models.CharField(_("uploaded by"), max_length=200)
    sent_through = models.CharField(
        _("sent through"),
        max_length=64,
        blank=True,
        db_default="",
        help_text=_("The case of the consumer's link through which it came; empty for everybody else's."),
    )
    uploaded_at = models.DateTimeField(_("uploaded at"))

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering = ("pk",)  # as they were kept, wherever pictures are shown

    def __str__(self) -> str:
        return self.name
