package org.apache.mesos;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Whether masters speak TLS, and who vouches for them.
 *
 * <p>Spark makes system properties of the settings that its driver is given, so these are settings
 * like all others: {@value #ENABLED} says that a master whose address has no scheme speaks TLS;
 * {@value #CA} names a PEM file with the certificates to trust, and implies it. Without one it is
 * the JVM that says who is trusted.
 */
final class Tls {
  static final String ENABLED = "spark.mesozoic.tls.enabled";
  static final String CA = "spark.mesozoic.tls.ca";

  private final boolean isDefault;
  private final SSLContext context;

  private Tls(boolean isDefault, SSLContext context) {
    this.isDefault = isDefault;
    this.context = context;
  }

  /** Throws IllegalArgumentException when the certificates cannot be used. */
  static Tls fromProperties() {
    String ca = System.getProperty(CA, "");
    boolean isDefault = !ca.isEmpty() || Boolean.parseBoolean(System.getProperty(ENABLED, ""));
    try {
      return new Tls(isDefault, ca.isEmpty() ? SSLContext.getDefault() : trusting(ca));
    } catch (IOException | GeneralSecurityException unusable) {
      throw new IllegalArgumentException(CA + "=" + ca + ": " + unusable, unusable);
    }
  }

  private static SSLContext trusting(String path) throws IOException, GeneralSecurityException {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    try (InputStream pem = Files.newInputStream(Paths.get(path))) {
      for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
        trusted.setCertificateEntry("ca" + trusted.size(), one);
      }
    }
    if (trusted.size() == 0) {
      throw new IOException("there is no certificate in it");
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    return context;
  }

  /** Whether an address without a scheme is https. */
  boolean isDefault() {
    return isDefault;
  }

  SSLContext context() {
    return context;
  }
}
