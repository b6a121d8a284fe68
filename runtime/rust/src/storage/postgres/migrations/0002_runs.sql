-- The journal of runs.
--
-- A call of a run is identified by its branch and its position in the branch. In texts that applications choose, U+0000 is
-- stored as U+0001 U+0001, and U+0001 as U+0001 U+0002, because PostgreSQL's texts cannot contain U+0000.

-- `state`: running, halted, completed, failed or cancelled. `due`: when to execute it next. `failures`: how often in a row
-- its job failed. `crashes`: how often in a row a process ended while it executed the run. Both restart once the run has
-- recorded more calls than `progress`. `owner`: the process that executes it, until `lease`, under `fence`. `outcome`: the
-- result in JSON, or why it failed or halted. `retries`: how often it was retried after it had failed or halted. `origin`,
-- `origin_call`: the run that this one repeats from a call on.
CREATE TABLE fanfare.runs (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run text COLLATE "C" NOT NULL UNIQUE,
    job text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    input text NOT NULL,
    state text COLLATE "C" NOT NULL,
    due int8 NOT NULL,
    failures int8 NOT NULL DEFAULT 0,
    crashes int8 NOT NULL DEFAULT 0,
    progress int8 NOT NULL DEFAULT 0,
    owner int8,
    lease int8 NOT NULL DEFAULT 0,
    fence int8 NOT NULL DEFAULT 0,
    outcome text,
    changed int8 NOT NULL,
    created int8,
    retries int8 NOT NULL DEFAULT 0,
    origin text COLLATE "C",
    origin_call text COLLATE "C"
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX runs_by_due ON fanfare.runs (due) WHERE state = 'running';
CREATE INDEX runs_by_crashes ON fanfare.runs (due) WHERE state = 'running' AND crashes >= 2;
CREATE INDEX runs_by_owner ON fanfare.runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_by_channel ON fanfare.runs (channel, id);
CREATE INDEX open_runs_by_channel ON fanfare.runs (channel, id) WHERE state IN ('running', 'halted');
CREATE INDEX open_runs ON fanfare.runs (id) WHERE state IN ('running', 'halted');
CREATE INDEX halted_runs_by_job ON fanfare.runs (job) WHERE state = 'halted';
CREATE INDEX runs_by_change ON fanfare.runs (changed) WHERE state NOT IN ('running', 'halted');
CREATE INDEX ended_runs_by_state ON fanfare.runs (state, id) WHERE state NOT IN ('running', 'halted');
CREATE INDEX ended_runs_by_job ON fanfare.runs (job, state, id) WHERE state NOT IN ('running', 'halted');

-- One call and its outcome: a `value` in JSON, or an `error` if it failed for good. A step without either has failed
-- `failures` times and is retried at `due`. `at`: when the outcome was recorded. `began`: when an execution reached the call.
-- `began_with`: the calls that it began together with.
CREATE TABLE fanfare.steps (
    run int8 NOT NULL,
    branch text COLLATE "C" NOT NULL,
    position int8 NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    value text,
    error text,
    failures int8 NOT NULL DEFAULT 0,
    due int8 NOT NULL DEFAULT 0,
    at int8 NOT NULL,
    began int8,
    began_with text NOT NULL DEFAULT '',
    PRIMARY KEY (run, branch, position)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX ended_waits_by_run ON fanfare.steps (run) WHERE kind = 'wait' AND value IS NOT NULL;
CREATE INDEX begun_steps_by_run ON fanfare.steps (run) WHERE value IS NULL AND error IS NULL;

-- Open questions. `names`: a JSON array of the signals that can answer. `answer`: the signal that answered, until the run
-- takes it.
CREATE TABLE fanfare.waits (
    run int8 NOT NULL,
    branch text COLLATE "C" NOT NULL,
    position int8 NOT NULL,
    id text COLLATE "C" NOT NULL,
    names text NOT NULL,
    since int8 NOT NULL,
    until int8 NOT NULL,
    answer int8,
    began_with text NOT NULL DEFAULT '',
    PRIMARY KEY (run, branch, position)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- `state`: `kept` until a question asks for it, `answer` to an open question, `taken` by the run, or `dropped` because an
-- earlier kept signal answered. `sender`: the subject of its token. `key`, `content`: its idempotency key, and a hash of
-- what was sent under it.
CREATE TABLE fanfare.signals (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run int8 NOT NULL,
    name text COLLATE "C" NOT NULL,
    payload text NOT NULL,
    sender text,
    at int8 NOT NULL,
    key bytea,
    content bytea,
    state text COLLATE "C" NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX signals_by_run ON fanfare.signals (run, name);
CREATE INDEX signals_by_arrival ON fanfare.signals (run, id);
CREATE INDEX signals_by_key ON fanfare.signals (key) WHERE key IS NOT NULL;
CREATE INDEX kept_signals_by_run ON fanfare.signals (run, name) WHERE state = 'kept';

-- Text streams of runs that have begun and not ended, and their chunks so far.
CREATE TABLE fanfare.streams (
    run int8 NOT NULL,
    branch text COLLATE "C" NOT NULL,
    position int8 NOT NULL,
    stream text COLLATE "C" NOT NULL UNIQUE,
    channel text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    PRIMARY KEY (run, branch, position)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE fanfare.pieces (
    run int8 NOT NULL,
    branch text COLLATE "C" NOT NULL,
    position int8 NOT NULL,
    number int8 NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (run, branch, position, number)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
