"""The table of permissions says what the roles are for, and bindings reach what they name and nothing else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.roles.permissions import (
    ROLES,
    Base,
    Binding,
    Permission,
    Place,
    Scope,
    Where,
    allows,
    may_ever,
    may_grant,
    reach_of,
    reaches,
    where,
)

ME = "key:me"
NAMES = ("a", "b")
PLACES = st.builds(
    Place,
    app_id=st.sampled_from(NAMES),
    tier=st.sampled_from(NAMES),
    environment_id=st.sampled_from(NAMES),
    is_production=st.booleans(),
    owner=st.sampled_from([ME, "key:you", None]),
)
BINDINGS = st.builds(
    Binding,
    base=st.sampled_from(Base),
    scope=st.sampled_from(Scope),
    target=st.sampled_from(NAMES),
    without=st.frozensets(st.sampled_from(Permission), max_size=3),
)
PERMISSIONS = st.sampled_from(Permission)

DEVELOPMENT = Place(app_id="a", tier="b", environment_id="a")
PRODUCTION = Place(app_id="a", tier="b", environment_id="b", is_production=True)
MINE = Place(app_id="a", tier="b", environment_id="c", owner=ME)


@pytest.mark.parametrize(
    ("permission", "place", "agent", "developer", "admin"),
    [
        (Permission.SEE, PRODUCTION, True, True, True),
        (Permission.READ_EVENTS, PRODUCTION, True, True, True),
        (Permission.READ_EVENTS_WHOLE, DEVELOPMENT, False, True, True),
        (Permission.READ_EVENTS_WHOLE, PRODUCTION, False, False, True),
        (Permission.PREVIEW, MINE, False, True, True),
        (Permission.PREVIEW, DEVELOPMENT, False, False, True),
        (Permission.ENVIRONMENT, DEVELOPMENT, False, True, True),
        (Permission.ENVIRONMENT, PRODUCTION, False, False, True),
        (Permission.PROTECT, DEVELOPMENT, False, False, True),
        (Permission.KEYS, DEVELOPMENT, False, True, True),
        (Permission.KEYS, PRODUCTION, False, False, True),
        (Permission.OVERRIDE, DEVELOPMENT, False, False, True),
        (Permission.REVOKE, PRODUCTION, False, True, True),
        (Permission.WIPE, DEVELOPMENT, False, True, True),
        (Permission.WIPE, PRODUCTION, False, False, True),
        (Permission.ACCESS, Place(), False, False, True),
        (Permission.AUDIT, PRODUCTION, False, True, True),
        (Permission.AUDIT, MINE, True, True, True),
    ],
)
def test_what_the_roles_may(permission: Permission, place: Place, agent: bool, developer: bool, admin: bool) -> None:
    answers = [allows([Binding(base, Scope.ORGANIZATION)], permission, place, ME) for base in Base]
    assert answers == [agent, developer, admin]


def test_each_role_holds_what_the_one_before_holds() -> None:
    assert set(ROLES) == set(Permission)
    for row in ROLES.values():
        assert [each.value for each in row] == sorted(each.value for each in row)
        assert row[-1] is Where.ALL


@given(BINDINGS, PLACES)
def test_a_binding_reaches_what_it_names(binding: Binding, place: Place) -> None:
    named = {
        Scope.ORGANIZATION: binding.target,
        Scope.APP: place.app_id,
        Scope.TIER: place.tier,
        Scope.ENVIRONMENT: place.environment_id,
    }
    assert reaches(binding, place) == (named[binding.scope] == binding.target)


@given(st.lists(BINDINGS, max_size=3), PERMISSIONS, PLACES)
def test_bindings_add_up_and_never_take_away(bindings: list[Binding], permission: Permission, place: Place) -> None:
    assert allows(bindings, permission, place, ME) == any(allows([b], permission, place, ME) for b in bindings)
    if allows(bindings, permission, place, ME):
        assert may_ever(bindings, permission)


@given(BINDINGS, PERMISSIONS, PLACES)
def test_what_a_role_goes_without_it_does_not_hold(binding: Binding, permission: Permission, place: Place) -> None:
    if permission in binding.without:
        assert not allows([binding], permission, place, ME)
    elif reaches(binding, place):
        built_in = Binding(binding.base, Scope.ORGANIZATION)
        assert allows([binding], permission, place, ME) == allows([built_in], permission, place, ME)


@given(st.lists(BINDINGS, max_size=3), PERMISSIONS, PLACES)
def test_a_list_shows_what_may_be_seen_one_by_one(
    bindings: list[Binding], permission: Permission, place: Place
) -> None:
    reach = reach_of(bindings, permission)
    is_listed = (
        reach.is_everything
        or place.app_id in reach.app_ids
        or place.tier in reach.tiers
        or place.environment_id in reach.environment_ids
    )
    partly = [b for b in bindings if reaches(b, place) and where(b, permission) in (Where.OWN, Where.NON_PRODUCTION)]
    if not partly:
        assert is_listed == allows(bindings, permission, place, ME)


@given(st.lists(BINDINGS, max_size=3), BINDINGS, PERMISSIONS, PLACES)
def test_nobody_gives_what_they_do_not_hold(
    bindings: list[Binding], granted: Binding, permission: Permission, place: Place
) -> None:
    if may_grant(bindings, granted) and allows([granted], permission, place, ME):
        assert allows(bindings, permission, place, ME)


def test_administrators_give_every_role_and_nobody_else_gives_any() -> None:
    for base, scope in itertools.product(Base, Scope):
        assert may_grant([Binding(Base.ADMIN, Scope.ORGANIZATION)], Binding(base, scope, "a"))
        assert not may_grant([Binding(Base.DEVELOPER, Scope.ORGANIZATION)], Binding(base, scope, "a"))
        assert not may_grant([Binding(Base.ADMIN, Scope.APP, "a")], Binding(base, scope, "a"))
