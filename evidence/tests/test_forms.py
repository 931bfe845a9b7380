"""A form with pictures forgets none of them when something else in it is wrong."""

from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from complaints.tests.factories import member_actor
from evidence.forms import KeepsPictures, PicturesField
from evidence.models import Evidence
from evidence.tests import making
from evidence.tests.conftest import NOW, files_in, keep_for
from merchants.models import Merchant

pytestmark = pytest.mark.usefixtures("directory")


class MessageForm(KeepsPictures, forms.Form):
    text = forms.CharField()
    pictures = PicturesField(required=False)


class ProofForm(KeepsPictures, forms.Form):
    pictures = PicturesField()


def fill(
    form: type[KeepsPictures], merchant: Merchant, *files: SimpleUploadedFile, data: str = "", **options: Any
) -> Any:
    return form(
        QueryDict(data),
        MultiValueDict({"pictures": list(files)} if files else {}),
        platform_id=merchant.platform_id,
        merchant_id=merchant.pk,
        actor=member_actor(merchant),
        now=NOW,
        **options,
    )


def upload(name: str = "proof.png", data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, making.png() if data is None else data)


def test_pictures_that_are_sent_come_out_as_evidence_in_their_order(merchant: Merchant) -> None:
    form = fill(MessageForm, merchant, upload("a.png"), upload("b.png"), data="text=hello")
    assert form.is_valid()
    assert [each.name for each in form.cleaned_data["pictures"]] == ["a.png", "b.png"]
    assert Evidence.objects.count() == 2


def test_a_form_that_fails_elsewhere_keeps_its_pictures_and_sends_them_again(merchant: Merchant) -> None:
    failed = fill(MessageForm, merchant, upload("a.png"), data="text=")
    assert not failed.is_valid()
    (kept,) = failed["pictures"].kept
    assert (kept.url, kept.alt) == (f"/evidence/{kept.id}/", "a.png")
    assert f'<input type="hidden" name="pictures_kept" value="{kept.id}">' in str(failed["pictures"])

    again = fill(MessageForm, merchant, upload("b.png"), data=f"text=hello&pictures_kept={kept.id}")
    assert again.is_valid()
    assert [each.name for each in again.cleaned_data["pictures"]] == ["a.png", "b.png"]
    assert Evidence.objects.count() == 2


def test_a_bad_picture_is_named_and_the_good_ones_beside_it_are_kept(merchant: Merchant) -> None:
    form = fill(MessageForm, merchant, upload("a.png"), upload("page.html", b"<html>"), data="text=hello")
    assert not form.is_valid()
    (error,) = form.errors["pictures"]
    assert "“page.html”" in error
    assert [each.alt for each in form["pictures"].kept] == ["a.png"]


def test_kept_and_new_pictures_count_together(merchant: Merchant, directory: Path) -> None:
    kept = "&".join(f"pictures_kept={each.token}" for each in keep_for(merchant, *[("a.png", making.png())] * 9))
    assert fill(ProofForm, merchant, data=kept).is_valid()
    one_more = fill(ProofForm, merchant, upload(), data=kept)
    assert not one_more.is_valid()
    assert len(one_more["pictures"].kept) == 9
    assert len(files_in(directory)) == 9


def test_a_required_field_is_content_with_a_picture_kept_before(merchant: Merchant) -> None:
    (kept,) = keep_for(merchant, ("a.png", making.png()))
    assert fill(ProofForm, merchant, data=f"pictures_kept={kept.token}").is_valid()
    empty = fill(ProofForm, merchant)
    assert not empty.is_valid()
    assert empty.errors.as_data()["pictures"][0].code == "required"


def test_a_field_that_need_not_be_filled_may_be_empty(merchant: Merchant) -> None:
    form = fill(MessageForm, merchant, data="text=hello")
    assert form.is_valid()
    assert form.cleaned_data["pictures"] == []


def test_another_merchant_s_picture_cannot_be_kept(merchant: Merchant, other_merchant: Merchant) -> None:
    (foreign,) = keep_for(other_merchant, ("b.png", making.png()))
    form = fill(ProofForm, merchant, data=f"pictures_kept={foreign.token}")
    assert not form.is_valid()
    assert form["pictures"].kept == []
    assert foreign.token not in str(form)


def test_the_whole_field_shows_the_component_with_its_limits_errors_and_kept_pictures(merchant: Merchant) -> None:
    form = fill(MessageForm, merchant, upload("<b>.png"), upload("x.html", b"<html>"), data="text=hello")
    shown = form["pictures"].as_field_group()
    (kept,) = form["pictures"].kept
    assert f'name="pictures_kept" value="{kept.id}" checked' in shown
    assert 'alt="&lt;b&gt;.png"' in shown
    assert "“x.html”" in shown
    assert 'data-limit="9"' in shown
    assert 'data-max-bytes="5242880"' in shown
    assert "pictures" not in form["text"].as_field_group()


def test_the_empty_form_asks_for_several_pictures_of_three_kinds(merchant: Merchant) -> None:
    form = MessageForm(platform_id=merchant.platform_id, merchant_id=merchant.pk, actor=member_actor(merchant), now=NOW)
    assert form.is_multipart()
    shown = str(form["pictures"])
    assert 'type="file" name="pictures" multiple' in shown
    assert 'accept="image/jpeg,image/png,image/webp"' in shown
    assert "hidden" not in shown
    assert not form.has_changed()


def test_a_form_with_a_prefix_keeps_its_pictures_apart(merchant: Merchant) -> None:
    (kept,) = keep_for(merchant, ("a.png", making.png()))
    form = fill(ProofForm, merchant, data=f"second-pictures_kept={kept.token}", prefix="second")
    assert form.is_valid()
    assert form.cleaned_data["pictures"] == [kept]
    assert form["pictures"].kept_name == "second-pictures_kept"


def test_a_form_that_does_not_say_for_whom_it_keeps_pictures_is_a_mistake() -> None:
    class Forgetful(forms.Form):
        pictures = PicturesField()

    with pytest.raises(TypeError, match="KeepsPictures"):
        Forgetful({}).is_valid()
