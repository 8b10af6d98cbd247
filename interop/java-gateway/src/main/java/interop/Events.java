package interop;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.hyperledger.fabric.client.ChaincodeEvent;
import org.hyperledger.fabric.client.Checkpointer;
import org.hyperledger.fabric.client.CloseableIterator;
import org.hyperledger.fabric.client.EventsBuilder;
import org.hyperledger.fabric.client.FileCheckpointer;
import org.hyperledger.fabric.client.Status;
import org.hyperledger.fabric.client.Transaction;
import org.hyperledger.fabric.protos.common.Block;
import org.hyperledger.fabric.protos.common.BlockMetadataIndex;
import org.hyperledger.fabric.protos.common.ChannelHeader;
import org.hyperledger.fabric.protos.common.Envelope;
import org.hyperledger.fabric.protos.common.Payload;
import org.hyperledger.fabric.protos.peer.FilteredBlock;
import org.hyperledger.fabric.protos.peer.TxValidationCode;

/**
 * Chaincode events, filtered blocks and whole blocks by Fabric's own Java client: from a block that is named, cut off
 * after each and on from a checkpoint in a file; whole blocks not for a provider.
 *
 * <p>The environment is the one of {@link Story}. Only administrators are needed, so that any network will do.
 */
public final class Events {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int AT_ONCE = 12;
    /** How often so many are sent until a block has two of them. */
    private static final int BURSTS_MAX = 10;
    /** A stream never ends: what is waited for has to have come by then. */
    private static final long DEADLINE_SECONDS = 120;

    private static final JsonObject NONE = new JsonObject();

    private final Report report = new Report("Events");
    /** What was submitted, with the code it ended with. */
    private final Map<String, TxValidationCode> sent = new LinkedHashMap<>();
    /** The functions of what was submitted. */
    private final Map<String, String> names = new LinkedHashMap<>();

    private Events() {}

    public static void main(final String[] arguments) throws Exception {
        Events events = new Events();
        events.tell();
        if (!events.report.close()) {
            System.exit(1);
        }
    }

    private static Network network() {
        return new Network(Path.of(System.getenv("ORGANIZATIONS")), System.getenv("ENDPOINTS"));
    }

    private void tell() throws Exception {
        try (Network network = network()) {
            Participant admin = network.participant("Org1MSP", "Admin", "Org1MSP");
            if (!admin.evaluate("WhoAmI", NONE).has("organization")) {
                admin.submit("RegisterOrganization", json("{'kind':'custodian'}"), NONE);
            }
            long first = order("RegisterStaff", staff(admin)).getBlockNumber();
            long last = fill(admin);
            List<Block> blocks = take(admin.network().newBlockEventsRequest(), first, (int) (last - first + 1));
            List<String> told = blocks.stream().flatMap(block -> transactions(block).stream()).toList();
            report.equal("whole blocks from a named one on have all " + sent.size() + " transactions with their codes", sorted(told), sorted(sent.entrySet().stream().map(Events::line).toList()));
            report.equal("they come in order", blocks.stream().map(Events::number).toList(), numbers(first, last));
            streams(first, blocks);
            provider(network.participant("Org3MSP", "Admin", "Org1MSP"), first, blocks);
        }
    }

    /** Blocks of one, one of several, and a transaction that is not valid; resolves to the last block's number. */
    private long fill(final Participant admin) throws Exception {
        for (int number = 0; number < 3; number += 1) {
            order("RegisterStaff", staff(admin));
        }
        int largest = 0;
        for (int bursts = 0; largest < 2 && bursts < BURSTS_MAX; bursts += 1) {
            largest = burst(admin);
        }
        report.check("a block has several transactions", largest > 1, largest);
        Transaction[] twice = {unit(admin), unit(admin)};
        report.equal("of two that read the same, the first is valid", order("PutUnit", twice[0]).getCode(), TxValidationCode.VALID);
        Status second = order("PutUnit", twice[1]);
        report.equal("and the second is not", second.getCode(), TxValidationCode.MVCC_READ_CONFLICT);
        return second.getBlockNumber();
    }

    /** Submits many at once; tells how many a block has of them at most. */
    private int burst(final Participant admin) throws Exception {
        List<Transaction> endorsed = new ArrayList<>();
        for (int number = 0; number < AT_ONCE; number += 1) {
            endorsed.add(staff(admin));
        }
        var pending = endorsed.stream().map(one -> CompletableFuture.supplyAsync(() -> {
            try {
                return order("RegisterStaff", one).getBlockNumber();
            } catch (Exception failure) {
                throw new IllegalStateException(failure);
            }
        })).toList();
        List<Long> blocks = pending.stream().map(CompletableFuture::join).toList();
        return blocks.stream().mapToInt(block -> Collections.frequency(blocks, block)).max().orElse(0);
    }

    private static Transaction staff(final Participant admin) throws Exception {
        JsonObject secret = new JsonObject();
        secret.addProperty("enrolment_id", "java-events-" + hex());
        return admin.endorse("RegisterStaff", json("{'unit':'root','roles':['registrar'],'period':{'start':0}}"), secret);
    }

    private static Transaction unit(final Participant admin) throws Exception {
        return admin.endorse("PutUnit", json("{'unit':'u-" + hex() + "','parent':'root','name':'A ward'}"), NONE);
    }

    private Status order(final String name, final Transaction endorsed) throws Exception {
        Status status = endorsed.submitAsync().getStatus();
        synchronized (sent) {
            sent.put(status.getTransactionId(), status.getCode());
            names.put(status.getTransactionId(), name);
        }
        return status;
    }

    /** Each kind of stream, cut off after each thing that is told. */
    private void streams(final long first, final List<Block> blocks) throws Exception {
        List<String> due = events(blocks);
        resumed("chaincode events", due, Events::line, one -> one.network().newChaincodeEventsRequest(System.getenv("CHAINCODE_NAME")).startBlock(first),
                Checkpointer::checkpointChaincodeEvent);
        resumed("filtered blocks", blocks.stream().map(Events::transactions).toList(), Events::transactions, one -> one.network().newFilteredBlockEventsRequest().startBlock(first),
                (checkpointer, block) -> checkpointer.checkpointBlock(block.getNumber()));
        resumed("whole blocks", blocks, Function.identity(), one -> one.network().newBlockEventsRequest().startBlock(first),
                (checkpointer, block) -> checkpointer.checkpointBlock(number(block)));
    }

    /** What a provider is told: events and filtered blocks, and no whole block. */
    private void provider(final Participant provider, final long first, final List<Block> blocks) throws Exception {
        List<String> due = events(blocks);
        var heard = take(provider.network().newChaincodeEventsRequest(System.getenv("CHAINCODE_NAME")), first, due.size());
        report.equal("a provider: all chaincode events", heard.stream().map(Events::line).toList(), due);
        var filtered = take(provider.network().newFilteredBlockEventsRequest(), first, blocks.size());
        report.equal("a provider: all filtered blocks", filtered.stream().map(Events::transactions).toList(), blocks.stream().map(Events::transactions).toList());
        refused("a provider: no whole blocks", provider.network().newBlockEventsRequest(), first);
        refused("a provider: no blocks with private data", provider.network().newBlockAndPrivateDataEventsRequest(), first);
    }

    private void refused(final String what, final EventsBuilder<?> request, final long first) {
        try {
            report.check(what, false, take(request, first, 1));
        } catch (RuntimeException refusal) {
            report.check(what, refusal.getMessage().contains("FORBIDDEN"), refusal);
        }
    }

    private interface Keeper<T> {
        void keep(Checkpointer checkpointer, T told) throws IOException;
    }

    /** Reads one thing by each connection, which is then shut down, and goes on from the checkpoint in a file. */
    private <T, R> void resumed(
            final String what,
            final List<R> due,
            final Function<T, R> told,
            final Function<Participant, EventsBuilder<T>> stream,
            final Keeper<T> keeper)
            throws Exception {
        Path file = Files.createTempFile("checkpoint-", ".json");
        Files.delete(file);
        List<R> found = new ArrayList<>();
        while (found.size() < due.size()) {
            try (Network network = network();
                    FileCheckpointer checkpointer = new FileCheckpointer(file);
                    CloseableIterator<T> open = open(stream.apply(network.participant("Org1MSP", "Admin", "Org1MSP")).checkpoint(checkpointer))) {
                T one = open.next();
                found.add(told.apply(one));
                keeper.keep(checkpointer, one);
                // Before the stream is closed, as when a client dies.
                network.cut();
            }
        }
        Files.deleteIfExists(file);
        report.equal(what + ", cut off after each of " + due.size() + ": none is lost and none comes twice", found, due);
    }

    private static <T> CloseableIterator<T> open(final EventsBuilder<T> request) {
        return request.build().getEvents(options -> options.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS));
    }

    private static <T> List<T> take(final EventsBuilder<T> request, final long first, final int count) {
        List<T> found = new ArrayList<>();
        try (CloseableIterator<T> open = open(request.startBlock(first))) {
            while (found.size() < count) {
                found.add(open.next());
            }
        }
        return found;
    }

    /** The events that are due of these blocks: those of valid transactions, in order. */
    private List<String> events(final List<Block> blocks) {
        List<String> due = new ArrayList<>();
        for (Block block : blocks) {
            for (String transaction : transactions(block)) {
                String id = transaction.substring(0, transaction.indexOf(' '));
                if (transaction.endsWith(" VALID")) {
                    due.add(line(number(block), id, names.get(id), "{\"id\":\"" + id + "\"}"));
                }
            }
        }
        return due;
    }

    private static String line(final long block, final String id, final String name, final String payload) {
        return String.join(" ", Long.toString(block), id, name, payload);
    }

    private static String line(final ChaincodeEvent event) {
        return line(event.getBlockNumber(), event.getTransactionId(), event.getEventName(), new String(event.getPayload(), StandardCharsets.UTF_8));
    }

    private static String line(final Map.Entry<String, TxValidationCode> transaction) {
        return transaction.getKey() + " " + transaction.getValue();
    }

    /** Ids and codes of a block's transactions. */
    private static List<String> transactions(final Block block) {
        var codes = block.getMetadata().getMetadata(BlockMetadataIndex.TRANSACTIONS_FILTER_VALUE);
        List<String> found = new ArrayList<>();
        try {
            for (int at = 0; at < block.getData().getDataCount(); at += 1) {
                Payload payload = Payload.parseFrom(Envelope.parseFrom(block.getData().getData(at)).getPayload());
                ChannelHeader header = ChannelHeader.parseFrom(payload.getHeader().getChannelHeader());
                found.add(header.getTxId() + " " + TxValidationCode.forNumber(Byte.toUnsignedInt(codes.byteAt(at))));
            }
        } catch (InvalidProtocolBufferException failure) {
            throw new IllegalStateException(failure);
        }
        return found;
    }

    private static List<String> transactions(final FilteredBlock block) {
        return block.getFilteredTransactionsList().stream().map(one -> one.getTxid() + " " + one.getTxValidationCode()).toList();
    }

    private static long number(final Block block) {
        return block.getHeader().getNumber();
    }

    private static List<Long> numbers(final long first, final long last) {
        List<Long> all = new ArrayList<>();
        for (long number = first; number <= last; number += 1) {
            all.add(number);
        }
        return all;
    }

    private static List<String> sorted(final List<String> lines) {
        return lines.stream().sorted().toList();
    }

    private static JsonObject json(final String text) {
        return JsonParser.parseString(text.replace('\'', '"')).getAsJsonObject();
    }

    private static String hex() {
        byte[] random = new byte[8];
        RANDOM.nextBytes(random);
        return HexFormat.of().formatHex(random);
    }
}
