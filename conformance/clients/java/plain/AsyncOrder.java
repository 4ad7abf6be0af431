package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher;

/**
 * Sends many requests without waiting for answers and shows in which order they come back.
 *
 * <p>Callbacks and watch events of a handle run on one thread, so the order in which
 * they write into the list is the order of the server's frames.
 */
final class AsyncOrder {
    private AsyncOrder() {}

    static void run(String address, Transcript transcript) throws Exception {
        Handle zk = Handle.open(address);
        transcript.setSession(zk.getSessionId());
        transcript.chapter("asynchronous order");
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        writesAndReads(zk, transcript, lines);
        restOfTheInterface(zk, transcript, lines);
        zk.settledEvents();
        transcript.list("in order", lines);
        crowd(zk, transcript);
        zk.close();
    }

    private static void writesAndReads(Handle zk, Transcript text, List<String> lines) {
        Watcher watcher = event -> lines.add("event " + Events.text(event));
        byte[] one = Reading.bytes("one");
        byte[] two = Reading.bytes("two");
        zk.exists(
                "/async",
                watcher,
                (rc, path, ctx, stat) -> lines.add(Code.get(rc) + " exists " + stat),
                null);
        zk.create(
                "/async",
                one,
                OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT,
                (rc, path, ctx, name) -> lines.add(Code.get(rc) + " create " + name + " " + ctx),
                "context");
        zk.getData(
                "/async",
                watcher,
                (rc, path, ctx, data, stat) ->
                        lines.add(Code.get(rc) + " " + text.render(data) + text.render(stat)),
                null);
        zk.setData(
                "/async",
                two,
                0,
                (rc, path, ctx, stat) -> lines.add(Code.get(rc) + " set " + text.render(stat)),
                null);
        zk.setData(
                "/async",
                one,
                0,
                (rc, path, ctx, stat) -> lines.add(Code.get(rc) + " set stale " + stat),
                null);
        zk.getChildren(
                "/async",
                watcher,
                (rc, path, ctx, names) -> lines.add(Code.get(rc) + " children " + names),
                null);
        zk.create(
                "/async/kid",
                two,
                OPEN_ACL_UNSAFE,
                CreateMode.EPHEMERAL_SEQUENTIAL,
                (rc, path, ctx, name, stat) ->
                        lines.add(Code.get(rc) + " create2 " + name + " " + text.render(stat)),
                null);
        zk.getChildren(
                "/async",
                false,
                (rc, path, ctx, names, stat) ->
                        lines.add(Code.get(rc) + " " + names + " " + text.render(stat)),
                null);
        zk.delete(
                "/async",
                -1,
                (rc, path, ctx) -> lines.add(Code.get(rc) + " delete " + path),
                null);
    }

    private static void restOfTheInterface(Handle zk, Transcript text, List<String> lines) {
        zk.getACL(
                "/async",
                null,
                (rc, path, ctx, acl, stat) ->
                        lines.add(Code.get(rc) + " acl " + text.render(acl) + text.render(stat)),
                null);
        zk.setACL(
                "/async",
                OPEN_ACL_UNSAFE,
                4,
                (rc, path, ctx, stat) -> lines.add(Code.get(rc) + " setACL " + text.render(stat)),
                null);
        zk.getEphemerals(
                "/async",
                (rc, ctx, paths) -> lines.add(Code.get(rc) + " ephemerals " + paths),
                null);
        zk.getAllChildrenNumber(
                "/async",
                (rc, path, ctx, number) -> lines.add(Code.get(rc) + " number " + number),
                null);
        zk.multi(
                List.of(Op.check("/async", 1), Op.delete("/async/none", -1), Op.check("/", -1)),
                (rc, path, ctx, results) ->
                        lines.add(Code.get(rc) + " multi " + text.render(results)),
                null);
        zk.multi(
                List.of(Op.check("/async", 1), Op.setData("/async", null, 1)),
                (rc, path, ctx, results) ->
                        lines.add(Code.get(rc) + " multi " + text.render(results)),
                null);
        zk.getConfig(
                false,
                (rc, path, ctx, data, stat) -> lines.add(Code.get(rc) + " config " + path),
                null);
        zk.sync(
                "/async/nowhere",
                (rc, path, ctx) -> lines.add(Code.get(rc) + " sync " + path),
                null);
        zk.create(
                "/async/ttl",
                null,
                OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT_WITH_TTL,
                (rc, path, ctx, name, stat) ->
                        lines.add(Code.get(rc) + " ttl " + name + " " + text.render(stat)),
                null,
                3_600_000);
    }

    /** A thousand pipelined requests of three kinds, checked rather than printed. */
    private static void crowd(Handle zk, Transcript transcript) throws Exception {
        zk.create("/async/crowd", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        List<Integer> answered = Collections.synchronizedList(new ArrayList<>());
        List<String> wrong = Collections.synchronizedList(new ArrayList<>());
        int rounds = 333;
        for (int round = 0; round < rounds; round++) {
            int number = round;
            byte[] data = Reading.bytes(Integer.toString(round));
            zk.setData(
                    "/async/crowd",
                    data,
                    round,
                    (rc, path, ctx, stat) -> {
                        answered.add(3 * number);
                        if (rc != 0 || stat.getVersion() != number + 1) {
                            wrong.add("setData " + number + ": " + Code.get(rc));
                        }
                    },
                    null);
            zk.getData(
                    "/async/crowd",
                    false,
                    (rc, path, ctx, read, stat) -> {
                        answered.add(3 * number + 1);
                        if (rc != 0 || !new String(read).equals(Integer.toString(number))) {
                            wrong.add("getData " + number + ": " + Code.get(rc));
                        }
                    },
                    null);
            zk.delete(
                    "/async/crowd",
                    number,
                    (rc, path, ctx) -> {
                        answered.add(3 * number + 2);
                        if (Code.get(rc) != Code.BADVERSION) {
                            wrong.add("delete " + number + ": " + Code.get(rc));
                        }
                    },
                    null);
        }
        zk.settledEvents();
        boolean ordered = true;
        for (int index = 0; index < answered.size(); index++) {
            ordered &= answered.get(index) == index;
        }
        transcript.say("crowd", answered.size() + " answers, in order " + ordered);
        transcript.list("not as expected", wrong);
        transcript.say("in the end", zk.exists("/async/crowd", false));
    }
}
