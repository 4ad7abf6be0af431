import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.mesos.MesosSchedulerDriver;
import org.apache.mesos.Protos.Credential;
import org.apache.mesos.Protos.ExecutorID;
import org.apache.mesos.Protos.Filters;
import org.apache.mesos.Protos.FrameworkID;
import org.apache.mesos.Protos.FrameworkInfo;
import org.apache.mesos.Protos.MasterInfo;
import org.apache.mesos.Protos.Offer;
import org.apache.mesos.Protos.OfferID;
import org.apache.mesos.Protos.Request;
import org.apache.mesos.Protos.Resource;
import org.apache.mesos.Protos.SlaveID;
import org.apache.mesos.Protos.TaskID;
import org.apache.mesos.Protos.TaskInfo;
import org.apache.mesos.Protos.TaskState;
import org.apache.mesos.Protos.TaskStatus;
import org.apache.mesos.Protos.Value;
import org.apache.mesos.Scheduler;
import org.apache.mesos.SchedulerDriver;

/**
 * Does with drivers what standard input says, and prints every callback as a line.
 *
 * <p>Several drivers may be used one after another; a driver is called by the number that its
 * lines begin with.
 */
public final class DriverProbe implements Scheduler {
  private final int number;
  private MesosSchedulerDriver driver;
  private TaskStatus last;

  private DriverProbe(int number) {
    this.number = number;
  }

  public static void main(String[] arguments) throws Exception {
    DriverProbe probe = null;
    int number = 0;
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    System.out.println("ready");
    String line;
    while ((line = input.readLine()) != null) {
      String[] words = line.split(" ");
      if (words[0].equals("property")) {
        System.setProperty(words[1], words.length > 2 ? words[2] : "");
      } else if (words[0].equals("new")) {
        probe = new DriverProbe(++number);
        probe.begin(words);
      } else {
        probe.obey(words);
      }
    }
  }

  private void begin(String[] words) {
    FrameworkInfo.Builder framework = FrameworkInfo.newBuilder().setUser("").setName("probe");
    boolean implicit = !words[2].equals("explicit");
    if (words.length > 3) {
      Credential credential =
          Credential.newBuilder().setPrincipal(words[3]).setSecret(words[4]).build();
      driver = new MesosSchedulerDriver(this, framework.build(), words[1], implicit, credential);
    } else {
      driver = new MesosSchedulerDriver(this, framework.build(), words[1], implicit);
    }
    Thread thread = new Thread(() -> say("ended " + driver.run()));
    thread.setDaemon(true);
    thread.start();
  }

  private void obey(String[] words) {
    switch (words[0]) {
      case "launch":
        driver.launchTasks(Collections.singleton(offer(words[1])), tasks(words));
        break;
      case "decline":
        driver.declineOffer(
            offer(words[1]),
            Filters.newBuilder().setRefuseSeconds(Double.parseDouble(words[2])).build());
        break;
      case "accept":
        driver.acceptOffers(
            Collections.singleton(offer(words[1])),
            Collections.singleton(
                Offer.Operation.newBuilder()
                    .setType(Offer.Operation.Type.LAUNCH)
                    .setLaunch(Offer.Operation.Launch.newBuilder().addAllTaskInfos(tasks(words)))
                    .build()),
            Filters.getDefaultInstance());
        break;
      case "kill":
        driver.killTask(task(words[1]));
        break;
      case "revive":
        driver.reviveOffers();
        break;
      case "suppress":
        driver.suppressOffers();
        break;
      case "reconcile":
        driver.reconcileTasks(
            Collections.singleton(
                TaskStatus.newBuilder()
                    .setTaskId(task(words[1]))
                    .setState(TaskState.TASK_RUNNING)
                    .build()));
        break;
      case "request":
        driver.requestResources(
            Collections.singleton(Request.newBuilder().addResources(cpus(2)).build()));
        break;
      case "message":
        driver.sendFrameworkMessage(
            ExecutorID.newBuilder().setValue(words[1]).build(),
            agent(words[2]),
            words[3].getBytes(StandardCharsets.UTF_8));
        break;
      case "acknowledge":
        try {
          driver.acknowledgeStatusUpdate(last);
        } catch (IllegalStateException refused) {
          say("refused " + refused.getMessage());
        }
        break;
      case "start":
        say("status " + driver.start());
        break;
      case "stop":
        say("stopped " + driver.stop(words.length > 1));
        break;
      case "abort":
        say("aborted " + driver.abort());
        break;
      default:
        throw new IllegalArgumentException(words[0]);
    }
  }

  private void say(String text) {
    System.out.println(number + " " + text);
  }

  private static OfferID offer(String id) {
    return OfferID.newBuilder().setValue(id).build();
  }

  private static SlaveID agent(String id) {
    return SlaveID.newBuilder().setValue(id).build();
  }

  private static TaskID task(String id) {
    return TaskID.newBuilder().setValue(id).build();
  }

  private static Resource cpus(double amount) {
    return Resource.newBuilder()
        .setName("cpus")
        .setType(Value.Type.SCALAR)
        .setScalar(Value.Scalar.newBuilder().setValue(amount))
        .build();
  }

  // Of "launch OFFER AGENT TASK...".
  private static List<TaskInfo> tasks(String[] words) {
    return java.util.Arrays.stream(words, Math.min(3, words.length), words.length)
        .map(
            id ->
                TaskInfo.newBuilder()
                    .setName(id)
                    .setTaskId(task(id))
                    .setSlaveId(agent(words[2]))
                    .addResources(cpus(1))
                    .build())
        .collect(Collectors.toList());
  }

  @Override
  public void registered(SchedulerDriver driver, FrameworkID id, MasterInfo master) {
    say("registered " + id.getValue() + " " + master.getId());
  }

  @Override
  public void reregistered(SchedulerDriver driver, MasterInfo master) {
    say("reregistered " + master.getId());
  }

  @Override
  public void resourceOffers(SchedulerDriver driver, List<Offer> offers) {
    say("offers " + offers.stream().map(one -> one.getId().getValue()).collect(Collectors.joining(" ")));
  }

  @Override
  public void offerRescinded(SchedulerDriver driver, OfferID offer) {
    say("rescinded " + offer.getValue());
  }

  @Override
  public void statusUpdate(SchedulerDriver driver, TaskStatus status) {
    last = status;
    if (status.getMessage().equals("throw")) {
      throw new IllegalStateException("as it was told");
    }
    say(
        String.join(
            " ",
            "update",
            status.getTaskId().getValue(),
            status.getState().toString(),
            status.getSlaveId().getValue(),
            status.getReason().toString(),
            status.getMessage()));
  }

  @Override
  public void frameworkMessage(
      SchedulerDriver driver, ExecutorID executor, SlaveID agent, byte[] data) {
    say(
        "message " + executor.getValue() + " " + agent.getValue() + " "
            + new String(data, StandardCharsets.UTF_8));
  }

  @Override
  public void disconnected(SchedulerDriver driver) {
    say("disconnected");
  }

  @Override
  public void slaveLost(SchedulerDriver driver, SlaveID agent) {
    say("agentLost " + agent.getValue());
  }

  @Override
  public void executorLost(
      SchedulerDriver driver, ExecutorID executor, SlaveID agent, int status) {
    say("executorLost " + executor.getValue() + " " + agent.getValue() + " " + status);
  }

  @Override
  public void error(SchedulerDriver driver, String message) {
    say("error " + message);
  }
}
