// A folder of its own for each test file, removed at the end; and cache files seen without Millpond.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { loadDriver, type SqliteHandle } from '../../src/tiers/sqlite/client.ts'

let next = 0

/** Call at the top of a test file; the answer names a new file in the folder with each call. */
export function temporaryFolder(): (name?: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-tiers-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return (name = `cache-${next++}.db`) => join(folder, name)
}

/**
 * The file as another program sees it, through the same library: two SQLite libraries in one process would break each
 * other's locks.
 */
export function openRaw(path: string): SqliteHandle {
  return loadDriver(undefined).open(path)
}
