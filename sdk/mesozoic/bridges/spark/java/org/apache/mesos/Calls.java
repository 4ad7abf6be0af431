package org.apache.mesos;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.mesos.Protos.ExecutorID;
import org.apache.mesos.Protos.Filters;
import org.apache.mesos.Protos.FrameworkInfo;
import org.apache.mesos.Protos.Offer;
import org.apache.mesos.Protos.OfferID;
import org.apache.mesos.Protos.Request;
import org.apache.mesos.Protos.SlaveID;
import org.apache.mesos.Protos.TaskID;
import org.apache.mesos.Protos.TaskInfo;
import org.apache.mesos.Protos.TaskState;
import org.apache.mesos.Protos.TaskStatus;
import org.apache.mesos.protobuf.ByteString;
import org.apache.mesos.scheduler.Protos.Call;

/** The driver's methods as calls of the HTTP API. The framework's id is set when they leave. */
final class Calls {
  private Calls() {}

  static Call subscribe(FrameworkInfo framework) {
    Call.Builder call = Call.newBuilder().setType(Call.Type.SUBSCRIBE);
    if (framework.hasId()) {
      call.setFrameworkId(framework.getId());
    }
    return call.setSubscribe(Call.Subscribe.newBuilder().setFrameworkInfo(framework)).build();
  }

  static Call teardown() {
    return plain(Call.Type.TEARDOWN);
  }

  /** To launch nothing is to decline. */
  static Call launch(Collection<OfferID> offers, Collection<TaskInfo> tasks, Filters filters) {
    if (tasks.isEmpty()) {
      return decline(offers, filters);
    }
    Offer.Operation.Builder launch =
        Offer.Operation.newBuilder()
            .setType(Offer.Operation.Type.LAUNCH)
            .setLaunch(Offer.Operation.Launch.newBuilder().addAllTaskInfos(tasks));
    List<Offer.Operation> operations = new ArrayList<>();
    operations.add(launch.build());
    return accept(offers, operations, filters);
  }

  static Call accept(
      Collection<OfferID> offers, Collection<Offer.Operation> operations, Filters filters) {
    return Call.newBuilder()
        .setType(Call.Type.ACCEPT)
        .setAccept(
            Call.Accept.newBuilder()
                .addAllOfferIds(offers)
                .addAllOperations(operations)
                .setFilters(filters))
        .build();
  }

  static Call decline(Collection<OfferID> offers, Filters filters) {
    return Call.newBuilder()
        .setType(Call.Type.DECLINE)
        .setDecline(Call.Decline.newBuilder().addAllOfferIds(offers).setFilters(filters))
        .build();
  }

  static Call revive() {
    return plain(Call.Type.REVIVE);
  }

  static Call suppress() {
    return plain(Call.Type.SUPPRESS);
  }

  static Call kill(TaskID task) {
    return Call.newBuilder()
        .setType(Call.Type.KILL)
        .setKill(Call.Kill.newBuilder().setTaskId(task))
        .build();
  }

  static Call acknowledge(TaskStatus status) {
    return Call.newBuilder()
        .setType(Call.Type.ACKNOWLEDGE)
        .setAcknowledge(
            Call.Acknowledge.newBuilder()
                .setSlaveId(status.getSlaveId())
                .setTaskId(status.getTaskId())
                .setUuid(status.getUuid()))
        .build();
  }

  static Call message(ExecutorID executor, SlaveID agent, byte[] data) {
    return Call.newBuilder()
        .setType(Call.Type.MESSAGE)
        .setMessage(
            Call.Message.newBuilder()
                .setExecutorId(executor)
                .setSlaveId(agent)
                .setData(ByteString.copyFrom(data)))
        .build();
  }

  /** No tasks at all ask for all that the master knows. */
  static Call reconcile(Collection<TaskStatus> statuses) {
    List<Call.Reconcile.Task> tasks = new ArrayList<>(statuses.size());
    for (TaskStatus status : statuses) {
      Call.Reconcile.Task.Builder task =
          Call.Reconcile.Task.newBuilder().setTaskId(status.getTaskId());
      if (status.hasSlaveId()) {
        task.setSlaveId(status.getSlaveId());
      }
      tasks.add(task.build());
    }
    return ask(tasks);
  }

  /** As {@link #reconcile}, of tasks of which there is no status. */
  static Call ask(List<Call.Reconcile.Task> tasks) {
    return Call.newBuilder()
        .setType(Call.Type.RECONCILE)
        .setReconcile(Call.Reconcile.newBuilder().addAllTasks(tasks))
        .build();
  }

  static Call request(Collection<Request> requests) {
    return Call.newBuilder()
        .setType(Call.Type.REQUEST)
        .setRequest(Call.Request.newBuilder().addAllRequests(requests))
        .build();
  }

  private static Call plain(Call.Type type) {
    return Call.newBuilder().setType(type).build();
  }

  /** The tasks that an ACCEPT launches; none for all other calls. */
  static List<TaskInfo> tasksOf(Call call) {
    List<TaskInfo> tasks = new ArrayList<>();
    for (Offer.Operation operation : call.getAccept().getOperationsList()) {
      tasks.addAll(operation.getLaunch().getTaskInfosList());
      tasks.addAll(operation.getLaunchGroup().getTaskGroup().getTasksList());
    }
    return tasks;
  }

  /**
   * The status of a task that was not launched, as libmesos makes it up. It names the agent, which
   * libmesos leaves out: Spark looks for the agent of every status, and fails without.
   */
  static TaskStatus lost(TaskInfo task, FrameworkInfo framework, String why) {
    boolean isPartitionAware =
        framework.getCapabilitiesList().stream()
            .anyMatch(one -> one.getType() == FrameworkInfo.Capability.Type.PARTITION_AWARE);
    return TaskStatus.newBuilder()
        .setTaskId(task.getTaskId())
        .setSlaveId(task.getSlaveId())
        .setState(isPartitionAware ? TaskState.TASK_DROPPED : TaskState.TASK_LOST)
        .setSource(TaskStatus.Source.SOURCE_MASTER)
        .setReason(TaskStatus.Reason.REASON_MASTER_DISCONNECTED)
        .setMessage(why)
        .setTimestamp(System.currentTimeMillis() / 1000.0)
        .build();
  }
}
