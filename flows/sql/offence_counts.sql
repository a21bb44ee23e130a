-- Publicly reported incidents by area, offence, shift and local day: the input of the offence ranking. Each counts once
-- in shift 'all', and once in each shift of table `shift_minute` that its local time lies in, where its hour is known.
WITH counted AS (
    SELECT
        placed.area_id,
        placed.offence_code,
        flags.is_weapon,
        flags.is_weapon AND flags.is_injury AS is_weapon_injury,
        placed.age_days,
        CASE WHEN placed.has_hour AND NOT (flags.is_domestic OR flags.is_minor_victim OR flags.is_minor_used_by_adult) THEN datepart('hour', timezone($time_zone, placed.occurred_at)) * 60
            + datepart('minute', timezone($time_zone, placed.occurred_at)) END AS local_minute,
        count(*) AS n
    FROM incident_placed AS placed
    JOIN incident_snapshot AS flags USING (incident_id)
    JOIN codebook ON placed.offence_code = codebook.offence_code
    WHERE placed.area_id IS NOT NULL
        AND NOT placed.is_of_month
        AND placed.age_days < $learning_days
        AND list_contains($discoveries, placed.discovery)
        AND may_count(category)
        AND codebook.harm_days > 0
    GROUP BY ALL
),
sharp AS (
    SELECT offence_code, local_minute, sum(n) AS n, sum(sum(n)) OVER (PARTITION BY offence_code) - sum(n) AS others
    FROM counted
    WHERE local_minute % 60 = 0
    GROUP BY offence_code, local_minute
),
-- Midnight and noon stand for no time where more than twice as many reports pile up there as at the other full hours.
no_time AS (
    SELECT offence_code, local_minute FROM sharp WHERE local_minute IN (0, 720) AND 23 * n > 2 * greatest(others, 23)
)
SELECT area_id, offence_code, is_weapon, is_weapon_injury, 'all' AS shift, age_days, CAST(sum(n) AS BIGINT) AS n
FROM counted
GROUP BY ALL
UNION ALL
SELECT area_id, offence_code, is_weapon, is_weapon_injury, shift, age_days, CAST(sum(n) AS BIGINT) AS n
FROM counted
ANTI JOIN no_time USING (offence_code, local_minute)
JOIN shift_minute USING (local_minute)
GROUP BY ALL
ORDER BY ALL
