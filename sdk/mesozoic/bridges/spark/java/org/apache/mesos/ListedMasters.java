package org.apache.mesos;

import java.util.ArrayList;
import java.util.List;
import org.apache.http.HttpHost;

/** Goes through given masters, until one does not fail. Those that do not lead redirect. */
final class ListedMasters extends Masters {
  private final List<HttpHost> masters = new ArrayList<>();
  // Of the subscriber's thread.
  private int at;

  ListedMasters(String addresses, boolean isTls) {
    for (String address : addresses.split(",")) {
      masters.add(hostOf(address, isTls));
    }
  }

  @Override
  void look() {
    tell(masters.get(at));
  }

  @Override
  void failed(HttpHost master) {
    at = (at + 1) % masters.size();
    tell(masters.get(at));
  }

  @Override
  public void close() {}
}
