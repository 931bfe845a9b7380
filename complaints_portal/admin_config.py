"""Puts the portal's admin site in the place of the stock one."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    """The stock admin app with `PortalAdminSite` as its site."""

    default_site = "complaints_portal.admin_site.PortalAdminSite"
