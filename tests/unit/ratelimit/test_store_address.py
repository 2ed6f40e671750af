"""What somebody wrote into a Secret as the address of a store is one or a message, and is never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.ratelimit import RedisStore, StoreError
from kuadrant.ratelimit.store_address import AddressError, StoreAddress, parse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("redis://store", StoreAddress(host="store")),
        ("redis://store:6380/3", StoreAddress(host="store", port=6380, database=3)),
        ("redis://:p%40ss%2Fw@store", StoreAddress(host="store", password="p@ss/w")),
        ("redis://me:pass@store/", StoreAddress(host="store", user="me", password="pass")),
        ("redis://[::1]:7/0?protocol=resp3", StoreAddress(host="::1", port=7, protocol=3)),
        ("redis://store?db=5&protocol=2", StoreAddress(host="store", database=5, protocol=2)),
        ("rediss://store", StoreAddress(host="store", tls=True)),
        (
            "rediss://store?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem",
            StoreAddress(host="store", tls=True, host_checked=False, authority="/ca.pem"),
        ),
    ],
)
def test_an_address_is_read(text: str, address: StoreAddress) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("redis://:s3cret@store/0?foo=bar", "option that is not known"),
        ("redis://:s3cret@store/0?retry=", "option that is not known"),
        ("redis://:s3cret@store/0?encoding=s3cret", "option that is not known"),
        ("redis://:s3cret@store/0?retry_on_timeout=x&socket_timeout=y", "option that is not known"),
        ("redis://:s3cret@store?db=1&db=2", "stands twice"),
        ("redis://:s3cret@store?s3cret", "not NAME=VALUE"),
        ("redis://:s3cret@store/1?db=1", "twice"),
        ("redis://:s3cret@store/s3cret", "no number"),
        ("redis://:s3cret@store/99999999999999999999", "no number"),
        ("redis://:s3cret@store/-1", "no number"),
        ("redis://:s3cret@store?protocol=s3cret", "protocol"),
        ("redis://:s3cret@store?ssl_cert_reqs=none", "rediss://"),
        ("rediss://:s3cret@store?ssl_cert_reqs=s3cret", "ssl_cert_reqs"),
        ("redis://:s3cret@store#s3cret", 'behind a "#"'),
        ("redis://:s3/cret@store", "%2F"),
        ("redis://:s3?cret@store", "%3F"),
        ("redis://:s3cret@store:port", "not one like"),
        ("redis://:s3cret@store:99999", "not one like"),
        ("redis://:s3cret@", "not one like"),
        ("redis://[::1", "not one like"),
        ("http://:s3cret@store", "not one like"),
        ("unix:///s3cret", "not one like"),
        ("s3cret", "not one like"),
        ("", "not one like"),
        ("redis://store/\x00s3cret", "characters"),
        ("redis://store/0\nredis://s3cret", "characters"),
        ("redis://" + "s3cret" * 2000, "too long"),
    ],
)
def test_what_is_no_address_is_told_without_a_part_of_it(text: str, reason: str) -> None:
    with pytest.raises(StoreError) as caught:
        RedisStore(text)
    assert reason in str(caught.value)
    assert "s3" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_password_is_in_no_text_of_an_address() -> None:
    assert "s3cret" not in repr(parse("redis://me:s3cret@store")) + str(parse("redis://me:s3cret@store"))


PARTS = st.sampled_from(
    [
        *"redis://:@/?&=#%[] \n\0",
        "rediss://",
        "%2F",
        "%",
        "6379",
        "db=",
        "retry",
        "protocol=3",
        "store",
        "ü",
        "\ud800",
    ]
)


@given(
    st.text()
    | st.lists(PARTS, max_size=12).map("".join)
    | st.lists(PARTS, max_size=8).map(lambda x: "redis://" + "".join(x))
)
def test_any_text_is_an_address_that_can_be_used_or_a_message(text: str) -> None:
    try:
        parse(text)
    except AddressError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
        with pytest.raises(StoreError):
            RedisStore(text)
    else:
        RedisStore(text)
