"""The ring of refused requests: bounded, the newest stay, and nothing that looks like a key."""

from gateway.edge.accounting.rejections import Rejections

CALLER = ("environment", "credential")


def note(ring: Rejections, *, caller: tuple[str, str] = CALLER, message: str = "No.", now_ns: int = 1) -> None:
    ring.note(caller, now_ns, route="otlp_logs", status=403, reason="wrong_origin", message=message)


def test_what_was_noted_is_answered_once() -> None:
    ring = Rejections()
    note(ring)
    (found,) = ring.drain()
    assert (found.environment_id, found.credential_id, found.status, found.message) == (*CALLER, 403, "No.")
    assert ring.drain() == []


def test_the_newest_of_each_environment_stay() -> None:
    ring = Rejections()
    for number in range(1000):
        note(ring, message=str(number))
    note(ring, caller=("other", "credential"))
    found = ring.drain()
    assert [each.message for each in found] == [*(str(number) for number in range(950, 1000)), "No."]


def test_more_environments_than_there_is_room_for_are_left_out() -> None:
    ring = Rejections()
    for number in range(2000):
        note(ring, caller=(str(number), "credential"))
    assert len(ring.drain()) == 1000


def test_what_could_not_be_written_goes_before_what_came_since() -> None:
    ring = Rejections()
    for number in range(40):
        note(ring, message=str(number))
    drained = ring.drain()
    for number in range(40, 80):
        note(ring, message=str(number))
    ring.restore(drained)
    assert [each.message for each in ring.drain()] == [str(number) for number in range(30, 80)]


def test_a_message_is_cut_and_holds_no_key() -> None:
    ring = Rejections()
    note(ring, message="The key ak_prod_01ARZ3NDEKTSV4RRFFQ69G5FAV is wrong.\x00" + "x" * 1000)
    (found,) = ring.drain()
    assert "01ARZ3" not in found.message
    assert "\x00" not in found.message
    assert len(found.message) == 500
