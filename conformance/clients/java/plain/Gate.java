package conformance.plain;

import java.net.InetSocketAddress;
import java.util.Collection;
import org.apache.zookeeper.client.HostProvider;

/**
 * Tells a client handle its one server, but only while the gate is open.
 *
 * <p>A handle that lost its connection reconnects by itself at once. With the gate
 * closed it stays disconnected until the program has done what should be missed.
 */
final class Gate implements HostProvider {
    private final InetSocketAddress address;
    private boolean open = true;

    Gate(String address) {
        int colon = address.lastIndexOf(':');
        this.address =
                new InetSocketAddress(
                        address.substring(0, colon),
                        Integer.parseInt(address.substring(colon + 1)));
    }

    synchronized void setOpen(boolean open) {
        this.open = open;
        notifyAll();
    }

    @Override
    public synchronized InetSocketAddress next(long spinDelay) {
        while (!open) {
            try {
                wait();
            } catch (InterruptedException interrupt) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        return address;
    }

    @Override
    public int size() {
        return 1;
    }

    @Override
    public void onConnected() {
        // There is no other server to prefer next time.
    }

    @Override
    public boolean updateServerList(
            Collection<InetSocketAddress> servers, InetSocketAddress currentHost) {
        return false;
    }
}
