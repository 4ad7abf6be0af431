package conformance.curator;

import java.util.Arrays;
import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/** The builders that recipes are made of. */
final class Basics {
    private Basics() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("basics");
        creating(left, log);
        changing(left, log);
        background(left, log);
        watching(left, right, log);
        access(left, right, log);
        log.say("ensemble", left.getConfig().forEnsemble());
        log.step("delete with children", () -> left.delete().forPath("/basics"));
        log.step(
                "delete the tree",
                () -> left.delete().guaranteed().deletingChildrenIfNeeded().forPath("/basics"));
        log.say("gone", left.checkExists().forPath("/basics"));
    }

    private static void creating(CuratorFramework client, Log log) throws Exception {
        for (CreateMode mode : CreateMode.values()) {
            if (!mode.isTTL()) {
                Stat stat = new Stat();
                String path =
                        client.create()
                                .storingStatIn(stat)
                                .creatingParentsIfNeeded()
                                .withMode(mode)
                                .forPath("/basics/" + mode, "x".getBytes());
                log.say("create " + mode, path + " " + Log.text(stat));
            }
        }
        log.say(
                "with a TTL",
                client.create()
                        .withTtl(3_600_000)
                        .withMode(CreateMode.PERSISTENT_WITH_TTL)
                        .forPath("/basics/ttl"));
        log.say(
                "with protection",
                client.create()
                        .withProtection()
                        .withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
                        .forPath("/basics/n-"));
        log.say(
                "with containers above",
                client.create().creatingParentContainersIfNeeded().forPath("/basics/a/b/c"));
        log.step("again", () -> client.create().forPath("/basics/a/b/c"));
        log.say(
                "or set",
                client.create().orSetData().forPath("/basics/a/b/c", "set".getBytes()));
        log.say("set", client.getData().forPath("/basics/a/b/c"));
        log.step(
                "idempotent",
                () ->
                        client.create()
                                .idempotent()
                                .forPath("/basics/a/b/c", "set".getBytes()));
        log.step("no parent", () -> client.create().forPath("/basics/no/parent"));
        log.say("children", Log.sorted(client.getChildren().forPath("/basics")));
    }

    private static void changing(CuratorFramework client, Log log) throws Exception {
        String path = "/basics/a";
        log.say("set", client.setData().withVersion(0).forPath(path, "1".getBytes()));
        log.step(
                "set stale",
                () -> client.setData().withVersion(0).forPath(path, "2".getBytes()));
        log.say("set compressed", client.setData().compressed().forPath(path, new byte[5000]));
        log.say("read", client.getData().decompressed().forPath(path).length);
        log.step("delete stale", () -> client.delete().withVersion(9).forPath(path));
        log.step("delete a missing one", () -> client.delete().forPath("/basics/none"));
        log.step("quietly", () -> client.delete().quietly().forPath("/basics/none"));
        log.step("exists", () -> client.checkExists().forPath(path));
        client.sync().forPath(path);
        CuratorFramework inside = client.usingNamespace("basics");
        log.say("in a namespace", Log.sorted(inside.getChildren().forPath("/a")));
    }

    private static void background(CuratorFramework client, Log log) throws Exception {
        Log.Inbox inbox = log.new Inbox();
        client.create()
                .inBackground(
                        (c, event) ->
                                inbox.put(
                                        event.getType()
                                                + " "
                                                + event.getResultCode()
                                                + " "
                                                + event.getPath()))
                .forPath("/basics/background");
        inbox.expect("created in the background", 1);
        client.getData()
                .inBackground(
                        (c, event) -> inbox.put(event.getType() + " " + event.getResultCode()))
                .forPath("/basics/none");
        inbox.expect("read in the background", 1);
        inbox.leftOver();
    }

    private static void watching(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        Log.Inbox inbox = log.new Inbox();
        Watcher watcher = event -> inbox.put(event.getType() + " " + event.getPath());
        left.getData().usingWatcher(watcher).forPath("/basics/a");
        left.getChildren().usingWatcher(watcher).forPath("/basics/a");
        left.checkExists().usingWatcher(watcher).forPath("/basics/later");
        right.setData().forPath("/basics/a", "x".getBytes());
        inbox.expect("set", 1);
        right.create().forPath("/basics/later");
        inbox.expect("created", 1);
        right.delete().deletingChildrenIfNeeded().forPath("/basics/a/b");
        inbox.expect("child deleted", 1);
        left.watchers()
                .add()
                .withMode(AddWatchMode.PERSISTENT_RECURSIVE)
                .usingWatcher(watcher)
                .forPath("/basics/later");
        right.create().forPath("/basics/later/kid");
        right.setData().forPath("/basics/later/kid", "x".getBytes());
        right.delete().forPath("/basics/later/kid");
        inbox.expect("recursively", 3);
        left.watchers().remove(watcher).ofType(Watcher.WatcherType.Any).forPath("/basics/later");
        inbox.expect("removed", 1);
        right.delete().forPath("/basics/later");
        left.getData().usingWatcher(watcher).forPath("/basics/a");
        left.watchers().removeAll().forPath("/basics/a");
        inbox.expect("removed all", 1);
        inbox.leftOver();
    }

    private static void access(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        right.create().withACL(Ids.CREATOR_ALL_ACL).forPath("/basics/mine", "x".getBytes());
        log.say("its ACL", right.getACL().forPath("/basics/mine"));
        log.step("a stranger reads", () -> left.getData().forPath("/basics/mine"));
        log.step("a stranger sets", () -> left.setData().forPath("/basics/mine"));
        List<ACL> read = Arrays.asList(Ids.READ_ACL_UNSAFE.get(0));
        log.say("setACL", right.setACL().withVersion(0).withACL(read).forPath("/basics/mine"));
        log.step("a stranger reads", () -> left.getData().forPath("/basics/mine"));
    }
}
