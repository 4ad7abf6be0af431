package conformance.curator;

import java.util.Arrays;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.cache.TreeCacheEvent;

/** Caches of a client that follow the changes another one makes. */
@SuppressWarnings("deprecation")
final class Caches {
    private Caches() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("caches");
        pathChildren(left, right, log);
        tree(left, right, log);
        curator(left, right, log);
        node(left, right, log);
    }

    private static void plant(CuratorFramework client, String root) throws Exception {
        client.create().creatingParentsIfNeeded().forPath(root + "/one", "1".getBytes());
        client.create().forPath(root + "/two", "2".getBytes());
        client.create().forPath(root + "/two/deep", "3".getBytes());
    }

    private static String text(ChildData data) {
        return data == null
                ? "nothing"
                : data.getPath() + " " + Log.text(data.getData()) + " "
                        + Log.text(data.getStat());
    }

    private static void pathChildren(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        plant(right, "/caches/path");
        Log.Inbox inbox = log.new Inbox();
        PathChildrenCache cache = new PathChildrenCache(left, "/caches/path", true);
        cache.getListenable()
                .addListener(
                        (client, event) -> {
                            // Events of the connection come when the client gets to them.
                            if (!event.getType().name().startsWith("CONNECTION")) {
                                inbox.put(event.getType() + " " + text(event.getData()));
                            }
                        });
        cache.start(PathChildrenCache.StartMode.POST_INITIALIZED_EVENT);
        inbox.expect("children at first", 3);
        right.create().forPath("/caches/path/three", "new".getBytes());
        inbox.expect("created", 1);
        right.setData().forPath("/caches/path/three", "newer".getBytes());
        inbox.expect("set", 1);
        right.delete().forPath("/caches/path/three");
        inbox.expect("deleted", 1);
        log.say("now", cache.getCurrentData().size());
        log.say("among them", text(cache.getCurrentData("/caches/path/two")));
        cache.close();
        inbox.leftOver();
    }

    private static void tree(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        plant(right, "/caches/tree");
        Log.Inbox inbox = log.new Inbox();
        TreeCache cache = new TreeCache(left, "/caches/tree");
        cache.getListenable()
                .addListener(
                        (client, event) -> {
                            if (event.getType() == TreeCacheEvent.Type.NODE_REMOVED) {
                                // How far the cached Stat got depends on the client's threads.
                                inbox.put("removed " + event.getData().getPath());
                            } else if (!event.getType().name().startsWith("CONNECTION")) {
                                inbox.put(event.getType() + " " + text(event.getData()));
                            }
                        });
        cache.start();
        inbox.expect("tree at first", 5);
        right.create().forPath("/caches/tree/two/deep/er", "new".getBytes());
        inbox.expect("created", 1);
        right.setData().forPath("/caches/tree/two/deep/er", "newer".getBytes());
        inbox.expect("set", 1);
        right.delete().forPath("/caches/tree/two/deep/er");
        inbox.expect("deleted", 1);
        right.delete().deletingChildrenIfNeeded().forPath("/caches/tree");
        inbox.expect("all deleted", 4);
        log.say("now", cache.getCurrentData("/caches/tree"));
        cache.close();
    }

    private static void curator(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        plant(right, "/caches/curator");
        Log.Inbox inbox = log.new Inbox();
        CuratorCache cache = CuratorCache.build(left, "/caches/curator");
        CuratorCacheListener listener =
                CuratorCacheListener.builder()
                        .forCreates(data -> inbox.put("created " + text(data)))
                        .forChanges(
                                (before, after) ->
                                        inbox.put("set " + text(before) + " to " + text(after)))
                        .forDeletes(data -> inbox.put("deleted " + text(data)))
                        .forInitialized(() -> inbox.put("initialized"))
                        .build();
        cache.listenable().addListener(listener);
        cache.start();
        inbox.expect("tree at first", 5);
        right.create().forPath("/caches/curator/three", "new".getBytes());
        inbox.expect("created", 1);
        right.setData().forPath("/caches/curator/three", "newer".getBytes());
        inbox.expect("set", 1);
        right.delete().forPath("/caches/curator/three");
        inbox.expect("deleted", 1);
        log.say("size", cache.size());
        right.delete().deletingChildrenIfNeeded().forPath("/caches/curator");
        inbox.expect("all deleted", 4);
        right.create().forPath("/caches/curator", "reborn".getBytes());
        inbox.expect("created again", 1);
        cache.close();
        inbox.leftOver();
    }

    private static void node(CuratorFramework left, CuratorFramework right, Log log)
            throws Exception {
        NodeCache cache = new NodeCache(left, "/caches/node");
        Log.Inbox inbox = log.new Inbox();
        cache.getListenable().addListener(() -> inbox.put(text(cache.getCurrentData())));
        cache.start(true);
        log.say("at first", text(cache.getCurrentData()));
        for (String data : Arrays.asList("a", "b")) {
            right.create().orSetData().forPath("/caches/node", data.getBytes());
            inbox.expect("written", 1);
        }
        right.delete().forPath("/caches/node");
        inbox.expect("deleted", 1);
        cache.close();
        inbox.leftOver();
    }
}
