-- Which topic of a name the offsets in consumer_offset count in: one that is deleted and made anew, and one of the same
-- name on another cluster, has another id, and the offsets mean nothing there.
CREATE TABLE store.topic_read (
    topic VARCHAR PRIMARY KEY,
    topic_id VARCHAR NOT NULL        -- as Kafka gives it; brokers before 2.8 give none, and no row stands here
)
