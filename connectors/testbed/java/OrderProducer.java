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
 * <p>Arguments: bootstrap, topic. Standard input: a line "KEY VALUE" in hexadecimal for each record. Standard output: a
 * line "PARTITION OFFSET" for each record, in the same order, when all are acknowledged.
 */
public class OrderProducer {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("key.serializer", ByteArraySerializer.class.getName());
        settings.put("value.serializer", ByteArraySerializer.class.getName());
        HexFormat hex = HexFormat.of();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] parts = line.split(" ", 2);
                sent.add(producer.send(
                        new ProducerRecord<>(args[1], hex.parseHex(parts[0]), hex.parseHex(parts[1]))));
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
