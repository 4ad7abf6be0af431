"""Quota, recorded answers first."""

from __future__ import annotations

import pytest

from mesos_compat.master.validation import older_calls, quota
from mesos_compat.master.validation.quota import QuotaFacts
from mesos_compat.master.validation.refusal import Refusal
from mesos_compat.resources import Quantities, Resources
from mesos_compat.wire.v1 import master_pb2, mesos_pb2, quota_pb2
from tests.mesos_compat.master.validation import recorded

Call = master_pb2.Call

CAPACITY = Quantities.parse("cpus:8;disk:20480;mem:8192")


def facts(
    guarantees: dict[str, str] | None = None,
    consumed: dict[str, str] | None = None,
    roles: tuple[str, ...] | None = None,
) -> QuotaFacts:
    known = {role: Quantities.parse(text) for role, text in (consumed or {}).items()}
    return QuotaFacts(
        guarantees={role: Quantities.parse(text) for role, text in (guarantees or {}).items()},
        consumed=lambda role: known.get(role, Quantities()),
        capacity=CAPACITY,
        roles=roles,
    )


RECORDED_FACTS = facts({"q1": "cpus:1;mem:128", "q4": "cpus:1"}, {"r1": "cpus:0.5;mem:64;ports:2"})


@pytest.mark.parametrize(
    "case",
    [
        "update_quota-overcommit",
        "update_quota-guarantee-over-limit",
        "update_quota-bad-role",
        "update_quota-negative",
        "update_quota-limit-below-consumption",
    ],
)
def test_recorded_updates_are_refused_with_the_recorded_answer(case: str) -> None:
    call = recorded.request("operator", case, Call)
    given = RECORDED_FACTS if "overcommit" not in case else facts({"q1": "cpus:1;mem:128"})
    assert quota.validate_update(call.update_quota, given) == recorded.answer("operator", case)


def test_a_recorded_update_is_accepted() -> None:
    call = recorded.request("operator", "update_quota", Call)
    assert quota.validate_update(call.update_quota, facts()) is None


def test_recorded_requests_are_refused_with_the_recorded_answer() -> None:
    call = recorded.request("operator", "set_quota-again", Call)
    refusal = quota.validate_set(call.set_quota.quota_request, RECORDED_FACTS)
    assert refusal == recorded.answer("operator", "set_quota-again")
    posted = older_calls.set_quota(recorded.body("operator", "quota-post-ranges"))
    assert isinstance(posted, Call)
    refusal = quota.validate_set(posted.set_quota.quota_request, RECORDED_FACTS)
    assert refusal == recorded.answer("operator", "quota-post-ranges")


def test_a_recorded_removal_is_refused_with_the_recorded_answer() -> None:
    path = "/master/quota/q5"
    call = older_calls.remove_quota(path)
    assert isinstance(call, Call)
    assert call.remove_quota.role == "q5"
    refusal = quota.validate_remove("q5", RECORDED_FACTS, path)
    assert refusal == recorded.answer("operator", "quota-delete-again")


def config(
    role: str | None = "r",
    guarantees: dict[str, float] | None = None,
    limits: dict[str, float] | None = None,
) -> quota_pb2.QuotaConfig:
    made = quota_pb2.QuotaConfig(role=role)
    for name, value in (guarantees or {}).items():
        made.guarantees[name].value = value
    for name, value in (limits or {}).items():
        made.limits[name].value = value
    return made


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (config(), None),
        (config("*", {"cpus": 1}), None),
        (config(None), "'QuotaConfig.role' must be set"),
        (
            config(guarantees={"mem": float(1 << 41)}),
            "Invalid 'QuotaConfig.guarantees': {'mem': 2199023255552} is invalid: values greater"
            " than 1 exabyte (1099511627776) are not supported",
        ),
        (
            config(limits={"cpus": 2e12}),
            "Invalid 'QuotaConfig.limits': {'cpus': 2000000000000} is invalid: values greater than"
            " 1 trillion (1000000000000) are not supported",
        ),
        (
            config(guarantees={"cpus": float("nan")}),
            "Invalid guarantee configuration {'cpus': -9.22337203685478e+15}: NaN not supported",
        ),
        (config(guarantees={"cpus": 1}, limits={"mem": 1}), None),
        (
            config(guarantees={"cpus": 2, "mem": 1}, limits={"cpus": 1, "mem": 0}),
            "'QuotaConfig.guarantees' { cpus: 2, mem: 1 } is not contained within the"
            " 'QuotaConfig.limits' { cpus: 1, mem: 0 }",
        ),
    ],
)
def test_quota_by_itself(given: quota_pb2.QuotaConfig, fault: str | None) -> None:
    assert quota.validate_config(given) == fault


def update(*configs: quota_pb2.QuotaConfig, force: bool = False) -> Call.UpdateQuota:
    return Call.UpdateQuota(quota_configs=configs, force=force)


def test_force_bypasses_what_is_used_and_what_there_is() -> None:
    given = facts(consumed={"r": "cpus:2"})
    too_little, too_much = config(limits={"cpus": 1}), config("s", {"cpus": 9})
    refusal = quota.validate_update(update(too_little), given)
    assert refusal is not None
    assert "is already consuming 'cpus:2'" in refusal.message
    assert quota.validate_update(update(too_much), given) is not None
    assert quota.validate_update(update(too_little, too_much, force=True), given) is None


def test_a_new_guarantee_replaces_the_old_one_in_the_sum() -> None:
    given = facts({"r": "cpus:8"})
    less, another = config("r", {"cpus": 4}), config("s", {"cpus": 4})
    assert quota.validate_update(update(less, another), given) is None
    assert quota.validate_update(update(another), given) is not None


def test_roles_of_quota_are_top_level_and_whitelisted() -> None:
    assert quota.validate_update(update(config("a/b")), facts()) == (
        400,
        "Updating quota on nested role 'a/b' is not supported yet",
    )
    assert quota.validate_update(update(config("b")), facts(roles=("a",))) == (
        400,
        "Invalid QuotaConfig: 'b' is not on the roles whitelist",
    )
    assert quota.validate_update(update(config("a")), facts(roles=("a",))) is None


def request(
    role: str | None, resources: str = "cpus:1", *, force: bool = False
) -> quota_pb2.QuotaRequest:
    guarantee = list(Resources.parse(resources)) if resources else []
    return quota_pb2.QuotaRequest(role=role, guarantee=guarantee, force=force)


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (request("r"), None),
        (request(None), "QuotaInfo must specify a role"),
        (
            request("-r"),
            "QuotaInfo with invalid role:"
            " Role component '-r' is invalid because it starts with a dash",
        ),
        (request("r", ""), "QuotaInfo with empty 'guarantee'"),
        (request("r", "cpus(s):1"), "QuotaInfo must not contain any ReservationInfo"),
        (request("z"), "Unknown role 'z'"),
        (
            request("a/b"),
            "Invalid quota configuration. Parent role 'a' with guarantees ({}) does not contain"
            " the sum of its children's guarantees (cpus:1)",
        ),
    ],
)
def test_quota_the_older_way(asked: quota_pb2.QuotaRequest, fault: str | None) -> None:
    refusal = quota.validate_set(asked, facts(roles=("r", "a/b")))
    prefix = "Failed to validate set quota request: "
    assert refusal == (Refusal(400, prefix + fault) if fault else None)  # type: ignore[arg-type]


def test_a_name_is_guaranteed_once() -> None:
    asked = request("r")
    asked.guarantee.extend(Resources.parse("cpus:2"))
    assert quota.validate_set(asked, facts()) == (
        400,
        "Failed to validate set quota request: QuotaInfo contains duplicate resource name 'cpus'",
    )
    asked.guarantee[1].scalar.value = -1
    assert quota.validate_set(asked, facts()) == (
        400,
        "Failed to validate set quota request: QuotaInfo with invalid resource: Resource 'cpus:-1'"
        " is invalid: Invalid scalar resource: value <= 0",
    )


@pytest.mark.parametrize(
    ("unwanted", "what"),
    [
        (mesos_pb2.Resource(disk=mesos_pb2.Resource.DiskInfo()), "contain DiskInfo"),
        (
            mesos_pb2.Resource(revocable=mesos_pb2.Resource.RevocableInfo()),
            "contain RevocableInfo",
        ),
    ],
)
def test_guarantees_are_amounts_and_nothing_else(unwanted: mesos_pb2.Resource, what: str) -> None:
    asked = request("r", "disk:1")
    asked.guarantee[0].MergeFrom(unwanted)
    assert quota.validate_set(asked, facts()) == (
        400,
        f"Failed to validate set quota request: QuotaInfo must not {what}",
    )


def test_what_roles_below_have_is_kept_for_them() -> None:
    given = facts({"a": "cpus:2", "a/b": "cpus:2"})
    assert quota.validate_update(update(config("a", {"cpus": 1})), given) == (
        400,
        "Invalid QuotaConfig: Invalid quota configuration. Parent role 'a' with guarantees"
        " (cpus:1) does not contain the sum of its children's guarantees (cpus:2)",
    )


def test_nested_roles_have_quota_within_their_parents_but_not_yet() -> None:
    assert quota.validate_set(request("a/b"), facts({"a": "cpus:2"})) == (
        400,
        "Setting quota on nested role 'a/b' is not supported yet",
    )


def test_more_than_there_is_conflicts_unless_forced() -> None:
    given = facts({"q": "cpus:7;mem:1"})
    assert quota.validate_set_capacity(request("r", "cpus:1"), given) is None
    assert quota.validate_set_capacity(request("r", "cpus:2"), given) == (
        409,
        "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota"
        " guarantees 'cpus:9; mem:1' exceed cluster capacity 'cpus:8; disk:20480; mem:8192'",
    )
    assert quota.validate_set_capacity(request("r", "cpus:2", force=True), given) is None


def test_quota_is_removed_where_there_is_some() -> None:
    given = facts({"r": "cpus:1", "a": "cpus:1", "a/b": "cpus:1"})
    assert quota.validate_remove("r", given) is None
    assert quota.validate_remove("s", given) == (
        400,
        "Failed to remove quota: Role 's' has no quota set",
    )
    assert quota.validate_remove("a", given) == (
        400,
        "Failed to remove quota: Invalid quota configuration. Parent role 'a' with guarantees ({})"
        " does not contain the sum of its children's guarantees (cpus:1)",
    )
    assert quota.validate_remove("s", facts(roles=("r",)), "/master/quota/s") == (
        400,
        "Failed to validate remove quota request for path '/master/quota/s': Unknown role 's'",
    )
