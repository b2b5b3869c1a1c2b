// The tables of a cache file, and the marks that identify it as ours.

/** Stored in the file's header, so that another program's database is never taken for a cache. "MLPD". */
export const APPLICATION_ID = 0x4d4c5044
/** Raised when the tables change; files of a higher version are refused, never guessed at. */
export const SCHEMA_VERSION = 7

/**
 * The time of a report that holds for as long as its process has a heartbeat. Programs of schema version 5 that still
 * have the file open know no heartbeats: to them such a report never gets old, so they wait for its process.
 */
export const BY_HEARTBEAT = 8_000_000_000_000_000

/**
 * `entry.id` grows with each write, so the smallest is the oldest. The triggers maintain one row of totals: exact
 * counts in one read, limits enforced within the writing transaction. `entry.head` is the checksum over epoch, number
 * and deadline; rows of version 2 have none, and count as absent. The ledger's tables are in the same file so that an
 * advance and its drops are one transaction. `node.at` is when a process reported, or `BY_HEARTBEAT`. `ledger_move`
 * numbers every change of a record: triggers do it, so that processes of an earlier version number theirs too. In a
 * trigger `OR REPLACE` would mean what the outer statement says; `ON CONFLICT` means what it says.
 */
export const SCHEMA = `
CREATE TABLE IF NOT EXISTS entry (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL, seq INTEGER NOT NULL, expires INTEGER, body BLOB NOT NULL, head INTEGER
);
CREATE INDEX IF NOT EXISTS entry_expires ON entry (expires) WHERE expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO total VALUES (1, 0, 0);
CREATE TRIGGER IF NOT EXISTS entry_added AFTER INSERT ON entry BEGIN
  UPDATE total SET entries = entries + 1, bytes = bytes + length(CAST(new.key AS BLOB)) + length(new.body) WHERE id = 1;
END;
CREATE TRIGGER IF NOT EXISTS entry_left AFTER DELETE ON entry BEGIN
  UPDATE total SET entries = entries - 1, bytes = bytes - length(CAST(old.key AS BLOB)) - length(old.body) WHERE id = 1;
END;
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
  ns TEXT PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL, floor INTEGER NOT NULL, commit_floor INTEGER NOT NULL, external INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger_move (ns TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ledger_move_number ON ledger_move (number);
CREATE TRIGGER IF NOT EXISTS ledger_added AFTER INSERT ON ledger BEGIN
  INSERT INTO ledger_move SELECT new.ns, ifnull(max(number), 0) + 1 FROM ledger_move WHERE true
  ON CONFLICT (ns) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER IF NOT EXISTS ledger_moved AFTER UPDATE ON ledger
WHEN new.epoch <> old.epoch OR new.seq <> old.seq OR new.external <> old.external BEGIN
  INSERT INTO ledger_move SELECT new.ns, ifnull(max(number), 0) + 1 FROM ledger_move WHERE true
  ON CONFLICT (ns) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER IF NOT EXISTS ledger_left AFTER DELETE ON ledger BEGIN
  INSERT INTO ledger_move SELECT old.ns, ifnull(max(number), 0) + 1 FROM ledger_move WHERE true
  ON CONFLICT (ns) DO UPDATE SET number = excluded.number;
END;
CREATE TABLE IF NOT EXISTS ledger_target (
  ns TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, mode TEXT NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL, receipt TEXT NOT NULL,
  PRIMARY KEY (ns, kind, name, mode)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ledger_target_seq ON ledger_target (ns, kind, seq);
CREATE TABLE IF NOT EXISTS ledger_line (
  ns TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, mode TEXT NOT NULL, reason TEXT NOT NULL, receipt TEXT NOT NULL, targets TEXT NOT NULL,
  PRIMARY KEY (ns, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hold (
  ns TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, until INTEGER NOT NULL, receipt TEXT NOT NULL,
  PRIMARY KEY (ns, kind, name, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hold_until ON hold (ns, until);
CREATE INDEX IF NOT EXISTS hold_due ON hold (until);
CREATE TABLE IF NOT EXISTS lease (
  ns TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (ns, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS node (
  ns TEXT NOT NULL, id TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (ns, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heartbeat (id TEXT PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS node_id ON node (id);
CREATE TABLE IF NOT EXISTS channel (name TEXT PRIMARY KEY, mark TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channel_node (
  channel TEXT NOT NULL, id TEXT NOT NULL, boot TEXT NOT NULL, at INTEGER NOT NULL, late INTEGER NOT NULL, forget INTEGER NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (channel, id)
);
CREATE TABLE IF NOT EXISTS channel_request (
  channel TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, asker TEXT NOT NULL, recipients TEXT, body TEXT NOT NULL, ends INTEGER NOT NULL,
  PRIMARY KEY (channel, seq)
);
CREATE TABLE IF NOT EXISTS channel_reply (
  channel TEXT NOT NULL, request TEXT NOT NULL, id TEXT NOT NULL, boot TEXT NOT NULL, body TEXT NOT NULL, ends INTEGER NOT NULL,
  PRIMARY KEY (channel, request, id)
);
CREATE TABLE IF NOT EXISTS channel_setting (
  channel TEXT NOT NULL, name TEXT NOT NULL, revision TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (channel, name)
);
`
