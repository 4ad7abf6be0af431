package conformance.curator;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.Stat;

/** Prints outcomes and waits for conditions; ids made by the client are shortened to a mark. */
final class Log {
    private static final long PATIENCE_S = 30;
    private static final long POLL_NS = 2_000_000;
    private static final String UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

    private final PrintStream out;

    Log(PrintStream out) {
        this.out = out;
    }

    void chapter(String title) {
        out.println("== " + title);
    }

    void say(String what, Object outcome) {
        out.println(what + ": " + text(outcome).replaceAll(UUID, "UUID"));
    }

    /** Prints what a step returns, or the name of the ZooKeeper error that it ends with. */
    void step(String what, Callable<?> step) throws Exception {
        try {
            say(what, step.call());
        } catch (KeeperException error) {
            say(what, "error " + error.code());
        }
    }

    /** Waits until the condition holds, then says so. */
    void until(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S);
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("waited in vain until " + what);
            }
            LockSupport.parkNanos(POLL_NS);
        }
        say("until", what);
    }

    static String text(Object value) {
        if (value == null) {
            return "null";
        } else if (value instanceof byte[]) {
            return "'" + new String((byte[]) value, StandardCharsets.UTF_8) + "'";
        } else if (value instanceof Stat) {
            Stat stat = (Stat) value;
            return String.format(
                    "{version %d cversion %d aversion %d %s length %d children %d}",
                    stat.getVersion(),
                    stat.getCversion(),
                    stat.getAversion(),
                    stat.getEphemeralOwner() == 0 ? "unowned" : "owned",
                    stat.getDataLength(),
                    stat.getNumChildren());
        }
        return value.toString();
    }

    /** The collection's texts in alphabetical order, for what comes in no order. */
    static List<String> sorted(Collection<?> values) {
        List<String> texts = new ArrayList<>();
        values.forEach(value -> texts.add(text(value)));
        texts.sort(null);
        return texts;
    }

    /** Events that listeners put in from their threads and the script takes out again. */
    final class Inbox {
        private final BlockingQueue<String> queue = new LinkedBlockingQueue<>();

        void put(String event) {
            queue.add(event);
        }

        /** Prints the next so many events, in alphabetical order when they come in none. */
        void expect(String what, int count) throws InterruptedException {
            List<String> events = new ArrayList<>();
            while (events.size() < count) {
                String event = queue.poll(PATIENCE_S, TimeUnit.SECONDS);
                if (event == null) {
                    throw new IllegalStateException(
                            what + ": " + count + " events should come, only came " + events);
                }
                events.add(event);
            }
            events.sort(null);
            say(what, events);
        }

        /** Prints what is left over; by now nothing should be. */
        void leftOver() {
            say("left over", new ArrayList<>(queue));
        }
    }
}
