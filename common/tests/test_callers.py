"""From which address a request came, whatever it says of itself; and that the log says the same."""

import logging

import pytest
from django.test import Client, RequestFactory

from common.callers import address_of, locked_out_by, network_of

HOST = "203.0.113.7"
ADDRESSES = [
    (0, None, HOST, HOST),
    (0, "198.51.100.1", HOST, HOST),
    (1, None, HOST, HOST),
    (1, "198.51.100.1", "198.51.100.1", "198.51.100.1"),
    (1, "10.0.0.1, 198.51.100.1", "198.51.100.1", "198.51.100.1"),
    (2, "198.51.100.1,10.0.0.2", "198.51.100.1", "198.51.100.1"),
    (2, "192.0.2.66, 198.51.100.1, 10.0.0.2", "198.51.100.1", "198.51.100.1"),
    (2, "198.51.100.1", HOST, HOST),
    (1, "198.51.100.1:4711", "198.51.100.1", "198.51.100.1"),
    (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
    (1, "[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
    (1, "[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
    (1, "::ffff:198.51.100.1", "198.51.100.1", "198.51.100.1"),
    (1, "nonsense", "", ""),
    (1, "198.51.100.1:port", "", ""),
]


@pytest.mark.parametrize(("proxies", "forwarded", "address", "network"), ADDRESSES)
def test_whose_address_it_is(settings, proxies, forwarded, address, network):
    settings.TRUSTED_PROXIES = proxies
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR=HOST, headers=headers)
    assert (address_of(request), network_of(request), locked_out_by(request)) == (address, network, network or None)


def test_through_a_socket_of_this_machine_there_is_none():
    request = RequestFactory().get("/", REMOTE_ADDR="")
    assert (address_of(request), network_of(request), locked_out_by(request)) == ("", "", None)


@pytest.mark.django_db
@pytest.mark.parametrize(("proxies", "address"), [(0, HOST), (1, "198.51.100.1")])
def test_the_log_names_the_address_and_not_what_the_sender_made_up(settings, caplog, proxies, address):
    settings.TRUSTED_PROXIES = proxies
    with caplog.at_level(logging.INFO):
        Client(REMOTE_ADDR=HOST, headers={"x-forwarded-for": "192.0.2.66, 198.51.100.1"}).get("/health/live")
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert {line["ip"] for line in lines if line["event"] in {"request_started", "request_finished"}} == {address}
