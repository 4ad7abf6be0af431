package conformance.plain;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

/** The ids of the digest scheme, made here so that the server's are compared with something. */
final class Digests {
    private Digests() {}

    /** The id of {@code user:password}: the user and the hash of the whole. */
    static String of(String userAndPassword) throws NoSuchAlgorithmException {
        byte[] hash =
                MessageDigest.getInstance("SHA-1").digest(Reading.bytes(userAndPassword));
        String user = userAndPassword.substring(0, userAndPassword.indexOf(':'));
        return user + ":" + Base64.getEncoder().encodeToString(hash);
    }
}
