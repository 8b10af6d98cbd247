package interop;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.grpc.Channel;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.hyperledger.fabric.client.CommitException;
import org.hyperledger.fabric.client.Contract;
import org.hyperledger.fabric.client.Gateway;
import org.hyperledger.fabric.client.GatewayException;
import org.hyperledger.fabric.client.Hash;
import org.hyperledger.fabric.client.Proposal;
import org.hyperledger.fabric.client.Status;
import org.hyperledger.fabric.client.SubmittedTransaction;
import org.hyperledger.fabric.client.Transaction;
import org.hyperledger.fabric.client.identity.Identities;
import org.hyperledger.fabric.client.identity.Signers;
import org.hyperledger.fabric.client.identity.X509Identity;

/** Somebody with a certificate, and the contract as that somebody calls it. */
final class Participant {
    private static final Pattern COMMON_NAME = Pattern.compile("(?:^|,)CN=([^,]*)");
    private static final long DEADLINE_SECONDS = 60;
    private static final int PID_CHARACTERS = 32;

    private final Contract contract;
    private final org.hyperledger.fabric.client.Network network;
    private final X509Certificate certificate;
    private final String msp;

    Participant(final String msp, final Path files, final Channel channel) throws IOException, GeneralSecurityException {
        this.msp = msp;
        try (Reader certificateFile = only(files.resolve("signcerts"));
                Reader keyFile = only(files.resolve("keystore"))) {
            certificate = Identities.readX509Certificate(certificateFile);
            PrivateKey key = Identities.readPrivateKey(keyFile);
            Gateway gateway = Gateway.newInstance()
                    .identity(new X509Identity(msp, certificate))
                    .signer(Signers.newPrivateKeySigner(key))
                    .hash(Hash.SHA256)
                    .connection(channel)
                    .evaluateOptions(options -> options.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS))
                    .endorseOptions(options -> options.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS))
                    .submitOptions(options -> options.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS))
                    .commitStatusOptions(options -> options.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS))
                    .connect();
            network = gateway.getNetwork("mychannel");
            contract = network.getContract(System.getenv("CHAINCODE_NAME"));
        }
    }

    // A devnet writes the certificate under both names that Fabric's tools use.
    private static Reader only(final Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            Path first = files.sorted().findFirst().orElseThrow(() -> new IOException(folder + " is empty"));
            return Files.newBufferedReader(first);
        }
    }

    String enrolmentId() {
        Matcher name = COMMON_NAME.matcher(certificate.getSubjectX500Principal().getName());
        if (!name.find()) {
            throw new IllegalStateException("a certificate without a common name");
        }
        return name.group(1);
    }

    /** The pseudonym that the contract derives from the certificate. */
    String pid() throws GeneralSecurityException {
        String text = "pid/1\0" + msp + "\0" + enrolmentId();
        return sha256(text.getBytes(StandardCharsets.UTF_8)).substring(0, PID_CHARACTERS);
    }

    String keyHash() throws GeneralSecurityException {
        return sha256(certificate.getPublicKey().getEncoded());
    }

    private static String sha256(final byte[] bytes) throws GeneralSecurityException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    JsonObject evaluate(final String name, final JsonObject secret) throws GatewayException {
        return json(proposal(name, new JsonObject(), secret).evaluate());
    }

    /** Endorses, submits, waits for the commit and insists that it is valid. */
    Committed submit(final String name, final JsonObject arguments, final JsonObject secret)
            throws GatewayException, CommitException {
        SubmittedTransaction transaction = endorse(name, arguments, secret).submitAsync();
        Status status = transaction.getStatus();
        if (!status.isSuccessful()) {
            throw new IllegalStateException(name + " was committed with " + status.getCode());
        }
        return new Committed(json(transaction.getResult()), transaction.getTransactionId(), status);
    }

    /** A transaction that was endorsed and is not yet submitted. */
    Transaction endorse(final String name, final JsonObject arguments, final JsonObject secret) throws GatewayException {
        return proposal(name, arguments, secret).endorse();
    }

    /** The channel, to follow it. */
    org.hyperledger.fabric.client.Network network() {
        return network;
    }

    private Proposal proposal(final String name, final JsonObject arguments, final JsonObject secret) {
        Proposal.Builder builder = contract.newProposal(name).addArguments(arguments.toString());
        if (!secret.isEmpty()) {
            builder.putTransient("private", secret.toString());
        }
        return builder.build();
    }

    private static JsonObject json(final byte[] bytes) {
        return JsonParser.parseString(new String(bytes, StandardCharsets.UTF_8)).getAsJsonObject();
    }

    /** A transaction on the chain. */
    record Committed(JsonObject answer, String transactionId, Status status) {}
}
