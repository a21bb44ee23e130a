-- Where the reading of each topic goes on, and the ids of the topics.

-- name: all
SELECT topic, partition, next_offset
FROM store.consumer_offset
ORDER BY topic, partition

-- name: add
INSERT OR REPLACE INTO store.consumer_offset VALUES ($topic, $partition, $next_offset)

-- name: forget
DELETE FROM store.consumer_offset WHERE topic = $topic AND partition = $partition

-- name: topic_ids
SELECT topic, topic_id
FROM store.topic_read
ORDER BY topic

-- name: add_topic
INSERT INTO store.topic_read VALUES ($topic, $topic_id)

-- name: forget_topic
DELETE FROM store.topic_read WHERE topic = $topic
