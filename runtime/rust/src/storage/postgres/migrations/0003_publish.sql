-- Publishing in a transaction of the application.
--
-- A message waits in `outbox` until its transaction commits. Only then are its channel's row locked and its offset
-- assigned, so a transaction that stays open delays no other publisher.

-- The messages of open transactions. None is ever committed here, so the table needs no log. `definition`: the
-- fingerprint with which to create the channel if it does not exist.
CREATE UNLOGGED TABLE fanfare.outbox (
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    n int8 GENERATED ALWAYS AS IDENTITY,
    channel text COLLATE "C" NOT NULL,
    definition text NOT NULL,
    topic text NOT NULL,
    frame text NOT NULL,
    key bytea,
    content bytea,
    unchecked boolean NOT NULL,
    PRIMARY KEY (transaction, n)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX outbox_by_key ON fanfare.outbox (transaction, key) WHERE key IS NOT NULL;

-- Adds a message to the current transaction, in the order of the calls. Returns `false` if its idempotency key was used
-- for another message. If it was used for the same one, nothing is added.
CREATE FUNCTION fanfare.enqueue(
    to_channel text, with_definition text, to_topic text, with_frame text, with_key bytea, with_content bytea,
    is_unchecked boolean
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    earlier bytea;
BEGIN
    IF with_key IS NOT NULL THEN
        SELECT o.content INTO earlier FROM fanfare.outbox o
        WHERE o.transaction = pg_current_xact_id() AND o.key = with_key AND o.channel = to_channel;
        IF NOT FOUND THEN
            SELECT k.content INTO earlier FROM fanfare.keys k JOIN fanfare.channels c ON c.id = k.channel
            WHERE c.name = to_channel AND k.key = with_key;
        END IF;
        IF FOUND THEN
            RETURN earlier = with_content;
        END IF;
    END IF;
    INSERT INTO fanfare.outbox (channel, definition, topic, frame, key, content, unchecked)
    VALUES (to_channel, with_definition, to_topic, with_frame, with_key, with_content, is_unchecked);
    RETURN true;
END
$$;
-- It accepts any frame, unlike `publish`.
REVOKE EXECUTE ON FUNCTION fanfare.enqueue FROM PUBLIC;

-- Publishes a message if and when the current transaction commits. Servers check the payload when they read it: one that
-- its definition rejects is logged, and subscribers receive a gap in its place.
CREATE FUNCTION fanfare.publish(
    channel text, topic text, payload jsonb, run_id text DEFAULT NULL, idempotency_key text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    json CONSTANT text := payload::text;
    bytes CONSTANT int4 := octet_length(json);
    key bytea;
    content bytea;
BEGIN
    IF channel IS NULL OR topic IS NULL OR payload IS NULL THEN
        RAISE EXCEPTION 'the channel, the topic and the payload must not be NULL'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'The JSON value null is ''null''::jsonb.';
    ELSIF bytes > 1048576 THEN
        RAISE EXCEPTION 'the payload has % bytes of JSON, more than 1048576', bytes
            USING ERRCODE = 'program_limit_exceeded', HINT = 'Publish a reference to the data instead.';
    END IF;
    IF idempotency_key IS NOT NULL THEN
        key := substr(sha256(convert_to(idempotency_key, 'UTF8')), 1, 16);
        content := substr(sha256(convert_to(topic, 'UTF8') || '\x00' || convert_to(json, 'UTF8')), 1, 16);
    END IF;
    -- The id and the time have the lengths of those that replace them.
    IF NOT fanfare.enqueue(
        channel, 'sql', topic,
        '{"kind":"data","channel":' || to_json(channel) || ',"topic":' || to_json(topic)
            || ',"id":"' || repeat('0', 19) || '","created_at":"' || repeat('0', 24) || '"'
            || coalesce(',"run_id":' || to_json(run_id), '') || ',"data":' || json || '}',
        key, content, true
    ) THEN
        PERFORM fanfare.reject_reused_key(channel);
    END IF;
END
$$;

CREATE FUNCTION fanfare.reject_reused_key(of_channel text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the idempotency key was already used on the channel "%" for another topic or payload', of_channel
        USING ERRCODE = 'unique_violation', HINT = 'Use a new key for each message.';
END
$$;

-- Appends the messages of the transaction that commits, and announces them to servers.
--
-- It runs once per message. The first run appends all of them, because channels must be locked in the order of their
-- names. Its statements are planned once per connection, because planning them takes longer than executing them.
CREATE FUNCTION fanfare.append_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    waiting record;
    locked fanfare.channels;
    ids int8[];
    names text[];
    unknown int8[];
    known int8[];
    changed int8[];
    heads int8[];
    latest int8 := 0;
    batch record;
    appended record;
BEGIN
    PERFORM FROM fanfare.outbox WHERE transaction = NEW.transaction AND n = NEW.n;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    FOR waiting IN
        SELECT o.channel, min(o.definition) AS definition FROM fanfare.outbox o
        WHERE o.transaction = pg_current_xact_id() GROUP BY o.channel ORDER BY o.channel
    LOOP
        locked := fanfare.lock_channel(waiting.channel, waiting.definition);
        ids := ids || locked.id;
        names := names || waiting.channel;
        IF locked.fingerprint = 'sql' THEN
            unknown := unknown || locked.id;
        END IF;
    END LOOP;
    known := array_fill(0::int8, ARRAY[cardinality(ids)]);
    LOOP
        WITH taken AS (
            DELETE FROM fanfare.outbox WHERE transaction = pg_current_xact_id() AND n IN (
                SELECT o.n FROM fanfare.outbox o
                WHERE o.transaction = pg_current_xact_id() AND o.n > latest ORDER BY o.n LIMIT 100
            ) RETURNING *
        )
        SELECT array_agg(c.position ORDER BY t.n) AS channel_of, array_agg(t.topic ORDER BY t.n) AS topics,
               array_agg(t.frame ORDER BY t.n) AS frames, array_agg(t.key ORDER BY t.n) AS keys,
               array_agg(t.content ORDER BY t.n) AS contents, array_agg(t.unchecked ORDER BY t.n) AS unchecked,
               max(t.n) AS latest
        INTO batch
        FROM taken t JOIN unnest(names) WITH ORDINALITY AS c (name, position) ON c.name = t.channel;
        EXIT WHEN batch.latest IS NULL;
        latest := batch.latest;
        SELECT array_agg(a.channel) AS channels, array_agg(a.head) AS heads,
               min(names[array_position(ids, a.channel)]) FILTER (WHERE a.is_reused) AS reused
        INTO appended
        FROM (
            SELECT a.channel, max(a."offset") AS head, bool_or(a.outcome = 'reused') AS is_reused
            FROM fanfare.append(
                ids, names, names, known, known, batch.channel_of::int4[], batch.topics, batch.frames, batch.keys,
                batch.contents, batch.unchecked
            ) a GROUP BY a.channel
        ) a;
        IF appended.reused IS NOT NULL THEN
            PERFORM fanfare.reject_reused_key(appended.reused);
        END IF;
        changed := changed || appended.channels;
        heads := heads || appended.heads;
    END LOOP;
    PERFORM fanfare.announce_at_commit(changed, heads);
    -- No server has opened these channels. Let one look soon whether a definition has them.
    UPDATE fanfare.channels SET sweep_at = fanfare.now_ms() WHERE id = ANY(unknown) AND sweep_at > fanfare.now_ms();
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER append AFTER INSERT ON fanfare.outbox
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fanfare.append_outbox();
-- Replication roles do not fire ordinary triggers.
ALTER TABLE fanfare.outbox ENABLE ALWAYS TRIGGER append;
