"""The budget of bytes in hand."""

import pytest

from gateway.edge.admission import Admission
from schemas.errors import Overloaded


def test_what_a_request_holds_is_given_back_however_it_ends() -> None:
    admission = Admission(10)
    with admission.request() as one, admission.request() as other:
        one.grow(6)
        other.grow(4)
        with pytest.raises(Overloaded):
            other.grow(1)
    with pytest.raises(RuntimeError):
        _fail_holding(admission, 10)
    with admission.request() as whole:
        whole.grow(10)
        whole.shrink(4)
        with admission.request() as other:
            other.grow(4)
    with admission.request() as whole:
        whole.grow(10)


def _fail_holding(admission: Admission, size_bytes: int) -> None:
    with admission.request() as hold:
        hold.grow(size_bytes)
        raise RuntimeError
