package conformance.curator;

import java.util.ArrayList;
import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.api.transaction.TransactionOp;
import org.apache.zookeeper.CreateMode;

/** Transactions that succeed and that fail. */
final class Transactions {
    private Transactions() {}

    static void run(CuratorFramework left, CuratorFramework right, Log log) throws Exception {
        log.chapter("transactions");
        TransactionOp op = left.transactionOp();
        CuratorOp root = op.create().forPath("/tx", "0".getBytes());
        CuratorOp kid = op.create().withMode(CreateMode.EPHEMERAL).forPath("/tx/kid");
        CuratorOp sequential =
                op.create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath("/tx/n-");
        CuratorOp box = op.create().withMode(CreateMode.CONTAINER).forPath("/tx/box");
        CuratorOp ttl =
                op.create()
                        .withTtl(3_600_000)
                        .withMode(CreateMode.PERSISTENT_WITH_TTL)
                        .forPath("/tx/ttl");
        CuratorOp set = op.setData().withVersion(0).forPath("/tx", "1".getBytes());
        CuratorOp check = op.check().withVersion(1).forPath("/tx");
        CuratorOp gone = op.delete().withVersion(0).forPath("/tx/box");
        log.step(
                "all kinds",
                () ->
                        texts(
                                left.transaction()
                                        .forOperations(
                                                root, kid, sequential, box, ttl, set, check,
                                                gone)));
        log.say("seen by another", Log.sorted(right.getChildren().forPath("/tx")));
        log.step("again", () -> texts(left.transaction().forOperations(kid, set)));
        log.step("stale", () -> texts(left.transaction().forOperations(check, set)));
        log.say("unchanged", right.checkExists().forPath("/tx"));
        Log.Inbox inbox = log.new Inbox();
        left.transaction()
                .inBackground(
                        (c, event) -> {
                            List<CuratorTransactionResult> results = event.getOpResults();
                            inbox.put(event.getResultCode() + " " + texts(results));
                        })
                .forOperations(check, op.delete().forPath("/tx/none"));
        inbox.expect("in the background", 1);
        left.delete().deletingChildrenIfNeeded().forPath("/tx");
    }

    private static List<String> texts(List<CuratorTransactionResult> results) {
        List<String> lines = new ArrayList<>();
        for (CuratorTransactionResult result : results) {
            lines.add(
                    String.join(
                            " ",
                            result.getType().name(),
                            String.valueOf(result.getForPath()),
                            String.valueOf(result.getResultPath()),
                            Log.text(result.getResultStat()),
                            String.valueOf(result.getError())));
        }
        return lines;
    }
}
