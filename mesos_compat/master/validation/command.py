"""Commands: only their environments are looked at. Source: ``validateCommandInfo``."""

from __future__ import annotations

from mesos_compat.wire.v1 import mesos_pb2

_Variable = mesos_pb2.Environment.Variable


def validate(command: mesos_pb2.CommandInfo) -> str | None:
    """Checks the command of a task, an executor, a container or a check."""
    return validate_environment(command.environment)


def validate_environment(environment: mesos_pb2.Environment) -> str | None:
    """Checks that each variable has what its type says, and nothing else."""
    for variable in environment.variables:
        fault = _variable_fault(variable)
        if fault is not None:
            return fault
    return None


def _variable_fault(variable: mesos_pb2.Environment.Variable) -> str | None:
    if variable.type == _Variable.UNKNOWN:
        return "Environment variable of type 'UNKNOWN' is not allowed"
    is_secret = variable.type == _Variable.SECRET
    wanted, refused = ("secret", "value") if is_secret else ("value", "secret")
    subject = f"Environment variable '{variable.name}'"
    typed = f"{subject} of type '{'SECRET' if is_secret else 'VALUE'}'"
    if not variable.HasField(wanted):
        return f"{typed} must have a {wanted} set"
    if variable.HasField(refused):
        return f"{typed} must not have a {refused} set"
    if not is_secret:
        return None
    fault = validate_secret(variable.secret)
    if fault is not None:
        return f"{subject} specifies an invalid secret: {fault}"
    if b"\0" in variable.secret.value.data:
        return (
            f"{subject} specifies a secret containing null bytes, which is not allowed in the"
            " environment"
        )
    return None


def validate_secret(secret: mesos_pb2.Secret) -> str | None:
    """Checks that a secret is either held or referred to."""
    if secret.type == mesos_pb2.Secret.REFERENCE:
        if not secret.HasField("reference"):
            return "Secret of type REFERENCE must have the 'reference' field set"
        if secret.HasField("value"):
            return (
                f"Secret '{secret.reference.name}' of type REFERENCE"
                " must not have the 'value' field set"
            )
    elif secret.type == mesos_pb2.Secret.VALUE:
        if not secret.HasField("value"):
            return "Secret of type VALUE must have the 'value' field set"
        if secret.HasField("reference"):
            return "Secret of type VALUE must not have the 'reference' field set"
    return None
