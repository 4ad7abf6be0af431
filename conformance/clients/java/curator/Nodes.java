package conformance.curator;

import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.zookeeper.CreateMode;

/** Nodes that their client keeps alive, whatever others do to them. */
final class Nodes {
    private static final long PATIENCE_S = 30;

    private Nodes() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("nodes");
        right.create().forPath("/nodes");
        persistent(left, right, log);
        group(left, right, log);
        withTtl(left, right, log);
    }

    private static void persistent(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        PersistentNode node =
                new PersistentNode(
                        left, CreateMode.EPHEMERAL, false, "/nodes/kept", "data".getBytes());
        node.start();
        log.say("created", node.waitForInitialCreate(PATIENCE_S, TimeUnit.SECONDS));
        log.say("as", right.checkExists().forPath("/nodes/kept"));
        long born = right.checkExists().forPath("/nodes/kept").getCzxid();
        right.delete().forPath("/nodes/kept");
        log.until(
                "it is back",
                () -> {
                    var stat = right.checkExists().forPath("/nodes/kept");
                    return stat != null && stat.getCzxid() > born;
                });
        log.say("with", right.getData().forPath("/nodes/kept"));
        node.setData("other".getBytes());
        log.until(
                "its data are new",
                () -> new String(right.getData().forPath("/nodes/kept")).equals("other"));
        node.close();
        log.until("it is gone", () -> right.checkExists().forPath("/nodes/kept") == null);
        PersistentNode sequential =
                new PersistentNode(
                        left, CreateMode.EPHEMERAL_SEQUENTIAL, true, "/nodes/n-", new byte[0]);
        sequential.start();
        log.say("protected", sequential.waitForInitialCreate(PATIENCE_S, TimeUnit.SECONDS));
        log.say("called", sequential.getActualPath());
        sequential.close();
    }

    private static void group(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        GroupMember first = new GroupMember(left, "/nodes/group", "first", "1".getBytes());
        GroupMember second = new GroupMember(right, "/nodes/group", "second", "2".getBytes());
        first.start();
        second.start();
        log.until("each sees two", () -> members(first, 2) && members(second, 2));
        log.say("they are", Log.sorted(first.getCurrentMembers().keySet()));
        first.setThisData("3".getBytes());
        log.until(
                "the second sees new data",
                () -> new String(second.getCurrentMembers().get("first")).equals("3"));
        second.close();
        log.until("the first is alone", () -> members(first, 1));
        first.close();
    }

    private static boolean members(GroupMember member, int count) {
        return member.getCurrentMembers().size() == count;
    }

    private static void withTtl(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        try (PersistentTtlNode node =
                new PersistentTtlNode(left, "/nodes/ttl", 60_000, "data".getBytes())) {
            node.start();
            log.say("created", node.waitForInitialCreate(PATIENCE_S, TimeUnit.SECONDS));
            log.say("as", right.checkExists().forPath("/nodes/ttl"));
        }
    }
}
