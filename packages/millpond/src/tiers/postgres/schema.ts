// The tables and functions of the PostgreSQL tier, in a schema of their own, and what a role needs to use them.
//
// Names, keys and namespaces are bytea: text in PostgreSQL cannot hold a NUL and may sort by locale. Rows of one
// history (targets, lines, nodes) are keyed by its epoch, so that a new epoch costs one row however long the old
// history was; the sweep removes epochs that no record names.
//
// `entry.head` is a checksum over epoch, number and deadline, which the body's own checksum does not cover: a row in
// which one of them was damaged is not found. Its hash may differ between server versions, across which no entry
// survives anyway (see below); rows of schema version 3 have none, and count as absent.
//
// `server` marks one run of the server: an unlogged row. After a crash, on a promoted replica and from a physical
// backup it is missing, and without it no record is accepted. Together with the start time of the server, the database
// and the file of the ledger's table it is the identity that a record is bound to. So a restart, a fail-over (whose
// last commits may be lost), a restored dump and a copied database each begin new epochs, even if commits are
// asynchronous. The system identifier would add nothing: a replica has its primary's.
import { createHash } from 'node:crypto'
import { checkOptions, flag, type Shape } from '../../core/checks.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { beginBounds, boundFunctions, boundTables } from './bounds.ts'
import { entryFunctions } from './entries.ts'
import { heartbeatFunctions } from './heartbeats.ts'
import { advanceFunctions } from './ledger-advance.ts'
import { commitFunctions } from './ledger-commit.ts'
import { leaseFunctions } from './ledger-lease.ts'
import { pullFunctions } from './ledger-pull.ts'
import { recordFunctions } from './ledger-record.ts'
import { unmovedFunctions } from './ledger-unmoved.ts'
import { sweepFunctions } from './sweep.ts'

/** Raised when tables or functions change; a database of a higher version is refused, never guessed at. */
export const SCHEMA_VERSION = 10

const FUNCTIONS = [
  recordFunctions,
  pullFunctions,
  unmovedFunctions,
  entryFunctions,
  boundFunctions,
  advanceFunctions,
  commitFunctions,
  leaseFunctions,
  heartbeatFunctions,
  sweepFunctions,
]

const NAME = /^[a-z_][a-z0-9_]{0,40}$/

/** @throws MillpondError `OPTION_INVALID`. */
export function checkSchema(schema: unknown): string {
  if (typeof schema === 'string' && NAME.test(schema) && !schema.startsWith('pg_')) return schema
  throw new MillpondError(
    'OPTION_INVALID',
    `postgres schema: ${show(schema)} is not allowed: use up to 41 lower-case letters, digits and '_', not beginning with 'pg_' or a digit`,
  )
}

export interface PostgresSchemaOptions {
  /** Default `millpond`. */
  readonly schema?: string | undefined
  /**
   * Entries are kept out of the write-ahead log: cheaper writes, no copies on replicas, empty after a crash. Default
   * `false`.
   */
  readonly unlogged?: boolean | undefined
  /**
   * Entries are counted, so that a tier with `maxEntries` or `maxBytes` can use the schema. Once enabled, counting
   * stays on. Default `false`.
   */
  readonly bounded?: boolean | undefined
}

export const SCHEMA: Shape<PostgresSchemaOptions> = {
  schema: (value) => checkSchema(value),
  unlogged: flag,
  bounded: flag,
}

/**
 * The statements that create schema, tables and functions; harmless if they exist. One transaction. For installing by a
 * migration, with `install: false`.
 * @throws MillpondError `OPTION_INVALID`.
 */
export function postgresSchema(options: PostgresSchemaOptions = {}): string {
  checkOptions<PostgresSchemaOptions>(options, SCHEMA, 'postgresSchema')
  const name = checkSchema(options.schema ?? 'millpond')
  const s = `"${name}"`
  const unlogged = options.unlogged ? 'UNLOGGED ' : ''
  return `
BEGIN;
SET LOCAL statement_timeout = '30s';
SET LOCAL client_min_messages = 'warning';
SELECT pg_advisory_xact_lock(${lockKey(name, 'install')});
DO $$ BEGIN
  IF to_regnamespace('${s}') IS NULL THEN CREATE SCHEMA ${s}; END IF;
END $$;
CREATE TABLE IF NOT EXISTS ${s}.meta (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL);
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.server (one boolean PRIMARY KEY DEFAULT true CHECK (one), id text NOT NULL);
CREATE ${unlogged}TABLE IF NOT EXISTS ${s}.entry (
  key bytea PRIMARY KEY, epoch text COLLATE "C" NOT NULL, seq bigint NOT NULL, expires bigint, body bytea NOT NULL
);
ALTER TABLE ${s}.entry ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE ${s}.entry ADD COLUMN IF NOT EXISTS head bigint;
CREATE INDEX IF NOT EXISTS entry_expires ON ${s}.entry (expires) WHERE expires IS NOT NULL;${boundTables(s)}CREATE TABLE IF NOT EXISTS ${s}.ledger (
  ns bytea PRIMARY KEY, epoch text COLLATE "C" NOT NULL, seq bigint NOT NULL, floor bigint NOT NULL, commit_floor bigint NOT NULL,
  oldest bigint NOT NULL, external boolean NOT NULL, server text NOT NULL
) WITH (fillfactor = 20);
CREATE TABLE IF NOT EXISTS ${s}.target (
  epoch text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, name bytea NOT NULL, mode text COLLATE "C" NOT NULL,
  seq bigint NOT NULL, meta text NOT NULL, PRIMARY KEY (epoch, kind, name, mode)
);
CREATE INDEX IF NOT EXISTS target_seq ON ${s}.target (epoch, kind, seq);
CREATE TABLE IF NOT EXISTS ${s}.line (
  epoch text COLLATE "C" NOT NULL, seq bigint NOT NULL, at bigint NOT NULL, line text NOT NULL, PRIMARY KEY (epoch, seq)
);
CREATE TABLE IF NOT EXISTS ${s}.hold (
  epoch text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, name bytea NOT NULL, seq bigint NOT NULL, until bigint NOT NULL, label text NOT NULL,
  PRIMARY KEY (epoch, kind, name, seq)
);
CREATE INDEX IF NOT EXISTS hold_until ON ${s}.hold (epoch, until);
CREATE INDEX IF NOT EXISTS hold_due ON ${s}.hold (until);
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.lease (ns bytea NOT NULL, key bytea NOT NULL, id text NOT NULL, until bigint NOT NULL, PRIMARY KEY (ns, key));
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.node (
  epoch text COLLATE "C" NOT NULL, id text NOT NULL, seq bigint NOT NULL, at bigint NOT NULL, PRIMARY KEY (epoch, id)
);
CREATE INDEX IF NOT EXISTS node_id ON ${s}.node (id);
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.heartbeat (id text PRIMARY KEY, count bigint NOT NULL, at bigint NOT NULL) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.channel (name text COLLATE "C" PRIMARY KEY, mark text NOT NULL, seq bigint NOT NULL);
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.channel_node (
  channel text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, boot text NOT NULL, at bigint NOT NULL, late bigint NOT NULL, forget bigint NOT NULL,
  state text NOT NULL, PRIMARY KEY (channel, id)
);
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.channel_request (
  channel text COLLATE "C" NOT NULL, seq bigint NOT NULL, id text NOT NULL, asker text NOT NULL, recipients text, body text NOT NULL, ends bigint NOT NULL,
  PRIMARY KEY (channel, seq)
);
CREATE UNLOGGED TABLE IF NOT EXISTS ${s}.channel_reply (
  channel text COLLATE "C" NOT NULL, request text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, boot text NOT NULL, body text NOT NULL,
  ends bigint NOT NULL, PRIMARY KEY (channel, request, id)
);
CREATE TABLE IF NOT EXISTS ${s}.channel_setting (
  channel text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, revision text NOT NULL, body text NOT NULL, PRIMARY KEY (channel, name)
);
${FUNCTIONS.map((its) => its(s)).join('')}${options.bounded ? beginBounds(s) : ''}INSERT INTO ${s}.meta (version) VALUES (${SCHEMA_VERSION}) ON CONFLICT (one) DO UPDATE SET version = greatest(meta.version, excluded.version);
COMMIT;
`
}

/**
 * The grants that a role that does not own the schema needs: the minimum. Run it as the owner of the schema.
 * @throws MillpondError `OPTION_INVALID`.
 */
export function postgresGrants(options: { readonly role: string; readonly schema?: string }): string {
  const s = `"${checkSchema(options.schema ?? 'millpond')}"`
  const { role } = options
  if (typeof role !== 'string' || role === '' || role.includes('\u0000')) {
    throw new MillpondError('OPTION_INVALID', `postgres role: ${show(role)} is not a role name`)
  }
  const quoted = `"${role.replaceAll('"', '""')}"`
  return `
GRANT USAGE ON SCHEMA ${s} TO ${quoted};
GRANT SELECT ON ${s}.meta TO ${quoted};
GRANT SELECT, INSERT ON ${s}.server TO ${quoted};
GRANT SELECT, INSERT, UPDATE ON ${s}.bound TO ${quoted};
GRANT SELECT, INSERT, UPDATE, DELETE ON ${s}.entry, ${s}.usage, ${s}.target, ${s}.line, ${s}.hold, ${s}.lease, ${s}.node, ${s}.heartbeat TO ${quoted};
GRANT SELECT, INSERT, UPDATE, DELETE ON ${s}.channel, ${s}.channel_node, ${s}.channel_request, ${s}.channel_reply, ${s}.channel_setting TO ${quoted};
GRANT SELECT, INSERT, UPDATE ON ${s}.ledger TO ${quoted};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${s} TO ${quoted};
`
}

/** A number for an advisory lock, unlikely to be used by another program. */
export function lockKey(schema: string, what: string, name = ''): string {
  return createHash('sha256')
    .update(JSON.stringify(['millpond', schema, what, name]))
    .digest()
    .readBigInt64BE()
    .toString()
}
