"""Access control lists: truth tables, forms, and what holds of all of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.errors import FlagError, InvariantBroken
from mesos_compat.master.authorization import (
    AUTHORIZABLE_PATHS,
    Authorizer,
    allows_claims,
    parse_acls,
)

ANY = {"type": "ANY"}
NONE = {"type": "NONE"}


def some(*values: str) -> dict[str, object]:
    return {"values": list(values)}


def authorizer(*, permissive: bool = True, **actions: object) -> Authorizer:
    return Authorizer(parse_acls(json.dumps({"permissive": permissive, **actions})))


def one_entry(principals: object, roles: object, *, permissive: bool) -> Authorizer:
    return authorizer(
        permissive=permissive,
        register_frameworks=[{"principals": principals, "roles": roles}],
    )


def test_without_acls_everything_is_allowed() -> None:
    assert Authorizer().allows("run_tasks", None, users="root")
    assert Authorizer().allows("register_agents", "p")
    assert Authorizer().filter("view_tasks", "p").allows_all


#: What one entry says of a principal or an object: None when it does not match.
TABLE = [
    (ANY, "a", True),
    (ANY, None, True),
    (NONE, "a", False),
    (NONE, None, False),
    (some("a"), "a", True),
    (some("a", "b"), "b", True),
    (some("a"), "b", None),
    (some("a"), None, None),
    (some(), "a", None),
    ({"type": "SOME", "values": ["a"]}, "a", True),
    # Values beside ANY and NONE are ignored.
    ({"type": "ANY", "values": ["b"]}, "a", True),
    ({"type": "NONE", "values": ["b"]}, "a", False),
]


@pytest.mark.parametrize("permissive", [True, False])
@pytest.mark.parametrize(("objects", "role", "for_role"), TABLE)
@pytest.mark.parametrize(("principals", "principal", "for_principal"), TABLE)
def test_an_entry_decides_when_principal_and_object_match(
    principals: object,
    principal: str | None,
    for_principal: bool | None,
    objects: object,
    role: str | None,
    for_role: bool | None,
    permissive: bool,
) -> None:
    expected = permissive if None in (for_principal, for_role) else bool(for_principal and for_role)
    asked = one_entry(principals, objects, permissive=permissive)
    assert asked.allows("register_frameworks", principal, roles=role) == expected


def test_the_first_entry_that_matches_decides() -> None:
    asked = authorizer(
        run_tasks=[
            {"principals": some("p"), "users": some("a")},
            {"principals": some("p"), "users": NONE},
            {"principals": some("p"), "users": some("b")},
        ]
    )
    assert asked.allows("run_tasks", "p", users="a")
    assert not asked.allows("run_tasks", "p", users="b")
    assert asked.allows("run_tasks", "q", users="b")


def test_a_whitelist_ends_with_nobody() -> None:
    entries = [
        {"principals": some("p"), "roles": some("a")},
        {"principals": NONE, "roles": some("a")},
    ]
    asked = authorizer(register_frameworks=entries)
    assert asked.allows("register_frameworks", "p", roles="a")
    assert not asked.allows("register_frameworks", "q", roles="a")
    assert not asked.allows("register_frameworks", None, roles="a")
    assert asked.allows("register_frameworks", "q", roles="b")


def test_actions_do_not_mix() -> None:
    asked = authorizer(view_tasks=[{"principals": ANY, "users": NONE}])
    assert not asked.allows("view_tasks", "p", users="u")
    assert asked.allows("view_executors", "p", users="u")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("a", False), ("a/b", True), ("a/b/c", True), ("ab", False), ("b", False), (None, False)],
)
def test_a_percent_sign_stands_for_the_roles_below(role: str | None, allowed: bool) -> None:
    asked = one_entry(some("p"), some("a/%"), permissive=False)
    assert asked.allows("register_frameworks", "p", roles=role) == allowed
    assert not asked.allows("register_frameworks", "q", roles=role)


def test_roles_and_roles_below_are_in_one_entry() -> None:
    asked = one_entry(some("p"), some("x", "a/%", "y"), permissive=False)
    for role, allowed in (("x", True), ("y", True), ("a/b", True), ("a", False), ("x/a", False)):
        assert asked.allows("register_frameworks", "p", roles=role) == allowed


def test_a_percent_sign_denies_as_well() -> None:
    asked = one_entry(NONE, some("a/%"), permissive=True)
    assert not asked.allows("register_frameworks", "p", roles="a/b")
    assert asked.allows("register_frameworks", "p", roles="a")


def test_a_percent_sign_means_nothing_to_users() -> None:
    asked = authorizer(permissive=False, run_tasks=[{"principals": ANY, "users": some("a/%")}])
    assert not asked.allows("run_tasks", "p", users="a/b")
    assert asked.allows("run_tasks", "p", users="a/%")


@pytest.mark.parametrize("objects", [ANY, NONE])
def test_some_actions_are_on_all_or_none(objects: dict[str, str]) -> None:
    asked = authorizer(
        permissive=False, drain_agents=[{"principals": some("p"), "agents": objects}]
    )
    for value in (None, "A"):
        assert asked.allows("drain_agents", "p", agents=value) == (objects == ANY)
    assert not asked.allows("drain_agents", "q")


def test_a_filter_answers_like_the_authorizer() -> None:
    asked = authorizer(
        view_frameworks=[
            {"principals": some("p"), "users": some("a")},
            {"principals": some("p"), "users": NONE},
        ]
    )
    for principal in ("p", "q", None):
        chosen = asked.filter("view_frameworks", principal)
        assert not chosen.allows_all
        for user in ("a", "b", None, "a"):
            assert chosen.allows(user) == asked.allows("view_frameworks", principal, users=user)
    assert asked.filter("view_tasks", "p").allows_all
    assert not authorizer(permissive=False).filter("view_tasks", "p").allows_all


def test_actions_are_asked_about_with_their_own_objects() -> None:
    with pytest.raises(InvariantBroken):
        Authorizer().allows("no_such_action", "p")
    with pytest.raises(InvariantBroken):
        Authorizer().allows("run_tasks", "p", roles="r")
    with pytest.raises(InvariantBroken):
        allows_claims("no_such_action", {}, "c")


@pytest.mark.parametrize(
    ("acls", "named"),
    [
        ("{", "--acls: syntax error"),
        ("[]", "a JSON object"),
        ({"permissive": "yes"}, "'permissive'"),
        ({"register_framework": []}, "unknown action 'register_framework'"),
        ({"run_tasks": {}}, "'run_tasks' must be a list"),
        ({"run_tasks": [{}]}, "run_tasks[0] must have 'principals' and 'users'"),
        ({"run_tasks": [{"principals": ANY, "roles": ANY}]}, "run_tasks[0]"),
        ({"run_tasks": [{"principals": ANY, "users": ANY, "x": ANY}]}, "run_tasks[0]"),
        ({"run_tasks": [{"principals": [], "users": ANY}]}, "run_tasks[0].principals"),
        (
            {
                "run_tasks": [
                    {"principals": ANY, "users": ANY},
                    {"principals": ANY, "users": {"type": "ALL"}},
                ]
            },
            "run_tasks[1].users.type must be",
        ),
        ({"run_tasks": [{"principals": ANY, "users": {"value": "a"}}]}, "run_tasks[0].users"),
        ({"run_tasks": [{"principals": ANY, "users": {"values": "a"}}]}, "users.values must be"),
        ({"run_tasks": [{"principals": ANY, "users": {"values": [1]}}]}, "users.values must be"),
        ({"run_tasks": [{"principals": ANY, "users": {"type": []}}]}, "users.type must be"),
        (
            {"drain_agents": [{"principals": ANY, "agents": some("A")}]},
            "drain_agents[0].agents: the type must be ANY or NONE",
        ),
        (
            {"get_endpoints": [{"principals": ANY, "paths": some("/state")}]},
            "path '/state' is not an authorizable path",
        ),
    ],
)
def test_acls_that_are_wrong_are_named(acls: object, named: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse_acls(acls if isinstance(acls, str) else json.dumps(acls))
    assert str(caught.value).startswith("--acls:")
    assert named in str(caught.value)


def test_endpoints_are_those_that_can_be_authorized() -> None:
    asked = authorizer(get_endpoints=[{"principals": NONE, "paths": some(*AUTHORIZABLE_PATHS)}])
    assert not asked.allows("get_endpoints", "p", paths="/files/debug")


#: Every action of the documentation, by the member of its objects.
ACTIONS = {
    "roles": "register_frameworks reserve_resources create_volumes update_weights get_quotas"
    " update_quotas view_roles resize_volumes create_block_disks destroy_block_disks"
    " create_mount_disks destroy_mount_disks destroy_raw_disks",
    "users": "run_tasks view_frameworks view_tasks view_executors view_containers access_sandboxes"
    " launch_nested_containers_as_user launch_nested_containers_under_parent_with_user"
    " kill_nested_containers wait_nested_containers remove_nested_containers"
    " launch_nested_container_sessions_as_user"
    " launch_nested_container_sessions_under_parent_with_user attach_containers_input"
    " attach_containers_output launch_standalone_containers kill_standalone_containers"
    " wait_standalone_containers remove_standalone_containers view_standalone_containers",
    "reserver_principals": "unreserve_resources",
    "creator_principals": "destroy_volumes",
    "framework_principals": "teardown_frameworks",
    "agents": "register_agents drain_agents deactivate_agents reactivate_agents mark_agents_gone",
    "machines": "update_maintenance_schedules get_maintenance_schedules start_maintenances"
    " stop_maintenances get_maintenance_statuses",
    "paths": "get_endpoints",
    "logs": "access_mesos_logs",
    "flags": "view_flags",
    "level": "set_log_level",
    "resource_providers": "modify_resource_provider_configs mark_resource_providers_gone"
    " view_resource_providers",
    "images": "prune_images",
}


@pytest.mark.parametrize(
    ("action", "member"),
    [(action, member) for member, actions in ACTIONS.items() for action in actions.split()],
)
def test_every_action_can_be_denied(action: str, member: str) -> None:
    asked = Authorizer(parse_acls(json.dumps({action: [{"principals": some("p"), member: NONE}]})))
    assert not asked.allows(action, "p", **{member: "x"})
    assert not asked.allows(action, "p")
    assert asked.allows(action, "q", **{member: "x"})


@pytest.mark.parametrize(
    ("action", "claims", "allowed"),
    [
        ("kill_nested_containers", {"cid": "c"}, True),
        ("kill_nested_containers", {"cid": "other"}, False),
        ("kill_nested_containers", {}, False),
        ("launch_nested_container_sessions_as_user", {"cid": "c"}, True),
        ("attach_containers_input", {"cid": "c"}, False),
        ("view_tasks", {"cid": "c"}, False),
        ("kill_standalone_containers", {"cid_prefix": "c"}, True),
        ("kill_standalone_containers", {"cid_prefix": "d"}, False),
        ("kill_standalone_containers", {"cid": "c"}, False),
    ],
)
def test_claims_allow_what_is_ones_own(action: str, claims: dict[str, str], allowed: bool) -> None:
    assert allows_claims(action, claims, "c") == allowed


names = st.sampled_from(["a", "b", "a/b", "a/b/c", "c"])
values = st.lists(names | st.just("a/%"), max_size=3)
entities = st.one_of(st.just(ANY), st.just(NONE), values.map(lambda listed: some(*listed)))
entries = st.lists(st.fixed_dictionaries({"principals": entities, "roles": entities}), max_size=4)


@given(entries, st.booleans(), st.none() | names, st.none() | names)
def test_entries_that_do_not_match_make_no_difference(
    rules: list[dict[str, object]], permissive: bool, principal: str | None, role: str | None
) -> None:
    """Each entry alone tells whether it matches: then it does not care for ``permissive``."""

    def alone(rule: dict[str, object], otherwise: bool) -> bool:
        asked = authorizer(permissive=otherwise, register_frameworks=[rule])
        return asked.allows("register_frameworks", principal, roles=role)

    verdicts = [(alone(rule, True), alone(rule, False)) for rule in rules]
    deciding = [with_true for with_true, with_false in verdicts if with_true == with_false]
    expected = deciding[0] if deciding else permissive
    asked = authorizer(permissive=permissive, register_frameworks=rules)
    assert asked.allows("register_frameworks", principal, roles=role) == expected


@given(entries, names, names)
def test_a_list_is_as_good_as_an_entry_for_each_role(
    rules: list[dict[str, object]], principal: str, role: str
) -> None:
    split = [
        {"principals": rule["principals"], "roles": some(value)}
        for rule in rules
        for value in (rule["roles"].get("values") or [])  # type: ignore[attr-defined]
        if "type" not in rule["roles"]  # type: ignore[operator]
    ]
    listed = [rule for rule in rules if "type" not in rule["roles"]]  # type: ignore[operator]
    answers = [
        authorizer(permissive=False, register_frameworks=one).allows(
            "register_frameworks", principal, roles=role
        )
        for one in (split, listed)
    ]
    assert answers[0] == answers[1]
