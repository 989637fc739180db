import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A producer as any Java team would write it: plain kafka-clients, its default partitioner, bytes in.
 *
 * <p>Arguments: bootstrap, topic, and a transactional id if all is to be one transaction. Standard input: a line "KEY VALUE" in hexadecimal for each record. Standard output: a
 * line "PARTITION OFFSET" for each record, in the same order, when all are acknowledged.
 */
public class OrderProducer {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("key.serializer", ByteArraySerializer.class.getName());
        settings.put("value.serializer", ByteArraySerializer.class.getName());
        boolean inTransaction = args.length > 2;
        if (inTransaction) {
            settings.put("transactional.id", args[2]);
        }
        HexFormat hex = HexFormat.of();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
            if (inTransaction) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] parts = line.split(" ", 2);
                sent.add(producer.send(
                        new ProducerRecord<>(args[1], hex.parseHex(parts[0]), hex.parseHex(parts[1]))));
            }
            if (inTransaction) {
                producer.commitTransaction();
            }
            StringBuilder report = new StringBuilder();
            for (Future<RecordMetadata> record : sent) {
                RecordMetadata where = record.get();
                report.append(where.partition()).append(' ').append(where.offset()).append('\n');
            }
            System.out.print(report);
        }
    }
}
