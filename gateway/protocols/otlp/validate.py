"""What arrives at `/v1/<signal>`: which items are accepted, which are refused alone, and what refuses the request."""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import DecodeError
from msgspec.structs import replace

from gateway.protocols.otlp.decode import decode, parse, wrong_signal
from gateway.protocols.otlp.explain import other_signal
from gateway.protocols.otlp.json_read import column, other_key, read
from gateway.protocols.otlp.json_types import SNAKE
from gateway.protocols.otlp.messages import LEVELS, METRIC_DATA
from gateway.protocols.otlp.remove import Faults, remove_from_json, remove_from_message
from gateway.protocols.otlp.truncation import first_cut, may_be_cut_of_json, may_be_cut_of_message
from gateway.protocols.otlp.verdict import Verdict
from gateway.runtime.settings import Limits
from schemas.errors import Malformed, PayloadTooLarge
from schemas.signals import Format, Signal

_LEVEL_MAX_COUNT = 250_000  # resources, scopes or items of one request; exporters send some hundred
_DATA_POINTS_MAX_COUNT = 1_000_000  # of one request; one may be empty, and take two bytes
_HEX_DIGITS = b"0123456789abcdefABCDEF"
_LIMITS = Limits()
_RULE = "a trace id has 16 bytes, a span id has 8, and neither is all zeros"


class _Form(NamedTuple):
    """How ids look in one format."""

    trace_length: int
    span_length: int
    trace_zeros: bytes | str
    span_zeros: bytes | str


_FORMS = {Format.PROTOBUF: _Form(16, 8, bytes(16), bytes(8)), Format.JSON: _Form(32, 16, "0" * 32, "0" * 16)}


class _Request(NamedTuple):
    """A request as it was read: a protobuf message or a struct of `json_types`, and its items."""

    signal: Signal
    payload_format: Format
    data: bytes
    root: Any
    items: Sequence[Any]

    def place(self, number: int) -> str:
        """Name the place of an item, by its number in the whole request."""
        resources, scopes, items = LEVELS[self.signal]
        for resource_number, resource in enumerate(_children(self.root, resources)):
            for scope_number, scope in enumerate(_children(resource, scopes)):
                length = len(_children(scope, items))
                if number < length:
                    return f"{resources}[{resource_number}].{scopes}[{scope_number}].{items}[{number}]"
                number -= length
        raise IndexError(number)


def validate(signal: Signal, payload_format: Format, data: bytes, limits: Limits = _LIMITS) -> Verdict:
    """Check a request (decompressed; protobuf or JSON) and answer what became of its items.

    A span with a bad id is refused alone; a log record with bad ids is kept without them; data points are counted.
    What the worker will cut by these limits is told, where `truncation` finds it.

    Raises:
        Malformed: the bytes are no request of this signal, or none of its items is acceptable.
        PayloadTooLarge: it has too many items, or objects.
    """
    mended = None
    if payload_format is Format.PROTOBUF:
        root = parse(signal, data)
    elif data:
        root, mended = read(signal, data)
        data = mended or data
    else:
        raise Malformed("The JSON body is empty; a request without items is {}.")
    request = _Request(signal, payload_format, data, root, _items(root, LEVELS[signal]))
    accepted = _data_points(request) if signal is Signal.METRICS else len(request.items)
    if not accepted:
        return _nothing(request)
    faults = _FAULTS[signal](request)
    verdict = _without(request, faults) if faults else Verdict(accepted, rewritten=mended)
    may_be_cut = may_be_cut_of_message if payload_format is Format.PROTOBUF else may_be_cut_of_json
    return _with_cuts(request, verdict, limits) if may_be_cut(data, request.items, limits) else verdict


def _with_cuts(request: _Request, verdict: Verdict, limits: Limits) -> Verdict:
    """Say what will be cut of a request that is accepted."""
    message = request.data
    if request.payload_format is Format.JSON:
        passed = verdict.rewritten or request.data
        message = decode(request.signal, request.payload_format, passed).SerializeToString()
    told = first_cut(request.signal, message, limits)
    return replace(verdict, message=f"{verdict.message} {told}".strip()) if told else verdict


def _items(root: object, levels: tuple[str, str, str]) -> Sequence[Any]:
    """Collect the items, level by level: empty messages take two bytes each, so that a body can hold millions."""
    found: Sequence[Any] = (root,)
    for name in levels:
        lists = [_children(parent, name) for parent in found]
        count = sum(map(len, lists))
        if count > _LEVEL_MAX_COUNT:
            raise PayloadTooLarge(f"The request has {count} {name}; {_LEVEL_MAX_COUNT} is the limit. Send it in parts.")
        found = list(chain.from_iterable(lists))
    return found


def _children(value: object, name: str) -> Sequence[Any]:
    """Answer a repeated field of a message or of a struct, where it may be absent or written in snake_case."""
    found = getattr(value, name)
    return found if found is not None else getattr(value, SNAKE + name, None) or ()


def _nothing(request: _Request) -> Verdict:
    """Accept a request without items, unless it is another signal's."""
    is_json = request.payload_format is Format.JSON
    other = (other_key if is_json else other_signal)(request.signal, request.data)
    if other is not None:
        raise wrong_signal(request.signal, other)
    return Verdict(0)


def _data_points(request: _Request) -> int:
    """Count data points; where a metric in JSON has several kinds of data, the last one counts, as in protobuf."""
    if request.payload_format is Format.PROTOBUF:
        kinds = [(metric, metric.WhichOneof("data")) for metric in request.items]
        return _bounded(sum(len(getattr(metric, kind).data_points) for metric, kind in kinds if kind is not None))
    total = 0
    for metric in request.items:
        found = [
            data
            for kind in METRIC_DATA.values()
            if (data := getattr(metric, kind) or getattr(metric, SNAKE + kind, None))
        ]
        total += len(_children(found[-1], "data_points")) if found else 0
    return _bounded(total)


def _bounded(count: int) -> int:
    if count > _DATA_POINTS_MAX_COUNT:
        raise PayloadTooLarge(f"The request has {count} data points; {_DATA_POINTS_MAX_COUNT} is the limit.")
    return count


def _ids(request: _Request, name: str) -> Sequence[bytes | str]:
    """Answer one id of every item; those in JSON are hex digits, or the whole request is refused."""
    if request.payload_format is Format.PROTOBUF:
        return list(map(attrgetter(name), request.items))
    ids = column(request.items, name)
    if _is_not_hex("".join(ids)):
        _refuse_id(request, name, next(number for number, text in enumerate(ids) if _is_not_hex(text)), "is no hex")
    return ids


def _is_not_hex(text: str) -> bool:
    return bool(text.encode("ascii", "replace").translate(None, _HEX_DIGITS))


def _refuse_id(request: _Request, name: str, number: int, what: str) -> None:
    raise Malformed(f"{request.place(number)}.{name} {what}.")


def _bad_spans(request: _Request) -> Faults:
    """Find the spans that have to go; looking at all ids at once, as nearly always none is bad."""
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


def _bad_log_ids(request: _Request) -> Faults:
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
    first = request.items[0]
    is_suspicious = faults or not (first.time_unix_nano or first.observed_time_unix_nano)
    if is_suspicious and request.payload_format is Format.PROTOBUF:
        other = other_signal(request.signal, request.data)
        if other is not None:
            raise wrong_signal(request.signal, other)
    return faults


def _without(request: _Request, faults: Faults) -> Verdict:
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
        other = other_signal(request.signal, request.data) if request.payload_format is Format.PROTOBUF else None
        raise wrong_signal(request.signal, other) if other else Malformed(message)
    levels = LEVELS[request.signal]
    if request.payload_format is Format.PROTOBUF:
        return Verdict(total - rejected, rejected, message, remove_from_message(request.root, levels, faults))
    try:
        rewritten = remove_from_json(request.data, levels, faults)
    except (DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The JSON body has a field whose name cannot be read: {error}.") from error
    return Verdict(total - rejected, rejected, message, rewritten)


_FAULTS: dict[Signal, Callable[[_Request], Faults]] = {
    Signal.TRACES: _bad_spans,
    Signal.LOGS: _bad_log_ids,
    Signal.METRICS: lambda _: {},
}
