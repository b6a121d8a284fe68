-- Messages, idempotency keys, revocations and processes.
--
-- Times are in milliseconds since 1970, by the clock of the database server.

CREATE TABLE fanfare.facts (name text PRIMARY KEY, value text NOT NULL);

-- `epoch`: 0 if a new one begins when the channel is used next. `epoch_start`: messages up to this offset are of earlier
-- epochs. `previous_epoch`: the epoch before this one; cursors of it up to `epoch_start` are valid. `head`: the offset of the latest message. `fingerprint`: of the definition. `used`: when a message was
-- published, or, to the day, when a process had the channel open. `sweep_at`: when to delete old data next. `messages`,
-- `bytes`: how many rows of `messages` the channel has, and the bytes of their frames.
CREATE TABLE fanfare.channels (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    epoch int8 NOT NULL,
    epoch_start int8 NOT NULL DEFAULT 0,
    previous_epoch int8 NOT NULL DEFAULT 0,
    head int8 NOT NULL DEFAULT 0,
    fingerprint text NOT NULL,
    used int8 NOT NULL,
    sweep_at int8 NOT NULL,
    messages int8 NOT NULL DEFAULT 0,
    bytes int8 NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX channels_by_sweep ON fanfare.channels (sweep_at);

-- `frame`: the JSON text that subscribers receive, without its id and time. `unchecked`: no server has checked the
-- payload against its definition.
CREATE TABLE fanfare.messages (
    channel int8 NOT NULL,
    "offset" int8 NOT NULL,
    topic text NOT NULL,
    published int8 NOT NULL,
    frame text NOT NULL,
    unchecked boolean NOT NULL DEFAULT false,
    PRIMARY KEY (channel, "offset")
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- The offset of the latest evicted message of each topic.
CREATE TABLE fanfare.gone (
    channel int8 NOT NULL,
    topic text NOT NULL,
    "offset" int8 NOT NULL,
    PRIMARY KEY (channel, topic)
);

-- Idempotency keys. `content`: a hash of the message that was published under the key. `used`: when.
CREATE TABLE fanfare.keys (
    channel int8 NOT NULL,
    key bytea NOT NULL,
    content bytea NOT NULL,
    "offset" int8 NOT NULL,
    used int8 NOT NULL,
    PRIMARY KEY (channel, key)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX keys_by_offset ON fanfare.keys (channel, "offset");
CREATE INDEX keys_by_use ON fanfare.keys (used);

-- Each revocation has a greater id than all earlier ones, so that processes can read the new ones.
CREATE TABLE fanfare.revoked (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token text NOT NULL UNIQUE,
    at int8 NOT NULL
);

-- The processes that use the schema. `seen`: when each last reported that it is running.
CREATE TABLE fanfare.processes (owner int8 PRIMARY KEY, seen int8 NOT NULL) WITH (fillfactor = 50);

CREATE SEQUENCE fanfare.epochs;

CREATE FUNCTION fanfare.now_ms() RETURNS int8 LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8
$$;

-- Returns an epoch greater than all earlier ones. It follows the clock, so it is also greater than epochs that a restored
-- backup does not know.
CREATE FUNCTION fanfare.next_epoch() RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE
    begun int8;
BEGIN
    -- Held for this call only, and not until the transaction ends: two transactions that create several channels must
    -- not wait for each other.
    PERFORM pg_advisory_lock(1179534930, 1);
    begun := setval('fanfare.epochs', greatest(nextval('fanfare.epochs'), fanfare.now_ms()));
    PERFORM pg_advisory_unlock(1179534930, 1);
    RETURN begun;
END
$$;

-- Begins a new epoch. Its history continues the previous one, of which the latest messages are missing: clients that
-- have received none of those resume without a gap.
CREATE FUNCTION fanfare.begin_epoch(channel_id int8) RETURNS fanfare.channels LANGUAGE sql VOLATILE AS $$
    UPDATE fanfare.channels SET previous_epoch = CASE epoch WHEN 0 THEN previous_epoch ELSE epoch END,
        epoch = fanfare.next_epoch(), epoch_start = head
    WHERE id = channel_id RETURNING *
$$;

-- Finds a channel, or creates it, and locks it until the transaction ends.
CREATE FUNCTION fanfare.lock_channel(channel_name text, definition text) RETURNS fanfare.channels
LANGUAGE plpgsql AS $$
DECLARE
    found_channel fanfare.channels;
    created int8;
BEGIN
    LOOP
        SELECT * INTO found_channel FROM fanfare.channels WHERE name = channel_name FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        created := fanfare.now_ms();
        INSERT INTO fanfare.channels (name, epoch, fingerprint, used, sweep_at)
        VALUES (channel_name, fanfare.next_epoch(), definition, created, created) ON CONFLICT (name) DO NOTHING;
    END LOOP;
    IF found_channel.epoch = 0 THEN
        found_channel := fanfare.begin_epoch(found_channel.id);
    END IF;
    RETURN found_channel;
END
$$;

-- Records that a process opens a channel with a definition. Returns the channel's id, and whether its messages were
-- published under another definition.
CREATE FUNCTION fanfare.open_channel(channel_name text, definition text, OUT id int8, OUT has_other_definition boolean)
LANGUAGE plpgsql AS $$
DECLARE
    opened fanfare.channels;
    day CONSTANT int8 := 86400000;
BEGIN
    -- Without a lock if nothing changes, because a transaction may hold it for long.
    SELECT * INTO opened FROM fanfare.channels WHERE name = channel_name AND epoch <> 0;
    IF opened.fingerprint = definition AND opened.used >= fanfare.now_ms() - day THEN
        id := opened.id;
        has_other_definition := false;
        RETURN;
    END IF;
    opened := fanfare.lock_channel(channel_name, definition);
    id := opened.id;
    has_other_definition := opened.fingerprint <> definition;
    IF has_other_definition OR opened.used < fanfare.now_ms() - day THEN
        UPDATE fanfare.channels c SET fingerprint = definition, used = greatest(c.used, fanfare.now_ms())
        WHERE c.id = opened.id;
    END IF;
END
$$;

-- Appends messages, in order, unless their idempotency keys were used before.
--
-- The first five arrays have one item per channel, in ascending order of the names: the id, the name and the fingerprint
-- of the channel, and the epoch and the latest offset that the caller knows. The others have one item per message:
-- `channel_of` is the channel's position in the first arrays. A key may occur once per call. By default, all messages are
-- checked.
--
-- The channels stay locked until the transaction ends, so the order of commits is the order of offsets. All callers lock
-- them in the order of the names, so they do not deadlock. If another transaction has locked a channel, this waits, but
-- at most `max_wait` milliseconds.
CREATE FUNCTION fanfare.append(
    ids int8[], names text[], definitions text[], epochs int8[], heads int8[],
    channel_of int4[], topics text[], frames text[], keys bytea[], contents bytea[],
    unchecked boolean[] DEFAULT NULL, max_wait int4 DEFAULT NULL
) RETURNS TABLE (n int8, channel int8, epoch int8, "offset" int8, published int8, outcome text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    current_channel fanfare.channels;
    locked int8[];
    appended_at int8;
BEGIN
    IF max_wait IS NOT NULL THEN
        PERFORM set_config('lock_timeout', max_wait::text, true);
    END IF;
    FOR i IN 1 .. cardinality(ids) LOOP
        SELECT * INTO current_channel FROM fanfare.channels c WHERE c.id = ids[i] FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            current_channel := fanfare.lock_channel(names[i], definitions[i]);
        ELSIF current_channel.epoch = 0
            -- The caller has handed out messages that the database does not have: a server took over that did not have
            -- the last commits.
            OR (current_channel.epoch = epochs[i] AND current_channel.head < heads[i])
        THEN
            PERFORM fanfare.begin_epoch(current_channel.id);
        END IF;
        locked[i] := current_channel.id;
    END LOOP;
    appended_at := fanfare.now_ms();
    RETURN QUERY
    WITH entry AS MATERIALIZED (
        SELECT e.n, c.id, c.epoch, c.head, greatest(appended_at, c.used) AS published, e.topic, e.frame, e.key,
               e.content, coalesce(e.unchecked, false) AS unchecked, k."offset" AS earlier, k.content AS earlier_content
        FROM unnest(channel_of, topics, frames, keys, contents, unchecked)
             WITH ORDINALITY AS e (channel_of, topic, frame, key, content, unchecked, n)
        JOIN fanfare.channels c ON c.id = locked[e.channel_of]
        LEFT JOIN fanfare.keys k ON k.channel = c.id AND k.key = e.key
    ), fresh AS MATERIALIZED (
        SELECT e.*, e.head + row_number() OVER (PARTITION BY e.id ORDER BY e.n) AS position
        FROM entry e WHERE e.earlier IS NULL
    ), stored AS (
        INSERT INTO fanfare.messages (channel, "offset", topic, published, frame, unchecked)
        SELECT f.id, f.position, f.topic, f.published, f.frame, f.unchecked FROM fresh f
    ), remembered AS (
        INSERT INTO fanfare.keys (channel, key, content, "offset", used)
        SELECT f.id, f.key, f.content, f.position, f.published FROM fresh f WHERE f.key IS NOT NULL
    ), advanced AS (
        UPDATE fanfare.channels c SET head = latest.head, used = latest.published,
            messages = c.messages + latest.messages, bytes = c.bytes + latest.bytes
        FROM (
            SELECT f.id, max(f.position) AS head, max(f.published) AS published, count(*) AS messages,
                   sum(octet_length(f.frame)) AS bytes
            FROM fresh f GROUP BY f.id
        ) AS latest
        WHERE c.id = latest.id
    )
    SELECT e.n, e.id, e.epoch, coalesce(e.earlier, f.position), e.published,
           CASE WHEN e.earlier IS NULL THEN 'stored'
                WHEN e.earlier_content = e.content THEN 'repeated'
                ELSE 'reused' END
    FROM entry e LEFT JOIN fresh f ON f.n = e.n
    ORDER BY e.n;
END
$$;

-- Appends messages without idempotency keys, as `append` does. Fails with the code FF001 if the epoch of a channel has
-- changed, or if the caller knows a later head.
--
-- The first five arrays have one item per channel, in the order of `append`: the id, the epoch and the latest offset that
-- the caller knows, and how many messages and bytes to append. `places` numbers the messages of a channel from 1. Returns
-- for each channel the offset before the first message, then for each channel the time.
CREATE FUNCTION fanfare.append_unkeyed(
    ids int8[], epochs int8[], heads int8[], counts int4[], sizes int8[],
    channel_of int4[], places int4[], topics text[], frames text[], max_wait int4
) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE
    new_head int8;
    published int8;
    befores int8[];
    times int8[];
BEGIN
    PERFORM set_config('lock_timeout', max_wait::text, true);
    FOR i IN 1 .. cardinality(ids) LOOP
        UPDATE fanfare.channels c
        SET head = c.head + counts[i], used = greatest(fanfare.now_ms(), c.used),
            messages = c.messages + counts[i], bytes = c.bytes + sizes[i]
        WHERE c.id = ids[i] AND c.epoch = epochs[i] AND c.head >= heads[i]
        RETURNING c.head, c.used INTO new_head, published;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a channel has changed' USING ERRCODE = 'FF001';
        END IF;
        befores[i] := new_head - counts[i];
        times[i] := published;
    END LOOP;
    INSERT INTO fanfare.messages (channel, "offset", topic, published, frame)
    SELECT ids[e.c], befores[e.c] + e.place, e.topic, times[e.c], e.frame
    FROM unnest(channel_of, places, topics, frames) AS e (c, place, topic, frame);
    RETURN befores || times;
END
$$;

-- Returns what changed in channels: the messages after an offset that the caller knows, if the channel still has the same
-- epoch. A function, so that the plan is kept.
CREATE FUNCTION fanfare.read_changes(ids int8[], epochs int8[], afters int8[])
RETURNS TABLE (
    channel int8, epoch int8, head int8, "offset" int8, topic text, published int8, frame text, unchecked boolean
)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT w.channel, c.epoch, c.head, m."offset", m.topic, m.published, m.frame, m.unchecked
    FROM unnest(ids, epochs, afters) AS w (channel, epoch, after)
    LEFT JOIN fanfare.channels c ON c.id = w.channel
    LEFT JOIN LATERAL (
        SELECT m."offset", m.topic, m.published, m.frame, m.unchecked FROM fanfare.messages m
        WHERE m.channel = w.channel AND m."offset" > w.after
        -- Without it, the planner may join the channel's whole history and then compare the offsets.
        ORDER BY m."offset"
    ) AS m ON c.epoch = w.epoch
    WHERE c.id IS NULL OR c.epoch <> w.epoch OR c.head <> w.after
    ORDER BY w.channel, m."offset";
END
$$;

-- Records a revocation, and forgets those that are older than `kept_for`.
CREATE FUNCTION fanfare.revoke(revoked_token text, kept_for int8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Ids are committed in order, so a process that has read one has not missed an earlier one.
    LOCK TABLE fanfare.revoked IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM fanfare.revoked WHERE token = revoked_token OR at < fanfare.now_ms() - kept_for;
    INSERT INTO fanfare.revoked (token, at) VALUES (revoked_token, fanfare.now_ms());
    PERFORM pg_notify('fanfare.messages', 'revoked');
END
$$;

-- Begins new epochs if the data was restored from a backup, or if another server took over: it may lack the last commits
-- whose messages subscribers have received.
CREATE FUNCTION fanfare.check_identity() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    recorded text := (SELECT value FROM fanfare.facts WHERE name = 'identity');
    found_identity text;
BEGIN
    SELECT format('%s %s %s', system_identifier, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
                  'fanfare.channels'::regclass::oid)
    INTO found_identity FROM pg_control_system();
    IF recorded IS NOT DISTINCT FROM found_identity THEN
        RETURN;
    END IF;
    LOCK TABLE fanfare.facts IN SHARE ROW EXCLUSIVE MODE;
    recorded := (SELECT value FROM fanfare.facts WHERE name = 'identity');
    IF recorded <> found_identity THEN
        UPDATE fanfare.channels SET previous_epoch = epoch, epoch = 0 WHERE epoch <> 0;
    END IF;
    INSERT INTO fanfare.facts VALUES ('identity', found_identity)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
END
$$;
