UPDATE store.migration SET applied_by = $version WHERE list_contains($names, name)
