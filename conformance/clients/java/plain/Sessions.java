package conformance.plain;

import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;

import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.KeeperState;

/** Sessions: negotiated timeouts, moving to another handle, wrong passwords, and the end. */
final class Sessions {
    private Sessions() {}

    static void run(String address, Transcript transcript) throws Exception {
        transcript.chapter("sessions");
        for (int timeoutMs : new int[] {3000, 4000, 5001, 40_000, 40_001, Integer.MAX_VALUE}) {
            Handle zk = Handle.open(address, timeoutMs);
            transcript.say("timeout asked " + timeoutMs, zk.getSessionTimeout());
            zk.close();
        }
        Handle first = Handle.open(address);
        transcript.say("password length", first.getSessionPasswd().length);
        first.create("/session", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        first.create("/session/eph", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        transcript.setSession(first.getSessionId());
        refused(address, first, transcript);
        Handle second = moved(address, first, transcript);
        closed(address, first, second, transcript);
        ordinaryEnd(address, transcript);
    }

    private static void refused(String address, Handle first, Transcript transcript)
            throws Exception {
        long session = first.getSessionId();
        byte[] wrong = first.getSessionPasswd().clone();
        wrong[3] ^= 1;
        first.gate.setOpen(false);
        Handle thief = Handle.attach(address, session, wrong);
        transcript.list("a wrong password", thief.events.takeUntilState(KeeperState.Expired));
        transcript.step("then a read", () -> thief.exists("/", false));
        // Apache drops the rightful connection even so; the handle may come back.
        first.gate.setOpen(true);
        transcript.list("the owner still reads", List.of(readWithPatience(first, transcript)));
        Handle stranger = Handle.attach(address, session + 1_000_000, first.getSessionPasswd());
        transcript.list("an unknown session", stranger.events.takeUntilState(KeeperState.Expired));
        Handle empty = Handle.attach(address, session, new byte[0]);
        transcript.list("an empty password", empty.events.takeUntilState(KeeperState.Expired));
        transcript.list("the owner still reads", List.of(readWithPatience(first, transcript)));
        first.settledEvents();
    }

    /** Reads although the connection may break once underneath. */
    private static String readWithPatience(Handle zk, Transcript transcript) throws Exception {
        for (int attempt = 0; attempt < 10; attempt++) {
            try {
                return transcript.render(zk.exists("/session/eph", false));
            } catch (org.apache.zookeeper.KeeperException.ConnectionLossException lost) {
                continue;
            }
        }
        return "lost";
    }

    private static Handle moved(String address, Handle first, Transcript transcript)
            throws Exception {
        first.getData("/session/eph", first.events, null);
        first.gate.setOpen(false);
        Handle second =
                Handle.attach(address, first.getSessionId(), first.getSessionPasswd());
        transcript.list("the second", second.events.takeUntilState(KeeperState.SyncConnected));
        transcript.list("the first", first.events.takeUntilState(KeeperState.Disconnected));
        transcript.say("same session", second.getSessionId() == first.getSessionId());
        transcript.say(
                "same password",
                java.util.Arrays.equals(second.getSessionPasswd(), first.getSessionPasswd()));
        transcript.say("same timeout", second.getSessionTimeout() == first.getSessionTimeout());
        transcript.say("the node lives", second.exists("/session/eph", false));
        transcript.say("and is owned", second.getEphemerals());
        // Watches belong to connections: the second handle has none yet.
        second.setData("/session/eph", null, -1);
        transcript.list("events of the second", second.settledEvents());
        return second;
    }

    private static void closed(
            String address, Handle first, Handle second, Transcript transcript) throws Exception {
        second.close();
        Handle other = Handle.open(address);
        transcript.say("the node after close", other.exists("/session/eph", false));
        transcript.say("its parent", other.exists("/session", false));
        first.gate.setOpen(true);
        transcript.list("the first comes back", first.events.takeUntilState(KeeperState.Expired));
        transcript.step("and reads", () -> first.exists("/", false));
        transcript.say("alive", first.getState().isAlive());
        Handle late = Handle.attach(address, second.getSessionId(), second.getSessionPasswd());
        transcript.list("a closed session", late.events.takeUntilState(KeeperState.Expired));
        other.close();
    }

    private static void ordinaryEnd(String address, Transcript transcript) throws Exception {
        Handle watching = Handle.open(address);
        Handle owner = Handle.open(address);
        for (String name : new String[] {"a", "b", "c"}) {
            owner.create("/session/" + name, null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            watching.exists("/session/" + name, watching.events);
        }
        watching.getChildren("/session", watching.events);
        owner.close();
        List<String> events = watching.settledEvents();
        // The nodes of one session end in no promised order.
        events.sort(null);
        transcript.list("the end of three nodes", events);
        transcript.say("what is left", watching.sortedChildren("/session"));
        transcript.step("after close", () -> owner.exists("/", false));
        watching.close();
    }
}
