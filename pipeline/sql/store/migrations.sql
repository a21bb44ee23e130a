SELECT * FROM store.migration ORDER BY name
