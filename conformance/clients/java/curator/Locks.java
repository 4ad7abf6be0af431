package conformance.curator;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;

/** Mutual exclusion between two clients, and locks for readers and writers. */
final class Locks {
    private Locks() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("locks");
        handover(left, right, log);
        contention(left, right, log);
        readersAndWriters(left, right, log);
        others(left, right, log);
    }

    /** The names of contenders without the part that their client made up. */
    private static List<String> names(Collection<String> paths) {
        List<String> names = new ArrayList<>();
        for (String path : paths) {
            names.add(path.replaceAll(".*-(\\D+\\d{10})$", "$1"));
        }
        return names;
    }

    private static void handover(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        InterProcessMutex mine = new InterProcessMutex(left, "/locks/mutex");
        InterProcessMutex theirs = new InterProcessMutex(right, "/locks/mutex");
        mine.acquire();
        mine.acquire();
        log.say("held by the left", mine.isOwnedByCurrentThread());
        log.say("lent out", theirs.acquire(50, TimeUnit.MILLISECONDS));
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        CompletableFuture<Boolean> other =
                CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                theirs.acquire();
                                held.countDown();
                                done.await();
                                theirs.release();
                                return true;
                            } catch (Exception error) {
                                throw new IllegalStateException(error);
                            }
                        });
        log.until("both contend", () -> mine.getParticipantNodes().size() == 2);
        log.say("in line", names(mine.getParticipantNodes()));
        mine.release();
        log.say("released once, still held", mine.isAcquiredInThisProcess());
        log.say("the right waits", held.getCount() == 1);
        mine.release();
        held.await();
        log.say("now in line", names(mine.getParticipantNodes()));
        log.say("held by the left", mine.isAcquiredInThisProcess());
        done.countDown();
        log.say("the right had it", other.get());
        log.say("nobody is left", mine.getParticipantNodes().size());
    }

    /** Two clients count by reading and writing a node, which only works under the lock. */
    private static void contention(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        left.create().forPath("/locks/count", "0".getBytes());
        int rounds = 15;
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger together = new AtomicInteger();
        List<CompletableFuture<Void>> workers = new ArrayList<>();
        for (CuratorFramework client : new CuratorFramework[] {left, right}) {
            InterProcessMutex mutex = new InterProcessMutex(client, "/locks/counting");
            workers.add(
                    CompletableFuture.runAsync(
                            () -> {
                                try {
                                    for (int round = 0; round < rounds; round++) {
                                        mutex.acquire();
                                        together.addAndGet(inside.getAndIncrement());
                                        byte[] data = client.getData().forPath("/locks/count");
                                        int next = Integer.parseInt(new String(data)) + 1;
                                        client.setData()
                                                .forPath(
                                                        "/locks/count",
                                                        Integer.toString(next).getBytes());
                                        inside.decrementAndGet();
                                        mutex.release();
                                    }
                                } catch (Exception error) {
                                    throw new IllegalStateException(error);
                                }
                            }));
        }
        for (CompletableFuture<Void> worker : workers) {
            worker.get();
        }
        log.say("counted", left.getData().forPath("/locks/count"));
        log.say("times two were inside", together.get());
        log.say("the lock's node", left.checkExists().forPath("/locks/counting"));
    }

    private static void readersAndWriters(
            CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        InterProcessReadWriteLock mine = new InterProcessReadWriteLock(left, "/locks/rw");
        InterProcessReadWriteLock theirs = new InterProcessReadWriteLock(right, "/locks/rw");
        mine.readLock().acquire();
        log.say("two readers", theirs.readLock().acquire(20, TimeUnit.SECONDS));
        log.say("in line", names(mine.readLock().getParticipantNodes()));
        theirs.readLock().release();
        log.say("a writer among them", theirs.writeLock().acquire(50, TimeUnit.MILLISECONDS));
        mine.readLock().release();
        log.say("a writer alone", theirs.writeLock().acquire(20, TimeUnit.SECONDS));
        log.say("a reader beside it", mine.readLock().acquire(50, TimeUnit.MILLISECONDS));
        log.say("the writer reads", theirs.readLock().acquire(20, TimeUnit.SECONDS));
        theirs.readLock().release();
        theirs.writeLock().release();
        log.say("a reader after it", mine.readLock().acquire(20, TimeUnit.SECONDS));
        mine.readLock().release();
    }

    private static void others(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        InterProcessSemaphoreMutex mine = new InterProcessSemaphoreMutex(left, "/locks/plain");
        InterProcessSemaphoreMutex theirs = new InterProcessSemaphoreMutex(right, "/locks/plain");
        log.say("not reentrant", mine.acquire(20, TimeUnit.SECONDS));
        log.say("itself", mine.acquire(50, TimeUnit.MILLISECONDS));
        log.say("the other", theirs.acquire(50, TimeUnit.MILLISECONDS));
        mine.release();
        log.say("the other", theirs.acquire(20, TimeUnit.SECONDS));
        theirs.release();
        InterProcessMultiLock several =
                new InterProcessMultiLock(left, List.of("/locks/m1", "/locks/m2"));
        log.say("several at once", several.acquire(20, TimeUnit.SECONDS));
        InterProcessMutex one = new InterProcessMutex(right, "/locks/m2");
        log.say("one of them", one.acquire(50, TimeUnit.MILLISECONDS));
        several.release();
        log.say("one of them", one.acquire(20, TimeUnit.SECONDS));
        one.release();
    }
}
