"""What requests hold of the budget of bytes in hand, and for whom."""

import pytest

from gateway.edge.admission import UNKNOWN, Admission
from gateway.runtime.settings import Limits
from schemas.errors import Overloaded, PayloadTooLarge

LIMITS = Limits(in_flight_max_bytes=20, in_flight_environment_percent=50)


def test_what_a_request_holds_is_given_back_however_it_ends() -> None:
    admission = Admission(LIMITS)
    with admission.request("a") as one, admission.request("a") as other:
        one.grow(6)
        other.grow(4)
        with pytest.raises(Overloaded, match=" 10 bytes of requests in hand of a,"):
            other.grow(1)
    with pytest.raises(RuntimeError):
        _fail_holding(admission, 10)
    with admission.request("a") as whole:
        whole.grow(10)
        whole.shrink(4)
        with admission.request("a") as other:
            other.grow(4)
    with admission.request("a") as whole:
        whole.grow(10)


def _fail_holding(admission: Admission, size_bytes: int) -> None:
    with admission.request("a") as hold:
        hold.grow(size_bytes)
        raise RuntimeError


def test_a_request_that_would_never_fit_is_not_told_to_try_again() -> None:
    admission = Admission(LIMITS)
    with admission.request("a") as busy, admission.request("a") as hold:
        busy.grow(5)
        hold.grow(5)
        with pytest.raises(PayloadTooLarge, match="more than 10 bytes in hand"):
            hold.grow(6)


def test_what_is_held_counts_for_the_environment_once_it_is_known() -> None:
    admission = Admission(LIMITS)
    with admission.request(UNKNOWN) as late, admission.request("a") as known:
        late.grow(7)
        late.pass_to("a")
        with pytest.raises(Overloaded, match=" 7 bytes of requests in hand of a,"):
            known.grow(4)
        with admission.request(UNKNOWN) as next_one:
            next_one.grow(6)
        known.grow(3)


def test_a_request_that_is_too_much_for_its_environment_holds_nothing_once_that_is_known() -> None:
    admission = Admission(LIMITS)
    with admission.request("a") as known:
        known.grow(6)
        with admission.request(UNKNOWN) as late:
            late.grow(5)
            with pytest.raises(Overloaded, match=" 6 bytes of requests in hand of a,"):
                late.pass_to("a")
            known.grow(4)
    with admission.request("a") as whole:
        whole.grow(10)
