package conformance.curator;

import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;

/** A semaphore of two leases between two clients. */
final class Semaphores {
    private Semaphores() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("semaphores");
        InterProcessSemaphoreV2 mine = new InterProcessSemaphoreV2(left, "/semaphore", 2);
        InterProcessSemaphoreV2 theirs = new InterProcessSemaphoreV2(right, "/semaphore", 2);
        mine.setNodeData("left".getBytes());
        theirs.setNodeData("right".getBytes());
        Lease first = mine.acquire();
        Lease second = theirs.acquire();
        log.say("data of the first", first.getData());
        log.say("data of the second", second.getData());
        log.say("leases", mine.getParticipantNodes().size());
        log.say("a third", mine.acquire(100, TimeUnit.MILLISECONDS));
        log.until("two leases again", () -> mine.getParticipantNodes().size() == 2);
        CompletableFuture<Lease> waiting =
                CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return mine.acquire();
                            } catch (Exception error) {
                                throw new IllegalStateException(error);
                            }
                        });
        log.until("three leases in line", () -> mine.getParticipantNodes().size() == 3);
        log.say("it waits", !waiting.isDone());
        theirs.returnLease(second);
        Lease third = waiting.get(30, TimeUnit.SECONDS);
        log.say("data of the third", third.getData());
        mine.returnLease(third);
        mine.returnLease(first);
        Collection<Lease> both = theirs.acquire(2);
        log.say("two at once", both.size());
        log.say("one more", mine.acquire(100, TimeUnit.MILLISECONDS));
        theirs.returnAll(both);
        log.until("none are left", () -> mine.getParticipantNodes().isEmpty());
        log.say("the nodes", Log.sorted(left.getChildren().forPath("/semaphore")));
    }
}
