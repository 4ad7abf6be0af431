package org.apache.mesos;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.mesos.Protos.SlaveID;
import org.apache.mesos.Protos.TaskID;
import org.apache.mesos.Protos.TaskInfo;
import org.apache.mesos.scheduler.Protos.Call.Reconcile;

/**
 * The tasks that were launched, and of which no status has come yet.
 *
 * <p>A master that dies between taking a launch and passing it on leaves nobody who knows of the
 * task, and so does a connection that breaks within the call. A scheduler which waits for the first
 * status would wait for ever (Spark's does). So when a subscription is lost, these launches are in
 * doubt, and under the next one the master is asked until there is an answer for each.
 *
 * <p>Used by several threads.
 */
final class UnheardLaunches {
  private final Map<TaskID, SlaveID> unheard = new LinkedHashMap<>();
  private final Map<TaskID, SlaveID> doubtful = new LinkedHashMap<>();

  synchronized void launched(Iterable<TaskInfo> tasks) {
    for (TaskInfo task : tasks) {
      unheard.put(task.getTaskId(), task.getSlaveId());
    }
  }

  synchronized void heard(TaskID task) {
    unheard.remove(task);
    doubtful.remove(task);
  }

  /** The subscription under which they were launched is over. */
  synchronized void doubtAll() {
    doubtful.putAll(unheard);
    unheard.clear();
  }

  /** What has to be asked for. */
  synchronized List<Reconcile.Task> doubtful() {
    List<Reconcile.Task> tasks = new ArrayList<>(doubtful.size());
    doubtful.forEach(
        (task, agent) ->
            tasks.add(Reconcile.Task.newBuilder().setTaskId(task).setSlaveId(agent).build()));
    return tasks;
  }
}
