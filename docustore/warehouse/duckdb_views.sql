-- Views over the files of this folder, for DuckDB. Run it in the folder: duckdb -init views.sql
SET VARIABLE files = (
    SELECT {'versions': list_transform(tables.user_versions.files, lambda file: file.path),
            'events': list_transform(tables.user_events.files, lambda file: file.path)}
    FROM read_json('manifest.json')
);

CREATE OR REPLACE VIEW user_versions AS FROM read_parquet(getvariable('files').versions);
CREATE OR REPLACE VIEW fact_user_events AS FROM read_parquet(getvariable('files').events);

-- One row per change and per late version. No change has a place before the one that it followed. A record that is
-- older than that took effect when it was recorded.
CREATE OR REPLACE VIEW placed_versions AS
WITH versions AS (
    SELECT seq, user_id, is_late, recorded_at, local_roles,
        {'at': effective_at, 'mark': mark} AS own,
        CASE WHEN is_present THEN {/*attributes*/} END AS state
    FROM user_versions
), reached AS (
    SELECT *, max(own) OVER (PARTITION BY user_id ORDER BY seq) AS most FROM versions WHERE NOT is_late
), changes AS (
    SELECT * EXCLUDE (most), max(
            CASE WHEN own = most THEN own
                ELSE {'at': CASE WHEN own.at = most.at THEN own.at ELSE recorded_at END, 'mark': '~'} END
        ) OVER (PARTITION BY user_id ORDER BY seq) AS place
    FROM reached
), late AS (
    -- A version that moved to another user with its identity is written again.
    SELECT *, own AS place FROM versions
    WHERE is_late AND user_id IN (SELECT user_id FROM changes)
    QUALIFY seq = max(seq) OVER (PARTITION BY own)
), ordered AS (
    SELECT *, row_number() OVER arrived AS position,
        CASE WHEN place.mark = '~' THEN 'change' WHEN place.mark LIKE '%' || chr(9) || '~' THEN 'end' ELSE 'version' END AS kind,
        string_split(place.mark, chr(9))[1:2] AS record,
        bool_or(is_late) OVER (PARTITION BY user_id) AS has_late,
        position = count(*) OVER (PARTITION BY user_id) AS is_last,
        last_value(CASE WHEN NOT is_late THEN state IS NOT NULL END IGNORE NULLS) OVER arrived AS was_present,
        last_value(CASE WHEN NOT is_late THEN local_roles END IGNORE NULLS) OVER arrived AS had_roles
    FROM (FROM changes UNION ALL BY NAME FROM late)
    WINDOW arrived AS (PARTITION BY user_id ORDER BY place, NOT is_late, seq)
)
SELECT * REPLACE (
    CASE WHEN NOT is_late THEN state WHEN was_present IS NOT FALSE AND state IS NOT NULL THEN /*with_roles*/ END
    AS state)
FROM ordered;

-- The state after each end of a user with late versions: that of the newest version that still counted then.
CREATE OR REPLACE VIEW states_after_ends AS
WITH ends AS (
    FROM placed_versions WHERE kind = 'end' AND has_late AND NOT is_last
), earlier AS (
    SELECT e.seq AS end_seq, e.is_late AS end_is_late, e.user_id, e.record AS ended, v.* EXCLUDE (user_id),
        v.position = max(v.position) OVER (PARTITION BY e.user_id, e.position, v.record) AS is_last_of_record
    FROM ends e JOIN placed_versions v ON v.user_id = e.user_id AND v.position < e.position
), found AS (
    SELECT end_seq, end_is_late, user_id,
        arg_max({'place': place, 'state': state}, position)
            FILTER (kind = 'version' AND is_last_of_record AND record <> ended) AS live,
        arg_max({'place': place, 'state': state}, position) FILTER (kind = 'change') AS change,
        arg_max({'state': state}, position) FILTER (kind <> 'end') AS newest
    FROM earlier GROUP BY ALL
)
SELECT end_seq, end_is_late, user_id,
    CASE WHEN live IS NOT NULL THEN CASE WHEN change.place > live.place THEN change.state ELSE live.state END
        WHEN newest.state IS NOT NULL THEN /*inactive*/ END AS state
FROM found;

CREATE OR REPLACE VIEW dim_user AS
WITH stated AS (
    SELECT v.* REPLACE (
        CASE WHEN v.kind = 'end' AND v.has_late AND NOT v.is_last THEN e.state ELSE v.state END AS state)
    FROM placed_versions v
    LEFT JOIN states_after_ends e
        ON e.user_id = v.user_id AND e.end_seq = v.seq AND e.end_is_late = v.is_late
), spans AS (
    SELECT *, lead(place.at) OVER (PARTITION BY user_id ORDER BY position) AS next_from FROM stated
), distinct_times AS (
    SELECT *, lag(state) OVER (PARTITION BY user_id ORDER BY position) AS previous
    FROM spans WHERE place.at IS DISTINCT FROM next_from
), bounded AS (
    SELECT *, lead(place.at) OVER (PARTITION BY user_id ORDER BY position) AS valid_to
    FROM distinct_times WHERE state IS DISTINCT FROM previous
)
SELECT seq, is_late, user_id, unnest(state), place.at AS valid_from, valid_to, valid_to IS NULL AS is_current,
    recorded_at
FROM bounded WHERE state IS NOT NULL;
