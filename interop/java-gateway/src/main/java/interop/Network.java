package interop;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.HashMap;
import java.util.Map;

/** The organisations of a devnet or a test network, from the files that Fabric's tools write. */
final class Network implements AutoCloseable {
    private final Path organizations;
    private final JsonObject endpoints;
    private final Map<String, ManagedChannel> channels = new HashMap<>();

    /** @param endpoints JSON from MSP id to domain and endpoint */
    Network(final Path organizations, final String endpoints) {
        this.organizations = organizations.resolve("peerOrganizations");
        this.endpoints = JsonParser.parseString(endpoints).getAsJsonObject();
    }

    /** A participant with the user folder {@code user@domain}, connected to the gateway of {@code gatewayMsp}. */
    Participant participant(final String msp, final String user, final String gatewayMsp)
            throws IOException, GeneralSecurityException {
        Path files = organizations.resolve(Path.of(domain(msp), "users", user + "@" + domain(msp), "msp"));
        return new Participant(msp, files, channel(gatewayMsp));
    }

    private ManagedChannel channel(final String msp) throws IOException {
        ManagedChannel known = channels.get(msp);
        if (known != null) {
            return known;
        }
        String peer = "peer0." + domain(msp);
        Path roots = organizations.resolve(Path.of(domain(msp), "peers", peer, "tls", "ca.crt"));
        try (var certificates = Files.newInputStream(roots)) {
            var credentials = TlsChannelCredentials.newBuilder().trustManager(certificates).build();
            String endpoint = endpoints.getAsJsonObject(msp).get("endpoint").getAsString();
            ManagedChannel channel = Grpc.newChannelBuilder(endpoint, credentials).overrideAuthority(peer).build();
            channels.put(msp, channel);
            return channel;
        }
    }

    private String domain(final String msp) {
        return endpoints.getAsJsonObject(msp).get("domain").getAsString();
    }

    @Override
    public void close() {
        cut();
    }

    /** Breaks every connection, with all that is under way. */
    void cut() {
        channels.values().forEach(ManagedChannel::shutdownNow);
    }
}
