package conformance.plain;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;

/** A watcher that keeps its events in the order they came and lets others wait for them. */
final class Events implements Watcher {
    private static final long PATIENCE_MS = 30_000;

    private final List<WatchedEvent> seen = new ArrayList<>();

    @Override
    public synchronized void process(WatchedEvent event) {
        seen.add(event);
        notifyAll();
    }

    /** Takes all events up to the first that is a change of the connection to this state. */
    List<String> takeUntilState(Event.KeeperState state) throws InterruptedException {
        return takeUntil(
                event -> event.getType() == Event.EventType.None && event.getState() == state,
                "the state " + state);
    }

    private synchronized List<String> takeUntil(Predicate<WatchedEvent> last, String what)
            throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE_MS * 1_000_000;
        while (true) {
            for (int index = 0; index < seen.size(); index++) {
                if (last.test(seen.get(index))) {
                    return take(index + 1);
                }
            }
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                throw new IllegalStateException(
                        "waited in vain for " + what + "; seen so far: " + take(seen.size()));
            }
            wait(left);
        }
    }

    /** Takes all events that came so far. */
    synchronized List<String> takeAll() {
        return take(seen.size());
    }

    private List<String> take(int count) {
        List<String> lines = new ArrayList<>();
        for (WatchedEvent event : seen.subList(0, count)) {
            lines.add(text(event));
        }
        seen.subList(0, count).clear();
        return lines;
    }

    static String text(WatchedEvent event) {
        return event.getType() + " " + event.getPath() + " " + event.getState();
    }
}
