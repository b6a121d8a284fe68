-- Notifies servers of the messages of transactions, without a notification per transaction.
--
-- PostgreSQL commits one transaction with notifications at a time, and waits for the disk meanwhile. So while many
-- transactions publish, one server is the announcer: it promises, for a fraction of a second at a time, to look for
-- rows in `announcements`. Until the promise ends, transactions write their channels there and do not notify. Every few
-- milliseconds, the announcer deletes the rows, and notifies all servers of many transactions at once.
--
-- The promise is a sequence, because every transaction sees its latest value, whatever its isolation level.

-- The channels of transactions, and their heads. `number` identifies the transaction. Servers read all channels when
-- they connect, so the rows matter only while servers are connected, and the table needs no write-ahead log.
CREATE UNLOGGED TABLE fanfare.announcements (
    number int8 NOT NULL,
    channel int8 NOT NULL,
    head int8 NOT NULL,
    PRIMARY KEY (number, channel)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE SEQUENCE fanfare.announcement_numbers;

-- The time until which the announcer will look for announcements, in milliseconds since 1970.
CREATE SEQUENCE fanfare.announcing_until MINVALUE 0 START 0;

-- The first key of the advisory locks of announcements: the locks of all schemas of a database share their numbers.
CREATE FUNCTION fanfare.announcement_locks() RETURNS int4 LANGUAGE sql STABLE AS $$
    SELECT ('fanfare.announcements'::regclass::oid::int8 - 2147483648)::int4
$$;

-- Returns whether an announcer will look for the rows that this transaction writes. A time far in the future is from
-- before the clock was set back.
CREATE FUNCTION fanfare.has_announcer() RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT last_value - fanfare.now_ms() BETWEEN 1 AND 1000 FROM fanfare.announcing_until
$$;

-- Announces new heads of channels to servers once the current transaction commits.
CREATE FUNCTION fanfare.announce_at_commit(of_channels int8[], with_heads int8[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    mine int8;
    latest int8;
BEGIN
    IF fanfare.has_announcer() THEN
        LOOP
            -- The lock lets the announcer know that a transaction with this number has not ended. It assumes that
            -- numbers far below the latest one are locked already.
            mine := nextval('fanfare.announcement_numbers');
            PERFORM pg_advisory_xact_lock(fanfare.announcement_locks(), (mine % 2147483648)::int4);
            SELECT last_value INTO latest FROM fanfare.announcement_numbers;
            EXIT WHEN latest - mine < 1000;
        END LOOP;
        -- Check again, because only now the announcer waits for this transaction before it ends.
        IF fanfare.has_announcer() THEN
            INSERT INTO fanfare.announcements (number, channel, head)
            SELECT mine, a.channel, max(a.head) FROM unnest(of_channels, with_heads) AS a (channel, head)
            GROUP BY a.channel;
            RETURN;
        END IF;
    END IF;
    -- A notification has at most 8000 bytes. Servers use the last item only to count such transactions.
    PERFORM pg_notify(
        'fanfare.messages',
        string_agg(c.channel || ':' || c.head, ',') || CASE WHEN c.part = 0 THEN ',transaction' ELSE '' END
    )
    FROM (
        SELECT a.channel, max(a.head) AS head, (row_number() OVER (ORDER BY a.channel) - 1) / 150 AS part
        FROM unnest(of_channels, with_heads) AS a (channel, head) GROUP BY a.channel
    ) c GROUP BY c.part;
END
$$;

-- Notifies servers of the announcements from a number on, and returns the number of notifications. Promises to look
-- again for `promised` milliseconds, withdraws the promise if that is 0, and leaves it as it is if that is NULL.
--
-- If `finds_oldest`, it also returns the number from which to look next, and whether transactions that may write
-- announcements have yet to end. Otherwise these are NULL.
CREATE FUNCTION fanfare.announce(
    first int8, promised int8, finds_oldest boolean, OUT announced int8, OUT next_first int8, OUT is_awaited boolean
) LANGUAGE plpgsql AS $$
DECLARE
    latest int8;
    oldest int8;
    notice text;
BEGIN
    -- Nothing is lost if the server fails before this is on the disk.
    PERFORM set_config('synchronous_commit', 'off', true);
    IF promised = 0 THEN
        PERFORM setval('fanfare.announcing_until', 0);
    ELSIF (SELECT last_value - fanfare.now_ms() NOT BETWEEN promised / 2 AND promised FROM fanfare.announcing_until) THEN
        PERFORM setval('fanfare.announcing_until', fanfare.now_ms() + promised);
    END IF;
    IF finds_oldest THEN
        -- The order matters: a transaction draws its number, locks it, and then compares it with the latest one. It
        -- commits before it releases the lock, so the rows of lower numbers are visible below.
        SELECT last_value INTO latest FROM fanfare.announcement_numbers;
        SELECT max((latest - l.objid::int8) % 2147483648) INTO oldest FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.objsubid = 2
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.classid::int8 = (fanfare.announcement_locks()::int8 + 4294967296) % 4294967296;
        is_awaited := oldest IS NOT NULL;
        next_first := least(latest - oldest, latest - 1000);
    END IF;
    announced := 0;
    FOR notice IN
        WITH taken AS MATERIALIZED (
            DELETE FROM fanfare.announcements a WHERE a.number >= first RETURNING a.channel, a.head
        ), changed AS (
            SELECT t.channel, max(t.head) AS head, count(*) AS times, row_number() OVER (ORDER BY t.channel) AS n
            FROM taken t GROUP BY t.channel
        )
        -- A notification has at most 8000 bytes.
        SELECT string_agg(c.channel || ':' || c.head, ',') FROM changed c GROUP BY c.n / 150
    LOOP
        PERFORM pg_notify('fanfare.messages', notice);
        announced := announced + 1;
    END LOOP;
END
$$;

-- Only servers announce.
REVOKE EXECUTE ON FUNCTION fanfare.announce FROM PUBLIC;
