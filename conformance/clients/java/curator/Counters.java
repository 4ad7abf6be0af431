package conformance.curator;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/** Numbers that several clients change. */
final class Counters {
    private Counters() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("counters");
        atomic(left, right, log);
        crowd(left, right, log);
        shared(left, right, log);
    }

    private static String text(AtomicValue<?> value) {
        return (value.succeeded() ? "" : "failed ") + value.preValue() + " -> " + value.postValue();
    }

    private static void atomic(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        DistributedAtomicLong mine =
                new DistributedAtomicLong(left, "/counters/long", new RetryNTimes(10, 10));
        DistributedAtomicLong theirs =
                new DistributedAtomicLong(right, "/counters/long", new RetryNTimes(10, 10));
        log.say("get", text(mine.get()));
        log.say("initialize", mine.initialize(40L));
        log.say("initialize again", theirs.initialize(50L));
        log.say("increment", text(mine.increment()));
        log.say("increment there", text(theirs.increment()));
        log.say("decrement", text(mine.decrement()));
        log.say("add", text(theirs.add(100L)));
        log.say("subtract", text(mine.subtract(1_000_000_000_000L)));
        log.say("compareAndSet", text(mine.compareAndSet(7L, 8L)));
        log.say("compareAndSet", text(mine.compareAndSet(mine.get().postValue(), 8L)));
        mine.forceSet(Long.MAX_VALUE);
        log.say("trySet", text(theirs.trySet(5L)));
        log.say("get", text(mine.get()));
        log.say("its node", left.checkExists().forPath("/counters/long"));
    }

    /** Two clients add at the same time; those that collide too often take turns by a lock. */
    private static void crowd(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        int rounds = 25;
        List<CompletableFuture<Integer>> workers = new ArrayList<>();
        for (CuratorFramework client : new CuratorFramework[] {left, right}) {
            PromotedToLock lock =
                    PromotedToLock.builder()
                            .lockPath("/counters/lock")
                            .retryPolicy(new RetryNTimes(100, 1))
                            .build();
            DistributedAtomicInteger number =
                    new DistributedAtomicInteger(
                            client, "/counters/int", new RetryNTimes(3, 1), lock);
            workers.add(
                    CompletableFuture.supplyAsync(
                            () -> {
                                int succeeded = 0;
                                try {
                                    for (int round = 0; round < rounds; round++) {
                                        succeeded += number.increment().succeeded() ? 1 : 0;
                                    }
                                } catch (Exception error) {
                                    throw new IllegalStateException(error);
                                }
                                return succeeded;
                            }));
        }
        int succeeded = 0;
        for (CompletableFuture<Integer> worker : workers) {
            succeeded += worker.get();
        }
        DistributedAtomicInteger number =
                new DistributedAtomicInteger(left, "/counters/int", new RetryNTimes(3, 1));
        log.say("as many as succeeded", number.get().postValue() == succeeded);
        log.say("all succeeded", succeeded == 2 * rounds);
    }

    private static void shared(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        Log.Inbox inbox = log.new Inbox();
        try (SharedCount mine = new SharedCount(left, "/counters/shared", 3);
                SharedCount theirs = new SharedCount(right, "/counters/shared", 4)) {
            mine.addListener(
                    new SharedCountListener() {
                        @Override
                        public void countHasChanged(SharedCountReader reader, int count) {
                            inbox.put("count " + count);
                        }

                        @Override
                        public void stateChanged(CuratorFramework client, ConnectionState state) {
                            // Only counts matter here.
                        }
                    });
            mine.start();
            theirs.start();
            log.say("the first one's seed", theirs.getCount());
            theirs.setCount(9);
            inbox.expect("told", 1);
            log.say("version", mine.getVersionedValue().getVersion());
            log.say("set at the version", mine.trySetCount(mine.getVersionedValue(), 10));
            inbox.expect("told", 1);
            log.until("the other sees it", () -> theirs.getCount() == 10);
        }
    }
}
