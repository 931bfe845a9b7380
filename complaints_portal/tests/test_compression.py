"""Text leaves compressed, where it is asked for; what is compressed already stays as it is."""

import gzip
from typing import Any

import pytest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from complaints_portal.middleware import CompressionMiddleware

LONG = b"<p>The complaint waits.</p>" * 100


def answered(response: HttpResponseBase, accepts: str = "gzip, br") -> Any:
    """What the middleware makes of a response, for a client that accepts these encodings."""
    request = RequestFactory().get("/", headers={"accept-encoding": accepts})
    return CompressionMiddleware(lambda _request: response)(request)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "text/csv"])
def test_text_is_compressed(kind):
    response = answered(HttpResponse(LONG, content_type=kind))
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(response.content) == LONG
    assert len(response.content) < len(LONG) / 5


def test_a_client_that_does_not_ask_gets_it_plain():
    assert answered(HttpResponse(LONG), accepts="identity").content == LONG


@pytest.mark.parametrize("kind", ["image/png", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"])
def test_a_picture_and_a_spreadsheet_keep_their_length(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(LONG)
    with path.open("rb") as file:
        response = answered(FileResponse(file, content_type=kind))
        assert "Content-Encoding" not in response.headers
        assert response.headers["Content-Length"] == str(len(LONG))
        assert b"".join(response.streaming_content) == LONG


def test_a_long_file_is_compressed_while_it_is_made():
    response = answered(StreamingHttpResponse([LONG] * 3, content_type="text/csv"))
    assert gzip.decompress(b"".join(response.streaming_content)) == LONG * 3


def test_the_length_of_the_same_page_differs_so_that_it_tells_nothing():
    lengths = {len(answered(HttpResponse(LONG)).content) for _ in range(40)}
    assert len(lengths) > 10


@pytest.mark.django_db
def test_pages_are_compressed(client):
    response = client.get("/accounts/login/", headers={"accept-encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert b"csrfmiddlewaretoken" in gzip.decompress(response.content)
