INSERT OR REPLACE INTO store.consumer_offset VALUES ($topic, $partition, $next_offset)
