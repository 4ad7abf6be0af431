from mesos_compat.wire.v1 import mesos_pb2 as _mesos_pb2
from mesos_compat.wire.v1 import maintenance_pb2 as _maintenance_pb2
from mesos_compat.wire.v1 import quota_pb2 as _quota_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Calls(_message.Message):
    __slots__ = ("stream_id", "calls")
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    stream_id: str
    calls: _containers.RepeatedCompositeFieldContainer[Call]
    def __init__(self, stream_id: _Optional[str] = ..., calls: _Optional[_Iterable[_Union[Call, _Mapping]]] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("type", "subscribe", "update_agent", "status_update", "operation_status", "executor_message", "exited_executor", "pong")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[Call.Type]
        SUBSCRIBE: _ClassVar[Call.Type]
        PONG: _ClassVar[Call.Type]
        UNREGISTER: _ClassVar[Call.Type]
        UPDATE_AGENT: _ClassVar[Call.Type]
        STATUS_UPDATE: _ClassVar[Call.Type]
        OPERATION_STATUS: _ClassVar[Call.Type]
        EXECUTOR_MESSAGE: _ClassVar[Call.Type]
        EXITED_EXECUTOR: _ClassVar[Call.Type]
    UNKNOWN: Call.Type
    SUBSCRIBE: Call.Type
    PONG: Call.Type
    UNREGISTER: Call.Type
    UPDATE_AGENT: Call.Type
    STATUS_UPDATE: Call.Type
    OPERATION_STATUS: Call.Type
    EXECUTOR_MESSAGE: Call.Type
    EXITED_EXECUTOR: Call.Type
    class Subscribe(_message.Message):
        __slots__ = ("agent", "version", "address", "capabilities", "resources", "resource_version", "tasks", "executors", "frameworks", "completed_frameworks", "operations")
        AGENT_FIELD_NUMBER: _ClassVar[int]
        VERSION_FIELD_NUMBER: _ClassVar[int]
        ADDRESS_FIELD_NUMBER: _ClassVar[int]
        CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
        RESOURCES_FIELD_NUMBER: _ClassVar[int]
        RESOURCE_VERSION_FIELD_NUMBER: _ClassVar[int]
        TASKS_FIELD_NUMBER: _ClassVar[int]
        EXECUTORS_FIELD_NUMBER: _ClassVar[int]
        FRAMEWORKS_FIELD_NUMBER: _ClassVar[int]
        COMPLETED_FRAMEWORKS_FIELD_NUMBER: _ClassVar[int]
        OPERATIONS_FIELD_NUMBER: _ClassVar[int]
        agent: _mesos_pb2.AgentInfo
        version: str
        address: _mesos_pb2.Address
        capabilities: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.AgentInfo.Capability]
        resources: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.Resource]
        resource_version: bytes
        tasks: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.Task]
        executors: _containers.RepeatedCompositeFieldContainer[Call.Executor]
        frameworks: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.FrameworkInfo]
        completed_frameworks: _containers.RepeatedCompositeFieldContainer[Call.CompletedFramework]
        operations: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.Operation]
        def __init__(self, agent: _Optional[_Union[_mesos_pb2.AgentInfo, _Mapping]] = ..., version: _Optional[str] = ..., address: _Optional[_Union[_mesos_pb2.Address, _Mapping]] = ..., capabilities: _Optional[_Iterable[_Union[_mesos_pb2.AgentInfo.Capability, _Mapping]]] = ..., resources: _Optional[_Iterable[_Union[_mesos_pb2.Resource, _Mapping]]] = ..., resource_version: _Optional[bytes] = ..., tasks: _Optional[_Iterable[_Union[_mesos_pb2.Task, _Mapping]]] = ..., executors: _Optional[_Iterable[_Union[Call.Executor, _Mapping]]] = ..., frameworks: _Optional[_Iterable[_Union[_mesos_pb2.FrameworkInfo, _Mapping]]] = ..., completed_frameworks: _Optional[_Iterable[_Union[Call.CompletedFramework, _Mapping]]] = ..., operations: _Optional[_Iterable[_Union[_mesos_pb2.Operation, _Mapping]]] = ...) -> None: ...
    class Executor(_message.Message):
        __slots__ = ("info",)
        INFO_FIELD_NUMBER: _ClassVar[int]
        info: _mesos_pb2.ExecutorInfo
        def __init__(self, info: _Optional[_Union[_mesos_pb2.ExecutorInfo, _Mapping]] = ...) -> None: ...
    class CompletedFramework(_message.Message):
        __slots__ = ("info", "tasks")
        INFO_FIELD_NUMBER: _ClassVar[int]
        TASKS_FIELD_NUMBER: _ClassVar[int]
        info: _mesos_pb2.FrameworkInfo
        tasks: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.Task]
        def __init__(self, info: _Optional[_Union[_mesos_pb2.FrameworkInfo, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[_mesos_pb2.Task, _Mapping]]] = ...) -> None: ...
    class Pong(_message.Message):
        __slots__ = ("cpus_used", "mem_used_bytes")
        CPUS_USED_FIELD_NUMBER: _ClassVar[int]
        MEM_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
        cpus_used: float
        mem_used_bytes: float
        def __init__(self, cpus_used: _Optional[float] = ..., mem_used_bytes: _Optional[float] = ...) -> None: ...
    class UpdateAgent(_message.Message):
        __slots__ = ("resources", "resource_version", "operations", "oversubscribed")
        RESOURCES_FIELD_NUMBER: _ClassVar[int]
        RESOURCE_VERSION_FIELD_NUMBER: _ClassVar[int]
        OPERATIONS_FIELD_NUMBER: _ClassVar[int]
        OVERSUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
        resources: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.Resource]
        resource_version: bytes
        operations: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.Operation]
        oversubscribed: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.Resource]
        def __init__(self, resources: _Optional[_Iterable[_Union[_mesos_pb2.Resource, _Mapping]]] = ..., resource_version: _Optional[bytes] = ..., operations: _Optional[_Iterable[_Union[_mesos_pb2.Operation, _Mapping]]] = ..., oversubscribed: _Optional[_Iterable[_Union[_mesos_pb2.Resource, _Mapping]]] = ...) -> None: ...
    class StatusUpdate(_message.Message):
        __slots__ = ("framework_id", "status", "latest_state")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        STATUS_FIELD_NUMBER: _ClassVar[int]
        LATEST_STATE_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        status: _mesos_pb2.TaskStatus
        latest_state: _mesos_pb2.TaskState
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., status: _Optional[_Union[_mesos_pb2.TaskStatus, _Mapping]] = ..., latest_state: _Optional[_Union[_mesos_pb2.TaskState, str]] = ...) -> None: ...
    class OperationStatus(_message.Message):
        __slots__ = ("framework_id", "operation_uuid", "status", "latest_status")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        OPERATION_UUID_FIELD_NUMBER: _ClassVar[int]
        STATUS_FIELD_NUMBER: _ClassVar[int]
        LATEST_STATUS_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        operation_uuid: _mesos_pb2.UUID
        status: _mesos_pb2.OperationStatus
        latest_status: _mesos_pb2.OperationStatus
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., operation_uuid: _Optional[_Union[_mesos_pb2.UUID, _Mapping]] = ..., status: _Optional[_Union[_mesos_pb2.OperationStatus, _Mapping]] = ..., latest_status: _Optional[_Union[_mesos_pb2.OperationStatus, _Mapping]] = ...) -> None: ...
    class ExecutorMessage(_message.Message):
        __slots__ = ("framework_id", "executor_id", "data")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
        DATA_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        executor_id: _mesos_pb2.ExecutorID
        data: bytes
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_mesos_pb2.ExecutorID, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...
    class ExitedExecutor(_message.Message):
        __slots__ = ("framework_id", "executor_id", "status")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
        STATUS_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        executor_id: _mesos_pb2.ExecutorID
        status: int
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_mesos_pb2.ExecutorID, _Mapping]] = ..., status: _Optional[int] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_AGENT_FIELD_NUMBER: _ClassVar[int]
    STATUS_UPDATE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_STATUS_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXITED_EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    type: Call.Type
    subscribe: Call.Subscribe
    update_agent: Call.UpdateAgent
    status_update: Call.StatusUpdate
    operation_status: Call.OperationStatus
    executor_message: Call.ExecutorMessage
    exited_executor: Call.ExitedExecutor
    pong: Call.Pong
    def __init__(self, type: _Optional[_Union[Call.Type, str]] = ..., subscribe: _Optional[_Union[Call.Subscribe, _Mapping]] = ..., update_agent: _Optional[_Union[Call.UpdateAgent, _Mapping]] = ..., status_update: _Optional[_Union[Call.StatusUpdate, _Mapping]] = ..., operation_status: _Optional[_Union[Call.OperationStatus, _Mapping]] = ..., executor_message: _Optional[_Union[Call.ExecutorMessage, _Mapping]] = ..., exited_executor: _Optional[_Union[Call.ExitedExecutor, _Mapping]] = ..., pong: _Optional[_Union[Call.Pong, _Mapping]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("type", "registered", "ping", "run_task", "run_task_group", "kill_task", "acknowledge", "apply_operation", "acknowledge_operation", "reconcile_operations", "framework_message", "shutdown_executor", "shutdown_framework", "update_framework", "drain", "shutdown")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[Event.Type]
        REGISTERED: _ClassVar[Event.Type]
        REREGISTERED: _ClassVar[Event.Type]
        PING: _ClassVar[Event.Type]
        RUN_TASK: _ClassVar[Event.Type]
        RUN_TASK_GROUP: _ClassVar[Event.Type]
        KILL_TASK: _ClassVar[Event.Type]
        ACKNOWLEDGE: _ClassVar[Event.Type]
        APPLY_OPERATION: _ClassVar[Event.Type]
        ACKNOWLEDGE_OPERATION: _ClassVar[Event.Type]
        RECONCILE_OPERATIONS: _ClassVar[Event.Type]
        FRAMEWORK_MESSAGE: _ClassVar[Event.Type]
        SHUTDOWN_EXECUTOR: _ClassVar[Event.Type]
        SHUTDOWN_FRAMEWORK: _ClassVar[Event.Type]
        UPDATE_FRAMEWORK: _ClassVar[Event.Type]
        DRAIN: _ClassVar[Event.Type]
        SHUTDOWN: _ClassVar[Event.Type]
    UNKNOWN: Event.Type
    REGISTERED: Event.Type
    REREGISTERED: Event.Type
    PING: Event.Type
    RUN_TASK: Event.Type
    RUN_TASK_GROUP: Event.Type
    KILL_TASK: Event.Type
    ACKNOWLEDGE: Event.Type
    APPLY_OPERATION: Event.Type
    ACKNOWLEDGE_OPERATION: Event.Type
    RECONCILE_OPERATIONS: Event.Type
    FRAMEWORK_MESSAGE: Event.Type
    SHUTDOWN_EXECUTOR: Event.Type
    SHUTDOWN_FRAMEWORK: Event.Type
    UPDATE_FRAMEWORK: Event.Type
    DRAIN: Event.Type
    SHUTDOWN: Event.Type
    class Registered(_message.Message):
        __slots__ = ("agent_id", "ping_timeout_seconds", "master_hostname", "reconciliations")
        AGENT_ID_FIELD_NUMBER: _ClassVar[int]
        PING_TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
        MASTER_HOSTNAME_FIELD_NUMBER: _ClassVar[int]
        RECONCILIATIONS_FIELD_NUMBER: _ClassVar[int]
        agent_id: _mesos_pb2.AgentID
        ping_timeout_seconds: float
        master_hostname: str
        reconciliations: _containers.RepeatedCompositeFieldContainer[Event.Reconciliation]
        def __init__(self, agent_id: _Optional[_Union[_mesos_pb2.AgentID, _Mapping]] = ..., ping_timeout_seconds: _Optional[float] = ..., master_hostname: _Optional[str] = ..., reconciliations: _Optional[_Iterable[_Union[Event.Reconciliation, _Mapping]]] = ...) -> None: ...
    class Reconciliation(_message.Message):
        __slots__ = ("framework_id", "task_id", "framework")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        TASK_ID_FIELD_NUMBER: _ClassVar[int]
        FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        task_id: _mesos_pb2.TaskID
        framework: _mesos_pb2.FrameworkInfo
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., task_id: _Optional[_Union[_mesos_pb2.TaskID, _Mapping]] = ..., framework: _Optional[_Union[_mesos_pb2.FrameworkInfo, _Mapping]] = ...) -> None: ...
    class Ping(_message.Message):
        __slots__ = ("connected",)
        CONNECTED_FIELD_NUMBER: _ClassVar[int]
        connected: bool
        def __init__(self, connected: bool = ...) -> None: ...
    class RunTask(_message.Message):
        __slots__ = ("framework", "task", "launch_executor", "resource_version")
        FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
        TASK_FIELD_NUMBER: _ClassVar[int]
        LAUNCH_EXECUTOR_FIELD_NUMBER: _ClassVar[int]
        RESOURCE_VERSION_FIELD_NUMBER: _ClassVar[int]
        framework: _mesos_pb2.FrameworkInfo
        task: _mesos_pb2.TaskInfo
        launch_executor: bool
        resource_version: bytes
        def __init__(self, framework: _Optional[_Union[_mesos_pb2.FrameworkInfo, _Mapping]] = ..., task: _Optional[_Union[_mesos_pb2.TaskInfo, _Mapping]] = ..., launch_executor: bool = ..., resource_version: _Optional[bytes] = ...) -> None: ...
    class RunTaskGroup(_message.Message):
        __slots__ = ("framework", "executor", "task_group", "launch_executor", "resource_version")
        FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
        EXECUTOR_FIELD_NUMBER: _ClassVar[int]
        TASK_GROUP_FIELD_NUMBER: _ClassVar[int]
        LAUNCH_EXECUTOR_FIELD_NUMBER: _ClassVar[int]
        RESOURCE_VERSION_FIELD_NUMBER: _ClassVar[int]
        framework: _mesos_pb2.FrameworkInfo
        executor: _mesos_pb2.ExecutorInfo
        task_group: _mesos_pb2.TaskGroupInfo
        launch_executor: bool
        resource_version: bytes
        def __init__(self, framework: _Optional[_Union[_mesos_pb2.FrameworkInfo, _Mapping]] = ..., executor: _Optional[_Union[_mesos_pb2.ExecutorInfo, _Mapping]] = ..., task_group: _Optional[_Union[_mesos_pb2.TaskGroupInfo, _Mapping]] = ..., launch_executor: bool = ..., resource_version: _Optional[bytes] = ...) -> None: ...
    class KillTask(_message.Message):
        __slots__ = ("framework_id", "task_id", "kill_policy")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        TASK_ID_FIELD_NUMBER: _ClassVar[int]
        KILL_POLICY_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        task_id: _mesos_pb2.TaskID
        kill_policy: _mesos_pb2.KillPolicy
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., task_id: _Optional[_Union[_mesos_pb2.TaskID, _Mapping]] = ..., kill_policy: _Optional[_Union[_mesos_pb2.KillPolicy, _Mapping]] = ...) -> None: ...
    class Acknowledge(_message.Message):
        __slots__ = ("framework_id", "task_id", "uuid")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        TASK_ID_FIELD_NUMBER: _ClassVar[int]
        UUID_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        task_id: _mesos_pb2.TaskID
        uuid: bytes
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., task_id: _Optional[_Union[_mesos_pb2.TaskID, _Mapping]] = ..., uuid: _Optional[bytes] = ...) -> None: ...
    class ApplyOperation(_message.Message):
        __slots__ = ("framework_id", "info", "uuid", "resource_version")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        INFO_FIELD_NUMBER: _ClassVar[int]
        UUID_FIELD_NUMBER: _ClassVar[int]
        RESOURCE_VERSION_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        info: _mesos_pb2.Offer.Operation
        uuid: _mesos_pb2.UUID
        resource_version: bytes
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., info: _Optional[_Union[_mesos_pb2.Offer.Operation, _Mapping]] = ..., uuid: _Optional[_Union[_mesos_pb2.UUID, _Mapping]] = ..., resource_version: _Optional[bytes] = ...) -> None: ...
    class AcknowledgeOperation(_message.Message):
        __slots__ = ("status_uuid", "operation_uuid")
        STATUS_UUID_FIELD_NUMBER: _ClassVar[int]
        OPERATION_UUID_FIELD_NUMBER: _ClassVar[int]
        status_uuid: _mesos_pb2.UUID
        operation_uuid: _mesos_pb2.UUID
        def __init__(self, status_uuid: _Optional[_Union[_mesos_pb2.UUID, _Mapping]] = ..., operation_uuid: _Optional[_Union[_mesos_pb2.UUID, _Mapping]] = ...) -> None: ...
    class ReconcileOperations(_message.Message):
        __slots__ = ("operation_uuids",)
        OPERATION_UUIDS_FIELD_NUMBER: _ClassVar[int]
        operation_uuids: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.UUID]
        def __init__(self, operation_uuids: _Optional[_Iterable[_Union[_mesos_pb2.UUID, _Mapping]]] = ...) -> None: ...
    class FrameworkMessage(_message.Message):
        __slots__ = ("framework_id", "executor_id", "data")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
        DATA_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        executor_id: _mesos_pb2.ExecutorID
        data: bytes
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_mesos_pb2.ExecutorID, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...
    class ShutdownExecutor(_message.Message):
        __slots__ = ("framework_id", "executor_id")
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        executor_id: _mesos_pb2.ExecutorID
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ..., executor_id: _Optional[_Union[_mesos_pb2.ExecutorID, _Mapping]] = ...) -> None: ...
    class ShutdownFramework(_message.Message):
        __slots__ = ("framework_id",)
        FRAMEWORK_ID_FIELD_NUMBER: _ClassVar[int]
        framework_id: _mesos_pb2.FrameworkID
        def __init__(self, framework_id: _Optional[_Union[_mesos_pb2.FrameworkID, _Mapping]] = ...) -> None: ...
    class UpdateFramework(_message.Message):
        __slots__ = ("framework",)
        FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
        framework: _mesos_pb2.FrameworkInfo
        def __init__(self, framework: _Optional[_Union[_mesos_pb2.FrameworkInfo, _Mapping]] = ...) -> None: ...
    class Drain(_message.Message):
        __slots__ = ("config",)
        CONFIG_FIELD_NUMBER: _ClassVar[int]
        config: _mesos_pb2.DrainConfig
        def __init__(self, config: _Optional[_Union[_mesos_pb2.DrainConfig, _Mapping]] = ...) -> None: ...
    class Shutdown(_message.Message):
        __slots__ = ("message",)
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        message: str
        def __init__(self, message: _Optional[str] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    RUN_TASK_FIELD_NUMBER: _ClassVar[int]
    RUN_TASK_GROUP_FIELD_NUMBER: _ClassVar[int]
    KILL_TASK_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    APPLY_OPERATION_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_OPERATION_FIELD_NUMBER: _ClassVar[int]
    RECONCILE_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    FRAMEWORK_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_FIELD_NUMBER: _ClassVar[int]
    type: Event.Type
    registered: Event.Registered
    ping: Event.Ping
    run_task: Event.RunTask
    run_task_group: Event.RunTaskGroup
    kill_task: Event.KillTask
    acknowledge: Event.Acknowledge
    apply_operation: Event.ApplyOperation
    acknowledge_operation: Event.AcknowledgeOperation
    reconcile_operations: Event.ReconcileOperations
    framework_message: Event.FrameworkMessage
    shutdown_executor: Event.ShutdownExecutor
    shutdown_framework: Event.ShutdownFramework
    update_framework: Event.UpdateFramework
    drain: Event.Drain
    shutdown: Event.Shutdown
    def __init__(self, type: _Optional[_Union[Event.Type, str]] = ..., registered: _Optional[_Union[Event.Registered, _Mapping]] = ..., ping: _Optional[_Union[Event.Ping, _Mapping]] = ..., run_task: _Optional[_Union[Event.RunTask, _Mapping]] = ..., run_task_group: _Optional[_Union[Event.RunTaskGroup, _Mapping]] = ..., kill_task: _Optional[_Union[Event.KillTask, _Mapping]] = ..., acknowledge: _Optional[_Union[Event.Acknowledge, _Mapping]] = ..., apply_operation: _Optional[_Union[Event.ApplyOperation, _Mapping]] = ..., acknowledge_operation: _Optional[_Union[Event.AcknowledgeOperation, _Mapping]] = ..., reconcile_operations: _Optional[_Union[Event.ReconcileOperations, _Mapping]] = ..., framework_message: _Optional[_Union[Event.FrameworkMessage, _Mapping]] = ..., shutdown_executor: _Optional[_Union[Event.ShutdownExecutor, _Mapping]] = ..., shutdown_framework: _Optional[_Union[Event.ShutdownFramework, _Mapping]] = ..., update_framework: _Optional[_Union[Event.UpdateFramework, _Mapping]] = ..., drain: _Optional[_Union[Event.Drain, _Mapping]] = ..., shutdown: _Optional[_Union[Event.Shutdown, _Mapping]] = ...) -> None: ...

class Registry(_message.Message):
    __slots__ = ("master", "agents", "unreachable", "gone", "machines", "schedules", "weights", "quota_configs")
    class Agent(_message.Message):
        __slots__ = ("info", "drain_info", "deactivated")
        INFO_FIELD_NUMBER: _ClassVar[int]
        DRAIN_INFO_FIELD_NUMBER: _ClassVar[int]
        DEACTIVATED_FIELD_NUMBER: _ClassVar[int]
        info: _mesos_pb2.AgentInfo
        drain_info: _mesos_pb2.DrainInfo
        deactivated: bool
        def __init__(self, info: _Optional[_Union[_mesos_pb2.AgentInfo, _Mapping]] = ..., drain_info: _Optional[_Union[_mesos_pb2.DrainInfo, _Mapping]] = ..., deactivated: bool = ...) -> None: ...
    class UnreachableAgent(_message.Message):
        __slots__ = ("id", "timestamp", "drain_info", "deactivated")
        ID_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        DRAIN_INFO_FIELD_NUMBER: _ClassVar[int]
        DEACTIVATED_FIELD_NUMBER: _ClassVar[int]
        id: _mesos_pb2.AgentID
        timestamp: _mesos_pb2.TimeInfo
        drain_info: _mesos_pb2.DrainInfo
        deactivated: bool
        def __init__(self, id: _Optional[_Union[_mesos_pb2.AgentID, _Mapping]] = ..., timestamp: _Optional[_Union[_mesos_pb2.TimeInfo, _Mapping]] = ..., drain_info: _Optional[_Union[_mesos_pb2.DrainInfo, _Mapping]] = ..., deactivated: bool = ...) -> None: ...
    class GoneAgent(_message.Message):
        __slots__ = ("id", "timestamp")
        ID_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        id: _mesos_pb2.AgentID
        timestamp: _mesos_pb2.TimeInfo
        def __init__(self, id: _Optional[_Union[_mesos_pb2.AgentID, _Mapping]] = ..., timestamp: _Optional[_Union[_mesos_pb2.TimeInfo, _Mapping]] = ...) -> None: ...
    MASTER_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    MACHINES_FIELD_NUMBER: _ClassVar[int]
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    QUOTA_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    master: _mesos_pb2.MasterInfo
    agents: _containers.RepeatedCompositeFieldContainer[Registry.Agent]
    unreachable: _containers.RepeatedCompositeFieldContainer[Registry.UnreachableAgent]
    gone: _containers.RepeatedCompositeFieldContainer[Registry.GoneAgent]
    machines: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.MachineInfo]
    schedules: _containers.RepeatedCompositeFieldContainer[_maintenance_pb2.Schedule]
    weights: _containers.RepeatedCompositeFieldContainer[_mesos_pb2.WeightInfo]
    quota_configs: _containers.RepeatedCompositeFieldContainer[_quota_pb2.QuotaConfig]
    def __init__(self, master: _Optional[_Union[_mesos_pb2.MasterInfo, _Mapping]] = ..., agents: _Optional[_Iterable[_Union[Registry.Agent, _Mapping]]] = ..., unreachable: _Optional[_Iterable[_Union[Registry.UnreachableAgent, _Mapping]]] = ..., gone: _Optional[_Iterable[_Union[Registry.GoneAgent, _Mapping]]] = ..., machines: _Optional[_Iterable[_Union[_mesos_pb2.MachineInfo, _Mapping]]] = ..., schedules: _Optional[_Iterable[_Union[_maintenance_pb2.Schedule, _Mapping]]] = ..., weights: _Optional[_Iterable[_Union[_mesos_pb2.WeightInfo, _Mapping]]] = ..., quota_configs: _Optional[_Iterable[_Union[_quota_pb2.QuotaConfig, _Mapping]]] = ...) -> None: ...
