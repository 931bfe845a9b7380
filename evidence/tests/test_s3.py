"""The same over the S3 protocol, against a server on this machine."""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from django.db import transaction
from django.test import Client
from django.urls import reverse
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from complaints.tests.factories import make_member
from complaints_portal.settings import evidence_storage
from evidence.models import Evidence
from evidence.services import NotKept
from evidence.tests import making
from evidence.tests.conftest import keep_for
from merchants.models import Grant, Merchant

KEYS = {"access_key": "test", "secret_key": "test"}  # the server on this machine takes any


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3, on a free port of this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, settings: Settings) -> Any:
    """Let the portal keep its evidence in a new bucket, configured as an operator does, and return the bucket."""
    name = f"evidence-{uuid4().hex}"
    bucket = boto3.resource(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        config=Config(proxies={}),
    ).create_bucket(Bucket=name)
    use_storage(settings, f"s3://{name}/portal/proofs?endpoint_url={endpoint}&region_name=us-east-1")
    return bucket


def use_storage(settings: Settings, address: str) -> None:
    storage = evidence_storage(address)
    storage["OPTIONS"] = {**storage["OPTIONS"], **KEYS}  # type: ignore[dict-item]
    settings.STORAGES = settings.STORAGES | {"evidence": storage}


def names_in(bucket: Any) -> list[str]:
    return [each.key for each in bucket.objects.all()]


def test_a_picture_is_kept_in_the_bucket_and_served_from_it(merchant: Merchant, bucket: Any, client: Client) -> None:
    (evidence,) = keep_for(merchant, ("proof.png", making.png()))
    assert names_in(bucket) == [f"portal/proofs/2026/11/{evidence.token}.png"]
    client.force_login(make_member(merchant, Grant.VIEW))
    response: Any = client.get(reverse("evidence:show", args=[evidence.token]))
    sent = b"".join(response.streaming_content)
    assert making.decode(sent).size == (60, 40)
    assert (response["Content-Type"], int(response["Content-Length"])) == ("image/png", len(sent))
    assert response["Content-Disposition"] == 'inline; filename="proof.png"'


def test_a_picture_that_the_bucket_lost_is_not_found(merchant: Merchant, bucket: Any, client: Client) -> None:
    (evidence,) = keep_for(merchant, ("proof.png", making.png()))
    bucket.objects.all().delete()
    client.force_login(make_member(merchant, Grant.VIEW))
    assert client.get(reverse("evidence:show", args=[evidence.token])).status_code == 404


def test_a_rollback_removes_it_from_the_bucket(merchant: Merchant, bucket: Any) -> None:
    with transaction.atomic():
        keep_for(merchant, ("proof.png", making.png()))
        assert len(names_in(bucket)) == 1
        transaction.set_rollback(True)
    assert not names_in(bucket)
    assert not Evidence.objects.exists()


def test_a_bucket_that_is_not_there_is_refused_and_leaves_no_row(
    merchant: Merchant, endpoint: str, settings: Settings
) -> None:
    use_storage(settings, f"s3://nowhere-{uuid4().hex}?endpoint_url={endpoint}&region_name=us-east-1")
    with pytest.raises(NotKept):
        keep_for(merchant, ("proof.png", making.png()))
    assert not Evidence.objects.exists()
