-- Jobs are ours: rasters that are owed. Operations are Earth Engine's tasks for the pieces of one attempt at a job.
-- Times named "at", "begun" and "updated" are epoch seconds by this machine's clock and are there to be read by people;
-- "created", "started" and "ended" are the service's own, as they came. The two are never compared.

CREATE TABLE notes (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY CHECK (length(id) = 16),
    place INTEGER NOT NULL,  -- in the order of the plan
    target TEXT NOT NULL,
    pass_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    crs TEXT NOT NULL,
    transform TEXT NOT NULL,  -- six numbers, as JSON
    width INTEGER NOT NULL CHECK (width > 0),
    height INTEGER NOT NULL CHECK (height > 0),
    bands TEXT NOT NULL,  -- with a space between
    transport TEXT NOT NULL CHECK (transport IN ('direct', 'drive', 'gcs')),
    state TEXT NOT NULL DEFAULT 'planned' CHECK (
        state IN ('planned', 'submitted', 'exported', 'landed', 'done', 'absent', 'failed', 'cancelled')
    ),
    reason TEXT NOT NULL DEFAULT '',
    attempt INTEGER NOT NULL DEFAULT 0,
    division INTEGER NOT NULL DEFAULT 1 CHECK (division > 0),  -- of the latest attempt, or of the one to come
    cause TEXT NOT NULL DEFAULT 'first',  -- of the next attempt
    wanted INTEGER NOT NULL DEFAULT 1 CHECK (wanted IN (0, 1)),
    cancelling INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1)),
    waited_seconds REAL NOT NULL DEFAULT 0,
    updated REAL NOT NULL
) WITHOUT ROWID;

CREATE INDEX jobs_by_state ON jobs (state, place);

CREATE TABLE windows (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',  -- why it was not written as data, though its job landed
    PRIMARY KEY (job, place)
) WITHOUT ROWID;

CREATE TABLE attempts (
    job TEXT NOT NULL REFERENCES jobs (id),
    number INTEGER NOT NULL CHECK (number > 0),
    division INTEGER NOT NULL CHECK (division > 0),
    transport TEXT NOT NULL,
    destination TEXT NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('first', 'anew', 'smaller', 'paused', 'lost', 'retry')),
    begun REAL NOT NULL,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;

CREATE TABLE operations (
    request_id TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    piece INTEGER NOT NULL CHECK (piece >= 0),
    token TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    name TEXT,  -- the service's; null until it is known
    standing TEXT NOT NULL DEFAULT 'intended' CHECK (
        standing IN (
            'intended', 'pending', 'running', 'succeeded', 'failed', 'cancelling', 'cancelled', 'gone', 'unknown'
        )
    ),
    service_state TEXT NOT NULL DEFAULT '',  -- the service's own word
    error TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL DEFAULT '',
    started TEXT NOT NULL DEFAULT '',
    ended TEXT NOT NULL DEFAULT '',
    service_attempt INTEGER NOT NULL DEFAULT 0,
    eecu_seconds REAL NOT NULL DEFAULT 0,
    progress REAL NOT NULL DEFAULT 0,
    destination_uris TEXT NOT NULL DEFAULT '[]',  -- JSON
    sends INTEGER NOT NULL DEFAULT 0,
    unseen INTEGER NOT NULL DEFAULT 0,
    UNIQUE (job, attempt, piece),  -- never a second operation for one attempt
    FOREIGN KEY (job, attempt) REFERENCES attempts (job, number)
) WITHOUT ROWID;

CREATE INDEX operations_by_standing ON operations (standing);

CREATE TABLE files (
    request_id TEXT NOT NULL REFERENCES operations (request_id),
    remote_id TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
    PRIMARY KEY (request_id, remote_id)
) WITHOUT ROWID;

CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    job TEXT NOT NULL REFERENCES jobs (id),
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL
);

CREATE INDEX events_by_job ON events (job, number);

-- For people: sqlite3 ledger.sqlite 'SELECT * FROM job_overview'

CREATE VIEW job_overview AS
SELECT
    jobs.id, jobs.target, jobs.pass_key, jobs.name, jobs.transport, jobs.state, jobs.reason, jobs.attempt,
    group_concat(operations.standing, ' ') AS operations,
    sum(operations.eecu_seconds) AS eecu_seconds,
    datetime(jobs.updated, 'unixepoch') AS updated
FROM jobs
LEFT JOIN operations ON operations.job = jobs.id AND operations.attempt = jobs.attempt
WHERE jobs.wanted
GROUP BY jobs.id
ORDER BY jobs.place;

CREATE VIEW history AS
SELECT datetime(events.at, 'unixepoch') AS at, jobs.target, jobs.pass_key, jobs.name, events.attempt, events.text
FROM events
JOIN jobs ON jobs.id = events.job
ORDER BY events.number;
