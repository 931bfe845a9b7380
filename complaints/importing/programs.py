"""Merchants and mini programs of a source that knows no app ids: made when a batch needs them, and only then."""

from collections.abc import Iterable

from complaints.importing.mapping import Program
from merchants.models import Merchant, MiniProgram


def make_missing(programs: Iterable[Program], *, platform_id: int) -> set[str]:
    """Make the mini programs, and their merchants, that are not there yet; return the new ones' app ids.

    Call it inside the transaction that files the complaints. Rows are inserted in one order by everybody, so that two
    imports never wait for each other crosswise.
    """
    wanted = {program.app_id: program for program in programs}
    known = MiniProgram.objects.filter(platform_id=platform_id, app_id__in=wanted).values_list("app_id", flat=True)
    missing = [wanted[app_id] for app_id in sorted(wanted.keys() - set(known))]
    if not missing:
        return set()
    names = sorted({program.merchant for program in missing})
    Merchant.objects.bulk_create(
        [Merchant(platform_id=platform_id, name=name) for name in names], ignore_conflicts=True
    )
    merchants = dict(Merchant.objects.filter(platform_id=platform_id, name__in=names).values_list("name", "pk"))
    MiniProgram.objects.bulk_create(
        [
            MiniProgram(
                platform_id=platform_id,
                merchant_id=merchants[program.merchant],
                app_id=program.app_id,
                name=program.name or program.app_id,
            )
            for program in missing
        ],
        ignore_conflicts=True,
    )
    return {program.app_id for program in missing}


def drop_unused(app_ids: set[str], *, platform_id: int) -> None:
    """Take back mini programs that were just made for rows that were refused, and merchants that have no other."""
    unused = MiniProgram.objects.filter(platform_id=platform_id, app_id__in=app_ids)
    merchant_ids = list(unused.values_list("merchant_id", flat=True))
    unused.delete()
    Merchant.objects.filter(pk__in=merchant_ids, mini_programs=None).delete()
