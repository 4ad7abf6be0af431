package conformance.curator;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.leader.Participant;

/** Leaders elected, and replaced when they leave. */
final class Leadership {
    private static final long PATIENCE_S = 30;

    private Leadership() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("leadership");
        latch(left, right, log);
        selector(left, right, log);
    }

    private static LeaderLatch started(
            CuratorFramework client, String id, Log.Inbox inbox) throws Exception {
        LeaderLatch latch = new LeaderLatch(client, "/leader/latch", id);
        latch.addListener(
                new LeaderLatchListener() {
                    @Override
                    public void isLeader() {
                        inbox.put(id + " leads");
                    }

                    @Override
                    public void notLeader() {
                        inbox.put(id + " led");
                    }
                });
        latch.start();
        return latch;
    }

    private static void latch(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        Log.Inbox inbox = log.new Inbox();
        LeaderLatch first = started(left, "first", inbox);
        log.say("the first leads", first.await(PATIENCE_S, TimeUnit.SECONDS));
        inbox.expect("it is told", 1);
        LeaderLatch second = started(right, "second", inbox);
        log.until("two take part", () -> first.getParticipants().size() == 2);
        LeaderLatch third = started(left, "third", inbox);
        log.until("three take part", () -> first.getParticipants().size() == 3);
        log.say("they are", texts(first));
        log.say("the second knows the leader", second.getLeader().getId());
        log.say("the second leads", second.hasLeadership());
        first.close();
        log.say("the second leads", second.await(PATIENCE_S, TimeUnit.SECONDS));
        inbox.expect("it is told", 1);
        log.say("they are", texts(second));
        second.close(LeaderLatch.CloseMode.NOTIFY_LEADER);
        log.say("the third leads", third.await(PATIENCE_S, TimeUnit.SECONDS));
        inbox.expect("both are told", 2);
        log.say("they are", texts(third));
        third.close();
        log.say("state", third.getState());
        log.until(
                "no nodes are left",
                () -> right.getChildren().forPath("/leader/latch").isEmpty());
    }

    private static List<String> texts(LeaderLatch latch) throws Exception {
        List<String> texts = new ArrayList<>();
        for (Participant participant : latch.getParticipants()) {
            texts.add(participant.getId() + (participant.isLeader() ? " (leader)" : ""));
        }
        return texts;
    }

    private static void selector(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        Log.Inbox inbox = log.new Inbox();
        CountDownLatch enough = new CountDownLatch(1);
        LeaderSelector first = selector(left, "first", inbox, enough);
        inbox.expect("elected", 1);
        LeaderSelector second = selector(right, "second", inbox, new CountDownLatch(0));
        log.until("two take part", () -> first.getParticipants().size() == 2);
        log.say("leader", second.getLeader().getId());
        enough.countDown();
        inbox.expect("elected", 1);
        log.until("nobody takes part", () -> second.getParticipants().isEmpty());
        first.close();
        second.close();
    }

    private static LeaderSelector selector(
            CuratorFramework client, String id, Log.Inbox inbox, CountDownLatch enough) {
        LeaderSelector selector =
                new LeaderSelector(
                        client,
                        "/leader/selector",
                        new LeaderSelectorListenerAdapter() {
                            @Override
                            public void takeLeadership(CuratorFramework leading)
                                    throws Exception {
                                inbox.put(id + " took leadership");
                                enough.await();
                            }
                        });
        selector.setId(id);
        selector.start();
        return selector;
    }
}
