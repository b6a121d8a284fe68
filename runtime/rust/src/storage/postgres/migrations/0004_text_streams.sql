-- Text streams whose process was declared dead.

-- `connection`: the number of the process's connection for appending. Requests of earlier connections may still arrive.
ALTER TABLE fanfare.processes ADD COLUMN connection int8 NOT NULL DEFAULT 0;

-- Returns `appended`, the result of an append that contains messages of text streams. Fails with the code FF002, and so
-- undoes the append, if its process was declared dead, or has opened another connection since.
--
-- Call it after the append has locked the channels: a server that ends a stream of a dead process waits for the same
-- lock, so the end is the stream's last message.
CREATE FUNCTION fanfare.require_process(appended int8[], process int8, its_connection int8) RETURNS int8[]
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM fanfare.processes p WHERE p.owner = process AND p.connection = its_connection;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the process is not registered' USING ERRCODE = 'FF002';
    END IF;
    RETURN appended;
END
$$;
