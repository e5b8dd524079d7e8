CREATE TABLE IF NOT EXISTS cluster (
    archive text PRIMARY KEY,
    protocol integer NOT NULL,
    public_key bytea NOT NULL,
    place jsonb NOT NULL,
    place_secret bytea,
    lease_seconds double precision NOT NULL,
    patience_seconds double precision NOT NULL,
    made timestamptz NOT NULL DEFAULT now()
);

-- Since protocol 2. holder: the process of the home that uses the workers now. head: the last entry of the archive's own ledger
-- that the workers' deliveries have led to. last_lane: the highest number of a lane that was ever given to a worker.
ALTER TABLE cluster ADD COLUMN IF NOT EXISTS holder uuid;
ALTER TABLE cluster ADD COLUMN IF NOT EXISTS head_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE cluster ADD COLUMN IF NOT EXISTS head_hash bytea;
ALTER TABLE cluster ADD COLUMN IF NOT EXISTS last_lane integer NOT NULL DEFAULT 0;

-- The time of one worker process. state: waiting (for its lane), open, closed (nothing more is taken from it).
CREATE TABLE IF NOT EXISTS session (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    protocol integer NOT NULL,
    mailboxes integer NOT NULL,
    lane integer,
    lane_id text,
    state text NOT NULL DEFAULT 'waiting',
    draining boolean NOT NULL DEFAULT false,
    why jsonb,
    begun timestamptz NOT NULL DEFAULT now(),
    beat timestamptz NOT NULL DEFAULT now(),
    waiting_bytes bigint NOT NULL DEFAULT 0,
    anchored bigint NOT NULL DEFAULT 0
);

-- Sealed volumes that were delivered. head: the last entry in it.
CREATE TABLE IF NOT EXISTS volume (
    session bigint NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number integer NOT NULL,
    key text NOT NULL,
    sha256 bytea NOT NULL,
    size bigint NOT NULL,
    head bigint NOT NULL,
    taken boolean NOT NULL DEFAULT false,
    PRIMARY KEY (session, number)
);

-- What all jobs of a run have in common. secret: the password, sealed to the workers' key.
CREATE TABLE IF NOT EXISTS run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number bigint NOT NULL,
    values bytea NOT NULL,
    secret bytea NOT NULL
);

-- One mailbox of one run; its id is the fencing number. state: todo, doing, visited (its server is free), done, lost.
CREATE TABLE IF NOT EXISTS job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run bigint NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    mailbox text NOT NULL,
    token uuid NOT NULL UNIQUE,
    state text NOT NULL DEFAULT 'todo',
    values bytea NOT NULL,
    session bigint REFERENCES session (id) ON DELETE SET NULL,
    queued bigint,
    deadline timestamptz,
    cancelled boolean NOT NULL DEFAULT false,
    progress jsonb,
    result bytea,
    head bigint NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS job_live ON job (mailbox) WHERE state IN ('todo', 'doing', 'visited');

CREATE TABLE IF NOT EXISTS told (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job bigint NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    event jsonb NOT NULL
);

-- What a worker asks the home while it visits a mailbox.
CREATE TABLE IF NOT EXISTS question (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job bigint NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    kind text NOT NULL,
    asked bytea NOT NULL,
    answer bytea
);
CREATE INDEX IF NOT EXISTS question_open ON question (id) WHERE answer IS NULL;

-- Notifications, which come sooner than the next look: the home is told of what workers report, a worker of its answers.
CREATE OR REPLACE FUNCTION tell_home() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('archivar_home', '');
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION tell_worker() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('archivar_worker', (SELECT session::text FROM job WHERE id = NEW.job));
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS told_volume ON volume;
CREATE TRIGGER told_volume AFTER INSERT ON volume FOR EACH STATEMENT EXECUTE FUNCTION tell_home();
DROP TRIGGER IF EXISTS told_question ON question;
CREATE TRIGGER told_question AFTER INSERT ON question FOR EACH STATEMENT EXECUTE FUNCTION tell_home();
DROP TRIGGER IF EXISTS told_answer ON question;
CREATE TRIGGER told_answer AFTER UPDATE OF answer ON question FOR EACH ROW EXECUTE FUNCTION tell_worker();
DROP TRIGGER IF EXISTS told_state ON job;
CREATE TRIGGER told_state AFTER UPDATE OF state ON job FOR EACH ROW
    WHEN (NEW.state IN ('visited', 'done')) EXECUTE FUNCTION tell_home();

-- The connections to mail servers that workers have open or are about to open.
CREATE TABLE IF NOT EXISTS connection (
    job bigint PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    server text NOT NULL
);
CREATE INDEX IF NOT EXISTS connection_server ON connection (server);
