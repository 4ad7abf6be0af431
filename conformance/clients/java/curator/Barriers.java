package conformance.curator;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;

/** Barriers that hold clients back until all may go. */
final class Barriers {
    private static final long PATIENCE_S = 30;

    private Barriers() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("barriers");
        DistributedBarrier mine = new DistributedBarrier(left, "/barriers/one");
        DistributedBarrier theirs = new DistributedBarrier(right, "/barriers/one");
        log.say("no barrier yet", theirs.waitOnBarrier(PATIENCE_S, TimeUnit.SECONDS));
        mine.setBarrier();
        mine.setBarrier();
        log.say("set", theirs.waitOnBarrier(50, TimeUnit.MILLISECONDS));
        CompletableFuture<Boolean> waiting =
                CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return theirs.waitOnBarrier(PATIENCE_S, TimeUnit.SECONDS);
                            } catch (Exception error) {
                                throw new IllegalStateException(error);
                            }
                        });
        mine.removeBarrier();
        mine.removeBarrier();
        log.say("lifted", waiting.get());
        twoSided(left, right, log);
    }

    private static void twoSided(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        List<CompletableFuture<String>> members = new ArrayList<>();
        DistributedDoubleBarrier lonely = new DistributedDoubleBarrier(left, "/barriers/alone", 2);
        log.say("alone", lonely.enter(50, TimeUnit.MILLISECONDS));
        for (CuratorFramework client : new CuratorFramework[] {left, right}) {
            DistributedDoubleBarrier barrier =
                    new DistributedDoubleBarrier(client, "/barriers/two", 2);
            members.add(
                    CompletableFuture.supplyAsync(
                            () -> {
                                try {
                                    boolean entered = barrier.enter(PATIENCE_S, TimeUnit.SECONDS);
                                    boolean gone = barrier.leave(PATIENCE_S, TimeUnit.SECONDS);
                                    return "entered " + entered + " and left " + gone;
                                } catch (Exception error) {
                                    throw new IllegalStateException(error);
                                }
                            }));
        }
        for (CompletableFuture<String> member : members) {
            log.say("a member", member.get());
        }
        log.say("who is inside", left.getChildren().forPath("/barriers/two"));
    }
}
