package interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.grpc.Status.Code;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import org.hyperledger.fabric.client.EndorseException;
import org.hyperledger.fabric.client.GatewayException;
import org.hyperledger.fabric.protos.gateway.ErrorDetail;
import org.hyperledger.fabric.protos.peer.TxValidationCode;

/**
 * A short form of the health story by Fabric's own Java client: registration, one batch of summaries, reading it back,
 * a refusal at each stage.
 *
 * <p>ORGANIZATIONS is the folder of a devnet or a test network, ENDPOINTS a JSON object from MSP id to domain and
 * endpoint, CHAINCODE_NAME the contract's name.
 */
public final class Story {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final long GRID_S = 300;
    private static final long GRID_MS = GRID_S * 1000;
    private static final JsonObject NONE = new JsonObject();

    private final Report report = new Report("Story");
    private long height;

    private Story() {}

    public static void main(final String[] arguments) throws Exception {
        Story story = new Story();
        try (Network network = new Network(Path.of(System.getenv("ORGANIZATIONS")), System.getenv("ENDPOINTS"))) {
            story.tell(network);
        }
        if (!story.report.close()) {
            System.exit(1);
        }
    }

    private void tell(final Network network) throws Exception {
        Participant registrar = network.participant("Org1MSP", "registrar", "Org1MSP");
        Participant patient = network.participant("Org1MSP", "patient", "Org1MSP");
        Participant device = network.participant("Org1MSP", "device", "Org1MSP");
        Participant clinician = network.participant("Org3MSP", "clinician", "Org1MSP");

        Participant admin = network.participant("Org1MSP", "Admin", "Org1MSP");
        committed("Org1MSP registers as a custodian", admin.submit("RegisterOrganization", json("{'kind':'custodian'}"), NONE));
        Participant second = network.participant("Org2MSP", "Admin", "Org2MSP");
        committed("Org2MSP does, by its own gateway", second.submit("RegisterOrganization", json("{'kind':'custodian'}"), NONE));

        JsonObject staff = json("{'unit':'root','roles':['registrar'],'period':{'start':0,'end':4102444800000}}");
        var employed = admin.submit("RegisterStaff", staff, with("enrolment_id", registrar.enrolmentId()));
        committed("Org1MSP employs a registrar", employed);
        report.equal("the registrar's pseudonym is the one derived here", employed.answer().get("staff").getAsString(), registrar.pid());

        String sid = hex(16);
        JsonObject registration = with("sid", sid);
        registration.addProperty("secret", hex(32));
        registration.addProperty("enrolment_id", patient.enrolmentId());
        registration.addProperty("key_hash", patient.keyHash());
        committed("the registrar registers the patient by its key", registrar.submit("RegisterPatient", NONE, registration));

        String rk = hex(16);
        JsonObject confirmation = with("sid", sid);
        confirmation.addProperty("rk", rk);
        confirmation.addProperty("secret", hex(32));
        committed("the patient confirms", patient.submit("ConfirmRegistration", NONE, confirmation));

        long first = System.currentTimeMillis() / GRID_MS * GRID_MS - 3 * GRID_MS;
        JsonObject registered = with("sid", sid);
        registered.addProperty("device", device.pid());
        registered.addProperty("key_hash", device.keyHash());
        registered.addProperty("profile", "pulse-sensor");
        registered.addProperty("active_from", first);
        committed("the patient registers the device", patient.submit("RegisterDevice", NONE, registered));
        committed("the device confirms whose it is", device.submit("ConfirmDevice", NONE, with("sid", sid)));

        JsonArray records = new JsonArray();
        records.add(summary(first));
        records.add(summary(first + GRID_MS));
        JsonObject batch = with("sid", sid);
        batch.addProperty("rk", rk);
        batch.add("records", records);
        var created = device.submit("SubmitSummaries", NONE, batch);
        committed("the device submits two summaries", created);
        report.equal("both are new", created.answer().get("created").getAsInt(), 2);

        readBack(patient, clinician, first, records);
        refusedAtEndorsement(device, batch);
    }

    private void readBack(final Participant patient, final Participant clinician, final long first, final JsonArray sent)
            throws Exception {
        JsonObject question = json("{'code':'8867-4'}");
        question.addProperty("grid_s", GRID_S);
        question.addProperty("from", first);
        question.addProperty("until", first + 2 * GRID_MS);
        JsonArray found = new JsonArray();
        for (var record : patient.evaluate("ReadOwnSummaries", question).getAsJsonArray("records")) {
            JsonObject summary = record.getAsJsonObject().getAsJsonObject("summary");
            // The contract's own defaults where a device gives none.
            summary.remove("labels");
            summary.remove("components");
            found.add(summary);
        }
        report.equal("the patient reads both, each value as submitted", found, sent);

        try {
            clinician.evaluate("ReadOwnSummaries", question);
            report.check("a clinician is refused", false, "an answer");
        } catch (GatewayException refusal) {
            report.equal("a clinician is refused, with the code of a contract's refusal", refusal.getStatus().getCode(), Code.UNKNOWN);
            detail("the refusal", refusal.getDetails(), "chaincode response 403, ROLE_NOT_PERMITTED: ");
        }
    }

    private void refusedAtEndorsement(final Participant device, final JsonObject batch) throws Exception {
        batch.getAsJsonArray("records").get(0).getAsJsonObject().getAsJsonObject("raw").addProperty("locator", "another");
        try {
            device.submit("SubmitSummaries", NONE, batch);
            report.check("the device cannot rewrite a window", false, "a commit");
        } catch (EndorseException refusal) {
            report.equal("the device cannot rewrite a window", refusal.getStatus().getCode(), Code.ABORTED);
            report.check("the client knows which transaction it was", refusal.getTransactionId().matches("[0-9a-f]{64}"), refusal.getTransactionId());
            detail("that refusal", refusal.getDetails(), "chaincode response 409, RECORD_CONFLICT: ");
        }
    }

    private void detail(final String what, final List<ErrorDetail> details, final String message) {
        report.check(what + " has an ErrorDetail with the contract's code", details.stream().anyMatch(one -> one.getMessage().contains(message)), details);
        report.check(
                what + " names the peers and their organisations",
                !details.isEmpty() && details.stream().allMatch(one -> one.getMspId().matches("Org[12]MSP") && one.getAddress().matches("peer0\\.org[12]\\.example\\.com:\\d+")),
                details);
    }

    /** Each is valid, and stands in a block of its own after the one before. */
    private void committed(final String what, final Participant.Committed transaction) {
        var status = transaction.status();
        boolean holds = status.getCode() == TxValidationCode.VALID
                && status.getTransactionId().equals(transaction.transactionId())
                && status.getBlockNumber() > height;
        height = status.getBlockNumber();
        report.check(what + ": committed in block " + height, holds, status.getCode());
    }

    private static JsonObject summary(final long start) {
        JsonObject summary = json("{'code':'8867-4','unit':'/min','count':355,'total_count':357,'modality':'sensed','status':'final',"
                + "'statistics':[{'stat':'average','value':'71.5'},{'stat':'minimum','value':'58.0'},"
                + "{'stat':'maximum','value':'96.2'},{'stat':'median','value':'70.9'}],"
                + "'raw':{'alg':'sha-256','sample_count':30000,'format':'ioht-raw/1','locator':'here'}}");
        summary.addProperty("grid_s", GRID_S);
        summary.addProperty("start", start);
        summary.getAsJsonObject("raw").addProperty("digest", hex(32));
        return summary;
    }

    private static JsonObject json(final String text) {
        return JsonParser.parseString(text.replace('\'', '"')).getAsJsonObject();
    }

    private static JsonObject with(final String name, final String value) {
        JsonObject object = new JsonObject();
        object.addProperty(name, value);
        return object;
    }

    private static String hex(final int bytes) {
        byte[] random = new byte[bytes];
        RANDOM.nextBytes(random);
        return HexFormat.of().formatHex(random);
    }
}
