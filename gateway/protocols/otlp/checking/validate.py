"""What arrives at `/v1/<signal>`: which items are accepted, which are refused alone, and what refuses the request."""

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import NamedTuple

from msgspec import DecodeError
from msgspec.structs import replace

from gateway.protocols.otlp.as_json.read import column, other_key, read
from gateway.protocols.otlp.checking.arrival import Arrival, count_points, items_of
from gateway.protocols.otlp.checking.bulk import check
from gateway.protocols.otlp.checking.depth import SMALL_MAX_BYTES, parse_measured
from gateway.protocols.otlp.checking.remove import Faults, remove_from_json, remove_from_message
from gateway.protocols.otlp.checking.truncation import first_cut
from gateway.protocols.otlp.decode import wrong_signal
from gateway.protocols.otlp.explain import other_signal
from gateway.protocols.otlp.levels import is_typical
from gateway.protocols.otlp.messages import LEVELS
from gateway.protocols.otlp.verdict import Verdict
from gateway.protocols.otlp.views import SHALLOW
from gateway.runtime.settings import Limits
from schemas.errors import Malformed
from schemas.signals import Format, Signal

_HEX_DIGITS = b"0123456789abcdefABCDEF"
_LIMITS = Limits()
# How nearly every span begins: the tags and lengths of its trace id and of its span id, with ids between.
_GOOD_HEAD = b"\x0a\x10" + bytes(16) + b"\x12\x08" + bytes(8)
_TAGS_AND_LENGTHS = (0, 1, 18, 19)
_ZEROS = (_GOOD_HEAD[:18], _GOOD_HEAD[18:])
_HEAD = itemgetter(slice(len(_GOOD_HEAD)))
_RULE = "a trace id has 16 bytes, a span id has 8, and neither is all zeros"


class _Form(NamedTuple):
    """How ids look in one format."""

    trace_length: int
    span_length: int
    trace_zeros: bytes | str
    span_zeros: bytes | str


_FORMS = {Format.PROTOBUF: _Form(16, 8, bytes(16), bytes(8)), Format.JSON: _Form(32, 16, "0" * 32, "0" * 16)}


def validate(signal: Signal, payload_format: Format, data: bytes, limits: Limits = _LIMITS) -> Verdict:
    """Check a request (decompressed; protobuf or JSON) and answer what became of its items.

    A span with a bad id is refused alone; a log record with bad ids is kept without them; data points are counted.
    What the worker will cut by these limits is told.

    Raises:
        Malformed: the bytes are no request of this signal, or none of its items is acceptable.
        PayloadTooLarge: it has too many items, or objects.
    """
    request, mended = _read(signal, payload_format, data, limits)
    accepted = count_points(request.items) if signal is Signal.METRICS else request.count
    if not accepted:
        _check_signal(request)
        return Verdict(0)
    faults = _FAULTS[signal](request)
    if payload_format is Format.PROTOBUF and (faults or not is_typical(signal, request.first())):
        _check_signal(request)
    verdict = _without(request, faults) if faults else Verdict(accepted, rewritten=mended)
    told = first_cut(request, limits)
    return replace(verdict, message=f"{verdict.message} {told}".strip()) if told else verdict


def _read(signal: Signal, payload_format: Format, data: bytes, limits: Limits) -> tuple[Arrival, bytes | None]:
    """Read a request, and answer its bytes too where they had to be mended."""
    if payload_format is Format.JSON:
        if not data:
            raise Malformed("The JSON body is empty; a request without items is {}.")
        root, mended = read(signal, data)
        return Arrival(signal, payload_format, mended or data, root), mended
    check(signal, data)
    root, may_be_deep = parse_measured(signal, data, limits.nesting_max_depth)
    if len(data) <= SMALL_MAX_BYTES:
        return Arrival(signal, payload_format, data, root, may_be_deep), None
    shallow = SHALLOW[signal].FromString(data)
    return Arrival(signal, payload_format, data, root, may_be_deep, shallow, items_of(signal, shallow)), None


def _check_signal(request: Arrival) -> None:
    """Return unless a request is another signal's: items of one may be read as those of another, or as none at all."""
    is_json = request.payload_format is Format.JSON
    other = (other_key if is_json else other_signal)(request.signal, request.data)
    if other is not None:
        raise wrong_signal(request.signal, other)


def _ids(request: Arrival, name: str) -> Sequence[bytes | str]:
    """Answer one id of every item; those in JSON are hex digits, or the whole request is refused."""
    if request.payload_format is Format.PROTOBUF:
        return list(map(attrgetter(name), request.items))
    ids = column(request.items, name)
    if _is_not_hex("".join(ids)):
        _refuse_id(request, name, next(number for number, text in enumerate(ids) if _is_not_hex(text)), "is no hex")
    return ids


def _is_not_hex(text: str) -> bool:
    return bool(text.encode("ascii", "replace").translate(None, _HEX_DIGITS))


def _refuse_id(request: Arrival, name: str, number: int, what: str) -> None:
    raise Malformed(f"{request.place(number)}.{name} {what}.")


def _bad_spans(request: Arrival) -> Faults:
    """Find the spans that have to go; looking at all ids at once, as nearly always none is bad."""
    if request.raws and _begin_with_good_ids(request.raws):
        return {}
    form = _FORMS[request.payload_format]
    trace_ids, span_ids = _ids(request, "trace_id"), _ids(request, "span_id")
    if request.payload_format is Format.JSON:
        parents = _ids(request, "parent_span_id")
        if any(length % 2 for length in set(map(len, parents))):
            number = next(number for number, text in enumerate(parents) if len(text) % 2)
            _refuse_id(request, "parent_span_id", number, "has an odd number of hex digits")
    if (
        set(map(len, trace_ids)) == {form.trace_length}
        and set(map(len, span_ids)) == {form.span_length}
        and form.trace_zeros not in trace_ids
        and form.span_zeros not in span_ids
    ):
        return {}
    return {
        number: ()
        for number, (trace_id, span_id) in enumerate(zip(trace_ids, span_ids, strict=True))
        if len(trace_id) != form.trace_length
        or len(span_id) != form.span_length
        or trace_id == form.trace_zeros
        or span_id == form.span_zeros
    }


def _begin_with_good_ids(raws: Sequence[bytes]) -> bool:
    """Tell whether spans, as bytes, begin with a trace id and a span id, as every exporter writes them.

    No span is made for that. One that says its ids again further on, and others, is a dead letter then.
    """
    heads = b"".join(map(_HEAD, raws))
    size_bytes, count = len(_GOOD_HEAD), len(raws)
    return (
        len(heads) == size_bytes * count
        and all(heads[place::size_bytes] == _GOOD_HEAD[place : place + 1] * count for place in _TAGS_AND_LENGTHS)
        and not any(zeros in heads for zeros in _ZEROS)
    )


def _bad_log_ids(request: Arrival) -> Faults:
    """Find the log records whose ids have to go; a record may be without."""
    form = _FORMS[request.payload_format]
    trace_ids, span_ids = _ids(request, "trace_id"), _ids(request, "span_id")
    faults: dict[int, tuple[str, ...]] = {}
    for name, ids, length, zeros in (
        ("trace_id", trace_ids, form.trace_length, form.trace_zeros),
        ("span_id", span_ids, form.span_length, form.span_zeros),
    ):
        if set(map(len, ids)) <= {0, length} and zeros not in ids:
            continue
        for number, found in enumerate(ids):
            if (found and len(found) != length) or found == zeros:
                faults[number] = (*faults.get(number, ()), name)
    return faults


def _without(request: Arrival, faults: Faults) -> Verdict:
    """Take out what is at fault, and say so."""
    total = len(request.items)
    place = request.place(min(faults))
    if request.signal is Signal.TRACES:
        message = f"{len(faults)} of {total} spans were refused: {_RULE}. The first is {place}."
        rejected = len(faults)
    else:
        message = f"{len(faults)} of {total} log records were kept without their ids: {_RULE}. The first is {place}."
        rejected = 0
    if rejected == total:
        raise Malformed(message)
    levels = LEVELS[request.signal]
    if request.payload_format is Format.PROTOBUF:
        return Verdict(total - rejected, rejected, message, remove_from_message(request.root, levels, faults))
    try:
        rewritten = remove_from_json(request.data, levels, faults)
    except (DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The JSON body has a field whose name cannot be read: {error}.") from error
    return Verdict(total - rejected, rejected, message, rewritten)


_FAULTS: dict[Signal, Callable[[Arrival], Faults]] = {
    Signal.TRACES: _bad_spans,
    Signal.LOGS: _bad_log_ids,
    Signal.METRICS: lambda _: {},
}
