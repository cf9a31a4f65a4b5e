"""An ordinary subscriber, which knows topics and the registry's address and nothing else of the project.

consumer.py BROKERS REGISTRY reads all there is and prints it as one JSON document.
"""
import collections, json, sys
import confluent_kafka as kafka
from confluent_kafka.schema_registry import SchemaRegistryClient, avro

TOPICS = ["customer.changes", "bulk.results", "bulk.responses"]
customers, records = collections.defaultdict(dict), collections.Counter()
changes, results, responses = (collections.defaultdict(set) for _ in range(3))
decode = avro.AvroDeserializer(SchemaRegistryClient({"url": sys.argv[2]}))
consumer = kafka.Consumer({"bootstrap.servers": sys.argv[1], "group.id": "outsider", "enable.auto.commit": False,
                           "auto.offset.reset": "earliest", "enable.partition.eof": True})
consumer.subscribe(TOPICS)
unread = {(topic, p) for topic in TOPICS for p in consumer.list_topics(topic, 30).topics[topic].partitions}
while unread:
    message = consumer.poll(60)
    if message.error():
        assert message.error().code() == kafka.KafkaError._PARTITION_EOF, message.error()
        unread.discard((message.topic(), message.partition()))
        continue
    event = decode(message.value(), None)
    records[message.topic()] += 1
    if message.topic() == "customer.changes":
        changes[event["uploadId"]].add(event["row"])
        held = customers[event["companyId"]].get(event["customerId"], {"version": 0})
        if event["version"] > held["version"]:
            customers[event["companyId"]][event["customerId"]] = event["after"]
    elif message.topic() == "bulk.results":
        results[event["uploadId"]] |= {(r["row"], r["status"]) for r in event["results"]}
    else:
        responses[event["uploadId"]].add(event["payload"].decode())
consumer.close()
json.dump({"customers": customers, "records": records, "changes": {u: len(rows) for u, rows in changes.items()},
           "results": {u: collections.Counter(status for _, status in rows) for u, rows in results.items()},
           "responses": {u: list(bodies) for u, bodies in responses.items()}},
          sys.stdout, default=lambda time: time.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
