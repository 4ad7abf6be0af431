package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;
import static org.apache.zookeeper.ZooDefs.Ids.READ_ACL_UNSAFE;

import java.nio.charset.StandardCharsets;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.data.Stat;

/** Creates nodes of every mode and shows their Stats and those of their parents. */
final class Creating {
    private static final byte[] DATA = "hello".getBytes(StandardCharsets.UTF_8);
    private static final long TTL_MS = 3_600_000;

    private Creating() {}

    static void run(String address, Transcript transcript) throws Exception {
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        transcript.chapter("creating");
        transcript.say("fresh root", zk.exists("/", false));
        transcript.say("fresh /zookeeper", zk.exists("/zookeeper", false));
        transcript.say("fresh quota", zk.exists("/zookeeper/quota", false));
        transcript.say("fresh config", zk.exists("/zookeeper/config", false));
        transcript.say("config's ACL", zk.getACL("/zookeeper/config", new Stat()));
        zk.create("/make", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        everyMode(zk, transcript);
        dataAndAcl(zk, transcript);
        sequences(zk, transcript);
        transcript.say("parent", zk.exists("/make", false));
        transcript.say("root", zk.exists("/", false));
        transcript.say("children", zk.sortedChildren("/make"));
        zk.close();

        Handle after = Handle.open(address);
        transcript.say("children after the session", after.sortedChildren("/make"));
        transcript.say("parent after the session", after.exists("/make", false));
        after.close();
    }

    private static void everyMode(Handle zk, Transcript transcript) throws Exception {
        for (CreateMode mode : CreateMode.values()) {
            long ttl = mode.isTTL() ? TTL_MS : -1;
            for (int turn = 0; turn < 2; turn++) {
                transcript.step(
                        "create " + mode,
                        () -> {
                            Stat stat = new Stat();
                            String path =
                                    zk.create(
                                            "/make/" + mode,
                                            DATA,
                                            OPEN_ACL_UNSAFE,
                                            mode,
                                            stat,
                                            ttl);
                            return path + " " + transcript.render(stat);
                        });
            }
            if (!mode.isTTL()) {
                transcript.step(
                        "create without Stat " + mode,
                        () -> zk.create("/make/plain-" + mode, DATA, OPEN_ACL_UNSAFE, mode));
            }
        }
    }

    private static void dataAndAcl(Handle zk, Transcript transcript) throws Exception {
        zk.create("/make/null", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/make/empty", new byte[0], OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/make/read", DATA, READ_ACL_UNSAFE, CreateMode.PERSISTENT);
        for (String name : new String[] {"null", "empty", "read"}) {
            String path = "/make/" + name;
            transcript.say("data of " + name, zk.getData(path, false, null));
            transcript.say("Stat of " + name, zk.exists(path, false));
            transcript.say("ACL of " + name, zk.getACL(path, new Stat()));
        }
        String unicode = "/make/\u00fcml\u00e4ut \u65e5\u672c\u8a9e ...";
        transcript.step(
                "a name beyond ASCII",
                () -> zk.create(unicode, DATA, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        transcript.say("its Stat", zk.exists(unicode, false));
    }

    private static void sequences(Handle zk, Transcript transcript) throws Exception {
        zk.create("/make/seq", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        for (int turn = 0; turn < 3; turn++) {
            String path =
                    zk.create(
                            "/make/seq/n-",
                            DATA,
                            OPEN_ACL_UNSAFE,
                            CreateMode.PERSISTENT_SEQUENTIAL);
            transcript.say("sequential", path);
            transcript.say("counted by", zk.exists("/make/seq", false));
            zk.delete(path, 0);
            transcript.say("and after its end", zk.exists("/make/seq", false));
        }
        zk.create("/make/seq/plain", DATA, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        transcript.step(
                "a failed creation counts nothing",
                () -> zk.create("/make/seq/plain", DATA, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        transcript.step(
                "a sequential node without a name of its own",
                () ->
                        zk.create(
                                "/make/seq/",
                                DATA,
                                OPEN_ACL_UNSAFE,
                                CreateMode.EPHEMERAL_SEQUENTIAL));
        transcript.say("names", zk.sortedChildren("/make/seq"));
    }
}
